"""What every DAG of ours has, whoever writes it: read as Airflow's DAG processor reads the files."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from collecte.challenge import load_all
from collecte_airflow import ids

HOME = Path(__file__).resolve().parents[2]
CHALLENGES = HOME / "include" / "challenges"
#: What a parse may not bring in: seconds, and hundreds of megabytes, for each DAG processor and each task.
HEAVY = ("pandas", "boto3", "pydicom", "great_expectations", "pyarrow", "hyperscan", "asyncssh", "paramiko", "numpy")

Read = Callable[..., dict[str, Any]]


@cache
def _configured() -> frozenset[str]:
    challenges, broken = load_all(CHALLENGES)
    assert not broken
    centres = {ids.dag_id("collect", c.id, centre.id) for c in challenges.values() for centre in c.centres}
    each = {ids.dag_id(stage, c) for c in challenges for stage in ("check_centre", "ship_hdh", "homogeneity", "recall")}
    each |= {ids.dag_id("release", c.id) for c in challenges.values() if c.release}
    each |= {ids.dag_id("open_data", c.id) for c in challenges.values() if c.open_data}
    return frozenset(centres | each | {"housekeeping"})


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    return {}


@pytest.fixture
def dags(read_dags: Read, parsed: dict[str, Any]) -> Mapping[str, Any]:
    """Every DAG of the repository's own challenges, read once for this file."""
    if not parsed:
        parsed.update(read_dags(CHALLENGES))
    assert parsed["errors"] == {}
    return parsed["dags"]


def test_there_is_a_dag_for_each_centre_for_each_stage_of_a_challenge_and_one_for_the_installation(
    dags: Mapping[str, Any],
) -> None:
    assert set(dags) == _configured()


def test_each_dag_says_what_it_does_what_green_means_and_what_to_press(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        for part in (
            "**Runs**",
            "**Green** means",
            "| red task |",
            "Whom to call" if "collect" in dag_id else "Challenge",
        ):
            assert part in dag["doc"], f"{dag_id} lacks {part}"


def test_each_task_stands_in_the_page_of_its_dag(dags: Mapping[str, Any]) -> None:
    """Its row is what the mail and the page of a failed task say; ``deliveries`` only reads what find gave."""
    for dag_id, dag in dags.items():
        named = {name.strip() for row in dag["doc"].splitlines() for name in row.strip("| ").split("|")[0].split(",")}
        assert set(dag["tasks"]) - {"deliveries"} <= named, f"{dag_id}: {set(dag['tasks']) - named}"


def test_each_dag_tells_of_a_task_that_could_not_tell_itself(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert dag["on_failure"] == "tell_silent", dag_id
        assert {task["on_failure"] for task in dag["tasks"].values()} == {"tell_failure"}, dag_id


def test_each_dag_has_tags_of_challenge_stage_and_centre(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert dag["tags"] == sorted(ids.tags(*ids.read_dag_id(dag_id))), dag_id


def test_no_dag_is_paused_catches_up_or_runs_a_centre_twice_at_once(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert dag["paused"] is False, dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["runs"] == 1 or ids.read_dag_id(dag_id)[0] == "ship_hdh", dag_id


def test_each_task_has_an_owner_the_retry_policy_and_no_pool_of_its_own(dags: Mapping[str, Any]) -> None:
    """A pool that nobody made leaves tasks waiting for ever, in silence."""
    policy = [
        ["collecte.errors.NeedsPerson", "fail"],
        ["collecte.errors.Bug", "fail"],
        ["collecte.errors.Retry", "retry"],
    ]
    for dag_id, dag in dags.items():
        for task_id, task in dag["tasks"].items():
            where = f"{dag_id}.{task_id}"
            assert task["owner"] == "data-engineering", where
            assert task["policy"] == policy, where
            assert task["retries"] >= 2, where
            assert task["pool"] == "default_pool", where


def test_receiving_opens_no_more_connections_than_the_hospital_allows(dags: Mapping[str, Any]) -> None:
    for challenge in load_all(CHALLENGES)[0].values():
        for centre in challenge.centres:
            receive = dags[ids.dag_id("collect", challenge.id, centre.id)]["tasks"]["receive"]
            assert receive["at_once"] == centre.connections


def test_the_whole_delivery_is_harvested_before_its_first_file_is_made_safe(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        if ids.read_dag_id(dag_id)[0] == "collect":
            tasks = dag["tasks"]
            assert tasks["make_safe"]["after"] == ["group"], dag_id
            assert "harvest" in tasks["group"]["after"], dag_id
            assert tasks["group"]["mapped"] is False, dag_id


def test_people_are_told_last_so_that_it_keeps_nothing_from_being_accepted(dags: Mapping[str, Any]) -> None:
    """The shipment starts by the asset of *accept*, whatever becomes of the tasks after it."""
    for dag_id, dag in dags.items():
        if ids.read_dag_id(dag_id)[0] == "collect":
            after = {name: task["after"] for name, task in dag["tasks"].items()}
            assert {"accept", "empty_drop"} & set(after["report"]), dag_id
            assert "report" in after["feedback"], dag_id
            assert "feedback" in after["mail"], dag_id
            assert not [name for name, others in after.items() if "mail" in others], dag_id


def test_the_form_takes_a_delivery_of_ours_or_nothing(dags: Mapping[str, Any]) -> None:
    for dag_id, dag in dags.items():
        if ids.read_dag_id(dag_id)[0] == "collect":
            form = dag["params"]["delivery"]
            assert form["type"] == ["null", "string"]
            assert form["pattern"] == ids.DELIVERY_PATTERN
            assert form["title"]
            assert form["description_md"]


def test_the_form_of_a_check_offers_the_centres_of_its_challenge_and_nothing_else(dags: Mapping[str, Any]) -> None:
    for challenge in load_all(CHALLENGES)[0].values():
        form = dags[ids.dag_id("check_centre", challenge.id)]["params"]["centre"]
        assert form["enum"] == [centre.id for centre in challenge.centres]
        assert form["type"] == "string", "a run that names no centre must be refused"


def test_parsing_brings_in_no_heavy_library(dags: Mapping[str, Any], parsed: dict[str, Any]) -> None:
    brought = {name.partition(".")[0] for name in parsed["imported"]}
    ours = brought & set(HEAVY)
    assert not ours, f"DAG files bring in {sorted(ours)} at parse; import them where a task runs"


def test_dag_files_are_short_and_hold_no_connection_and_no_path() -> None:
    for path in sorted((HOME / "dags").glob("*.py")):
        text = path.read_text("utf-8")
        code = text.split('"""', 2)[-1].splitlines()  # below the page that it is in the UI
        assert len(code) <= 110, f"{path.name} is too long: logic belongs into collecte.steps"
        for word in ("demo_", "s3://", "/srv/", "Connection("):
            assert word not in text, f"{path.name} holds {word}"
