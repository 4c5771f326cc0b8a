"""Work that is shared among processes: results in order, and never much more in memory than what is being done."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

from collecte.errors import Bug, NeedsPerson

#: Told of progress: phase, done, of.
Advance = Callable[[str, int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Items that travel to a process together, and pieces of work for each process that are under way or wait to be taken
#: at any time: enough for the others to go on while one is held up by an item for seconds. A slow consumer holds the
#: processes up; no more than that piles up before it.
_TOGETHER, _AHEAD = 16, 32


@dataclass(frozen=True)
class Workers:
    """Shares work among processes; results come in the order of the items. Made by :func:`workers`."""

    jobs: int
    advance: Advance
    _pool: Callable[[int], ProcessPoolExecutor]

    def alone(self) -> "Workers":
        """This process by itself."""
        return replace(self, jobs=1)

    def run(
        self, phase: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """``function`` of each item; it travels with every piece of work, so what it holds should be little.

        Raises:
            NeedsPerson: the operating system ended one of the processes.
        """
        shared = self.jobs > 1 and len(items) > 1
        results: Iterable[Result] = self._shared(function, items) if shared else map(function, items)
        for number, result in enumerate(results, 1):
            self.advance(phase, number, len(items))
            yield result

    def _shared(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        processes = min(self.jobs, len(items))
        pool = self._pool(processes)
        packed = pickle.dumps(function)
        size = max(1, min(_TOGETHER, len(items) // (4 * processes)))
        ahead: deque[Future[list[Result]]] = deque()
        for start in range(0, len(items), size):
            with _deaf_to_interrupts():  # amid it, a lock might stay taken for good
                ahead.append(pool.submit(_apply, packed, items[start : start + size]))
            if len(ahead) >= _AHEAD * processes:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


@contextmanager
def workers(jobs: int, advance: Advance) -> Iterator[Workers]:
    """As many processes as ``jobs``, from when they are first needed to the end of the block. They are ended at once
    where the block is left by an error, and never hear Ctrl-C themselves: it goes to every process of a terminal, and
    each would print where it was.

    Spawned, not forked: a fork copies the locks of threads that libraries have started.

    Raises:
        NeedsPerson: the operating system ended one of the processes.
    """
    with ExitStack() as stack:
        made: list[ProcessPoolExecutor] = []

        def pool(processes: int) -> ProcessPoolExecutor:
            if not made:
                made.append(stack.enter_context(_pool(processes)))
            return made[0]

        yield Workers(jobs, advance, pool)


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    before = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")
    # A call starts a process where none is idle, so none is before all are there: one that was started later would hear
    # interrupts, and one that an interrupt cut off from its start would be known to nobody, and outlive the others.
    pool = ProcessPoolExecutor(processes, spawn, initializer=_begin, initargs=(spawn.Barrier(processes),))
    done = False
    try:
        with _deaf_to_interrupts():  # as the processes are from then on
            for _ in range(processes):
                pool.submit(_nothing)
        yield pool
        done = True
    except BrokenProcessPool:
        raise NeedsPerson(
            "The operating system ended a process that shared the work, perhaps for want of memory.",
            "run it again with fewer --jobs, or with more memory.",
        ) from None
    finally:
        try:
            if not done:
                _terminate(before)
        finally:
            if not done:  # again: Ctrl-C is often pressed twice, and may have cut the first time short
                _terminate(before)
            pool.shutdown(cancel_futures=True)


def _terminate(before: set[BaseProcess]) -> None:
    """End the processes that were not there before."""
    with _deaf_to_interrupts():
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """An interrupt that comes meanwhile waits until the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nothing() -> None:
    """What starts a process."""


def _begin(barrier: Barrier) -> None:
    """Wait until all processes are there; and end with the one that started this, however that ends: a killed one takes
    back no work, and nothing else would end who waits for more.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise Bug("A process that shares work was started by none.")
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    barrier.wait()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Callable[[Any], Any]:
    return pickle.loads(packed)  # type: ignore[no-any-return]  # noqa: S301 from the process that started this one


def _apply(packed: bytes, items: Sequence[Any]) -> list[Any]:
    function = _unpacked(packed)
    return [function(item) for item in items]
