"""Private elements (PS3.5, 7.8): all go, but those that a table calls safe (PS3.15, E.3.10) or the challenge names.

A private element is known by its creator, its group and the last byte of its number; the byte before it is the block
that the creator reserved in this data set.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from collecte.challenge import AttributeRule
from collecte.formats.dicom._elements import Element
from collecte.formats.dicom._tables import rows

#: Creator, folded; group; last byte of the element number.
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class PrivateRule:
    """``how``: keep, csa, shift, uid, and of the challenge's rules replace, empty, hash. ``vr``: where the file gives
    none; empty: the file must.
    """

    how: str
    vr: str
    rule: str
    value: str | None = None


PrivateRules = Mapping[Key, PrivateRule]


@lru_cache(maxsize=64)
def private_rules(safe: bool, attributes: tuple[AttributeRule, ...]) -> PrivateRules:
    """What may stay of the private elements. ``safe``: by the option to retain safe private attributes too."""
    found = dict(_safe()) if safe else {}
    for one in attributes:
        if one.private is None:
            continue
        key = (folded(one.creator or ""), *one.private)
        if one.action == "remove":
            found.pop(key, None)
        else:
            found[key] = PrivateRule(one.action, found[key].vr if key in found else "", "challenge", one.value)
    return found


@cache
def _safe() -> dict[Key, PrivateRule]:
    return {
        (folded(row["creator"]), int(row["group"], 16), int(row["element"], 16)): PrivateRule(
            row["how"], row["vr"], "E.3.10: retain_safe_private"
        )
        for row in rows("private_safe")
    }


def folded(creator: str) -> str:
    """A creator as it is compared: makers do not write theirs alike."""
    return " ".join(creator.split()).upper()


def creators(data: bytes, elements: Iterable[Element]) -> dict[int, Element]:
    """The private creators of a data set by the block that they reserve: group, and the byte that its elements' numbers
    begin with (``00191000`` of ``(0019,10xx)``)."""
    return {
        e.tag & 0xFFFF0000 | (e.tag & 0xFF) << 8: e
        for e in elements
        if e.tag >> 16 & 1 and 0x10 <= e.tag & 0xFFFF <= 0xFF and e.items is None
    }


def rule_of(rules: PrivateRules, data: bytes, blocks: Mapping[int, Element], tag: int) -> PrivateRule | None:
    """What becomes of a private element; None: it goes."""
    creator = blocks.get(tag & 0xFFFFFF00)
    if creator is None:
        return None
    name = data[creator.value : creator.end].strip(b"\0 ").decode("latin-1")
    return rules.get((folded(name), tag >> 16, tag & 0xFF))
