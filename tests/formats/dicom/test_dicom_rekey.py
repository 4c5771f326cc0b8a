"""A safe image under other ids: no old one is left, references lead where they led, pixels are the same."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer, dicom
from collecte.package import sha256_of
from collecte.pseudonym import ReleaseIds
from tests.formats.dicom.builders import Maker

FILES = ["CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"]


def rekeyer(secret: bytes = b"s" * 32) -> Rekeyer:
    ids = ReleaseIds(secret)
    return Rekeyer(ids.case, ids.uid, ids.reference)


def uids(dataset: Dataset) -> set[str]:
    """Every UID of a data set that is not the standard's, at any depth."""
    found: set[str] = set()
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else element.value
            found |= {str(value) for value in values if not str(value).startswith("1.2.840.10008.")}
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_id_of_the_safe_copy_is_left_and_the_pixels_are_the_same(make: Maker, tmp_path: Path, name: str) -> None:
    safe = make(Path(str(get_testdata_file(name, download=False)))).target
    target = tmp_path / "rekeyed.dcm"
    written = dicom.rekey(safe, target, rekeyer())
    before, after = dcmread(safe), dcmread(target)
    assert (written.sha256, written.size) == (sha256_of(target), target.stat().st_size)
    assert after.PixelData == before.PixelData
    assert not uids(before) & uids(after)
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    for old in (*uids(before), str(before.PatientID)):
        assert old.encode() not in target.read_bytes()
    assert str(after.PatientID) == str(after.PatientName) == ReleaseIds(b"s" * 32).case(str(before.PatientID))


def test_all_else_stays_as_it_was(make: Maker, tmp_path: Path) -> None:
    safe = make(Path(str(get_testdata_file("CT_small.dcm", download=False)))).target
    dicom.rekey(safe, tmp_path / "rekeyed.dcm", rekeyer())
    before, after = dcmread(safe), dcmread(tmp_path / "rekeyed.dcm")
    changed = {e.keyword for e in before if before[e.tag].VR == "UI" or e.keyword in ("PatientID", "PatientName")}
    assert {e.tag for e in before} == {e.tag for e in after}
    differing = {e.keyword for e in before if e.value != after[e.tag].value}
    assert differing <= changed | {"AccessionNumber"}
    assert after.SOPClassUID == before.SOPClassUID


def test_what_tables_tell_coarser_the_header_does_not_tell_at_all(make: Maker, tmp_path: Path) -> None:
    image = dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    image.PatientAge, image.PatientSex, image.PatientSize, image.PatientWeight = "045Y", "F", "1.61", "58"
    safe = make(image).target
    assert dcmread(safe).PatientAge == "045Y"
    ids = ReleaseIds(b"s" * 32)
    dicom.rekey(safe, tmp_path / "open.dcm", Rekeyer(ids.case, ids.uid, ids.reference, characteristics=False))
    after = dcmread(tmp_path / "open.dcm")
    assert not any((after.PatientAge, after.PatientSex, after.PatientSize, after.PatientWeight))


def test_references_lead_where_they_led(make: Maker, tmp_path: Path) -> None:
    image = dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    image.ReferencedImageSequence = [reference]
    safe = make(image).target
    dicom.rekey(safe, tmp_path / "rekeyed.dcm", rekeyer())
    after = dcmread(tmp_path / "rekeyed.dcm")
    (found,) = after.ReferencedImageSequence
    assert found.ReferencedSOPInstanceUID == after.SOPInstanceUID
    assert found.ReferencedSOPClassUID == image.SOPClassUID


def test_the_same_ids_give_the_same_bytes_and_others_other_ones(make: Maker, tmp_path: Path) -> None:
    safe = make(Path(str(get_testdata_file("MR_small.dcm", download=False)))).target
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    assert dicom.rekey(safe, first, rekeyer()) == dicom.rekey(safe, again, rekeyer())
    assert dicom.rekey(safe, other, rekeyer(b"t" * 32)).sha256 != sha256_of(first) == sha256_of(again)


def test_a_damaged_copy_leaves_nothing_and_says_what_to_do(make: Maker, tmp_path: Path) -> None:
    safe = make(Path(str(get_testdata_file("CT_small.dcm", download=False)))).target
    safe.write_bytes(safe.read_bytes()[:-5000])
    with pytest.raises(NeedsPerson, match="backup"):
        dicom.rekey(safe, tmp_path / "rekeyed.dcm", rekeyer())
    assert not [path for path in tmp_path.iterdir() if "rekeyed" in path.name]
