"""The state machine, and that nothing gets around it."""

from collections.abc import Callable

import pytest

from collecte.catalogue import Catalogue, Change, DeliveryRow, IllegalTransition, Lease, files_of_delivery, totals
from collecte.catalogue.states import NEED_REASON, TRANSITIONS, check, check_delivery
from collecte.errors import Bug
from collecte.records import State

LEGAL = sorted((before, after) for before, to in TRANSITIONS.items() for after in to)
ILLEGAL = sorted((a, b) for a in State for b in State if b not in TRANSITIONS[a])


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_every_move_outside_the_table_is_refused(before: State, after: State) -> None:
    with pytest.raises(IllegalTransition, match=f"f7 is {before} and cannot become {after}"):
        check(Change(7, after, "SOME-CODE", points_to=1), before)


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_every_move_of_the_table_is_let_through(before: State, after: State) -> None:
    check(Change(7, after, "SOME-CODE", points_to=1), before)


@pytest.mark.parametrize("after", sorted(NEED_REASON))
def test_a_file_is_not_set_aside_without_a_reason(after: State) -> None:
    before = next(state for state in State if after in TRANSITIONS[state])
    with pytest.raises(IllegalTransition, match="without a reason"):
        check(Change(7, after), before)


def test_a_duplicate_points_at_another_file() -> None:
    with pytest.raises(IllegalTransition, match="duplicate of nothing"):
        check(Change(7, State.DUPLICATE), State.WAITING)
    with pytest.raises(IllegalTransition, match="point at itself"):
        check(Change(7, State.DUPLICATE, points_to=7), State.WAITING)


def test_nothing_leads_out_of_recalled_and_everything_leads_there() -> None:
    assert TRANSITIONS[State.RECALLED] == frozenset()
    assert all(State.RECALLED in TRANSITIONS[state] for state in State if state is not State.RECALLED)


def test_the_docstring_shows_the_table_that_the_code_holds() -> None:
    from collecte.catalogue import states

    rows = [line.split()[:2] for line in (states.__doc__ or "").splitlines() if line.split()[:1]]
    names = {state.value for state in State}
    shown = {(before, after) for before, after in (row for row in rows if len(row) == 2) if {before, after} <= names}
    assert shown == {(b.value, a.value) for b, a in LEGAL if a is not State.RECALLED}


def test_a_delivery_never_goes_back() -> None:
    check_delivery("d0001", "collecting", "accepted")
    with pytest.raises(IllegalTransition, match="d0001 is shipped and cannot become collecting"):
        check_delivery("d0001", "shipped", "collecting")


def test_an_illegal_move_leaves_nothing_of_its_transaction(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    delivery = deposit(2)
    lease = begin(delivery)
    with catalogue.read() as connection:
        first, second = files_of_delivery(connection, delivery.id)

    with pytest.raises(IllegalTransition), lease.finish({}) as moves:
        moves.move([Change(first.id, State.ACCEPTED), Change(second.id, State.EXPIRED, "RETENTION")])

    with catalogue.read() as connection:
        assert totals(connection, delivery.id)[State.WAITING] == 2


def test_a_file_that_is_not_there_or_moves_twice_at_once_is_a_bug(
    deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease], catalogue: Catalogue
) -> None:
    delivery = deposit(1)
    lease = begin(delivery)
    with catalogue.read() as connection:
        (row,) = files_of_delivery(connection, delivery.id)
    with pytest.raises(Bug, match="1 files are not in the catalogue"), lease.finish({}) as moves:
        moves.move([Change(999, State.ACCEPTED)])
    with pytest.raises(Bug, match="twice at once"), lease.finish({}) as moves:
        moves.move([Change(row.id, State.ACCEPTED), Change(row.id, State.QUARANTINED, "SOME-CODE")])


def test_a_delivery_moves_on_with_its_shard(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    delivery = deposit(1)
    with begin(delivery, "accept").finish({}) as moves:
        moves.delivery_state("accepted")
    with pytest.raises(IllegalTransition), begin(delivery, "ship").finish({}) as moves:
        moves.delivery_state("accepted")
