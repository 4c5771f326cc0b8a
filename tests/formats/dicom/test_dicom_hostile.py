"""Files that were damaged or made to do harm: a finding each, never an exception, never a word in a log."""

import logging
import random
import warnings
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword

from collecte.errors import Bug
from collecte.formats import dicom
from tests.formats.dicom.builders import Maker, bundled, context, element, item, slice_of, spliced, written

SOURCES = ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "image_dfl.dcm")
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def answers(source: Path, folder: Path) -> None:
    """All four questions; whatever they answer, they answer."""
    ctx, target = context(), folder / "out"
    target.unlink(missing_ok=True)
    dicom.recognise(source.read_bytes()[:4096], "")
    harvest = dicom.harvest(source, "a/b", ctx)
    safe = dicom.make_safe(source, target, harvest.name, ctx)
    assert target.exists() != any(finding.refuses for finding in safe.findings)
    if target.exists():
        dicom.describe(target)
        assert not dicom.make_safe(target, folder / "again", dicom.harvest(target, "", ctx).name, ctx).findings
        (folder / "again").unlink()


@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_file_gives_a_finding_or_a_good_copy(tmp_path: Path, name: str) -> None:
    data, source, rng = bundled(name).read_bytes(), tmp_path / "in", random.Random(name)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 12)):
            damaged[rng.randrange(132, min(len(damaged), 3000))] = rng.choice((0, 255, rng.randrange(256)))
        source.write_bytes(bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged))))]))
        answers(source, tmp_path)


@SETTINGS
@given(st.binary(max_size=300))
def test_any_bytes_behind_the_prefix_are_answered(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in").write_bytes(bytes(128) + b"DICM" + data)
    answers(tmp_path / "in", tmp_path)


@SETTINGS
@given(
    st.sampled_from([0x00080005, 0x00100010, 0x00100020, 0x00080020, 0x00101010, 0x00280008, 0x00280010, 0x00081140]),
    st.sampled_from(["AS", "AT", "CS", "DA", "DS", "FD", "IS", "LO", "LT", "PN", "SH", "SQ", "UI", "UN", "US", "UT"]),
    st.binary(max_size=80),
)
def test_any_value_under_any_vr_is_answered(tmp_path: Path, tag: int, vr: str, value: bytes) -> None:
    answers(spliced(tmp_path / "in", [element(tag, vr, value)]), tmp_path)


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00180050, "DS"),
        (0x00200013, "IS"),
        (0x00180015, "CS"),
        (0x00080022, "DA"),
        (0x0008002A, "DT"),
        (0x00080032, "TM"),
        (0x0008001A, "UI"),
        (0x00101010, "AS"),
    ],
)
def test_no_value_takes_more_than_a_moment(tmp_path: Path, tag: int, vr: str) -> None:
    for filler in (b" ", b"1", b"1.", b"\\", b" 1 ", b"\0", b"1\\ "):
        value = filler * (60000 // len(filler)) + b"!"
        answers(spliced(tmp_path / "in", [element(tag, vr, value)]), tmp_path)


def test_values_reach_no_log_and_no_warning(tmp_path: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    odd = [
        element(0x00080005, "CS", b"ISO_IR 192\\NO SUCH\\ISO 2022 IR 87"),
        element(0x00080020, "DA", b"Delacroix"),
        element(0x00100010, "PN", b"Delacroix\xff\xfe^\x1b$BEugene\x80"),
        element(0x00101010, "AS", b"Delacroix"),
        element(0x00180050, "DS", b"Delacroix"),
        element(0x00081140, "SQ", item(element(0x00081155, "UI", b"Delacroix"))),
    ]
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(spliced(tmp_path / "in", odd))
        make(spliced(tmp_path / "in2", [*odd[:3], element(0x00082112, "SQ", b"Delacroix!")]))
    assert "Delacroix" not in caplog.text
    assert not caught
    assert logging.getLogger("pydicom").disabled is False


def test_an_exception_carries_no_value_and_no_cause(tmp_path: Path) -> None:
    source = written(slice_of(), tmp_path / "in")
    with pytest.raises(Bug) as caught:
        dicom.make_safe(source, tmp_path / "out", "sub-other/1/2.dcm", context())
    assert "Delacroix" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert list(tmp_path.glob("out*")) == []


def test_a_missing_source_is_an_error_of_the_system_not_a_finding(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dicom.harvest(tmp_path / "absent", "", context())


def test_a_half_written_copy_of_a_killed_run_is_overwritten(tmp_path: Path, make: Maker) -> None:
    (tmp_path / "target1.dcm.part").write_bytes(b"half of a copy" * 1000)
    made = make(slice_of())
    assert made.safe
    assert made.safe.size == len(made.bytes)


def test_a_dose_that_was_cut_before_its_pixels_is_refused_and_one_without_an_image_is_not(
    tmp_path: Path, make: Maker
) -> None:
    dose = pydicom.dcmread(bundled("rtdose.dcm"))
    del dose.PixelData
    assert [finding.code for finding in make(written(dose, tmp_path / "cut")).harvest.findings] == ["DICOM-NO-PIXELS"]
    for keyword in ("Rows", "Columns", "NumberOfFrames", "BitsAllocated", "SamplesPerPixel"):
        delattr(dose, keyword)
    assert make(written(dose, tmp_path / "histogram")).safe


@pytest.mark.parametrize(
    ("name", "last"),
    [("rtplan.dcm", "RTPlanGeometry"), ("test-SR.dcm", "ContentSequence"), ("rtstruct.dcm", "StructureSetLabel")],
)
def test_an_object_that_ends_before_what_every_one_of_its_class_has_was_cut(
    tmp_path: Path, make: Maker, name: str, last: str
) -> None:
    cut = pydicom.dcmread(bundled(name), force=True)
    for behind in [one.tag for one in cut if one.tag >= tag_for_keyword(last)]:
        del cut[behind]
    cut.PatientID = "IPP0012345"
    findings = make(written(cut, tmp_path / "cut")).harvest.findings
    assert [(one.code, one.place) for one in findings if one.refuses] == [("DICOM-TRUNCATED", last)]


@pytest.mark.parametrize("tag", [0x00280010, 0x00280011, 0x00280002, 0x00280100])
@pytest.mark.parametrize("vr", ["AS", "SS", "LO", "UL"])
def test_an_image_whose_size_is_no_number_is_refused(tmp_path: Path, make: Maker, tag: int, vr: str) -> None:
    """The copy would not have it."""
    made = make(spliced(tmp_path / "in", [element(tag, vr, b"\x08\0")]))
    assert made.codes == {"DICOM-UNREADABLE"}
