"""Rectangles painted over in native pixel data, in place, as they pass."""

from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np

from collecte.formats.dicom._paint import Paint
from collecte.frames import FRAME_LIMIT, Layout, Reader, Undecodable
from collecte.records import Box

_CHUNK = 1 << 20


def masked_native(reader: Reader, boxes: Mapping[int, Sequence[Box]], paint: Paint) -> Iterator[bytes]:
    """The value of the pixel element.

    Raises:
        Undecodable: it is shorter than the frames, or one is too large.
    """
    layout = reader.layout
    bits = layout.frame_bits * 2 // 3 if layout.subsampled else layout.frame_bits
    length = layout.length or 0
    if bits * layout.image.frames > length * 8 or bits > FRAME_LIMIT * 8:
        raise Undecodable("The pixel data end too early.")
    # Frames that begin within a byte, or within a word whose bytes are swapped, are taken together with others.
    group = 16 // gcd(16, bits)
    position = 0
    for unit in sorted({number // group for number in boxes}):
        start = unit * group * bits // 8
        yield from _copied(reader, position, start)
        position = min(start + group * bits // 8, length)
        data = bytearray(reader.read(layout.start + start, position - start))
        first = unit * group
        inside = {number - first: found for number, found in boxes.items() if first <= number < first + group}
        _paint_unit(data, layout, bits, inside, paint)
        yield bytes(data)
    yield from _copied(reader, position, length)


def _copied(reader: Reader, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, _CHUNK):
        yield reader.read(reader.layout.start + position, min(_CHUNK, end - position))


def _paint_unit(data: bytearray, layout: Layout, bits: int, boxes: Mapping[int, Sequence[Box]], paint: Paint) -> None:
    """Paint frames of ``bits`` bits within ``data``, by their number within it."""
    whole = np.frombuffer(data, np.uint8)
    if layout.swapped:
        whole[:] = whole.reshape(-1, 2)[:, ::-1].ravel()
    samples = np.unpackbits(whole, bitorder="little") if layout.image.bits == 1 else whole
    size = bits if layout.image.bits == 1 else bits // 8
    for number, found in boxes.items():
        _paint_frame(samples[number * size : (number + 1) * size], layout, found, paint)
    if layout.image.bits == 1:
        whole[:] = np.packbits(samples, bitorder="little")
    if layout.swapped:
        whole[:] = whole.reshape(-1, 2)[:, ::-1].ravel()


def _paint_frame(samples: "np.ndarray[Any, Any]", layout: Layout, boxes: Sequence[Box], paint: Paint) -> None:
    image = layout.image
    if layout.subsampled:
        pairs = samples.reshape(image.rows, image.columns // 2, 4)
        luma, *chroma = paint.values
        halves = [Box(max(box.left, 0) // 2, box.top, -(-box.right // 2), box.bottom) for box in boxes]
        Paint(np.array([luma, luma, *chroma], np.uint8)).over(pairs, halves)
        return
    stored = samples.view(layout.dtype.newbyteorder("<" if layout.little else ">"))
    if layout.planar:
        frame = np.moveaxis(stored.reshape(image.samples, image.rows, image.columns), 0, -1)
    else:
        frame = stored.reshape(layout.shape)
    paint.over(frame, boxes)
