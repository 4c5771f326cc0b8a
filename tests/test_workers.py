"""Work that is shared among processes: no more at a time than is taken, and an end that is an end."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import pytest

from collecte.errors import NeedsPerson
from collecte.workers import workers


def _told(*_: object) -> None:
    """Progress is nobody's business here."""


def _same(number: int) -> int:
    return number


def _who(number: int) -> int:
    time.sleep(0.001)  # so that the other is asked, too
    return os.getpid()


def _ends(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _interrupts(number: int) -> int:
    """A terminal sends Ctrl-C to every process: to this one, which is deaf to it, and to the one that waits."""
    os.kill(os.getpid(), signal.SIGINT)
    if number == 0:
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
    with workers(2, _told) as sharing:
        results = sharing.run("count", _same, items)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        results.close()
    assert items.far < 2 * 32 * 16 + 100


def test_the_same_processes_do_one_work_after_the_other_in_order() -> None:
    with workers(2, _told) as sharing:
        first = list(sharing.run("who", _who, range(400)))
        assert list(sharing.run("count", _same, range(1000))) == list(range(1000))
        second = list(sharing.run("who", _who, range(400)))
    assert set(second) <= set(first)
    assert len(set(first)) == 2
    assert os.getpid() not in first
    assert not set(first) & {child.pid for child in multiprocessing.active_children()}


@dataclass(frozen=True)
class _Travels:
    """Notes in a file each time that it is unpacked."""

    log: Path

    def __call__(self, number: int) -> int:
        return number + 1

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__.update(state)
        with self.log.open("a") as file:
            file.write(".")


def test_a_function_is_unpacked_once_in_each_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    told: list[tuple[str, int, int]] = []
    with workers(2, lambda *what: told.append(what)) as sharing:
        assert list(sharing.run("count", _Travels(log), range(400))) == list(range(1, 401))
    assert log.read_text() in (".", "..")
    assert told[-1] == ("count", 400, 400)


def test_a_process_that_the_system_ends_is_told_with_a_remedy() -> None:
    with pytest.raises(NeedsPerson, match="fewer --jobs"), workers(2, _told) as sharing:
        list(sharing.run("count", _ends, range(50)))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell started in the background is deaf to Ctrl-C, and so are its processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_processes_at_once() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt), workers(2, _told) as sharing:
        list(sharing.run("count", _interrupts, range(50)))
    assert set(multiprocessing.active_children()) <= before


def _kills_who_shares(number: int) -> int:
    """The first to ask ends the process that shares its work, as the system does where memory is short."""
    if number == 0:
        os.kill(os.getppid(), signal.SIGKILL)
    while True:
        signal.pause()


def _shares() -> None:
    with workers(2, _told) as sharing:
        list(sharing.run("count", _kills_who_shares, range(50)))


def test_the_processes_end_with_a_killed_one_that_shared_the_work() -> None:
    """Standard output ends with the last process that holds it, and until then this waits."""
    command = [sys.executable, "-c", "from tests.test_workers import _shares; _shares()"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=60, cwd=Path(__file__).parents[1])
    assert ended.returncode == -signal.SIGKILL
