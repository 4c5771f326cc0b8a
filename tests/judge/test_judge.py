"""The independent judge: strings planted in every hiding place of every class, and nothing of them in what comes out.

It shares no code with the de-identifier: it starts the product on a folder, and reads the files by pydicom alone.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.judge.actions import Pair, pixels_retained, uid_consistent
from tests.judge.corpus import corpus
from tests.judge.decoding import read
from tests.judge.given import bundle
from tests.judge.run import WIDE, Trial, in_folder, run
from tests.judge.score import Score, score
from tests.judge.searching import search_file

ACTIONS = (
    "tag_retained",
    "text_notnull",
    "text_retained",
    "text_removed",
    "date_shifted",
    "uid_changed",
    "uid_consistent",
    "patid_consistent",
    "pixels_hidden",
    "pixels_retained",
)


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """The generated corpus under the demonstration's options."""
    with in_folder() as folder:
        yield run(corpus(), Path(folder))


@pytest.fixture(scope="module")
def sheet(trial: Trial) -> Score:
    return score(trial)


@pytest.fixture(scope="module")
def wide() -> Iterator[Score]:
    """The corpus under the options that keep and clean more."""
    with in_folder() as folder:
        yield score(run(corpus(), Path(folder), options=WIDE))


@pytest.fixture(scope="module")
def given() -> Iterator[Score]:
    """The small files that pydicom carries, those without pixels among them once."""
    samples = [sample for sample in bundle() if "TINY_ALPHA" not in sample.path or sample.path.endswith("IM000000")]
    with in_folder() as folder:
        yield score(run([sample for sample in samples if "color" not in sample.path], Path(folder)))


def test_nothing_planted_leaves(sheet: Score) -> None:
    assert sheet.files > 70
    assert sheet.planted > 60 * sheet.files
    assert sheet.leaks == []


def test_nothing_planted_leaves_where_more_is_kept(wide: Score) -> None:
    assert wide.leaks == []


def test_nothing_planted_in_real_files_leaves(given: Score) -> None:
    assert given.leaks == []
    assert given.unexplained == []


def test_every_covered_class_is_let_through_and_documents_are_not(sheet: Score, given: Score) -> None:
    assert sheet.away == {}
    assert sheet.let_through == []
    assert sheet.unexplained == []
    assert given.share_away <= 0.05


@pytest.mark.parametrize("action", [name for name in ACTIONS if name != "text_retained"])
def test_each_action_is_done_as_it_should(sheet: Score, wide: Score, action: str) -> None:
    assert sheet.actions[action].total
    assert sheet.actions[action].failures == []
    assert wide.actions[action].failures == []


def test_text_that_is_to_stay_stays(sheet: Score, wide: Score, given: Score) -> None:
    """Words of makers and codes of schemes that no list has are given up."""
    assert sheet.actions["text_retained"].share >= 0.995
    assert wide.actions["text_retained"].share >= 0.99
    assert given.actions["text_retained"].share >= 0.95


@pytest.mark.parametrize("action", [name for name in ACTIONS if name != "text_retained"])
def test_real_files_stay_useful(given: Score, action: str) -> None:
    assert given.actions[action].share >= 0.99, given.actions[action].failures


def test_the_judge_finds_a_string_that_stayed(trial: Trial, tmp_path: Path) -> None:
    """In plain, in UTF-16, in hex and in a stream that is packed."""
    case = next(case for case in trial.cases if case.sample.label == "CT slice 1" and case.after)
    planted = next(one for one in case.planted if one.place == "PatientName")
    name = planted.text.partition("^")[0]
    for number, spelled in enumerate(
        (name.encode("latin-1"), name.encode("utf-16-le"), name.lower().encode().hex().encode())
    ):
        copy = tmp_path / f"{number}.dcm"
        dataset = read(case.after)
        dataset.add_new(0x00104000, "LT", "")
        dataset["PatientComments"]._value = spelled.decode("latin-1") + " " * (len(spelled) % 2)
        dataset.save_as(copy)
        assert any(found == planted for found, _ in search_file(copy, case.planted)), spelled


def test_the_judge_finds_a_damaged_pixel(trial: Trial, tmp_path: Path) -> None:
    case = next(case for case in trial.cases if case.sample.label == "CT slice 1" and case.after)
    assert pixels_retained([Pair(case)]).failures == []
    copy = tmp_path / "damaged.dcm"
    dataset = read(case.after)
    dataset.PixelData = dataset.PixelData[:-1] + bytes([dataset.PixelData[-1] ^ 1])
    dataset.save_as(copy)
    assert pixels_retained([Pair(replace(case, after=copy))]).failures == ["CT slice 1: pixels"]


def test_the_judge_finds_a_broken_reference(trial: Trial, tmp_path: Path) -> None:
    cases = [case for case in trial.cases if case.after and case.sample.label in ("CT slice 1", "SEG")]
    broken = []
    for case in cases:
        copy = tmp_path / case.sample.path
        shutil.copy(case.after, copy)
        broken.append(replace(case, after=copy))
    assert uid_consistent([Pair(case) for case in broken]).failures == []
    dataset = read(broken[1].after)
    for item in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence:
        item.ReferencedSOPInstanceUID = "2.25.1"
    dataset.save_as(broken[1].after)
    assert uid_consistent([Pair(case) for case in broken]).failures
