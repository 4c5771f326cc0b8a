"""``collecte deidentify`` where something goes wrong: files that change, disks, processes that end, folders in use."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from collecte.challenge import load
from collecte.cli.decisions import print_decisions
from collecte.cli.deidentify import _check, _write
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.records import State
from collecte.settings import HOME
from collecte.steps import Outcome, deidentify
from collecte.steps.folder import of_other_runs, scratch_of
from collecte.steps.outcome import report_text, totals_of
from collecte.workers import Advance
from tests.formats.dicom.builders import KEYS, slice_of, written

#: A structured report's class has no pixels to look for text in: nothing here waits for the reader of text.
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def _note(path: Path, number: int, **attributes: str) -> Path:
    """A key object selection of one patient, without pixels."""
    note = slice_of(SOPClassUID=KEY_OBJECT, SOPInstanceUID=f"1.2.3.4.{number}", Modality="KO", **attributes)
    note.file_meta.MediaStorageSOPClassUID = KEY_OBJECT
    note.ContentSequence = []
    del note.PixelData
    return written(note, path)


def _run(source: Path, target: Path, advance: Advance = lambda *_: None) -> dict[str, Outcome]:
    challenge = load(HOME / "include" / "challenges" / "demo.yaml")
    outcomes = deidentify(source, target, challenge, challenge.centre("arvel"), KEYS, advance=advance)
    return {outcome.source: outcome for outcome in outcomes}


def _after_the_first_look(what: Callable[[], object]) -> Advance:
    def advance(phase: str, done: int, of: int) -> None:
        if (phase, done) == ("harvest", of):
            what()

    return advance


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_file_that_changes_after_the_first_look_is_held_back_and_the_rest_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    """What identified in it was read from the bytes that it had before."""
    _note(folder / "a", 1)
    _note(folder / "b", 2)
    change = _after_the_first_look(lambda: _note(folder / "a", 1, StudyID="77"))
    told = _run(folder, tmp_path / "out", change)
    assert [finding.code for finding in told["a"].findings] == ["FILE-CHANGED-WHILE-READ"]
    assert (told["a"].state, told["b"].state) == (State.QUARANTINED, State.ACCEPTED)
    assert _files(tmp_path / "out") == {told["b"].output}


@pytest.mark.parametrize("becomes", ["another object", "nothing"])
def test_a_file_that_becomes_another_or_goes_is_held_back(folder: Path, tmp_path: Path, becomes: str) -> None:
    _note(folder / "a", 1)
    change = (lambda: _note(folder / "a", 9)) if becomes == "another object" else (folder / "a").unlink
    told = _run(folder, tmp_path / "out", _after_the_first_look(change))
    code = "FILE-CHANGED-WHILE-READ" if becomes == "another object" else "FILE-UNREADABLE"
    assert [finding.code for finding in told["a"].findings] == [code]
    assert _files(tmp_path / "out") == set()


def test_a_table_that_changes_after_the_first_look_is_held_back(folder: Path, tmp_path: Path) -> None:
    (folder / "t.csv").write_text("ipp;age\nIPP1;64\n", "utf-8")
    change = _after_the_first_look(lambda: (folder / "t.csv").write_text("ipp;age\nIPP2;65\n", "utf-8"))
    told = _run(folder, tmp_path / "out", change)
    assert [finding.code for finding in told["t.csv"].findings][-1] == "FILE-CHANGED-WHILE-READ"
    assert _files(tmp_path / "out") == set()


def test_what_an_earlier_run_let_through_and_this_one_refuses_goes_and_other_files_are_counted(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _note(folder / "a", 1)
    before = _run(folder, out)["a"]
    (out / "note.txt").write_text("of somebody else", "utf-8")
    assert _files(out) == {before.output, "note.txt"}
    damaged = (folder / "a").read_bytes()[:-20]
    (folder / "a").write_bytes(damaged)
    # Its name is known still, where only the end of the file is missing; else it counts among the others.
    told = _run(folder, out)["a"]
    assert told.state is State.QUARANTINED
    assert of_other_runs(out, []) == len(_files(out))
    assert "note.txt" in _files(out)


def test_two_runs_never_share_an_output_folder(tmp_path: Path) -> None:
    with scratch_of(tmp_path / "out") as scratch:
        assert scratch.stat().st_mode & 0o777 == 0o700, "the words that identify lie there"
        with pytest.raises(NeedsPerson, match="Another run"), scratch_of(tmp_path / "out"):
            pass
        assert scratch.is_dir()
    assert not scratch.exists()


def test_what_a_killed_run_left_is_gone_before_the_next(tmp_path: Path) -> None:
    with scratch_of(tmp_path / "out") as scratch:
        name = scratch.name
    (tmp_path / name / "words").mkdir(parents=True)
    (tmp_path / name / "7").touch()
    with scratch_of(tmp_path / "out") as scratch:
        assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [28, 122, 13, 30])  # ENOSPC, EDQUOT, EACCES, EROFS
def test_a_disk_that_refuses_is_told_with_a_remedy_and_without_a_path(tmp_path: Path, number: int) -> None:
    with pytest.raises(NeedsPerson) as told, scratch_of(tmp_path / "out") as scratch:
        raise OSError(number, os.strerror(number), str(scratch / "Zqfj"))
    assert ("full" if number in (28, 122) else "may write") in str(told.value)
    assert "Zqfj" not in str(told.value)


@pytest.mark.parametrize("content", ['{"format": "collecte-keys"}', "id: demo", "{", "\0"])
def test_no_other_file_is_overwritten_by_the_report(folder: Path, tmp_path: Path, content: str) -> None:
    other = tmp_path / "keys.json"
    other.write_text(content, "utf-8")
    with pytest.raises(NeedsPerson, match="is no report of an earlier run"):
        _check(other, folder, tmp_path / "out")
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(NeedsPerson, match="is no report of an earlier run"):
        _check(tmp_path / "link", folder, tmp_path / "out")
    assert other.read_text("utf-8") == content


def test_an_earlier_report_and_an_empty_file_are_overwritten(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    _write(report, report_text(totals_of([]), []))
    _check(report, folder, tmp_path / "out")
    report.write_bytes(b"")
    _check(report, folder, tmp_path / "out")


def test_of_two_versions_of_one_object_the_later_is_taken_and_named(folder: Path, tmp_path: Path) -> None:
    _note(folder / "1", 1, SeriesDescription="one")
    _note(folder / "2", 1, SeriesDescription="the other")
    os.utime(folder / "1", ns=(2, 2))
    os.utime(folder / "2", ns=(1, 1))
    found = _run(folder, tmp_path / "out")
    assert found["1"].state is State.ACCEPTED
    assert found["2"].state is State.DUPLICATE
    assert found["2"].output is None
    (said,) = (finding for finding in found["2"].findings if finding.code == "FILE-TWO-VERSIONS")
    assert said.place == found["1"].output
    assert _files(tmp_path / "out") == {found["1"].output}


def test_what_becomes_of_a_copy_of_an_earlier_run_is_said(folder: Path, tmp_path: Path) -> None:
    _note(folder / "1", 1)
    _note(folder / "2", 2)
    first = _run(folder, tmp_path / "out")
    _note(folder / "1", 1, SeriesNumber="7")
    (folder / "2").write_bytes((folder / "2").read_bytes()[:-9])
    second = _run(folder, tmp_path / "out")
    codes = {path: [finding.code for finding in outcome.findings] for path, outcome in second.items()}
    assert "FILE-COPY-REPLACED" in codes["1"]
    assert second["1"].output == first["1"].output
    assert codes["2"][-1] == "FILE-COPY-TAKEN-OUT" or second["2"].output is None
    assert "FILE-COPY-REPLACED" not in {f.code for f in _run(folder, tmp_path / "out")["1"].findings}


def test_one_object_of_two_patients_is_nobodys(folder: Path, tmp_path: Path) -> None:
    _note(folder / "1", 1, PatientID="0000071")
    _note(folder / "2", 1, PatientID="0000072")
    _note(folder / "3", 3, PatientID="0000072")
    found = _run(folder, tmp_path / "out")
    for path in ("1", "2"):
        assert found[path].state is State.QUARANTINED
        assert "FILE-OF-TWO-SUBJECTS" in {finding.code for finding in found[path].findings}
    assert _files(tmp_path / "out") == {found["3"].output}


def test_the_table_of_decisions_says_each_text_of_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ["a", "b", "b", *"cdefg"]
    refused = [Finding("FILE-KIND-NOT-ALLOWED", values={"kind": kind}) for kind in kinds]
    outcomes = [Outcome(str(n), State.QUARANTINED, findings=(one,)) for n, one in enumerate(refused)]
    print_decisions(totals_of(outcomes), outcomes, 0, 1)
    lines = [line for line in capsys.readouterr().out.splitlines() if "FILE-KIND-NOT-ALLOWED" in line]
    assert len(lines) == 6
    assert "'b'" in lines[0]
    assert lines[0].split()[1] == "2"
    assert lines[-1].split()[1:4] == ["8", "in", "all"]
    assert "2 other texts" in lines[-1]


def test_the_report_says_that_it_identifies_and_holds_every_file(tmp_path: Path) -> None:
    outcomes = [
        Outcome(name, State.QUARANTINED) for name in ("Élodie/IM1", "caf\udce9", 'a "quoted"\nname', "b\\c", "{}")
    ]
    report = json.loads("".join(report_text(totals_of(outcomes), outcomes)))
    assert [file["source"] for file in report["files"]] == [outcome.as_dict()["source"] for outcome in outcomes]
    assert len({file["source"] for file in report["files"]}) == report["totals"]["received"] == 5
    assert "patient" in report["notice"]["fr"]
    assert "patient" in report["notice"]["en"]
    assert json.loads("".join(report_text(totals_of([]), [])))["files"] == []


def test_the_report_never_lies_among_the_files_or_among_the_copies(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for path in ("in/r.json", "out/r.json", "out/sub/r.json"):
        with pytest.raises(NeedsPerson, match="none of them"):
            _check(tmp_path / path, tmp_path / "in", tmp_path / "out")
    _check(tmp_path / "r.json", tmp_path / "in", tmp_path / "out")


def test_a_pipe_that_is_named_as_report_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text("utf-8")))
    reader.start()
    _write(tmp_path / "pipe", ["a", "b"])
    reader.join()
    assert read == ["ab"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_report_behind_a_link_is_written_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    _write(tmp_path / "link", ["new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text("utf-8") == "new"
