"""What becomes of an attribute at its place: table E.1-1 with the challenge's options, then ours, then the allow-list.

Whatever no table names loses its value: it is removed, or, where its IOD demands it, emptied or given a dummy. Where
the table leaves a choice (``X/Z/D``), the type of the attribute decides, so that the object stays conformant: PS3.15,
E.1.1.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache

from pydicom.datadict import keyword_for_tag

from collecte.challenge import DicomOption
from collecte.formats.dicom._elements import vr_of
from collecte.formats.dicom._tables import by_tag, rows
from collecte.formats.dicom._values import checker

#: The place of an attribute that stands in no sequence; else the place is the tag of the sequence.
TOP = 0

_OPTION_COLUMNS: dict[DicomOption, str] = {
    "retain_longitudinal_modified_dates": "dates_modified",
    "retain_patient_characteristics": "patient",
    "retain_device_identity": "device",
    "retain_institution_identity": "institution",
}
#: Attributes with a coded entry; :mod:`_codes` writes them, whatever the tables say.
CODE_VALUES = (0x00080100, 0x00080119)
CODE_SCHEME, CODE_SCHEME_VERSION, CODE_MEANING = 0x00080102, 0x00080103, 0x00080104
CODED = (*CODE_VALUES, CODE_SCHEME, CODE_SCHEME_VERSION, CODE_MEANING)


class Action(Enum):
    """What becomes of one attribute."""

    KEEP = "kept"
    REMOVE = "removed"
    EMPTY = "emptied"
    DUMMY = "dummied"
    UID = "uid replaced"
    ITEMS = "items cleaned"
    SHIFT = "shifted"
    AGE = "age capped"
    REFERENCE = "reference replaced"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Decision:
    """``vr``: what the dictionary says; ``vrs``: what may stand in the file; ``check``: whether a kept value fits;
    ``otherwise``: what to do where it does not, or where no item of a sequence may stay.
    """

    action: Action
    vr: str
    vrs: frozenset[str]
    check: Callable[[bytes], bool] | None
    otherwise: Action


class Rules:
    """The decisions for one IOD under one set of options; each is made once."""

    def __init__(self, options: Iterable[DicomOption], iod: str) -> None:
        self._columns = tuple(_OPTION_COLUMNS[option] for option in options)
        self._shifts = "dates_modified" in self._columns
        self._iod = iod
        self._places: dict[int, dict[int, Decision]] = {}

    def at(self, place: int) -> dict[int, Decision]:
        """The decisions made so far for one place; :meth:`decide` adds to them."""
        return self._places.setdefault(place, {})

    def decide(self, place: int, tag: int) -> Decision:
        """What becomes of an attribute.

        Args:
            place: :data:`TOP`, or the tag of the sequence that it stands in.
            tag: the attribute.
        """
        known = self.at(place)
        if tag not in known:
            known[tag] = self._decided(place, tag)
        return known[tag]

    def _decided(self, place: int, tag: int) -> Decision:
        vr = vr_of(tag)
        kind = attribute_type(self._iod, place, tag)
        vrs = vr.split(" or ")
        first = "OW" if "OW" in vrs else vrs[0]
        action = self._action(tag, first, kind)
        return Decision(action, first, frozenset((*vrs, "")), checker(first, tag), _resolve("X/Z/D", kind))

    def _action(self, tag: int, vr: str, kind: str) -> Action:
        if tag >> 16 & 1 or not vr or tag in CODED:
            return Action.REMOVE
        if tag in (ours := by_tag("ours")):
            return self._ours(tag, ours[tag]["action"], kind)
        if tag in (table := by_tag("e1_1_2026c")):
            return self._profiled(table[tag], vr, kind)
        return self._kept(vr, kind) if tag in by_tag("keep") else _resolve("X/Z/D", kind)

    def _ours(self, tag: int, action: str, kind: str) -> Action:
        if action == "age":
            return Action.AGE if by_tag("e1_1_2026c")[tag]["patient"] and "patient" in self._columns else Action.REMOVE
        if action == "remove":
            return _resolve("X", kind)
        return {"subject": Action.SUBJECT, "reference": Action.REFERENCE, "uids": Action.ITEMS, "dummy": Action.DUMMY}[
            action
        ]

    def _profiled(self, row: dict[str, str], vr: str, kind: str) -> Action:
        retained = any(row[column] == "K" or (row[column] == "C" and vr in ("DA", "DT")) for column in self._columns)
        if retained:
            return self._kept(vr, kind)
        action = Action.UID if row["basic"] == "U" else _resolve(row["basic"], kind)
        if action in (Action.UID, Action.DUMMY) and vr == "UI":
            return Action.UID  # a dummy of its own for each UID, so that references to it still hold
        return Action.ITEMS if action is Action.UID else action

    def _kept(self, vr: str, kind: str) -> Action:
        """What keeping means for a VR: UIDs and dates never stay as they are."""
        if vr in ("DA", "DT"):
            return Action.SHIFT if self._shifts else _resolve("X/Z/D", kind)
        return {"UI": Action.UID, "SQ": Action.ITEMS}.get(vr, Action.KEEP)


@lru_cache(maxsize=512)
def rules_for(options: tuple[DicomOption, ...], iod: str) -> Rules:
    """The rules of one IOD under the challenge's options."""
    return Rules(options, iod)


def _resolve(letters: str, kind: str) -> Action:
    """The letter of table E.1-1 that keeps an attribute of this type conformant."""
    choice = letters.split("/")
    if kind == "1" or (kind == "1C" and choice != ["X"]):
        return Action.DUMMY
    if kind == "2" or (kind == "2C" and choice != ["X"]):
        return Action.EMPTY if choice != ["D"] else Action.DUMMY
    if "X" in choice:
        return Action.REMOVE
    return Action.EMPTY if "Z" in choice else Action.DUMMY


def attribute_type(iod: str, place: int, tag: int) -> str:
    """The type of an attribute: 1, 1C, 2, 2C or 3 (PS3.5, 7.4)."""
    table = _types()
    if place == TOP:
        return table.get((iod, tag)) or table.get(("*", tag), "3")
    return table.get((_keyword(place), tag)) or table.get(("**", tag), "3")


@cache
def _types() -> dict[tuple[str, int], str]:
    return {(row["place"], int(row["tag"], 16)): row["type"] for row in rows("attribute_types")}


@cache
def _keyword(tag: int) -> str:
    return keyword_for_tag(tag)
