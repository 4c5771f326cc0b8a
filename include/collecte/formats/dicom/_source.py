"""Forward reading of a file whose header must be in memory and whose pixels must not; hashed on the way."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from collecte.formats.dicom._wall import unreadable

#: First bite of a file; it holds most headers whole. One that does not fit is read from its beginning again: the second
#: bite makes it much longer.
HEAD_BYTES, _SECOND_BYTES = 1 << 16, 1 << 19
#: Largest header (everything before the pixel data) that is looked at; per-frame groups of large multi-frames reach
#: 50 MB.
HEADER_LIMIT = 1 << 28
#: Most bytes that a deflated data set may inflate to.
INFLATED_LIMIT = 1 << 32
#: Bytes at a time while pixels pass through: few enough to stay in the processor's cache while they are hashed twice.
CHUNK_BYTES = 1 << 18

Sink = Callable[[bytes | memoryview], object]
#: Fills a buffer from where it stands; the number of bytes, fewer only where there are no more.
Fill = Callable[[memoryview], int]


class Short(Exception):
    """The bytes end before the element does."""


class Source:
    """``head``: the first bytes; :meth:`grow` makes it longer, :meth:`read` goes on behind it and cannot go back."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.head = self._more(HEAD_BYTES)
        self.complete = len(self.head) < HEAD_BYTES
        self._next = 0

    def grow(self) -> None:
        """Make :attr:`head` twice as long, or longer.

        Raises:
            Refusal: the header is larger than any that is looked at.
        """
        if len(self.head) >= HEADER_LIMIT:
            raise unreadable()
        wanted = max(len(self.head), _SECOND_BYTES - len(self.head))
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
        """Pass ``count`` bytes on, a chunk at a time; a chunk is the sink's until it returns.

        Raises:
            Short: there are fewer.
        """
        taken = memoryview(self.head)[self._next : self._next + count]
        for start in range(0, len(taken), CHUNK_BYTES):
            sink(taken[start : start + CHUNK_BYTES])
        self._next += len(taken)
        count -= len(taken)
        buffer = memoryview(bytearray(min(count, CHUNK_BYTES)))
        while count:
            chunk = buffer[: min(count, CHUNK_BYTES)]
            if self._fill(chunk) < len(chunk):
                raise Short
            sink(chunk)
            count -= len(chunk)

    def upto(self, count: int) -> bytes:
        """At most ``count`` bytes; fewer only where there are no more."""
        taken = self.head[self._next : self._next + count]
        self._next += len(taken)
        return taken + self._more(count - len(taken)) if len(taken) < count else taken

    def _more(self, count: int) -> bytes:
        buffer = bytearray(count)
        return bytes(memoryview(buffer)[: self._fill(memoryview(buffer))])


class Whole:
    """A file that is hashed as it is read."""

    def __init__(self, fill: Fill) -> None:
        self._digest = hashlib.sha256()
        self._fill = fill

    def __call__(self, view: memoryview) -> int:
        count = self._fill(view)
        self._digest.update(view[:count])
        return count

    def sha256(self) -> str:
        """SHA-256 (hex) of the whole file: what was not asked for is read now."""
        if self(memoryview(bytearray(1))):  # most files were read to their end
            buffer = memoryview(bytearray(CHUNK_BYTES))
            while self(buffer) == len(buffer):
                pass
        return self._digest.hexdigest()


@contextmanager
def opened(path: Path, *, hashed: bool = False) -> Iterator[tuple[Source, Whole | None]]:
    """A file as a :class:`Source`, and its hash where it is asked for."""
    with path.open("rb", buffering=0) as file:

        def fill(view: memoryview) -> int:
            count = file.readinto(view) or 0
            while 0 < count < len(view) and (more := file.readinto(view[count:])):  # one raw read may give less
                count += more
            return count

        whole = Whole(fill) if hashed else None
        yield Source(whole or fill), whole


def inflated(packed: Source, offset: int) -> Source:
    """The deflated data set that begins at ``offset`` (PS3.5, annex A.5; RFC 1951).

    Raises:
        Refusal: now or while reading: the stream is damaged, or inflates beyond :data:`INFLATED_LIMIT`.
    """
    packed.seek(offset)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0

    def fill(view: memoryview) -> int:
        nonlocal total
        count = 0
        while count < len(view) and not stream.eof:
            raw = stream.unconsumed_tail or packed.upto(HEAD_BYTES)
            try:
                part = stream.decompress(raw, len(view) - count)
            except zlib.error:
                raise unreadable() from None
            if not raw and not part:
                break
            view[count : count + len(part)] = part
            count += len(part)
        total += count
        if total > INFLATED_LIMIT:
            raise unreadable()
        return count

    return Source(fill)
