"""Mutants of DICOM files, many, each on its whole way: crashes, hangs, leaks and copies half written; the goal is 0.

Run with ``python -m benchmarks.fuzz [COUNT [SEED]]``. A row's ratio is a count.
"""

import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from benchmarks._measure import Row
from tests.formats.dicom.fuzzing import Broken, Hang, Trial, bases, mutants

#: Some four minutes of a quiet core.
COUNT, SEED = 20_000, 1
#: What may become of a file that may not: the kinds of :class:`Broken`, and the others by what they raise.
KINDS = ("crash", "hang", "leak", "part", "words", "warning")
_NAMES = {"part": "half written", "words": "value in a message", "warning": "warning of a library"}
_MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of its own is made in it


def run() -> list[Row]:
    """The results over the files that the tests are made of."""
    return fuzzed(COUNT, SEED)


def fuzzed(count: int, seed: int) -> list[Row]:
    """The results of so many mutants; the same for a seed."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        trial, pool = Trial(work), bases(Path(folder))
        fates: Counter[str] = Counter()
        start = time.process_time()
        for number, data in enumerate(islice(mutants(pool, seed), count)):
            fates[kind := _fate(trial, data)] += 1
            if kind in KINDS:
                print(f"fuzz: {kind}, mutant {number} of seed {seed}", file=sys.stderr)
        seconds = time.process_time() - start
    said = f"{fates['written']} written, {fates['refused']} refused"
    peer = f"{count} mutants, {seconds / count * 1000:.1f} ms each; {said}"
    return [Row(f"fuzz: {_NAMES.get(kind, kind)}", fates[kind], 0.0, str(fates[kind]), peer) for kind in KINDS]


def _fate(trial: Trial, data: bytes) -> str:
    try:
        return "written" if trial.run(data).output else "refused"
    except Broken as broken:
        return str(broken)
    except Hang:
        return "hang"
    except Exception:  # noqa: BLE001 -- whatever it is: it is what is looked for
        return "crash"


if __name__ == "__main__":
    for result in fuzzed(*map(int, sys.argv[1:3] or [COUNT]), *([] if sys.argv[2:] else [SEED])):
        print(result)
