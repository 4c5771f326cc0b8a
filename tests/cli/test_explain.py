"""``collecte explain`` as somebody who must know runs it: what becomes of one file, never what is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from collecte.settings import HOME
from tests.formats.dicom.builders import slice_of, written
from tests.pty import in_terminal

DEMO = HOME / "include" / "challenges" / "demo.yaml"
COMMAND = (sys.executable, "-m", "collecte.cli")
PLANTED = ("Qzwlkj", "8675309", "quux.example")


@pytest.fixture
def options() -> tuple[str, ...]:
    return ("--challenge", str(DEMO), "--centre", "arvel")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A slice with strings in texts, numbers, private elements and two levels of sequences."""
    inner = Dataset()
    inner.RequestedProcedureDescription, inner.ReferringPhysicianName = "Qzwlkj 8675309", "Qzwlkj^A"
    outer = Dataset()
    outer.ReferencedSOPClassUID, outer.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.8675309"
    outer.RequestAttributesSequence = Sequence([inner])
    made = slice_of(
        PatientName="Qzwlkj^Jean",
        PatientID="IPP8675309",
        StudyDescription="IRM de M. Qzwlkj",
        PatientTelephoneNumbers="06 8675309",
        ReferencedImageSequence=Sequence([outer]),
        RequestAttributesSequence=Sequence([inner]),
    )
    block = made.private_block(0x0019, "Qzwlkj quux.example", create=True)
    for number in range(5):
        block.add_new(number, "LO", "Qzwlkj 8675309")
    return written(made, tmp_path / "IM1")


def _collecte(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_each_element_stands_with_its_outcome_and_rule_and_nested_ones_are_indented(
    image: Path, options: tuple[str, ...]
) -> None:
    ran = _collecte("explain", image, *options)
    lines = {line.split("  ")[0].strip(): line for line in ran.stdout.splitlines()}
    assert ran.returncode == 0, ran.stderr
    assert "pseudonym" in lines["(0010,0010)"]
    assert "xxxxxx^xxxx" in lines["(0010,0010)"]
    assert lines["(0008,0020)"].rstrip().endswith("retain_longitudinal_modified_dates")
    assert any(line.startswith("   (0008,1155)") for line in ran.stdout.splitlines()), "an item's element is indented"
    assert "─" not in ran.stdout
    assert "│" not in ran.stdout
    assert "\x1b" not in ran.stdout
    summary = ran.stdout[ran.stdout.index(" elements: ") :]
    assert "Object: CT Image Storage" in summary
    assert "edition 2026c, profile basic; options: retain_longitudinal_modified_dates" in summary


def test_a_file_is_enough_where_there_is_one_challenge(image: Path, options: tuple[str, ...], tmp_path: Path) -> None:
    bare = [*COMMAND, "explain", str(image)]
    one = subprocess.run(
        bare, env=os.environ | {"COLLECTE_CHALLENGES": str(DEMO.parent)}, capture_output=True, text=True
    )
    assert one.stdout == _collecte("explain", image, *options).stdout
    none = subprocess.run(bare, env=os.environ | {"COLLECTE_CHALLENGES": str(tmp_path)}, capture_output=True, text=True)
    assert none.returncode == 2
    assert "--challenge FILE" in none.stderr


def test_private_elements_that_go_are_one_line_and_with_all_each_its_own(image: Path, options: tuple[str, ...]) -> None:
    short, long = _collecte("explain", image, *options), _collecte("explain", image, *options, "--all")
    assert "6 private elements" in short.stdout
    assert "(0019,1004)" not in short.stdout
    assert "(0019,1004)" in long.stdout


def test_json_holds_every_element_a_summary_that_adds_up_and_the_rules(image: Path, options: tuple[str, ...]) -> None:
    told = json.loads(_collecte("explain", image, *options, "--json").stdout)
    elements = [one for one in told["elements"] if one["tag"]]
    assert sum(told["summary"].values()) == len(elements)
    assert {"depth", "tag", "vr", "keyword", "masked", "outcome", "rule"} == set(elements[0])
    assert told["rules"]["edition"] == "2026c"
    assert told["rules"]["text_in_pixels"]["found"] == "mask"
    assert told["text_in_pixels"] == "sample"


def test_a_refused_file_is_told_with_its_remedy_in_both_languages(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = written(slice_of(PatientID="ANON", PatientName="Qzwlkj"), tmp_path / "IM2")
    ran = _collecte("explain", path, *options)
    assert ran.returncode == 1
    assert "refused: DICOM-NO-SUBJECT (PatientID)" in ran.stdout
    assert "À faire : " in ran.stdout
    assert "To do: " in ran.stdout


@pytest.mark.parametrize("content", [b"ipp;nom\n1;Qzwlkj\n", b"", b"\0" * 128 + b"DICM" + b"Qzwlkj 8675309" * 9])
def test_what_is_no_dicom_or_damaged_is_told_without_a_value(
    tmp_path: Path, options: tuple[str, ...], content: bytes
) -> None:
    (tmp_path / "x").write_bytes(content)
    ran = _collecte("explain", tmp_path / "x", *options)
    damaged = content.startswith(b"\0")
    assert ran.returncode == (1 if damaged else 2)
    assert ("refused: DICOM-" in ran.stdout) if damaged else ("no DICOM file" in ran.stderr)
    assert not [word for word in PLANTED if word in ran.stdout + ran.stderr]


@pytest.mark.parametrize("more", [(), ("--all",), ("--json",), ("--all", "--json")])
def test_no_value_of_the_file_is_ever_printed(image: Path, options: tuple[str, ...], more: tuple[str, ...]) -> None:
    ran = _collecte("explain", image, *options, *more)
    assert not [word for word in (*PLANTED, "Delacroix", "Fictive") if word in ran.stdout + ran.stderr]


def test_a_terminal_gets_a_table_with_frames(image: Path, options: tuple[str, ...]) -> None:
    shown = in_terminal(*COMMAND, "explain", str(image), *options)
    assert "│" in shown
    assert "(0010,0010)" in shown
    assert not [word for word in PLANTED if word in shown]
