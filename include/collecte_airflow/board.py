"""The page *Collecte* in Airflow's navigation: the boards that steps wrote, each figure a link to its run or page.

A reader is shown the centres whose runs Airflow lets them see, and a challenge's own line where they may see its runs.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collecte.report import board_page, script_source
from collecte_airflow import ids

#: The folder of a challenge's own pages among the reports, and the board in it: as the step writes them.
OWN, BOARD = "_challenge", "board.json"

#: In Airflow this page lies in a frame that may lead nowhere else; a link made in the page around it may.
SCRIPT = """
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  window.parent.document.body.append(outside);
  outside.click();
  outside.remove();
});
"""
#: The one script that the page may run.
SCRIPT_SOURCE = script_source(SCRIPT)

#: May the reader see the runs of this DAG?
May = Callable[[str], bool]


def boards(folder: Path) -> Iterator[dict[str, Any]]:
    """The boards among the reports, by challenge; one that is being taken away meanwhile is passed over."""
    for path in sorted(folder.glob(f"*/{OWN}/{BOARD}")):
        if not path.is_symlink() and not path.parent.is_symlink() and not path.parent.parent.is_symlink():
            yield json.loads(path.read_text("utf-8"))


def page(folder: Path, root: str, session: Session, may: May) -> str | None:
    """The page for a reader; None where there are boards and they may see nothing of any. ``root``: the path below
    which Airflow's server stands.
    """
    found = list(boards(folder))
    seen = [board for board in (_seen(board, may) for board in found) if board]
    if found and not seen:
        return None
    for board in seen:
        _link(board, folder, root, session)
    return board_page(seen, datetime.now(UTC), SCRIPT)


def of_challenge(challenge: str) -> str:
    """The DAG whose readers may see what is a challenge's own."""
    return ids.dag_id("homogeneity", challenge)


def _seen(board: dict[str, Any], may: May) -> dict[str, Any] | None:
    """What of a board a reader may see."""
    challenge = board["challenge"]
    centres = [one for one in board["centres"] if may(ids.dag_id("collect", challenge, one["id"]))]
    names = ("homogeneity", "releases", "open", "recalls")
    own = {name: board[name] for name in names} if may(of_challenge(challenge)) else None
    if not centres and own is None:
        return None
    return {**{name: board[name] for name in ("challenge", "title", "at")}, "centres": centres, "own": own}


def _link(board: dict[str, Any], folder: Path, root: str, session: Session) -> None:
    challenge = board["challenge"]
    runs = _Runs(session, root, challenge, [one["id"] for one in board["centres"]])

    def report(*parts: str) -> str:
        return f"{root}/collecte/reports/{'/'.join(parts)}" if folder.joinpath(*parts).is_file() else ""

    for centre in board["centres"]:
        collected, label = runs.newest("collect", centre["id"]), (centre["last"] or {}).get("label", "none")
        told = report(challenge, centre["id"], label, "report.html") or collected
        checked = report(challenge, centre["id"], label, "data-docs", "index.html") or told
        centre["links"] = {
            **dict.fromkeys(("promised", "refused", "last"), told),
            **dict.fromkeys(("received", "agreement"), collected),
            "valid": checked,
            "at_hdh": runs.newest("ship_hdh", key=ids.partition_key(centre["id"], label)),
            "released": runs.newest("release"),
        }
    if own := board["own"]:
        own["links"] = {
            "homogeneity": report(challenge, OWN, "homogeneity.html") or runs.newest("homogeneity"),
            "answer": runs.newest("homogeneity"),
            "recalls": runs.newest("recall"),
        }
        for name, stage, about, shown in (
            ("releases", "release", "certificate", "certificate"),
            ("open", "open_data", "open", "landing"),
        ):
            for one in own[name]:
                page_of = report(challenge, OWN, f"{about}-{one['label']}.html")
                one |= {"page": shown, "links": {"run": runs.newest(stage), "page": page_of}}


class _Runs:
    """The newest run of each DAG of a challenge, read at once; the DAG's own page where it has none."""

    def __init__(self, session: Session, root: str, challenge: str, centres: list[str]) -> None:
        self._root, self._challenge = root, challenge
        stages = ("ship_hdh", "homogeneity", "release", "open_data", "recall")
        wanted = [ids.dag_id(stage, challenge) for stage in stages]
        wanted += [ids.dag_id("collect", challenge, centre) for centre in centres]
        newest = (
            select(func.max(DagRun.id)).where(DagRun.dag_id.in_(wanted)).group_by(DagRun.dag_id, DagRun.partition_key)
        )
        found = select(DagRun.dag_id, DagRun.partition_key, DagRun.run_id).where(DagRun.id.in_(newest))
        self._keyed: dict[tuple[str, str | None], str] = {}
        self._last: dict[str, str] = {}
        for dag_id, key, run_id in session.execute(found.order_by(DagRun.id)):
            self._keyed[dag_id, key] = self._last[dag_id] = run_id

    def newest(self, stage: str, centre: str | None = None, key: str | None = None) -> str:
        """The address of a stage's newest run; with ``key``, of the run that was about that delivery."""
        dag_id = ids.dag_id(stage, self._challenge, centre)
        run = self._keyed.get((dag_id, key)) if key else self._last.get(dag_id)
        page = f"{self._root}/dags/{dag_id}"
        return f"{page}/runs/{quote(run, safe='')}" if run else page
