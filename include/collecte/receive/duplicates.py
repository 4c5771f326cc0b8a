"""The same bytes, seen before: what becomes of the second file."""

from dataclasses import dataclass
from typing import Literal

from collecte.findings import Finding
from collecte.records import State


@dataclass(frozen=True)
class SameBytes:
    """What becomes of a file whose bytes a file before it had.

    ``becomes``: ``duplicate`` (it points at the first and goes no further), ``judged`` (it goes on like any file) or
    ``quarantined``.
    """

    becomes: Literal["duplicate", "judged", "quarantined"]
    finding: Finding | None


def same_bytes(first: State, *, same_centre: bool) -> SameBytes:
    """Judge a file by the state of the first file with its bytes (SHA-256).

    Of a recalled file: refused, wherever it comes from. Of a refused or removed one: judged anew, since the rules, or
    the reason that lay outside its bytes, may have changed. Else: a duplicate. From another centre, a warning on top:
    two hospitals seldom hold one file.
    """
    if first is State.RECALLED:
        return SameBytes("quarantined", Finding("FILE-RECALLED"))
    elsewhere = None if same_centre else Finding("FILE-DUPLICATE-OTHER-CENTRE")
    if first in (State.QUARANTINED, State.REJECTED, State.EXPIRED):
        return SameBytes("judged", elsewhere)
    return SameBytes("duplicate", elsewhere or Finding("FILE-DUPLICATE"))
