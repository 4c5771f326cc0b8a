"""Bytes of a file in order, with a look ahead, inflated where they are packed; long values in one stretch of memory."""

import zlib
from io import SEEK_CUR, FileIO

#: Bytes of a piece, at most.
CHUNK_BYTES = 1 << 20
#: Bytes that are read at least: most headers whole.
_READ_AHEAD = 1 << 15


class Unreadable(Exception):
    """The walker lost its way. Carries nothing of the file."""


class Source:
    """Bytes in order, with a look ahead; from a file, or (``packed``: its first bytes) inflated from one. ``buffer``:
    the bytes at hand, of which those before ``at`` were read.
    """

    def __init__(self, file: FileIO, packed: bytes | None = None) -> None:
        self._file = file
        self._inflater = None if packed is None else zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed = packed or b""
        self.buffer, self.at = b"", 0
        self.position = 0

    def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, which stay; fewer only at the end."""
        if len(self.buffer) - self.at < count:
            parts = [self.buffer[self.at :]]
            missing = count - len(parts[0])
            while missing > 0 and (more := self._more(missing)):
                parts.append(more)
                missing -= len(more)
            self.buffer, self.at = b"".join(parts), 0
        return self.buffer[self.at : self.at + count]

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes; fewer only at the end."""
        data = self.buffer[self.at : self.at + count]
        if len(data) < count and count >= _READ_AHEAD:
            return self._long(data, count)
        if len(data) < count:
            data = self.peek(count)
        self.at += len(data)
        self.position += len(data)
        return data

    def _long(self, start: bytes, count: int) -> bytes:
        """``count`` bytes that begin with what is at hand. Of a file they are read once more from there, into one
        stretch of memory: to put two together would cost more than to search them."""
        self.buffer, self.at = b"", 0
        if self._inflater is None:
            self._file.seek(-len(start), SEEK_CUR)
            start = b""
        parts, missing = [start] if start else [], count - len(start)
        while missing and (more := self._more(missing, 0)):
            parts.append(more[:missing])
            self.buffer = more[missing:]
            missing -= len(parts[-1])
        self.position += count - missing
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, at: int) -> None:
        """Go on at an offset of :attr:`buffer`, that was looked at."""
        self.position += at - self.at
        self.at = at

    def exactly(self, count: int) -> bytes:
        data = self.read(count)
        if len(data) < count:
            raise Unreadable
        return data

    def inflated(self) -> "Source":
        """The rest of this source, inflated."""
        return Source(self._file, self.buffer[self.at :])

    def behind(self) -> bytes:
        """What stands in the file behind a deflated stream: at most one chunk; more is refused."""
        if self._inflater is None:
            return b""
        rest = self._inflater.unused_data + self._packed + self._file.read(CHUNK_BYTES)
        if len(rest) >= CHUNK_BYTES:
            raise Unreadable
        return rest

    def _more(self, wanted: int, ahead: int = _READ_AHEAD) -> bytes:
        if self._inflater is None:
            return self._file.read(max(wanted, ahead))
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._packed or self._file.read(1 << 16)
            self._packed = b""
            try:
                data = self._inflater.decompress(packed, 1 << 16)
            except zlib.error:
                raise Unreadable from None
            if data:
                return data
            if not packed:
                raise Unreadable
        return b""
