"""The plan of a recall: where copies are, what becomes of each, and what nobody can take back. Counts and ids alone."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from collecte.errors import Bug

#: What becomes of the copies at a place. ``keep``: they stay, for a reason that the place's words give.
Action = Literal["remove", "rewrite", "remake", "keep"]

_RANGE = re.compile(r"([a-z]+)(\d+)(?:–[a-z]+(\d+))?")


@dataclass(frozen=True)
class Copies:
    """Copies at one place. ``place``: a zone, ``hdh``, ``release/v1``, ``host/<destination>``; ``ids``: the catalogue's
    ids, as ranges.
    """

    place: str
    action: Action
    count: int
    ids: str = ""


@dataclass(frozen=True)
class Plan:
    """What a recall does. ``files`` go whole; of ``tables`` only rows go; ``beyond``: what cannot be taken back, by the
    name of its text, and how many (0: nobody can count them).
    """

    recall: int
    centre: str
    request: str
    target: str
    files: str
    tables: str
    places: tuple[Copies, ...]
    beyond: tuple[tuple[str, int], ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over what is done: what an approval is given over."""
        done = {name: value for name, value in asdict(self).items() if name != "beyond"}
        text = json.dumps(done, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def count(self, place: str) -> int:
        """How many copies there are at a place."""
        return sum(copies.count for copies in self.places if copies.place == place)

    def ids(self, place: str) -> list[int]:
        """The ids of the copies at a place."""
        return [one for copies in self.places if copies.place == place for one in numbers_of(copies.ids)]

    def as_dict(self) -> dict[str, Any]:
        """The form in which the catalogue keeps it."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Plan":
        """The plan that :meth:`as_dict` gave."""
        places = tuple(Copies(**place) for place in raw["places"])
        beyond = tuple((name, count) for name, count in raw["beyond"])
        return cls(**{**raw, "places": places, "beyond": beyond})


def ranges(letter: str, ids: Iterable[int]) -> str:
    """Ids as people and the digest read them: ``f1–f30, f44``."""
    return ", ".join(
        f"{letter}{first}" if first == last else f"{letter}{first}–{letter}{last}" for first, last in _runs(ids)
    )


def numbers_of(text: str) -> list[int]:
    """The ids that :func:`ranges` wrote.

    Raises:
        Bug: it did not write this.
    """
    found: list[int] = []
    for part in text.split(", ") if text else ():
        if not (match := _RANGE.fullmatch(part)):
            raise Bug("The ids of a recall's plan cannot be read.")
        found += range(int(match[2]), int(match[3] or match[2]) + 1)
    return found


def _runs(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for one in sorted(set(ids)):
        if first is None or last is None:
            first = last = one
        elif one == last + 1:
            last = one
        else:
            yield first, last
            first = last = one
    if first is not None and last is not None:
        yield first, last
