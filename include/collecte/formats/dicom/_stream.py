"""The fragments of encapsulated pixel data as one stream, of which a parser keeps some bytes and blanks others.

A parser is a generator that asks for bytes with ``yield from`` and is resumed when more have come, so that it can be
written as if all were there. Memory is bounded by what a parser peeks at, and by the chunk that was fed.
"""

import re
from collections import deque
from collections.abc import Callable, Generator

from collecte.formats.dicom._wall import Refusal

#: Longest header of an image that is remembered.
_HEADER_LIMIT = 1 << 12

Wait = Generator[None, None, None]
Parser = Callable[["Stream"], Wait]


def broken() -> Refusal:
    """The refusal of compressed pixel data whose structure cannot be followed."""
    return Refusal("DICOM-PIXELS-UNREADABLE", place="PixelData")


class Stream:
    """What parsers see. ``position`` counts bytes of fragments from the first; ``frames``: codestreams begun."""

    def __init__(self) -> None:
        self.position = 0
        self.frames = 0
        self._data = memoryview(b"")
        self._at = 0
        self._ended = False
        self._ends: deque[int] = deque()
        self._start = self._announced = 0
        self._out: list[bytes | memoryview] = []

    # What the parser's driver calls.

    def fragment(self, length: int) -> None:
        """Announce the next fragment, before its bytes. An empty one begins and ends where the one before it does."""
        _ = self.left  # lets go of the fragments that are done, even where no parser asks
        if length:
            self._announced += length
            self._ends.append(self._announced)

    def give(self, data: bytes | memoryview) -> None:
        """Bytes of the fragment announced last; they are let go of in :meth:`settle`."""
        rest = self._data[self._at :]
        self._data = memoryview(b"".join((rest, data)) if rest else data)
        self._at = 0

    def settle(self) -> None:
        """Hold no bytes of others any more: what was not taken yet, a few at most, is copied."""
        self._data, self._at = memoryview(bytes(self._data[self._at :])), 0

    def end(self) -> None:
        """No more fragments will come."""
        self._ended = True

    def taken(self) -> bytes | memoryview:
        """What parsers kept and blanked since the last time."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    # What parsers call.

    @property
    def left(self) -> int:
        """Bytes that the current fragment still has; 0 at its end."""
        while self._ends and self._ends[0] <= self.position:
            self._start = self._ends.popleft()
        return self._ends[0] - self.position if self._ends else 0

    @property
    def starts(self) -> bool:
        """Whether the current position is the first of a fragment."""
        return bool(self.left) and self._start == self.position

    def peek(self, count: int) -> Generator[None, None, bytes]:
        """The next bytes, fewer at the end."""
        while len(self._data) - self._at < count and not self._ended:
            yield
        return bytes(self._data[self._at : self._at + count])

    def need(self, count: int) -> Generator[None, None, bytes]:
        """The next bytes.

        Raises:
            Refusal: there are fewer.
        """
        data = yield from self.peek(count)
        if len(data) < count:
            raise broken()
        return data

    def piece(self) -> Generator[None, None, bytes]:
        """The bytes at hand of the current fragment, at least one, not taken yet.

        Raises:
            Refusal: there are none.
        """
        yield from self.need(1)
        return bytes(self._data[self._at : self._at + self.left])

    def keep(self, count: int) -> Wait:
        """Let bytes pass."""
        return self._pass(count, blank=False)

    def blank(self, count: int) -> Wait:
        """Put zeros in the place of bytes."""
        return self._pass(count, blank=True)

    def put(self, data: bytes) -> Wait:
        """Put other bytes in the place of as many."""
        yield from self.need(len(data))
        self._out.append(data)
        self._advance(len(data))

    def keep_until(self, pattern: "re.Pattern[bytes]") -> Generator[None, None, bool]:
        """Let bytes pass up to a pattern of two bytes, the first of them FF; whether it was found before the end."""
        while True:
            match = pattern.search(self._data, self._at)
            stop = match.start() if match else len(self._data)
            if not match and not self._ended and stop > self._at and self._data[stop - 1] == 0xFF:
                stop -= 1
            if stop > self._at:
                self._out.append(self._data[self._at : stop])
                self._advance(stop - self._at)
            if match:
                return True
            if self._ended:
                return False
            yield

    def _pass(self, count: int, *, blank: bool) -> Wait:
        while count:
            there = min(len(self._data) - self._at, count)
            if there:
                self._out.append(bytes(there) if blank else self._data[self._at : self._at + there])
                self._advance(there)
                count -= there
            elif self._ended:
                raise broken()
            else:
                yield

    def _advance(self, count: int) -> None:
        self._at += count
        self.position += count


class Known:
    """Cleans the headers of images by a parser of them, and those that repeat the last one at once: the frames of a
    slide or a cine have the same tables.

    ``follows``: what comes behind a header and ends it; empty where its own last bytes do.
    """

    def __init__(self, parse: Callable[[Stream], Generator[None, None, bool]], follows: bytes = b"") -> None:
        self._parse, self._follows = parse, follows
        self._raw = self._clean = b""

    def clean(self, stream: Stream) -> Generator[None, None, bool]:
        """What the parser returns."""
        known = self._raw + self._follows
        if self._raw and (yield from stream.peek(len(known))) == known:
            yield from stream.put(self._clean)
            return True
        ahead = yield from stream.peek(_HEADER_LIMIT)
        start = stream.position
        more = yield from self._parse(stream)
        if more and stream.position - start <= len(ahead):
            self._raw = ahead[: stream.position - start]
            alone = Stream()
            alone.fragment(len(self._raw))
            alone.give(self._raw)
            alone.end()
            next(self._parse(alone), None)
            self._clean = bytes(alone.taken())
        return more
