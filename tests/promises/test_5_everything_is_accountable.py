"""Promise 5: each step of each shard appends one event to its delivery's hash chain. After a real journey, whatever is
altered, removed or put into another order behind the catalogue's back is named by ``collecte audit verify``.
"""

from contextlib import suppress
from itertools import pairwise

import pytest
from sqlalchemy import Executable, delete, literal_column, select, text, update

from collecte import catalogue, steps
from collecte.catalogue import erase_files, tables
from collecte.records import State
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import drop, image, lay

#: What an event says. Of ``counts`` and ``moves`` another number, of the rest another value of the same form.
EVENT = {
    "step": "'other'",
    "shard": "shard || '0'",
    "attempt": "attempt + 1",
    "at": "'2020-01-01 00:00:00.000000'",
    "counts": "'{\"files\": 99}'",
    "moves": "'{\"new>waiting\": 99}'",
    "leaves": "zeroblob(16)",
    "previous": "hash",
    "hash": "previous",
}
#: Rows that the events speak of, by what is done to one of them.
ROWS = {
    "a state": "UPDATE file SET state = 'rejected' WHERE id = (SELECT min(id) FROM file WHERE state = 'accepted')",
    "two states exchanged": "UPDATE file SET state = CASE state WHEN 'accepted' THEN 'quarantined' ELSE 'accepted' END "
    "WHERE id IN (SELECT min(id) FROM file WHERE state IN ('accepted', 'quarantined') GROUP BY state)",
    "bytes as received": "UPDATE file SET sha256 = substr(sha256, 2) || '0' WHERE id = "
    "(SELECT min(id) FROM file WHERE state = 'accepted')",
    "a safe copy": "UPDATE file SET safe_sha256 = substr(safe_sha256, 2) || '0' WHERE state = 'accepted'",
    "a receipt": "UPDATE receipt SET sha256 = substr(sha256, 2) || '0' WHERE file_id IS NOT NULL",
    "a receipt removed": "DELETE FROM receipt WHERE id = (SELECT min(id) FROM receipt WHERE file_id IS NOT NULL)",
    "a salt": "UPDATE file SET salt = zeroblob(16) WHERE id = (SELECT min(id) FROM file)",
    "a file removed": "DELETE FROM file WHERE id = (SELECT max(id) FROM file WHERE state = 'rejected')",
    "counts of a shard": "UPDATE shard SET counts = '{\"files\": 99}' WHERE step = 'make_safe'",
    "a shard undone": "UPDATE shard SET done_at = NULL WHERE step = 'validate'",
}


@pytest.fixture
def shipped(world: World) -> World:
    """A delivery of accepted, quarantined and administrative files that went the whole way."""
    files = {f"serie/IM{n}": image(MARCHEMALLE, n) for n in (1, 2)} | {"IM9": image(ESTRUGAMOU, 9)[:-200]}
    lay(drop(world) / "lot", files)
    steps.run(world.site("arvel"))
    assert _broken(world) == []
    return world


def test_every_event_each_field_of_it_their_order_and_the_rows_that_follow_from_them_are_held(shipped: World) -> None:
    event = tables.event
    with shipped.site("arvel").catalogue.read() as connection:
        events = connection.execute(select(event.c.id, event.c.chain, event.c.seq).order_by(event.c.id)).all()
    assert len(events) >= 12
    for row in events:
        for column, other in EVENT.items():
            (broken,) = _broken(
                shipped, update(event).where(event.c.id == row.id).values({column: literal_column(other)})
            )
            assert (broken.chain, broken.seq) == (row.chain, row.seq), f"{column} of {row.chain} {row.seq}: {broken}"
        assert row.chain in {b.chain for b in _broken(shipped, delete(event).where(event.c.id == row.id))}
    for one, two in pairwise(events):
        if one.chain == two.chain:
            (broken,) = _broken(shipped, *_exchange(one.id, two.id, one.seq, two.seq))
            assert (broken.chain, broken.seq) == (one.chain, one.seq)
    _rows_are_held(shipped)


def _rows_are_held(shipped: World) -> None:
    for what, statement in ROWS.items():
        found = _broken(shipped, text("UPDATE finding SET file_id = NULL"), text(statement))
        assert [broken.chain for broken in found] == [catalogue.delivery_chain(1)], f"{what}: {found}"
        assert found[0].what


def test_rows_erased_by_right_leave_a_chain_that_still_verifies_and_the_command_names_what_does_not(
    shipped: World,
) -> None:
    with shipped.site("arvel").catalogue.transaction() as connection:
        files = catalogue.files_of_delivery(connection, 1)
        before = catalogue.head(connection, catalogue.delivery_chain(1))
        erase_files(connection, [file.id for file in files if file.state is State.ACCEPTED])
        assert catalogue.verify(connection, "demo") == []
        assert catalogue.verify(connection, "demo", [catalogue.Anchor(catalogue.delivery_chain(1), *before)]) == []

    with shipped.site("arvel").catalogue.transaction() as connection:
        connection.execute(text("UPDATE event SET attempt = 7 WHERE step = 'make_safe'"))
    process = shipped.command("audit", "verify", "demo")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "delivery:1" in said


class _Undo(Exception):
    """Nothing of a tampering stays."""


def _broken(world: World, *statements: Executable) -> list[catalogue.Broken]:
    """What verification says with the statements carried out, which are then undone."""
    found: list[catalogue.Broken] = []
    with suppress(_Undo), world.site("arvel").catalogue.transaction() as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount >= 1
        found = catalogue.verify(connection, "demo")
        raise _Undo
    return found


def _exchange(one: int, two: int, first: int, second: int) -> list[Executable]:
    """Two events of a chain in each other's place; by way of a number that no event has."""
    event = tables.event.c
    places = ((one, -1), (two, first), (one, second))
    return [update(tables.event).where(event.id == row).values(seq=seq) for row, seq in places]
