"""JPEG and JPEG-LS: marker segments that are no part of the image are blanked (ISO/IEC 10918-1, annex B; 14495-1,
annex C).
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial

from collecte.formats.dicom._stream import Known, Stream, Wait, broken

_START, _END, _SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_APP0, _APP8, _APP14 = 0xE0, 0xE8, 0xEE
_HUFFMAN, _QUANTISERS, _LINES, _RESTARTS, _PRESETS = 0xC4, 0xDB, 0xDC, 0xDD, 0xF8
#: Frame headers, tables, hierarchical headers, presets: one that the process of the transfer syntax has no use for is
#: refused.
_OF_A_PROCESS = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), _QUANTISERS, 0xDE, 0xDF, 0xF7, _PRESETS))
#: Within entropy-coded data FF is followed by 00 (JPEG) or by a byte below 80 (JPEG-LS), or it is a marker; those of
#: restarts and fill bytes are passed over.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_MARKER_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]", re.DOTALL)
#: Fill bytes before a marker, at most.
_FILL = 256
#: Bits of a difference, at most; and signs, of which no table of quantisers is made alone.
_BITS, _LETTERS = 16, re.compile(rb"[ -~]+")
#: JFIF 1.02 without units or thumbnail; what stood in its place may have been a resolution, which the header has.
_JFIF = b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"
#: Adobe 100 without flags; the colour transform, which decoders heed, follows.
_ADOBE = b"Adobe\0\x64\0\0\0\0"
_TRANSFORMS = (b"\0", b"\1", b"\2")
#: A colour transform of HP's that decoders of JPEG-LS heed, too.
_MRFX = b"mrfx"


@dataclass(frozen=True)
class _Process:
    """What ends entropy-coded data, and the segments that a decoder needs: any other is blanked."""

    marker: "re.Pattern[bytes]"
    needed: frozenset[int]


_JPEG = _Process(_MARKER, frozenset((*range(0xC0, 0xC4), _HUFFMAN, _SCAN, _QUANTISERS, _LINES, _RESTARTS)))
_JPEG_LS = _Process(_MARKER_LS, frozenset((0xF7, _SCAN, _LINES, _RESTARTS, _PRESETS)))


def jpeg(stream: Stream) -> Wait:
    """Baseline, extended, progressive and lossless JPEG."""
    return _images(stream, _JPEG)


def jpeg_ls(stream: Stream) -> Wait:
    """JPEG-LS."""
    return _images(stream, _JPEG_LS)


def _images(stream: Stream, process: _Process) -> Wait:
    """Images, each from the beginning of a fragment; what follows one in its last fragment is blanked, and so is a
    fragment that begins none.
    """
    known = Known(partial(_header, process))
    while head := (yield from stream.peek(2)):
        if head == b"\xff\xd8":
            stream.frames += 1
            scanning = yield from known.clean(stream)
            while scanning and (yield from stream.keep_until(process.marker)):
                scanning = yield from _up_to_scan(process, stream)
            if stream.starts:
                continue
        elif not stream.frames:
            raise broken()
        yield from stream.blank(stream.left)


def _header(process: _Process, stream: Stream) -> Generator[None, None, bool]:
    """From the first marker of an image; as :func:`_up_to_scan`."""
    yield from stream.keep(2)
    return (yield from _up_to_scan(process, stream))


def _up_to_scan(process: _Process, stream: Stream) -> Generator[None, None, bool]:
    """Up to where entropy-coded data begin: False where the image ends before that, or another begins in a fragment of
    its own.
    """
    while True:
        code = yield from _next_code(stream)
        if code == _START and stream.starts:
            return False
        yield from stream.keep(2)
        if code == _END:
            return False
        if code != _TEMPORARY:
            yield from _segment(process, stream, code)
        if code == _SCAN:
            return True


def _next_code(stream: Stream) -> Generator[None, None, int]:
    """The code of the marker that comes next, not taken yet; fill bytes before it are."""
    for _ in range(_FILL):
        first, code = yield from stream.need(2)
        if first != 0xFF or (code < 0xC0 and code != _TEMPORARY):
            break
        if code != 0xFF:
            return code
        yield from stream.keep(1)
    raise broken()


def _segment(process: _Process, stream: Stream, code: int) -> Wait:
    length = int.from_bytes((yield from stream.need(2)), "big")
    foreign = code in _OF_A_PROCESS and code not in process.needed
    if length < 2 or code in range(0xD0, 0xD9) or foreign:
        raise broken()
    yield from stream.keep(2)
    content = length - 2
    if code in process.needed:
        if not _FORMS.get(code, _is_frame)((yield from stream.need(content))):
            raise broken()
        yield from stream.keep(content)
        return
    known = yield from _harmless(stream, code, content)
    yield from stream.put(known)
    yield from stream.blank(content - len(known))


def _are_huffman(content: bytes) -> bool:
    """Tables of B.2.4.2, in which no symbol comes twice; those of differences (class 0) count bits."""
    while content:
        head, symbols = content[0], content[17 : 17 + sum(content[1:17])]
        whole = len(content) >= 17 and len(symbols) == sum(content[1:17]) == len(set(symbols))
        if not whole or head >> 4 > 1 or head & 15 > 3 or (head < 0x10 and max(symbols, default=0) > _BITS):
            return False
        content = content[17 + len(symbols) :]
    return True


def _are_quantisers(content: bytes) -> bool:
    """Tables of B.2.4.1, none of them written in letters."""
    while content:
        size = 64 * (1 + (content[0] >> 4))
        table, content, head = content[1 : 1 + size], content[1 + size :], content[0]
        if len(table) < size or head >> 4 > 1 or head & 15 > 3 or _LETTERS.fullmatch(table):
            return False
    return True


def _is_frame(content: bytes) -> bool:
    """A frame header of B.2.2: three bytes a component."""
    return len(content) >= 6 and len(content) == 6 + 3 * content[5]


def _is_scan(content: bytes) -> bool:
    """A scan header of B.2.3: two bytes a component."""
    return len(content) >= 4 and len(content) == 4 + 2 * content[0]


def _are_presets(content: bytes) -> bool:
    """Thresholds, or the size of a large image (ISO/IEC 14495-1, C.2.4.1); no palettes."""
    return (len(content), content[:1]) in ((11, b"\1"), (6, b"\4"), (8, b"\4"), (10, b"\4"))


#: What a kept segment must be, so that it has room for nothing else; any other is a frame header.
_FORMS: Mapping[int, Callable[[bytes], bool]] = {
    _SCAN: _is_scan,
    _HUFFMAN: _are_huffman,
    _QUANTISERS: _are_quantisers,
    _LINES: lambda content: len(content) == 2,
    _RESTARTS: lambda content: 2 <= len(content) <= 4,
    _PRESETS: _are_presets,
}


def _harmless(stream: Stream, code: int, content: int) -> Generator[None, None, bytes]:
    """What is written at the beginning of an application segment in place of its content."""
    if code == _APP0 and content >= len(_JFIF) and (yield from stream.need(5)) == _JFIF[:5]:
        return _JFIF
    if code == _APP14 and content > len(_ADOBE) and (yield from stream.need(5)) == _ADOBE[:5]:
        transform = (yield from stream.need(len(_ADOBE) + 1))[-1:]
        return _ADOBE + (transform if transform in _TRANSFORMS else b"\1")
    if code == _APP8 and content == len(_MRFX) + 1 and (yield from stream.need(4)) == _MRFX:
        transform = (yield from stream.need(len(_MRFX) + 1))[-1:]
        return _MRFX + (transform if transform <= b"\3" else b"\0")
    return b""
