"""Encapsulated pixel data that are no codestream of the JPEG family: one fragment a frame, in which what is no part of
the frame is blanked.
"""

import struct
import zlib
from collections.abc import Generator

from collecte.formats.dicom._stream import Parser, Stream, Wait, broken

_RLE_HEADER, _RLE_SEGMENTS, _NO_OPERATION = 64, 15, 128
#: Bytes inflated at a time, and thrown away.
_PIECE = 1 << 18


def rle(frame_bytes: int, segments: int | None) -> Parser:
    """Frames of RLE, of so many bytes once decoded and so many segments (PS3.5, annex G): the header's unused offsets
    are blanked, and what follows the bytes that a segment needs.
    """

    def parse(stream: Stream) -> Wait:
        while (yield from stream.peek(1)):
            if stream.left < _RLE_HEADER:
                raise broken()
            end = stream.position + stream.left
            starts = yield from _rle_header(stream, segments)
            if starts[-1] >= end:
                raise broken()
            for stop in (*starts[1:], end):
                yield from _segment(stream, frame_bytes // len(starts), stop)

    return parse


def rle_frame(frame_bytes: int, segments: int | None) -> Parser:
    """A single frame of RLE, which some writers cut into fragments; one that begins another frame is refused."""

    def parse(stream: Stream) -> Wait:
        starts = yield from _rle_header(stream, segments)
        for stop in starts[1:]:
            yield from _segment(stream, frame_bytes // len(starts), stop)
        if not (yield from stream.peek(1)):
            raise broken()
        yield from _segment(stream, frame_bytes // len(starts), None)

    return parse


def _segment(stream: Stream, size: int, stop: int | None) -> Wait:
    """Keep the packets that decode to ``size`` bytes, and blank what follows up to ``stop`` (None: up to the end)."""
    made = 0
    while (stop is None or stream.position < stop) and (yield from stream.peek(1)):
        _refuse_another(stream, (yield from stream.peek(8)) if stop is None else b"")
        packed = yield from stream.piece()
        room = len(packed) if stop is None else min(len(packed), stop - stream.position)
        if made >= size:
            yield from stream.blank(room)
            continue
        taken, made = _packets(packed[:room], made, size)
        # A packet may go on in the next fragment, but not beyond its segment.
        if stop is not None:
            taken = min(taken, stop - stream.position)
        yield from _kept(stream, taken)


def _packets(packed: bytes, made: int, size: int) -> tuple[int, int]:
    """How many bytes the packets take that begin here, the last of which may end elsewhere; what is decoded then. Of a
    run of bytes that is longer than the segment, those that it needs."""
    at = 0
    while at < len(packed) and made < size:
        control = packed[at]
        if control < _NO_OPERATION:
            run = min(control + 1, size - made)
            at, made = at + 1 + run, made + run
        elif control > _NO_OPERATION:
            at, made = at + 2, made + 257 - control
        else:
            at += 1
    return at, made


def _kept(stream: Stream, count: int) -> Wait:
    """Let as many bytes pass, or all that are left; none of them may begin another frame."""
    while count and (yield from stream.peek(1)):
        _refuse_another(stream, (yield from stream.peek(8)))
        part = min(count, stream.left)
        yield from stream.keep(part)
        count -= part


def _refuse_another(stream: Stream, ahead: bytes) -> None:
    count, first = struct.unpack("<LL", ahead.ljust(8, b"\0")[:8])
    if stream.starts and first == _RLE_HEADER and 0 < count <= _RLE_SEGMENTS:
        raise broken()


def _rle_header(stream: Stream, segments: int | None) -> Generator[None, None, list[int]]:
    """Where each segment begins."""
    stream.frames += 1
    start = stream.position
    count, *offsets = struct.unpack("<16L", (yield from stream.need(_RLE_HEADER)))
    used = offsets[:count]
    if (
        not 0 < count <= _RLE_SEGMENTS
        or count != (segments or count)
        or used[0] != _RLE_HEADER
        or used != sorted(set(used))
    ):
        raise broken()
    yield from stream.keep(4 + 4 * count)
    yield from stream.blank(4 * (_RLE_SEGMENTS - count))
    return [start + offset for offset in used]


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
        if passed % (frame_bytes + frame_bytes % 2) not in (0, frame_bytes):
            raise broken()

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
    if room > 1:
        raise broken()


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
