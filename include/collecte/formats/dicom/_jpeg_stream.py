"""JPEG and JPEG-LS: marker segments that are no part of the image are blanked (ISO/IEC 10918-1, annex B; 14495-1,
annex C).
"""

import re
from collections.abc import Generator

from collecte.formats.dicom._stream import Known, Stream, Wait, broken

_START, _END, _SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_APP0, _APP8, _APP14 = 0xE0, 0xE8, 0xEE
#: What a decoder needs: frame headers, tables, restart interval, number of lines, hierarchical headers; for JPEG-LS its
#: frame header and preset parameters. Any other segment is blanked.
_NEEDED = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xF7, 0xF8}) - {0xC8}
#: Within entropy-coded data FF is followed by 00 (JPEG) or by a byte below 80 (JPEG-LS), or it is a marker; those of
#: restarts and fill bytes are passed over.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_MARKER_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]", re.DOTALL)
#: Bytes at most of number of lines, restart interval (four in JPEG-LS) and expansion: longer ones hold something else.
_LONGEST = {0xDC: 2, 0xDD: 4, 0xDF: 1}
#: JFIF 1.02 without units or thumbnail; what stood in its place may have been a resolution, which the header has.
_JFIF = b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"
#: Adobe 100 without flags; the colour transform, which decoders heed, follows.
_ADOBE = b"Adobe\0\x64\0\0\0\0"
_TRANSFORMS = (b"\0", b"\1", b"\2")
#: A colour transform of HP's that decoders of JPEG-LS heed, too.
_MRFX = b"mrfx"


def jpeg(stream: Stream) -> Wait:
    """Baseline, extended, progressive and lossless JPEG."""
    return _images(stream, _MARKER)


def jpeg_ls(stream: Stream) -> Wait:
    """JPEG-LS."""
    return _images(stream, _MARKER_LS)


def _images(stream: Stream, marker: "re.Pattern[bytes]") -> Wait:
    """Images, each from the beginning of a fragment; what follows one in its last fragment is blanked, and so is a
    fragment that begins none.
    """
    known = Known(_header)
    while head := (yield from stream.peek(2)):
        if head == b"\xff\xd8":
            stream.frames += 1
            scanning = yield from known.clean(stream)
            while scanning and (yield from stream.keep_until(marker)):
                scanning = yield from _up_to_scan(stream)
            if stream.starts:
                continue
        elif not stream.frames:
            raise broken()
        yield from stream.blank(stream.left)


def _header(stream: Stream) -> Generator[None, None, bool]:
    """From the first marker of an image; as :func:`_up_to_scan`."""
    yield from stream.keep(2)
    return (yield from _up_to_scan(stream))


def _up_to_scan(stream: Stream) -> Generator[None, None, bool]:
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
            yield from _segment(stream, code)
        if code == _SCAN:
            return True


def _next_code(stream: Stream) -> Generator[None, None, int]:
    """The code of the marker that comes next, not taken yet; fill bytes before it are."""
    while True:
        first, code = yield from stream.need(2)
        if first != 0xFF or (code < 0xC0 and code != _TEMPORARY):
            raise broken()
        if code != 0xFF:
            return code
        yield from stream.keep(1)


def _segment(stream: Stream, code: int) -> Wait:
    length = int.from_bytes((yield from stream.need(2)), "big")
    if length < 2 or code in range(0xD0, 0xD9) or length - 2 > _LONGEST.get(code, length):
        raise broken()
    yield from stream.keep(2)
    content = length - 2
    if code in _NEEDED:
        yield from stream.keep(content)
        return
    known = yield from _harmless(stream, code, content)
    yield from stream.put(known)
    yield from stream.blank(content - len(known))


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
