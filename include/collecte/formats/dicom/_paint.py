"""What a rectangle is painted with: the darkest value that an image can show."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from collecte.formats.dicom._part10 import Dicom
from collecte.frames import Frame, Layout
from collecte.records import Box

#: Descriptors and data of the red, green and blue palette (PS3.3, C.7.9).
_DESCRIPTORS, _PALETTES = (0x00281101, 0x00281102, 0x00281103), (0x00281201, 0x00281202, 0x00281203)
#: Black of YBR_PARTIAL_422 and YBR_PARTIAL_420, of eight bits (PS3.3, C.7.6.3.1.2).
_PARTIAL_BLACK = 16


@dataclass(frozen=True)
class Paint:
    """``values``: one a sample, in the type of a decoded frame."""

    values: "np.ndarray[Any, Any]"

    def over(self, frame: Frame, boxes: Sequence[Box]) -> None:
        """Fill the boxes of a frame; what of them lies beyond it is no matter."""
        for box in boxes:
            left, top = max(box.left, 0), max(box.top, 0)
            frame[top : max(box.bottom, top), left : max(box.right, left)] = (
                self.values if frame.ndim == 3 else self.values[0]
            )


def paint_of(dicom: Dicom, layout: Layout) -> Paint:
    """The darkest value: of MONOCHROME1, the largest; of colours, black; of a palette, the entry of least light."""
    image, kind = layout.image, layout.image.photometric
    low = -(1 << layout.stored - 1) if image.signed else 0
    high = (1 << layout.stored - (1 if image.signed else 0)) - 1
    values = [low] * image.samples
    if layout.real:
        values = [0]
    elif kind == "MONOCHROME1":
        values = [high]
    elif kind == "PALETTE COLOR":
        values = [_darkest_entry(dicom, high)]
    elif image.samples == 3 and kind.startswith("YBR_") and kind not in ("YBR_RCT", "YBR_ICT"):
        middle = 1 << layout.stored - 1
        values = [_PARTIAL_BLACK if kind.startswith("YBR_PARTIAL") else 0, middle, middle]
    return Paint(np.array(values, layout.dtype))


def _darkest_entry(dicom: Dicom, high: int) -> int:
    """Pixel value of the palette's darkest entry; 0 where there is no palette that is read here (segmented ones are
    not).
    """
    order = dicom.encoding.order
    light: np.ndarray[Any, Any] | int = 0
    first = 0
    for descriptor, palette in zip(_DESCRIPTORS, _PALETTES, strict=True):
        described, raw = dicom.raw(descriptor), dicom.raw(palette)
        if len(described) < 6 or not raw:
            return 0
        count, first, bits = struct.unpack(f"{order}3H", described[:6])
        entries = np.frombuffer(raw, f"{order}u2" if bits > 8 or len(raw) >= 2 * (count or 1 << 16) else "u1")
        light = light + entries[: count or 1 << 16].astype(np.int64)
    return min(first + int(np.argmin(light)), high)
