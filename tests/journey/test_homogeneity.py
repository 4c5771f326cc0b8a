"""The centres are compared over what is at the HDH; red waits for a coordinator, and what is left is judged anew."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from collecte import catalogue, steps
from collecte.errors import NeedsPerson
from collecte.facts import open_facts, read_facts
from collecte.keys import Keys
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import BadAnswer, answer
from collecte.steps.homogeneity import PAGE, TABLE, homogeneity_now, homogeneity_question, judge_homogeneity
from demo import cohort
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, deposit, planted
from demo.servers import S3Server
from demo.verify import search
from tests.journey.conftest import Drops, World, make_installation
from tests.journey.drops import drop, image, lay

REASON = "Les hauteurs de ce centre sont en mètres."


@pytest.fixture(scope="module")
def study(
    s3: S3Server, drops: Drops, empty_catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Three centres' studies at the HDH, compared; corvane writes heights in metres. Made once: it takes a while."""
    folder = tmp_path_factory.mktemp("homogeneity")
    Keys.new().save(folder / "keys.json")
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLECTE_KEYS_DEMO", str(folder / "keys.json"))
        world = make_installation(running, s3, drops, folder / "world", folder / "keys.json", empty_catalogue)
        laid = deposit(world.challenge, world.connect, cohort.deposits())
        for site in world.sites.values():
            steps.run(site)
        judge_homogeneity(world.challenge_site)
        pages = [(name, [(world.challenge_site.reported() / name).read_bytes()]) for name in (PAGE, TABLE)]
        with open_facts(world.challenge_site.curated, "demo") as connection:
            rows = connection.execute("SELECT * FROM facts").fetchall()
        pages.append(("facts", [repr(rows).encode()]))
        assert len(rows) == 3 * (cohort.PATIENTS + 1)
        assert list(search(planted(laid), pages)) == []
        yield world


@pytest.fixture
def studied(study: World, tmp_path: Path) -> World:
    """A copy of the study, of which nothing is decided yet; its drops and its bucket are the study's own."""
    folder = tmp_path / "world"
    shutil.copytree(study.folder, folder, ignore=shutil.ignore_patterns("catalogue.db*", "sftp"))
    with (
        closing(sqlite3.connect(study.folder / "catalogue.db")) as whole,
        closing(sqlite3.connect(folder / "catalogue.db")) as copy,
    ):
        whole.backup(copy)
    environment = {k: v.replace(str(study.folder), str(folder)) for k, v in study.environment.items()}
    return World(folder, environment, study.running)


def decided(site: ChallengeSite, login: str, given: str, value: str = "", reason: str = REASON) -> None:
    question = homogeneity_question(site)
    assert question is not None
    answer(site, question, login, given, value, reason)


def test_other_units_stop_a_release_and_the_page_says_whom_to_ask_what(studied: World) -> None:
    site = studied.challenge_site
    state = homogeneity_now(site)
    assert (state.verdict, state.open) == ("red", False)
    assert {(one["fact"], one["centre"]) for one in state.red} == {("table.height_cm", "corvane")}
    page = (site.reported() / PAGE).read_text("utf-8")
    for said in (
        "facteur proche de 100",
        "near 100",
        "À demander à Données cliniques (inventées)",
        "1.67",
        state.digest,
    ):
        assert said in page
    assert page.count("<article") == 2
    assert (site.reported() / TABLE).read_text("utf-8").startswith("fact,centre,statistic,effect,")
    question = homogeneity_question(site)
    assert question is not None
    assert question.values == {"leave_out_centre": ("corvane",), "leave_out_fact": ("table.height_cm",)}
    assert "height_cm" in question.text
    assert judge_homogeneity(site)["red"] == 2  # again: nothing is done twice


def test_only_a_coordinator_decides_and_only_with_a_reason(studied: World) -> None:
    site = studied.challenge_site
    for login, given, value, reason in (
        ("diane", "accept", "", REASON),
        ("engineer", "accept", "", REASON),
        ("claire", "approve", "", REASON),
        ("claire", "accept", "", "oui"),
        ("claire", "leave_out_centre", "arvel", REASON),
        ("claire", "leave_out_fact", "", REASON),
    ):
        with pytest.raises(BadAnswer):
            decided(site, login, given, value, reason)
    assert not homogeneity_now(site).open
    decided(site, "claire", "accept")
    assert homogeneity_now(site).accepted
    assert homogeneity_now(site).open
    assert homogeneity_question(site) is None
    with site.catalogue.read() as connection:
        (event,) = catalogue.decisions_about(connection, "demo", "homogeneity")
        assert (event.login, event.reason) == ("claire", REASON)
        assert catalogue.verify(connection, "demo") == []


@pytest.mark.parametrize(("given", "value"), [("leave_out_centre", "corvane"), ("leave_out_fact", "table.height_cm")])
def test_what_is_left_is_judged_anew(studied: World, given: str, value: str) -> None:
    site = studied.challenge_site
    decided(site, "claire", given, value)
    assert homogeneity_now(site).verdict is None
    assert not homogeneity_now(site).open
    assert judge_homogeneity(site)["red"] == 0
    state = homogeneity_now(site)
    assert (state.open, state.accepted) == (True, False)
    assert value in state.left_out_centres | state.left_out_facts
    assert value in (site.reported() / PAGE).read_text("utf-8")
    assert homogeneity_question(site) is None


def test_a_further_delivery_and_a_lost_page_are_judged_again(study: World, studied: World) -> None:
    site = studied.challenge_site
    decided(site, "claire", "accept")
    (site.reported() / PAGE).unlink()
    judge_homogeneity(site)
    assert (site.reported() / PAGE).is_file()
    lay(drop(study) / "lot 3", {"a": image(MARCHEMALLE, 1), "b": image(ESTRUGAMOU, 1)})
    steps.run(studied.site("arvel"))
    assert homogeneity_now(site).verdict is None, "nothing is decided of files that nobody saw"
    assert judge_homogeneity(site)["files"] == 41
    assert not homogeneity_now(site).open


def test_facts_are_those_of_accepted_files_and_a_correction_takes_the_older_out(world: World) -> None:
    site = world.site("arvel")
    lay(drop(world) / "lot 1", {f"IM{n}": image(MARCHEMALLE, n) for n in (1, 2)} | {"IM3": image(MARCHEMALLE, 3)[:-50]})
    steps.run(site)
    lay(drop(world) / "lot 2", {"IM1": image(MARCHEMALLE, 1, size=24)})
    steps.run(site)
    with open_facts(site.curated, "demo") as connection:
        rows = connection.execute('SELECT delivery, centre, "rows" FROM facts ORDER BY ALL').fetchall()
    assert rows == [("d0001", "arvel", 16), ("d0002", "arvel", 24)]
    steps.accept(site, "d0002")  # cleared in Airflow: nothing changes
    folder = world.challenge_site.facts("arvel", site.delivery("d0001"))
    assert len(read_facts(folder.glob("*.parquet"))) == 1


def test_a_table_that_is_gone_from_curated_asks_for_a_person(studied: World) -> None:
    site = studied.challenge_site
    decided(site, "claire", "leave_out_fact", "table.height_cm")
    next((site.curated / "demo").rglob("*.csv")).unlink()
    with pytest.raises(NeedsPerson, match="curated"):
        judge_homogeneity(site)
    assert homogeneity_now(site).verdict is None
