"""What becomes of each element of a file, and by which rule; for a person who asks. Values never show."""

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydicom.datadict import keyword_for_tag

from collecte.challenge import DicomRules
from collecte.findings import Finding
from collecte.formats import Context
from collecte.formats.dicom._codes import CODE_MEANING, CODE_SCHEME_VERSION, CODED
from collecte.formats.dicom._content import place_of
from collecte.formats.dicom._elements import Element, Encoding, Item, items_of, vr_of
from collecte.formats.dicom._identity import SOP_CLASS_UID, identity, rules_of
from collecte.formats.dicom._judge import look_of, refusals
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._pixels import splice
from collecte.formats.dicom._private import ANEW, PrivateRule, creators, rule_of
from collecte.formats.dicom._rewrite import Done, Passage, apply, private_element, rewritten_item, told_version
from collecte.formats.dicom._rules import CODING_SCHEMES, COLUMNS, TOP, Action, Decision
from collecte.formats.dicom._stamps import METHODS
from collecte.formats.dicom._tables import rows
from collecte.formats.dicom._text import reading
from collecte.formats.dicom._wall import Refusal
from collecte.formats.dicom.make_safe import plan_of
from collecte.records import Look

#: The edition of the standard whose table E.1-1 the rules are.
EDITION = "2026c"
TABLE = f"e1_1_{EDITION}"


@dataclass(frozen=True)
class Explained:
    """One element: how deep it stands, what it is, what its value looked like (letters as ``x``, digits as ``9``),
    what became of it, and by which rule. An item of a sequence, and what is no element, has no tag and no VR.
    """

    depth: int
    tag: int
    vr: str
    keyword: str
    masked: str
    outcome: str
    rule: str


@dataclass(frozen=True)
class Explanation:
    """A whole file: why it is refused, where it is, and its elements, as far as they can be read.

    ``sop_class``: its name, ``transfer_syntax``: the output's UID, both empty where the file is refused; ``look``:
    whether text is looked for in its pixels.
    """

    findings: tuple[Finding, ...]
    elements: tuple[Explained, ...] = ()
    sop_class: str = ""
    transfer_syntax: str = ""
    look: Look = Look.NEVER


#: Characters of a masked value that are shown, bytes that are read for them, and elements of one file.
_SHOWN, _READ, _MOST = 40, 160, 20_000
#: Signs of a masked value that stay; every other character that is no digit becomes an ``x``.
_SIGNS, _PARTS = frozenset(string.punctuation + " "), frozenset(" ^=\\")
_BINARY_VRS = frozenset("OB OW OF OD OL OV UN US SS UL SL UV SV FL FD AT".split())  # noqa: SIM905
_LEFT_OUT = "coded entry: no code of a public scheme"


def in_force(rules: DicomRules) -> dict[str, Any]:
    """The challenge's rules for this kind as a report shows them; ``edition``: of the standard."""
    said = rules.model_dump(mode="json", exclude_none=True)
    return {"profile": said.pop("profile"), "edition": EDITION, **said}


@dataclass(frozen=True)
class OptionShown:
    """An option of PS3.15, E.3: its code and name in CID 7050, and the attributes of table E.1-1 that it keeps and
    cleans; none of the two options about pixels, which have no column.
    """

    name: str
    code: str
    meaning: str
    keeps: tuple[str, ...]
    cleans: tuple[str, ...]


def options() -> list[OptionShown]:
    """Every option, in the order of the codes."""
    shown = []
    for name, (code, meaning) in sorted(METHODS.items(), key=lambda item: item[1]):
        column = COLUMNS.get(name)
        said = [(row[column], row["keyword"] or row.get("tag", "")) for row in rows(TABLE)] if column else []
        keeps, cleans = (tuple(keyword for letter, keyword in said if letter == wanted) for wanted in "KC")
        shown.append(OptionShown(name, code, meaning, keeps, cleans))
    return shown


def rule_table(name: str) -> list[dict[str, str]]:
    """The rows of ``rules/<name>.csv``, for a page."""
    return rows(name)


def explain(source: Path, context: Context) -> Explanation:
    """What :func:`~collecte.formats.dicom.make_safe.make_safe` does with each element of a file.

    Raises:
        OSError: the file cannot be read.
        Bug: the challenge does not collect DICOM.
    """
    try:
        with opened_dicom(source) as dicom:
            who = identity(dicom, context)
            found = refusals(dicom, who, rules_of(context))
            if found:
                return Explanation(found)
            plan, stamped = plan_of(dicom, who, context)
            told = _told(Passage(plan, dicom.data), dicom.header.elements.values(), TOP, dicom.encoding, 0)
            elements = (*_stamped(_first(told), stamped), *_rest(dicom))
            splice(dicom, lambda data: None)  # may refuse the file
            name = next(row["name"] for row in rows("sop_classes") if row["uid"] == dicom.word(SOP_CLASS_UID))
            return Explanation((), elements, name, dicom.transfer_syntax, look_of(dicom))
    except Refusal as refusal:
        return Explanation((refusal.finding,))


def _first(told: Iterator[Explained]) -> Iterator[Explained]:
    for number, one in enumerate(told):
        if number == _MOST:
            yield Explained(0, 0, "", "…", "", "not shown", f"more than {_MOST} elements")
            return
        yield one


def _stamped(told: Iterator[Explained], stamped: Mapping[int, bytes]) -> list[Explained]:
    """What the output says of itself takes the place of what the file said, or is added (PS3.15, E.1.1)."""
    done, new = list[Explained](), dict(stamped)
    for one in told:
        if one.depth == 0 and new.pop(one.tag, None) is not None:
            outcome = "written anew" if one.outcome != "pseudonym" else one.outcome
            one = replace(one, outcome=outcome, rule=_why_stamped(one.tag))
        done.append(one)
    keywords = {tag: keyword_for_tag(tag) for tag in new}
    done.extend(Explained(0, tag, vr_of(tag), keywords[tag], "", "added", _why_stamped(tag)) for tag in sorted(new))
    return done


def _why_stamped(tag: int) -> str:
    if tag >> 16 == 0x0010:
        return "Collecte: the subject's pseudonym"
    return "PS3.5 6.1: text is written in UTF-8" if tag >> 16 == 0x0008 else "PS3.15 E.1.1: says what was done"


def _told(
    passage: Passage, elements: Iterable[Element], place: int, encoding: Encoding, depth: int
) -> Iterator[Explained]:
    elements = tuple(elements)
    private = _private(passage, [e for e in elements if e.tag >> 16 & 1], encoding, depth)
    for element in elements:
        if element.tag >> 16 & 1:
            yield private[element.tag]
            continue
        decision = passage.plan.rules.decide(place, element.tag)
        if decision.action is Action.ITEMS:
            yield from _sequence(passage, element, decision, encoding, depth)
            continue
        done = apply(passage, element, decision, encoding)
        outcome = _outcome(passage, element, decision, done)
        yield _explained(passage, element, depth, outcome, _because(decision, outcome))


def _outcome(passage: Passage, element: Element, decision: Decision, done: Done) -> str:
    """What was done, which is not always what was decided: a value that is not of its VR does not stay."""
    name = done.tally[0][0] if done.tally else Action.REMOVE.value
    if done.written is None or name not in (Action.KEEP.value, "replaced", "shifted"):
        return _NAMED.get(name, name)
    raw = passage.value(element).strip(_PADDING)
    same = raw in (done.written[8:].strip(_PADDING), done.written[12:].strip(_PADDING))  # behind a short or a long head
    return "kept" if same else _CHANGED.get(decision.action, name)


_PADDING = b"\0 "
_NAMED = {Action.DUMMY.value: "dummy value"}
_CHANGED = {
    Action.KEEP: "rewritten",
    Action.CLEAN: "cleaned",
    Action.AGE: "capped",
    Action.UID: "UID replaced",
    Action.REFERENCE: "reference replaced",
    Action.SUBJECT: "pseudonym",
    Action.PROFILE: "written anew",
}


def _because(decision: Decision, outcome: str) -> str:
    """The rule, and why a value went that the rule would have kept."""
    if outcome in ("removed", "emptied", "dummy value"):
        if decision.action is Action.CLEAN:
            return f"{decision.rule}; no word of it is known"
        if decision.action not in (Action.REMOVE, Action.EMPTY, Action.DUMMY):
            return f"{decision.rule}; not a value of its kind"
    return decision.rule


def _sequence(
    passage: Passage, element: Element, decision: Decision, encoding: Encoding, depth: int
) -> Iterator[Explained]:
    """A sequence whose items are cleaned, and what becomes of each."""
    done = apply(passage, element, decision, encoding)
    items = items_of(passage.data, element, encoding)
    if done.written is None or not any(_stays(passage, item, element.tag) for item in items or ()):
        outcome = "removed" if done.written is None else "emptied"
        if items == ():
            outcome = "kept"
        elif done.written is not None and decision.otherwise is Action.DUMMY:
            outcome = "dummy value"
        why = f"{decision.rule}; no item may stay" if items else decision.rule
        yield _explained(passage, element, depth, outcome, why)
        return
    yield _explained(passage, element, depth, "items below", decision.rule)
    for number, item in enumerate(items or (), 1):
        if not _stays(passage, item, element.tag):
            yield Explained(depth + 1, 0, "", f"item {number}", "", "removed", _LEFT_OUT)
            continue
        if len(items or ()) > 1:
            yield Explained(depth + 1, 0, "", f"item {number}", "", "", "")
        own = {inner.tag: inner for inner in item.elements}
        place = place_of(passage.data, item, element.tag, passage.plan.rules)
        for one in _told(passage, item.elements, place, item.encoding, depth + 1):
            coded = one.depth == depth + 1 and one.tag in CODED and element.tag != CODING_SCHEMES
            yield _coded(passage, own.get(one.tag), one) if coded else one


def _stays(passage: Passage, item: Item, place: int) -> bool:
    """Whether an item stays: one that is a coded entry, or names a coding scheme, does where that may be told."""
    return rewritten_item(Passage(passage.plan, passage.data), item, place) is not None


def _coded(passage: Passage, element: Element | None, one: Explained) -> Explained:
    """The code and its scheme stay, the meaning is one that the standard gives it: whatever stood there is not copied,
    unless it is one of these."""
    outcome = "kept"
    if one.tag == CODE_MEANING:
        outcome = "written anew"
    elif one.tag == CODE_SCHEME_VERSION:
        text = passage.value(element).strip(_PADDING).decode("latin-1") if element else ""
        outcome = "kept" if told_version(text) else "removed"
    return replace(one, outcome=outcome, rule="coded entry: the meaning that its scheme gives it")


def _private(passage: Passage, elements: list[Element], encoding: Encoding, depth: int) -> dict[int, Explained]:
    """The private elements of one data set, by tag; a creator stays where one of its elements does."""
    blocks, told, used = creators(passage.data, elements), dict[int, Explained](), set[int]()
    for element in elements:
        rule = rule_of(passage.plan.rules.private, passage.data, blocks, element.tag)
        stays = rule is not None and private_element(passage, element, rule, encoding) is not None
        outcome = _HOW.get(rule.how, rule.how) if rule and stays else "removed"
        told[element.tag] = _explained(passage, element, depth, outcome, _why_private(rule))
        used |= {blocks[element.tag & 0xFFFFFF00].tag} if stays else set()
    for creator in blocks.values():
        outcome = "kept" if creator.tag in used else "removed"
        told[creator.tag] = replace(told[creator.tag], outcome=outcome, rule="PS3.5 7.8.1: private creator")
    return told


_HOW = {"keep": "kept or cleaned", "shift": "shifted", "uid": "UID replaced"}
_HOW |= dict.fromkeys(ANEW, "written anew")
_HOW |= {"hash": "reference replaced", "empty": "emptied", "replace": "replaced"}


def _why_private(rule: PrivateRule | None) -> str:
    return rule.rule if rule else "E.1-1 X: private"


def _explained(passage: Passage, element: Element, depth: int, outcome: str, rule: str) -> Explained:
    vr = element.vr or vr_of(element.tag) or "UN"
    keyword = keyword_for_tag(element.tag) or ("private" if element.tag >> 16 & 1 else "unknown")
    return Explained(depth, element.tag, vr, keyword, _masked(passage, element, vr), outcome, rule)


def _masked(passage: Passage, element: Element, vr: str) -> str:
    """The shape of a value: none of its letters and digits is shown, in whatever alphabet and character set."""
    if element.items is not None or vr == "SQ":
        return "sequence"
    if vr.split(" or ")[0] in _BINARY_VRS or element.fragments:
        return f"{element.end - element.value} bytes"
    raw = passage.data[element.value : min(element.end, element.value + _READ)]
    text = reading(raw, passage.plan.declared, is_name=vr == "PN")
    plain = raw.isascii() and b"\x1b" not in raw  # else a sign may be half of a character
    signs = _SIGNS if plain else _PARTS
    shape = "".join("9" if c.isdecimal() else c if c in signs else "x" for c in text)
    return shape if len(shape) <= _SHOWN else f"{shape[: _SHOWN - 1]}…"


def _rest(dicom: Dicom) -> Iterator[Explained]:
    """What is not an element of the header."""
    if dicom.header.pixels is not None:
        tag = dicom.header.pixels.tag
        what = "fragments, their comments blanked" if dicom.fragments else "bit by bit"
        yield Explained(0, tag, dicom.header.pixels.vr, keyword_for_tag(tag), "pixels", "kept", what)
    yield Explained(0, 0, "", "preamble, file meta information", "", "written anew", "PS3.10 7.1")
    yield Explained(0, 0, "", "whatever follows the pixel data", "", "removed", "PS3.10 7.2")
