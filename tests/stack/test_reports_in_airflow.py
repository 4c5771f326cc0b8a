"""What people see in Airflow and in their mailbox: a red task that says what to press, a delivery's report at hand."""

import html
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page

from demo.airflow import Airflow, Run
from demo.browser import log_in
from demo.deliveries import LECHANTEUX, ct_slice
from demo.mail import mails
from demo.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420)]

COLLECT, SHIP, CHECK = "collect__demo__corvane", "ship_hdh__demo", "check_centre__demo"
_PATIENCE_S = 240.0


@dataclass(frozen=True)
class Runs:
    """A delivery that was collected, a task that failed, and one that was ended from outside."""

    collected: Run
    failed: Run
    ended: Run


@pytest.fixture(scope="module")
def runs(running: Stack) -> Iterator[Runs]:
    """The three, side by side. What was laid into the drop is taken away again."""
    folder = running.state / "sftp" / "corvane" / "depot" / "Lot de novembre"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"IM000{number}").write_bytes(ct_slice(LECHANTEUX, 9, number))
    (folder / ".done").touch()
    with Airflow(running) as airflow:
        airflow.wait_for_dags({COLLECT, SHIP, CHECK})
        ended, failed = airflow.trigger(CHECK, centre="arvel"), airflow.trigger(SHIP)
        _mark_as_failed(running, ended, "check")
        started = [airflow.trigger(COLLECT), failed, ended]
        yield Runs(*airflow.wait(started, lambda said: None, _PATIENCE_S))
    shutil.rmtree(folder)


def _mark_as_failed(stack: Stack, run: Run, task: str) -> None:
    """End a task as a person does in the UI, whether it has begun or not: it fails without a word of its own."""
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}"
    with _client(stack) as client:
        client.patch(path, json={"new_state": "failed"}).raise_for_status()


@contextmanager
def _client(stack: Stack) -> Iterator[httpx.Client]:
    """Logged in."""
    with httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as client:
        login = {"username": stack.user, "password": stack.password}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _visit(browser: Browser, stack: Stack, path: str) -> Page:
    """A page, asked for by somebody who has to log in first."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(180_000)
    page.goto(f"{stack.url}{path}")
    log_in(page, stack)
    return page


def _task(run: Run, task: str, map_index: int = -1) -> str:
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}/tasks/{task}{mapped}"


def _mails_about(stack: Stack, run: Run, at_least: int = 1) -> Sequence[EmailMessage]:
    """The failure mails of a run, once there are so many or the time is over."""
    until = time.monotonic() + 60
    while True:
        found = [mail for mail in mails(stack.state / "mails") if quote(run.run_id, safe="") in _text(mail)]
        if len(found) >= at_least or time.monotonic() > until:
            return found
        time.sleep(0.5)


def _mails_of_corvane(stack: Stack) -> Sequence[EmailMessage]:
    return [mail for mail in mails(stack.state / "mails") if "Corvane" in mail["subject"]]


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    assert part is not None
    return html.unescape(str(part.get_content()))


def test_a_task_that_failed_sends_one_mail_that_says_what_to_press(running: Stack, runs: Runs) -> None:
    (mail,) = _mails_about(running, runs.failed)

    text = _text(mail)
    assert mail["to"] == running.settings["COLLECTE_ON_CALL"]
    assert mail["subject"] == "ship_hdh__demo: plan_ship failed"
    assert "What happened: This run has no partition key of the form <centre>/<delivery>" in text
    assert "To do: Runs start by themselves" in text
    assert "Press: Trigger, with a key." in text
    assert f"{running.url}{_task(runs.failed, 'plan_ship')}/plugin/what-to-press" in text
    assert "Traceback" not in text
    assert str(running.state) not in text


def test_a_task_that_could_not_say_anything_is_told_of_by_its_dag(running: Stack, runs: Runs) -> None:
    (mail,) = _mails_about(running, runs.ended)

    assert mail["subject"] == "check_centre__demo: check failed"
    assert "The task's process ended without a word" in _text(mail)
    assert "Press: Clear." in _text(mail)


def test_a_run_that_ended_well_sends_no_failure_mail(running: Stack, runs: Runs) -> None:
    assert runs.collected.state == "success"
    assert _mails_about(running, runs.collected, at_least=0) == []


@pytest.mark.needs("chromium")
def test_the_page_of_a_failed_task_shows_the_sentence_first_in_its_log_and_in_a_tab(
    running: Stack, runs: Runs, browser: Browser
) -> None:
    page = _visit(browser, running, _task(runs.failed, "plan_ship"))
    page.get_by_text("What happened: This run has no partition key").first.wait_for()
    page.get_by_role("link", name="What to press").click()

    tab = page.frame_locator("iframe[title='What to press']")
    tab.get_by_text("This run has no partition key").wait_for()
    tab.get_by_text("Trigger, with a key.").wait_for()


@pytest.mark.needs("chromium")
def test_the_buttons_of_a_task_lead_to_its_deliverys_report_and_data_docs(
    running: Stack, runs: Runs, browser: Browser
) -> None:
    page = _visit(browser, running, f"{_task(runs.collected, 'report', 0)}/details")
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    for button, says in (("Report", "Institut inventé de Corvane"), ("Data Docs", "Great Expectations")):
        page.get_by_role("link", name=button, exact=True).click()
        page.wait_for_url(f"{running.url}/collecte/reports/demo/corvane/*/**")
        page.get_by_text(says).first.wait_for()
        page.go_back()

    assert not [text for text in blocked if "Content Security Policy" in text]


@pytest.mark.needs("chromium")
def test_the_coordinators_mail_leads_to_the_report_by_way_of_the_login(
    running: Stack, runs: Runs, browser: Browser
) -> None:
    (mail,) = [mail for mail in _mails_of_corvane(running) if mail["to"] == "coordination@demo.example"]
    found = re.search(rf"{re.escape(running.url)}(/collecte/reports/[\w/-]+/report\.html)", _text(mail))
    assert found

    page = _visit(browser, running, found[1])

    page.wait_for_url(f"{running.url}{found[1]}")
    page.get_by_text("Institut inventé de Corvane").first.wait_for()


def test_the_report_is_shown_to_whom_is_logged_in_and_refused_to_others(running: Stack, runs: Runs) -> None:
    with _client(running) as client:
        links = f"/api/v2/dags/{COLLECT}/dagRuns/{runs.collected.run_id}/taskInstances/report/links"
        urls: dict[str, Any] = client.get(links, params={"map_index": 0}).raise_for_status().json()["extra_links"]
        shown = client.get(urls["Report"])
        outside = client.get(f"{urls['Report']}/../../../../corvane/%2e%2e/%2e%2e/secrets.json")
    refused = httpx.get(f"{running.url}{urls['Report']}", trust_env=False)

    assert set(urls) == {"Report", "Data Docs"}
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert shown.headers["content-security-policy"].startswith("default-src 'none';")
    assert "LECHANTEUX" not in shown.text
    assert refused.status_code == 401
    assert "Corvane" not in refused.text
    assert outside.status_code == 404


def test_the_report_says_that_the_delivery_was_sent_once_it_was(running: Stack, runs: Runs) -> None:
    until = time.monotonic() + _PATIENCE_S
    with Airflow(running) as airflow:
        while not (shipping := [run for run in airflow.runs(SHIP) if (run.key or "").startswith("corvane/")]):
            assert time.monotonic() < until, "nothing was shipped"
            time.sleep(0.5)
        (run,) = airflow.wait(shipping, lambda said: None, _PATIENCE_S)

    assert run.state == "success"
    page = running.state / "reports" / "demo" / str(run.key) / "report.html"
    assert "envoyé au HDH" in page.read_text("utf-8")


def test_coordinator_and_centre_have_their_mail_and_the_centre_its_feedback(running: Stack, runs: Runs) -> None:
    about = _mails_of_corvane(running)
    returned = running.state / "sftp" / "corvane" / "depot" / "retour"

    assert {str(mail["to"]) for mail in about} == {"coordination@demo.example", "donnees@corvane.example"}
    assert [str(mail["to"]) for mail in about if "http" in _text(mail)] == ["coordination@demo.example"]
    assert not [mail for mail in about if "LECHANTEUX" in _text(mail).upper()]
    assert [path.suffix for path in sorted(returned.glob("*/*"))] == [".csv", ".html"]
