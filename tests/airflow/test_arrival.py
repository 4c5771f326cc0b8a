"""The watch over drops, with Airflow's own stream between its triggers: announced once, whatever fails beside it."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from airflow.triggers.shared_stream import SharedStreamManager

from collecte.catalogue import open_catalogue
from collecte.keys import Keys
from collecte.settings import HOME
from collecte_airflow.arrival import ArrivalTrigger

CENTRES = ("arvel", "belcombe", "corvane")
#: Minutes: a look each 60 ms.
OFTEN = 0.001


@dataclass
class Store:
    """An asset's state store, which outlives the triggerer."""

    kept: dict[str, str] = field(default_factory=dict)

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    async def aset(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value)


@pytest.fixture
def drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    """The drops of three centres, folders on what counts as one server; all else that a look needs."""
    folders = {centre: tmp_path / centre for centre in CENTRES}
    raw = yaml.safe_load((HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8"))
    for centre in raw["centres"]:
        centre["drop"] = {"connection": "server", "path": str(folders[centre["id"]])}
    (tmp_path / "challenges").mkdir()
    (tmp_path / "challenges" / "demo.yaml").write_text(yaml.safe_dump(raw), "utf-8")
    Keys.new().save(tmp_path / "keys.json")
    settings = {
        "COLLECTE_CATALOGUE": f"sqlite:///{tmp_path / 'catalogue.db'}",
        "COLLECTE_CHALLENGES": str(tmp_path / "challenges"),
        "COLLECTE_KEYS_DEMO": str(tmp_path / "keys.json"),
        **{f"COLLECTE_{zone}": (tmp_path / zone).as_uri() for zone in ("LANDING", "CURATED", "REPORTS")},
        "AIRFLOW_CONN_SERVER": json.dumps({"conn_type": "file"}),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    open_catalogue(settings["COLLECTE_CATALOGUE"], upgrade=True).close()
    return folders


class Triggerer:
    """One life of the triggerer. ``persists``: whether the events reach Airflow's database before its end."""

    def __init__(self, stores: Mapping[str, Store], *, persists: bool = True) -> None:
        self.fired: list[tuple[str, Any]] = []
        self._stores, self._persists = stores, persists
        self._streams = SharedStreamManager(log=structlog.get_logger())

    async def __aenter__(self) -> "Triggerer":
        self._tasks = [asyncio.create_task(self._run(i, centre)) for i, centre in enumerate(self._stores)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._streams.stop_all()

    async def _run(self, number: int, centre: str) -> None:
        trigger = ArrivalTrigger("demo", centre, "server", OFTEN)
        trigger.asset_state_store = self._stores[centre]  # type: ignore[assignment]  # what it uses of it
        key = trigger.shared_stream_key()
        stream = self._streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            self.fired.append((centre, event.payload))
            bound = self._streams.bind_pending_event(trigger_id=number, key=key)
            if self._persists and bound is not None:
                self._streams.confirm_persisted([bound])

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.gather(*(task for task in self._tasks if task.done()))  # one that ended has failed
                await asyncio.sleep(0.02)


def _lay(drop: Path, name: str) -> None:
    folder = drop / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"IM{len(list(folder.iterdir()))}").write_bytes(b"x")
    (folder / ".done").touch()


def _lines(caplog: pytest.LogCaptureFixture, words: str) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def test_each_delivery_is_announced_once_in_all_lives_of_the_triggerer(
    drops: Mapping[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """One of three centres of a server cannot be looked at: the others go on, and the log says what to do."""
    caplog.set_level(logging.DEBUG, "collecte.arrival")
    stores = {centre: Store() for centre in CENTRES}
    _lay(drops["arvel"], "Quibremont")
    drops["corvane"].mkdir()

    def looked_at(*centres: str) -> Callable[[], bool]:
        wanted = {centre: len(_lines(caplog, f"demo {centre} was looked at")) + 3 for centre in centres}
        return lambda: all(len(_lines(caplog, f"demo {c} was looked at")) >= n for c, n in wanted.items())

    async def lives() -> None:
        async with Triggerer(stores, persists=False) as killed:
            await killed.until(lambda: bool(killed.fired))
            await killed.until(looked_at("arvel", "corvane"))
        assert killed.fired == [("arvel", {"deliveries": ["d0001"]})]

        async with Triggerer(stores) as second:  # what no database has on record was not announced
            await second.until(lambda: bool(second.fired))
            _lay(drops["corvane"], "Pfeiffenschneider")
            await second.until(lambda: len(second.fired) == 2)
            await second.until(looked_at("arvel", "corvane"))
        assert second.fired == [("arvel", {"deliveries": ["d0001"]}), ("corvane", {"deliveries": ["d0001"]})]

        async with Triggerer(stores) as third:
            await third.until(looked_at("arvel", "corvane"))
            assert third.fired == []
            _lay(drops["arvel"], "Quibremont")  # it grew, so it is another one
            await third.until(lambda: bool(third.fired))

    asyncio.run(lives())
    (line, *_) = _lines(caplog, "demo belcombe was not looked at")
    assert "To do: " in line
    said = "\n".join(record.getMessage() for record in caplog.records) + json.dumps([s.kept for s in stores.values()])
    assert not any(word in said for word in ("Quibremont", "Pfeiffenschneider", "IM0", str(drops["belcombe"])))
    assert len(_lines(caplog, "demo belcombe")) < len(_lines(caplog, "demo arvel"))
