"""One process scans one folder twice: what it looks for is what identifies in the source of each time."""

from pathlib import Path

from collecte.challenge import load
from collecte.settings import HOME
from collecte.steps.scan import scan
from tests.formats.dicom.builders import KEYS, slice_of, written


def test_the_subjects_of_the_run_before_are_forgotten(tmp_path: Path) -> None:
    challenge = load(HOME / "include" / "challenges" / "demo.yaml")
    centre = challenge.centre("arvel")
    target = tmp_path / "out"
    target.mkdir()
    for number, born in (("A100001", "19410623"), ("A100002", "19521107")):
        source = tmp_path / number
        source.mkdir()
        written(slice_of(PatientID=number, PatientBirthDate=born), source / "a.dcm")
        (target / "note.txt").write_text(f"born {born}\n")
        found = scan(source, target, challenge, centre, KEYS)
        assert [finding.code for finding in found["note.txt"]] == ["RESIDUAL-BIRTH-DATE"]
