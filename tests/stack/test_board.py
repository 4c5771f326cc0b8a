"""The page *Collecte* in a real browser, and a decision: what each user sees of both, on a desk and in a pocket."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, ViewportSize

from demo.airflow import Airflow, Asked
from demo.browser import log_in
from demo.stack import Stack
from tests.stack import votes

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(420), pytest.mark.needs("chromium")]

DESK: ViewportSize = {"width": 1400, "height": 1000}
POCKET: ViewportSize = {"width": 420, "height": 900}
ARVEL = "article[lang=fr] tr[data-centre=arvel]"
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Waiting:
    """A stack on which a coordinator is asked about homogeneity; her question."""

    stack: Stack
    asked: Asked

    @property
    def path(self) -> str:
        """Where Airflow shows the question."""
        run = quote(self.asked.run_id, safe="")
        return f"/dags/{self.asked.dag_id}/runs/{run}/tasks/{self.asked.task_id}/required_actions"


@pytest.fixture(scope="module")
def waiting(running: Stack) -> Iterator[Waiting]:
    """Nothing is decided here: the question is withdrawn in the end."""
    with pytest.MonkeyPatch.context() as environment, Airflow(running) as airflow:
        environment.setenv("COLLECTE_KEYS_DEMO", running.settings["COLLECTE_KEYS_DEMO"])
        votes.at_the_hdh(running)
        dag_id = f"homogeneity__{votes.CHALLENGE}"
        airflow.wait_for_dags({dag_id})
        run = airflow.trigger(dag_id)
        until = time.monotonic() + _PATIENCE_S
        while not (asked := [one for one in airflow.asked(dag_id) if one.run_id == run.run_id]):
            assert time.monotonic() < until, "nobody is asked"
            time.sleep(0.5)
        yield Waiting(running, asked[0])
        airflow.mark_success(asked[0])
        airflow.wait([run], lambda said: None, _PATIENCE_S)


def _page(browser: Browser, stack: Stack, login: str, size: ViewportSize = DESK) -> Page:
    """Airflow's start page, as one of the users sees it."""
    page = browser.new_context(viewport=size).new_page()
    page.set_default_timeout(180_000)  # a machine may be ten times slower for a while
    page.goto(stack.url)
    log_in(page, stack, login)
    page.get_by_role("link", name="Collecte", exact=True).wait_for()
    return page


def _board(page: Page) -> FrameLocator:
    page.get_by_role("link", name="Collecte", exact=True).click()
    frame = page.frame_locator("iframe")
    frame.locator(ARVEL).first.wait_for()
    return frame


def test_the_board_stands_in_airflows_navigation_and_its_figures_lead_out_of_the_frame(
    waiting: Waiting, browser: Browser
) -> None:
    page = _page(browser, waiting.stack, "claire")
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    for stage, leads_to in (
        ("received", f"/dags/collect__{votes.CHALLENGE}__arvel"),
        ("refused", f"/collecte/reports/{votes.CHALLENGE}/arvel/d0001/report.html"),
    ):
        row = _board(page).locator(
            f"article[lang=fr] section[aria-labelledby=fr-{votes.CHALLENGE}] tr[data-centre=arvel]"
        )
        assert row.locator("[data-stage=valid]").inner_text() == row.locator("[data-stage=at_hdh]").inner_text() != "0"
        row.locator(f"[data-stage={stage}] a").click()
        page.wait_for_url(f"{waiting.stack.url}{leads_to}**")
        assert len(page.frames) == 1, "Airflow stands in Airflow"
        page.goto(waiting.stack.url)
    assert not [text for text in blocked if "Content Security Policy" in text]


def test_the_board_says_that_a_coordinators_decision_is_awaited_in_both_languages(
    waiting: Waiting, browser: Browser
) -> None:
    frame = _board(_page(browser, waiting.stack, "diane"))
    frame.get_by_text("rouge : une décision de la coordination est attendue").wait_for()
    frame.get_by_text("English").click()
    frame.get_by_text("red: a coordinator's decision is awaited").wait_for()
    assert frame.locator("article[lang=fr]").first.is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_pocket_the_board_is_read_without_scrolling_sideways(
    waiting: Waiting, browser: Browser, scheme: str
) -> None:
    page = browser.new_context(viewport=POCKET, color_scheme="dark" if scheme == "dark" else "light").new_page()
    page.goto(f"{waiting.stack.url}/collecte/board")
    log_in(page, waiting.stack, "claire")
    page.locator(ARVEL).first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= POCKET["width"]
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (_light(paper), _light(ink)) == ((True, False) if scheme == "light" else (False, True))


def test_another_role_is_refused_in_the_browser_and_a_bad_answer_is_asked_again(
    waiting: Waiting, browser: Browser
) -> None:
    for login, status in (("diane", 403), ("claire", 200)):
        page = _page(browser, waiting.stack, login)
        page.goto(f"{waiting.stack.url}{waiting.path}")
        with page.expect_response(lambda answer: answer.request.method in ("PATCH", "PUT")) as answered:
            page.get_by_role("button", name="accept", exact=True).click()
        assert (login, answered.value.status) == (login, status)
    with Airflow(waiting.stack) as airflow:
        until = time.monotonic() + _PATIENCE_S
        while not airflow.asked(waiting.asked.dag_id):
            assert time.monotonic() < until, "the answer without a reason was taken"
            time.sleep(0.5)


def _light(colour: str) -> bool:
    return sum(int(part) for part in colour.strip("rgb()").split(",")) > 3 * 128
