"""From the bytes of one encapsulated frame to its pixels."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from collecte.frames._codestream import Codestream, read_j2k, read_jpeg
from collecte.frames._layout import Frame, Layout

UNCOMPRESSED, DEFLATED_FRAME, RLE = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.5"
JPEG = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
#: Retired processes that old archives hold: spectral selection, and full progression. They are read, not written.
PROGRESSIVE_JPEG = ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
J2K = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
HTJ2K = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
#: Tiles so small that their number alone would exhaust the machine.
_TILE_LIMIT = 1 << 16
#: Scans of a JPEG: each takes as long as the frame is large, however few bytes it has.
_START_OF_SCAN, _SCAN_LIMIT = b"\xff\xda", 256
_END_OF_IMAGE = b"\xff\xd9"
#: Bytes of the longest run of RLE.
_RUN = 128


def decode(data: bytes, layout: Layout) -> Frame:
    """One frame.

    Raises:
        ValueError: it is not what the header says, or in a transfer syntax without decoder. Codecs raise others.
    """
    try:
        codec = _CODECS[layout.image.transfer_syntax]
    except KeyError:
        raise ValueError from None
    return codec(data, layout)


def _jpeg(data: bytes, layout: Layout) -> Frame:
    """Baseline, extended and lossless. The colour transform is not undone: which one there is, the header says."""
    from imagecodecs import JPEG8, jpeg8_decode

    stream = read_jpeg(data)
    _check(stream, layout)
    if data.count(_START_OF_SCAN) > _SCAN_LIMIT:
        raise ValueError
    space = JPEG8.CS.GRAYSCALE if stream.samples == 1 else JPEG8.CS.YCbCr
    return _fitted(jpeg8_decode(data, colorspace=space, outcolorspace=space), stream, layout)


def _jpeg_ls(data: bytes, layout: Layout) -> Frame:
    from imagecodecs import jpegls_decode

    stream = read_jpeg(data)
    _check(stream, layout)
    # CharLS reads for seconds behind the end of a stream that was cut short, unless a marker stops it.
    return _fitted(jpegls_decode(data + _END_OF_IMAGE), stream, layout)


def _j2k(data: bytes, layout: Layout) -> Frame:
    """HTJ2K too: imagecodecs' own decoder of it (2026.3.6) lets lossy values wrap around, and passes over errors."""
    from imagecodecs import jpeg2k_decode

    stream = read_j2k(data)
    _check(stream, layout)
    return _fitted(jpeg2k_decode(data, numthreads=1), stream, layout)


def _rle(data: bytes, layout: Layout) -> Frame:
    """Segments of bytes, the most significant of the first sample first (PS3.5, annex G)."""
    image = layout.image
    pixels, width = image.rows * image.columns, layout.dtype.itemsize
    count, *offsets = struct.unpack_from("<16L", data)
    if count != image.samples * width:
        raise ValueError
    ends = [*offsets[1:count], len(data)]
    planes = np.empty((count, pixels), np.uint8)
    for plane, start, end in zip(planes, offsets, ends, strict=False):
        plane[:] = _bitmap(data[start:end], pixels) if image.bits == 1 else _segment(data[start:end], pixels)
    # samples × bytes × pixels → pixels × samples × bytes, whose bytes are a big endian number
    by_pixel = np.ascontiguousarray(planes.reshape(image.samples, width, pixels).transpose(2, 0, 1))
    return by_pixel.view(layout.dtype.newbyteorder(">")).astype(layout.dtype, copy=False).reshape(layout.shape)


def _segment(data: bytes, size: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """One segment; what pads it to even length is no run, and not an error."""
    from imagecodecs import packbits_decode

    try:
        plain = packbits_decode(data, out=size + _RUN)
    except RuntimeError:
        plain = packbits_decode(data[:-1], out=size + _RUN)
    return np.frombuffer(plain, np.uint8, size)


def _bitmap(data: bytes, pixels: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.unpackbits(_segment(data, (pixels + 7) // 8), bitorder="little")[:pixels]


def _deflated(data: bytes, layout: Layout) -> Frame:
    """A frame's native bytes, deflated (PS3.5, annex A.4.13)."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    size = (layout.frame_bits + 7) // 8
    return _uncompressed(stream.decompress(data, size + 2), layout)


def _uncompressed(data: bytes, layout: Layout) -> Frame:
    size = (layout.frame_bits + 7) // 8
    if not size <= len(data) <= size + 1:
        raise ValueError
    if layout.image.bits == 1:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: layout.frame_bits].reshape(
            layout.shape
        )
    flat = np.frombuffer(data, layout.dtype.newbyteorder("<"), size // layout.dtype.itemsize).astype(layout.dtype)
    if layout.planar:
        return np.ascontiguousarray(np.moveaxis(flat.reshape(layout.shape[-1], *layout.shape[:2]), 0, -1))
    return flat.reshape(layout.shape)


def _check(stream: Codestream, layout: Layout) -> None:
    """Whether a codestream is the image that the header tells of, before memory is asked for it."""
    image = layout.image
    same = (stream.rows, stream.columns, stream.samples) == (image.rows, image.columns, image.samples)
    if not same or stream.precision > max(image.bits, 8) or stream.tiles > _TILE_LIMIT:
        raise ValueError


def _fitted(frame: "np.ndarray[Any, Any]", stream: Codestream, layout: Layout) -> Frame:
    """The decoded samples in the type that the header declares: the sign bit is the highest of the precision."""
    if frame.shape != layout.shape:
        raise ValueError
    spare = frame.dtype.itemsize * 8 - stream.precision
    if layout.image.signed and frame.dtype.kind == "u":
        frame = (frame << spare).view(f"i{frame.dtype.itemsize}") >> spare
    elif not layout.image.signed and frame.dtype.kind == "i":
        frame = (frame.view(f"u{frame.dtype.itemsize}") << spare) >> spare
    return frame.astype(layout.dtype, copy=False)


_CODECS: Mapping[str, Callable[[bytes, Layout], Frame]] = {
    **dict.fromkeys(JPEG + PROGRESSIVE_JPEG, _jpeg),
    **dict.fromkeys(JPEG_LS, _jpeg_ls),
    **dict.fromkeys(J2K + HTJ2K, _j2k),
    RLE: _rle,
    DEFLATED_FRAME: _deflated,
    UNCOMPRESSED: _uncompressed,
}
