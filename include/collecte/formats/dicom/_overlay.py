"""Overlays in spare bits of the pixel data, as editions before 2004 allowed (PS3.5, 8.1.2): which file has some, and
native pixels without them.
"""

from collections.abc import Iterator

from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._source import Sink

_GROUPS = range(0x60000000, 0x60200000, 0x00020000)
_ROWS, _BITS_ALLOCATED, _BIT_POSITION, _DATA = 0x0010, 0x0100, 0x0102, 0x3000
_PIXEL_BITS, _BITS_STORED, _HIGH_BIT, _REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_TYPES = {8: "i1", 16: "i2"}


def in_pixels(dicom: Dicom) -> bool:
    """Whether bits of the pixels are an overlay: one is described, but has no data of its own."""
    return any(_planes(dicom))


def may_be_cleared(dicom: Dicom) -> bool:
    """Whether those bits can be told from the image's: native pixels of 8 or 16 bits that leave some of them unused,
    and each overlay says that it uses one of these.
    """
    bits, stored, high = _layout(dicom)
    if dicom.fragments or bits not in _TYPES or not 0 < stored <= high + 1 <= bits:
        return False
    used = range(high + 1 - stored, high + 1)
    return all(
        (position := dicom.number(plane | _BIT_POSITION)) is not None and position not in used and position < bits
        for plane in _planes(dicom)
    )


def cleared(dicom: Dicom, sink: Sink) -> Sink:
    """A sink of native pixels that passes them on without what stands in their unused bits: zeros there, in signed
    pixels their sign.
    """
    import numpy as np  # few files need it

    bits, stored, high = _layout(dicom)
    kind = np.dtype(_TYPES[bits]).newbyteorder("<" if dicom.encoding.little else ">")
    if not dicom.number(_REPRESENTATION):
        kind = np.dtype(kind.str.replace("i", "u"))
    above, below = bits - 1 - high, high + 1 - stored
    rest = b""

    def clear(data: bytes | memoryview) -> None:
        nonlocal rest
        raw = b"".join((rest, data))
        whole = len(raw) - len(raw) % kind.itemsize
        rest = raw[whole:]
        pixels = np.frombuffer(raw[:whole], kind)
        # Shifted to the top and down again, where the sign of signed pixels follows, then the bits below them.
        sink(((pixels << above >> (above + below)) << below).astype(kind).tobytes())

    return clear


def _planes(dicom: Dicom) -> Iterator[int]:
    """The groups of overlays that are described and have no data, unless they say that these are apart (of one bit, the
    first)."""
    elements = dicom.header.elements
    if next(reversed(elements), 0) < _GROUPS.start:
        return
    for plane in _GROUPS:
        apart = dicom.number(plane | _BITS_ALLOCATED) == 1 and not dicom.number(plane | _BIT_POSITION)
        if plane | _ROWS in elements and plane | _DATA not in elements and not apart:
            yield plane


def _layout(dicom: Dicom) -> tuple[int, int, int]:
    """Bits of a pixel, those that are used, and the highest of these (PS3.3, C.7.6.3.1)."""
    bits = dicom.number(_PIXEL_BITS) or 0
    stored = dicom.number(_BITS_STORED) or bits
    high = dicom.number(_HIGH_BIT)
    return bits, stored, stored - 1 if high is None else high
