"""The state machine: what may become of a file, and of a delivery. Every other move is a :class:`IllegalTransition`.

============  ============  ======================================================================================
from          to            when
============  ============  ======================================================================================
(new)         waiting       registered from a listing, or found in an archive
waiting       accepted      made safe, nothing identifying found, valid; written to curated
waiting       quarantined   a finding refuses it, or holds back the object that it belongs to
waiting       duplicate     the same bytes were there before; points at them
waiting       superseded    a correction of it came before it was judged; an archive whose members took its place
waiting       rejected      refused for good: the bytes of a file that was recalled
quarantined   waiting       looked at by a person, or the same bytes came again: judged anew
quarantined   superseded    its correction came
quarantined   rejected      a person refused it for good
quarantined   expired       its retention is over; its bytes are gone
accepted      superseded    its correction came before it was part of a release
duplicate     waiting       what it pointed at was not accepted, or is gone: judged for itself
(any)         recalled      its subject was taken back; from here nothing leads on
============  ============  ======================================================================================

A delivery goes ``waiting`` (seen, not complete) → ``collecting`` → ``accepted`` → ``shipped``, and never back.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from collecte.errors import Bug
from collecte.records import State

_W, _A, _Q, _D = State.WAITING, State.ACCEPTED, State.QUARANTINED, State.DUPLICATE
_S, _R, _E, _RECALLED = State.SUPERSEDED, State.REJECTED, State.EXPIRED, State.RECALLED

#: Where a file may go from each state.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    _W: frozenset({_A, _Q, _D, _S, _R, _RECALLED}),
    _Q: frozenset({_W, _S, _R, _E, _RECALLED}),
    _A: frozenset({_S, _RECALLED}),
    _D: frozenset({_W, _RECALLED}),
    _S: frozenset({_RECALLED}),
    _R: frozenset({_RECALLED}),
    _E: frozenset({_RECALLED}),
    _RECALLED: frozenset(),
}

#: States that a file cannot enter without the code of what decided it.
NEED_REASON = frozenset({_Q, _R, _E, _RECALLED})

#: Where a delivery may go from each state.
DELIVERY_TRANSITIONS: Mapping[str, frozenset[str]] = {
    "waiting": frozenset({"collecting"}),
    "collecting": frozenset({"accepted"}),
    "accepted": frozenset({"shipped"}),
    "shipped": frozenset(),
}


class IllegalTransition(Bug):
    """A move that the table above does not hold."""


@dataclass(frozen=True)
class Change:
    """A move of one file. ``reason``: the code of the finding that decided it; ``points_to``: the id of the file that a
    duplicate repeats, or that supersedes it.
    """

    file_id: int
    to: State
    reason: str | None = None
    points_to: int | None = None


def check(change: Change, state: State) -> None:
    """Whether a file in ``state`` may make this move.

    Raises:
        IllegalTransition: it may not, or the move lacks its reason or what it points to.
    """
    if change.to not in TRANSITIONS[state]:
        raise IllegalTransition(f"File f{change.file_id} is {state} and cannot become {change.to}.")
    if change.to in NEED_REASON and not change.reason:
        raise IllegalTransition(f"File f{change.file_id} cannot become {change.to} without a reason.")
    if change.to is State.DUPLICATE and change.points_to is None:
        raise IllegalTransition(f"File f{change.file_id} cannot become a duplicate of nothing.")
    if change.points_to == change.file_id:
        raise IllegalTransition(f"File f{change.file_id} cannot point at itself.")


def check_delivery(label: str, state: str, to: str) -> None:
    """Whether a delivery may go from ``state`` to ``to``.

    Raises:
        IllegalTransition: it may not.
    """
    if to not in DELIVERY_TRANSITIONS[state]:
        raise IllegalTransition(f"Delivery {label} is {state} and cannot become {to}.")
