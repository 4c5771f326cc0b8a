"""Work that is shared among processes: no more at a time than is taken, and an end that is an end."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import pytest

from collecte.errors import NeedsPerson
from collecte.workers import Workers


def _told(*_: object) -> None:
    """Progress is nobody's business here."""


def _same(number: int) -> int:
    return number


def _ends(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _interrupts(number: int) -> int:
    """A terminal sends Ctrl-C to every process: to this one, which is deaf to it, and to the one that waits."""
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getppid(), signal.SIGINT)
    while True:
        signal.pause()


@dataclass
class _Asked(Sequence[int]):
    """Numbers that know how far they were asked for."""

    count: int
    far: int = 0

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, where: int) -> int: ...

    @overload
    def __getitem__(self, where: slice) -> list[int]: ...

    def __getitem__(self, where: int | slice) -> int | list[int]:
        found = range(self.count)[where]
        self.far = max(self.far, found if isinstance(found, int) else found[-1])
        return found if isinstance(found, int) else list(found)


def test_no_more_work_is_handed_out_than_a_slow_consumer_takes() -> None:
    items = _Asked(100_000)
    results = Workers(2, _told).run("count", _same, items)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert items.far < 200


def test_a_process_that_the_system_ends_is_told_with_a_remedy() -> None:
    with pytest.raises(NeedsPerson, match="fewer --jobs"):
        list(Workers(2, _told).run("count", _ends, range(50)))


def test_an_interrupt_ends_the_processes_at_once() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt):
        list(Workers(2, _told).run("count", _interrupts, range(50)))
    assert set(multiprocessing.active_children()) <= before
