"""A plan is counts and ids, approved by its digest. Rows of shared tables go, and the others keep their bytes."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from collecte.errors import Bug
from collecte.recall import (
    Copies,
    Plan,
    mail_text,
    needles,
    numbers_of,
    plan_markdown,
    ranges,
    recall_page,
    rows_about,
    without_rows,
)

PLAN = Plan(
    1,
    "arvel",
    "erasure",
    "s12",
    "f1–f3",
    "f9",
    (
        Copies("landing", "remove", 3, "f1–f3"),
        Copies("release/v1", "remake", 2, "f1, f2"),
        Copies("host/host-sftp/v1", "rewrite", 2),
        Copies("public/v1", "rewrite", 2),
        Copies("reports", "rewrite", 1, "arvel/d0001"),
    ),
    (("drop", 0), ("backups", 30), ("hdh", 0), ("host", 1), ("public", 0), ("locked", 2), ("pixels", 1), ("unread", 4)),
)


@pytest.mark.parametrize("ids", [[], [7], [1, 2, 3], [1, 3, 4, 5, 9], list(range(1, 2000))])
def test_ids_are_read_back_from_their_ranges(ids: list[int]) -> None:
    assert numbers_of(ranges("f", reversed(ids))) == ids


def test_ids_that_nobody_wrote_are_no_ids() -> None:
    with pytest.raises(Bug):
        numbers_of("f1-f3")


def test_a_plan_is_kept_whole_and_its_digest_is_over_what_is_done() -> None:
    kept = Plan.from_dict(PLAN.as_dict())
    assert (kept, kept.digest) == (PLAN, PLAN.digest)
    assert replace(PLAN, files="f1–f4").digest != PLAN.digest
    assert replace(PLAN, places=PLAN.places[1:]).digest != PLAN.digest
    # What others deposit meanwhile is told, and changes nothing of what is approved.
    assert replace(PLAN, beyond=(("unread", 5),)).digest == PLAN.digest


def test_plan_page_and_mails_say_every_place_in_both_languages() -> None:
    text = plan_markdown(PLAN)
    page = recall_page(PLAN, {"landing": 0}, PLAN.beyond)
    for said in (text, page):
        for words in ("Réception", "Landing", "f1–f3", "host-sftp/v1", "30 jours", "30 days", "4 fichier(s)"):
            assert words in said
    for parts in (["coordinator", "hdh"], ["centre"], ["host"], ["public"]):
        mail = mail_text(parts, PLAN, "demo", count=3, objects=3, documents=3, name="v1")
        assert mail.startswith("demo : retrait n° 1")
        assert "s12" not in mail


def test_the_rows_of_one_subject_go_and_the_others_keep_their_bytes(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    uid = "2.25.1234"
    kept = 'subject,file,comment\nsub-b,x/y.dcm,"a ""quoted"" word, with a comma\nand a line"\nsub-c,,\n'
    gone = f"sub-a,,\nsub-d,sub-a/{uid}/2.25.77.dcm,seen with sub-a\nsub-e,2.25.77,\n"
    table.write_text(kept.replace("sub-c,,\n", f"{gone}sub-c,,\n"), "utf-8")
    wanted = needles("sub-a", [f"sub-a/{uid}/2.25.77.dcm"])
    assert rows_about(table, wanted) == 3
    for _ in range(2):  # again, the same
        safe = without_rows(table, wanted)
        assert table.read_text("utf-8") == kept
        assert (safe.sha256, safe.size) == (hashlib.sha256(kept.encode()).hexdigest(), len(kept.encode()))
    assert rows_about(table, wanted) == 0
