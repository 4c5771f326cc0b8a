"""Writes the header of the safe copy: each element kept, replaced or left out as the rules decide, at every depth."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from collecte.formats.dicom._codes import REMOVED, clean_code
from collecte.formats.dicom._elements import EXPLICIT_LITTLE, Element, Encoding, Item, write_element, write_item
from collecte.formats.dicom._rules import (
    CODE_MEANING,
    CODE_SCHEME,
    CODE_SCHEME_VERSION,
    CODE_VALUES,
    TOP,
    Action,
    Decision,
    Rules,
)
from collecte.formats.dicom._tables import by_tag
from collecte.formats.dicom._values import BINARY_SIZES, BULK_VRS, capped_age, dummy, shifted
from collecte.pseudonym import Pseudonymiser

#: Roots of UIDs that are the same in every hospital: the standard's own, and HL7's registry of coding schemes.
PUBLIC_ROOTS = ("1.2.840.10008.", "2.16.840.1.113883.6.")


@dataclass(frozen=True)
class Plan:
    """All that the rewriting of one header needs. ``named`` holds the values that mean this subject: IDENTIFYING."""

    data: bytes = field(repr=False)
    encoding: Encoding
    rules: Rules
    pseudonyms: Pseudonymiser = field(repr=False)
    subject: str
    shift: timedelta = field(repr=False)
    named: frozenset[bytes] = field(repr=False)
    counts: Counter[str]


def rewrite(plan: Plan, elements: Iterable[Element], place: int, encoding: Encoding) -> dict[int, bytes]:
    """The written elements that stay, by tag.

    Args:
        plan: what holds for the whole header.
        elements: of the data set or of one item, in ascending order.
        place: :data:`TOP`, or the tag of the sequence.
        encoding: of these elements; that of the output is the plan's.
    """
    known = plan.rules.at(place)
    written: dict[int, bytes] = {}
    removed = 0
    for element in elements:
        tag = element.tag
        decision = known.get(tag) or plan.rules.decide(place, tag)
        if decision.action is Action.REMOVE:
            removed += 1
        elif (output := _apply(plan, element, decision, encoding)) is not None:
            written[tag] = output
    plan.counts["removed"] += removed
    return written


def _apply(plan: Plan, element: Element, decision: Decision, encoding: Encoding) -> bytes | None:
    action = decision.action
    if action is Action.KEEP:
        return _kept(plan, element, decision, encoding)
    if action is Action.ITEMS:
        return _sequence(plan, element, decision)
    if element.items is not None or element.fragments:
        return _fallback(plan, element.tag, decision, action if action in _FIXED else decision.otherwise)
    return _replaced(plan, element, decision)


_FIXED = (Action.EMPTY, Action.DUMMY)


def _kept(plan: Plan, element: Element, decision: Decision, encoding: Encoding) -> bytes | None:
    """The element as it stands, if its value is what its attribute can hold."""
    raw = plan.data[element.value : element.end]
    if element.items is not None or element.fragments or (decision.check and not decision.check(raw)):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    if element.vr in decision.vrs and encoding is plan.encoding and not len(raw) & 1:
        plan.counts["kept"] += 1
        return plan.data[element.start : element.end]
    if element.vr not in decision.vrs and not _may_be_meant(element.vr, decision.vr, plan.encoding):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    plan.counts["kept"] += 1
    vr = element.vr if element.vr and element.vr in decision.vrs else decision.vr
    return write_element(element.tag, vr, raw, plan.encoding)


def _may_be_meant(given: str, wanted: str, encoding: Encoding) -> bool:
    """Whether a value of another VR than its attribute's can be read as the attribute's: text as text, unknown bytes
    and bulk data as numbers (UN is little endian always: PS3.5, 6.2.2).
    """
    if wanted in BINARY_SIZES or wanted in BULK_VRS:
        return encoding.little and (given == "UN" or (wanted in BULK_VRS and given in BULK_VRS))
    return given not in BINARY_SIZES


def _replaced(plan: Plan, element: Element, decision: Decision) -> bytes | None:
    """An element whose value is changed."""
    raw = plan.data[element.value : element.end]
    match decision.action:
        case Action.UID:
            value: bytes | None = replaced_uids(plan.pseudonyms, raw)
        case Action.SHIFT:
            value = shifted(raw, plan.shift)
        case Action.AGE:
            value = capped_age(raw)
        case Action.REFERENCE:
            value = _reference(plan, element.tag, raw)
        case Action.SUBJECT:
            value = plan.subject.encode("ascii") if raw.strip(b"\0 ") in plan.named else b""
        case _:
            return _fallback(plan, element.tag, decision, decision.action)
    if value is None:
        return _fallback(plan, element.tag, decision, decision.otherwise)
    plan.counts["shifted" if decision.action is Action.SHIFT else "replaced"] += 1
    return write_element(element.tag, decision.vr, value, plan.encoding)


def _reference(plan: Plan, tag: int, raw: bytes) -> bytes:
    text = raw.strip(b"\0 ").decode("latin-1")
    purpose = "accession" if tag == 0x00080050 else by_tag("ours")[tag]["keyword"]
    return plan.pseudonyms.reference(purpose, text).encode("ascii") if text else b""


def _fallback(plan: Plan, tag: int, decision: Decision, action: Action) -> bytes | None:
    """An element without its value: absent, empty, or with a dummy."""
    plan.counts[action.value] += 1
    if action is Action.REMOVE:
        return None
    if decision.vr == "SQ":
        content = write_item(_code(plan, REMOVED), plan.encoding) if action is Action.DUMMY else b""
        return write_element(tag, "SQ", content, plan.encoding)
    if action is Action.EMPTY:
        return write_element(tag, decision.vr, b"", plan.encoding)
    value = plan.pseudonyms.uid("").encode("ascii") if decision.vr == "UI" else dummy(decision.vr)
    return write_element(tag, decision.vr, value, plan.encoding)


def replaced_uids(pseudonyms: Pseudonymiser, raw: bytes) -> bytes:
    """UIDs, each replaced unless it is public."""
    return b"\\".join(_replaced_uid(pseudonyms, uid) for uid in raw.rstrip(b"\0 ").split(b"\\"))


def _replaced_uid(pseudonyms: Pseudonymiser, raw: bytes) -> bytes:
    uid = raw.strip(b"\0 ").decode("latin-1")
    if not uid or (uid.startswith(PUBLIC_ROOTS) and uid.replace(".", "").isdigit()):
        return uid.encode("ascii")
    return pseudonyms.uid(uid).encode("ascii")


def _sequence(plan: Plan, element: Element, decision: Decision) -> bytes | None:
    """A sequence with its items cleaned; items that hold a code of nobody else's use are left out."""
    items = element.items
    if items is None or (not plan.encoding.little and any(item.encoding is not plan.encoding for item in items)):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    contents = [_item(plan, item, element.tag) for item in items]
    left = [write_item(content, plan.encoding) for content in contents if content is not None]
    if items and not left:
        return _fallback(plan, element.tag, decision, decision.otherwise)
    return write_element(element.tag, "SQ", b"".join(left), plan.encoding)


def _item(plan: Plan, item: Item, place: int) -> bytes | None:
    written = rewrite(plan, item.elements, place, item.encoding)
    found = {element.tag: element for element in item.elements}
    coded = next((tag for tag in CODE_VALUES if tag in found), None)
    if coded is None:
        # An entry by URN, or a meaning without its code, says nothing that may be told.
        return None if CODE_MEANING in found else b"".join(written.values())
    entry = clean_code(_text(plan, found[coded]), _text(plan, found.get(CODE_SCHEME)))
    if entry is None:
        return None
    version = _text(plan, found.get(CODE_SCHEME_VERSION))
    return _code(plan, entry, coded, version if version.replace(".", "").isalnum() else "", written)


def _code(
    plan: Plan,
    entry: tuple[str, str, str],
    coded: int = CODE_VALUES[0],
    version: str = "",
    others: Mapping[int, bytes] = MappingProxyType({}),
) -> bytes:
    """A coded entry: value, scheme, meaning, and the other elements of its item."""
    values = (
        (coded, "UC" if coded == CODE_VALUES[1] else "SH", entry[0]),
        (CODE_SCHEME, "SH", entry[1]),
        (CODE_SCHEME_VERSION, "SH", version[:16]),
        (CODE_MEANING, "LO", entry[2]),
    )
    parts = {tag: write_element(tag, vr, text.encode("ascii"), plan.encoding) for tag, vr, text in values if text}
    merged = {**others, **parts}
    return b"".join(merged[tag] for tag in sorted(merged))


def _text(plan: Plan, element: Element | None) -> str:
    return plan.data[element.value : element.end].strip(b"\0 ").decode("latin-1") if element else ""


#: CID 7050, by the options of the challenge; the profile itself comes first.
_PROFILE = ("113100", "Basic Application Confidentiality Profile")
_METHODS = {
    "retain_longitudinal_modified_dates": (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "retain_device_identity": ("113109", "Retain Device Identity Option"),
    "retain_institution_identity": ("113112", "Retain Institution Identity Option"),
}


def stamps(plan: Plan, options: tuple[str, ...]) -> dict[int, bytes]:
    """Who the object is about now, and how it was de-identified (PS3.15, E.1.1; PS3.16, CID 7050)."""
    methods = [_PROFILE, *(_METHODS[option] for option in sorted(options, key=lambda o: _METHODS[o][0]))]
    modified = "retain_longitudinal_modified_dates" in options
    subject = plan.subject.encode("ascii")
    items = b"".join(write_item(_code(plan, (code, "DCM", meaning[:64])), plan.encoding) for code, meaning in methods)
    values = (
        (0x00100010, "PN", subject),
        (0x00100020, "LO", subject),
        (0x00120062, "CS", b"YES"),
        (0x00120063, "LO", b"Collecte: DICOM PS3.15 2026c, table E.1-1; deny by default"),
        (0x00120064, "SQ", items),
        (0x00280303, "CS", b"MODIFIED" if modified else b"REMOVED"),
    )
    return {tag: write_element(tag, vr, value, plan.encoding) for tag, vr, value in values}


_IMPLEMENTATION_UID = b"2.25.140500063391440840811392320898136073198"
_IMPLEMENTATION_NAME = b"COLLECTE"


def file_meta(sop_class: str, instance: str, transfer_syntax: str) -> bytes:
    """Preamble of zeros, prefix, and a file meta information of standard elements alone (PS3.10, 7.1)."""
    values = (
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", sop_class.encode("ascii")),
        (0x00020003, "UI", instance.encode("ascii")),
        (0x00020010, "UI", transfer_syntax.encode("ascii")),
        (0x00020012, "UI", _IMPLEMENTATION_UID),
        (0x00020013, "SH", _IMPLEMENTATION_NAME),
    )
    group = b"".join(write_element(tag, vr, value, EXPLICIT_LITTLE) for tag, vr, value in values)
    length = write_element(0x00020000, "UL", len(group).to_bytes(4, "little"), EXPLICIT_LITTLE)
    return b"\0" * 128 + b"DICM" + length + group


def header(plan: Plan, elements: Iterable[Element], encoding: Encoding, options: tuple[str, ...]) -> bytes:
    """The whole data set before the pixels."""
    written = rewrite(plan, elements, TOP, encoding) | stamps(plan, options)
    return b"".join(written[tag] for tag in sorted(written))
