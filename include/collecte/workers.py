"""Work that is shared among processes: results in order, and never much more in memory than what is being done."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from collecte.errors import NeedsPerson

#: Told of progress: phase, done, of.
Advance = Callable[[str, int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Items that travel to a process together, and pieces of work for each process that are under way or wait to be taken
#: at any time. A slow consumer holds the processes up; nothing piles up before it.
_TOGETHER, _AHEAD = 16, 3


@dataclass(frozen=True)
class Workers:
    """Shares work among processes, as many as ``jobs``; results come in the order of the items."""

    jobs: int
    advance: Advance

    def run(
        self, phase: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """``function`` of each item.

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
        with _pool(processes, function) as pool:
            size = max(1, min(_TOGETHER, len(items) // (4 * processes)))
            starts = iter(range(0, len(items), size))
            ahead: deque[Future[list[Result]]] = deque()
            for start in starts:
                ahead.append(pool.submit(_apply, items[start : start + size]))
                if len(ahead) >= _AHEAD * processes:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()


@contextmanager
def _pool(processes: int, function: Callable[[Any], Any]) -> Iterator[ProcessPoolExecutor]:
    """Processes that know the function. They are ended at once where the work is given up, and never hear Ctrl-C
    themselves: it goes to every process of a terminal, and each would print where it was.

    Spawned, not forked: a fork copies the locks of threads that libraries have started. The function, and with it the
    identifiers of a whole folder, travels once to each process, not with every piece of work.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_take,
        initargs=(function,),
    )
    try:
        with _deaf_to_interrupts():
            pool.submit(_apply, [])  # starts the processes, which inherit the deafness
        yield pool
    except BaseException as error:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        if isinstance(error, BrokenProcessPool):
            raise NeedsPerson(
                "The operating system ended a process that shared the work, perhaps for want of memory.",
                "run it again with fewer --jobs, or with more memory.",
            ) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """An interrupt that comes meanwhile waits until the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: What this process does with each item, where it is a worker.
_task: list[Callable[[Any], Any]] = []


def _take(function: Callable[[Any], Any]) -> None:
    _task[:] = [function]


def _apply(items: Sequence[Any]) -> list[Any]:
    return [_task[0](item) for item in items]
