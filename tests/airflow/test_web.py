"""Who is shown a delivery's pages, and that nothing but those pages is shown: against Airflow's own authorisation."""

import asyncio
import base64
import hashlib
import html
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Airflow's own, while its server is imported
    from airflow import settings
    from airflow.api_fastapi.app import get_auth_manager, init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models import import_all_models
    from airflow.models.base import Base

    from collecte_airflow.web import app

REPORT = "/reports/demo/arvel/d0001/report.html"
Get = Callable[..., httpx.Response]


class OneCentre(SimpleAuthManager):
    """An authorisation by DAG, as production has: everybody may see the runs of arvel's collection alone."""

    @staticmethod
    def sees(dag_id: str | None) -> bool:
        return dag_id == "collect__demo__arvel"

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        read = method == "GET" and access_entity and access_entity.value in ("RUN", "TASK_INSTANCE")
        return bool(read) and type(self).sees(details.id if details else None)


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """Airflow's authorisation, and an empty database of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__CORE__AUTH_MANAGER", f"{__name__}.{OneCentre.__name__}")
        environment.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "k" * 64)
        init_auth_manager()
        import_all_models()
        Base.metadata.create_all(settings.engine)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of reports, with one delivery of each of two centres; beside it what must not be shown."""
    for path, text in {
        "reports/demo/arvel/d0001/report.html": "<p>arvel</p>",
        "reports/demo/arvel/d0001/data-docs/index.html": "<p>docs</p>",
        "reports/demo/arvel/d0001/data-docs/style.css": "p {}",
        "reports/demo/arvel/d0001/.hidden.html": "hidden",
        "reports/demo/arvel/d0001/page.html.part": "half",
        "reports/demo/corvane/d0001/report.html": "<p>corvane</p>",
        "reports/report.html": "no delivery's",
        "landing/demo/arvel/d0001/f1.html": "secret",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    delivery = tmp_path / "reports/demo/arvel/d0001"
    (delivery / "link.html").symlink_to(tmp_path / "landing/demo/arvel/d0001/f1.html")
    (delivery / "out").symlink_to(tmp_path / "landing/demo/arvel/d0001")
    monkeypatch.setenv("COLLECTE_REPORTS", (tmp_path / "reports").as_uri())
    monkeypatch.setenv("COLLECTE_CATALOGUE_FILE", str(tmp_path / "not-this-server's"))
    return delivery


@pytest.fixture
def get(server: None, folder: Path) -> Get:
    """Ask for a page; logged in, unless ``user`` is None."""

    def get(path: str, user: str | None = "viewer", accept: str = "*/*") -> httpx.Response:
        headers = {"Accept": accept}
        if user:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=user))
            headers["Authorization"] = f"Bearer {token}"

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())

    return get


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        ("report.html", "text/html; charset=utf-8"),
        ("data-docs/index.html", "text/html; charset=utf-8"),
        ("data-docs/style.css", "text/css; charset=utf-8"),
    ],
)
def test_a_page_is_shown_to_whom_may_see_the_centres_runs(get: Get, page: str, content_type: str) -> None:
    answer = get(f"/reports/demo/arvel/d0001/{page}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "script" not in policy


def test_nobody_is_shown_anything_without_a_login(get: Get) -> None:
    assert (get(REPORT, user=None).status_code, get(REPORT, user=None).content) == (401, b"")
    assert get("/task?dag_id=collect__demo__arvel&run_id=r&task_id=find", user=None).status_code == 401


def test_a_browser_without_a_login_is_led_to_it_and_then_to_the_page(get: Get) -> None:
    answer = get(REPORT, user=None, accept="text/html,*/*")

    assert answer.status_code == 307
    assert answer.headers["location"] == f"/api/v2/auth/login?next={quote(REPORT, safe='')}"


def test_who_may_not_see_a_centres_runs_is_refused_its_pages(get: Get) -> None:
    assert get("/reports/demo/corvane/d0001/report.html").status_code == 403
    assert get("/reports/other/arvel/d0001/report.html").status_code == 403
    assert get("/task?dag_id=collect__demo__corvane&run_id=r&task_id=find").status_code == 403
    assert get("/task?dag_id=collect__demo__arvel&run_id=r&task_id=find").status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        "link.html",
        "out/f1.html",
        ".hidden.html",
        "page.html.part",
        "absent.html",
        "data-docs",
        "data-docs/",
        "..%2Fd0001%2Freport.html",
        "%2e%2e/%2e%2e/corvane/d0001/report.html",
        "..%2f..%2fcorvane%2fd0001%2freport.html",
        "....//report.html",
        "%2Fetc%2Fhostname.html",
        "report.html%00.css",
        "data-docs%5C..%5Creport.html",
    ],
)
def test_only_plain_files_of_the_delivery_are_shown(get: Get, page: str) -> None:
    assert get(f"/reports/demo/arvel/d0001/{page}").status_code in (403, 404)


@pytest.mark.parametrize(
    "path", ["demo/arvel/../report.html", "demo/arvel/%2e%2e/report.html", "demo/arvel//report.html"]
)
def test_no_page_stands_outside_of_a_delivery(get: Get, path: str) -> None:
    assert get(f"/reports/{path}").status_code in (403, 404)


def test_it_shows_a_page_that_was_written_anew(get: Get, folder: Path) -> None:
    assert get(REPORT).text == "<p>arvel</p>"
    (folder / "report.html").write_text("<p>later</p>", "utf-8")
    assert get(REPORT).text == "<p>later</p>"


def test_it_needs_no_other_setting_than_the_folder_of_reports(get: Get) -> None:
    assert not Path(os.environ["COLLECTE_CATALOGUE_FILE"]).exists()
    assert get(REPORT).status_code == 200


def test_of_a_task_that_has_not_failed_it_says_that_there_is_nothing_to_press(get: Get) -> None:
    answer = get("/task?dag_id=collect__demo__arvel&run_id=r&task_id=find&map_index={MAP_INDEX}")

    assert "Nothing: this task has not failed." in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


BOARD = {
    "challenge": "demo",
    "title": {"fr": "Démonstration", "en": "Demonstration"},
    "at": "2027-01-01T10:00:00+00:00",
    "centres": [
        {
            "id": centre,
            "name": f"CHU {centre}",
            **dict.fromkeys(("promised", "received", "refused", "valid", "at_hdh", "released"), 7),
            "last": {"label": "d0001", "state": "shipped", "at": "2027-01-01T09:00:00+00:00"},
            "agreement_ends": "2099-12-31",
        }
        for centre in ("arvel", "corvane")
    ],
    "homogeneity": {"verdict": "red", "decided": "", "at": "2027-01-01T10:00:00+00:00"},
    "releases": [
        {
            "label": "v1",
            "state": "frozen",
            "remade": True,
            "answers": {"coordinator": "approve"},
            "asked": ["coordinator", "data_protection_officer"],
            "hosts": [{"id": "host-s3", "done": True, "receipts": 12}],
        }
    ],
    "open": [{"label": "v2", "state": "making", "remade": False, "answers": {}, "asked": [], "hosts": []}],
    "recalls": {"pending": 1, "all": 1},
}


@pytest.fixture
def own(folder: Path) -> Path:
    """The challenge's own pages."""
    own = folder.parents[1] / "_challenge"
    own.mkdir()
    (own / "board.json").write_text(json.dumps(BOARD), "utf-8")
    (own / "certificate-v1.html").write_text("<p>certificate</p>", "utf-8")
    (own / "homogeneity.html").write_text("<p>homogeneity</p>", "utf-8")
    return own


def test_every_page_there_is_is_refused_to_whom_may_see_nothing_and_shown_to_a_coordinator(
    get: Get, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"challenge": "demo", "centre": "arvel", "delivery": "d0001", "page": "report.html"}
    asked = "?dag_id=collect__demo__arvel&run_id=r&task_id=find"
    (own / "report.html").write_text("own", "utf-8")
    tried = 0
    for route in app.routes:
        assert isinstance(route, APIRoute), "a route that this test cannot ask for"
        assert route.methods == {"GET"}, "a page changes nothing"
        path = re.sub(r"{(\w+)(:path)?}", lambda found: values[found[1]], route.path) + asked
        monkeypatch.setattr(OneCentre, "sees", staticmethod(lambda dag_id: False))
        assert (path, get(path, user=None).status_code) == (path, 401)
        assert (path, get(path, user="viewer").status_code) == (path, 403)
        monkeypatch.setattr(OneCentre, "sees", staticmethod(lambda dag_id: True))
        assert (path, get(path, user="user").status_code) == (path, 200)
        tried += 1
    assert tried >= 4


def test_of_the_board_a_reader_sees_the_centres_whose_runs_they_may_see(get: Get, own: Path) -> None:
    text = get("/board").text

    assert "CHU arvel" in text
    assert "corvane" not in text
    assert "homogeneity.html" not in text
    assert "Homogénéité" not in text
    assert get("/reports/demo/_challenge/homogeneity.html").status_code == 403


def test_each_figure_of_the_board_leads_to_its_run_or_report(
    get: Get, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneCentre, "sees", staticmethod(lambda dag_id: True))

    answer = get("/board")

    row = answer.text.partition('data-centre="arvel"')[2].partition("</tr>")[0]
    led = dict(re.findall(r'data-stage="(\w+)"[^>]*>(?:<span>)?<a href="([^"]+)"', row))
    assert led == {
        **dict.fromkeys(("promised", "refused", "last"), "/collecte/reports/demo/arvel/d0001/report.html"),
        "valid": "/collecte/reports/demo/arvel/d0001/data-docs/index.html",
        **dict.fromkeys(("received", "agreement"), "/dags/collect__demo__arvel"),
        "at_hdh": "/dags/ship_hdh__demo",
        "released": "/dags/release__demo",
    }
    assert "/collecte/reports/demo/_challenge/homogeneity.html" in answer.text
    assert '<a href="/collecte/reports/demo/_challenge/certificate-v1.html">certificat</a>' in answer.text
    assert "coordination\u00a0: approuvé · protection des données\u00a0: réponse attendue" in html.unescape(answer.text)
    assert "host-s3\u00a0: tout est arrivé, preuve à l'appui (12 accusés de réception)" in html.unescape(answer.text)
    assert answer.text.index("Promis<") < answer.text.index("Promised<")


def test_the_board_runs_its_own_script_and_no_other(get: Get, own: Path) -> None:
    answer = get("/board")

    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert answer.headers["content-security-policy"].endswith(f"script-src 'sha256-{digest}'")


def test_before_the_first_delivery_the_board_says_so(get: Get) -> None:
    assert "Aucun dépôt n'a encore été collecté." in html.unescape(get("/board").text)
