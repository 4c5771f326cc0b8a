"""Private elements (PS3.5, 7.8): all go, but those that a table calls safe (PS3.15, E.3.10) or the challenge names.

A private element is known by its creator, its group and the last byte of its number; the byte before it is the block
that the creator reserved in this data set.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from collecte.challenge import AttributeRule
from collecte.formats.dicom._elements import Element
from collecte.formats.dicom._tables import rows
from collecte.formats.dicom._values import BINARY_SIZES, BULK_VRS

#: Creator, folded; group; last byte of the element number.
Key = tuple[str, int, int]
#: Characters of a value of VR LO; what is longer names nobody whose elements are known.
_LONGEST_CREATOR = 64


@dataclass(frozen=True, slots=True)
class PrivateRule:
    """``how``: keep, shift, uid, a way of :func:`written_anew`, and of the challenge's rules replace, empty, hash.
    ``vr``: what the maker says; empty: the file must.
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
    if creator is None or creator.end - creator.value > _LONGEST_CREATOR:
        return None
    name = data[creator.value : creator.end].strip(b"\0 ").decode("latin-1")
    return rules.get((folded(name), tag >> 16, tag & 0xFF))


#: VRs whose values are text, all of which are looked at as what the file says that they are.
_TEXT = frozenset(("AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"))


def private_vr(given: str, rule: PrivateRule) -> str:
    """The VR by which a private element is looked at; empty: it is not what its rule is about. ``given``: the file's,
    which could call a text whatever it likes, bytes of no form above all.
    """
    if not rule.vr:
        return "" if given == "UN" else given
    if given in ("", "UN", rule.vr) or (given in BULK_VRS and rule.vr in BULK_VRS):
        return rule.vr
    if given in _TEXT and rule.vr in _TEXT:
        return given
    return given if given in BINARY_SIZES and rule.vr in BINARY_SIZES else ""


#: Of Siemens' reconstruction: where an image stands in each of its dimensions (X: everywhere).
_INDICES = re.compile(rb" *+(?:X|\d{1,3})(?:_(?:X|\d{1,3})){5,19} *+\0?")


def _clean_indices(raw: bytes) -> bytes | None:
    return raw if _INDICES.fullmatch(raw) else None


#: Ways of writing a value anew.
ANEW = frozenset(("csa", "phoenix", "protocol", "flags", "b_value", "numbers", "indices"))


def written_anew(how: str, raw: bytes) -> bytes | None:
    """A maker's own block of what is known of it, as the rule says; None where it is nothing of the kind."""
    from collecte.formats.dicom import _csa, _ge  # MR of two makers alone has them

    return {
        "csa": _csa.clean_csa,
        "phoenix": _csa.clean_phoenix,
        "protocol": _ge.clean_protocol,
        "flags": _ge.clean_user_data,
        "b_value": _ge.clean_b_value,
        "numbers": _ge.clean_numbers,
        "indices": _clean_indices,
    }[how](raw)
