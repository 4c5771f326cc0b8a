"""The independent judge: strings planted in every hiding place of every class, and nothing of them in what comes out.

It shares no code with the de-identifier: it starts the product on a folder, and reads the files by pydicom alone.
"""

import base64
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.judge.actions import pixels_retained, uid_consistent
from tests.judge.conformance import kind
from tests.judge.corpus import corpus
from tests.judge.decoding import read
from tests.judge.given import bundle
from tests.judge.pairs import Pair
from tests.judge.run import WIDE, Case, Trial, in_folder, run
from tests.judge.samples import Sample
from tests.judge.score import Score, score
from tests.judge.searching import Searcher, search_file
from tests.judge.strings import folded

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


def _given() -> list[Sample]:
    """The files that pydicom carries: one of those without pixels, none of the large ones that are read for text."""
    return [
        sample
        for sample in bundle()
        if ("TINY_ALPHA" not in sample.path or sample.path.endswith("IM000000"))
        and (sample.label not in _READ or sample.data.Rows < 64)
    ]


#: Classes that are always read for text, which takes seconds an image; `make bench` judges all of them.
_READ = ("Secondary Capture Image Storage", "Ultrasound Image Storage", "Ultrasound Multi-frame Image Storage")
#: What is judged: the generated corpus under the demonstration's options; under those that keep and clean more; real
#: files. Each goes to one worker, so that it is made and judged once.
TRIALS: dict[str, Callable[[], tuple[list[Sample], dict[str, object]]]] = {
    "demo": lambda: (corpus(), {}),
    "wide": lambda: ([sample for sample in corpus() if not sample.burned], {"options": WIDE}),
    "given": lambda: (_given(), {}),
}


def _grouped(name: str) -> ParameterSet:
    return pytest.param(name, marks=pytest.mark.xdist_group(f"judge-{name}"))


@pytest.fixture(scope="module", params=[_grouped(name) for name in TRIALS])
def trial(request: pytest.FixtureRequest) -> Iterator[tuple[str, Trial]]:
    samples, rules = TRIALS[request.param]()
    with in_folder() as folder:
        yield request.param, run(samples, Path(folder), **rules)


@pytest.fixture(scope="module")
def sheet(trial: tuple[str, Trial]) -> Score:
    return score(trial[1])


@pytest.fixture
def generated(trial: tuple[str, Trial]) -> list[Case]:
    return trial[1].cases


#: One trial is enough to judge the judge.
once = pytest.mark.parametrize("trial", [_grouped("demo")], indirect=True)


def test_nothing_planted_leaves(sheet: Score) -> None:
    assert sheet.files > 60
    assert sheet.planted > 60 * sheet.files
    assert sheet.leaks == []


def test_every_covered_class_is_let_through_and_documents_are_not(sheet: Score, trial: tuple[str, Trial]) -> None:
    """Of real files, some are damaged by what is planted."""
    assert sheet.away == {} if trial[0] != "given" else sheet.share_away <= 0.05
    assert sheet.let_through == []
    assert sheet.unexplained == []


def test_no_error_of_conformance_is_added(sheet: Score) -> None:
    assert sheet.added == []


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_done_as_it_should(sheet: Score, trial: tuple[str, Trial], action: str) -> None:
    """On generated files in all cases; of real ones, some words of their makers are in no vocabulary."""
    tally = sheet.actions[action]
    assert tally.total or (action == "pixels_hidden" and trial[0] != "demo")
    if trial[0] != "given":
        assert tally.failures == []
    assert tally.share >= (0.98 if action == "text_retained" else 0.995), tally.failures


def _swapped(data: bytes) -> bytes:
    return bytes(byte for pair in zip(data[1::2], data[::2], strict=True) for byte in pair)


#: Ways to write a name that the judge must see through.
SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda name: name.encode("latin-1"),
    "capitals without accents": lambda name: folded(name).upper().encode(),
    "UTF-8": str.encode,
    "UTF-16, little endian": lambda name: name.encode("utf-16-le"),
    "UTF-16, big endian": lambda name: name.encode("utf-16-be"),
    "bytes swapped": lambda name: _swapped(f"{name} "[: len(name) + len(name) % 2].encode("latin-1")),
    "hex": lambda name: name.encode().hex().encode(),
    "base64": lambda name: base64.b64encode(f"<nom>{name}</nom>".encode()),
    "packed": lambda name: zlib.compress(name.encode()),
    "packed in base64": lambda name: base64.b64encode(zlib.compress(name.encode())),
}
#: Ways to write a day.
WRITINGS = ("%Y%m%d", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d%m%Y", "%m/%d/%Y", "%d-%b-%Y", "%B %d, %Y")


@once
def test_the_judge_finds_a_string_that_stayed(generated: list[Case], tmp_path: Path) -> None:
    case = next(case for case in generated if case.sample.label == "CT slice 1")
    name = next(one for one in case.planted if one.place == "PatientName")
    born = next(one for one in case.planted if one.place == "PatientBirthDate")
    day = datetime.strptime(born.text, "%Y%m%d")  # noqa: DTZ007 -- a day
    written = [(name, make(name.text.partition("^")[0])) for make in SPELLINGS.values()]
    written += [(born, day.strftime(writing).encode()) for writing in WRITINGS]
    assert not list(search_file(case.after, case.planted))
    for planted, spelled in written:
        dataset = read(case.after)
        dataset.EncapsulatedDocument = b"x " + spelled + b" " * (len(spelled) % 2)
        dataset.save_as(copy := tmp_path / "copy.dcm")
        assert [found for found, _ in search_file(copy, case.planted)] == [planted], spelled


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", folded(text))


@once
def test_the_judge_finds_a_string_of_another_file(generated: list[Case], tmp_path: Path) -> None:
    case, other = (next(c for c in generated if c.sample.label == label) for label in ("CT slice 1", "MR ge 1"))
    name = next(one for one in other.planted if one.place == "PatientName")
    dataset = read(case.after)
    dataset.PatientComments = f"voir {name.text.upper()}"
    dataset.save_as(copy := tmp_path / "copy.dcm")
    searcher = Searcher({one.sample.path: one.planted for one in generated})
    others = [found for found, where in searcher.file(copy, case.sample.path) if "another" in where]
    assert name in others
    # Several files have names of one family; nothing is found that shares no word with what was put in.
    assert all(set(_words(found.text)) & set(_words(name.text)) for found in others)
    assert not [found for found, where in searcher.file(case.after, case.sample.path) if "another" in where]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Error - Missing attribute Type 1 Required Element=<A> Module=<B>", None, True),
        (
            "Error - Missing attribute Type 1 Required Element=<A> Module=<B>",
            "Error - Missing attribute Type 2 Required Element=<A> Module=<B>",
            False,
        ),
        (
            "Error - Value invalid for this VR - (0x0008,0x0020) DA Date  DA [1] = <a> - Character invalid = 'a'",
            "Error - Value invalid for this VR - (0x0008,0x0020) DA Date  DA [2] = <b> c> - Character invalid = 'b'",
            True,
        ),
        (
            "Error - Unrecognized enumerated value <A> for value 1 of attribute <Value Type>",
            "Error - Unrecognized enumerated value <B> for value 2 of attribute <Value Type>",
            True,
        ),
        (
            "Error - Unrecognized enumerated value <A> for value 1 of attribute <Value Type>",
            "Error - Unrecognized enumerated value <A> for value 1 of attribute <Modality>",
            False,
        ),
        (
            "Error - not listed but have ReferencedSOPInstanceUID 1.2.3",
            "Error - not listed but have ReferencedSOPInstanceUID 2.25.7",
            True,
        ),
    ],
)
def test_errors_differ_by_what_is_wrong_and_not_by_values(first: str, second: str | None, same: bool) -> None:
    assert (kind(first) == kind(second or first)) is same


@once
def test_the_judge_finds_a_damaged_pixel(generated: list[Case], tmp_path: Path) -> None:
    case = next(case for case in generated if case.sample.label == "CT slice 1" and case.after)
    assert pixels_retained([Pair(case)]).failures == []
    copy = tmp_path / "damaged.dcm"
    dataset = read(case.after)
    dataset.PixelData = dataset.PixelData[:-1] + bytes([dataset.PixelData[-1] ^ 1])
    dataset.save_as(copy)
    assert pixels_retained([Pair(replace(case, after=copy))]).failures == ["CT slice 1: pixels"]


@once
def test_the_judge_finds_a_broken_reference(generated: list[Case], tmp_path: Path) -> None:
    cases = [case for case in generated if case.after and case.sample.label in ("CT slice 1", "SEG")]
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
