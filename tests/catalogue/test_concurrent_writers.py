"""Several writers at once: ids, subjects, deliveries and chains come out as if they had come one by one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    NewFile,
    cut,
    deliveries_of,
    ensure_centre,
    files_of_delivery,
    files_of_shard,
    open_catalogue,
    plan,
    take,
    take_ids,
    totals,
    verify,
)
from collecte.errors import Retry
from collecte.records import State

WRITERS = 4


def test_no_id_is_handed_out_twice(catalogue: Catalogue) -> None:
    gate = threading.Barrier(WRITERS)

    def taker() -> list[int]:
        gate.wait()
        mine: list[int] = []
        for n in (1, 7, 100, 0, 3):
            with catalogue.transaction() as connection:
                mine += take_ids(connection, "file", n)
        return mine

    with ThreadPoolExecutor(WRITERS) as pool:
        taken = [future.result() for future in [pool.submit(taker) for _ in range(WRITERS)]]
    ids = [i for mine in taken for i in mine]
    assert len(set(ids)) == len(ids) == WRITERS * 111
    assert min(ids) == 1


def test_each_table_counts_for_itself(catalogue: Catalogue) -> None:
    with catalogue.transaction() as connection:
        assert take_ids(connection, "file", 3) == range(1, 4)
        assert take_ids(connection, "file", 2) == range(4, 6)
        assert take_ids(connection, "subject", 1) == range(1, 2)
        assert take_ids(connection, "subject", 0) == range(0)


def test_a_long_transaction_keeps_nobody_from_taking_ids(postgres_url: str) -> None:
    catalogue = open_catalogue(postgres_url, lock_wait_s=1)
    with catalogue.transaction() as first, catalogue.transaction() as second:
        assert take_ids(first, "finding", 2) == range(1, 3)
        assert take_ids(second, "finding", 2) == range(3, 5)
    catalogue.close()


def test_ids_of_a_transaction_that_failed_are_in_no_row(catalogue: Catalogue) -> None:
    with pytest.raises(ZeroDivisionError), catalogue.transaction() as connection:
        _ = take_ids(connection, "file", 3)[0] // 0
    with catalogue.transaction() as connection:
        assert take_ids(connection, "file", 1).start in (1, 4)


def test_the_same_subjects_met_by_several_shards_at_once_are_made_once(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow]
) -> None:
    delivery = deposit(WRITERS)
    with catalogue.transaction() as connection:
        files = [(row.id, row.size) for row in files_of_delivery(connection, delivery.id)]
        plan(connection, delivery.id, "harvest", cut(files, 10**9, 1))
    gate = threading.Barrier(WRITERS)

    def harvest(number: int) -> dict[str, int]:
        lease = take(catalogue, delivery.id, "harvest", number)
        assert isinstance(lease, Lease)
        gate.wait()
        # Each shard meets the shared subjects, and one of its own, in another order.
        pseudonyms = [f"sub-{i:016d}" for i in range(200)][:: 1 if number % 2 else -1]
        with lease.finish({"number": number}) as moves:
            found = moves.subjects(lease.centre_id, [*pseudonyms, f"sub-own{number}"])
            groups = moves.objects(lease.delivery_id, [("dicom", "shared"), ("dicom", f"own{number}")])
            moves.link_file_subjects(
                (row.id, i) for row in files_of_shard(moves.connection, lease) for i in found.values()
            )
            moves.link_object_subjects((groups["dicom", "shared"], i) for i in found.values())
        return found

    with ThreadPoolExecutor(WRITERS) as pool:
        results = [future.result() for future in [pool.submit(harvest, n + 1) for n in range(WRITERS)]]
    shared = [{name: i for name, i in found.items() if "own" not in name} for found in results]
    assert all(found == shared[0] for found in shared)
    assert len(set().union(*(found.values() for found in results))) == 200 + WRITERS
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []


def test_shards_that_end_together_share_one_unbroken_chain(
    catalogue: Catalogue, url: str, deposit: Callable[..., DeliveryRow]
) -> None:
    delivery = deposit(12)
    with catalogue.transaction() as connection:
        files = [(row.id, row.size) for row in files_of_delivery(connection, delivery.id)]
        plan(connection, delivery.id, "accept", cut(files, 10**9, 1))

    def end(numbers: range) -> None:
        own = open_catalogue(url)
        for number in numbers:
            lease = take(own, delivery.id, "accept", number)
            assert isinstance(lease, Lease)
            with lease.finish({"files": 1}) as moves:
                moves.move(Change(row.id, State.ACCEPTED) for row in files_of_shard(moves.connection, lease))
        own.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for future in [pool.submit(end, range(1 + 3 * i, 4 + 3 * i)) for i in range(WRITERS)]:
            future.result()
    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.ACCEPTED] == 12
        assert verify(connection, "demo") == []


def test_deliveries_registered_at_once_get_numbers_of_their_own(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow]
) -> None:
    gate = threading.Barrier(WRITERS)

    def register(n: int) -> DeliveryRow:
        gate.wait()
        return deposit([NewFile(f"Lot {n}/IM1", 5)], folder=f"Lot {n}")

    with ThreadPoolExecutor(WRITERS) as pool:
        rows = list(pool.map(register, range(WRITERS)))
    assert sorted(row.label for row in rows) == ["d0001", "d0002", "d0003", "d0004"]
    with catalogue.transaction() as connection:
        assert len(deliveries_of(connection, ensure_centre(connection, "demo", "lyon"))) == WRITERS
        assert verify(connection, "demo") == []


def test_of_two_steps_that_move_one_file_at_once_one_is_sent_back(
    postgres_url: str, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    catalogue = open_catalogue(postgres_url)
    delivery = deposit(1, into=catalogue)
    first, second = (begin(delivery, step, into=catalogue) for step in ("accept", "validate"))

    def late() -> None:
        with second.finish({}) as moves:
            moves.move([Change(row.id, State.QUARANTINED, "SOME-CODE")])

    with ThreadPoolExecutor(1) as pool:
        with first.finish({}) as moves:
            (row,) = files_of_delivery(moves.connection, delivery.id)
            moves.move([Change(row.id, State.ACCEPTED)])
            waiting = pool.submit(late)
            while not _blocked(catalogue):
                assert not waiting.done()
        with pytest.raises(Retry, match="d0001 at the same moment"):
            waiting.result()
    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.ACCEPTED] == 1
        assert verify(connection, "demo") == []
    catalogue.close()


def test_while_one_registers_for_a_centre_nobody_else_does(
    catalogue: Catalogue, url: str, deposit: Callable[..., DeliveryRow]
) -> None:
    deposit(1)
    hasty = open_catalogue(url, lock_wait_s=0.2)
    with catalogue.transaction() as connection:
        ensure_centre(connection, "demo", "lyon")
        with pytest.raises(Retry), hasty.transaction() as other:
            ensure_centre(other, "demo", "lyon")
    hasty.close()


def _blocked(catalogue: Catalogue) -> bool:
    """Whether some session of this PostgreSQL database waits for another's lock."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with catalogue.read() as connection:
        return bool(connection.execute(waits).scalar())
