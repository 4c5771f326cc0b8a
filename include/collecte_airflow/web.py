"""Our pages in Airflow's API server: the board, reports and Data Docs, certificates, and what to press for a red task.

A page is shown to whom Airflow has logged in and lets see the DAG: a delivery's pages to whom may see the runs of its
centre's ``collect`` DAG, a challenge's own to whom may see those of its ``homogeneity`` DAG, a task's page to whom may
see that task; of the board each row as what it speaks of. Nothing is read but the folder of reports
(``COLLECTE_REPORTS``) and Airflow's own record of runs and tasks: neither keys, nor landing, nor the catalogue. No page
can load anything from elsewhere; none but the board runs a script, one that leads out of Airflow's frame; none is kept
by the browser.
"""

import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from collecte.settings import Settings
from collecte.zones import zone_folder
from collecte_airflow import board as boards
from collecte_airflow import ids
from collecte_airflow.failures import SILENT, XCOM_KEY, Failure
from collecte_airflow.links import PREFIX

#: What a report may be made of; a file of another kind is not shown.
CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: One part of a path: neither hidden nor a step upwards.
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")

app = FastAPI(title="Collecte", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(get_user)])


@app.exception_handler(HTTPException)
def refuse(request: Request, refusal: HTTPException) -> Response:
    """Nothing of why. Whom a mail brought here without a login is led to it first, and then back."""
    if refusal.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        asked = f"{request.url.path}?{request.url.query}".rstrip("?")
        return RedirectResponse(f"{_mounted_below(request)}/api/v2/auth/login?{urlencode({'next': asked})}")
    return Response(status_code=refusal.status_code, headers=HEADERS)


def may_see_collection(request: Request, user: GetUserDep, challenge: str, centre: str) -> None:
    """Refuse (403) whom Airflow does not let see the runs of this centre's collection."""
    dag_id = ids.dag_id("collect", challenge, centre)
    requires_access_dag("GET", DagAccessEntity.RUN, dag_id)(request, user)


def may_see_challenge(request: Request, user: GetUserDep, challenge: str) -> None:
    """Refuse (403) whom Airflow does not let see the runs of this challenge's own."""
    requires_access_dag("GET", DagAccessEntity.RUN, boards.of_challenge(challenge))(request, user)


@app.get("/board")
def board(request: Request, session: SessionDep, user: GetUserDep) -> Response:
    """The page *Collecte*. 403: there is something, and nothing that this reader may see."""

    def may(dag_id: str) -> bool:
        return bool(
            get_auth_manager().is_authorized_dag(
                method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
            )
        )

    page = boards.page(_reports(), _mounted_below(request), session, may)
    if page is None:
        raise HTTPException(403)
    policy = f"{HEADERS['Content-Security-Policy']}; script-src {boards.SCRIPT_SOURCE}"
    headers = {**HEADERS, "Content-Security-Policy": policy, "Content-Type": CONTENT_TYPES[".html"]}
    return Response(page, headers=headers)


@app.get("/reports/{challenge}/_challenge/{page}", dependencies=[Depends(may_see_challenge)])
def own(challenge: str, page: str) -> Response:
    """A page of a challenge's own: homogeneity, a certificate, a landing page, what a recall proved."""
    return _file([challenge, boards.OWN, page])


@app.get("/reports/{challenge}/{centre}/{delivery}/{page:path}", dependencies=[Depends(may_see_collection)])
def report(challenge: str, centre: str, delivery: str, page: str) -> Response:
    """A file of a delivery's reports. 404: there is none, or its path is no plain one."""
    return _file([challenge, centre, delivery, *page.split("/")])


@app.get("/task", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))])
def task(session: SessionDep, dag_id: str, run_id: str, task_id: str, map_index: str = "") -> Response:
    """What happened to a task and what to press: the page of its tab in the UI."""
    # The UI leaves its placeholder where a task is not mapped.
    index = int(map_index) if map_index.isdecimal() else -1
    of_task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": index}
    state = session.scalar(select(TaskInstance.state).filter_by(**of_task))
    kept = session.scalar(select(XComModel.value).filter_by(key=XCOM_KEY, **of_task))
    return Response(_page(_said(state, kept)), headers={**HEADERS, "Content-Type": CONTENT_TYPES[".html"]})


def _file(parts: Sequence[str]) -> Response:
    """A file of the reports. 404: there is none, or its path is no plain one."""
    content_type = CONTENT_TYPES.get(Path(parts[-1]).suffix)
    if content_type is None or not all(_PART.fullmatch(part) for part in parts):
        raise HTTPException(404)
    try:
        content = _read(_reports(), parts)
    except OSError:
        raise HTTPException(404) from None
    return Response(content, headers={**HEADERS, "Content-Type": content_type})


def _reports() -> Path:
    # Of the settings this one alone: others name secrets that this server does not have.
    named = {name: value for name, value in os.environ.items() if name == "COLLECTE_REPORTS"}
    return zone_folder(Settings.from_environment(named).reports, "COLLECTE_REPORTS")


def _mounted_below(request: Request) -> str:
    """The path below which Airflow's server stands: empty, or such as ``/airflow``."""
    return str(request.scope.get("root_path", "")).removesuffix(PREFIX)


def _read(folder: Path, parts: Sequence[str]) -> bytes:
    """The file's content, opened step by step below ``folder``: no step of the way may be a symbolic link.

    Raises:
        OSError: there is no such file, or a step is a link.
    """
    with ExitStack() as opened:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, at)
        for part in parts[:-1]:
            at = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            opened.callback(os.close, at)
        at = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        opened.callback(os.close, at)
        with os.fdopen(at, "rb", closefd=False) as file:
            return file.read()


def _said(state: str | None, kept: Any) -> list[tuple[str, str]]:
    """Headings and texts for a task in this state; ``kept``: the XCom of a failed task, as Airflow stores it."""
    if state == "failed":
        return (_failure(kept) or SILENT).sentences
    if state == "up_for_retry":
        return [("What happened", "This try failed; Airflow tries again by itself."), ("Press", "Nothing.")]
    if state == "awaiting_input":
        return [("Press", "Nothing here: somebody is asked, and answers under Browse, Required Actions.")]
    if state == "upstream_failed":
        return [("What happened", "A task before this one failed."), ("Press", "Nothing here: open the red task.")]
    return [("Press", "Nothing: this task has not failed.")]


def _failure(kept: Any) -> Failure | None:
    try:
        value = json.loads(kept) if isinstance(kept, str) else kept
        return Failure(**{part: str(value[part]) for part in ("what", "to_do", "press")})
    except (ValueError, TypeError, KeyError):
        return None


def _page(said: Sequence[tuple[str, str]]) -> str:
    parts = "\n".join(f"<h2>{html.escape(heading)}</h2>\n<p>{html.escape(text)}</p>" for heading, text in said)
    return _HTML.format(parts=parts)


_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>What to press</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1rem 1.25rem; max-width: 46rem }}
h2 {{ font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; opacity: .7; margin: 1.25rem 0 .25rem }}
p {{ margin: 0; overflow-wrap: anywhere }}
h2:last-of-type + p {{ font-weight: 600 }}
</style>
</head>
<body>
{parts}
</body>
</html>
"""
