"""Challenge files become DAGs: one broken file stops no other, and a worker builds what it runs and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Read = Callable[..., dict[str, Any]]


def test_a_broken_challenge_is_an_import_error_with_file_line_key_and_remedy(read_dags: Read, challenges: Path) -> None:
    path = challenges / "second.yaml"
    broken = path.read_text("utf-8").replace("signed: 2020-01-01", "signed: yesterday", 1)
    path.write_text(broken, "utf-8")
    line = next(n for n, text in enumerate(broken.splitlines(), 1) if "yesterday" in text)

    read = read_dags(challenges)

    (where, error), *others = read["errors"].items()
    assert where.endswith("broken_challenges.py")
    assert others == []
    assert f"second.yaml:{line}: centres[0].agreement.signed:" in error
    assert "To do:" in error


def test_the_other_challenges_keep_their_dags(read_dags: Read, challenges: Path) -> None:
    (challenges / "second.yaml").write_text("id: second\ncentres: [\n", "utf-8")

    read = read_dags(challenges)

    assert sorted(read["dags"]) == [
        "check_centre__demo",
        "collect__demo__arvel",
        "collect__demo__belcombe",
        "collect__demo__corvane",
        "homogeneity__demo",
        "housekeeping",
        "open_data__demo",
        "recall__demo",
        "release__demo",
        "ship_hdh__demo",
    ]


def test_adding_a_centre_is_adding_one_block(read_dags: Read, challenges: Path) -> None:
    path = challenges / "second.yaml"
    before = set(read_dags(challenges)["dags"])
    text = path.read_text("utf-8")
    _, *blocks = text.split("\n  - id: ")
    block = blocks[0].replace("arvel\n", "new-one\n", 1).replace("path: /depot", "path: /new")
    path.write_text(f"{text}\n  - id: {block}", "utf-8")

    assert set(read_dags(challenges)["dags"]) - before == {"collect__second__new-one"}


def test_a_worker_builds_its_own_dag_alone(read_dags: Read, challenges: Path) -> None:
    assert list(read_dags(challenges, only="collect__second__belcombe")["dags"]) == ["collect__second__belcombe"]
    for dag_id in ("ship_hdh__demo", "check_centre__demo", "housekeeping"):
        assert list(read_dags(challenges, only=dag_id)["dags"]) == [dag_id]


def test_a_worker_is_not_stopped_by_another_challenge_that_is_broken(read_dags: Read, challenges: Path) -> None:
    (challenges / "second.yaml").write_text("id: second\n", "utf-8")

    read = read_dags(challenges, only="collect__demo__arvel")

    assert read["errors"] == {}
    assert list(read["dags"]) == ["collect__demo__arvel"]


def test_a_centre_without_a_schedule_runs_only_by_hand(read_dags: Read, challenges: Path) -> None:
    path = challenges / "second.yaml"
    text = path.read_text("utf-8")
    assert 'schedule: "20 2 * * *"' in text
    path.write_text(text.replace('schedule: "20 2 * * *"', "schedule: null"), "utf-8")

    dags = read_dags(challenges)["dags"]

    assert dags["collect__second__belcombe"]["schedule"] == "NullTimetable"
    assert dags["collect__demo__belcombe"]["schedule"] == "20 2 * * *"
