"""Encapsulated pixel data that are no codestream of the JPEG family: one fragment a frame, in which what is no part of
the frame is blanked.
"""

import struct
import zlib
from collections.abc import Generator

from collecte.formats.dicom._stream import Parser, Stream, Wait, broken

_RLE_HEADER, _RLE_SEGMENTS = 64, 15
#: Bytes inflated at a time, and thrown away.
_PIECE = 1 << 18


def rle(stream: Stream) -> Wait:
    """RLE (PS3.5, annex G): the header's unused offsets are blanked; the segments pass."""
    while (yield from stream.peek(1)):
        if stream.left < _RLE_HEADER or (yield from _rle_header(stream)) >= stream.left:
            raise broken()
        yield from stream.keep(stream.left)


def rle_frame(stream: Stream) -> Wait:
    """A single frame of RLE, which some writers cut into fragments; one that begins another frame is refused."""
    end = stream.position + _RLE_HEADER + (yield from _rle_header(stream))
    while (yield from stream.peek(1)):
        count, first = struct.unpack("<LL", (yield from stream.peek(8)).ljust(8, b"\0"))
        if stream.starts and first == _RLE_HEADER and 0 < count <= _RLE_SEGMENTS:
            raise broken()
        yield from stream.keep(stream.left)
    if stream.position <= end:
        raise broken()


def _rle_header(stream: Stream) -> Generator[None, None, int]:
    """Where the last segment begins, behind the header."""
    stream.frames += 1
    count, *offsets = struct.unpack("<16L", (yield from stream.need(_RLE_HEADER)))
    used = offsets[:count]
    if not 0 < count <= _RLE_SEGMENTS or used[0] != _RLE_HEADER or used != sorted(set(used)):
        raise broken()
    yield from stream.keep(4 + 4 * count)
    yield from stream.blank(4 * (_RLE_SEGMENTS - count))
    return int(used[-1]) - _RLE_HEADER


def uncompressed(frame_bytes: int) -> Parser:
    """Encapsulated uncompressed frames of so many bytes (PS3.5, annex A.4.11); more than padding is refused."""

    def parse(stream: Stream) -> Wait:
        passed = 0
        while (yield from stream.peek(1)):
            if stream.left > frame_bytes + 1:
                raise broken()
            passed += stream.left
            stream.frames = -(-passed // (frame_bytes + frame_bytes % 2))
            kept = min(frame_bytes, stream.left)
            yield from stream.keep(kept)
            yield from stream.blank(stream.left)

    return parse


def deflated(frame_bytes: int) -> Parser:
    """Deflated frames of so many bytes (PS3.5, annex A.4.13; RFC 1951): they are inflated to find where they end, and
    what follows in the fragment is blanked.
    """

    def parse(stream: Stream) -> Wait:
        while (yield from stream.peek(1)):
            stream.frames += 1
            yield from _frame(stream, frame_bytes)
            if not stream.starts:
                yield from stream.blank(stream.left)

    return parse


def _frame(stream: Stream, frame_bytes: int) -> Wait:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    room = frame_bytes + 1  # an odd frame may have been padded before it was deflated
    while not inflater.eof:
        packed = yield from stream.piece()
        room -= _inflated(inflater, packed, room)
        yield from stream.keep(len(packed) - len(inflater.unused_data))


def _inflated(inflater: "zlib._Decompress", packed: bytes, room: int) -> int:
    """How many bytes more there are.

    Raises:
        Refusal: more than there is room for; or these are no deflated bytes.
    """
    count, part = 0, _PIECE
    try:
        while not inflater.eof and (packed or part == _PIECE):
            part = len(inflater.decompress(packed, _PIECE))
            count += part
            packed = inflater.unconsumed_tail
            if count > room:
                raise broken()
    except zlib.error:
        raise broken() from None
    return count
