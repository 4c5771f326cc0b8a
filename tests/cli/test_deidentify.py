"""``collecte deidentify`` and ``collecte scan`` as a hospital's data manager runs them: a folder in, a folder out."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from collecte.keys import Keys
from collecte.records import State
from collecte.settings import HOME
from demo.deliveries import MARCHEMALLE, PFEIFFENSCHNEIDER, ct_slice, deposits, nir
from demo.verify import search
from tests.pty import in_terminal

DEMO = HOME / "include" / "challenges" / "demo.yaml"


def _collecte(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "collecte.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "keys.json"
    Keys.new().save(path)
    return path


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo's first and third centre deliver, in one folder, and some odd names."""
    folder = tmp_path_factory.mktemp("given") / "export"
    laid = deposits()
    for path, content in {**laid["arvel"].files, **laid["corvane"].files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for number, name in enumerate(("-rf", "deux\nlignes", "É té", "É té".upper(), "x" * 255), 200):
        (folder / name).write_bytes(ct_slice(MARCHEMALLE, study=20, slice_number=number, size=16))
    (folder / "latin").mkdir()
    odd = os.fsencode(folder / "latin") + b"/caf\xe9.dcm"
    with open(odd, "wb") as file:  # noqa: PTH123  the name is no text
        file.write(ct_slice(MARCHEMALLE, study=20, slice_number=299, size=16))
    (folder / "vide").touch()
    (folder / "lien").symlink_to("/etc/passwd")
    return folder


def _run(export: Path, target: Path, key: Path, *more: object) -> tuple[int, dict[str, Any]]:
    report = target.with_suffix(".json")
    ran = _collecte("deidentify", export, target, *_options(key), "--report", report, *more)
    return ran.returncode, json.loads(report.read_text("utf-8"))


@dataclass(frozen=True)
class Made:
    """A run over the whole export. Tests look at it and change nothing; one that changes the output copies it."""

    code: int
    report: dict[str, Any]
    output: Path
    stdout: str
    stderr: str

    def copy(self, target: Path) -> Path:
        return shutil.copytree(self.output, target)


@pytest.fixture(scope="module")
def made(export: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    target = tmp_path_factory.mktemp("made") / "safe"
    report = target.with_suffix(".json")
    ran = _collecte("deidentify", export, target, *_options(key), "--report", report)
    return Made(ran.returncode, json.loads(report.read_text("utf-8")), target, ran.stdout, ran.stderr)


def _options(key: Path) -> tuple[object, ...]:
    return ("--challenge", DEMO, "--centre", "arvel", "--key-file", key)


def _tree(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _contents(folder: Path) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    yield from ((name, (os.fsencode(name), content)) for name, content in _tree(folder).items())


def test_every_file_stands_in_the_report_once_and_the_totals_add_up(export: Path, made: Made) -> None:
    report = made.report
    there = [path for path in export.rglob("*") if not path.is_dir() or path.is_symlink()]
    assert made.code == 1, "files were refused"
    assert len({file["source"] for file in report["files"]}) == len(report["files"]) == len(there)
    totals = report["totals"]
    assert totals["received"] == len(there) == totals["accepted"] + totals["quarantined"] + totals["duplicate"]


def _unprivileged(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """The command without root's right to read everything; as it is, for any other user."""
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    command = [*drop, sys.executable, "-m", "collecte.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_may_not_be_read_is_told_of_and_the_rest_goes_on(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "export"
    for path in ("a/1.dcm", "b/2.dcm", "c/3.dcm"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(ct_slice(MARCHEMALLE, study=1, slice_number=int(path[2]), size=16))
    (folder / "a/1.dcm").chmod(0)
    (folder / "b").chmod(0)
    report = tmp_path / "r.json"
    options = _options(key)
    ran = _unprivileged("deidentify", folder, tmp_path / "safe", *options, "--report", report)
    scanned = _unprivileged("scan", folder, tmp_path / "safe", *options)
    (folder / "b").chmod(0o700)
    files = {file["source"]: file for file in json.loads(report.read_text("utf-8"))["files"]}
    assert ran.returncode == 1
    assert {path: file["state"] for path, file in files.items()} == {
        "a/1.dcm": "quarantined",
        "b": "quarantined",
        "c/3.dcm": "accepted",
    }
    assert [finding["code"] for path in ("a/1.dcm", "b") for finding in files[path]["findings"]] == [
        "FILE-UNREADABLE",
        "FILE-UNREADABLE",
    ]
    assert scanned.returncode == 2
    assert "To do: give yourself the right to read" in scanned.stderr


def test_a_report_that_cannot_be_written_is_told_of_before_the_work(tmp_path: Path, key: Path, export: Path) -> None:
    report = tmp_path / "no" / "r.json"
    ran = _collecte("deidentify", export, tmp_path / "safe", *_options(key), "--report", report)
    assert ran.returncode == 2
    assert not (tmp_path / "safe").exists()


def test_each_file_has_the_form_that_is_promised(made: Made) -> None:
    report, outputs = made.report, _tree(made.output)
    for file in report["files"]:
        accepted = file["state"] == State.ACCEPTED
        assert (file["output"] in outputs) == accepted == (file["sha256_out"] is not None), file["source"]
        assert accepted or file["findings"], f"{file['source']} has no finding that says why"
        for finding in file["findings"]:
            assert {"code", "severity", "fr", "en", "remedy"} <= set(finding)
            assert finding["remedy"].count("\n") == 1, "French, then English"
    assert len(outputs) == report["totals"]["accepted"]


def test_planted_troubles_end_where_they_should(made: Made) -> None:
    by_name = {file["source"].rpartition("/")[2]: file for file in made.report["files"]}
    codes = {name: {finding["code"] for finding in file["findings"]} for name, file in by_name.items()}
    assert "DICOM-TRUNCATED" in codes["coupe.dcm"]
    assert "TABLE-IDENTIFIER-IN-TEXT" in codes["suivi.csv"]
    assert codes["vide"] == {"FILE-EMPTY"}
    assert codes["lien"] == {"DROP-SYMLINK"}
    assert by_name["encore.dcm"]["state"] == "duplicate" or by_name["IM0001"]["state"] == "duplicate"
    assert by_name["cache.dcm"]["state"] == "accepted", "the hidden names were taken out"
    assert by_name["caf\\xe9.dcm"]["state"] == "accepted"


def test_nothing_planted_is_found_in_the_output(export: Path, made: Made) -> None:
    laid = deposits()
    planted = laid["arvel"].planted | laid["corvane"].planted | {nir("2620875116042")}
    assert list(search(planted, _contents(made.output))) == []
    assert list(search(planted, _contents(export))), "the search itself finds them where they are"


def test_the_same_input_and_key_give_the_same_bytes_with_any_number_of_jobs(
    export: Path, tmp_path: Path, key: Path, made: Made
) -> None:
    assert _run(export, tmp_path / "two", key, "--jobs", 2) == (made.code, made.report)
    assert _tree(tmp_path / "two") == _tree(made.output)


def test_run_again_into_the_same_folder_it_ends_the_same(export: Path, tmp_path: Path, key: Path, made: Made) -> None:
    again = made.copy(tmp_path / "safe")
    assert _run(export, again, key) == (made.code, made.report)
    assert _tree(again) == _tree(made.output)


def test_images_and_tables_of_one_patient_share_a_pseudonym(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "rx.dcm").write_bytes(ct_slice(PFEIFFENSCHNEIDER, study=1, slice_number=1, size=16))
    (folder / "t.csv").write_text(f"ipp;fichier;age\n {PFEIFFENSCHNEIDER.ipp.lower()} ;rx.dcm;64\n", "utf-8")
    code, report = _run(folder, tmp_path / "safe", key)
    image, table = report["files"]
    assert code == 0
    text = (tmp_path / "safe" / table["output"]).read_text("utf-8")
    assert text.splitlines()[1] == f"{image['subject']},{image['output']},64"


def test_a_table_names_the_copy_of_a_duplicate_and_no_image_that_is_refused(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    image = ct_slice(PFEIFFENSCHNEIDER, study=1, slice_number=1, size=16)
    (folder / "a.dcm").write_bytes(image)
    (folder / "b.dcm").write_bytes(image)
    (folder / "c.dcm").write_bytes(ct_slice(PFEIFFENSCHNEIDER, study=1, slice_number=2, size=16)[:-9])
    rows = "".join(f"{PFEIFFENSCHNEIDER.ipp};{name};64\n" for name in ("a.dcm", "b.dcm", "c.dcm"))
    (folder / "t.csv").write_text(f"ipp;fichier;age\n{rows}", "utf-8")
    _, report = _run(folder, tmp_path / "safe", key)
    first, *_, table = report["files"]
    assert [file["state"] for file in report["files"]] == ["accepted", "duplicate", "quarantined", "accepted"]
    lines = (tmp_path / "safe" / table["output"]).read_text("utf-8").splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == [first["output"], first["output"], ""]
    assert [finding["code"] for finding in table["findings"]] == ["TABLE-REFERENCE-UNRESOLVED"]


def test_scan_finds_what_somebody_put_back(export: Path, tmp_path: Path, key: Path, made: Made) -> None:
    made.copy(tmp_path / "safe")
    options = (*_options(key), "--json")
    clean = _collecte("scan", export, tmp_path / "safe", *options)
    assert (clean.returncode, json.loads(clean.stdout)["files"]) == (0, [])
    (tmp_path / "safe" / "note.txt").write_text("revoir Mme Pfeiffenschneider", "utf-8")
    found = _collecte("scan", export, tmp_path / "safe", *options)
    assert found.returncode == 1
    (hit,) = json.loads(found.stdout)["files"]
    assert hit["output"] == "note.txt"
    assert "feiffenschneider" not in found.stdout.lower()


def test_no_table_names_an_image_that_gives_way_or_is_held_back(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    image = ct_slice(PFEIFFENSCHNEIDER, study=1, slice_number=1, size=16)
    other = ct_slice(MARCHEMALLE, study=1, slice_number=1, size=16)
    one, two = (dcmread(BytesIO(content)) for content in (image, other))
    two.SOPInstanceUID = two.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    two.save_as(folder / "b.dcm")
    (folder / "a.dcm").write_bytes(image)
    (folder / "t.csv").write_text(f"ipp;fichier;age\n{PFEIFFENSCHNEIDER.ipp};a.dcm;64\n", "utf-8")
    _, report = _run(folder, tmp_path / "safe", key)
    assert [file["state"] for file in report["files"]] == ["quarantined", "quarantined", "accepted"]
    assert (tmp_path / "safe" / report["files"][2]["output"]).read_text("utf-8").splitlines()[1].split(",")[1] == ""


@pytest.mark.parametrize("empty", ["SRC", "DST"])
def test_scan_says_nothing_of_nothing(export: Path, made: Made, tmp_path: Path, key: Path, empty: str) -> None:
    (tmp_path / "empty").mkdir()
    folders = (tmp_path / "empty", made.output) if empty == "SRC" else (export, tmp_path / "empty")
    ran = _collecte("scan", *folders, *_options(key))
    assert ran.returncode == 2
    assert f"{empty} holds no file" in " ".join(ran.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{tmp}/absent", "{tmp}/safe"), "does not exist"),
        (("{tmp}/export", "{tmp}/export/safe"), "lies in the other"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(export: Path, key: Path, arguments: tuple[str, str], said: str) -> None:
    folders = [argument.format(tmp=export.parent) for argument in arguments]
    ran = _collecte("deidentify", *folders, *_options(key))
    assert ran.returncode == 2
    assert said in " ".join(ran.stderr.split())


def test_an_unknown_centre_names_the_known_ones(export: Path, tmp_path: Path, key: Path) -> None:
    ran = _collecte("deidentify", export, tmp_path / "safe", "--challenge", DEMO, "--centre", "x", "--key-file", key)
    assert ran.returncode == 2
    assert "arvel, belcombe, corvane" in ran.stderr


def test_the_report_says_the_rules_the_counts_of_each_kind_and_what_was_done(made: Made) -> None:
    report = made.report
    files, totals = report["files"], report["totals"]
    for state, n in totals.items():
        assert sum(kind[state] for kind in report["kinds"].values()) == n, state
    for code, n in report["findings"].items():
        assert n == sum(any(finding["code"] == code for finding in file["findings"]) for file in files), code
    done = [file["actions"] for file in files]
    assert all(bool(file["actions"]) == (file["output"] is not None) for file in files if file["kind"] == "dicom")
    assert {name: sum(actions.get(name, 0) for actions in done) for name in report["actions"]} == report["actions"]
    dicom = report["rules"]["dicom"]
    assert (dicom["profile"], dicom["edition"], dicom["attributes"]) == ("basic", "2026c", [])
    assert dicom["options"] == ["retain_longitudinal_modified_dates", "retain_patient_characteristics"]
    assert dicom["text_in_pixels"]["found"] == "mask"
    assert report["rules"]["table"]["age_cap"] == 89


def test_a_pipe_gets_the_decisions_as_plain_lines(made: Made) -> None:
    told = made.report
    lines = [line.split() for line in made.stdout.splitlines()]
    assert ["kind", *told["totals"]] in lines
    for kind, states in told["kinds"].items():
        assert [kind, *map(str, states.values())] in lines
    for code, n in told["findings"].items():
        texts = [line for line in made.stdout.splitlines() if line.split()[:1] == [code]]
        assert sum(int(line.split()[1]) for line in texts) >= n, "a file may have two texts of one finding"
        assert len(texts) > 1 or int(texts[0].split()[1]) == n
    assert " MB/s." in made.stdout
    assert not set("│─━\x1b") & set(made.stdout + made.stderr)


def test_a_terminal_shows_a_bar_for_each_phase_and_then_the_decisions(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(ct_slice(MARCHEMALLE, study=1, slice_number=number, size=16))
    options = map(str, _options(key))
    command = (sys.executable, "-m", "collecte.cli", "deidentify", str(folder), str(tmp_path / "safe"), *options)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", in_terminal(*command))
    for phase in ("harvest", "make safe"):
        assert re.search(rf"{phase} +━+ +3/3", shown), phase
    assert shown.index("make safe") < shown.index("Decisions") < shown.index("3 received: 3 accepted")
    assert "│ dicom │" in shown
    assert not [name for name in ("archemalle", "MARCHEMALLE") if name in shown]
