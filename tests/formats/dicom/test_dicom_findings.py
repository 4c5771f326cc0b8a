"""Each finding of this kind is raised, in both languages, with its remedy, and shows no value of the file."""

import re
from pathlib import Path

import pytest
import yaml

import collecte.formats.dicom
from collecte.findings import Finding
from tests.formats.dicom.builders import CT_IMAGE, Made, Maker, bundled, context, element, slice_of, spliced, written

DECLARED = yaml.safe_load((Path(collecte.formats.dicom.__file__).parent / "findings.yaml").read_text("utf-8"))
SECRET = "Delacroix"


def _unreadable(folder: Path, make: Maker) -> Made:
    return make(spliced(folder / "in", [element(0x00082112, "SQ", b"no items of Delacroix")]))


def _truncated(folder: Path, make: Maker) -> Made:
    path = written(slice_of(), folder / "in")
    path.write_bytes(path.read_bytes()[:-20])
    return make(path)


def _no_pixels(folder: Path, make: Maker) -> Made:
    image = slice_of()
    del image.PixelData
    return make(image)


def _no_class(folder: Path, make: Maker) -> Made:
    path = spliced(folder / "in", [element(0x00080016, "UI", b"")])
    uid = CT_IMAGE.encode()  # of the file meta information
    path.write_bytes(path.read_bytes().replace(uid, b"\0" * len(uid), 1))
    return make(path)


def _video(folder: Path, make: Maker) -> Made:
    path = written(slice_of(), folder / "in")
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.100"[:20], 1))
    return make(path)


def _overlay(folder: Path, make: Maker) -> Made:
    image = slice_of()
    image.add_new(0x60000010, "US", 8)
    image.add_new(0x60000102, "US", 11)
    return make(image)


def _broken_pixels(folder: Path, make: Maker) -> Made:
    path = folder / "in"
    path.write_bytes(bundled("SC_rgb_jpeg_dcmtk.dcm").read_bytes().replace(b"\xff\xd8\xff", b"\0\0\0", 1))
    return make(path)


def _of_class(folder: Path, uid: str) -> Path:
    return spliced(folder / "in", [element(0x00080016, "UI", uid.encode())])


CASES = {
    "DICOM-UNREADABLE": _unreadable,
    "DICOM-TRUNCATED": _truncated,
    "DICOM-PIXELS-SHORT": lambda folder, make: make(slice_of(NumberOfFrames=2)),
    "DICOM-NO-PIXELS": _no_pixels,
    "DICOM-INCOMPLETE": _no_class,
    "DICOM-NO-SUBJECT": lambda folder, make: make(slice_of(PatientID="ANON")),
    "DICOM-DIRECTORY": lambda folder, make: make(bundled("DICOMDIR")),
    "DICOM-SOP-CLASS-NOT-COVERED": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.34.7")),
    "DICOM-DOCUMENT": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.1.1.104.1")),
    "DICOM-VOICE": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.1.1.9.4.1")),
    "DICOM-VIDEO": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.1.1.77.1.1.1")),
    "DICOM-RAW-DATA": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.1.1.66")),
    "DICOM-PIXELS-UNREADABLE": _broken_pixels,
    "DICOM-PIXELS-UNEXPECTED": lambda folder, make: make(_of_class(folder, "1.2.840.10008.5.1.4.1.1.88.11")),
    "DICOM-RECOGNISABLE": lambda folder, make: make(
        slice_of(BodyPartExamined="HEAD"), context(options=["clean_recognizable_visual_features"])
    ),
    "DICOM-TRANSFER-SYNTAX-NOT-COVERED": _video,
    "DICOM-BURNED-IN": lambda folder, make: make(slice_of(BurnedInAnnotation="YES")),
    "DICOM-OVERLAY-IN-PIXELS": _overlay,
    "DICOM-DIRECT-IDENTIFIER-IN-CODED": lambda folder, make: make(slice_of(), context("coded")),
}


def test_every_declared_code_has_a_case() -> None:
    telling = {code for code, entry in DECLARED.items() if entry["severity"] == "info"}
    assert telling == {
        "DICOM-UID-GIVEN",
        "DICOM-TEXT-WITHHELD",
        "DICOM-CONTENT-REMOVED",
    }  # raised in test_dicom_identity.py, test_dicom_withheld.py, test_dicom_content.py
    assert set(DECLARED) == set(CASES) | telling


@pytest.mark.parametrize("code", CASES)
def test_the_case_raises_its_finding_in_both_languages(tmp_path: Path, make: Maker, code: str) -> None:
    made = CASES[code](tmp_path, make)
    (finding,) = {f.code: f for f in (*made.harvest.findings, *(made.safe.findings if made.safe else ()))}.values()
    assert finding.code == code
    assert finding.refuses
    assert not made.target.exists()
    assert list(tmp_path.glob("*.part")) == []
    for language in ("fr", "en"):
        told = finding.text(language) + finding.remedy(language)  # type: ignore[arg-type]
        assert "{" not in told
        assert SECRET not in told
        assert len(finding.remedy(language)) > 20  # type: ignore[arg-type]


def test_the_uid_of_a_class_that_is_not_the_standards_is_not_told(tmp_path: Path, make: Maker) -> None:
    made = make(spliced(tmp_path / "in", [element(0x00080016, "UI", b"1.3.6.1.4.1.1956.4.12")]))
    (finding,) = made.harvest.findings
    assert finding == Finding("DICOM-SOP-CLASS-NOT-COVERED", values={"uid": "?"})


@pytest.mark.parametrize(
    "name",
    ["reportsi.dcm", "rtplan.dcm", "rtdose_1frame.dcm", "rtstruct.dcm", "waveform_ecg.dcm", "test-SR.dcm"],
)
def test_objects_that_are_no_images_are_made_safe(make: Maker, name: str) -> None:
    assert make(bundled(name)).codes <= {"DICOM-NO-SUBJECT"}


@pytest.mark.parametrize(("part", "passes"), [("CHEST", True), ("SKULL", False), (None, False)])
def test_a_volume_passes_where_no_face_is_in_view(make: Maker, part: str | None, passes: bool) -> None:
    faceless = context(options=["clean_recognizable_visual_features"])
    assert make(slice_of(BodyPartExamined=part), faceless).codes == (set() if passes else {"DICOM-RECOGNISABLE"})


def test_make_safe_refuses_on_its_own_what_harvest_refuses(tmp_path: Path) -> None:
    source, target = written(slice_of(BurnedInAnnotation="YES"), tmp_path / "in"), tmp_path / "out"
    safe = collecte.formats.dicom.make_safe(source, target, "", context())
    assert [f.code for f in safe.findings] == ["DICOM-BURNED-IN"]
    assert (safe.sha256, safe.size, target.exists()) == ("", 0, False)


def test_burned_in_text_passes_where_the_challenge_accepts_it(make: Maker) -> None:
    assert make(slice_of(BurnedInAnnotation="YES"), context(text_in_pixels={"found": "mask"})).codes == set()


def test_the_french_is_polite_and_uses_its_own_typography() -> None:
    for code, entry in DECLARED.items():
        for text in (entry["fr"], entry["remedy"]["fr"]):
            assert not re.search(r"\w[:;!?»](\s|$)", text), code


@pytest.mark.parametrize(
    ("sop_class", "told"),
    [
        ("1.3.46.670589.11.0.0.12.1", "1.3.46.670589"),
        ("1.2.840.113619.4.27", "1.2.840.113619"),
        ("1.2.392.200036.9125.1.1.2", "1.2.392.200036.9125"),
        ("1.2.840.10008.5.1.4.1.1.88.3", "1.2.840.10008.5.1.4.1.1.88.3"),
        ("1.2.840.10008.75894213", "?"),
        ("2.16.840.1.113883.6.96", "?"),
        ("2.25.75894213", "?"),
    ],
)
def test_of_an_object_type_that_is_not_covered_the_finding_names_the_maker(
    tmp_path: Path, make: Maker, sop_class: str, told: str
) -> None:
    (finding,) = make(_of_class(tmp_path, sop_class)).harvest.findings
    assert (finding.code, dict(finding.values)) == ("DICOM-SOP-CLASS-NOT-COVERED", {"uid": told})
    assert told in finding.text("en")
