"""What becomes of each element of a file, and by which rule; for a person who asks. Values never show."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import keyword_for_tag

from collecte.findings import Finding
from collecte.formats import Context
from collecte.formats.dicom._elements import Element, Encoding, Item, items_of, vr_of
from collecte.formats.dicom._judge import identity, refusals, rules_of
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._private import creators, rule_of
from collecte.formats.dicom._rewrite import Passage, apply, private_element
from collecte.formats.dicom._rules import TOP, Action
from collecte.formats.dicom._wall import Refusal
from collecte.formats.dicom.make_safe import plan_of


@dataclass(frozen=True)
class Explained:
    """One element: how deep it stands, what it is, what its value looked like (letters as ``x``, digits as ``9``),
    what became of it, and by which rule.
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
    """A whole file: why it is refused, where it is, and its elements, as far as they can be read."""

    findings: tuple[Finding, ...]
    elements: tuple[Explained, ...]


#: Characters of a masked value that are shown, and elements of one file.
_SHOWN, _MOST = 40, 20_000
_OUTCOMES = {Action.SUBJECT: "pseudonym", Action.UID: "UID replaced", Action.SHIFT: "shifted"}


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
                return Explanation(found, ())
            plan, _ = plan_of(dicom, who, context)
            told = _told(Passage(plan, dicom.data), dicom.header.elements.values(), TOP, dicom.encoding, 0)
            return Explanation((), (*_first(told), *_rest(dicom)))
    except Refusal as refusal:
        return Explanation((refusal.finding,), ())


def _first(told: Iterator[Explained]) -> Iterator[Explained]:
    for number, one in enumerate(told):
        if number == _MOST:
            yield Explained(0, 0, "", "…", "", "not shown", f"more than {_MOST} elements")
            return
        yield one


def _told(
    passage: Passage, elements: Iterable[Element], place: int, encoding: Encoding, depth: int
) -> Iterator[Explained]:
    elements = tuple(elements)
    blocks = creators(passage.data, elements)
    for element in elements:
        if element.tag >> 16 & 1:
            yield _private(passage, element, blocks, encoding, depth)
            continue
        decision = passage.plan.rules.decide(place, element.tag)
        done = apply(passage, element, decision, encoding)
        outcome = "removed" if done.written is None else _outcome(passage, element, decision.action, done.written)
        yield _explained(passage, element, depth, outcome, decision.rule)
        if decision.action is Action.ITEMS and done.written is not None:
            for item in items_of(passage.data, element, encoding) or ():
                yield from _items(passage, item, element.tag, depth)


def _items(passage: Passage, item: Item, place: int, depth: int) -> Iterator[Explained]:
    yield from _told(passage, item.elements, place, item.encoding, depth + 1)


def _outcome(passage: Passage, element: Element, action: Action, written: bytes) -> str:
    """What was done, which is not always what was decided: a value that is not of its VR does not stay."""
    if action is Action.ITEMS:
        return "items below" if element.items is not None else "emptied or dummy"
    raw = passage.value(element).strip(b"\0 ")
    if written == passage.data[element.start : element.end] or (raw and raw in written):
        return "kept"
    if action in (Action.KEEP, Action.CLEAN):
        return "cleaned" if action is Action.CLEAN else "rewritten"
    return _OUTCOMES.get(action, str(action.value))


def _private(
    passage: Passage, element: Element, blocks: dict[int, Element], encoding: Encoding, depth: int
) -> Explained:
    rules = passage.plan.rules.private
    if element.tag & 0xFF00 == 0:
        return _explained(passage, element, depth, "with its elements", "PS3.5 7.8.1: private creator")
    rule = rule_of(rules, passage.data, blocks, element.tag)
    if rule is None:
        return _explained(passage, element, depth, "removed", "E.1-1 X: private")
    stays = private_element(passage, element, rule, encoding) is not None
    return _explained(passage, element, depth, rule.how if stays else "removed", rule.rule)


def _explained(passage: Passage, element: Element, depth: int, outcome: str, rule: str) -> Explained:
    vr = element.vr or vr_of(element.tag) or "UN"
    keyword = keyword_for_tag(element.tag) or ("private" if element.tag >> 16 & 1 else "unknown")
    return Explained(depth, element.tag, vr, keyword, _masked(passage, element, vr), outcome, rule)


def _masked(passage: Passage, element: Element, vr: str) -> str:
    """The shape of a value: its letters and digits are never shown."""
    if element.items is not None or vr == "SQ":
        return "sequence"
    if vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "US", "SS", "UL", "SL", "FL", "FD", "AT"):
        return f"{element.end - element.value} bytes"
    text = passage.value(element).strip(b"\0 ").decode("latin-1")
    shape = "".join("9" if c.isdigit() else "x" if c.isalnum() else c if c.isprintable() else "?" for c in text)
    return shape if len(shape) <= _SHOWN else f"{shape[: _SHOWN - 1]}…"


def _rest(dicom: Dicom) -> Iterator[Explained]:
    """What is not an element of the header."""
    if dicom.header.pixels is not None:
        tag = dicom.header.pixels.tag
        what = "fragments, their comments blanked" if dicom.fragments else "bit by bit"
        yield Explained(0, tag, dicom.header.pixels.vr, keyword_for_tag(tag), "pixels", "kept", what)
    yield Explained(0, 0, "", "preamble, file meta information", "", "written anew", "PS3.10 7.1")
    yield Explained(0, 0, "", "whatever follows the pixel data", "", "removed", "PS3.10 7.2")
