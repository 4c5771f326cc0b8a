"""Frames as decoded: against pydicom's own decoders, against the same image stored otherwise, and hostile ones."""

import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels.utils import iter_pixels

from collecte.frames import Undecodable, frames, image

EXPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG, DEFLATED = "1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.8.1"
RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 4096, (3, 40, 48), dtype=np.uint16)
COLOUR = RNG.integers(0, 256, (2, 30, 26, 3), dtype=np.uint8)


def bundled(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert path, name
    return Path(path)


def written(path: Path, pixels: Any, syntax: str, data: bytes, **attributes: Any) -> Path:
    """A file of ``pixels`` (frames × rows × columns [× samples]) whose pixel data are ``data``."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = JPEG + "80" if syntax == DEFLATED else syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7.3"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    ds.NumberOfFrames, ds.Rows, ds.Columns = (len(pixels), *pixels.shape[1:3])
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored = 12 if ds.BitsAllocated == 16 else ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.update(attributes)
    ds.PixelData = data
    ds["PixelData"].VR = "OB" if syntax not in (EXPLICIT, BIG) or ds.BitsAllocated <= 8 else "OW"
    ds["PixelData"].is_undefined_length = syntax not in (EXPLICIT, BIG)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.save_as(path, enforce_file_format=True)
    if syntax == DEFLATED:  # which pydicom does not know yet
        path.write_bytes(path.read_bytes().replace(f"{JPEG}80".encode(), DEFLATED.encode() + b"\0", 1))
    return path


def all_of(path: Path) -> Any:
    return np.stack([frame for _, frame in frames(path)])


def deflated(frame: Any) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(frame.tobytes()) + stream.flush()


ENCODERS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "jpeg lossless": (JPEG + "70", lambda f: imagecodecs.jpeg8_encode(f, lossless=True, bitspersample=bits(f))),
    "jpeg-ls": (JPEG + "80", imagecodecs.jpegls_encode),
    "jpeg 2000": (JPEG + "90", lambda f: imagecodecs.jpeg2k_encode(f, codecformat="j2k", reversible=True, level=0)),
    "jp2 boxes": (JPEG + "90", lambda f: imagecodecs.jpeg2k_encode(f, codecformat="jp2", reversible=True, level=0)),
    "htj2k": (JPEG + "201", lambda f: imagecodecs.htj2k_encode(f, reversible=True)),
    "deflated": (DEFLATED, deflated),
    "uncompressed": ("1.2.840.10008.1.2.1.98", lambda f: f.tobytes()),
}


def bits(frame: Any) -> int:
    return 8 if frame.dtype.itemsize == 1 else 12


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_what_a_lossless_codec_was_given_comes_out(tmp_path: Path, codec: str, pixels: Any) -> None:
    syntax, encode = ENCODERS[codec]
    extra = {"PhotometricInterpretation": "YBR_RCT"} if "2000" in codec and pixels.ndim == 4 else {}
    path = written(tmp_path / "in", pixels, syntax, encapsulate([encode(frame) for frame in pixels]), **extra)
    assert np.array_equal(all_of(path), pixels)
    assert [number for number, _ in frames(path, [1, 0])] == [1, 0]


@pytest.mark.parametrize(
    "name",
    [
        *("CT_small", "MR_small_bigendian", "MR_small_RLE", "MR_small_jpeg_ls_lossless", "MR_small_jp2klossless"),
        *("SC_rgb_small_odd", "SC_rgb_small_odd_big_endian", "ExplVR_BigEnd", "SC_ybr_full_422_uncompressed"),
        *("SC_rgb_jpeg_dcmtk", "JPEG2000", "JPEGLSNearLossless_16", "examples_ybr_color", "rtdose_rle_1frame"),
        *("SC_rgb_rle_2frame", "examples_palette", "examples_overlay", "liver_1frame"),
    ],
)
def test_pydicom_reads_the_same(name: str) -> None:
    path = bundled(f"{name}.dcm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [frame.copy() for frame in iter_pixels(path, raw=True)]
    ours = [frame for _, frame in frames(path)]
    assert len(ours) == len(expected) == image(path).frames
    for mine, theirs in zip(ours, expected, strict=True):
        assert mine.dtype == theirs.dtype.newbyteorder("=")
        assert np.array_equal(mine, theirs)


def test_the_layout_is_as_the_header_says() -> None:
    found = image(bundled("CT_small.dcm"))
    assert (found.rows, found.columns, found.frames, found.samples, found.bits) == (128, 128, 1, 1, 16)
    assert (found.signed, found.photometric, found.transfer_syntax) == (True, "MONOCHROME2", EXPLICIT)


def test_a_deflated_data_set_is_read() -> None:
    assert next(frames(bundled("image_dfl.dcm")))[1].shape == (512, 512)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "u8"])
def test_native_pixels_in_either_byte_order(tmp_path: Path, order: str, dtype: str) -> None:
    pixels = RNG.integers(0, 100, (2, 5, 4)).astype(dtype)
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    assert np.array_equal(all_of(written(tmp_path / "in", pixels, BIG if order == ">" else EXPLICIT, data)), pixels)


def test_a_bitmap_whose_frames_share_bytes(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 2, (3, 5, 5)).astype(np.uint8)
    data = np.packbits(pixels.ravel(), bitorder="little").tobytes()
    path = written(tmp_path / "in", pixels, EXPLICIT, data, BitsAllocated=1, BitsStored=1, HighBit=0)
    assert np.array_equal(all_of(path), pixels)


def test_colours_by_plane_come_by_pixel(tmp_path: Path) -> None:
    data = np.moveaxis(COLOUR, -1, 1).tobytes()
    assert np.array_equal(all_of(written(tmp_path / "in", COLOUR, EXPLICIT, data, PlanarConfiguration=1)), COLOUR)


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("table", ["basic", "none", "extended"])
def test_frames_are_cut_by_table_or_by_what_ends_a_codestream(tmp_path: Path, pieces: int, table: str) -> None:
    encoded = [imagecodecs.jpegls_encode(frame) for frame in GREY]
    extra: dict[str, Any] = {}
    if table == "extended":
        data, extra["ExtendedOffsetTable"], extra["ExtendedOffsetTableLengths"] = encapsulate_extended(encoded)
    else:
        data = encapsulate(encoded, fragments_per_frame=pieces, has_bot=table == "basic")
    assert np.array_equal(all_of(written(tmp_path / "in", GREY, JPEG + "80", data, **extra)), GREY)


def test_signed_samples_get_their_sign_back(tmp_path: Path) -> None:
    pixels = RNG.integers(-2048, 2048, (1, 32, 32)).astype(np.int16)
    unsigned = (pixels[0] & 0xFFF).astype(np.uint16)
    data = encapsulate([imagecodecs.jpeg8_encode(unsigned, lossless=True, bitspersample=12)])
    assert np.array_equal(all_of(written(tmp_path / "in", pixels, JPEG + "70", data)), pixels)


def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint16)[None] * 30
    data = encapsulate([imagecodecs.jpeg8_encode(smooth[0], level=100, bitspersample=12)])
    found = all_of(written(tmp_path / "in", smooth, JPEG + "51", data))
    assert np.abs(found.astype(int) - smooth).max() < 8


def test_lossy_high_throughput_jpeg_2000_does_not_wrap_around(tmp_path: Path) -> None:
    extremes = np.where(RNG.random((1, 64, 64)) < 0.5, 0, 255).astype(np.uint8)
    data = encapsulate([imagecodecs.htj2k_encode(extremes[0], reversible=False, level=0.02)])
    found = all_of(written(tmp_path / "in", extremes, JPEG + "203", data))
    assert np.abs(found.astype(int) - extremes).max() < 64


def hostile(tmp_path: Path) -> dict[str, Path]:
    encoded = imagecodecs.jpegls_encode(GREY[0])
    lying = encoded.replace(struct.pack(">HH", 40, 48), struct.pack(">HH", 65535, 65535), 1)
    one = GREY[:1]
    halved = bytes(imagecodecs.htj2k_encode(GREY[0], reversible=True))[:900]
    bomb = zlib.compress(b"\0" * (1 << 24), 9)[2:-4]
    rle = struct.pack("<16L", 2, 64, 66, *[0] * 13) + b"\x81\0" * 5000
    return {
        "cut short": written(tmp_path / "1", one, JPEG + "80", encapsulate([encoded[: len(encoded) // 2]])),
        "cut short by half": written(tmp_path / "0", one, JPEG + "201", encapsulate([halved])),
        "another size": written(tmp_path / "2", one, JPEG + "80", encapsulate([lying])),
        "noise": written(tmp_path / "3", one, JPEG + "90", encapsulate([b"Delacroix^Eugene" * 9])),
        "bomb": written(tmp_path / "4", one, DEFLATED, encapsulate([bomb])),
        "runs": written(tmp_path / "5", one, "1.2.840.10008.1.2.5", encapsulate([rle])),
        "too large": written(tmp_path / "6", one, EXPLICIT, b"\0" * 64, Rows=65535, Columns=65535),
        "missing frames": written(tmp_path / "7", GREY, EXPLICIT, GREY[:2].tobytes()),
        "missing fragments": written(tmp_path / "8", GREY, JPEG + "80", encapsulate([encoded, encoded])),
        "no fragments": written(tmp_path / "9", one, JPEG + "80", encapsulate([b"\0\0"])[:8]),
        "video": written(tmp_path / "10", one, JPEG + "100", encapsulate([encoded])),
        "twelve bits allocated": written(tmp_path / "11", one, EXPLICIT, b"\0" * 9999, BitsAllocated=12),
    }


def test_what_cannot_be_decoded_says_so_without_a_value_and_without_memory(tmp_path: Path) -> None:
    for case, path in hostile(tmp_path).items():
        tracemalloc.start()
        with pytest.raises(Undecodable) as raised:
            list(frames(path))
        assert tracemalloc.get_traced_memory()[1] < 1 << 23, case
        tracemalloc.stop()
        assert raised.value.__cause__ is None, case
        assert raised.value.__context__ is None or raised.value.__suppress_context__, case
        assert not set("0123456789") & set(str(raised.value)), case


def test_a_file_without_pixels_is_no_image(tmp_path: Path) -> None:
    for content in (b"", b"no DICOM", b"\0" * 128 + b"DICM", bundled("test-SR.dcm").read_bytes()):
        (tmp_path / "in").write_bytes(content)
        with pytest.raises(Undecodable):
            image(tmp_path / "in")


def test_a_number_beyond_the_frames_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        list(frames(bundled("CT_small.dcm"), [1]))


def test_one_frame_is_in_memory_whatever_the_size_of_the_file(tmp_path: Path) -> None:
    count, size = 2000, 512 * 512 * 2
    path = written(tmp_path / "in", np.zeros((count, 512, 1), np.uint16), EXPLICIT, b"", Columns=512)
    with path.open("r+b") as file:  # sparse: a gigabyte that takes no room on the disk
        end = file.seek(0, 2)
        file.seek(end - 4)
        file.write(struct.pack("<L", count * size))
        file.truncate(end + count * size)
    tracemalloc.start()
    found = sum(1 for _ in frames(path, range(0, count, 100)))
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()
    assert found == 20
