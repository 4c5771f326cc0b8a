"""The audit chains: an untouched catalogue verifies; each kind of tampering is found and its place named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

from collecte.catalogue import (
    Anchor,
    Broken,
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    anchor,
    append,
    challenge_chain,
    delivery_chain,
    files_of_delivery,
    head,
    open_catalogue,
    tables,
    verify,
)
from collecte.catalogue.audit import GENESIS, event_hash, leaf
from collecte.errors import Bug
from collecte.records import State

Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]


@pytest.fixture
def journey(catalogue: Catalogue, deposit: Deposit, begin: Begin) -> DeliveryRow:
    """A delivery of four files: registered (event 1), received (2), judged (3), one judged anew (4), anchored."""
    delivery = deposit(4)
    with begin(delivery, "receive").finish({"files": 4}) as moves:
        files = files_of_delivery(moves.connection, delivery.id)
        moves.set_files({"id": row.id, "sha256": f"{row.id:064x}"} for row in files)
    with begin(delivery, "accept").finish({"accepted": 2}) as moves:
        moves.move(Change(row.id, State.ACCEPTED) for row in files[:2])
        moves.move([Change(files[2].id, State.QUARANTINED, "SOME-CODE")])
        moves.move([Change(files[3].id, State.DUPLICATE, points_to=files[0].id)])
    with begin(delivery, "review").finish({"released": 1}) as moves:
        moves.move([Change(files[2].id, State.WAITING)])
    with catalogue.transaction() as connection:
        anchor(connection, "demo", delivery.id)
    return delivery


def test_an_untouched_catalogue_verifies(catalogue: Catalogue, journey: DeliveryRow) -> None:
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []
        assert head(connection, delivery_chain(journey.id))[0] == 4
        assert head(connection, challenge_chain("demo"))[0] == 1


TAMPERINGS = {
    "counts of an event": ("UPDATE event SET counts = '{\"files\": 5}' WHERE seq = 2 AND step = 'receive'", 2),
    "moves of an event": ("UPDATE event SET moves = '{\"waiting>waiting\": 4, \"a>b\": 0}' WHERE step = 'receive'", 2),
    "time of an event": ("UPDATE event SET at = '2020-01-01 00:00:00.000000' WHERE step = 'accept'", 3),
    "attempt of an event": ("UPDATE event SET attempt = 7 WHERE step = 'accept'", 3),
    "shard of an event": ("UPDATE event SET shard = 'd0001/accept/2' WHERE step = 'accept'", 3),
    "hash of an event": ("UPDATE event SET hash = 'other' WHERE step = 'accept'", 3),
    "the link to the event before": ("UPDATE event SET previous = 'other' WHERE step = 'accept'", 3),
    "an event taken out": ("DELETE FROM event WHERE step = 'receive'", 2),
    "the last event taken out": ("DELETE FROM event WHERE step = 'review'", 3),
    "the head": ("UPDATE audit_head SET hash = 'other' WHERE chain LIKE 'delivery:%'", 4),
    "the head taken out": ("DELETE FROM audit_head WHERE chain LIKE 'delivery:%'", 4),
    "a file's state": ("UPDATE file SET state = 'accepted' WHERE state = 'waiting'", 0),
    "two files' states exchanged": (
        "UPDATE file SET state = CASE state WHEN 'waiting' THEN 'accepted' ELSE 'waiting' END "
        "WHERE id IN (SELECT min(id) FROM file WHERE state IN ('waiting', 'accepted') GROUP BY state)",
        3,
    ),
    "a file's SHA-256": ("UPDATE file SET sha256 = 'other' WHERE state = 'duplicate'", 1),
    "a file's SHA-256 taken out": ("UPDATE file SET sha256 = NULL WHERE state = 'duplicate'", 1),
    "a file's salt": ("UPDATE file SET salt = path_sealed WHERE state = 'duplicate'", 0),
    "a file taken out": ("DELETE FROM file WHERE state = 'duplicate'", 0),
    "counts of a shard": ("UPDATE shard SET counts = '{\"files\": 5}' WHERE step = 'receive'", 0),
    "a shard undone": ("UPDATE shard SET done_at = NULL WHERE step = 'receive'", 0),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_its_place_named(catalogue: Catalogue, journey: DeliveryRow, what: str) -> None:
    statement, seq = TAMPERINGS[what]
    with catalogue.transaction() as connection:
        assert connection.execute(text(statement)).rowcount >= 1
    with catalogue.read() as connection:
        broken = verify(connection, "demo")
    assert [(link.chain, link.seq) for link in broken] == [(delivery_chain(journey.id), seq)], broken
    assert broken[0].what


def test_a_flipped_leaf_is_found(catalogue: Catalogue, journey: DeliveryRow) -> None:
    event = tables.event.c
    with catalogue.transaction() as connection:
        leaves = connection.execute(select(event.leaves).where(event.step == "accept")).scalar_one()
        flipped = bytes([leaves[0] ^ 1]) + leaves[1:]
        connection.execute(update(tables.event).where(event.step == "accept").values(leaves=flipped))
    with catalogue.read() as connection:
        assert [link.seq for link in verify(connection, "demo")] == [3]


def test_a_chain_cut_off_and_given_a_new_head_misses_what_was_anchored(
    catalogue: Catalogue, journey: DeliveryRow
) -> None:
    chain = delivery_chain(journey.id)
    with catalogue.transaction() as connection:
        _rewind(connection, chain, 3)
        connection.execute(text("UPDATE file SET state = 'quarantined' WHERE state = 'waiting'"))
        connection.execute(text("DELETE FROM shard WHERE step = 'review'"))
    with catalogue.read() as connection:
        (broken,) = verify(connection, "demo")
    assert (broken.chain, broken.seq) == (chain, 4)
    assert "anchored" in broken.what


def test_a_challenge_rewritten_as_a_whole_does_not_match_a_printed_report(
    catalogue: Catalogue, journey: DeliveryRow
) -> None:
    chain = challenge_chain("demo")
    with catalogue.transaction() as connection:
        printed = Anchor(chain, *head(connection, chain))
        assert verify(connection, "demo", [printed]) == []
        connection.execute(delete(tables.event).where(tables.event.c.chain == chain))
        connection.execute(delete(tables.audit_head).where(tables.audit_head.c.chain == chain))
        anchor(connection, "demo", journey.id)
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []  # nothing in the catalogue itself can tell
        assert verify(connection, "demo", [printed]) == [
            Broken(chain, 1, "it is not the event whose hash the report shows")
        ]


def test_a_delivery_rewritten_as_a_whole_does_not_match_a_printed_report(
    catalogue: Catalogue, journey: DeliveryRow
) -> None:
    chain = delivery_chain(journey.id)
    with catalogue.read() as connection:
        assert verify(connection, "demo", [Anchor(chain, *head(connection, chain))]) == []
        (broken,) = verify(connection, "demo", [Anchor(chain, 4, GENESIS)])
    assert (broken.chain, broken.seq) == (chain, 4)


def test_two_files_whose_events_were_exchanged_are_found_although_the_sums_agree(
    catalogue: Catalogue, journey: DeliveryRow
) -> None:
    file = tables.file.c
    with catalogue.transaction() as connection:
        rows = connection.execute(
            select(file.id, file.state, file.salt, file.sha256).where(file.state.in_(("accepted", "duplicate")))
        ).all()
        accepted, duplicate = (next(row for row in rows if row.state == state) for state in ("accepted", "duplicate"))
        leaves = [
            leaf(row.salt, row.id, before, "recalled", row.sha256)
            for row, before in ((accepted, "duplicate"), (duplicate, "accepted"))
        ]
        moves = {"accepted>recalled": 1, "duplicate>recalled": 1}
        append(connection, delivery_chain(journey.id), "recall", "d0001/recall/1", 1, {}, leaves, moves)
        connection.execute(update(tables.file).where(file.id.in_((accepted.id, duplicate.id))).values(state="recalled"))
    with catalogue.read() as connection:
        (broken,) = verify(connection, "demo")
    assert (broken.seq, broken.what) == (5, f"file f{accepted.id} was accepted, not duplicate, before it")


def test_a_delivery_taken_out_whole_is_missed_by_its_challenge(catalogue: Catalogue, journey: DeliveryRow) -> None:
    with catalogue.transaction() as connection:
        for table in ("file", "shard", "delivery"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(text("DELETE FROM event WHERE chain LIKE 'delivery:%'"))
        connection.execute(text("DELETE FROM audit_head WHERE chain LIKE 'delivery:%'"))
    with catalogue.read() as connection:
        (broken,) = verify(connection, "demo")
    assert (broken.chain, broken.seq) == (challenge_chain("demo"), 1)
    assert "gone with its delivery" in broken.what


def test_a_file_slipped_in_is_found(catalogue: Catalogue, journey: DeliveryRow) -> None:
    columns = "delivery_id, state, path_sealed, key_id, path_digest, name_digest, size, sha256, salt"
    with catalogue.transaction() as connection:
        connection.execute(
            text(f"INSERT INTO file (id, {columns}) SELECT 999, {columns} FROM file WHERE state = 'duplicate'")  # noqa: S608
        )
    with catalogue.read() as connection:
        (broken,) = verify(connection, "demo")
    assert "2 files are duplicate, the events add up to 1" in broken.what


def test_each_chain_names_its_own_first_broken_link(
    catalogue: Catalogue, deposit: Deposit, journey: DeliveryRow
) -> None:
    other = deposit(2, folder="Lot 2")
    with catalogue.transaction() as connection:
        connection.execute(text("UPDATE event SET attempt = 7"))
    with catalogue.read() as connection:
        broken = verify(connection, "demo")
    places = {(link.chain, link.seq) for link in broken}
    assert places == {(challenge_chain("demo"), 1), (delivery_chain(journey.id), 1), (delivery_chain(other.id), 1)}


def test_a_copy_of_the_catalogue_is_verified_without_being_written(tmp_path: Path, sqlite_template: Path) -> None:
    original = tmp_path / "catalogue.db"
    shutil.copy(sqlite_template, original)
    catalogue = open_catalogue(f"sqlite:///{original}")
    with catalogue.transaction() as connection:
        append(connection, challenge_chain("demo"), "note", "demo", 0, {"files": 1})
    catalogue.close()

    copy = tmp_path / "offline" / "copy.db"
    copy.parent.mkdir()
    shutil.copy(original, copy)
    before = copy.read_bytes()
    offline = open_catalogue(f"sqlite:///file:{copy}?mode=ro&immutable=1&uri=true")
    with offline.read() as connection:
        assert verify(connection, "demo") == []
        assert head(connection, challenge_chain("demo"))[0] == 1
    offline.close()
    assert copy.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]


def test_anchoring_again_adds_nothing_until_the_delivery_moves_on(
    catalogue: Catalogue, begin: Begin, journey: DeliveryRow
) -> None:
    with catalogue.transaction() as connection:
        first = anchor(connection, "demo", journey.id)
        assert anchor(connection, "demo", journey.id) == first
    with begin(journey, "report").finish({}):
        pass
    with catalogue.transaction() as connection:
        assert anchor(connection, "demo", journey.id)[0] == first[0] + 1
        assert verify(connection, "demo") == []


def test_a_delivery_without_an_event_cannot_be_anchored(catalogue: Catalogue) -> None:
    with pytest.raises(Bug, match="no event"), catalogue.transaction() as connection:
        anchor(connection, "demo", 12)


def test_an_event_says_how_many_rows_went_where(catalogue: Catalogue, journey: DeliveryRow) -> None:
    event = tables.event.c
    with catalogue.read() as connection:
        rows = connection.execute(select(event.step, event.moves, event.counts).order_by(event.id)).all()
    assert [(row.step, row.moves) for row in rows] == [
        ("register", {"new>waiting": 4}),
        ("receive", {"waiting>waiting": 4}),
        ("accept", {"waiting>accepted": 2, "waiting>quarantined": 1, "waiting>duplicate": 1}),
        ("review", {"quarantined>waiting": 1}),
        ("anchor", {}),
    ]


def test_a_correction_leaves_its_event_with_the_delivery_whose_file_it_moved(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, journey: DeliveryRow
) -> None:
    correction = deposit(1, folder="Lot 2", centre="nantes")
    with begin(correction, "accept").finish({"corrected": 1}) as moves:
        (new,) = files_of_delivery(moves.connection, correction.id)
        old = files_of_delivery(moves.connection, journey.id, State.ACCEPTED)[0]
        moves.move([Change(new.id, State.ACCEPTED), Change(old.id, State.SUPERSEDED, points_to=new.id)])
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []
        assert head(connection, delivery_chain(journey.id))[0] == 5


def test_hash_and_leaf_are_what_the_documentation_says() -> None:
    import hashlib
    from datetime import UTC, datetime

    fields = {"chain": "delivery:1", "seq": 1, "step": "receive", "shard": "d0001/receive/1", "attempt": 1}
    at = datetime(2025, 11, 3, 1, 2, 3, 4, tzinfo=UTC)
    said = event_hash(GENESIS, **fields, at=at, counts={"files": 2}, moves={"waiting>waiting": 2}, leaves=b"\x01\xff")  # type: ignore[arg-type]
    written = (
        f"{GENESIS}\n"
        '{"at":"2025-11-03T01:02:03.000004+00:00","attempt":1,"chain":"delivery:1","counts":{"files":2},"leaves":"01ff",'
        '"moves":{"waiting>waiting":2},"seq":1,"shard":"d0001/receive/1","step":"receive"}'
    )
    assert said == hashlib.sha256(written.encode()).hexdigest()
    assert (
        leaf(b"s" * 16, 7, "waiting", "accepted", "ab")
        == hashlib.sha256(b"s" * 16 + b"7|waiting|accepted|ab").digest()[:16]
    )


def _rewind(connection: Connection, chain: str, seq: int) -> None:
    """What somebody with write access does who wants the events after ``seq`` never to have been."""
    event, at = tables.event.c, tables.audit_head.c
    connection.execute(delete(tables.event).where(event.chain == chain, event.seq > seq))
    last = connection.execute(select(event.hash).where(event.chain == chain, event.seq == seq)).scalar_one()
    connection.execute(update(tables.audit_head).where(at.chain == chain).values(seq=seq, hash=last))
