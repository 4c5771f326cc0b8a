"""De-identifying at scale: images of many frames against a plain copy, their memory, and two processes against one."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks._images import FRAME_BYTES, demo_context, folder, multi_frame, slices
from benchmarks._measure import Row, against, medians, not_measured
from benchmarks._peers import copy_of, hashed_copy
from benchmarks.residual import identifiers
from collecte.formats import Context, dicom
from collecte.keys import Keys
from collecte.records import State
from collecte.residual import compile_scanner
from collecte.steps.deidentify import deidentify
from collecte.steps.make_safe import make_file_safe

#: Name, frames of 0.5 MB, rounds.
CASES = (("50 MB", 100, 7), ("2 GB", 4000, 5))
COPY_GOAL, PEAK_MB, PROCESSES_GOAL = 1.2, 200, 0.55
#: Slices that two processes share. Of fewer, one process makes most while the other loads the model that reads text.
FEWER, MORE, PROCESS_ROUNDS = 900, 2700, 3


def run() -> list[Row]:
    """The rows of each case, the peak memory of the largest, and of two processes."""
    return [*(row for case in CASES for row in _case(*case)), *_processes()]


def _case(what: str, frames: int, rounds: int) -> list[Row]:
    name = f"multi-frame image of {what}"
    with folder(2 * frames * FRAME_BYTES) as place:
        if place is None:
            return [not_measured(name, f"no room for two of {what}", COPY_GOAL)]
        path = multi_frame(place / "image", frames)
        contexts = [demo_context(Keys.new()) for _ in range(rounds)]
        names = [dicom.harvest(path, "", context).name for context in contexts]
        taken = medians(
            {"ours": lambda turn: _make_safe(path, names[turn], contexts[turn]), "copy": lambda _: hashed_copy(path)},
            rounds,
            before=lambda _: copy_of(path).unlink(missing_ok=True),
            clock=time.process_time,
        )
        row = against(name, taken["ours"], taken["copy"], "copy with SHA-256 of input and output", COPY_GOAL)
        return [row, _peak(name, path)] if frames == CASES[-1][1] else [row]


def _make_safe(path: Path, name: str, context: Context) -> None:
    safe = dicom.make_safe(path, copy_of(path), name, context)
    if not (safe.sha256 and safe.sha256_in):
        raise RuntimeError("the image was not made safe")


def _peak(name: str, path: Path) -> Row:
    """The most memory of a process that harvests the image, makes it safe and scans the copy for 1,000 identifiers."""
    copy_of(path).unlink(missing_ok=True)
    peak = int(_child("peak", str(path))) / 1000
    return Row(f"peak memory: {name}", peak / PEAK_MB, 1.0, f"{peak:.0f} MB", f"{PEAK_MB} MB allowed")


def _processes() -> list[Row]:
    """A folder of slices by a command of its own each time: whole, and what each slice costs beyond those of a smaller
    folder, for which the commands and their processes start just the same.
    """
    names = f"two processes ÷ one, each further CT slice after {FEWER}", f"two processes ÷ one, {MORE:,} CT slices"
    with folder(2 * MORE * FRAME_BYTES) as place:
        if place is None:
            return [not_measured(name, "no room for the slices", PROCESSES_GOAL) for name in names]
        target, more, fewer = place / "out", place / "more", place / "fewer"
        more.mkdir()
        fewer.mkdir()
        for path in slices(more, MORE)[:FEWER]:
            fewer.joinpath(path.name).hardlink_to(path)
        works = {
            f"{source.name} {jobs}": _command("deidentify", str(source), str(target), jobs)
            for source in (fewer, more)
            for jobs in ("1", "2")
        }
        taken = medians(works, PROCESS_ROUNDS, before=lambda _: shutil.rmtree(target, ignore_errors=True))
    one, two = ((taken[f"more {jobs}"] - taken[f"fewer {jobs}"]) / (MORE - FEWER) for jobs in ("1", "2"))
    each = Row(names[0], two / one, PROCESSES_GOAL, f"{two * 1000:.2f} ms", f"{one * 1000:.2f} ms, one process")
    if min(one, two) <= 0:  # differences of two times, which others' work can turn round
        each = not_measured(names[0], "the machine is too busy: more slices took less time", PROCESSES_GOAL)
    return [
        each,
        against(names[1], taken["more 2"], taken["more 1"], "one process, both with their start"),
    ]


def _child(*arguments: str) -> str:
    """What this module prints as a process of its own."""
    command = [sys.executable, "-m", "benchmarks._large", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def _command(*arguments: str) -> Callable[[int], object]:
    return lambda _: _child(*arguments)


def _say_peak(path: Path) -> None:
    """Print the most memory that this process had, in kB. (What getrusage gives counts its parent's too.)"""
    context = demo_context(Keys.new())
    harvest = dicom.harvest(path, "", context)
    own = list(harvest.identifiers)
    scanner = compile_scanner([*own, *identifiers(1000 - len(own))])
    safe = make_file_safe(path, copy_of(path), "dicom", harvest.name, harvest.subjects, context, scanner, sampled=False)
    if not safe.sha256:
        raise RuntimeError("the image was not made safe")
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def _deidentify(source: Path, target: Path, jobs: int) -> None:
    context = demo_context(Keys.new())
    outcomes = deidentify(source, target, context.challenge, context.centre, Keys.new(), jobs=jobs)
    if {outcome.state for outcome in outcomes} != {State.ACCEPTED}:
        raise RuntimeError("a slice was not made safe")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["peak", path]:
            _say_peak(Path(path))
        case ["deidentify", source, target, jobs]:
            _deidentify(Path(source), Path(target), int(jobs))
