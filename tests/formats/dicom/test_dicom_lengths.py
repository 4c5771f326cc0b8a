"""Bulk values: none is a text, and none is longer than what says how long it is."""

import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.tag import Tag

from collecte.formats.dicom._ge import clean_numbers
from collecte.formats.dicom._values import checker
from collecte.formats.dicom._words import cleaned
from tests.formats.dicom.builders import Maker, element, item, slice_of, spliced, written
from tests.formats.dicom.fuzzing import bounded

NAME = b"Quornzyx^Belphoebe 8828878787"
RAMP = bytes(range(256))
WIDE = struct.pack("<256H", *(257 * number for number in range(256)))


def _palette(folder: Path, descriptor: tuple[int, int, int], table: bytes) -> Path:
    image = slice_of(PhotometricInterpretation="PALETTE COLOR")
    for number, colour in enumerate(("Red", "Green", "Blue"), 1):
        image.add_new(0x00281100 + number, "US", list(descriptor))
        image.add_new(0x00281200 + number, "OW", table)
        assert colour in image[0x00281200 + number].keyword
    return written(image, folder / "in")


@pytest.mark.parametrize(
    ("descriptor", "table"),
    [((256, 0, 16), WIDE), ((256, 0, 8), RAMP), ((256, 0, 8), WIDE), ((0, 0, 16), WIDE * 256)],
    ids=["16 bits", "8 bits", "8 bits in words", "65,536 entries"],
)
def test_a_palette_stays_and_what_stands_behind_it_goes(
    tmp_path: Path, make: Maker, descriptor: tuple[int, int, int], table: bytes
) -> None:
    for behind in (b"", NAME + b" "):
        made = make(_palette(tmp_path, descriptor, table + behind))
        assert made.dataset.RedPaletteColorLookupTableData == table
        assert made.dataset.BluePaletteColorLookupTableData == table
        assert b"uornzyx" not in made.bytes


def test_files_that_lie_alike_are_cut_alike(tmp_path: Path, make: Maker) -> None:
    """The runs of a header that is remembered are looked up by their bytes; what is as long as another element says is
    not."""
    for _ in range(3):
        made = make(_palette(tmp_path, (256, 0, 16), WIDE + NAME + b" "))
        assert b"uornzyx" not in made.bytes
        assert made.dataset.GreenPaletteColorLookupTableData == WIDE


def test_what_stands_behind_the_table_of_a_sequence_goes(tmp_path: Path, make: Maker) -> None:
    table = element(0x00283002, "US", struct.pack("<3H", 256, 0, 16)) + element(0x00283006, "OW", WIDE + NAME + b" ")
    made = make(spliced(tmp_path / "in", [element(0x00283010, "SQ", item(table))]))
    assert made.dataset.VOILUTSequence[0].LUTData == WIDE
    assert b"uornzyx" not in made.bytes


def test_what_stands_behind_a_waveform_goes(tmp_path: Path, make: Maker) -> None:
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    assert path
    ecg = pydicom.dcmread(path)
    before = [group.WaveformData for group in ecg.WaveformSequence]
    for group in ecg.WaveformSequence:
        group.WaveformData += NAME + b" "
    made = make(written(ecg, tmp_path / "in"))
    assert [group.WaveformData for group in made.dataset.WaveformSequence] == before
    assert b"uornzyx" not in made.bytes


@pytest.mark.parametrize("text", [NAME + b" ", NAME.decode().encode("utf-16-le"), b"IPP 8828878787"])
@pytest.mark.parametrize(
    "keyword", ["RedPaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData", "LUTData", "WaveformData"]
)
def test_no_text_fills_bulk_data(keyword: str, text: bytes) -> None:
    check = checker("OW", Tag(keyword))
    assert check
    assert not check(text)
    assert check(RAMP)
    assert check(WIDE)


@pytest.mark.parametrize("keyword", ["ChannelMinimumValue", "ChannelMaximumValue", "WaveformPaddingValue"])
def test_one_number_is_no_longer_than_a_number(keyword: str) -> None:
    check = checker("OW", Tag(keyword))
    assert check
    assert check(b"\0\x80")
    assert not check(NAME)


def test_a_value_of_many_signs_is_read_once() -> None:
    """Not once from each of them, which would take hours."""
    check = checker("OF", Tag("PointCoordinatesData"))
    assert check
    with bounded(10):
        assert check(b"a" * 1_000_000 + b"@@")
        assert cleaned("1" * 1_000_000) == ""
        assert cleaned("1 " * 500_000 + "scanner") == "scanner"
        assert clean_numbers(b"1\\" + b" " * 1_000_000 + b"!") is None


@pytest.mark.parametrize("text", [b"Quornzyx Belphoebe", b"QUORNZYX^BELPHOEBE^" * 30])
@pytest.mark.parametrize("descriptor", [(256, 0, 16), (256, 0, 8)])
def test_a_palette_that_is_made_of_words_goes(
    tmp_path: Path, make: Maker, descriptor: tuple[int, int, int], text: bytes
) -> None:
    made = make(_palette(tmp_path, descriptor, (text + WIDE)[: 2 * 256]))
    assert b"uornzyx" not in made.bytes.lower()


@pytest.mark.parametrize("step", [1, 2])
def test_a_palette_of_a_byte_each_may_turn_among_the_letters(tmp_path: Path, make: Maker, step: int) -> None:
    up = bytes(range(65, 123, step))
    table = (up + up[::-1] + up)[:256]
    table += bytes(256 - len(table))
    made = make(_palette(tmp_path, (256, 0, 8), table)).dataset
    assert made.RedPaletteColorLookupTableData == table


@pytest.mark.parametrize(("vr", "raw"), [("US", b"QUIRALTO"), ("UL", b"QUIR"), ("SL", b"QUIR"), ("FL", b"QUIRALTO")])
def test_few_numbers_are_no_word(vr: str, raw: bytes) -> None:
    check = checker(vr, 0x00091000)
    assert check is not None
    assert not check(raw)
    assert check(bytes(len(raw)))
