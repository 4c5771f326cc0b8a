"""What becomes of an attribute at its place: the challenge's own rules, then ours, then table E.1-1 with the options,
then the list of what the image needs. Whatever none of them names loses its value.

Options combine as PS3.15, E.3 says: what one of them keeps is kept, else what one of them cleans is cleaned, else the
Basic Profile holds. Where the table leaves a choice (``X/Z/D``), the type of the attribute decides, so that the object
stays conformant: PS3.15, E.1.1.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache

from pydicom.datadict import keyword_for_tag

from collecte.challenge import AttributeRule, DicomOption
from collecte.formats.dicom._codes import CODE_SCHEME, CODED, is_public_scheme
from collecte.formats.dicom._elements import vr_of
from collecte.formats.dicom._private import PrivateRules, private_rules
from collecte.formats.dicom._tables import SopClass, by_tag, rows
from collecte.formats.dicom._values import checker, dummy

#: The place of an attribute that stands in no sequence; else the place is the tag of the sequence.
TOP = 0
#: The place of an attribute of a content item that says of the patient what may not be told.
UNTOLD = 1
CONTENT_SEQUENCE, MEASURED_VALUE = 0x0040A730, 0x0040A300
#: What holds the values of content items: DateTime, Date, Time, Person Name, Text Value, Concept Code Sequence,
#: Measured Value Sequence, Numeric Value.
_CONTENT_VALUES = frozenset(
    (0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A160, 0x0040A168, MEASURED_VALUE, 0x0040A30A)
)
#: The group of pixels, and of the tables of where they lie.
_PIXEL_GROUP = 0x7FE0

#: The columns of table E.1-1 by option. The two options about pixels have none: they are done by looking at them.
COLUMNS: Mapping[DicomOption, str] = {
    "retain_safe_private": "safe_private",
    "retain_uids": "uids",
    "retain_device_identity": "device",
    "retain_institution_identity": "institution",
    "retain_patient_characteristics": "patient",
    "retain_longitudinal_full_dates": "dates_full",
    "retain_longitudinal_modified_dates": "dates_modified",
    "clean_descriptors": "descriptors",
    "clean_structured_content": "structured_content",
    "clean_graphics": "graphics",
}
_OPTIONS = {column: option for option, column in COLUMNS.items()}
#: VRs of text in the character set of the file.
TEXT_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_DATE_VRS = ("DA", "DT")
#: What table E.1-1 does not list and an option is about all the same: Text Value; Segment Label, Segment Algorithm Name
#: and Tracking ID; the private creators of dimensions.
_CLEANED_BY = {
    0x0040A160: "structured_content",
    0x00620005: "descriptors",
    0x00620009: "descriptors",
    0x00620020: "descriptors",
    0x00209213: "safe_private",
    0x00209238: "safe_private",
}
#: Groups of curves and overlays: one attribute alone would be a plane without its pixels.
_REPEATING = (0x50, 0x60)
#: What describes or labels an object or a part of it, by its keyword.
_DESCRIBES = re.compile("(Description|Label)$|^(AcquisitionProtocol|Stage|View|Beam|Block)Name$|^FluenceModeID$")
#: Dates that are not the patient's own: everybody knows them, or many patients have the same, and moved they would tell
#: how far those of the patient were. Versions of context groups and templates; approval of an ethics committee;
#: calibration, manufacture and installation of a device; expiration of a product, issue of an implant's template;
#: strength of a radioactive source.
SHARED_DATES = frozenset(
    (
        *(0x00080106, 0x00080107, 0x0040DB06, 0x0040DB07, 0x00120086, 0x00120087),
        *(0x0014407E, 0x00181200, 0x00181202, 0x00181203, 0x00181204, 0x00181205, 0x0018700C),
        *(0x0044000B, 0x00686226, 0x00686270, 0x300A022C),
    )
)
_CHARACTER_SET, _ICC_PROFILE = 0x00080005, 0x00282000
#: Names the coding schemes of an object (PS3.3, C.12.1.1.7): an item is nothing without its designator.
CODING_SCHEMES = 0x00080110
#: Dummies that say more than that something was removed: of Rescale Type, "unspecified" (PS3.3, C.11.1.1.2);
#: of Window Width, which is never 0 (C.11.2.1.2); and of Pixel Aspect Ratio, two numbers above 0 (C.7.6.3.1.7).
_DUMMIES = {0x00281054: b"US", 0x00281051: b"1", 0x00280034: b"1\\1"}
#: Pixel Aspect Ratio, without which pixels are square.
_ASPECT_RATIO = 0x00280034


class Action(Enum):
    """What becomes of one attribute."""

    KEEP = "kept"
    REMOVE = "removed"
    EMPTY = "emptied"
    DUMMY = "dummied"
    UID = "uid replaced"
    ITEMS = "items cleaned"
    CLEAN = "words cleaned"
    SHIFT = "shifted"
    AGE = "age capped"
    REFERENCE = "reference replaced"
    SUBJECT = "subject"
    REPLACE = "replaced"
    PROFILE = "profile written anew"


@dataclass(frozen=True, slots=True)
class Decision:
    """``rule``: where it comes from, for whoever asks. ``vr``: what the dictionary says; ``vrs``: what may stand in the
    file; ``check``: whether a kept value fits; ``otherwise``: what to do where it does not, or where no item of a
    sequence may stay; ``dummy``: what says nothing in its place; ``value``: what the challenge puts there.
    """

    action: Action
    rule: str
    vr: str
    vrs: frozenset[str]
    check: Callable[[bytes], object] | None
    otherwise: Action
    dummy: bytes
    value: str | None = None


@dataclass
class Rules:
    """The decisions for one SOP class under the challenge's options and its own rules; each is made once."""

    options: tuple[DicomOption, ...]
    attributes: tuple[AttributeRule, ...]
    sop_class: SopClass
    withheld: frozenset[int] = frozenset()
    private: PrivateRules = field(init=False)
    _places: dict[int, dict[int, Decision]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.private = private_rules("retain_safe_private" in self.options, self.attributes)
        self._columns = tuple(COLUMNS[option] for option in self.options if option in COLUMNS)
        self._ruled = {rule.tag: rule for rule in self.attributes if rule.tag is not None}
        self._provenance = frozenset((self.sop_class.iod, self.sop_class.family))

    def at(self, place: int) -> dict[int, Decision]:
        """The decisions made so far for one place; :meth:`decide` adds to them."""
        return self._places.setdefault(place, {})

    def decide(self, place: int, tag: int) -> Decision:
        """What becomes of a public attribute.

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
        kind = attribute_type(self.sop_class.iod, CONTENT_SEQUENCE if place == UNTOLD else place, tag)
        vrs = vr.split(" or ")
        first = "OW" if "OW" in vrs else vrs[0]
        meant, stand_in = frozenset((*vrs, "")), _DUMMIES.get(tag) or dummy(first)
        if (place, tag) == (CODING_SCHEMES, CODE_SCHEME):
            rule = "PS3.16, 8: a public coding scheme"
            return Decision(Action.KEEP, rule, first, meant, _names_a_scheme, Action.REMOVE, stand_in)
        action, rule = self._action(tag, first, kind)
        if place != TOP and tag >> 16 == _PIXEL_GROUP:
            action, rule = Action.REMOVE, "Collecte: says where pixels lie that do not pass"
        if place == UNTOLD and tag in _CONTENT_VALUES and action is not Action.REMOVE:
            action = Action.EMPTY if tag == MEASURED_VALUE else Action.DUMMY
            rule = "Collecte: says what an attribute of the patient says that is not kept"
        if action is Action.CLEAN and tag in self.withheld:
            action, rule = _resolve("X/Z/D", kind), "Collecte: an identifier of the delivery stands in it"
        if action is Action.KEEP and tag == _ICC_PROFILE:
            action = Action.PROFILE
        value = self._ruled[tag].value if tag in self._ruled else None
        check = checker(first, tag) if action in (Action.KEEP, Action.REPLACE) else None
        otherwise = _resolve("X" if tag == _ASPECT_RATIO else "X/Z/D", kind)
        return Decision(action, rule, first, meant, check, otherwise, stand_in, value)

    def _action(self, tag: int, vr: str, kind: str) -> tuple[Action, str]:
        if tag >> 16 & 1 or not vr:
            return Action.REMOVE, "not in the dictionary"
        if tag in CODED:
            return Action.REMOVE, "coded entry: written anew"
        if tag == _CHARACTER_SET:
            return Action.REMOVE, "text is written in UTF-8"
        if tag in self._ruled:
            return self._challenged(self._ruled[tag], vr, kind), "challenge"
        if (column := _CLEANED_BY.get(tag)) in self._columns:
            return Action.CLEAN, f"Collecte: {_OPTIONS[column]} covers it"
        if tag in (ours := by_tag("ours")) and not (ours[tag]["action"] == "absent" and self._opted(tag)):
            return self._ours(tag, ours[tag]["action"], kind), f"Collecte: {ours[tag]['why']}"
        if tag in (table := by_tag("e1_1_2026c")):
            return self._profiled(table[tag], vr, kind)
        if tag in (keep := by_tag("keep")):
            if self._provenance & set(keep[tag]["iods"].split()):
                return self._worded(vr, kind), "PS3.3: the object needs it"
            return Action.REMOVE, "PS3.3: of no use in this object"
        return self._unlisted(tag, vr, kind)

    def _unlisted(self, tag: int, vr: str, kind: str) -> tuple[Action, str]:
        text = vr in TEXT_VRS and tag >> 24 not in _REPEATING
        if "descriptors" in self._columns and text and _DESCRIBES.search(_keyword(tag)):
            return Action.CLEAN, "Collecte: clean_descriptors covers it"
        return _resolve("X/Z/D", kind), "not listed: denied"

    def _challenged(self, rule: AttributeRule, vr: str, kind: str) -> Action:
        if rule.action in ("keep", "shift") and self._tells_the_shift(rule.tag):
            return _resolve("X/Z/D", kind)
        match rule.action:
            case "keep":
                return self._kept(vr, kind)
            case "remove":
                return _resolve("X", kind)
            case "empty":
                return Action.EMPTY if kind not in ("1", "1C") else Action.DUMMY
            case "shift":
                return Action.SHIFT
            case "hash":
                return Action.UID if vr == "UI" else Action.REFERENCE
            case "replace":
                return Action.REPLACE

    def _ours(self, tag: int, action: str, kind: str) -> Action:
        if action == "age":
            return Action.AGE if by_tag("e1_1_2026c")[tag]["patient"] and "patient" in self._columns else Action.REMOVE
        if action == "remove":
            return _resolve("X", kind)
        if action == "absent":
            return Action.REMOVE
        return {
            "subject": Action.SUBJECT,
            "reference": Action.REFERENCE,
            "uids": Action.ITEMS,
            "dummy": Action.DUMMY,
            "empty": Action.EMPTY,
        }[action]

    def _opted(self, tag: int) -> bool:
        """Whether an option of the challenge says anything about an attribute of table E.1-1."""
        row = by_tag("e1_1_2026c").get(tag, {})
        return any(row.get(column) for column in self._columns)

    def _profiled(self, row: dict[str, str], vr: str, kind: str) -> tuple[Action, str]:
        if self._tells_the_shift(int(row["tag"], 16)):
            return _resolve("X/Z/D", kind), f"E.1-1 {row['basic']}; a date that patients share"
        said = {row[column]: column for column in reversed(self._columns) if row[column]}
        if "K" in said:
            action = self._kept(vr, kind)
            if vr == "CS":
                action = Action.CLEAN
            return action, f"E.1-1 {row['basic']}, K: {_OPTIONS[said['K']]}"
        if "C" in said and (cleaned := self._cleaned(vr, kind)):
            return cleaned, f"E.1-1 {row['basic']}, C: {_OPTIONS[said['C']]}"
        action = Action.UID if row["basic"] == "U" else _resolve(row["basic"], kind)
        if action in (Action.UID, Action.DUMMY) and vr == "UI":
            action = Action.UID  # a dummy of its own for each UID, so that references to it still hold
        elif action is Action.UID:
            action = Action.ITEMS
        return action, f"E.1-1 {row['basic']}"

    def _tells_the_shift(self, tag: int | None) -> bool:
        """Whether an attribute, moved as the patient's dates are, would tell how far."""
        return tag in SHARED_DATES and self.of_dates() is not Action.KEEP

    def of_dates(self) -> Action | None:
        """What becomes of a date by the options: kept, shifted, or neither (None)."""
        if "dates_full" in self._columns:
            return Action.KEEP
        return Action.SHIFT if "dates_modified" in self._columns else None

    def _kept(self, vr: str, kind: str) -> Action:
        """What keeping means for a VR: UIDs and dates stay as they are by an option alone."""
        if vr in _DATE_VRS:
            return self.of_dates() or _resolve("X/Z/D", kind)
        if vr == "UI":
            return Action.KEEP if "uids" in self._columns else Action.UID
        if vr == "AS":
            return Action.AGE
        return Action.ITEMS if vr == "SQ" else Action.KEEP

    def _worded(self, vr: str, kind: str) -> Action:
        """What keeping means where nobody vouches for the words: those that are known stay."""
        return Action.CLEAN if vr == "CS" or vr in TEXT_VRS else self._kept(vr, kind)

    def _cleaned(self, vr: str, kind: str) -> Action | None:
        """What cleaning means for a VR; None where nothing can be cleaned, and the Basic Profile holds."""
        return None if vr in ("PN", "OB", "OW", "AE", "UR") else self._worded(vr, kind)


@lru_cache(maxsize=512)
def rules_for(
    options: tuple[DicomOption, ...],
    attributes: tuple[AttributeRule, ...],
    sop_class: SopClass,
    withheld: frozenset[int] = frozenset(),
) -> Rules:
    """The rules of one SOP class under the challenge's options and its own rules; ``withheld``: the context's."""
    return Rules(options, attributes, sop_class, withheld)


def _names_a_scheme(raw: bytes) -> bool:
    return is_public_scheme(raw.strip(b"\0 ").decode("latin-1"))


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
