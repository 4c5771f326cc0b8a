"""The night's chores as Airflow runs them: a task for each challenge, and one that fails keeps no other."""

from collections.abc import Mapping

import pytest

from demo.airflow import Airflow
from demo.stack import Stack
from tests.stack.faults import World

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]


def test_a_night_looks_at_every_challenge_and_logs_the_head_of_its_audit_chain(
    running: Stack, worlds: Mapping[str, World]
) -> None:
    """Also at those that never collected anything, whose drops are empty: every task of it is green."""
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"housekeeping"})
        (run,) = airflow.wait([airflow.trigger("housekeeping")], lambda said: None, 300)
        tasks = airflow.tasks(run)
        red = [task for task in tasks if task["state"] != "success"]
        said = [f"{task['task_id']} {task['rendered_map_index']}: {airflow.log(run, task)[-2000:]}" for task in red]
        mine = [task for task in tasks if task["rendered_map_index"] == "demo" or task["task_id"] == "space"]
        logs = {task["task_id"]: airflow.log(run, task) for task in mine}

    assert not said, "\n\n".join(said)
    assert run.state == "success"
    assert {task["rendered_map_index"] for task in tasks if task["task_id"] == "purge"} == {
        "demo",
        "guet",
        "votes",
        *worlds,
    }
    assert set(logs) == {"purge", "uploads", "hosts", "fixity", "audit", "watch", "space"}
    assert "demo/arvel: 0 expired, 0 files" in logs["purge"]
    assert "head " in logs["audit"]
    assert "landing free gb" in logs["space"]
