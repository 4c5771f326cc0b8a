"""Every way a data set may be written, and the habits of real devices (PS3.5)."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from collecte.formats import dicom
from collecte.formats.dicom._source import _SECOND_BYTES, HEAD_BYTES
from tests.formats.dicom.builders import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Maker,
    bundled,
    element,
    item,
    slice_of,
    spliced,
    written,
)

DEFLATED, EXPLICIT_BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
JPEG, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"


def in_syntax(uid: str, path: Path) -> Path:
    """A CT slice with a nested name, in a transfer syntax."""
    image, nested = slice_of(), Dataset()
    nested.PatientName = "Delacroix^Nested"
    nested.ReferencedSOPInstanceUID = "1.2.3.4.1"
    image.SourceImageSequence = [nested]
    image.SourceImageSequence.is_undefined_length = True
    image.file_meta.TransferSyntaxUID = uid
    if uid == EXPLICIT_BIG:
        image.save_as(path, little_endian=False, implicit_vr=False, enforce_file_format=True)
        return path
    return written(image, path)


@pytest.mark.parametrize("uid", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED])
def test_each_transfer_syntax_is_made_safe_and_read_again(tmp_path: Path, make: Maker, uid: str) -> None:
    source = in_syntax(uid, tmp_path / "in")
    made = make(source)
    assert made.codes == set()
    safe, before = made.dataset, pydicom.dcmread(source)
    assert b"Delacroix" not in made.bytes
    assert safe.file_meta.TransferSyntaxUID == (EXPLICIT_LITTLE if uid == DEFLATED else uid)
    assert safe.PixelData == before.PixelData
    assert (safe.Rows, safe.BitsStored, safe.KVP) == (8, 12, 120)
    assert safe.SourceImageSequence[0].ReferencedSOPInstanceUID == safe.SOPInstanceUID


def test_the_same_image_has_the_same_values_in_every_transfer_syntax(tmp_path: Path, make: Maker) -> None:
    first, *others = (
        make(in_syntax(uid, tmp_path / uid)).dataset
        for uid in (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)
    )
    assert all({e.tag: e.value for e in safe} == {e.tag: e.value for e in first} for safe in others)


def test_deflated_data_that_do_not_inflate_are_unreadable(tmp_path: Path, make: Maker) -> None:
    data = in_syntax(DEFLATED, tmp_path / "in").read_bytes()
    (tmp_path / "in").write_bytes(data[:400] + b"\xff" * 40 + data[440:])
    assert make(tmp_path / "in").codes <= {"DICOM-UNREADABLE", "DICOM-TRUNCATED"} != set()


def test_a_deflated_bomb_is_refused_without_filling_memory(tmp_path: Path, make: Maker) -> None:
    data = in_syntax(DEFLATED, tmp_path / "in").read_bytes()
    start = 132 + 12 + struct.unpack_from("<L", data, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(element(0x00080008, "UT", b"", length=1 << 30)) + b"".join(
        packer.compress(bytes(1 << 20)) for _ in range(300)
    )
    (tmp_path / "in").write_bytes(data[:start] + bomb + packer.flush())
    assert make(tmp_path / "in").codes == {"DICOM-UNREADABLE"}


@pytest.mark.parametrize("size", [200, 700, -1, -127])
def test_a_file_cut_anywhere_is_refused_as_truncated(tmp_path: Path, make: Maker, size: int) -> None:
    data = in_syntax(EXPLICIT_LITTLE, tmp_path / "in").read_bytes()
    (tmp_path / "in").write_bytes(data[:size])
    made = make(tmp_path / "in")
    assert made.codes == {"DICOM-TRUNCATED"}
    assert not made.target.exists()


def test_pixel_data_shorter_than_the_image_are_refused(make: Maker) -> None:
    assert make(slice_of(NumberOfFrames=2)).codes == {"DICOM-PIXELS-SHORT"}


def fragments(*contents: bytes, end: bytes = b"\xfe\xff\xdd\xe0\0\0\0\0") -> bytes:
    items = b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content for content in contents)
    return b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + items + end


#: A frame of two RLE segments (PS3.5, annex G.5), each a run of 64 bytes.
FRAME = struct.pack("<16L", 2, 64, 66, *[0] * 13) + b"\xc1\7" * 2


def encapsulated(path: Path, pixels: bytes, uid: str = RLE) -> Path:
    data = in_syntax(EXPLICIT_LITTLE, path).read_bytes()
    data = data[: data.rindex(b"\xe0\x7f\x10\x00OW")].replace(
        EXPLICIT_LITTLE.encode() + b"\0", uid.encode().ljust(20, b"\0")
    )
    path.write_bytes(data + pixels)
    return path


def test_fragments_pass_through_untouched_and_nothing_behind_them(tmp_path: Path, make: Maker) -> None:
    pixels = fragments(b"", FRAME)
    tail = element(0xFFFCFFFC, "OB", b"Delacroix")
    made = make(encapsulated(tmp_path / "in", pixels + tail))
    assert made.codes == set()
    assert made.bytes.endswith(pixels)


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (fragments(b"", FRAME, end=b""), "DICOM-TRUNCATED"),
        (fragments(b"", FRAME)[:-40], "DICOM-TRUNCATED"),
        (fragments(b"", end=b"\x10\x00\x10\x00\x04\x00\x00\x00Name"), "DICOM-UNREADABLE"),
        (b"\xe0\x7f\x10\x00OB\0\0\x04\0\0\0\1\2\3\4", "DICOM-UNREADABLE"),
    ],
)
def test_broken_fragments_are_refused(tmp_path: Path, make: Maker, pixels: bytes, code: str) -> None:
    assert make(encapsulated(tmp_path / "in", pixels)).codes == {code}


def test_a_compressed_image_with_an_implicit_header_leaves_as_explicit(tmp_path: Path, make: Maker) -> None:
    data = in_syntax(IMPLICIT_LITTLE, tmp_path / "in").read_bytes()
    short, long = (
        b"\x10\x00UI\x12\x00" + IMPLICIT_LITTLE.encode() + b"\0",
        b"\x10\x00UI\x14\x00" + RLE.encode() + b"\0",
    )
    header = data[: data.rindex(b"\xe0\x7f\x10\x00")].replace(short, long.ljust(len(long) + len(long) % 2, b"\0"))
    pixels = fragments(b"", FRAME)
    (tmp_path / "in").write_bytes(header + pixels[:4] + pixels[8:])
    made = make(tmp_path / "in")
    assert made.codes == set()
    assert made.bytes.endswith(pixels)
    assert made.dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == made.dataset.SOPInstanceUID


@pytest.mark.parametrize("uid", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_a_bare_data_set_is_recognised_and_leaves_as_a_proper_file(tmp_path: Path, make: Maker, uid: str) -> None:
    data = in_syntax(uid, tmp_path / "in").read_bytes()
    start = 132 + 12 + struct.unpack_from("<L", data, 140)[0]
    (tmp_path / "in").write_bytes(data[start:])
    assert dicom.recognise(data[start : start + 4096], "")
    made = make(tmp_path / "in")
    assert made.codes == set()
    assert made.dataset.file_meta.TransferSyntaxUID == uid


def test_a_file_without_the_length_of_its_meta_information_is_read(tmp_path: Path, make: Maker) -> None:
    data = in_syntax(EXPLICIT_LITTLE, tmp_path / "in").read_bytes()
    (tmp_path / "in").write_bytes(data[:132] + data[144:])
    assert make(tmp_path / "in").codes == set()


def test_the_last_of_an_odd_number_of_bytes_stays_in_big_endian(make: Maker) -> None:
    made = make(bundled("SC_rgb_small_odd_big_endian.dcm"))
    assert made.codes == set()
    before = pydicom.dcmread(bundled("SC_rgb_small_odd_big_endian.dcm")).pixel_array
    assert np.array_equal(made.dataset.pixel_array, before)


@pytest.mark.parametrize(("signed", "vr"), [(0, "US"), (1, "SS")])
def test_a_number_of_unknown_vr_is_signed_where_the_pixels_are(
    tmp_path: Path, make: Maker, signed: int, vr: str
) -> None:
    padding = element(0x00280120, "UN", b"\0\x80")
    safe = make(spliced(tmp_path / "in", [padding], PixelRepresentation=signed)).dataset
    assert vr == safe["PixelPaddingValue"].VR
    assert safe.PixelPaddingValue == (-32768 if signed else 32768)


def test_a_sequence_hidden_in_un_is_cleaned_and_written_as_a_sequence(tmp_path: Path, make: Maker) -> None:
    inner = (
        struct.pack("<HHL", 0x0008, 0x1155, 10)
        + b"1.2.3.4.1\0"
        + struct.pack("<HHL", 0x0010, 0x0010, 10)
        + b"Delacroix "
    )
    hidden = element(0x00082112, "UN", item(inner))
    made = make(spliced(tmp_path / "in", [hidden]))
    assert b"Delacroix" not in made.bytes
    assert made.dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == made.dataset.SOPInstanceUID
    assert "Delacroix" in {one.value for one in made.harvest.identifiers}


def test_odd_lengths_are_evened(tmp_path: Path, make: Maker) -> None:
    odd = element(0x00180050, "DS", b"1.5")[:-1]
    odd = odd[:6] + b"\3\0" + odd[8:]
    made = make(spliced(tmp_path / "in", [odd]))
    assert made.codes == set()
    assert made.dataset.SliceThickness == 1.5
    assert b"\x18\x00\x50\x00DS\x04\x001.5 " in made.bytes


def test_elements_out_of_order_leave_in_order_and_the_last_of_two_counts(tmp_path: Path, make: Maker) -> None:
    data = in_syntax(EXPLICIT_LITTLE, tmp_path / "in").read_bytes()
    at = data.index(b"\x28\x00\x02\x00US")
    late = element(0x00080060, "CS", b"MR") + element(0x00100010, "PN", b"Delacroix^Late")
    (tmp_path / "in").write_bytes(data[:at] + late + data[at:])
    made = make(tmp_path / "in")
    tags = [int(e.tag) for e in made.dataset]
    assert tags == sorted(tags)
    assert made.dataset.Modality == "MR"
    assert b"Delacroix" not in made.bytes


def test_elements_of_groups_that_no_data_set_has_are_left_out(tmp_path: Path, make: Maker) -> None:
    early = [element(0, "UL", b""), element(0x00070011, "PN", b"Delacroix"), element(0x00050010, "LO", b"ACME")]
    made = make(spliced(tmp_path / "in", early))
    assert made.codes == set()
    assert b"Delacroix" not in made.bytes
    assert min(element.tag for element in made.dataset).group == 8
    zeros = spliced(tmp_path / "zeros", early)  # what is filled with zeros is not read as elements without end
    zeros.write_bytes(zeros.read_bytes().replace(element(0, "UL", b""), bytes(64), 1))
    assert make(zeros).codes == {"DICOM-UNREADABLE"}


@pytest.mark.parametrize("off", range(-14, 16, 2))
@pytest.mark.parametrize("bite", [HEAD_BYTES, _SECOND_BYTES, 2 * _SECOND_BYTES], ids=["1st", "2nd", "3rd"])
def test_a_header_may_end_or_part_where_the_bytes_at_hand_do(tmp_path: Path, make: Maker, bite: int, off: int) -> None:
    """Of two elements the first ends there, or just before or behind."""
    first = 0x00090010
    plain = spliced(tmp_path / "plain", [element(first, "LO", b"ACME"), element(first + 0xFF0, "OB", b"")])
    before = plain.read_bytes()
    start = before.index(b"\x09\0\0\x10OB") + 12
    filled = [element(first, "LO", b"ACME"), element(first + 0xFF0, "OB", bytes(bite + off - start))]
    made = make(spliced(tmp_path / "in", filled))
    assert made.codes == set()
    assert made.dataset.PixelData == pydicom.dcmread(plain).PixelData


def test_float_pixels_pass_through(make: Maker) -> None:
    image = slice_of(BitsAllocated=None, BitsStored=None, HighBit=None)
    del image.PixelData
    image.add_new(0x7FE00008, "OF", struct.pack("<64f", *range(64)))
    image.BitsAllocated = 32
    made = make(image)
    assert made.codes == set()
    assert made.dataset.FloatPixelData == image.FloatPixelData


def test_sequences_nested_without_end_are_unreadable_and_not_a_crash(tmp_path: Path, make: Maker) -> None:
    content = b""
    for _ in range(2000):
        content = element(0x00082112, "SQ", item(content))
    assert make(spliced(tmp_path / "in", [content])).codes == {"DICOM-UNREADABLE"}
