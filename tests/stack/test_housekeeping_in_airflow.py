"""The night's chores as Airflow runs them: a task for each challenge, and one that fails keeps no other."""

import pytest

from demo.airflow import Airflow
from demo.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]


def test_a_night_looks_at_every_challenge_and_logs_the_head_of_its_audit_chain(running: Stack) -> None:
    with Airflow(running) as airflow:
        airflow.wait_for_dags({"housekeeping"})
        (run,) = airflow.wait([airflow.trigger("housekeeping")], lambda said: None, 300)
        tasks = airflow.tasks(run)
        mine = [task for task in tasks if task["rendered_map_index"] == "demo" or task["task_id"] == "space"]
        logs = {task["task_id"]: airflow.log(run, task) for task in mine}

    assert set(logs) == {"purge", "uploads", "fixity", "audit", "watch", "space"}
    for task in mine:
        assert task["state"] == "success", logs[task["task_id"]][-3000:]
    assert "demo/arvel: 0 expired, 0 files" in logs["purge"]
    assert "head " in logs["audit"]
    assert "landing free gb" in logs["space"]
