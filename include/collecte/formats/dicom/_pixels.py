"""Passes the pixel data through, never decoded and never whole in memory; checks that all of it is there.

Native pixels end where the image does: what a writer left behind it is cut. Fragments are taken item by item up to the
delimiter of their sequence (PS3.5, annex A.4), and what they hold beside the image is blanked. Nothing behind the pixel
data is read.
"""

import struct
from array import array
from itertools import accumulate

from collecte.formats.dicom._codestream import Cleaner, offset_table
from collecte.formats.dicom._elements import (
    DOUBLE_PIXELS,
    FLOAT_PIXELS,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Encoding,
)
from collecte.formats.dicom._overlay import cleared, in_pixels
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._source import Short, Sink
from collecte.formats.dicom._stream import broken
from collecte.formats.dicom._wall import Refusal, unreadable

_ROWS, _COLUMNS, _SAMPLES, _FRAMES, _BITS = 0x00280010, 0x00280011, 0x00280002, 0x00280008, 0x00280100
_PHOTOMETRIC = 0x00280004
_DESCRIPTION = "Rows, Columns, BitsAllocated, NumberOfFrames"
_BITS_OF = {FLOAT_PIXELS: 32, DOUBLE_PIXELS: 64}
_EXTENDED_OFFSETS, _EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
#: Longest basic offset table that is looked at, in bytes.
_TABLE_LIMIT = 1 << 24
_VR_OF = {FLOAT_PIXELS: "OF", DOUBLE_PIXELS: "OD"}


def splice(dicom: Dicom, sink: Sink) -> None:
    """Write the pixel element, if any.

    Raises:
        Refusal: pixels are missing, or their structure is broken.
    """
    table, pixels = _ExtendedTable(dicom), dicom.header.pixels
    if pixels is None:
        table.check()
        return
    if not all(_is_told(dicom, tag) for tag in (_ROWS, _COLUMNS, _SAMPLES, _BITS)):
        raise Refusal("DICOM-UNREADABLE", place=_DESCRIPTION)
    try:
        dicom.source.seek(pixels.value)
        if pixels.fragments and dicom.fragments:
            _fragments(dicom, pixels, sink, table)
        elif pixels.fragments or dicom.fragments:
            raise unreadable()
        else:
            _native(dicom, pixels, sink)
        table.check()
    except Short:
        raise Refusal("DICOM-TRUNCATED", place="PixelData") from None


def _is_told(dicom: Dicom, tag: int) -> bool:
    """Whether the copy will have what the file says of its image, or says nothing: not a number under another VR."""
    element = dicom.header.elements.get(tag)
    return element is None or element.vr in (("US", "UN", "") if dicom.encoding.little else ("US",))


def _native(dicom: Dicom, pixels: Element, sink: Sink) -> None:
    there, wanted = dicom.header.pixel_length, expected_bytes(dicom, pixels.tag)
    if wanted is None:  # whatever stands there would pass for pixels
        raise Refusal("DICOM-UNREADABLE", place=_DESCRIPTION)
    # The last of an odd number of bytes is the second of its word in big endian, and the padding the first.
    swapped = wanted & 1 and pixels.vr == "OW" and not dicom.encoding.little
    if there < wanted + swapped:
        raise Refusal("DICOM-PIXELS-SHORT", place="PixelData")
    sink(_element_header(pixels, wanted + (wanted & 1), dicom.output_encoding))
    dicom.source.copy(wanted - swapped, cleared(dicom, sink) if in_pixels(dicom) else sink)
    if swapped:
        sink(b"\0" + dicom.source.read(2)[1:])
    elif wanted & 1:
        sink(b"\0")


def _fragments(dicom: Dicom, pixels: Element, sink: Sink, table: "_ExtendedTable") -> None:
    sink(_element_header(pixels, UNDEFINED, dicom.output_encoding))
    _offset_table(dicom, sink)
    cleaner = Cleaner(dicom.transfer_syntax, frame_count(dicom), _frame_bytes(dicom), sink, _pixel_bytes(dicom))
    while True:
        raw = dicom.source.read(8)
        group, number, length = dicom.encoding.tag_length.unpack(raw)
        if group << 16 | number == SEQUENCE_END and length == 0:
            cleaner.end()
            sink(raw)
            return
        if group << 16 | number != ITEM or length == UNDEFINED:
            raise unreadable()
        cleaner.item(raw, length)
        table.item(length)
        dicom.source.copy(length, cleaner.feed)


class _ExtendedTable:
    """The extended offset table of the header (PS3.3, C.7.6.3.1.8), held against the fragments as they pass: each is a
    frame, and the table says nothing else. It was written before them, so a false one is refused.
    """

    def __init__(self, dicom: Dicom) -> None:
        self._there = {tag: dicom.raw(tag) for tag in (_EXTENDED_OFFSETS, _EXTENDED_LENGTHS)}
        self._lengths = array("Q")

    def item(self, length: int) -> None:
        if any(self._there.values()) and len(self._lengths) * 8 < len(self._there[_EXTENDED_OFFSETS]):
            self._lengths.append(length)

    def check(self) -> None:
        """Whether the table is true, or there is none.

        Raises:
            Refusal: it is not.
        """
        if not any(self._there.values()):
            return
        offsets = accumulate((8 + length for length in self._lengths[:-1]), initial=0)
        told = (self._there[_EXTENDED_OFFSETS], self._there[_EXTENDED_LENGTHS])
        count = len(self._lengths)
        if any(len(raw) != 8 * count for raw in told) or not count:
            raise broken()
        # A length may leave out the byte that pads a fragment.
        near = zip(struct.unpack(f"<{count}Q", told[1]), self._lengths, strict=True)
        if struct.pack(f"<{count}Q", *offsets) != told[0] or any(not 0 <= real - said <= 1 for said, real in near):
            raise broken()


def _offset_table(dicom: Dicom, sink: Sink) -> None:
    """The first item; empty where it is no table, for whatever it is would pass unseen."""
    group, number, length = dicom.encoding.tag_length.unpack(dicom.source.read(8))
    if group << 16 | number != ITEM or length == UNDEFINED:
        raise unreadable()
    if length <= _TABLE_LIMIT:
        table = offset_table(dicom.source.read(length), frame_count(dicom))
    else:
        table = b""
        dicom.source.copy(length, lambda data: None)
    sink(dicom.encoding.tag_length.pack(ITEM >> 16, ITEM & 0xFFFF, len(table)) + table)


def frame_count(dicom: Dicom) -> int:
    """Number of Frames; 1 where the header does not say."""
    frames = dicom.word(_FRAMES)
    return max(int(frames), 1) if frames.isdecimal() and len(frames) <= 12 else 1


def _frame_bytes(dicom: Dicom) -> int | None:
    """Of a decoded frame; None where the header does not say."""
    rows, columns, bits = (dicom.number(tag) for tag in (_ROWS, _COLUMNS, _BITS))
    if not rows or not columns or not bits:
        return None
    return (rows * columns * (dicom.number(_SAMPLES) or 1) * bits + 7) // 8


def _pixel_bytes(dicom: Dicom) -> int | None:
    """Of all samples of a pixel; None where the header does not say."""
    bits = dicom.number(_BITS)
    return (dicom.number(_SAMPLES) or 1) * -(-bits // 8) if bits else None


def _element_header(pixels: Element, length: int, encoding: Encoding) -> bytes:
    group, number = pixels.tag >> 16, pixels.tag & 0xFFFF
    if not encoding.explicit:
        return encoding.tag_length.pack(group, number, length)
    vr = _VR_OF.get(pixels.tag) or ("OW" if pixels.vr != "OB" and length != UNDEFINED else "OB")
    return encoding.tag_vr.pack(group, number, vr.encode("ascii"), 0) + encoding.length.pack(length)


def expected_bytes(dicom: Dicom, tag: int) -> int | None:
    """How long native pixel data are by the image's own description (PS3.5, 8.1.1; PS3.3, C.7.6.3.1); None where it
    does not say.
    """
    rows, columns = dicom.number(_ROWS), dicom.number(_COLUMNS)
    bits = _BITS_OF.get(tag) or dicom.number(_BITS)
    frames = dicom.word(_FRAMES).removeprefix("+") or "1"
    if not rows or not columns or not bits or not frames.isdecimal() or len(frames) > 12:
        return None
    samples = dicom.number(_SAMPLES) or 1
    pixel_count = rows * columns * max(int(frames), 1)
    full = (pixel_count * samples * bits + 7) // 8
    if dicom.word(_PHOTOMETRIC) == "YBR_FULL_422" and samples == 3 and dicom.header.pixel_length < full:
        return pixel_count * 2 * bits // 8
    return full
