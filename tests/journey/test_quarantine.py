"""The quarantine looked at again: nothing is lost by it, nothing is shipped twice, nothing identifying passes by it."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import select

from collecte import steps
from collecte.catalogue import (
    Change,
    Moves,
    deliveries_of,
    ensure_centre,
    files_of_delivery,
    open_path,
    tables,
)
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.records import State
from collecte.steps import Site
from collecte.transport import open_destination
from demo.deliveries import PFEIFFENSCHNEIDER, deposit, deposits
from demo.postgres import FORGETFUL, postgres_server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, ends, findings, image, lay, rewrite

FOLDER = "2026-11 radiographies"
KINDS = "kinds: [dicom, table]"
PROMISED = "      - {kind: table, files: 2, by: 2027-03-31}\n"


@pytest.fixture
def refused(world: World) -> World:
    """Corvane's delivery, shipped without its two tables: its agreement does not cover them."""
    deposit(world.challenge, world.connect)
    return _without_tables(world)


def _without_tables(world: World) -> World:
    rewrite(world, KINDS, "kinds: [dicom]", "corvane")
    rewrite(world, PROMISED, "", "corvane")
    steps.run(world.site("corvane"))
    return world


def _amended(world: World) -> Site:
    """The amendment is signed: tables are covered."""
    rewrite(world, "kinds: [dicom]", KINDS, "corvane")
    return world.site("corvane")


def _asked(site: Site, label: str, step: str) -> dict[str, int]:
    """What the event of a decision counts, but for identifiers."""
    event = tables.event.c
    with site.catalogue.read() as connection:
        chain = f"delivery:{site.delivery(label).id}"
        counts = connection.execute(select(event.counts).where(event.chain == chain, event.step == step)).scalar_one()
    return {name: count for name, count in counts.items() if name != "identifiers"}


def test_a_table_refused_under_one_rule_is_accepted_and_shipped_after_the_rule_changed(refused: World) -> None:
    before = bucket(refused)
    site = _amended(refused)
    assert [(f.file_id > 0, f.delivery, f.code, f.severity) for f in steps.list_quarantine(site)] == [
        (True, "d0001", "FILE-KIND-NOT-ALLOWED", "refused")
    ] * 2
    assert "FILE-RETRIED" not in findings(site)
    shutil.rmtree(drop(refused, "corvane") / FOLDER)  # nothing is fetched: nothing is there
    (retried,) = steps.retry_quarantine(site, "d0001")
    assert (retried.old, retried.new, retried.files, dict(retried.left)) == ("d0001", "d0002", 2, {})
    assert findings(site)["FILE-RETRIED"] == 2
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 3, "superseded": 2}, "d0002": {"accepted": 1, "quarantined": 1}}
    assert ends(site)[f"{FOLDER}/cliniques.csv"] == "accepted"
    assert ends(site)[f"{FOLDER}/suivi.csv"] == "quarantined: TABLE-IDENTIFIER-IN-TEXT"
    after = bucket(refused)
    assert {key: after[key] for key in before} == before
    assert len([key for key in after if "/d0002/tables/" in key]) == 1
    assert not set(before.values()) & {after[key] for key in set(after) - set(before)}
    assert_sound(site)


def test_a_table_judged_anew_still_points_to_the_images_that_came_with_it(refused: World) -> None:
    site = _amended(refused)
    steps.retry_quarantine(site, "d0001")
    steps.run(site)
    assert "TABLE-REFERENCE-UNRESOLVED" not in findings(site, "d0002")
    images = {key.split("d0001/")[1] for key in bucket(refused) if key.endswith(".dcm") and "/corvane/d0001/" in key}
    hdh = refused.challenge.hdh
    (key,) = [key for key in bucket(refused) if "/d0002/tables/" in key]
    with open_destination(refused.connect(hdh.connection), hdh.path) as destination:
        table = destination.read(key).decode()
    assert len(images) == 3
    assert all(name in table for name in images)


def test_the_scan_still_looks_for_what_identified_in_the_old_delivery(world: World) -> None:
    """The name stands in the images of the first delivery alone, and in a column that is kept as it is."""
    files = dict(deposits()["corvane"].files)
    name = PFEIFFENSCHNEIDER.name.split("^")[0].capitalize()
    lay(
        drop(world, "corvane") / "lot",
        {
            "rx.dcm": files[f"{FOLDER}/images/RX001.dcm"],
            "labels.csv": f"ipp;diagnostic\n{PFEIFFENSCHNEIDER.ipp};{name}\n".encode(),
        },
    )
    site = _amended(_without_tables(world))
    steps.retry_quarantine(site, "d0001")
    steps.run(site)
    state = ends(site)["lot/labels.csv"]
    assert state.startswith("quarantined: RESIDUAL-"), state
    assert_sound(site)


def test_a_second_retry_has_nothing_more_to_do_and_a_second_run_changes_nothing(refused: World) -> None:
    site = _amended(refused)
    steps.retry_quarantine(site, "d0001")
    assert steps.retry_quarantine(site, "d0001") == []
    first = steps.run(site)
    sent = bucket(refused)
    assert steps.run(site) == first
    assert bucket(refused) == sent


def test_what_is_refused_again_can_be_retried_again(refused: World) -> None:
    site = refused.site("corvane")
    steps.retry_quarantine(site, "d0001")
    steps.run(site)
    assert by_delivery(site)["d0002"] == {"quarantined": 2}
    site = _amended(refused)
    (retried,) = steps.retry_quarantine(site, "d0002")
    assert retried.new == "d0003"
    steps.run(site)
    assert by_delivery(site)["d0003"] == {"accepted": 1, "quarantined": 1}
    assert_sound(site)


def test_one_file_alone_is_retried_by_its_id(refused: World) -> None:
    site = _amended(refused)
    first, second = steps.list_quarantine(site)
    (retried,) = steps.retry_quarantine(site, files=[first.file_id])
    assert retried.files == 1
    assert [file.file_id for file in steps.list_quarantine(site)] == [second.file_id]


def test_a_member_of_an_archive_is_judged_anew_without_its_archive(world: World) -> None:
    deposit(world.challenge, world.connect)
    rewrite(world, KINDS, "kinds: [table]", "belcombe")
    rewrite(world, "promised: [{kind: dicom, files: 16, by: 2027-03-31}]", "promised: []", "belcombe")
    site = world.site("belcombe")
    steps.run(site)
    rewrite(world, "kinds: [table]", KINDS, "belcombe")
    site = world.site("belcombe")
    (retried,) = steps.retry_quarantine(site, "d0001")
    steps.run(site)
    assert retried.files == 18  # sixteen images, six of them out of the archive; another archive; an unknown type
    assert by_delivery(site)["d0002"] == {"accepted": 16, "quarantined": 2}
    assert_sound(site)


def test_what_came_wrong_is_not_mended_by_a_retry(world: World) -> None:
    deposit(world.challenge, world.connect)
    site = world.site("arvel")
    steps.run(site)
    wrong = next(f.file_id for f in steps.list_quarantine(site) if f.code == "MANIFEST-HASH-DIFFERS")
    (retried,) = steps.retry_quarantine(site, files=[wrong])
    assert (retried.new, dict(retried.left)) == (None, {"came wrong": 1})
    assert wrong in {file.file_id for file in steps.list_quarantine(site)}


def test_a_file_that_a_later_one_replaced_in_the_drop_stays_where_it_is(world: World) -> None:
    lot = drop(world, "corvane") / "lot"
    lay(lot, {"labels.csv": b"ipp;age\nC900417;64\n", "others.csv": b"ipp;age\nC900822;92\n"})
    _without_tables(world)
    lay(lot, {"labels.csv": b"ipp;age\nC900417;65;\n"})
    site = world.site("corvane")
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"quarantined": 2}, "d0002": {"quarantined": 1}}
    (retried,) = steps.retry_quarantine(_amended(world), "d0001")
    assert (retried.files, dict(retried.left)) == (1, {"a later one came": 1})


def test_bytes_that_left_landing_are_said_to_be_gone(refused: World) -> None:
    site = _amended(refused)
    shutil.rmtree(site.landing)
    (retried,) = steps.retry_quarantine(site, "d0001")
    assert (retried.new, dict(retried.left)) == (None, {"no bytes in landing": 2})


def test_a_part_of_an_object_does_not_go_alone_where_objects_are_held_back(world: World) -> None:
    rewrite(world, "refused_file: holds_itself", "refused_file: holds_object")
    whole = image(PFEIFFENSCHNEIDER, 2, size=64)
    lay(drop(world) / "lot", {"IM1": image(PFEIFFENSCHNEIDER, 1), "IM2": whole[: len(whole) * 2 // 3]})
    site = world.site("arvel")
    steps.run(site)
    held = [file for file in steps.list_quarantine(site) if file.code == "OBJECT-HELD-BACK"]
    assert held, steps.list_quarantine(site)
    (retried,) = steps.retry_quarantine(site, files=[held[0].file_id])
    assert dict(retried.left) == {"part of an object": 1}


def test_the_delivery_that_judges_files_anew_goes_on_with_the_one_that_it_came_from(refused: World) -> None:
    site = _amended(refused)
    steps.retry_quarantine(site, "d0001", by="coordination")
    assert {ref.shard for ref in steps.find(site, "d0001")} == {"d0002/receive/1"}
    assert _asked(site, "d0002", "retry") == {"files": 2, "by_coordination": 2}


def test_a_retry_of_all_leaves_what_is_still_being_collected(refused: World) -> None:
    site = _amended(refused)
    steps.retry_quarantine(site, "d0001", by="x")
    for ref in steps.find(site):
        steps.receive(site, ref.shard)
    with site.catalogue.transaction() as connection:
        row = deliveries_of(connection, ensure_centre(connection, "demo", "corvane"))[1]
        assert row.state == "collecting"
        moves = Moves(connection, row.id, row.label)
        file = files_of_delivery(connection, row.id)[0]
        moves.move([Change(file.id, State.QUARANTINED, "DROP-SYMLINK")])
        moves.add_findings("make_safe", [(file.id, Finding("DROP-SYMLINK"))])
    (left,) = steps.retry_quarantine(site)
    assert (left.old, left.new, dict(left.left)) == ("d0002", None, {"its run has not ended": 1})
    with pytest.raises(NeedsPerson, match="still being collected"):
        steps.retry_quarantine(site, "d0002")


@pytest.fixture(params=["sqlite", "postgresql"])
def two_decide(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> Iterator[World]:
    """Corvane's two refused tables, on either database."""
    with ExitStack() as running:
        url = running.enter_context(postgres_server(*FORGETFUL)) if request.param == "postgresql" else None
        world = make_world(url)
        lay(drop(world, "corvane") / "lot", {"a.csv": b"ipp;age\nC900417;64\n", "b.csv": b"ipp;age\nC900822;92\n"})
        _without_tables(world)
        _amended(world)
        yield world


def test_two_decisions_at_the_same_moment_neither_double_nor_lose_a_file(two_decide: World) -> None:
    """Whoever comes first decides about each file; the chain tells it once, and nothing is left undecided."""
    sites = [two_decide.site("corvane") for _ in range(6)]
    begin = threading.Barrier(len(sites))

    def decide(number: int) -> int:
        begin.wait(20)
        if number % 2:
            return sum(retried.files for retried in steps.retry_quarantine(sites[number], "d0001", by=f"u{number}"))
        return steps.reject_quarantine(sites[number], "unusable", "d0001", by=f"u{number}")

    with ThreadPoolExecutor(len(sites)) as threads:
        decided = list(threads.map(decide, range(len(sites))))
    site = sites[0]
    assert sum(decided) == 2
    states = by_delivery(site)
    assert len(states) in (1, 2)
    assert steps.list_quarantine(site) == []
    steps.run(site)  # what is to be judged anew waits until then
    assert_sound(site)


def test_files_are_rejected_for_a_reason_of_the_list_and_the_chain_tells_it(refused: World) -> None:
    site = refused.site("corvane")
    first, second = steps.list_quarantine(site)
    with pytest.raises(NeedsPerson, match="no reason of the list"):
        steps.reject_quarantine(site, "Pfeiffenschneider a refusé", files=[first.file_id])
    assert steps.reject_quarantine(site, "consent", files=[first.file_id], by="j.martin@hdh.example / x") == 1
    assert _asked(site, "d0001", "reject") == {"files": 1, "reason_consent": 1, "by_j.martin@hdh.example___x": 1}
    assert [file.file_id for file in steps.list_quarantine(site)] == [second.file_id]
    assert findings(site)["FILE-REJECTED"] == 1
    assert_sound(site)
    with site.catalogue.read() as connection:
        (rejected,) = [
            f
            for f in files_of_delivery(connection, site.delivery("d0001").id, State.REJECTED)
            if f.reason == "FILE-REJECTED"
        ]
        assert open_path(site.keys, rejected).endswith(".csv")
    with pytest.raises(NeedsPerson, match="not in quarantine"):
        steps.retry_quarantine(site, files=[first.file_id])


def test_the_command_lists_retries_and_rejects_without_a_name(make_world: Callable[[], World]) -> None:
    world = make_world()
    deposit(world.challenge, world.connect)
    _without_tables(world)

    def said(*arguments: str) -> tuple[int, str]:
        process = world.command("quarantine", *arguments)
        text, _ = process.communicate(timeout=60)
        return process.returncode, text

    code, text = said("list", "demo", "corvane", "--json")
    assert code == 0, text
    first, second = json.loads(text)
    assert first["code"] == "FILE-KIND-NOT-ALLOWED"
    assert said("retry", "demo", "corvane")[0] == 2
    assert said("retry", "demo", "corvane", "12")[0] == 2
    assert said("reject", "demo", "corvane", first["file"], "--reason", "because")[0] == 2
    code, text = said("reject", "demo", "corvane", first["file"], "--reason", "unusable")
    assert (code, text) == (0, "1 files are rejected.\n")
    code, text = said("retry", "demo", "corvane", second["file"], "--by", "night-shift")
    assert (code, text) == (0, "d0001: 1 are judged anew as d0002\n")
    code, text = said("list", "demo", "corvane")
    assert (code, text) == (0, "0 files in quarantine.\n")
