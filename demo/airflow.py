"""Airflow's REST API, as far as the demonstration and the tests ask it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from collecte_airflow import ids
from demo.stack import Stack, StackError

ENDED = ("success", "failed")
#: Nobody has read a question sooner.
_READING = timedelta(seconds=4)
_TASK_ENDED = ("success", "failed", "skipped", "upstream_failed")
#: How often a locked database may answer, each time after its own waiting of seconds.
_TRIES = 6


@dataclass(frozen=True)
class Run:
    """A DAG run: ``key`` is its partition key (None: a run without), ``seconds`` its duration once it ended."""

    dag_id: str
    run_id: str
    state: str
    key: str | None
    seconds: float | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Asked:
    """A question that waits for somebody, under *Required Actions*."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str
    options: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its task instance, in the API."""
        return f"dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"


class Airflow:
    """A client that is logged in as one of the stack's users, the engineer unless said otherwise; to be used as a
    context manager.
    """

    def __init__(self, stack: Stack, login: str | None = None) -> None:
        self._stack = stack
        self._login = login or stack.user
        self._http = httpx.Client(base_url=stack.url, timeout=60, trust_env=False)

    def __enter__(self) -> "Airflow":
        login = {"username": self._login, "password": self._stack.passwords[self._login]}
        answer = self._http.post("/auth/token", json=login).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params=query).json()

    def text(self, path: str) -> str:
        return self._ask("GET", path, headers={"Accept": "application/x-ndjson"}).text

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask again where SQLite is locked: Airflow first notes who asked what, and answers 500 where it cannot."""
        for _ in range(_TRIES):
            answer = self._http.request(method, f"/api/v2/{path}", **more)
            if not answer.is_server_error:
                break
        return answer.raise_for_status()

    def dag_ids(self) -> list[str]:
        return sorted(dag["dag_id"] for dag in self.get("dags", limit=100)["dags"])

    def import_errors(self) -> list[str]:
        return [error["stack_trace"] for error in self.get("importErrors")["import_errors"]]

    def trigger(self, dag_id: str, key: str | None = None, **params: Any) -> Run:
        """Start a run, as the *Trigger* button does."""
        body = {"logical_date": None, "conf": params, "partition_key": key}
        return _run(self._ask("POST", f"dags/{dag_id}/dagRuns", json=body).json())

    def refuses(self, dag_id: str, **params: Any) -> bool:
        """Whether a run with these parameters is refused before it starts."""
        body = {"logical_date": None, "conf": params}
        return self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).is_client_error

    def asked(self, dag_id: str) -> list[Asked]:
        """The questions of a DAG that wait for an answer, the oldest first."""
        path = f"dags/{dag_id}/dagRuns/~/hitlDetails"
        found = self.get(path, response_received=False, order_by="created_at", limit=100)["hitl_details"]
        return [
            Asked(
                dag_id,
                one["task_instance"]["dag_run_id"],
                one["task_instance"]["task_id"],
                one["task_instance"]["map_index"],
                one["subject"],
                one["body"] or "",
                tuple(one["options"]),
            )
            for one in found
            if one["task_instance"]["state"] in ("awaiting_input", "deferred")
        ]

    def answer(self, asked: Asked, option: str, **fields: Any) -> int:
        """Answer a question, as its form does; the HTTP status."""
        body = {"chosen_options": [option], "params_input": fields}
        return self._http.patch(f"/api/v2/{asked.path}/{asked.map_index}/hitlDetails", json=body).status_code

    def settle(self, asked: Asked, option: str, patience_s: float = 240, **fields: Any) -> str:
        """Answer a question, once a person could have read it, until its task has ended; the task's state then.

        Airflow 3.3.2 loses an answer that comes within a second of the question: it takes the end of the process that
        asked for the end of the one that goes on, and its next try asks again.

        Raises:
            StackError: it has not ended in time.
        """
        until = time.monotonic() + patience_s
        index = f"/{asked.map_index}" if asked.map_index >= 0 else ""
        while time.monotonic() < until:
            task = self.get(f"{asked.path}{index}")
            if task["state"] in _TASK_ENDED:
                return str(task["state"])
            if task["state"] == "awaiting_input" and _age(task["start_date"]) > _READING:
                self.answer(asked, option, **fields)
            time.sleep(0.5)
        raise StackError(f"{asked.dag_id} · {asked.task_id} has not taken {option} in {patience_s:.0f} s.")

    def tries(self, method: str, address: str, body: Any) -> int:
        """Ask the server for something; the HTTP status."""
        return self._http.request(method, address, json=body).status_code

    def mark_success(self, asked: Asked) -> int:
        """Mark the task that asks as successful; the HTTP status."""
        return self._http.patch(f"/api/v2/{asked.path}", json={"new_state": "success"}).status_code

    def write_xcom(self, asked: Asked, value: Any, key: str = "return_value") -> int:
        """Write the XCom of the task that asks; the HTTP status."""
        body = {"key": key, "value": value, "map_index": -1}
        return self._http.post(f"/api/v2/{asked.path}/xcomEntries", json=body).status_code

    def clear_tasks(self, run: Run, *task_ids: str, downstream: bool = False) -> int:
        """Have tasks of a run done again; the HTTP status."""
        body = {
            "dry_run": False,
            "dag_run_id": run.run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "include_downstream": downstream,
        }
        return self._http.post(f"/api/v2/dags/{run.dag_id}/clearTaskInstances", json=body).status_code

    def run(self, run: Run) -> Run:
        """The same run as it is now."""
        return _run(self.get(f"dags/{run.dag_id}/dagRuns/{run.run_id}"))

    def runs(self, dag_id: str) -> list[Run]:
        return [_run(raw) for raw in self.get(f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]]

    def clear(self, run: Run, only_failed: bool = False, but: Sequence[str] = ()) -> None:
        """Have every task of a run done again, as the *Clear* button does; only its failed ones; all but these."""
        ids = sorted({task["task_id"] for task in self.tasks(run)} - set(but))
        body = {"dry_run": False, "dag_run_id": run.run_id, "only_failed": only_failed, "task_ids": ids}
        self._ask("POST", f"dags/{run.dag_id}/clearTaskInstances", json=body)

    def tasks(self, run: Run) -> list[dict[str, Any]]:
        """The task instances of a run, in the order in which they started."""
        raw = self.get(f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", limit=100)["task_instances"]
        return sorted(raw, key=lambda task: (task["start_date"] or "9", task["task_id"], task["map_index"]))

    def log(self, run: Run, task: dict[str, Any]) -> str:
        """The log of a task's last try, JSON lines."""
        path = f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        return self.text(f"{path}?map_index={task['map_index']}")

    def keys_accepted(self, runs: Iterable[Run]) -> set[str]:
        """The partition keys that these collections announced to the DAGs after them. Read off their tasks: Airflow
        3.3.2 lists no asset events at all while a run that one of them started is still queued.
        """
        found = set()
        for run in runs:
            _, _, centre = ids.read_dag_id(run.dag_id)
            accepted = (task for task in self.tasks(run) if task["task_id"] == "accept" and task["state"] == "success")
            found |= {ids.partition_key(str(centre), task["rendered_map_index"]) for task in accepted}
        return found

    def wait_for_dags(self, wanted: Iterable[str], patience_s: float = 120) -> None:
        """Wait until Airflow has read these DAGs.

        Raises:
            StackError: the time is over; the message holds the import errors.
        """
        until = time.monotonic() + patience_s
        while missing := set(wanted) - set(self.dag_ids()):
            if time.monotonic() > until:
                errors = "\n".join(self.import_errors())
                raise StackError(f"Airflow has not read {', '.join(sorted(missing))} in {patience_s:.0f} s.\n{errors}")
            time.sleep(0.5)

    def wait_for_task(self, dag_id: str, task_id: str, patience_s: float = 120) -> tuple[Run, dict[str, Any]]:
        """Wait until the first try of a task has a process, in whichever run of the DAG; the run and the task.

        Raises:
            StackError: the time is over.
        """
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            for run in self.runs(dag_id):
                for task in self.tasks(run) if run.state == "running" else ():
                    begun = (task["task_id"], task["try_number"], task["state"]) == (task_id, 1, "running")
                    if begun and task["pid"]:
                        return run, task
            time.sleep(0.1)
        raise StackError(f"{dag_id} has not begun {task_id} in {patience_s:.0f} s.")

    def wait_for_runs(self, dag_id: str, count: int, patience_s: float = 120) -> list[Run]:
        """Wait until the DAG has so many runs, or more; all of them, the oldest first.

        Raises:
            StackError: the time is over.
        """
        until = time.monotonic() + patience_s
        while len(found := self.runs(dag_id)) < count:
            if time.monotonic() > until:
                raise StackError(f"{dag_id} has {len(found)} runs and not {count} after {patience_s:.0f} s.")
            time.sleep(0.2)
        return found

    def wait_for_import_errors(self, patience_s: float = 120) -> list[str]:
        """The texts of the import-error banner, once there are any; empty where the time is over."""
        until = time.monotonic() + patience_s
        while not (errors := self.import_errors()) and time.monotonic() < until:
            time.sleep(0.5)
        return errors

    def wait(self, runs: Sequence[Run], say: Callable[[str], None], patience_s: float) -> list[Run]:
        """Wait until every run has ended, saying each task that ends on the way.

        Raises:
            StackError: the time is over; the message names what still runs.
        """
        until, said = time.monotonic() + patience_s, set[str]()
        while True:
            runs = [self.run(run) for run in runs]
            for run in runs:
                for task in self.tasks(run):
                    if task["state"] in ("success", "failed", "upstream_failed") and task["id"] not in said:
                        said.add(task["id"])
                        say(f"{run.dag_id} · {_said(task)}")
            if all(run.ended for run in runs):
                return runs
            if time.monotonic() > until:
                open_ = ", ".join(run.dag_id for run in runs if not run.ended)
                raise StackError(f"After {patience_s:.0f} s these runs have not ended: {open_}. See {self._stack.url}")
            time.sleep(0.5)


def _age(instant: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(instant)


def _said(task: dict[str, Any]) -> str:
    label = f" [{task['rendered_map_index']}]" if task["rendered_map_index"] else ""
    took = f" in {task['duration']:.1f} s" if task["duration"] else ""
    return f"{task['task_id']}{label}: {task['state']}{took}"


def _run(raw: dict[str, Any]) -> Run:
    return Run(raw["dag_id"], raw["dag_run_id"], raw["state"], raw.get("partition_key"), raw.get("duration"))
