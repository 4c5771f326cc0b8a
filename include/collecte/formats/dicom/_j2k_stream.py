"""JPEG 2000 and HTJ2K, bare or in the boxes of a JP2 file: comments and whatever is no part of the image are blanked
(ISO/IEC 15444-1, annexes A and I; 15444-2; 15444-15).
"""

import re
import struct
from collections.abc import Callable, Generator, Mapping
from functools import partial

from collecte.formats.dicom._stream import Known, Stream, Wait, broken

#: Marker segments that are kept: the bytes of their content, at least and at most.
Needed = Mapping[int, tuple[int, int]]

_START, _TILE_PART, _DATA, _END = b"\xff\x4f", b"\xff\x90", b"\xff\x93", b"\xff\xd9"
_BEGINNING = b"\xff\x4f\xff\x51"
_COMMENT = 0x64
#: Bytes of the content of marker segments, at least and at most: CAP, SIZ, COD, COC, PRF, CPF, QCD, QCC, RGN, POC (A.5
#: to A.8); TLM, PLM, PLT, PPM, PPT, whose length is the image's. Any other marker segment is blanked.
_SIZE, _ANY = 0x51, (1, 0xFFFF)
_NEEDED = {
    **{0x50: (4, 68), _SIZE: (39, 0xFFFF), 0x52: (10, 43), 0x53: (7, 43), 0x56: (2, 4), 0x59: (2, 4)},
    **{0x5C: (2, 195), 0x5D: (3, 197), 0x5E: (3, 4), 0x5F: (7, 512)},
    **dict.fromkeys((0x55, 0x57, 0x58, 0x60, 0x61), _ANY),
}
#: Those and DCO to ATK of part 2.
_NEEDED_PART_2 = _NEEDED | dict.fromkeys(range(0x70, 0x7A), _ANY)
#: Markers without segment.
_ALONE = range(0x30, 0x40)
_TILE_PART_LENGTH = 12
_LAST = re.compile(rb"\xff\xd9")

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
#: Bytes of the content of boxes, at least and at most (I.5); those of others are blanked.
_BOXES = {b"ftyp": (8, 64), b"ihdr": (14, 14), b"bpcc": (1, 16), b"cdef": (8, 98)}
#: Sample depth, at most (A.5.1); colours and channels that a definition names.
_DEEPEST, _CHANNELS, _WHOLE = 38, 16, 0xFFFF
#: A palette would have to pass, and its image must not go without.
_PALETTE = b"pclr"
#: Brands of a file; of any other, and of its version, the first is said.
_BRANDS = (b"jp2 ", b"jph ", b"jpx ", b"jpxb")
#: Boxes of boxes, whose content is read as if it stood beside them.
_SUPERBOXES = frozenset({b"jp2h", b"res "})
_COLOUR, _CODESTREAM = b"colr", b"jp2c"
#: Content of a colour specification that names its colour space; others hold a profile, and profiles hold text.
_ENUMERATED, _ENUMERATED_LENGTH = 1, 7
_SRGB, _GREY = b"\1\0\0\0\0\0\x10", b"\1\0\0\0\0\0\x11"


def j2k(stream: Stream) -> Wait:
    """JPEG 2000 and HTJ2K."""
    return _images(stream, _NEEDED)


def j2k_part_2(stream: Stream) -> Wait:
    """JPEG 2000 with multi-component transforms."""
    return _images(stream, _NEEDED_PART_2)


def _images(stream: Stream, needed: Needed) -> Wait:
    """Codestreams or JP2 files, each from the beginning of a fragment; what follows one in its last fragment is
    blanked, and so is a fragment that begins none.
    """
    known = Known(partial(_main_header, needed), follows=_TILE_PART)
    while head := (yield from stream.peek(12)):
        if head[:2] == _START:
            yield from _codestream(stream, known, needed)
        elif head == _SIGNATURE:
            yield from _boxes(stream, known, needed)
        elif not stream.frames:
            raise broken()
        else:
            yield from stream.blank(stream.left)
        if not stream.starts:
            yield from stream.blank(stream.left)


def _codestream(stream: Stream, known: Known, needed: Needed) -> Wait:
    """To behind its end, or to where another begins in a fragment of its own."""
    stream.frames += 1
    yield from known.clean(stream)
    while (yield from stream.need(2)) == _TILE_PART:
        if not (yield from _tile_part(stream, needed)):
            return
    if (yield from stream.peek(2)) != _END:
        raise broken()
    yield from stream.keep(2)


def _main_header(needed: Needed, stream: Stream) -> Generator[None, None, bool]:
    """From the first marker of a codestream up to its first tile-part."""
    yield from stream.keep(2)
    while (yield from stream.peek(2)) not in (_TILE_PART, b""):
        yield from _segment(stream, needed)
    return True


def _tile_part(stream: Stream, needed: Needed) -> Generator[None, None, bool]:
    """Whether something may follow it: not where the data end before it does."""
    start = stream.position
    length, size = struct.unpack(">xxHxxLxx", (yield from stream.need(_TILE_PART_LENGTH)))
    if length != _TILE_PART_LENGTH - 2:
        raise broken()
    yield from stream.keep(_TILE_PART_LENGTH)
    while (yield from stream.need(2)) != _DATA:
        yield from _segment(stream, needed)
    yield from stream.keep(2)
    if size == 0:  # to the end of the codestream: no such pair of bytes is data (A.1.1)
        return (yield from stream.keep_until(_LAST))
    size -= stream.position - start
    if size < 0:
        raise broken()
    return (yield from _data(stream, size))


def _data(stream: Stream, count: int) -> Generator[None, None, bool]:
    """Packets, fragment by fragment. Where the image is cut short, its length leads into the next one: refused."""
    while count:
        yield from stream.need(1)
        if stream.starts and (yield from stream.peek(4)) == _BEGINNING:
            raise broken()
        part = min(count, stream.left)
        yield from stream.keep(part)
        count -= part
    following = yield from stream.peek(2)
    if following in (_TILE_PART, _END):
        return True
    # Some writers leave out the last marker; a padding byte may follow.
    if following and not stream.starts and stream.left > 1:
        raise broken()
    return False


def _segment(stream: Stream, needed: Needed) -> Wait:
    first, code = yield from stream.need(2)
    if first != 0xFF:
        raise broken()
    yield from stream.keep(2)
    if code in _ALONE:
        return
    length = int.from_bytes((yield from stream.need(2)), "big")
    if length < 2 or code in (0x4F, *range(0x90, 0x94), 0xD9):
        raise broken()
    yield from stream.keep(2)
    if code not in needed:
        yield from stream.blank(length - 2)
        return
    least, most = needed[code]
    if not least <= length - 2 <= most:
        raise broken()
    if code == _SIZE and length - 2 != 36 + 3 * int.from_bytes((yield from stream.need(36))[34:], "big"):
        raise broken()
    if code in _FORMS and not _FORMS[code]((yield from stream.need(length - 2))[: length - 2]):
        raise broken()
    yield from stream.keep(length - 2)


def _is_capabilities(content: bytes) -> bool:
    """Two bytes for each part of the standard that is used (A.5.2)."""
    return len(content) == 4 + 2 * int.from_bytes(content[:4], "big").bit_count()


def _is_coding(content: bytes, start: int = 0) -> bool:
    """A style, and precincts where it says so: one byte for each resolution (A.6.1; of a component: A.6.2)."""
    levels = content[5] if not start else content[start + 1]
    before = 10 if not start else start + 6
    return len(content) == before + (levels + 1 if content[start] & 1 else 0)


def _is_quantization(content: bytes, start: int = 0) -> bool:
    """A style, and a step for each subband: three for each level, and one (A.6.4; of a component: A.6.5). Without
    quantization a step is an exponent of five bits."""
    style, steps = content[start] & 0x1F, content[start + 1 :]
    if style == 1:
        return len(steps) == 2
    wide = 2 if style == 2 else 1
    return (
        style in (0, 2) and len(steps) % (3 * wide) == wide and (wide == 2 or not any(step & 0b111 for step in steps))
    )


def _is_progression(content: bytes) -> bool:
    """Resolutions, components, layers and an order (A.6.6); of more than 256 components two bytes name one."""
    size = next((size for size in (7, 9) if len(content) % size == 0), len(content) + 1)
    each = (content[at : at + size] for at in range(0, len(content), size))
    return size <= len(content) and all(one[0] <= 33 and one[-1] <= 4 for one in each)


_FORMS: Mapping[int, Callable[[bytes], bool]] = {
    0x50: _is_capabilities,
    0x52: _is_coding,
    0x53: lambda content: any(len(content) > start + 5 and _is_coding(content, start) for start in (1, 2)),
    0x5C: _is_quantization,
    0x5D: lambda content: any(len(content) > start + 1 and _is_quantization(content, start) for start in (1, 2)),
    0x5F: _is_progression,
}


def _is_box(kind: bytes, content: bytes) -> bool:
    """Whether bit depths and definitions of channels are such (I.5.3.2, I.5.3.6)."""
    if kind == b"bpcc":
        return all(depth & 0x7F < _DEEPEST for depth in content)
    if kind != b"cdef":
        return True
    words = struct.unpack(f">{len(content) // 2}H", content[: len(content) & ~1])
    channels, types, associations = words[1::3], words[2::3], words[3::3]
    return (
        len(content) == 2 + 6 * words[0]
        and all(channel < _CHANNELS for channel in channels)
        and all(value in (0, 1, 2, _WHOLE) for value in types)
        and all(value < _CHANNELS or value == _WHOLE for value in associations)
    )


def _boxes(stream: Stream, known: Known, needed: Needed) -> Wait:
    """The boxes of one JP2 file, up to the end of the fragment that its codestream ends in."""
    grey = False
    first = stream.position
    while (yield from stream.peek(8)) and stream.left >= 8 and (stream.position == first or not stream.starts):
        length, kind, head = yield from _box_head(stream)
        if kind in _SUPERBOXES:
            yield from stream.keep(head)
        elif kind == _CODESTREAM:
            yield from stream.keep(head)
            yield from _boxed_codestream(stream, length, known, needed)
        elif kind == _COLOUR and length >= _ENUMERATED_LENGTH:
            yield from stream.keep(head)
            yield from _colour(stream, length, grey)
        elif kind in _BOXES and (yield from _is_known(stream, kind, length, head)):
            yield from stream.keep(head)
            if kind == b"ihdr":
                grey = (yield from stream.need(10))[8:] == b"\0\1"
            yield from _brands(stream, length) if kind == b"ftyp" else stream.keep(length)
        elif kind == _PALETTE:
            raise broken()
        elif stream.position == first:  # the signature
            yield from stream.keep(len(_SIGNATURE))
        else:
            yield from stream.keep(4)
            yield from stream.put(b"free")
            yield from stream.keep(head - 8)
            yield from stream.blank(length)


def _is_known(stream: Stream, kind: bytes, length: int, head: int) -> Generator[None, None, bool]:
    if not _BOXES[kind][0] <= length <= _BOXES[kind][1]:
        return False
    return _is_box(kind, (yield from stream.need(head + length))[head : head + length])


def _brands(stream: Stream, length: int) -> Wait:
    """What a file says it is: its brand, its version, and the brands that it can be read as."""
    given = yield from stream.need(length)
    brands = [given[at : at + 4] if given[at : at + 4] in _BRANDS else _BRANDS[0] for at in range(0, length & ~3, 4)]
    yield from stream.put(b"".join((brands[0], bytes(4), *brands[2:], bytes(length & 3))))


def _box_head(stream: Stream) -> Generator[None, None, tuple[int, bytes, int]]:
    """Length of the content (of the last box: what the fragment still has), kind, length of the head."""
    size, kind = struct.unpack(">L4s", (yield from stream.need(8)))
    head = 8
    if size == 1:
        size, head = int.from_bytes((yield from stream.need(16))[8:], "big"), 16
    elif size == 0:
        size = stream.left
    if size < head:
        raise broken()
    return size - head, kind, head


def _boxed_codestream(stream: Stream, length: int, known: Known, needed: Needed) -> Wait:
    end = stream.position + length
    if (yield from stream.peek(2)) != _START:
        raise broken()
    yield from _codestream(stream, known, needed)
    yield from stream.blank(min(max(end - stream.position, 0), stream.left))


def _colour(stream: Stream, length: int, grey: bool) -> Wait:
    method, *_ = yield from stream.need(1)
    if method == _ENUMERATED:
        yield from stream.keep(_ENUMERATED_LENGTH)
    else:
        yield from stream.put(_GREY if grey else _SRGB)
    yield from stream.blank(length - _ENUMERATED_LENGTH)
