"""Forward reading of a file whose header must be in memory and whose pixels must not."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from collecte.formats.dicom._wall import unreadable

#: First bite of a file; it holds most headers whole.
HEAD_BYTES = 1 << 16
#: Largest header (everything before the pixel data) that is looked at; per-frame groups of large multi-frames reach
#: 50 MB.
HEADER_LIMIT = 1 << 28
#: Most bytes that a deflated data set may inflate to.
INFLATED_LIMIT = 1 << 32
#: Bytes at a time while pixels pass through.
CHUNK_BYTES = 1 << 20

Sink = Callable[[bytes], object]


class Short(Exception):
    """The bytes end before the element does."""


class Source:
    """``head``: the first bytes; :meth:`grow` makes it longer, :meth:`read` goes on behind it and cannot go back."""

    def __init__(self, more: Callable[[int], bytes]) -> None:
        self._more = more
        self.head = more(HEAD_BYTES)
        self.complete = len(self.head) < HEAD_BYTES
        self._next = 0

    def grow(self) -> None:
        """Double :attr:`head`.

        Raises:
            Refusal: the header is larger than any that is looked at.
        """
        if len(self.head) >= HEADER_LIMIT:
            raise unreadable()
        wanted = max(len(self.head), HEAD_BYTES)
        fresh = self._more(wanted)
        self.complete = len(fresh) < wanted
        self.head += fresh

    def seek(self, offset: int) -> None:
        """Let :meth:`read` begin at an offset within :attr:`head`."""
        self._next = offset

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes.

        Raises:
            Short: there are fewer.
        """
        taken = self.head[self._next : self._next + count]
        self._next += len(taken)
        if len(taken) < count:
            taken += self._more(count - len(taken))
            if len(taken) < count:
                raise Short
        return taken

    def copy(self, count: int, sink: Sink) -> None:
        """Pass ``count`` bytes on, a chunk at a time.

        Raises:
            Short: there are fewer.
        """
        while count:
            chunk = self.read(min(count, CHUNK_BYTES))
            sink(chunk)
            count -= len(chunk)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Source, BinaryIO]]:
    """A file as a :class:`Source`, and the file itself for :func:`inflated`."""
    with path.open("rb", buffering=0) as file:
        yield Source(_reader(file)), file


def inflated(file: BinaryIO, offset: int) -> Source:
    """The deflated data set that begins at ``offset`` (PS3.5, annex A.5; RFC 1951).

    Raises:
        Refusal: now or while reading: the stream is damaged, or inflates beyond :data:`INFLATED_LIMIT`.
    """
    file.seek(offset)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0

    def more(count: int) -> bytes:
        nonlocal total
        parts: list[bytes] = []
        missing = count
        while missing and not stream.eof:
            packed = stream.unconsumed_tail or file.read(HEAD_BYTES)
            try:
                part = stream.decompress(packed, missing)
            except zlib.error:
                raise unreadable() from None
            if not packed and not part:
                break
            parts.append(part)
            missing -= len(part)
        total += count - missing
        if total > INFLATED_LIMIT:
            raise unreadable()
        return b"".join(parts)

    return Source(more)


def _reader(file: BinaryIO) -> Callable[[int], bytes]:
    """Reads until it has all that was asked for, or the file ends: one raw read may give less."""

    def more(count: int) -> bytes:
        data = file.read(count)
        while 0 < len(data) < count:
            part = file.read(count - len(data))
            if not part:
                break
            data += part
        return data

    return more
