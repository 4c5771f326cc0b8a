"""A hash of what an image shows: of its decoded pixels, whatever the file says around them and however it stores them.

The same pixels under another name, another patient or another lossless encoding have the same hash. JPEG and its
successors are not decoded here (no decoder that they need is at hand): of these, the compressed stream is hashed.
"""

import hashlib
from pathlib import Path

import numpy as np

from collecte.formats.dicom._elements import ITEM, SEQUENCE_END, UNDEFINED, Element
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._pixels import expected_bytes
from collecte.formats.dicom._source import Short
from collecte.formats.dicom._wall import silenced

_ROWS, _COLUMNS, _SAMPLES, _BITS, _PLANAR = 0x00280010, 0x00280011, 0x00280002, 0x00280100, 0x00280006
_RLE = "1.2.840.10008.1.2.5"
#: Bytes of a decoded frame that are held in memory; of larger ones the compressed stream is hashed.
_FRAME_LIMIT = 1 << 28


def pixel_sha256(dicom: Dicom, path: Path) -> str | None:
    """SHA-256 (hex) over shape and pixels, little endian, colours by pixel; None where there are no pixels, or where
    all have one value: a black image is nobody's.

    Raises:
        OSError: the file cannot be read.
    """
    pixels = dicom.header.pixels
    if pixels is None:
        return None
    try:
        if not dicom.fragments:
            return _native(dicom, pixels)
        frame = (dicom.number(_ROWS) or 0) * (dicom.number(_COLUMNS) or 0) * _unit(dicom)
        if dicom.transfer_syntax == _RLE and 0 < frame <= _FRAME_LIMIT:
            return _decoded(dicom, path)
        return _compressed(dicom, pixels)
    except Short:
        return None


class _Hash:
    """Takes pixels as they come, and sees whether all have one value."""

    def __init__(self, dicom: Dicom, planar: int = 0) -> None:
        shape = (*(dicom.number(tag) for tag in (_ROWS, _COLUMNS, _SAMPLES, _BITS)), planar)
        self._sum = hashlib.sha256(repr(shape).encode())
        self._unit = _unit(dicom)
        self._first: bytes | None = None
        self._plain = True

    def __call__(self, data: bytes) -> None:
        self._sum.update(data)
        if self._first is None:
            self._first = data[: self._unit]
        if self._plain:
            self._plain = data == self._first * (len(data) // self._unit) + self._first[: len(data) % self._unit]

    @property
    def hex(self) -> str | None:
        return None if self._plain else self._sum.hexdigest()


def _unit(dicom: Dicom) -> int:
    """Bytes of a pixel."""
    return max((dicom.number(_BITS) or 8) // 8, 1) * (dicom.number(_SAMPLES) or 1)


def _native(dicom: Dicom, pixels: Element) -> str | None:
    planar = dicom.number(_PLANAR) or 0 if (dicom.number(_SAMPLES) or 1) > 1 else 0
    total = _Hash(dicom, planar)
    word = (dicom.number(_BITS) or 8) // 8
    dicom.source.seek(pixels.value)
    count = expected_bytes(dicom, pixels.tag)
    swapped = not dicom.encoding.little and word in (2, 4, 8)

    def take(data: bytes) -> None:
        whole = swapped and len(data) % word == 0
        total(np.frombuffer(data, f"u{word}").byteswap().tobytes() if whole else data)

    dicom.source.copy(dicom.header.pixel_length if count is None else count, take)
    return total.hex


def _decoded(dicom: Dicom, path: Path) -> str | None:
    """RLE, a frame at a time; what cannot be decoded has no hash."""
    from pydicom.pixels.utils import iter_pixels

    total = _Hash(dicom)
    with silenced():
        try:
            for frame in iter_pixels(path, raw=True):
                total(frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes())
        except (ValueError, RuntimeError, AttributeError, NotImplementedError, IndexError):
            # A message of the decoder may repeat what the header says.
            return None
    return total.hex


def _compressed(dicom: Dicom, pixels: Element) -> str | None:
    """The fragments in their order, without the table of offsets before them (PS3.5, annex A.4)."""
    total = hashlib.sha256(dicom.transfer_syntax.encode())
    dicom.source.seek(pixels.value)
    offsets = True
    while True:
        group, number, length = dicom.encoding.tag_length.unpack(dicom.source.read(8))
        if group << 16 | number == SEQUENCE_END:
            return total.hexdigest()
        if group << 16 | number != ITEM or length == UNDEFINED:
            return None
        dicom.source.copy(length, (lambda data: None) if offsets else total.update)
        offsets = False
