"""Deliveries: seen waiting, registered, known again; their names are sealed and their files add up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, text

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    IllegalTransition,
    Lease,
    NewFile,
    deliveries_of,
    delivery_by_label,
    ensure_centre,
    files_like,
    files_of_delivery,
    first_with_sha256,
    folder_digest,
    known_files,
    member_digest,
    name_digest,
    observe_waiting,
    open_folder,
    open_path,
    path_digest,
    register_delivery,
    tables,
    totals,
)
from collecte.errors import Bug, NeedsPerson
from collecte.keys import Keys
from collecte.records import State

NOW = datetime(2025, 11, 3, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]

# PEP 383: a Latin-1 name; decomposed and composed accents; a newline; a leading dash.
ODD_PATHS = [
    "Lot 1/caf\udce9.dcm",
    "Lot 1/Rene\u0301.dcm",
    "Lot 1/René.dcm",
    "Lot 1/a\nb",
    "Lot 1/-rf",
    "Lot 1/é" + "x" * 250,
]


def test_odd_names_come_back_as_they_were_and_stand_nowhere_in_clear(
    catalogue: Catalogue, deposit: Deposit, keys: Keys
) -> None:
    delivery = deposit([NewFile(path, 1) for path in ODD_PATHS])
    with catalogue.read() as connection:
        rows = files_of_delivery(connection, delivery.id)
        assert [open_path(keys, row) for row in rows] == ODD_PATHS
        assert open_folder(keys, delivery) == "Lot 1"
        everything = _everything(connection)
    for path in ODD_PATHS:  # short pieces of them occur by chance in sealed cells and digests
        for written in (
            path.encode("utf-8", "surrogateescape"),
            repr(path).encode()[1:-1],
            path[4:].encode(errors="replace"),
        ):
            assert written[:8] not in everything
    assert len({row.path_digest for row in rows}) == len(ODD_PATHS)
    assert rows[1].name_digest == rows[2].name_digest  # one name in NFD and in NFC


def test_a_sealed_path_opens_in_its_own_row_only(catalogue: Catalogue, deposit: Deposit, keys: Keys) -> None:
    delivery = deposit(2)
    with catalogue.transaction() as connection:
        connection.execute(text("UPDATE file SET path_sealed = (SELECT path_sealed FROM file ORDER BY id LIMIT 1)"))
        first, second = files_of_delivery(connection, delivery.id)
    assert open_path(keys, first) == "Lot 1/IM0000"
    with pytest.raises(NeedsPerson, match="was altered"):
        open_path(keys, second)


def test_rows_show_nothing_sealed_and_new_files_no_path(deposit: Deposit) -> None:
    assert "folder_sealed" not in repr(deposit(1))
    assert "Lot" not in repr(NewFile("Lot 1/DUPONT", 1))


def test_a_waiting_delivery_keeps_its_clock_while_its_listing_stays(catalogue: Catalogue, keys: Keys) -> None:
    def observe(listing: str, at: datetime) -> DeliveryRow:
        with catalogue.transaction() as connection:
            centre = ensure_centre(connection, "demo", "lyon")
            return observe_waiting(connection, keys, centre, "Lot 1", listing, at)

    assert observe("aa", NOW).unchanged_since == NOW
    assert observe("aa", NOW + HOUR).unchanged_since == NOW
    changed = observe("bb", NOW + 2 * HOUR)
    assert (changed.unchanged_since, changed.state, changed.label) == (NOW + 2 * HOUR, "waiting", "d0001")


def test_a_folder_that_was_seen_waiting_keeps_its_number_when_it_is_complete(
    catalogue: Catalogue, keys: Keys, deposit: Deposit
) -> None:
    with catalogue.transaction() as connection:
        seen = observe_waiting(connection, keys, ensure_centre(connection, "demo", "lyon"), "Lot 1", "aa", NOW)
    other = deposit(1, folder="Lot 2")
    complete = deposit(1, folder="Lot 1")
    assert (complete.id, complete.number, complete.state, complete.complete_by) == (seen.id, 1, "collecting", "quiet")
    assert other.number == 2
    more = deposit([NewFile("Lot 1/IM9999", 1)], folder="Lot 1")  # new files in a folder that was collected
    assert more.number == 3
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "demo", "lyon")
        assert [row.label for row in deliveries_of(connection, centre)] == ["d0001", "d0002", "d0003"]
        assert delivery_by_label(connection, centre, "d0002") == other


@pytest.mark.parametrize("label", ["d0009", "", "x0001", "d", "d-1", "Lot 1"])
def test_a_delivery_that_is_not_there_needs_a_person(catalogue: Catalogue, deposit: Deposit, label: str) -> None:
    deposit(1)
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "demo", "lyon")
        with pytest.raises(NeedsPerson, match="collecte status"):
            delivery_by_label(connection, centre, label)


def test_a_delivery_is_not_registered_as_finished(catalogue: Catalogue, keys: Keys) -> None:
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "demo", "lyon")
    with pytest.raises(IllegalTransition), catalogue.transaction() as connection:
        register_delivery(connection, keys, centre, "Lot 1", [], complete_by="marker", state="shipped")


def test_centres_of_one_name_in_two_challenges_are_two(catalogue: Catalogue) -> None:
    with catalogue.transaction() as connection:
        first = ensure_centre(connection, "demo", "lyon")
        assert ensure_centre(connection, "demo", "lyon") == first
        assert (
            len({first, ensure_centre(connection, "demo", "nantes"), ensure_centre(connection, "other", "lyon")}) == 3
        )


def test_a_folder_is_known_by_the_latest_of_each_path(catalogue: Catalogue, deposit: Deposit, keys: Keys) -> None:
    deposit([NewFile("Lot 1/a", 1, 10), NewFile("Lot 1/b", 2, 20)])
    deposit([NewFile("Lot 1/a", 3, 30)])
    deposit([NewFile("Lot 2/a", 4, 40)], folder="Lot 2")
    deposit([NewFile("Lot 1/a", 5, 50)], centre="nantes")
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "demo", "lyon")
        known = known_files(connection, centre, folder_digest(keys, "Lot 1"))
    assert known == {path_digest(keys, "Lot 1/a"): (3, 30), path_digest(keys, "Lot 1/b"): (2, 20)}


def test_names_are_compared_without_case_and_by_their_last_part(keys: Keys) -> None:
    assert name_digest(keys, "a/b/IMAGE.DCM") == name_digest(keys, "image.dcm")
    assert name_digest(keys, "a/image.dcm") != name_digest(keys, "a/image2.dcm")
    assert path_digest(keys, "a/IMAGE.DCM") != path_digest(keys, "a/image.dcm")


def test_a_member_of_an_archive_is_a_file_of_its_own_and_stands_for_the_archive(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, keys: Keys
) -> None:
    delivery = deposit([NewFile("Lot 1/a.zip", 10), NewFile("Lot 1/b.dcm", 10)])
    with catalogue.read() as connection:
        archive, _ = files_of_delivery(connection, delivery.id)
    lease = begin(delivery, "unpack")
    with lease.finish({"members": 2}) as moves:
        members = [NewFile(path, 5, origin=archive.id, sha256=path * 64, landing=path) for path in "xy"]
        ids = moves.add_files(keys, members)
        moves.move([Change(archive.id, State.SUPERSEDED, "ARCHIVE-UNPACKED")])
    with catalogue.read() as connection:
        _, _, x, y = files_of_delivery(connection, delivery.id)
        assert [x.id, y.id] == ids
        assert (x.origin_id, x.sha256, x.landing, x.state) == (archive.id, "x" * 64, "x", State.WAITING)
        assert x.path_digest == member_digest(keys, archive.path_digest, "x")
        assert open_path(keys, x) == "x"
        # Four rows, three files received: the archive counts by its members.
        assert {state: n for state, n in totals(connection, delivery.id).items() if n} == {State.WAITING: 3}


def test_a_member_of_no_archive_is_a_bug(deposit: Deposit, begin: Begin, keys: Keys) -> None:
    with pytest.raises(Bug, match="archive that is not in the catalogue"), begin(deposit(1)).finish({}) as moves:
        moves.add_files(keys, [NewFile("x", 1, origin=999)])


def test_of_files_with_the_same_bytes_a_recalled_one_decides_then_an_accepted_one_then_the_first(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    a, b, c = "a" * 64, "b" * 64, "c" * 64
    delivery = deposit(7)
    with begin(delivery).finish({}) as moves:
        ids = [row.id for row in files_of_delivery(moves.connection, delivery.id)]
        pairs = zip(ids, (a, a, a, b, b, b, c), strict=True)
        moves.set_files({"id": file_id, "sha256": sha256} for file_id, sha256 in pairs)
        moves.move([Change(ids[0], State.QUARANTINED, "SOME-CODE"), Change(ids[2], State.ACCEPTED)])
        moves.move([Change(ids[3], State.ACCEPTED), Change(ids[5], State.RECALLED, "OPPOSITION")])
        moves.move([Change(ids[6], State.DUPLICATE, points_to=ids[2])])
    with catalogue.read() as connection:
        first = first_with_sha256(connection, "demo", [a, b, c, "d" * 64])
        assert first_with_sha256(connection, "other", [a]) == {}
    assert {sha: (seen.file_id, seen.state) for sha, seen in first.items()} == {
        a: (ids[2], State.ACCEPTED),
        b: (ids[5], State.RECALLED),
    }


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_sum_is_looked_up_without_reading_the_other_files_of_the_challenge(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    sums = [f"{number:064x}" for number in range(3000)]
    delivery = deposit(len(sums))
    with begin(delivery).finish({}) as moves:
        ids = [row.id for row in files_of_delivery(moves.connection, delivery.id)]
        moves.set_files({"id": file_id, "sha256": sha} for file_id, sha in zip(ids, sums, strict=True))
    for centre_id in (None, delivery.centre_id):
        steps = []
        with catalogue.read() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.set_progress_handler(lambda: steps.append(1), 100)  # noqa: B023 (called within this turn)
            found = first_with_sha256(connection, "demo", sums[:20], centre_id=centre_id)
            raw.set_progress_handler(None, 0)
        assert {sha: seen.file_id for sha, seen in found.items()} == dict(zip(sums[:20], ids[:20], strict=True))
        assert len(steps) * 100 < len(sums)


def test_a_file_that_never_came_is_not_known(catalogue: Catalogue, deposit: Deposit, begin: Begin, keys: Keys) -> None:
    delivery = deposit([NewFile("Lot 1/a", 1, 10), NewFile("Lot 1/b", 2, 20)])
    with begin(delivery).finish({}) as moves:
        a, b = (row.id for row in files_of_delivery(moves.connection, delivery.id))
        moves.set_files([{"id": b, "sha256": "b" * 64}])
        moves.move([Change(a, State.REJECTED, "SOME-CODE"), Change(b, State.REJECTED, "SOME-CODE")])
    with catalogue.read() as connection:
        known = known_files(connection, delivery.centre_id, folder_digest(keys, "Lot 1"))
    assert known == {path_digest(keys, "Lot 1/b"): (2, 20)}


def test_corrections_are_looked_for_by_path_identity_and_manifest_in_other_deliveries_of_the_centre(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    old = deposit([NewFile(f"Lot 1/{name}", 1) for name in ("same path", "same uid", "replaced", "IM0001", "waiting")])
    deposit([NewFile("Lot 1/same path", 1)], centre="nantes")
    with begin(old).finish({}) as moves:
        rows = files_of_delivery(moves.connection, old.id)
        moves.set_files([{"id": rows[1].id, "logical_digest": "u" * 64}])
        moves.move(Change(row.id, State.ACCEPTED) for row in rows[:4])
    replaced = ("Lot 1/replaced", *(f"Lot 9/{n}" for n in range(40)))
    new = deposit(
        [NewFile("Lot 1/same path", 2), NewFile("Lot 2/x", 2, replaces=replaced), NewFile("Lot 2/IM0001", 2)],
        folder="Lot 2",
    )
    with begin(new).finish({}) as moves:
        first, *_ = files_of_delivery(moves.connection, new.id)
        moves.set_files([{"id": first.id, "logical_digest": "u" * 64}])
        moves.move([Change(first.id, State.ACCEPTED)])
    with catalogue.read() as connection:
        found = files_like(connection, new.centre_id, new.id, files_of_delivery(connection, new.id))
    assert [row.id for row in found] == [row.id for row in rows[:3]]
    with catalogue.read() as connection:
        found = files_like(connection, old.centre_id, old.id, files_of_delivery(connection, old.id))
    assert [row.id for row in found] == [first.id]


def _everything(connection: Connection) -> bytes:
    """All cells of all tables, one after another."""
    found = []
    for table in tables.metadata.sorted_tables:
        for row in connection.execute(select(table)):
            found += [cell if isinstance(cell, bytes) else repr(cell).encode() for cell in row]
    return b"\0".join(found)
