"""``make screenshots``: the pictures of README and docs, taken of the demonstration that runs (``make demo``).

The page *Collecte*, Airflow's list of DAGs, a run's grid, a failed task's page, the coordinator's report, a centre's
feedback: PNG files in ``docs/images/``. One failed task is made on purpose: a shipment that somebody starts without
saying of what. It needs Chromium, which no wheel carries.
"""

import argparse
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, ViewportSize

from demo import stack as local
from demo.airflow import Airflow, Run
from demo.browser import chromium, log_in
from demo.servers import DidNotStart
from demo.stack import HOME, Stack, StackError

FOLDER = HOME / "docs" / "images"
_COLLECT, _SHIP = "collect__demo__corvane", "ship_hdh__demo"
_SIZE: ViewportSize = {"width": 1400, "height": 860}
_SHEET: ViewportSize = {"width": 1000, "height": 1400}


def take(stack: Stack, folder: Path) -> list[Path]:
    """Take every picture of a running stack on which the demonstration was played.

    Raises:
        StackError: it was not played there.
        DidNotStart: the machine has no Chromium.
    """
    feedback = sorted((stack.state / "sftp" / "corvane" / "depot" / "retour").glob("*/*.html"))
    if not feedback:
        raise StackError("Pictures need a demonstration that was played: `make demo`.")
    folder.mkdir(parents=True, exist_ok=True)
    with Airflow(stack) as airflow:
        collected = next(run for run in airflow.runs(_COLLECT) if run.state == "success")
        (failed,) = airflow.wait([airflow.trigger(_SHIP)], lambda said: None, 120)
        delivery = _delivery(airflow, collected)
    report = f"/collecte/reports/demo/corvane/{delivery}/report.html"
    with chromium() as browser:
        page = browser.new_context(viewport=_SIZE, color_scheme="light").new_page()
        page.set_default_timeout(60_000)
        page.goto(stack.url)
        log_in(page, stack)
        page.get_by_text("Dags").first.wait_for()
        return [
            _shot(page, folder / "board.png", f"{stack.url}/plugin/collecte", "Collecte"),
            _shot(page, folder / "dags.png", f"{stack.url}/dags", "Collect · Demonstration"),
            _shot(page, folder / "run.png", f"{stack.url}{_run(collected)}", "make_safe"),
            _shot(page, folder / "failed-task.png", _what_to_press(stack, failed), "What to press"),
            _shot(page, folder / "report.png", f"{stack.url}{report}", "Institut inventé de Corvane", tall=True),
            _shot(page, folder / "feedback.png", feedback[0].as_uri(), "Corvane", tall=True),
        ]


def _delivery(airflow: Airflow, run: Run) -> str:
    """The delivery that a run of *Collect* reported on: the label of its mapped task."""
    return next(str(task["rendered_map_index"]) for task in airflow.tasks(run) if task["task_id"] == "report")


def _run(run: Run) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}"


def _what_to_press(stack: Stack, run: Run) -> str:
    return f"{stack.url}{_run(run)}/tasks/plan_ship/plugin/what-to-press"


def _shot(page: Page, path: Path, url: str, shows: str, *, tall: bool = False) -> Path:
    """One picture, once the page shows a text; ``tall``: as a sheet of paper stands."""
    page.set_viewport_size(_SHEET if tall else _SIZE)
    page.goto(url)
    page.get_by_text(shows).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)
    return path


def main(state: Path, folder: Path) -> int:
    stack = local.load(state)
    if stack is None or not stack.sessions or not all(stack.running().values()):
        print("Nothing is running: `make demo` first.", file=sys.stderr)
        return 1
    try:
        taken = take(stack, folder)
    except (StackError, DidNotStart) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, taken)))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo.screenshots", description=__doc__)
    parser.add_argument("--state", type=Path, default=local.state_folder(), help="state folder of the stack")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the pictures")
    given = parser.parse_args()
    raise SystemExit(main(given.state.resolve(), given.to))
