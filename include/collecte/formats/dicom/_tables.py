"""Reads the rule tables beside this code. Lines that begin with ``#`` say where a table comes from."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collecte.errors import Bug

_RULES = Path(__file__).parent / "rules"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of ``rules/<name>.csv``."""
    with (_RULES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@cache
def by_tag(name: str) -> dict[int, dict[str, str]]:
    """The rows of a table that has one row a tag.

    Raises:
        Bug: a tag stands there twice.
    """
    table: dict[int, dict[str, str]] = {}
    for row in rows(name):
        tag = int(row["tag"], 16)
        if tag in table:
            raise Bug(f"rules/{name}.csv has {row['tag']} twice.")
        table[tag] = row
    return table


@dataclass(frozen=True, slots=True)
class SopClass:
    """A covered SOP class. ``iod``: of PS3.3; ``family``: what kind of object it is; ``pixels``: required, optional or
    none; ``text``: whether text may be burned into them (always, sample, never); ``last``: the last attribute that
    every object has, 0 where that is its pixels.
    """

    uid: str
    iod: str
    family: str
    pixels: str
    text: str
    last: int


@cache
def sop_classes() -> dict[str, SopClass]:
    """The covered SOP classes, by UID."""
    return {
        row["uid"]: SopClass(
            row["uid"], row["iod"], row["family"], row["pixels"], row["text"], int(row["last"] or "0", 16)
        )
        for row in rows("sop_classes")
    }


@cache
def refused_classes() -> dict[str, str]:
    """Known SOP classes that are not covered: UID → code of the finding that says why."""
    return {row["uid"]: row["code"] for row in rows("refused_classes")}


@cache
def transfer_syntaxes() -> dict[str, tuple[str, bool]]:
    """The covered transfer syntaxes: UID → layout, and whether pixels stand in fragments."""
    return {row["uid"]: (row["layout"], row["pixels"] == "fragments") for row in rows("transfer_syntaxes")}
