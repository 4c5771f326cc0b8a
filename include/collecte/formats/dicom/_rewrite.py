"""Writes the header of the safe copy: each element kept, replaced or left out as the rules decide, at every depth.

What becomes of an element depends on its place, its bytes and whom the file is about, and on nothing else; the headers
of one series are much alike, so a :class:`Plan` remembers what became of the elements that it has met.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from collecte.formats.dicom import _icc
from collecte.formats.dicom._codes import (
    CODE_MEANING,
    CODE_SCHEME,
    CODE_SCHEME_VERSION,
    CODE_VALUES,
    REMOVED,
    clean_code,
    coded_item,
)
from collecte.formats.dicom._content import place_of
from collecte.formats.dicom._elements import (
    TEXT_LIMIT,
    UNREAD,
    Element,
    Encoding,
    Item,
    items_of,
    read_element,
    text_of,
    write_element,
    write_item,
)
from collecte.formats.dicom._lengths import TAGS, longest
from collecte.formats.dicom._own import NOBODY, Own
from collecte.formats.dicom._private import ANEW, PrivateRule, creators, private_vr, rule_of, written_anew
from collecte.formats.dicom._rules import CODING_SCHEMES, CONTENT_SEQUENCE, TEXT_VRS, Action, Decision, Rules
from collecte.formats.dicom._tables import by_tag
from collecte.formats.dicom._text import reading
from collecte.formats.dicom._uids import is_public_uid
from collecte.formats.dicom._values import BINARY_SIZES, BULK_VRS, LONGEST_TEXT, capped_age, checker, shifted
from collecte.formats.dicom._wall import Refusal
from collecte.formats.dicom._words import cleaned, is_term, without_rows
from collecte.pseudonym import Pseudonymiser

#: The version of a coding scheme that is told; not one that is a date, which could be a patient's.
_VERSION = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2}(?:\.[0-9])?)?")
#: Bytes of an element that is remembered, and elements of a place.
MEMORY_BYTES, _MEMORY_ELEMENTS = 4096, 8192
_LONG_HEAD = 12
#: VRs whose values may be as long as they like: those of numbers, in binary or spelled, and sequences.
_LONG_VRS = frozenset((*BINARY_SIZES, *BULK_VRS, "DS", "IS", "SQ"))


class Done(NamedTuple):
    """What became of an element: as written (None: it is gone), and what was done, each with its number."""

    written: bytes | None
    tally: tuple[tuple[str, int], ...]


_TALLIES = {action: ((action.value, 1),) for action in Action}
_GONE = Done(None, _TALLIES[Action.REMOVE])
#: What is counted where a value was changed.
_CHANGED = {action: (("replaced", 1),) for action in Action} | {
    Action.SHIFT: (("shifted", 1),),
    Action.CLEAN: (("kept", 1),),
}
#: A tag of which no dictionary says how many values it has.
_ANY_PRIVATE = 0x00091000
_PRIVATE_SEQUENCE = Decision(Action.ITEMS, "E.3.10", "SQ", frozenset(("SQ", "")), None, Action.REMOVE, b"")


@dataclass
class Layout:
    """The elements of the file before and the tags that were stamped; and, once a second file is like it, the runs of
    its public elements and its private ones."""

    elements: Mapping[int, Element]
    stamped: frozenset[int]
    runs: list[tuple[Element, ...]] = field(default_factory=list)
    private: list[Element] = field(default_factory=list)


@dataclass
class Plan:
    """All that holds for the files of one subject and SOP class. ``named`` holds the values that mean this subject,
    ``numbers`` others that number them or their study, ``days`` (YYYYMMDD) those of birth and study, as far as they are
    not told; ``declared`` the character sets that the files name; ``encoding`` is the output's; ``signed``: whether the
    pixels are. IDENTIFYING.
    """

    rules: Rules
    pseudonyms: Pseudonymiser = field(repr=False)
    subject: str
    named: frozenset[bytes] = field(repr=False)
    numbers: frozenset[bytes] = field(repr=False)
    days: frozenset[str] = field(repr=False)
    declared: tuple[str, ...]
    encoding: Encoding
    signed: bool
    shift: timedelta = field(init=False, repr=False)
    own: Own = field(init=False, repr=False)
    layout: Layout | None = field(default=None, init=False, repr=False)
    _memory: dict[tuple[int, bool, bool, bool], dict[bytes, Done]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.shift = self.pseudonyms.shift(self.subject)
        named, numbers = (
            [reading(raw, self.declared, is_name=True) for raw in texts] for texts in (self.named, self.numbers)
        )
        self.own = Own.of(named, numbers, self.days)

    def memory(self, place: int, encoding: Encoding, *, within: bool) -> dict[bytes, Done]:
        """What became of the elements of a place, by their bytes in this encoding."""
        known = self._memory.setdefault((place, encoding.explicit, encoding.little, within), {})
        if len(known) > _MEMORY_ELEMENTS:
            known.clear()
        return known


@dataclass
class Passage:
    """One data set on its way through a plan: its bytes, and what was done so far. ``within``: an item of a private
    sequence, in which no other is kept, so that they cannot be nested without end.
    """

    plan: Plan
    data: bytes = field(repr=False)
    counts: Counter[str] = field(default_factory=Counter)
    within: bool = False

    def value(self, element: Element) -> bytes:
        return self.data[element.value : element.end]

    def count(self, done: Iterable[Done]) -> None:
        """Add what was done."""
        for one in done:
            for name, number in one.tally:
                self.counts[name] += number


def rewrite(passage: Passage, elements: Collection[Element], place: int, encoding: Encoding) -> dict[int, bytes]:
    """The written elements that stay, by tag.

    Args:
        passage: the data set that they belong to.
        elements: of the data set or of one item, in ascending order.
        place: :data:`TOP`, or the tag of the sequence.
        encoding: of these elements; that of the output is the plan's.

    Raises:
        Refusal: a sequence breaks the encoding rules.
    """
    plan, data = passage.plan, passage.data
    known, memory = plan.rules.at(place), plan.memory(place, encoding, within=passage.within)
    written: dict[int, bytes] = {}
    dones: list[Done] = []
    private: list[Element] = []
    for element in elements:
        tag = element[0]
        if tag & 0x10000:
            private.append(element)
            continue
        decision = known.get(tag) or plan.rules.decide(place, tag)
        if decision.action is Action.REMOVE:
            dones.append(_GONE)
            continue
        raw = data[element[2] : element[4]]
        done = memory.get(raw)
        if done is None:
            done = apply(passage, element, decision, encoding)
            if len(raw) <= MEMORY_BYTES and len(memory) <= _MEMORY_ELEMENTS:
                memory[raw] = done
        if done.written is not None:
            written[tag] = done.written
        dones.append(done)
    passage.count(dones)
    if not TAGS.isdisjoint(written):
        written |= _cut(passage, written, longest(data, elements, encoding))
    if private:
        written |= write_private(passage, private, encoding)
    return written


def _cut(passage: Passage, written: Mapping[int, bytes], longest: Mapping[int, int]) -> dict[int, bytes]:
    """The elements of bulk data that are longer than they may be, as written, without what is too much."""
    encoding, cut = passage.plan.encoding, {}
    for tag in longest.keys() & written.keys():
        element = read_element(written[tag], 0, encoding)
        value = written[tag][element.value : element.end]
        if len(value) > longest[tag]:
            cut[tag] = write_element(tag, element.vr, value[: longest[tag]], encoding)
    return cut


def apply(passage: Passage, element: Element, decision: Decision, encoding: Encoding) -> Done:
    """What becomes of one public element."""
    action = decision.action
    if element.end - element.value > TEXT_LIMIT and decision.vr not in _LONG_VRS:
        return _fallback(passage.plan, element.tag, decision, decision.otherwise)
    if action is Action.KEEP:
        return _kept(passage, element, decision, encoding)
    if action is Action.ITEMS:
        return _sequence(passage, element, decision, encoding)
    if action is Action.REMOVE:
        return _GONE
    if element.items is not None or element.fragments:
        return _fallback(passage.plan, element.tag, decision, action if action in _FIXED else decision.otherwise)
    return _replaced(passage, element, decision)


_FIXED = (Action.EMPTY, Action.DUMMY)


def _kept(passage: Passage, element: Element, decision: Decision, encoding: Encoding) -> Done:
    """The element as it stands, if its value is what its attribute can hold; text in the output's character set."""
    plan, out, raw = passage.plan, passage.plan.encoding, passage.value(element)
    if element.items is not None or element.fragments or (decision.check and not decision.check(raw)):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    if plan.own.counts(raw, decision.vr):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    fits = element.vr in decision.vrs
    if not fits and not _may_be_meant(element.vr, decision.vr, out):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    vr = element.vr if element.vr and fits else _meant(plan, decision)
    if decision.vr in TEXT_VRS and not (raw.isascii() and b"\x1b" not in raw):
        raw = _encoded(plan, raw, is_name=vr == "PN")
    elif fits and encoding is out and not len(raw) & 1 and not _has_more(passage, element):
        return Done(passage.data[element.start : element.end], _TALLIES[Action.KEEP])
    return Done(write_element(element.tag, vr, raw, out), _TALLIES[Action.KEEP])


def _meant(plan: Plan, decision: Decision) -> str:
    """The VR of a value that comes without: of US or SS, the one of the pixels (PS3.5, annex A.1)."""
    return "SS" if plan.signed and decision.vr == "US" and "SS" in decision.vrs else decision.vr


def _has_more(passage: Passage, element: Element) -> bool:
    """Whether the two bytes that the long form of a head reserves hold anything (PS3.5, 7.1.2)."""
    return element.value - element.start == _LONG_HEAD and any(passage.data[element.start + 6 : element.start + 8])


def _encoded(plan: Plan, raw: bytes, *, is_name: bool) -> bytes:
    """Text as the output declares it: UTF-8 where the source names its character set, else ASCII."""
    return _written(plan, reading(raw, plan.declared, is_name=is_name))


def _written(plan: Plan, text: str) -> bytes:
    """Text in the output's character set; letters lose their accents where that is ASCII."""
    if plan.declared:
        return text.encode("utf-8")
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore")


def _may_be_meant(given: str, wanted: str, encoding: Encoding) -> bool:
    """Whether a value of another VR than its attribute's can be read as the attribute's: text as text, unknown bytes
    and bulk data as numbers (UN is little endian always: PS3.5, 6.2.2).
    """
    if wanted in BINARY_SIZES or wanted in BULK_VRS:
        return encoding.little and (given == "UN" or (wanted in BULK_VRS and given in BULK_VRS))
    return given not in BINARY_SIZES


def _replaced(passage: Passage, element: Element, decision: Decision) -> Done:
    """An element whose value is changed."""
    plan, raw = passage.plan, passage.value(element)
    match decision.action:
        case Action.UID:
            value: bytes | None = replaced_uids(plan.pseudonyms, raw)
        case Action.SHIFT:
            value = shifted(raw, plan.shift, decision.vr)
        case Action.AGE:
            value = capped_age(raw)
        case Action.CLEAN:
            value = _words(plan, raw, decision.vr)
        case Action.REFERENCE:
            value = _reference(plan, element.tag, raw)
        case Action.SUBJECT:
            value = plan.subject.encode("ascii") if raw.strip(b"\0 ") in plan.named else b""
        case Action.PROFILE:
            value = _icc.written_anew(raw)
        case Action.REPLACE:
            value = (decision.value or "").encode("utf-8" if plan.declared else "ascii", "replace")
            value = value if decision.check is None or decision.check(value) else None
        case _:
            return _fallback(plan, element.tag, decision, decision.action)
    if value is None:
        return _fallback(plan, element.tag, decision, decision.otherwise)
    return Done(write_element(element.tag, decision.vr, value, plan.encoding), _CHANGED[decision.action])


def _words(plan: Plan, raw: bytes, vr: str) -> bytes | None:
    """The known words of each value; None where none is left of what was there."""
    bare = raw.strip(b"\0 ")
    if not bare:
        return b""
    if vr == "CS":
        return _terms(bare, plan.own)
    text = reading(bare, plan.declared)
    if "\x1b" in text:  # a character set that the file does not declare: its bytes are no letters
        return None
    longest = LONGEST_TEXT.get(vr)
    values = [cleaned(value, plan.own)[:longest] for value in without_rows(plan.own.without(text)).split("\\")]
    if not any(values) or (len(values) > 1 and plan.own.holds("\\".join(values))):
        return None
    return _written(plan, "\\".join(values))


def _terms(raw: bytes, own: Own) -> bytes | None:
    """A value of VR CS, or several: those that are terms; the others say that they were removed."""
    values = [value.strip() for value in without_rows(raw.decode("latin-1")).split("\\")]
    stay = [is_term(value) and not own.holds(value) for value in values]
    if not checker("CS", 0)(raw) or not any(stay):  # type: ignore[misc]
        return None
    if own.holds("\\".join(value for value, stays in zip(values, stay, strict=True) if stays)):
        return None
    return "\\".join(value if stays else "REMOVED" for value, stays in zip(values, stay, strict=True)).encode("ascii")


def _reference(plan: Plan, tag: int, raw: bytes) -> bytes:
    text = reading(raw, plan.declared)
    known = by_tag("ours").get(tag)
    purpose = "accession" if tag == 0x00080050 else known["keyword"] if known else f"{tag:08X}"
    return plan.pseudonyms.reference(purpose, text).encode("ascii") if text else b""


def _fallback(plan: Plan, tag: int, decision: Decision, action: Action) -> Done:
    """An element without its value: absent, empty, or with a dummy."""
    if action is Action.REMOVE:
        return _GONE
    vr, value = decision.vr, b""
    if action is not Action.EMPTY:
        value = plan.pseudonyms.uid("").encode("ascii") if vr == "UI" else decision.dummy
    if vr == "SQ":
        value = write_item(_dummy_item(tag, plan.encoding), plan.encoding) if action is Action.DUMMY else b""
    return Done(write_element(tag, vr, value, plan.encoding), _TALLIES[action])


def _dummy_item(tag: int, encoding: Encoding) -> bytes:
    """What stands in a sequence that must have an item: a code that says so; in a report's tree, a text that does."""
    code = coded_item(*REMOVED, encoding)
    if tag != CONTENT_SEQUENCE:
        return code
    values = (
        (0x0040A010, "CS", b"CONTAINS"),
        (0x0040A040, "CS", b"TEXT"),
        (0x0040A043, "SQ", write_item(code, encoding)),
        (0x0040A160, "UT", b"REMOVED"),
    )
    return b"".join(write_element(at, vr, value, encoding) for at, vr, value in values)


def replaced_uids(pseudonyms: Pseudonymiser, raw: bytes) -> bytes:
    """UIDs, each replaced unless it is public."""
    return b"\\".join(_replaced_uid(pseudonyms, uid) for uid in raw.rstrip(b"\0 ").split(b"\\"))


def _replaced_uid(pseudonyms: Pseudonymiser, raw: bytes) -> bytes:
    uid = raw.strip(b"\0 ").decode("latin-1")
    if not uid or is_public_uid(uid):
        return uid.encode("ascii")
    return pseudonyms.uid(uid).encode("ascii")


def _sequence(passage: Passage, element: Element, decision: Decision, encoding: Encoding) -> Done:
    """A sequence with its items cleaned; items that hold a code of nobody else's use are left out. Of one that cannot
    stay, what was done within it counts too.
    """
    plan, out = passage.plan, passage.plan.encoding
    items = items_of(passage.data, element, encoding)
    if items is None or (not out.little and any(item.encoding is not out for item in items)):
        return _fallback(plan, element.tag, decision, decision.otherwise)
    inner = Passage(plan, passage.data, within=passage.within)
    contents = [rewritten_item(inner, item, element.tag) for item in items]
    left = [write_item(content, out) for content in contents if content is not None]
    done = Done(write_element(element.tag, "SQ", b"".join(left), out), ())
    if items and not left:
        done = _fallback(plan, element.tag, decision, decision.otherwise)
        inner.count([done])
    return Done(done.written, tuple(inner.counts.items()))


def rewritten_item(passage: Passage, item: Item, place: int) -> bytes | None:
    """The content of an item of the sequence ``place`` as written; None where none of it may be told."""
    where = place_of(passage.data, item, place, passage.plan.rules)
    written = rewrite(passage, item.elements, where, item.encoding)
    if place == CODING_SCHEMES and CODE_SCHEME not in written:
        return None
    found = {element.tag: element for element in item.elements}
    coded = next((tag for tag in CODE_VALUES if tag in found), None)
    if coded is None:
        # An entry by URN, or a meaning without its code, says nothing that may be told.
        return None if CODE_MEANING in found else b"".join(written[tag] for tag in sorted(written))
    value, scheme, meant = (text_of(passage.data, found.get(tag)) for tag in (coded, CODE_SCHEME, CODE_MEANING))
    entry = clean_code(value, scheme, meant)
    if entry is None:
        return None
    version = told_version(text_of(passage.data, found.get(CODE_SCHEME_VERSION)), passage.plan.own)
    return coded_item(*entry, passage.plan.encoding, tag=coded, version=version, others=written)


def told_version(version: str, own: Own = NOBODY) -> str:
    """The version of a coding scheme as it may be told: a number, and no day of the patient's."""
    return version if _VERSION.fullmatch(version) and not own.holds(version) else ""


def write_private(passage: Passage, elements: list[Element], encoding: Encoding) -> dict[int, bytes]:
    """The private elements that a rule lets through, with the creators of their blocks; all others are gone."""
    rules, written = passage.plan.rules.private, dict[int, bytes]()
    if rules:
        blocks = creators(passage.data, elements)
        for element in elements:
            rule = rule_of(rules, passage.data, blocks, element.tag)
            value = private_element(passage, element, rule, encoding) if rule else None
            if value is not None:
                written[element.tag] = value
                creator = blocks[element.tag & 0xFFFFFF00]
                name = passage.value(creator).strip(b"\0 ")
                written[creator.tag] = write_element(creator.tag, "LO", name, passage.plan.encoding)
    passage.counts[Action.REMOVE.value] += len(elements) - len(written)
    passage.counts[Action.KEEP.value] += len(written)
    return written


def private_element(passage: Passage, element: Element, rule: PrivateRule, encoding: Encoding) -> bytes | None:
    """A private element that a rule names, as written; None where its value is not what the rule is about."""
    plan, raw = passage.plan, passage.value(element)
    vr = private_vr(element.vr, rule)
    if vr == "SQ":
        return _private_sequence(passage, element, encoding) if rule.how == "keep" else None
    if vr in ("", "UR") or element.items is not None or element.fragments:  # an address has no form to be held to
        return None
    if len(raw) > TEXT_LIMIT and vr not in _LONG_VRS:
        return None
    if not plan.encoding.little and element.vr == "UN":
        return None
    value = _private_value(plan, raw, vr, rule)
    return None if value is None else write_element(element.tag, vr, value, plan.encoding)


def _private_sequence(passage: Passage, element: Element, encoding: Encoding) -> bytes | None:
    """A private sequence that a rule names, with what rules let through of its items; of one that cannot be read, and
    of one inside another, nothing.
    """
    if passage.within or (element.vr == "UN" and not passage.plan.encoding.little):
        return None
    unread = element if element.items is not None else element._replace(items=UNREAD)
    try:
        done = _sequence(Passage(passage.plan, passage.data, within=True), unread, _PRIVATE_SEQUENCE, encoding)
    except Refusal:
        return None
    passage.count([done])
    return done.written


def _private_date(plan: Plan, raw: bytes, vr: str, rule: PrivateRule) -> bytes | None:
    """A private date goes where the public ones go: one that moved beside exact ones would tell how far. Where the
    challenge says so, it moves in any case.
    """
    moves = (rule.rule, rule.how) == ("challenge", "shift")
    action = Action.SHIFT if moves else plan.rules.of_dates()
    if action is Action.KEEP:
        check = checker(vr, _ANY_PRIVATE)
        return raw if check and check(raw) else None
    return shifted(raw, plan.shift, vr) if action is Action.SHIFT else None


def _private_value(plan: Plan, raw: bytes, vr: str, rule: PrivateRule) -> bytes | None:
    if rule.rule != "challenge" and plan.own.counts(raw, vr):
        return None
    if rule.how in ANEW:
        return written_anew(rule.how, raw)
    match rule.how:
        case "shift":
            return _private_date(plan, raw, vr, rule)
        case "uid":
            return replaced_uids(plan.pseudonyms, raw)
        case "hash":
            return plan.pseudonyms.reference(rule.rule, reading(raw, plan.declared)).encode("ascii")
        case "empty":
            return b""
        case "replace":
            return (rule.value or "").encode("utf-8" if plan.declared else "ascii", "replace")
    return _private_kept(plan, raw, vr, rule)


def _private_kept(plan: Plan, raw: bytes, vr: str, rule: PrivateRule) -> bytes | None:
    """A private value that stays, as far as its VR lets it."""
    if vr in ("DA", "DT"):
        return _private_date(plan, raw, vr, rule)
    if vr == "UI":
        return replaced_uids(plan.pseudonyms, raw)
    if vr == "AS":
        return capped_age(raw)
    if vr == "CS" or vr in TEXT_VRS:
        return _encoded(plan, raw, is_name=False) if rule.rule == "challenge" else _words(plan, raw, vr)
    check = checker(vr, _ANY_PRIVATE)
    return raw if check is None or check(raw) else None
