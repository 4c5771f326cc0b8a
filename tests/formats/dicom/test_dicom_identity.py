"""Which UIDs a copy has: those of its file, replaced; or, where the file has none, some that are its own for ever."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from collecte.formats import Rekeyer, dicom
from collecte.formats.dicom.explain import explain
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser, ReleaseIds
from tests.formats.dicom.builders import CT_IMAGE, Maker, bundled, context, element, slice_of, spliced, written

LEVELS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
RETAINED = "retain_uids"


def without(folder: Path, *keywords: str, meta: str = "", pixels: bytes | None = None, **attributes: object) -> Path:
    """A slice without some of its attributes; ``meta``: the instance that its file meta information names."""
    image = slice_of(**attributes)
    for keyword in keywords:
        delattr(image, keyword)
    if pixels is not None:
        image.PixelData = pixels
    image.file_meta.MediaStorageSOPInstanceUID = meta
    folder.mkdir(exist_ok=True)
    path = folder / f"file{len(list(folder.iterdir()))}"
    image.save_as(path)
    return path


def uids(image: Dataset) -> list[str]:
    return [str(image[level].value) for level in LEVELS]


@pytest.mark.parametrize("missing", [LEVELS, LEVELS[:2], LEVELS[2:], LEVELS[1:2], LEVELS[:1]])
def test_a_file_without_uids_leaves_with_its_own_at_their_place(
    make: Maker, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    made = make(without(tmp_path / "in", *missing))
    assert made.codes == {"DICOM-UID-GIVEN"}
    (finding,) = made.harvest.findings
    assert not finding.refuses
    assert set(finding.place.split(", ")) == set(missing)
    copy = made.dataset
    assert all(uid.startswith("2.25.") for uid in uids(copy))
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert [element.tag for element in copy] == sorted(element.tag for element in copy)
    series, instance = uids(copy)[1:]
    assert made.harvest.name == f"{made.harvest.subjects[0]}/{series}/{instance}.dcm"


def test_the_finding_tells_both_languages_what_was_missing(make: Maker, tmp_path: Path) -> None:
    (finding,) = make(without(tmp_path / "in", "SOPInstanceUID")).harvest.findings
    for language in ("fr", "en"):
        assert "SOPInstanceUID" in finding.text(language)  # type: ignore[arg-type]
        assert len(finding.remedy(language)) > 20  # type: ignore[arg-type]


def test_two_copies_of_a_file_have_one_uid_and_two_files_two(make: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    first, again = (make(without(folder, *LEVELS)) for _ in range(2))
    other = make(without(folder, *LEVELS, pixels=bytes(128)))  # the header is the same to the last bit
    assert first.bytes == again.bytes
    assert first.harvest.name == again.harvest.name != other.harvest.name
    assert first.harvest.logical_id == again.harvest.logical_id != other.harvest.logical_id
    assert first.dataset.SOPInstanceUID != other.dataset.SOPInstanceUID


def test_another_key_gives_other_uids(make: Maker, tmp_path: Path) -> None:
    source, here = without(tmp_path / "in", *LEVELS), context()
    keys = Keys(b"e" * 32, {"k1": b"s" * 32}, "k1", b"g" * 32)
    there = replace(here, pseudonyms=Pseudonymiser(keys, "nord", "NORD"))
    assert not set(uids(make(source, here).dataset)) & set(uids(make(source, there).dataset))


def test_the_instance_of_the_file_meta_is_the_one_that_others_refer_to(make: Maker, tmp_path: Path) -> None:
    made = make(without(tmp_path / "in", "SOPInstanceUID", meta="1.2.3.4.77"))
    assert made.dataset.SOPInstanceUID == context().pseudonyms.uid("1.2.3.4.77")
    assert made.harvest.logical_id == "1.2.3.4.77"


def test_a_file_meta_that_names_no_instance_does_not_make_two_files_one(make: Maker, tmp_path: Path) -> None:
    first, other = (
        make(without(tmp_path / "in", "SOPInstanceUID", meta="0", InstanceNumber=number)) for number in (1, 2)
    )
    assert first.dataset.SOPInstanceUID != other.dataset.SOPInstanceUID


def test_images_of_one_series_number_of_a_study_stay_together(make: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "in"

    def series(**attributes: object) -> str:
        made = make(without(folder, "SeriesInstanceUID", SOPInstanceUID=f"1.2.3.{len(made_before)}", **attributes))
        made_before.append(made)
        return str(made.dataset.SeriesInstanceUID)

    made_before: list[object] = []
    first = series()
    assert series() == first
    assert series(SeriesNumber=2) != first
    assert series(Modality="PT") != first
    assert series(StudyInstanceUID="1.2.3.5") != first
    assert series(SeriesNumber=None) != series(SeriesNumber=None)


def test_a_day_of_a_patient_is_a_study_where_none_is_named(make: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "in"

    def study(*gone: str, **attributes: object) -> str:
        return str(make(without(folder, *gone, **attributes)).dataset.StudyInstanceUID)

    both = LEVELS[:2]
    first = study(*both, SOPInstanceUID="1.2.3.1")
    assert study(*both, SOPInstanceUID="1.2.3.2") == first
    assert study(*both, SOPInstanceUID="1.2.3.3", PatientID="IPP0099999") != first
    assert study(*both, SOPInstanceUID="1.2.3.4", StudyDate="20240316") != first
    assert study(*both, SOPInstanceUID="1.2.3.5", StudyDate="") != study(*both, SOPInstanceUID="1.2.3.6", StudyDate="")
    # A series that is named belongs to one study, whatever its files say of the day.
    assert study("StudyInstanceUID") == study("StudyInstanceUID", SOPInstanceUID="1.2.3.7", StudyDate="20240316")


def test_the_sop_class_is_that_of_the_file_meta_where_the_data_set_has_none(make: Maker, tmp_path: Path) -> None:
    made = make(without(tmp_path / "in", "SOPClassUID"))
    assert made.codes == {"DICOM-UID-GIVEN"}
    assert made.dataset.SOPClassUID == made.dataset.file_meta.MediaStorageSOPClassUID == CT_IMAGE


@pytest.mark.parametrize("bad", [b"CT of today", b"1.2.3\\1.2.4", b"1.2.840.10008.1.1", b"1.2.3.\xe9"])
def test_name_file_meta_and_data_set_agree_whatever_stood_there(make: Maker, tmp_path: Path, bad: bytes) -> None:
    source = spliced(tmp_path / "in", [element(0x00080018, "UI", bad)])
    for options in ([], [RETAINED]):
        made = make(source, context(options=options))
        copy = made.dataset
        assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
        assert made.harvest.name.endswith(f"/{copy.SOPInstanceUID}.dcm")


def test_retained_uids_are_the_same_in_data_set_and_file_meta(make: Maker) -> None:
    copy = make(slice_of(), context(options=[RETAINED])).dataset
    assert copy.SOPInstanceUID == copy.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4.1"
    assert copy.SeriesInstanceUID == "1.2.3.4.0"


def test_a_given_uid_is_keyed_though_uids_are_retained(make: Maker, tmp_path: Path) -> None:
    copy = make(without(tmp_path / "in", *LEVELS), context(options=[RETAINED])).dataset
    assert all(uid.startswith("2.25.") for uid in uids(copy))
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID


def test_a_copy_with_given_uids_is_described_explained_and_rekeyed(make: Maker, tmp_path: Path) -> None:
    source = without(tmp_path / "in", *LEVELS)
    made = make(source)
    assert dicom.describe(made.target)["modality"] == "CT"
    told = {one.keyword: one.outcome for one in explain(source, context()).elements if one.depth == 0}
    assert {told[level] for level in LEVELS} == {"added"}
    ids = ReleaseIds(b"r" * 32)
    released = tmp_path / "released"
    dicom.rekey(made.target, released, Rekeyer(ids.case, ids.uid, ids.reference))
    assert uids(pydicom.dcmread(released)) == [ids.uid(uid) for uid in uids(made.dataset)]


def test_big_endian_and_deflated_files_are_given_uids_too(make: Maker, tmp_path: Path) -> None:
    for name in ("ExplVR_BigEnd.dcm", "image_dfl.dcm"):
        image = pydicom.dcmread(bundled(name))
        for level in LEVELS:
            del image[level]
        image.PatientID = "IPP0012345"
        image.file_meta.MediaStorageSOPInstanceUID = ""
        path = tmp_path / name
        image.save_as(path)
        made = make(path)
        assert made.codes == {"DICOM-UID-GIVEN"}, name
        assert all(uid.startswith("2.25.") for uid in uids(made.dataset)), name


def test_a_name_alone_is_no_subject(make: Maker) -> None:
    """Two people may have one name: whoever shares it would share a pseudonym, and nobody could be taken back alone."""
    for identifier in ("", None):
        image = slice_of(PatientID=identifier)
        assert make(image).codes == {"DICOM-NO-SUBJECT"}


def test_a_whole_file_is_not_said_to_lack_anything(make: Maker, tmp_path: Path) -> None:
    assert make(written(slice_of(), tmp_path / "in")).codes == set()
