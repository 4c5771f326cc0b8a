"""The local stack, started for real: what listens, what a person sees, and that nothing of it is left over."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo import processes, stack
from demo.airflow import Airflow
from demo.stack import Stack

HOME = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_every_listener_is_on_this_machine_and_on_a_recorded_port(running: Stack) -> None:
    listening = processes.listeners(processes.members(running.sessions))

    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert {port for _, port in listening} == set(running.ports.values())


def test_all_components_run_in_recorded_sessions(running: Stack) -> None:
    assert running.running() == dict.fromkeys(
        (
            "s3",
            "mail",
            "sftp-arvel",
            "sftp-corvane",
            "sftp-host",
            "api-server",
            "scheduler",
            "dag-processor",
            "triggerer",
        ),
        True,
    )


def test_no_secret_can_be_read_by_others(running: Stack) -> None:
    assert running.state.stat().st_mode & 0o077 == 0
    for name in (
        "secrets.json",
        "connections.json",
        "env.sh",
        "stack.json",
        "keys/demo.json",
        "airflow/passwords.json",
    ):
        assert (running.state / name).stat().st_mode & 0o077 == 0, name


def test_a_broken_challenge_stands_in_the_banner_and_the_others_go_on(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"collect__demo__arvel", "ship_hdh__demo"})
        (error,) = airflow.wait_for_import_errors()

    assert "broken.yaml:2: society:" in error
    assert "To do:" in error


def test_a_new_centre_waits_for_its_first_night(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"collect__demo__arvel"})
        assert airflow.runs("collect__demo__arvel") == []
        assert airflow.get("dags/collect__demo__arvel")["is_paused"] is False


def test_a_delivery_that_is_none_of_ours_is_refused_by_the_form(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"collect__demo__arvel"})
        assert airflow.refuses("collect__demo__arvel", delivery="../../etc")


def test_shipping_without_a_partition_key_fails_and_says_how_to_go_on(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"ship_hdh__demo"})
        (run,) = airflow.wait([airflow.trigger("ship_hdh__demo")], lambda said: None, 120)
        (task,) = [task for task in airflow.tasks(run) if task["state"] == "failed"]
        log = airflow.log(run, task)

    assert run.state == "failed"
    assert (task["task_id"], task["try_number"]) == ("plan_ship", 1)
    assert "fill in Partition Key, such as arvel/d0001" in log


def test_collecting_an_empty_drop_ends_green_and_runs_nothing_more(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"collect__demo__arvel"})
        (run,) = airflow.wait([airflow.trigger("collect__demo__arvel")], lambda said: None, 120)
        states = {task["task_id"]: task["state"] for task in airflow.tasks(run)}

    assert run.state == "success"
    assert states.pop("find") == "success"
    assert set(states.values()) == {"skipped"}


def test_another_stack_can_run_beside_it_and_nothing_is_left_when_it_ends(
    running: Stack, tmp_path: Path, demo: Callable[..., Any], load: Callable[[Path], Stack]
) -> None:
    """Also when its scheduler was killed: what that one had started is found by its session."""
    state = tmp_path / "second"
    started = demo("up", state)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        second = load(state)
        assert not set(second.ports.values()) & set(running.ports.values())
        scheduler = next(session for session in second.sessions if session.name == "scheduler")
        os.kill(scheduler.pid, signal.SIGKILL)
        members = processes.members(second.sessions)
    finally:
        ended = demo("down", state)

    assert ended.returncode == 0, ended.stderr
    assert processes.members(second.sessions) == []
    assert [pid for pid in members if Path(f"/proc/{pid}").exists() and not _is_zombie(pid)] == []
    assert all(_is_free(port) for port in second.ports.values())
    assert all(running.running().values())


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"


def test_down_where_nothing_runs_says_so(tmp_path: Path, demo: Callable[..., Any]) -> None:
    ended = demo("down", tmp_path / "never")

    assert ended.returncode == 0
    assert "nothing was running" in ended.stdout


def test_two_commands_do_not_work_on_one_stack_at_once(tmp_path: Path, demo: Callable[..., Any]) -> None:
    state = tmp_path / "state"
    with stack.alone(state):
        refused = demo("up", state)

    assert refused.returncode == 1
    assert "Another command is starting" in refused.stderr
    assert not state.exists()


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[processes.Session]:
    session = processes.start(
        "sleeper", ["sh", "-c", "sleep 300 & sleep 300"], tmp_path / "log", {"PATH": os.environ["PATH"]}, tmp_path
    )
    until = time.monotonic() + 10
    while len(processes.members([session])) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    yield session
    processes.end([session])


def test_a_session_recorded_before_a_reboot_ends_nobody(sleeper: processes.Session) -> None:
    before_the_reboot = replace(sleeper, boot="00000000-0000-0000-0000-000000000000")

    assert processes.end([before_the_reboot]) == 0
    assert processes.runs(sleeper)


def test_a_number_that_the_kernel_gave_to_somebody_else_ends_nobody(sleeper: processes.Session) -> None:
    assert processes.end([replace(sleeper, started=sleeper.started - 1)]) == 0
    assert processes.runs(sleeper)


def test_what_outlived_its_leader_is_ended_as_well(sleeper: processes.Session) -> None:
    os.kill(sleeper.pid, signal.SIGKILL)
    left = [pid for pid in processes.members([sleeper]) if pid != sleeper.pid]
    assert left

    assert processes.end([sleeper]) == len(left)
    assert processes.members([sleeper]) == []
