"""Painted rectangles hide what they cover, in every transfer syntax; whatever they do not cover stays as it was."""

import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended

from collecte.formats.dicom.mask import mask
from collecte.frames import frames
from collecte.package import sha256_of
from collecte.records import Box
from tests.formats.dicom.builders import Maker, bundled, slice_of, written

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
JPEG, RLE, DEFLATED = "1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
BOX = Box(4, 3, 20, 9)
#: Smooth, so that a lossy code keeps them close; 12 bits.
GREY = np.stack([np.add.outer(np.arange(24), np.arange(32)) * 40 + 300 * n + 7 for n in range(3)]).astype(np.uint16)
COLOUR = np.stack([GREY // 24, GREY // 48 + 60, 200 - GREY // 32], axis=-1).astype(np.uint8)


def image_of(pixels: Any, syntax: str, data: bytes, **attributes: Any) -> Dataset:
    """A multi-frame image of frames × rows × columns [× samples] that is stored as ``data``."""
    colour = pixels.ndim == 4
    bits = pixels.dtype.itemsize * 8
    layout = {
        "NumberOfFrames": len(pixels),
        "Rows": pixels.shape[1],
        "Columns": pixels.shape[2],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "PlanarConfiguration": 0 if colour else None,
        "BitsAllocated": bits,
        "BitsStored": 12 if bits == 16 else bits,
        "HighBit": 11 if bits == 16 else bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    image = slice_of(**layout | attributes)
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = data
    native = syntax in (EXPLICIT, IMPLICIT, BIG)
    image["PixelData"].VR = "OW" if native and bits > 8 else "OB"
    image["PixelData"].is_undefined_length = not native
    return image


def stored(path: Path) -> Any:
    return np.stack([frame for _, frame in frames(path)])


def painted(pixels: Any, value: Any, number: int = 1, box: Box = BOX) -> Any:
    copy = pixels.copy()
    copy[number, box.top : box.bottom, box.left : box.right] = value
    return copy


def deflated(frame: Any) -> bytes:
    return zlib.compress(frame.tobytes())[2:-4]


def precision(frame: Any) -> int:
    return 8 if frame.dtype.itemsize == 1 else 12


CODES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "jpeg lossless": (f"{JPEG}70", lambda f: imagecodecs.jpeg8_encode(f, lossless=True, bitspersample=precision(f))),
    "jpeg-ls": (f"{JPEG}80", imagecodecs.jpegls_encode),
    "near-lossless": (f"{JPEG}81", lambda f: imagecodecs.jpegls_encode(f, level=2)),
    "jpeg 2000": (f"{JPEG}90", lambda f: imagecodecs.jpeg2k_encode(f, codecformat="j2k", reversible=True, level=0)),
    "htj2k": (f"{JPEG}201", lambda f: imagecodecs.htj2k_encode(f, reversible=True)),
    "htj2k rpcl": (f"{JPEG}202", lambda f: imagecodecs.htj2k_encode(f, reversible=True, tlm=True)),
    "uncompressed": (UNCOMPRESSED, lambda f: f.tobytes()),
}
LOSSY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "jpeg": (f"{JPEG}50", lambda f: imagecodecs.jpeg8_encode(f, level=90, colorspace="RGB", outcolorspace="RGB")),
    "jpeg 2000 lossy": (f"{JPEG}91", lambda f: imagecodecs.jpeg2k_encode(f, codecformat="j2k", level=45)),
    "htj2k lossy": (f"{JPEG}203", lambda f: imagecodecs.htj2k_encode(f, reversible=False, level=0.001)),
}


def encoded(name: str, pixels: Any) -> Dataset:
    syntax, encode = (CODES | LOSSY)[name]
    transformed = pixels.ndim == 4 and ("2000" in name or "htj2k" in name)
    kind = ("YBR_ICT" if name in LOSSY else "YBR_RCT") if transformed else "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    data = encapsulate([bytes(encode(frame)) for frame in pixels])
    return image_of(pixels, syntax, data, PhotometricInterpretation=kind)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_codes_keep_every_value_outside_the_box(make: Maker, tmp_path: Path, name: str, pixels: Any) -> None:
    source = make(encoded(name, pixels)).target
    before = stored(source)
    safe = mask(source, tmp_path / "masked", {1: [BOX]})
    assert safe.findings == ()
    assert safe.actions == {"masked": 1}
    assert (safe.sha256, safe.size) == (sha256_of(tmp_path / "masked"), (tmp_path / "masked").stat().st_size)
    assert np.array_equal(stored(tmp_path / "masked"), painted(before, 0))
    assert mask(source, tmp_path / "again", {1: [BOX]}).sha256 == safe.sha256


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_codes_keep_the_rest_close_and_the_box_dark(make: Maker, tmp_path: Path, name: str) -> None:
    source = make(encoded(name, COLOUR)).target
    before = stored(source)
    assert mask(source, tmp_path / "masked", {1: [BOX]}).findings == ()
    after = stored(tmp_path / "masked")
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    expected = painted(before, 0).astype(int)
    assert np.abs(after - expected).mean() < 1
    assert after[1, BOX.top : BOX.bottom, BOX.left : BOX.right].max() < 8


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm"])
def test_rle(make: Maker, tmp_path: Path, name: str) -> None:
    source = make(bundled(name)).target
    before = stored(source)
    assert mask(source, tmp_path / "masked", {0: [BOX]}).findings == ()
    dark = -(1 << 15) if before.dtype.kind == "i" else 0
    assert np.array_equal(stored(tmp_path / "masked"), painted(before, dark, 0))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4"])
def test_native_pixels_change_within_the_box_alone(make: Maker, tmp_path: Path, syntax: str, dtype: str) -> None:
    pixels = (GREY % 200).astype(dtype)
    order = ">" if syntax == BIG else "<"
    source = make(image_of(pixels, syntax, pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())).target
    assert mask(source, tmp_path / "masked", {1: [BOX]}).findings == ()
    assert np.array_equal(stored(tmp_path / "masked"), painted(pixels, -2048 if dtype == "i2" else 0))
    assert (tmp_path / "masked").read_bytes()[-len(pixels.tobytes()) :][: pixels[0].nbytes] == (
        source.read_bytes()[-len(pixels.tobytes()) :][: pixels[0].nbytes]
    )


def test_frames_that_begin_within_a_byte_or_a_swapped_word(make: Maker, tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (9, 5, 5)).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    layout = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    source = written(image_of(bits, EXPLICIT, packed + b"\0", **layout), tmp_path / "bits")
    box = Box(1, 1, 4, 4)
    assert mask(source, tmp_path / "masked", {0: [box], 1: [box], 8: [box]}).findings == ()
    expected = painted(painted(painted(bits, 0, 0, box), 0, 1, box), 0, 8, box)
    assert np.array_equal(stored(tmp_path / "masked"), expected)
    odd = np.arange(75, dtype=np.uint8).reshape(3, 5, 5) + 1
    words = np.pad(odd.ravel(), (0, 1)).view(np.uint16).byteswap().tobytes()
    image = image_of(odd, BIG, words)
    image["PixelData"].VR = "OW"
    source = written(image, tmp_path / "words")
    assert np.array_equal(stored(source), odd)
    assert mask(source, tmp_path / "masked", {1: [box], 2: [box]}).findings == ()
    assert np.array_equal(stored(tmp_path / "masked"), painted(painted(odd, 0, 1, box), 0, 2, box))


def test_the_darkest_value_is_black_whatever_the_colours(make: Maker, tmp_path: Path) -> None:
    def dark(image: Dataset) -> Any:
        source = written(image, tmp_path / "source")
        assert mask(source, tmp_path / "masked", {0: [BOX]}).findings == ()
        return stored(tmp_path / "masked")[0, BOX.top, BOX.left].tolist()

    def colour(kind: str, **attributes: Any) -> Dataset:
        return image_of(COLOUR, EXPLICIT, COLOUR.tobytes(), PhotometricInterpretation=kind, **attributes)

    assert dark(colour("RGB")) == [0, 0, 0]
    assert dark(colour("YBR_FULL")) == [0, 128, 128]
    assert dark(colour("RGB", PlanarConfiguration=1)) == [0, 0, 0]
    inverse = image_of(GREY, EXPLICIT, GREY.tobytes(), PhotometricInterpretation="MONOCHROME1")
    assert dark(inverse) == 4095
    index = (GREY % 4).astype(np.uint8)
    palette = image_of(index, EXPLICIT, index.tobytes(), PhotometricInterpretation="PALETTE COLOR")
    for name in ("Red", "Green", "Blue"):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(palette, f"{name}PaletteColorLookupTableData", struct.pack("<4H", 60000, 40000, 10, 50000))
    assert dark(palette) == 2


def test_shared_chroma_is_painted_by_pairs(make: Maker, tmp_path: Path) -> None:
    source = make(bundled("SC_ybr_full_422_uncompressed.dcm")).target
    before = stored(source)
    assert mask(source, tmp_path / "masked", {0: [BOX]}).findings == ()
    assert np.array_equal(stored(tmp_path / "masked"), painted(before, [0, 128, 128], 0))


def test_boxes_may_overlap_and_lie_beyond_the_frame(make: Maker, tmp_path: Path) -> None:
    source = make(image_of(GREY, EXPLICIT, GREY.tobytes())).target
    boxes = [BOX, Box(0, 0, 10, 10), Box(-5, -5, 2, 2), Box(30, 20, 900, 900), Box(9, 9, 3, 3), Box(500, 500, 600, 600)]
    assert mask(source, tmp_path / "masked", {2: boxes, 0: []}).actions == {"masked": 1}
    expected = GREY.copy()
    for box in boxes:
        expected[2, max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = 0
    assert np.array_equal(stored(tmp_path / "masked"), expected)


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("table", [True, False])
def test_other_frames_pass_as_they_are_stored_and_the_basic_table_is_true(
    tmp_path: Path, fragments: int, table: bool
) -> None:
    data = [bytes(imagecodecs.jpegls_encode(frame)) for frame in GREY]
    image = image_of(GREY, f"{JPEG}80", encapsulate(data, fragments_per_frame=fragments, has_bot=table))
    source = written(image, tmp_path / "source")
    assert mask(source, tmp_path / "masked", {1: [BOX]}).findings == ()
    before, after = dcmread(source).PixelData, dcmread(tmp_path / "masked").PixelData
    assert after.endswith(before[before.rindex(data[2][:40]) :]), "the last frame is stored as it was"
    assert data[0][-60:] in after
    assert data[1][-60:] not in after
    length = struct.unpack_from("<L", after, 4)[0]
    assert length == (12 if table else 0)
    for number, offset in enumerate(struct.unpack_from(f"<{length // 4}L", after, 8)):
        at = 8 + length + offset
        assert after[at : at + 4] == b"\xfe\xff\x00\xe0", number
        assert after[at + 8 : at + 10] == b"\xff\xd8", number


def test_the_extended_table_is_true(tmp_path: Path) -> None:
    data = [bytes(imagecodecs.jpegls_encode(frame)) for frame in GREY]
    pixels, offsets, lengths = encapsulate_extended(data)
    extended = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    source = written(image_of(GREY, f"{JPEG}80", pixels, **extended), tmp_path / "source")
    assert mask(source, tmp_path / "masked", {1: [BOX]}).findings == ()
    masked = dcmread(tmp_path / "masked")
    starts = struct.unpack("<3Q", masked.ExtendedOffsetTable)
    sizes = struct.unpack("<3Q", masked.ExtendedOffsetTableLengths)
    assert starts != struct.unpack("<3Q", offsets)
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        at = 16 + start
        frame = imagecodecs.jpegls_decode(masked.PixelData[at : at + size])
        assert np.array_equal(frame, painted(GREY, 0)[number])


def test_the_header_says_so_and_nothing_else_changes(make: Maker, tmp_path: Path) -> None:
    source = make(image_of(GREY, EXPLICIT, GREY.tobytes())).target
    mask(source, tmp_path / "masked", {1: [BOX]})
    mask(tmp_path / "masked", tmp_path / "twice", {1: [BOX]})
    before, after = dcmread(source), dcmread(tmp_path / "masked")
    assert after.BurnedInAnnotation == "NO"
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == [item.CodeValue for item in before.DeidentificationMethodCodeSequence] + ["113101"]
    assert (tmp_path / "twice").read_bytes() == (tmp_path / "masked").read_bytes()
    differing = {e.keyword for e in after if e.tag not in before or before[e.tag].value != e.value}
    assert differing == {"BurnedInAnnotation", "DeidentificationMethodCodeSequence", "PixelData"}
    assert after.file_meta == before.file_meta


@pytest.mark.parametrize("number", [-1, 3])
def test_a_frame_that_is_not_there_leaves_nothing(make: Maker, tmp_path: Path, number: int) -> None:
    source = make(image_of(GREY, EXPLICIT, GREY.tobytes())).target
    safe = mask(source, tmp_path / "masked", {number: [BOX]})
    assert [finding.code for finding in safe.findings] == ["DICOM-PIXELS-UNREADABLE"]
    assert (safe.sha256, safe.size) == ("", 0)
    assert not list(tmp_path.glob("masked*"))


def test_a_frame_that_cannot_be_decoded_leaves_nothing(tmp_path: Path) -> None:
    data = [bytes(imagecodecs.jpegls_encode(frame)) for frame in GREY]
    data[1] = data[1][:60]
    source = written(image_of(GREY, f"{JPEG}80", encapsulate(data)), tmp_path / "source")
    assert [f.code for f in mask(source, tmp_path / "masked", {1: [BOX]}).findings] == ["DICOM-PIXELS-UNREADABLE"]
    assert not list(tmp_path.glob("masked*"))
    assert mask(source, tmp_path / "masked", {0: [BOX]}).findings == (), "frames that are not touched are not decoded"


def test_a_file_cut_short_or_no_dicom_leaves_nothing(make: Maker, tmp_path: Path) -> None:
    whole = make(image_of(GREY, EXPLICIT, GREY.tobytes())).target.read_bytes()
    for content in (b"", b"no DICOM", whole[:-100], whole[:900]):
        (tmp_path / "short").write_bytes(content)
        assert mask(tmp_path / "short", tmp_path / "masked", {0: [BOX]}).findings
        assert not list(tmp_path.glob("masked*"))


def test_dciodvfy_has_no_more_to_say(make: Maker, tmp_path: Path) -> None:
    for name in ("MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "examples_ybr_color.dcm"):
        source = make(bundled(name)).target
        mask(source, tmp_path / "masked", {0: [BOX]})
        assert errors(tmp_path / "masked") <= errors(source), name


def errors(path: Path) -> set[str]:
    judge = Path(sys.executable).with_name("dciodvfy")
    run = subprocess.run([judge, path], capture_output=True, check=False)
    return {line for line in run.stderr.decode("latin-1").splitlines() if line.startswith("Error")}


def test_one_frame_is_in_memory(tmp_path: Path) -> None:
    count, frame = 200, np.zeros((512, 512), np.uint16)
    data = encapsulate([frame.tobytes()] * count)
    source = written(image_of(np.broadcast_to(frame, (count, 512, 512)), UNCOMPRESSED, data), tmp_path / "source")
    native = image_of(np.broadcast_to(frame, (count, 512, 512)), EXPLICIT, frame.tobytes() * count)
    for path in (source, written(native, tmp_path / "native")):
        mask(path, tmp_path / "first", {0: [BOX]})
        tracemalloc.start()
        assert mask(path, tmp_path / "masked", {number: [BOX] for number in range(0, count, 2)}).findings == ()
        assert tracemalloc.get_traced_memory()[1] < 12 * frame.nbytes
        tracemalloc.stop()


def test_deflated_frames(tmp_path: Path) -> None:
    """A syntax that pydicom does not know yet: written under a name of the same length."""
    source = written(image_of(GREY, f"{JPEG}80", encapsulate([deflated(f) for f in GREY])), tmp_path / "source")
    source.write_bytes(source.read_bytes().replace(f"{JPEG}80".encode(), DEFLATED.encode() + b"\0", 1))
    assert mask(source, tmp_path / "masked", {1: [BOX]}).findings == ()
    assert np.array_equal(stored(tmp_path / "masked"), painted(GREY, 0))
