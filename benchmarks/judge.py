"""The independent judge's score: strings planted in every hiding place, and what of them came out; see tests/judge.

Run with ``python -m benchmarks.judge [FOLDER]``: with a folder, its DICOM files are planted and judged instead. A row's
ratio is a count where the goal is 0, and else the share that is wrong.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks._measure import Row
from tests.judge.corpus import corpus
from tests.judge.given import bundle, folder
from tests.judge.run import WIDE, in_folder
from tests.judge.run import run as trial
from tests.judge.samples import Sample
from tests.judge.score import Score, score

#: Of real files, some text of makers is in no vocabulary; of the generated ones, all has to be right.
REAL_SHARE = 0.05


def run() -> list[Row]:
    """The score over the generated corpus, under the demonstration's options and under wider ones, and over the files
    that pydicom carries."""
    return [
        *_rows("judge", _judged(corpus()), 0.0),
        *_rows("judge, more kept", _judged(corpus(), options=WIDE), 0.0),
        *_rows("judge, pydicom's files", _judged(list(bundle())), REAL_SHARE),
    ]


def _judged(samples: Sequence[Sample], **rules: object) -> Score:
    with in_folder() as scratch:
        return score(trial(samples, Path(scratch), **rules))


def _rows(name: str, sheet: Score, wrong: float) -> list[Row]:
    """``wrong``: the share of each action that may be."""
    files = f"of {sheet.files} files"
    away = sum(sheet.away.values())
    return [
        _count(f"{name}: leaks", len(sheet.leaks), f"of {sheet.planted} strings"),
        _count(f"{name}: dciodvfy errors added", len(sheet.added), files),
        Row(f"{name}: covered files turned away", sheet.share_away, 0.05, f"{away}", f"of {sheet.covered} files"),
        _count(f"{name}: turned away without a finding", len(sheet.unexplained), files),
        _count(f"{name}: let through that must not be", len(sheet.let_through), files),
        *(
            Row(f"{name}: {action} not done", 1 - tally.share, wrong, f"{len(tally.failures)}", f"of {tally.total}")
            for action, tally in sheet.actions.items()
        ),
    ]


def _count(name: str, found: int, among: str) -> Row:
    return Row(name, float(found), 0.0, f"{found}", among)


if __name__ == "__main__":
    result = _judged(list(folder(Path(sys.argv[1]))) if len(sys.argv) > 1 else corpus())
    print(*result.lines(), sep="\n")
    Console().print(result.table())
