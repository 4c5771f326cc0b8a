"""DAG files read as Airflow reads them, each time in a process of its own, as its settings are those of a process."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Importing Airflow makes its home, by default in the user's: not for a test.
if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

HOME = Path(__file__).resolve().parents[2]

#: Reads the DAG files and prints what came of it, one JSON object.
_READ = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")  # Airflow's own, while it is imported
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
DagBag(sys.argv[1] + "/nothing")
before = set(sys.modules)
with _airflow_parsing_context_manager(dag_id=os.environ.get("ONLY_DAG")):
    bag = DagBag(sys.argv[1])
def described(task):
    policy = task.retry_policy
    return {"doc": task.doc_md, "retries": task.retries, "owner": task.owner, "pool": task.pool,
            "policy": [(r.exception_path, r.action.value) for r in policy.rules] if policy else None,
            "at_once": task.max_active_tis_per_dag, "after": sorted(task.upstream_task_ids),
            "mapped": bool(getattr(task, "is_mapped", False)),
            "on_failure": called(task.on_failure_callback), "rule": str(task.trigger_rule.value)}
def called(callbacks):
    return ",".join(c.__name__ for c in (callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]))
def told(dag):
    return {"on_failure": called(dag.on_failure_callback),
            "tags": sorted(dag.tags), "doc": dag.doc_md, "paused": dag.is_paused_upon_creation, "catchup": dag.catchup,
            "runs": dag.max_active_runs, "params": {name: dag.params.get_param(name).schema for name in dag.params},
            "schedule": getattr(dag.timetable, "expression", type(dag.timetable).__name__),
            "tasks": {task.task_id: described(task) for task in dag.tasks}}
print(json.dumps({"errors": bag.import_errors, "imported": sorted(set(sys.modules) - before),
                  "dags": {dag_id: told(dag) for dag_id, dag in bag.dags.items()}}))
"""


@pytest.fixture
def read_dags(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Read the DAG files over a folder of challenges; ``only``: as a worker does that runs a task of that DAG."""

    def read(challenges: Path, only: str | None = None) -> dict[str, Any]:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow' / 'airflow.db'}",
            "COLLECTE_CHALLENGES": str(challenges),
            "PYTHONPATH": str(HOME / "include"),
            **({"ONLY_DAG": only} if only else {}),
        }
        ran = subprocess.run(
            [sys.executable, "-c", _READ, str(HOME / "dags")],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        return dict(json.loads(ran.stdout.splitlines()[-1]))

    return read


@pytest.fixture
def challenges(tmp_path: Path) -> Path:
    """A folder with two challenges: the demonstration, and a copy of it with one centre less."""
    folder = tmp_path / "challenges"
    folder.mkdir()
    text = (HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8")
    (folder / "demo.yaml").write_text(text, "utf-8")
    head, *blocks = text.split("\n  - id: ")
    second = "\n  - id: ".join((head, *blocks[:-1])).replace("id: demo ", "id: second ")
    (folder / "second.yaml").write_text(second, "utf-8")
    return folder
