"""Shards and their leases: two attempts on one shard, a killed one, and what each may write."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    ShardName,
    ShardPlan,
    ShardRef,
    counts_of,
    cut,
    cut_in_order,
    delivery_chain,
    files_of_delivery,
    files_of_shard,
    head,
    plan,
    planned,
    tables,
    take,
    take_again,
    totals,
    verify,
    whole,
)
from collecte.errors import Bug, LeaseLost, NeedsPerson
from collecte.records import State

Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]


def test_the_orphan_of_a_first_attempt_changes_nothing_once_the_second_began(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(2)
    orphan = begin(delivery)
    orphan.check()
    second = take(catalogue, delivery.id, "receive", 1)
    assert isinstance(second, Lease)
    assert (orphan.attempt, second.attempt) == (1, 2)

    for write in (lambda: orphan.finish({"files": 2}), orphan.progress):
        with pytest.raises(LeaseLost, match="Attempt 1 of shard d0001/receive/1"), write() as moves:
            moves.move([Change(delivery.id, State.ACCEPTED)])
    with pytest.raises(LeaseLost):
        orphan.check()

    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.WAITING] == 2
        assert head(connection, delivery_chain(delivery.id))[0] == 1  # its registration
    with second.finish({"files": 2}):
        pass
    with pytest.raises(LeaseLost), orphan.finish({"files": 9}):
        pass
    assert take(catalogue, delivery.id, "receive", 1) == {"files": 2}
    with catalogue.read() as connection:  # and asking again begins nothing
        assert connection.execute(select(tables.shard.c.attempt)).scalar() == 2


def test_the_next_attempt_begins_only_after_a_write_under_way(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(1)
    lease = begin(delivery)
    second: list[Lease | dict[str, int]] = []
    thread = threading.Thread(target=lambda: second.append(take(catalogue, delivery.id, "receive", 1)))
    with lease.finish({"files": 1}):
        thread.start()
    thread.join()
    assert second == [{"files": 1}]


def test_counts_may_be_filled_while_the_shard_ends(catalogue: Catalogue, deposit: Deposit, begin: Begin) -> None:
    delivery = deposit(1)
    counts: dict[str, int] = {}
    with begin(delivery).finish(counts):
        counts["accepted"] = 7
    assert take(catalogue, delivery.id, "receive", 1) == {"accepted": 7}


KILLED = """
import sys
from collecte.catalogue import Change, files_of_shard, open_catalogue, take
from collecte.records import State
catalogue = open_catalogue(sys.argv[1])
lease = take(catalogue, int(sys.argv[2]), "receive", 1)
with catalogue.read() as connection:
    files = files_of_shard(connection, lease)
with lease.finish({"files": len(files)}) as moves:
    moves.move(Change(file.id, State.ACCEPTED) for file in files)
    print("written, not committed", flush=True)
    sys.stdin.read()
"""


def test_killed_inside_its_last_transaction_an_attempt_leaves_nothing(
    catalogue: Catalogue, url: str, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(50)
    first = begin(delivery)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, url, str(delivery.id)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"written, not committed\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()

    third = take(catalogue, delivery.id, "receive", 1)  # waits for the dead one's lock to go
    assert isinstance(third, Lease)
    assert third.attempt == first.attempt + 2
    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.WAITING] == 50
        assert verify(connection, "demo") == []
    with third.finish({"files": 50}) as moves:
        moves.move(Change(row.id, State.ACCEPTED) for row in files_of_delivery(moves.connection, delivery.id))
    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.ACCEPTED] == 50
        assert verify(connection, "demo") == []


def test_an_exception_inside_the_last_transaction_leaves_nothing(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(1)
    lease = begin(delivery)

    def fail() -> None:
        with lease.finish({"files": 1}) as moves:
            moves.move([Change(row.id, State.ACCEPTED) for row in files_of_delivery(moves.connection, delivery.id)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.WAITING] == 1
    with lease.finish({"files": 1}):  # the lease still holds
        pass


def test_progress_keeps_what_it_wrote_and_does_not_end_the_shard(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(2)
    lease = begin(delivery)
    with catalogue.read() as connection:
        first, second = files_of_shard(connection, lease)
    with lease.progress() as moves:
        moves.set_files([{"id": first.id, "landing": "a"}])
    with lease.progress() as moves:
        moves.set_files([{"id": first.id, "sha256": "ab" * 32}])
    with lease.finish({"files": 2}) as moves:
        moves.set_files([{"id": second.id, "sha256": "cd" * 32}])
    with catalogue.read() as connection:
        # Registration; the progress that gave a SHA-256; the end. The progress that moved nothing has no event.
        assert head(connection, delivery_chain(delivery.id))[0] == 3
        assert verify(connection, "demo") == []


def test_a_step_is_planned_once(catalogue: Catalogue, deposit: Deposit) -> None:
    delivery = deposit(3)
    with catalogue.transaction() as connection:
        files = [(row.id, row.size) for row in files_of_delivery(connection, delivery.id)]
        shards = plan(connection, delivery.id, "receive", cut(files, 10**9, 2))
        assert plan(connection, delivery.id, "receive", cut(files, 10**9, 1)) == shards
    assert shards == [
        ShardRef("d0001/receive/1", "shard 1/2 · 2 files"),
        ShardRef("d0001/receive/2", "shard 2/2 · 1 file"),
    ]
    assert [ShardRef.from_dict(shard.as_dict()) for shard in shards] == shards

    lease = take(catalogue, delivery.id, "receive", 2)
    assert isinstance(lease, Lease)
    with lease.finish({"files": 1}) as moves:
        assert [row.id for row in files_of_shard(moves.connection, lease)] == [files[2][0]]
        moves.move([Change(files[2][0], State.ACCEPTED)])
        assert files_of_shard(moves.connection, lease, State.WAITING) == []
    with catalogue.read() as connection:
        assert planned(connection, delivery.id, "receive", unfinished=True) == shards[:1]


def test_a_step_for_the_whole_delivery_is_one_shard_even_without_files(catalogue: Catalogue, deposit: Deposit) -> None:
    delivery = deposit(0)
    with catalogue.transaction() as connection:
        plan(connection, delivery.id, "report", [whole([])])
    lease = take(catalogue, delivery.id, "report", 1)
    assert isinstance(lease, Lease)
    with catalogue.read() as connection:
        assert files_of_shard(connection, lease) == []
    assert whole([(5, 10), (2, 7)]) == ShardPlan(2, 5, 2, 17)


def test_a_step_that_is_begun_anew_is_an_event_and_the_chain_holds_open_and_done(
    catalogue: Catalogue, deposit: Deposit
) -> None:
    delivery = deposit(1)
    with catalogue.transaction() as connection:
        plan(connection, delivery.id, "feedback", [whole([])])
    for said in ({"accepted": 1}, {"accepted": 0}):
        lease = take_again(catalogue, delivery.id, "feedback", 1)
        with catalogue.read() as connection:
            assert counts_of(connection, delivery.id, "feedback") is None
            assert not verify(connection, "demo")
        with lease.finish(said):
            pass
        with catalogue.read() as connection:
            assert counts_of(connection, delivery.id, "feedback") == said
            assert not verify(connection, "demo")
    with catalogue.read() as connection:
        seq, _ = head(connection, delivery_chain(delivery.id))
    orphan = take_again(catalogue, delivery.id, "feedback", 1)
    take_again(catalogue, delivery.id, "feedback", 1)
    with pytest.raises(LeaseLost):
        orphan.check()
    with catalogue.read() as connection:
        assert head(connection, delivery_chain(delivery.id))[0] == seq + 1, "one that was not done is not opened twice"


def test_a_shard_that_was_not_planned_is_a_bug(catalogue: Catalogue, deposit: Deposit) -> None:
    delivery = deposit(1)
    with pytest.raises(Bug, match="no shard 1 of receive"):
        take(catalogue, delivery.id, "receive", 1)


def test_a_shard_is_named_by_delivery_step_and_number() -> None:
    assert ShardName.parse("d0001/make_safe/3") == ShardName("d0001", "make_safe", 3)
    assert str(ShardName("d0001", "make_safe", 3)) == "d0001/make_safe/3"
    for text in ("d1/receive/1", "d0001/receive/0", "d0001/receive", "../d0001/receive/1", "d0001/receive/1\n"):
        with pytest.raises(NeedsPerson, match="d0001/receive/3"):
            ShardName.parse(text)


FILES = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 1000)), unique_by=lambda file: file[0], max_size=60)


@given(FILES, st.integers(1, 3000), st.integers(1, 10))
def test_cutting_loses_no_file_and_keeps_to_its_limits(
    files: list[tuple[int, int]], max_bytes: int, max_files: int
) -> None:
    pieces = cut(files, max_bytes, max_files)
    assert cut(files[::-1], max_bytes, max_files) == pieces
    held = [[f for f in sorted(files) if p.first_file <= f[0] <= p.last_file] for p in pieces]  # type: ignore[operator]
    assert [file for piece in held for file in piece] == sorted(files)
    for piece, inside in zip(pieces, held, strict=True):
        assert (piece.files, piece.bytes) == (len(inside), sum(size for _, size in inside))
        assert piece.files <= max_files
        assert piece.bytes <= max_bytes or piece.files == 1


@given(FILES, st.integers(1, 10))
def test_a_file_that_weighs_more_counts_as_so_many(files: list[tuple[int, int]], max_files: int) -> None:
    pieces = cut_in_order(sorted(files), 10**9, max_files, lambda file_id: 1 + file_id % 3)
    held = [[f for f, _ in sorted(files) if p.first_file <= f <= p.last_file] for p in pieces]  # type: ignore[operator]
    assert [file for piece in held for file in piece] == [file for file, _ in sorted(files)]
    for piece in held:
        assert sum(1 + file_id % 3 for file_id in piece) <= max_files or len(piece) == 1
    for one, following in pairwise(held):
        assert sum(1 + file_id % 3 for file_id in [*one, following[0]]) > max_files, "none is smaller than it may be"


def test_cutting_nothing_gives_no_shard() -> None:
    assert cut([], 10, 10) == []
