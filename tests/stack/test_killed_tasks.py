"""Promise 3 under Airflow: kill -9 of a task's process and of the process that watches over it, then Airflow's retry.

Two centres with the same kind of delivery. At one, the task's own process is killed in the middle of receive, of
make_safe and of ship; at the other its supervisor is, while the task itself stands still: an orphan, which goes on
after the second try has passed and the whole delivery has been shipped.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from collecte import catalogue
from collecte.catalogue import tables
from demo import processes
from demo.airflow import Airflow, Run
from demo.deliveries import ct_slice
from demo.mail import mails
from demo.stack import Stack
from tests.processes import freeze
from tests.stack.faults import PATIENTS, World, bucket, dump, tree

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(600)]

SLICES = 40
#: So large that a relay can stop a transfer in its middle.
_ROWS = 256
STRUCK = ("receive", "make_safe", "ship")
_PATIENCE_S = 300
#: How long a frozen task runs between two looks: a few files' worth. Seconds.
_STRETCH_S = 0.02


@dataclass(frozen=True)
class Struck:
    """A centre whose tasks were killed: what its runs came to, and the orphans that stand still."""

    world: World
    runs: Sequence[Run]
    tries: Mapping[str, int]
    at_once: int
    orphans: Sequence[int]


def _delivery() -> Mapping[str, bytes]:
    return {
        f"{patient.name.replace('^', ' ')}/IM{number:04d}": ct_slice(patient, study, number, _ROWS)
        for study, patient in enumerate(PATIENTS, 1)
        for number in range(1, SLICES + 1)
    }


@pytest.fixture(scope="module")
def struck(worlds: Mapping[str, World]) -> Mapping[str, Struck]:
    """Both centres, struck and ended; side by side, as their waiting is long."""
    files = _delivery()
    for name in ("child", "supervisor"):
        worlds[name].sftp.hold_after(len(files) * 50_000)
        worlds[name].lay("Envoi Kerguiziou novembre", files)
    with ThreadPoolExecutor() as threads:
        child = threads.submit(_strike_all, worlds["child"], _kill_child)
        supervisor = threads.submit(_strike_all, worlds["supervisor"], _kill_supervisor)
        return {"child": child.result(), "supervisor": supervisor.result()}


def _strike_all(world: World, kill: Callable[[World, int], int | None]) -> Struck:
    """Collect and ship, with a blow in the middle of three tasks."""
    with Airflow(world.stack) as airflow:
        airflow.wait_for_dags({world.collect, world.ship})
        for _ in range(2):  # a second run of the same centre at once
            airflow.trigger(world.collect)
        orphans = []
        pid = _held(airflow, world, "receive")
        at_once = sum(run.state == "running" for run in airflow.runs(world.collect))
        orphans.append(kill(world, pid))
        world.sftp.let_others_pass()
        world.s3.hold_after(SLICES * len(PATIENTS) * 50_000)
        pid = int(airflow.wait_for_task(world.collect, "make_safe", _PATIENCE_S)[1]["pid"])
        _freeze_in_the_middle(world, pid)
        orphans.append(kill(world, pid))
        orphans.append(kill(world, _held(airflow, world, "ship")))
        world.s3.let_others_pass()
        runs = [*airflow.wait_for_runs(world.collect, 2), *airflow.wait_for_runs(world.ship, 1, _PATIENCE_S)]
        runs = airflow.wait(runs, lambda said: None, _PATIENCE_S)
        tasks = [task for run in runs for task in airflow.tasks(run)]
    tries: dict[str, int] = {}
    for task in tasks:
        tries[task["task_id"]] = max(task["try_number"], tries.get(task["task_id"], 0))
    return Struck(world, runs, tries, at_once, [pid for pid in orphans if pid])


def _held(airflow: Airflow, world: World, step: str) -> int:
    """The process of a task whose connection a relay has stopped in the middle of the transfer."""
    dag_id, relay = (world.ship, world.s3) if step == "ship" else (world.collect, world.sftp)
    _, task = airflow.wait_for_task(dag_id, step, _PATIENCE_S)
    assert relay.held.wait(_PATIENCE_S), f"{step} ended before the relay stopped it"
    return int(task["pid"])


def _freeze_in_the_middle(world: World, pid: int) -> None:
    """Freeze make_safe once some files are safe; from its beginning on it is looked at only while it stands still."""
    end = time.monotonic() + _PATIENCE_S
    safe = world.landing / "d0001" / "safe"
    while not safe.is_dir():
        assert time.monotonic() < end, "make_safe has not begun"
    while True:
        freeze(pid)
        done = len(list(safe.glob("f*")))
        if done >= 10:
            break
        assert time.monotonic() < end, "make_safe does not go on"
        os.kill(pid, signal.SIGCONT)
        time.sleep(_STRETCH_S)
    assert done < SLICES * len(PATIENTS), "it was stopped too late"


def _kill_child(world: World, pid: int) -> None:
    _assert_ours(world.stack, pid)
    os.kill(pid, signal.SIGKILL)


def _kill_supervisor(world: World, pid: int) -> int:
    """Kill the busy supervisor of a task and freeze the task, now an orphan.

    In this order: a task that stands still when its supervisor ends gets a SIGHUP from the kernel.
    """
    parent = int(_stat(pid)[1])
    for one in (pid, parent):
        _assert_ours(world.stack, one)
    os.kill(pid, signal.SIGCONT)
    os.kill(parent, signal.SIGKILL)
    while _state(parent) not in "ZX":
        pass
    freeze(pid)
    return pid


def _assert_ours(stack: Stack, pid: int) -> None:
    """Only a process of the stack's scheduler is killed, and never the scheduler itself."""
    scheduler = [session for session in stack.sessions if session.name == "scheduler"]
    assert pid in processes.members(scheduler)
    assert pid not in {session.pid for session in scheduler}


def _stat(pid: int) -> list[str]:
    """/proc/<pid>/stat from its third field on: state, parent, …; see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _state(pid: int) -> str:
    try:
        return _stat(pid)[0]
    except FileNotFoundError:
        return "X"


@pytest.mark.parametrize("killed", ["child", "supervisor"])
def test_killed_in_the_middle_the_second_try_ends_the_work(struck: Mapping[str, Struck], killed: str) -> None:
    one = struck[killed]

    assert {run.state for run in one.runs} == {"success"}
    assert all(one.tries[name] >= 2 for name in STRUCK)


@pytest.mark.parametrize("killed", ["child", "supervisor"])
def test_killed_and_retried_it_ends_as_an_undisturbed_run(
    struck: Mapping[str, Struck], killed: str, tmp_path: Path
) -> None:
    world = struck[killed].world
    undisturbed = world.undisturbed(tmp_path)

    assert _of_the_collection(dump(world.site())) == dump(undisturbed)
    assert bucket(world.site()) == bucket(undisturbed)
    assert len(bucket(undisturbed)) == SLICES * len(PATIENTS) + 3
    with world.site().catalogue.read() as connection:
        assert catalogue.verify(connection, world.challenge) == []


def test_two_runs_of_a_centre_at_once_follow_one_another(struck: Mapping[str, Struck]) -> None:
    for one in struck.values():
        assert one.at_once == 1
        assert len([run for run in one.runs if run.dag_id == one.world.collect]) == 2


def test_orphans_that_go_on_after_their_successors_change_nothing(struck: Mapping[str, Struck]) -> None:
    """Their lease was taken over: what they still write to landing counts for nothing, the catalogue refuses them."""
    one = struck["supervisor"]
    state, site = one.world.stack.state, one.world.site()
    before = dump(site), bucket(site), tree(state / "curated"), _landed(one.world), _events(one.world)
    assert [_state(pid) for pid in one.orphans] == ["T"] * len(STRUCK)
    assert _late(one.world) == set(), "the second try has removed what the first one left"

    for pid in one.orphans:
        os.kill(pid, signal.SIGCONT)
    for relay in (one.world.sftp, one.world.s3):
        relay.release()
    end = time.monotonic() + _PATIENCE_S
    while any(_state(pid) not in "ZX" for pid in one.orphans):
        assert time.monotonic() < end, "an orphan does not end"
        time.sleep(0.1)

    assert (dump(site), bucket(site), tree(state / "curated"), _landed(one.world), _events(one.world)) == before
    assert not _late(one.world) & set(_landed(one.world))


def test_clearing_every_task_of_a_finished_run_changes_nothing(struck: Mapping[str, Struck]) -> None:
    """First all that come after find, which so take what it had found; then the whole run, which finds nothing.

    Only the feedback is put into the drop once more, as its page says; that is an event.
    """
    one = struck["child"]
    world, site = one.world, one.world.site()

    def look() -> Sequence[object]:
        events = [event for event in _events(world) if event[1] not in ("feedback", "anchor")]
        return dump(site), bucket(site), _landed(world), events, len(mails(world.stack.state / "mails"))

    before = look()
    first = min((run for run in one.runs if run.dag_id == world.collect), key=lambda run: run.run_id)
    (shipment,) = [run for run in one.runs if run.dag_id == world.ship]
    with Airflow(world.stack) as airflow:
        for run in (first, shipment):
            airflow.clear(run, but=["find"])
        # accept announces the delivery once more: a shipment starts that finds it shipped
        shipments = airflow.wait_for_runs(world.ship, 2, _PATIENCE_S)
        again = airflow.wait([first, *shipments], lambda said: None, _PATIENCE_S)
        done = [task for run in again for task in airflow.tasks(run)]
        airflow.clear(first)
        whole = airflow.wait([first], lambda said: None, _PATIENCE_S)

    assert {run.state for run in (*again, *whole)} == {"success"}
    assert {task["state"] for task in done} == {"success"}
    assert look() == before


def _late(world: World) -> set[str]:
    """The names in landing that only the first try of receive writes."""
    return {path.name for path in (world.landing / "d0001").glob("f*.a1*")}


def _of_the_collection(lines: Sequence[str]) -> Sequence[str]:
    """Airflow alone sends mails, and judges homogeneity after a shipment: the steps in one process do neither."""
    return [line for line in lines if "/mail_" not in line and '"job": "homogeneity/' not in line]


def _landed(world: World) -> Sequence[str]:
    """The names in landing that count: those that the catalogue knows."""
    site = world.site()
    with site.catalogue.read() as connection:
        files = catalogue.files_of_delivery(connection, site.delivery("d0001").id)
    return sorted(str(file.landing) for file in files if file.landing)


def _events(world: World) -> Sequence[tuple[str, str, str, int]]:
    """Chain, step, shard and attempt of every event of the challenge and of its delivery."""
    site, event = world.site(), tables.event.c
    with site.catalogue.read() as connection:
        chains = (f"challenge:{world.challenge}", f"delivery:{site.delivery('d0001').id}")
        rows = connection.execute(
            select(event.chain, event.step, event.shard, event.attempt).where(event.chain.in_(chains))
        )
        return sorted((row.chain, row.step, row.shard, row.attempt) for row in rows)
