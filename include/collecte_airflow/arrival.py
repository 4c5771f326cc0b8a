"""Runs of *Collect* that start by themselves: the watch over the centres' drops, in Airflow's triggerer.

Each centre has an asset ``arrived/<challenge>/<centre>`` with one :class:`ArrivalTrigger`. Those whose drops lie on the
same server share one :class:`Poll`: it looks at their folders in turn, one at a time, each as often as its challenge
says; a centre that cannot be looked at is tried later and later, up to an hour, and keeps no other one back.

What is complete is the library's judgement (``collecte.steps.arrived``). The library waits for servers, so a look runs
in a thread of its own, with a time limit; the triggerer's loop never waits for one. What was announced is kept in the
asset's state store once Airflow has the event on record: killed before, the triggerer announces it again, and the run
that this starts finds nothing to do. Announced are ids of ours, never a name: events are rows of Airflow's database.
"""

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from collecte.challenge import Centre, Challenge
from collecte.errors import CollecteError, Retry
from collecte_airflow import ids
from collecte_airflow.site import endpoint, site

if TYPE_CHECKING:
    from collecte.steps import Announcement

#: Looks at once, of all servers; each is one connection and one thread.
AT_ONCE = 8
#: The longest that one look may take before its server counts as silent, and that a failing one is left alone. Seconds.
LOOK_S, BACKOFF_S = 300.0, 3600.0

#: The key in an asset's state store of the digests that were announced.
_ANNOUNCED = "announced"

_looks = asyncio.Semaphore(AT_ONCE)

T = TypeVar("T")
log = logging.getLogger("collecte.arrival")


def arrived(challenge: Challenge, centre: Centre) -> Asset:
    """The asset of a centre's complete deliveries; watched, where its challenge says how often."""
    minutes = challenge.arrival.poll_minutes
    if minutes is None:
        return ids.arrived(challenge.id, centre.id)
    trigger = ArrivalTrigger(challenge.id, centre.id, centre.drop.connection, minutes)
    return ids.arrived(challenge.id, centre.id, [AssetWatcher(name="drop", trigger=trigger)])


@dataclass(frozen=True)
class News:
    """What a look at the drop of ``trigger`` saw that is to be announced."""

    trigger: "ArrivalTrigger"
    deliveries: list[str]
    digests: frozenset[str]


class ArrivalTrigger(BaseEventTrigger):
    """Fires for each delivery in a centre's drop that is complete, once. ``minutes``: between two looks."""

    def __init__(self, challenge: str, centre: str, connection: str, minutes: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.challenge, self.centre, self.connection, self.minutes = challenge, centre, connection, minutes
        #: When it may be looked at next (by the monotonic clock), and how many looks have failed in a row.
        self.due, self.failures = 0.0, 0
        #: The digests of what lay in the drop complete at the last look, and those of them that an event went out for.
        self.announced: frozenset[str] = frozenset()
        self.fired: frozenset[str] = frozenset()
        #: The look that went on past its time limit, if it still does.
        self.late: Future[Any] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Airflow's record of this trigger: names alone."""
        names = ("challenge", "centre", "connection", "minutes")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def shared_stream_key(self) -> tuple[str, str]:
        """The server: drops on it are looked at one after the other."""
        return ("collecte.arrival", _server(self.connection))

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> "Poll":
        """The poll of this trigger's server."""
        return Poll(_watched(_server(kwargs["connection"])))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """The events of this centre. As long as this goes on, the server's poll looks at its drop."""
        if self.asset_state_store:
            kept: Any = await self.asset_state_store.aget(_ANNOUNCED, default=[])
            self.announced = frozenset(kept)
        with _watched(_server(self.connection)).holding(self):
            async for news in shared_stream:
                if news.trigger is self:
                    self.fired |= news.digests
                    yield TriggerEvent({"deliveries": news.deliveries})  # type: ignore[no-untyped-call]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Airflow runs it by its shared stream, never alone."""
        raise NotImplementedError
        yield

    async def remember(self) -> None:
        """Keep what was announced beyond the life of this process."""
        if self.asset_state_store:
            kept: list[Any] = sorted(self.announced)
            await self.asset_state_store.aset(_ANNOUNCED, kept)

    async def look(self) -> "list[Announcement]":
        """One look at the drop.

        Raises:
            Retry: also where the look takes too long, and as long as that one goes on.
        """
        if self.late and not self.late.done():
            raise Retry("The look before this one still waits for the server.")
        self.late = _in_thread(self._arrived)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self.late)), LOOK_S)
        except TimeoutError:
            raise Retry(f"The look did not end in {LOOK_S:.0f} s.") from None

    def _arrived(self) -> "list[Announcement]":
        from collecte import steps

        return steps.arrived(site(self.challenge, self.centre))


class Watched:
    """The triggers of one server that are at work, and word of each new one."""

    def __init__(self) -> None:
        self.triggers: list[ArrivalTrigger] = []
        self.changed = asyncio.Event()

    @contextmanager
    def holding(self, trigger: ArrivalTrigger) -> Iterator[None]:
        self.triggers.append(trigger)
        self.changed.set()
        try:
            yield
        finally:
            self.triggers.remove(trigger)

    async def next_due(self) -> ArrivalTrigger:
        """The trigger whose drop is to be looked at next, once it is time."""
        while True:
            self.changed.clear()
            first = min(self.triggers, key=lambda trigger: trigger.due, default=None)
            wait_s = first.due - time.monotonic() if first else None
            if first and wait_s is not None and wait_s <= 0:
                return first
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), wait_s)


class Poll(SharedStreamProducer):
    """Looks at the drops of one server in turn, for as long as triggers watch them."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    async def open_stream(self) -> AsyncIterator[tuple[News, News]]:
        """What there is to announce, look by look."""
        while True:
            trigger = await self._watched.next_due()
            found = await _looked(trigger)
            if found is None:
                continue
            news = [each for each in found if each.digest not in trigger.announced]
            there = frozenset(each.digest for each in found)
            trigger.announced, trigger.fired = there, trigger.fired & there
            if news:
                tidings = News(trigger, [each.delivery for each in news], frozenset(each.digest for each in news))
                yield tidings, tidings

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Airflow has the events on record: that they went out is kept too. What went not out is announced again."""
        for news, outcome in batch:
            if not outcome.is_clean or not news.digests <= news.trigger.fired:
                news.trigger.announced -= news.digests
            await news.trigger.remember()


async def _looked(trigger: ArrivalTrigger) -> "Sequence[Announcement] | None":
    """What a look found; None where it failed, of which the log tells. Says when the next one is due."""
    found, why = None, None
    async with _looks:
        try:
            found = await trigger.look()
        except CollecteError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001  any library's message may hold a name of the drop
            why = _without_words(error)
    where, wait_s = f"{trigger.challenge} {trigger.centre}", trigger.minutes * 60
    trigger.failures = trigger.failures + 1 if why else 0
    if found is not None:
        log.debug("The drop of %s was looked at: %d deliveries are complete.", where, len(found))
    if why:
        wait_s = max(wait_s, min(wait_s * 2**trigger.failures, BACKOFF_S))
        remedy = "" if "To do: " in why else f" To do: where it lasts, run `collecte centre check {where}`."
        log.warning("The drop of %s was not looked at; again in %.0f s. %s%s", where, wait_s, why, remedy)
    trigger.due = time.monotonic() + wait_s
    return found


def _without_words(error: Exception) -> str:
    """Which exception it is and where it was raised, without its message."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__module__}.{type(error).__qualname__} at {Path(frame.filename).name}:{frame.lineno}."


def _in_thread(work: Callable[[], T]) -> "Future[T]":
    """Start ``work`` in a thread that nobody waits for when this process ends."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="collecte-look", daemon=True).start()
    return future


@cache
def _watched(server: str) -> Watched:
    return Watched()


@cache
def _server(connection: str) -> str:
    """Host and port that a connection leads to. Where that cannot be told now, the connection stands for itself."""
    try:
        found = endpoint(connection)
    except Exception:  # noqa: BLE001  what is wrong with it, its first look will say
        return connection
    return str(found.extra.get("endpoint_url") or f"{found.conn_type}://{found.host}:{found.port}")
