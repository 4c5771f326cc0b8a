"""A delivery in the drop starts its collection by itself, once; whatever becomes of the triggerer meanwhile."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from collecte import steps
from collecte.catalogue import tables
from collecte.settings import Settings
from collecte.steps import Site
from demo import processes, stack
from demo.airflow import Airflow, Run
from demo.deliveries import MARCHEMALLE, ct_slice
from demo.stack import Stack
from tests.stack.watching import CENTRES, CHALLENGE, lay

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]

NAME = "Quibremont"


@pytest.fixture(scope="module")
def airflow(running: Stack) -> Iterator[Airflow]:
    """The API, once Airflow knows the centres; and the keys, by which this process reads what became of them."""
    with Airflow(running) as client, pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLLECTE_KEYS_DEMO", running.settings["COLLECTE_KEYS_DEMO"])
        client.wait_for_dags(_dag(centre) for centre in CENTRES)
        yield client


def test_a_delivery_starts_its_collection_by_itself_and_once(running: Stack, airflow: Airflow) -> None:
    """Also one that comes while a run goes on, which has looked already: it has a run of its own after that."""
    lay(running, "vigie", NAME, {"IM1": _image(1)})
    (first,) = _runs(airflow, "vigie", 1)
    _wait_for(lambda: "success" in {t["state"] for t in airflow.tasks(first) if t["task_id"] == "find"}, "find")
    lay(running, "vigie", f"{NAME} suite", {"IM2": _image(3)})
    runs = airflow.wait(_runs(airflow, "vigie", 2), lambda said: None, 300)
    assert {(run.state, run.run_id.startswith("asset_triggered")) for run in runs} == {("success", True)}
    assert _accepted(running, "vigie") == {"d0001": 1, "d0002": 1}

    _looks(running, "vigie", 2)
    assert len(airflow.runs(_dag("vigie"))) == 2
    assert airflow.runs(_dag("garde")) == []
    events = json.dumps(airflow.get("assets/events", limit=100))
    assert '"deliveries": ["d0001"]' in events
    assert NAME not in events


def test_what_comes_while_the_triggerer_is_down_is_announced_when_it_is_back_and_nothing_twice(
    running: Stack, airflow: Airflow
) -> None:
    before = len(airflow.runs(_dag("vigie")))
    _kill(running, "triggerer")
    lay(running, "garde", NAME, {"IM1": _image(2)})
    _restart(running, "triggerer")
    (run,) = _runs(airflow, "garde", 1)
    (ended,) = airflow.wait([run], lambda said: None, 240)
    assert (ended.state, _accepted(running, "garde")) == ("success", {"d0001": 1})
    assert len(airflow.runs(_dag("vigie"))) == before


def test_the_form_has_the_quarantine_judged_anew_and_the_chain_tells_who_asked(
    running: Stack, airflow: Airflow
) -> None:
    assert airflow.refuses(_dag("vigie"), quarantine="peut-être")
    before = len(airflow.runs(_dag("vigie")))
    lay(running, "vigie", "inconnu", {"notes": b"neither image nor table"})
    airflow.wait(_runs(airflow, "vigie", before + 1), lambda said: None, 300)
    site = _site(running, "vigie")
    (waiting,) = steps.list_quarantine(site)

    (run,) = airflow.wait([airflow.trigger(_dag("vigie"), quarantine=True)], lambda said: None, 300)
    (again,) = steps.list_quarantine(site)
    assert (run.state, again.code, again.delivery > waiting.delivery) == ("success", waiting.code, True)
    event = tables.event.c
    with site.catalogue.read() as connection:
        retries = connection.execute(select(event.counts).where(event.step == "retry", event.shard == again.delivery))
        assert [counts[f"by_{running.user}"] for counts in retries.scalars()] == [1]


def _dag(centre: str) -> str:
    return f"collect__{CHALLENGE}__{centre}"


def _image(number: int) -> bytes:
    return ct_slice(MARCHEMALLE, 1, number, 16)


def _runs(airflow: Airflow, centre: str, count: int) -> list[Run]:
    _wait_for(lambda: len(airflow.runs(_dag(centre))) >= count, f"run {count} of {centre}")
    return airflow.runs(_dag(centre))


def _wait_for(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 180
    while not true():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.3)


def _site(running: Stack, centre: str) -> Site:
    return steps.open_site(CHALLENGE, centre, Settings.from_environment(running.settings))


def _accepted(running: Stack, centre: str) -> dict[str, int]:
    figures = steps.status(_site(running, centre))
    return {each.delivery: each.states["accepted"] for each in figures}


def _kill(running: Stack, name: str) -> None:
    session = next(session for session in running.sessions if session.name == name)
    for pid in processes.members([session]):
        os.kill(pid, signal.SIGKILL)


def _restart(running: Stack, name: str) -> None:
    """Start it again; the one stack of all tests is from here on the one with the new session."""
    object.__setattr__(running, "sessions", stack.restart(running, name).sessions)


def _looks(running: Stack, centre: str, more: int) -> None:
    """Wait until a drop was looked at so many times more."""
    log = running.state / "logs" / "triggerer.log"
    looked = f"{CHALLENGE} {centre} was looked at"
    wanted = log.read_text("utf-8").count(looked) + more
    _wait_for(lambda: log.read_text("utf-8").count(looked) >= wanted, f"another look at the drop of {centre}")
