"""What people decide, by their own logins in a real Airflow: nothing leaves without both of them, whatever else is
pressed, written or cleared; and who decides can change nothing else.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx
import pytest

from collecte import steps
from collecte.catalogue import decisions_about, package_receipts, shipments_of_package
from collecte.steps.challenge_site import ChallengeSite
from demo import processes
from demo.airflow import Airflow, Asked, Run
from demo.browser import chromium, log_in
from demo.stack import Stack
from tests.stack import votes

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]

T = TypeVar("T")
HOME = Path(__file__).resolve().parents[2]
_PATIENCE_S = 240.0
#: What a coordinator may not answer where centres differ.
_BAD: Sequence[tuple[str, dict[str, str]]] = (
    ("accept", {}),
    ("accept", {"reason": "oui"}),
    ("leave_out_centre", {"value": "nobody", "reason": votes.REASON}),
)


@dataclass(frozen=True)
class People:
    """The site of the challenge, and three clients, each logged in."""

    stack: Stack
    site: ChallengeSite
    engineer: Airflow
    claire: Airflow
    diane: Airflow

    def asked(self, run: Run, task_id: str) -> Asked:
        """The question of a task, once it waits and an answer would arrive."""

        def found() -> Asked | None:
            for one in self.engineer.asked(run.dag_id):
                if (one.task_id, one.run_id) == (task_id, run.run_id) and self._at_rest(one):
                    return one
            return None

        return _until(found, f"{run.dag_id} does not ask by {task_id}")

    def _at_rest(self, asked: Asked) -> bool:
        """Whether the scheduler has noticed that the process which asks has ended. An answer that comes sooner is lost:
        see collecte_airflow.decisions. Nobody but a test is as quick.
        """
        log = (self.stack.state / "logs" / "scheduler.log").read_text("utf-8", "replace")
        dag, task, run = (re.escape(name) for name in (asked.dag_id, asked.task_id, asked.run_id))
        begun, over = f"Queueing workload for TI: <TaskInstance: {dag}.{task} {run} ", "(Received executor event) .*"
        said = re.findall(f"{begun}|{over}dag_id='{dag}', task_id='{task}', run_id='{run}'", log)
        return bool(said and said[-1])

    def ended(self, run: Run) -> Run:
        (ended,) = self.engineer.wait([run], lambda said: None, _PATIENCE_S)
        return ended

    def decided(self, about: str) -> list[tuple[str, str, str]]:
        with self.site.catalogue.read() as connection:
            found = decisions_about(connection, self.site.challenge.id, about)
        return [(one.login, one.role, one.answer) for one in found]


@pytest.fixture(scope="module")
def people(running: Stack) -> Iterator[People]:
    with ExitStack() as open_, pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLLECTE_KEYS_DEMO", running.settings["COLLECTE_KEYS_DEMO"])
        site = votes.at_the_hdh(running)
        engineer, claire, diane = (open_.enter_context(Airflow(running, login)) for login in (None, "claire", "diane"))
        engineer.wait_for_dags({f"{stage}__{votes.CHALLENGE}" for stage in ("homogeneity", "release", "recall")})
        yield People(running, site, engineer, claire, diane)


def _until(found: Callable[[], T | None], trouble: str) -> T:
    end = time.monotonic() + _PATIENCE_S
    while (value := found()) is None:
        assert time.monotonic() < end, trouble
        time.sleep(0.1)
    return value


def _kill(people: People, run: Run, task_id: str) -> None:
    """End a task's process by SIGKILL, whatever it is doing: a process of the stack's scheduler, no other."""

    def begun() -> int | None:
        found = (task for task in people.engineer.tasks(run) if task["task_id"] == task_id)
        return next((task["pid"] for task in found if task["state"] == "running"), None)

    pid = _until(begun, f"{task_id} does not begin")
    (scheduler,) = (session for session in people.stack.sessions if session.name == "scheduler")
    assert pid in processes.members([scheduler])
    os.kill(pid, signal.SIGKILL)


def _click(people: People, asked: Asked, option: str) -> None:
    """Answer in a real browser, as claire. It ends before SFTP is spoken: its loop is this thread's while it runs."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.goto(people.stack.url)
        log_in(page, people.stack, "claire")
        page.get_by_role("link", name="Collecte", exact=True).wait_for()
        run = f"/dags/{asked.dag_id}/runs/{quote(asked.run_id, safe='')}"
        page.goto(f"{people.stack.url}{run}/tasks/{asked.task_id}/required_actions")
        page.get_by_text(asked.subject).first.wait_for()
        with page.expect_response(lambda answer: answer.request.method == "PATCH") as answered:
            page.get_by_role("button", name=option, exact=True).click()
        assert answered.value.status == 200


def _state(people: People, asked: Asked) -> str:
    return str(people.engineer.get(f"{asked.path}/{asked.map_index}")["state"])


@pytest.fixture(scope="module")
def homogeneous(people: People) -> Run:
    """Red, asked about, answered badly, and then well."""
    run = people.claire.trigger(f"homogeneity__{votes.CHALLENGE}")
    asked = people.asked(run, "coordinator")
    assert set(asked.options) == {"accept", "leave_out_centre", "leave_out_fact"}
    for other in (people.diane, people.engineer):
        assert other.answer(asked, "accept", reason=votes.REASON) == 403
    for option, fields in _BAD:
        assert people.claire.answer(people.asked(run, "coordinator"), option, **fields) == 200
    last = people.asked(run, "coordinator")
    assert people.decided("homogeneity") == []
    assert people.claire.answer(last, "accept", reason=votes.REASON) == 200
    return people.ended(run)


def test_a_bad_answer_is_asked_for_again_until_a_coordinator_gives_a_good_one(people: People, homogeneous: Run) -> None:
    assert homogeneous.state == "success"
    assert people.decided("homogeneity") == [("claire", "coordinator", "accept")]
    (task,) = (task for task in people.engineer.tasks(homogeneous) if task["task_id"] == "coordinator")
    assert people.engineer.log(homogeneous, task).count("It is asked again.") == len(_BAD)


@pytest.fixture(scope="module")
def forged(people: People, homogeneous: Run) -> tuple[Run, Sequence[str]]:
    """A release whose approvals an engineer tries to forge; what was sent meanwhile."""
    run = people.engineer.trigger(f"release__{votes.CHALLENGE}")
    coordinator, officer = (people.asked(run, name) for name in ("coordinator", "officer"))
    for who, question in ((people.engineer, coordinator), (people.diane, coordinator), (people.claire, officer)):
        assert who.answer(question, "approve") == 403
    for question in (coordinator, officer):
        assert people.engineer.write_xcom(question, {"chosen_options": ["approve"]}, key="forged") < 300
        assert people.engineer.mark_success(question) < 300
    return people.ended(run), votes.sent(people.site)


def test_marking_both_approvals_as_successful_and_writing_their_xcom_sends_nothing(
    people: People, forged: tuple[Run, Sequence[str]]
) -> None:
    run, sent = forged
    assert sent == []
    assert people.decided("release/v1") == []
    assert run.state == "failed"
    (red,) = [task for task in people.engineer.tasks(run) if task["state"] == "failed"]
    assert red["task_id"] == "plan_host"
    assert "is not approved" in people.engineer.log(run, red)


def test_an_answer_to_a_task_that_was_marked_as_successful_changes_nothing(
    people: People, forged: tuple[Run, Sequence[str]]
) -> None:
    run, _ = forged
    asked = Asked(run.dag_id, run.run_id, "coordinator", -1, "", "", ())
    assert people.claire.answer(asked, "approve") == 200
    assert people.decided("release/v1") == []


def test_the_command_line_sends_nothing_either(people: People, forged: tuple[Run, Sequence[str]]) -> None:
    for arguments in (
        ("collecte.cli", "release", "ship", votes.CHALLENGE, "v1"),
        ("airflow", "tasks", "test", f"release__{votes.CHALLENGE}", "plan_host", forged[0].run_id),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=people.stack.environment,
            cwd=HOME,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "is not approved" in " ".join((ran.stdout + ran.stderr).split()), ran.stdout + ran.stderr
    assert votes.sent(people.site) == []


def test_two_people_approve_and_the_release_is_sent(people: People, forged: tuple[Run, Sequence[str]]) -> None:
    """In the run whose tasks were forged: cleared, it asks, for nothing of that counted."""
    run, _ = forged
    assert people.engineer.clear_tasks(run, "coordinator", "officer", downstream=True) < 300
    first, second = (people.asked(run, name) for name in ("coordinator", "officer"))
    assert "Empreinte" in first.body
    assert people.claire.answer(first, "approve") == 200
    _until(lambda: people.decided("release/v1") or None, "the coordinator's approval is not kept")
    assert votes.sent(people.site) == []
    assert _state(people, second) == "awaiting_input"
    assert people.diane.answer(second, "approve") == 200
    _kill(people, run, "ship_to_host")
    ended = people.ended(run)

    tasks = people.engineer.tasks(ended)
    red = [task for task in tasks if task["state"] not in ("success", "skipped")]
    assert [(task["task_id"], people.engineer.log(ended, task)[-3000:]) for task in red] == []
    assert people.decided("release/v1") == [
        ("claire", "coordinator", "approve"),
        ("diane", "data_protection_officer", "approve"),
    ]
    assert max(task["try_number"] for task in tasks if task["task_id"] == "ship_to_host") == 2, "it was not killed"
    package = people.site.package("release", "v1")
    assert steps.verify_release(people.site.folder(package), None) == []
    with people.site.catalogue.read() as connection:
        shipments = shipments_of_package(connection, package.id)
        receipts = [one.key for shipment in shipments for one in package_receipts(connection, shipment.id)]
    assert {one.destination for one in shipments if one.done_at} == {"host-sftp", "host-s3"}
    assert len(votes.sent(people.site)) == len(receipts)


def test_clearing_an_approved_run_asks_nobody_and_sends_nothing_twice(
    people: People, forged: tuple[Run, Sequence[str]]
) -> None:
    run, _ = forged
    before = votes.sent(people.site)
    people.engineer.clear(run)
    assert people.ended(run).state == "success"
    assert votes.sent(people.site) == before
    assert len(people.decided("release/v1")) == 2


@pytest.mark.needs("chromium")
def test_a_click_approves_and_a_rejection_publishes_nothing(people: People, forged: tuple[Run, Sequence[str]]) -> None:
    """Open Data of the release that was sent: the coordinator presses the button, the officer says no."""
    run = people.claire.trigger(f"open_data__{votes.CHALLENGE}", release="v1")
    _kill(people, run, "make")
    first, second = (people.asked(run, name) for name in ("coordinator", "officer"))
    _click(people, first, "approve")
    _until(lambda: people.decided("open/v1") or None, "the click is not kept")
    assert people.diane.answer(second, "reject", reason=votes.REASON) == 200

    ended = people.ended(run)
    states = {task["task_id"]: task["state"] for task in people.engineer.tasks(ended)}
    tries = {task["task_id"]: task["try_number"] for task in people.engineer.tasks(ended)}
    assert tries["make"] == 2, "it was not killed"
    assert steps.verify_open(people.site.folder(people.site.package("open", "v1")), None) == []
    assert (ended.state, states["make"], states["publish"]) == ("success", "success", "skipped")
    assert people.decided("open/v1") == [
        ("claire", "coordinator", "approve"),
        ("diane", "data_protection_officer", "reject"),
    ]
    assert not [key for key in votes.sent(people.site) if key.startswith("demo_open_s3")]


def test_who_decides_can_change_nothing_but_a_new_run_and_an_answer(people: People) -> None:
    """Every route of Airflow's API that changes something, as the server itself lists them."""
    routes = httpx.get(f"{people.stack.url}/openapi.json", trust_env=False).json()["paths"]
    filled = {"dag_id": f"release__{votes.CHALLENGE}", "dag_run_id": "r", "task_id": "coordinator", "map_index": "-1"}
    allowed = {
        ("post", "/api/v2/dags/{dag_id}/dagRuns"),
        ("patch", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"),
    }
    reads = {path for path in routes if path.endswith("/list")}  # they list, by a body instead of a query
    own = {f"/api/v2/dags/{{dag_id}}/{what}" for what in ("favorite", "unfavorite")}
    body = {"actions": [{"action": "delete", "entities": ["r"]}], "dag_runs": [{"dag_run_id": "r"}]}
    opened = []
    for path, methods in routes.items():
        for method in set(methods) - {"get"}:
            if (method, path) in allowed or path in reads | own or not path.startswith("/api/v2/"):
                continue
            address = path
            for name in re.findall(r"{(\w+)", path):
                address = re.sub(f"{{{name}[^}}]*}}", filled.get(name, "1"), address)
            status = people.claire.tries(method, address, body)
            if status not in (403, 404, 422):  # not found and unreadable are not done either
                opened.append(f"{method} {path}: {status}")
    assert opened == []
