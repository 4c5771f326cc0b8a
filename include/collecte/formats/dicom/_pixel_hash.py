"""A hash of what an image shows: of its decoded pixels, whatever the file says around them and however it stores them.

The same pixels under another name, another patient or another lossless encoding have the same hash. Where decoding
would cost too much, or fails, the compressed stream is hashed.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from collecte.formats.dicom._elements import ITEM, SEQUENCE_END, UNDEFINED, Element
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._pixels import expected_bytes
from collecte.formats.dicom._source import Short
from collecte.frames import Frame, Undecodable, frames

_ROWS, _COLUMNS, _SAMPLES, _BITS, _PLANAR = 0x00280010, 0x00280011, 0x00280002, 0x00280100, 0x00280006
#: Decoded bytes of a file whose frames are decoded; 256 MB of JPEG 2000 take some ten seconds.
_DECODED_LIMIT = 1 << 28


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
        if _as_shown(dicom, pixels):
            return _native(dicom, pixels)
        if (expected_bytes(dicom, pixels.tag) or _DECODED_LIMIT + 1) <= _DECODED_LIMIT:
            try:
                return _decoded(dicom, frames(path))
            except Undecodable:
                pass
        return _compressed(dicom, pixels) if dicom.fragments else _native(dicom, pixels)
    except Short:
        return None


def _as_shown(dicom: Dicom, pixels: Element) -> bool:
    """Whether the stored bytes are what is hashed: native, little endian, whole bytes, colours by pixel."""
    planar = (dicom.number(_SAMPLES) or 1) > 1 and dicom.number(_PLANAR) == 1
    return not dicom.fragments and dicom.encoding.little and dicom.number(_BITS) != 1 and not planar


class _Hash:
    """Takes pixels as they come, and sees whether all have one value."""

    def __init__(self, dicom: Dicom) -> None:
        shape = (*(dicom.number(tag) for tag in (_ROWS, _COLUMNS, _SAMPLES, _BITS)), 0)
        self._sum = hashlib.sha256(repr(shape).encode())
        self._unit = max((dicom.number(_BITS) or 8) // 8, 1) * (dicom.number(_SAMPLES) or 1)
        self._first: bytes | None = None
        self._plain = True

    def __call__(self, data: bytes | memoryview) -> None:
        self._sum.update(data)
        if self._first is None:
            self._first = bytes(data[: self._unit])
        if self._plain:
            self._plain = data == self._first * (len(data) // self._unit) + self._first[: len(data) % self._unit]

    @property
    def hex(self) -> str | None:
        return None if self._plain else self._sum.hexdigest()


def _native(dicom: Dicom, pixels: Element) -> str | None:
    total = _Hash(dicom)
    dicom.source.seek(pixels.value)
    count = expected_bytes(dicom, pixels.tag)
    dicom.source.copy(dicom.header.pixel_length if count is None else count, total)
    return total.hex


def _decoded(dicom: Dicom, shown: Iterator[tuple[int, Frame]]) -> str | None:
    """A frame at a time."""
    total = _Hash(dicom)
    for _, frame in shown:
        total(frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes())
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
