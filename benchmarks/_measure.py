"""What every benchmark has in common: its row of the table, and works that are timed in turns."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ratio`` is ours to the peer's, smaller being better, None where it was not measured;
    ``goal`` the ratio that we want to stay at or under, None where there is none; ``ours`` and ``peer`` say what was
    measured, in words with a unit, or why nothing was.
    """

    name: str
    ratio: float | None
    goal: float | None
    ours: str
    peer: str

    @property
    def missed(self) -> bool:
        return self.ratio is not None and self.goal is not None and self.ratio > self.goal


def seconds(work: Callable[[], object]) -> float:
    """How long a work took, by the wall clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(
    works: Mapping[str, Callable[[int], object]],
    runs: int = 3,
    before: Callable[[int], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """The median of seconds of each work, all of them in turns, so that what else the machine does meets each alike.

    A work is given the number of its turn, from 0. ``before`` is done ahead of each, and not timed. ``clock``: that of
    the wall, or ``time.process_time`` for works of one process that wait for nothing, on a machine that others use.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(runs):
        for name, work in works.items():
            if before is not None:
                before(turn)
            gc.collect()  # what one left behind is not for the next to clear away
            start = clock()
            work(turn)
            taken[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def against(name: str, ours: float, theirs: float, peer: str, goal: float | None = None) -> Row:
    """The row of two times in seconds."""
    return Row(name, ours / theirs, goal, f"{ours:.2f} s", f"{theirs:.2f} s, {peer}")


def not_measured(name: str, why: str, goal: float | None = None) -> Row:
    """The row of what this machine cannot measure."""
    return Row(name, None, goal, "not measured", why)
