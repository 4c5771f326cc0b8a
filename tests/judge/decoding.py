"""Frames of an image as arrays, by codecs alone: no colour conversion, no rescaling, so that bits can be compared."""

import warnings

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.rle import _rle_decode_frame
from pydicom.uid import UID, ExplicitVRBigEndian

_RLE = "1.2.840.10008.1.2.5"
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_FLOATS = {0x7FE00008: "f4", 0x7FE00009: "f8"}


class CannotDecode(Exception):
    """No image, or one that no codec here opens."""


def decoded(data: Dataset, syntax: str) -> np.ndarray:
    """The frames of an image, frames first; of JPEG with its colours as they are stored.

    Raises:
        CannotDecode: there are no pixels, or no codec reads them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _decoded(data, syntax)
        except Exception as error:  # noqa: BLE001 -- whatever a codec raises over a broken stream
            raise CannotDecode(type(error).__name__) from None


def _decoded(data: Dataset, syntax: str) -> np.ndarray:
    for tag, kind in _FLOATS.items():
        if tag in data:
            return np.frombuffer(data[tag].value, f"<{kind}")
    count, rows, columns = int(data.get("NumberOfFrames") or 1), data.Rows, data.Columns
    samples = data.SamplesPerPixel
    if UID(syntax).is_encapsulated and syntax != _DEFLATED_FRAME:
        frames = generate_frames(data.PixelData, number_of_frames=count)
        return np.stack([_frame(frame, data, syntax) for frame in frames])
    if data.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")
        return bits[: count * rows * columns].reshape(count, rows, columns)
    if str(data.PhotometricInterpretation).endswith("422"):
        return np.frombuffer(data.PixelData, np.uint8)[: count * rows * columns * 2]
    raw = native(data, syntax)[: count * rows * columns * samples]
    return raw.reshape(count, rows * columns * samples).astype(raw.dtype.newbyteorder("="))


def native(data: Dataset, syntax: str) -> np.ndarray:
    """The values of native pixel data, with whatever follows them."""
    kind = np.dtype(f"{'>' if syntax == ExplicitVRBigEndian else '<'}u{data.BitsAllocated // 8}")
    return np.frombuffer(data.PixelData, kind, len(data.PixelData) // kind.itemsize)


def has_spare_bit(data: Dataset, syntax: str) -> bool:
    """Whether pixels are native, have 16 bits and do not use the highest."""
    if UID(syntax).is_encapsulated or data.get("BitsAllocated") != 16:
        return False
    return data.get("HighBit") == data.get("BitsStored", 16) - 1 < 15


def _frame(frame: bytes, data: Dataset, syntax: str) -> np.ndarray:
    import imagecodecs

    if syntax == _RLE:
        raw = _rle_decode_frame(frame, data.Rows, data.Columns, data.SamplesPerPixel, data.BitsAllocated)
        return np.frombuffer(raw, np.uint8)
    if frame[:4] == b"\xff\x4f\xff\x51" or frame[4:8] == b"jP  ":
        return imagecodecs.jpeg2k_decode(frame)
    if syntax.endswith((".4.80", ".4.81")):
        return imagecodecs.jpegls_decode(frame)
    for codec in (imagecodecs.jpeg8_decode, imagecodecs.ljpeg_decode, imagecodecs.jpegsof3_decode):
        try:
            array = codec(frame)
        except Exception:  # noqa: BLE001, S112 -- the next codec may know this kind of JPEG
            continue
        if array.size:
            return array
    raise CannotDecode(syntax)


def read(path: object) -> pydicom.FileDataset:
    """A file as pydicom reads it, broken values and all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


def syntax_of(data: pydicom.FileDataset) -> str:
    """Its transfer syntax; implicit VR where no file meta says one."""
    return str(data.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))
