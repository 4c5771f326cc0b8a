"""From the pixels of one frame back to the bytes that stand for it in a file, stored as the frame that it replaces."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from collecte.frames._codecs import DEFLATED_FRAME, HTJ2K, J2K, JPEG, JPEG_LS, RLE, UNCOMPRESSED, decode
from collecte.frames._codestream import Codestream, read_j2k, read_jpeg
from collecte.frames._layout import Frame, Layout, undecodable

_LOSSLESS_JPEG = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
#: Mean difference, of the range of values, that a lossy code may make where nothing was painted.
_LOSS = 0.02
_RLE_SEGMENTS = 15
_HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
#: Quantisation step of irreversible HTJ2K, of the range of values.
_STEP = 2.0**-12


def encode(frame: Frame, original: bytes, layout: Layout) -> bytes:
    """A frame in the transfer syntax of its file, with the parameters of ``original``, the stored bytes of the frame
    that it replaces; values beyond its precision are brought to the nearest within. What comes out was decoded again:
    it is exactly what was given, or close where the code is lossy. The same frame gives the same bytes.

    Raises:
        Undecodable: there is no encoder that gives the frame back.
    """
    with undecodable():
        frame = _within(np.ascontiguousarray(frame), original, layout)
        data, exact = _ENCODERS[layout.image.transfer_syntax](frame, original, layout)
        again = decode(data, layout)
        if not (np.array_equal(again, frame) if exact else _close(again, frame)):
            raise ValueError
        return data


def _within(frame: Frame, original: bytes, layout: Layout) -> Frame:
    read = {**dict.fromkeys(JPEG + JPEG_LS, read_jpeg), **dict.fromkeys(J2K + HTJ2K, read_j2k)}.get(
        layout.image.transfer_syntax
    )
    if read is None:
        return frame
    bits = read(original).precision
    low = -(1 << bits - 1) if layout.image.signed else 0
    return np.clip(frame, low, low + (1 << bits) - 1)


def _close(again: Frame, frame: Frame) -> bool:
    span = float(np.ptp(frame)) or 1.0
    return bool(np.mean(np.abs(again.astype(np.float32) - frame.astype(np.float32))) <= _LOSS * span)


def _samples(frame: Frame, stream: Codestream) -> "np.ndarray[Any, Any]":
    """The samples as a codestream of this precision has them: the inverse of what decoding does with the sign."""
    width = 1 if stream.precision <= 8 else 2 if stream.precision <= 16 else 4
    if stream.signed:
        return frame.astype(f"i{width}")
    return (frame.astype(np.int64) & ((1 << stream.precision) - 1)).astype(f"u{width}")


def _jpeg(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    from imagecodecs import JPEG8, jpeg8_encode

    stream = read_jpeg(original)
    space = JPEG8.CS.GRAYSCALE if stream.samples == 1 else JPEG8.CS.RGB if stream.rgb else JPEG8.CS.YCbCr
    exact = stream.process in _LOSSLESS_JPEG
    options: dict[str, Any] = {"lossless": True, "predictor": 1} if exact else {"level": 100}
    if stream.samples > 1 and not exact:
        options["subsampling"] = stream.subsampling
    data = jpeg8_encode(
        _samples(frame, stream), colorspace=space, outcolorspace=space, bitspersample=stream.precision, **options
    )
    return bytes(data), exact


def _jpeg_ls(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    """Without loss, in the near-lossless syntax too."""
    from imagecodecs import jpegls_encode

    stream = read_jpeg(original)
    wide = 8 if stream.precision <= 8 else 16  # the encoder knows no other precision
    samples = frame.view(f"u{frame.dtype.itemsize}").astype(f"u{wide // 8}")
    if layout.image.signed and frame.dtype.itemsize * 8 > wide:
        raise ValueError
    return bytes(jpegls_encode(samples)), True


def _j2k(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    from imagecodecs import jpeg2k_encode

    stream = read_j2k(original)
    data = jpeg2k_encode(
        _samples(frame, stream),
        level=0,
        codecformat="j2k",
        bitspersample=stream.precision,
        reversible=_reversible(stream, layout),
        mct=stream.transformed,
        numthreads=1,
    )
    return bytes(data), _reversible(stream, layout)


def _htj2k(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    """The encoder writes the precision of the samples' type, so a sign is extended to it."""
    from imagecodecs import htj2k_encode

    stream = read_j2k(original)
    samples = _samples(frame, stream)
    exact = _reversible(stream, layout)
    data = htj2k_encode(
        frame.astype(f"i{samples.dtype.itemsize}") if layout.image.signed else samples,
        level=None if exact else _STEP,
        rgb=stream.transformed,
        reversible=exact,
        tlm=layout.image.transfer_syntax == _HTJ2K_RPCL,
    )
    return bytes(data), exact


def _reversible(stream: Codestream, layout: Layout) -> bool:
    """A lossy syntax allows reversible frames; but then their colour transform would not be the one declared."""
    return stream.reversible or layout.image.photometric != "YBR_ICT"


def _rle(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    """Each row of bytes by itself, the most significant byte of the first sample first (PS3.5, annex G)."""
    from imagecodecs import packbits_encode

    image, width = layout.image, layout.dtype.itemsize
    if image.bits == 1:
        planes = np.packbits(frame.ravel().astype(np.uint8), bitorder="little").reshape(1, 1, -1)
    else:
        big = np.ascontiguousarray(frame, frame.dtype.newbyteorder(">")).reshape(image.rows, image.columns, -1)
        by_byte = big.view(np.uint8).reshape(image.rows, image.columns, image.samples * width)
        planes = np.ascontiguousarray(np.moveaxis(by_byte, -1, 0))
    if len(planes) > _RLE_SEGMENTS:
        raise ValueError
    segments = [bytes(packbits_encode(plane)) for plane in planes]
    padded = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    offsets = np.cumsum([64, *map(len, padded)])[:-1].tolist()
    header = struct.pack("<16L", len(padded), *offsets, *[0] * (_RLE_SEGMENTS - len(padded)))
    return header + b"".join(padded), True


def _deflated(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(_plain(frame, layout)) + stream.flush(), True


def _uncompressed(frame: Frame, original: bytes, layout: Layout) -> tuple[bytes, bool]:
    return _plain(frame, layout), True


def _plain(frame: Frame, layout: Layout) -> bytes:
    """A frame's native bytes, little endian."""
    if layout.image.bits == 1:
        return np.packbits(frame.ravel().astype(np.uint8), bitorder="little").tobytes()
    ordered = np.moveaxis(frame, -1, 0) if layout.planar else frame
    return np.ascontiguousarray(ordered, frame.dtype.newbyteorder("<")).tobytes()


_Encoder = Callable[[Frame, bytes, Layout], tuple[bytes, bool]]
_ENCODERS: Mapping[str, _Encoder] = {
    **dict.fromkeys(JPEG, _jpeg),
    **dict.fromkeys(JPEG_LS, _jpeg_ls),
    **dict.fromkeys(J2K, _j2k),
    **dict.fromkeys(HTJ2K, _htj2k),
    RLE: _rle,
    DEFLATED_FRAME: _deflated,
    UNCOMPRESSED: _uncompressed,
}
