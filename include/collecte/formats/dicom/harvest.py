"""What identifies in it, who is it about, which object does it belong to? Read at every depth, private elements too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from collecte.findings import Finding, refused
from collecte.formats import Context
from collecte.formats.dicom import _people
from collecte.formats.dicom._elements import Element, vr_of
from collecte.formats.dicom._identity import PATIENT_ID, SPECIFIC_CHARACTER_SET, Identity, identity, rules_of
from collecte.formats.dicom._judge import look_of, losses, refusals
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._tables import by_tag
from collecte.formats.dicom._text import charsets, readings
from collecte.formats.dicom._wall import Refusal
from collecte.records import Harvest, Identifier, IdentifierKind, Look

_MANUFACTURER, _MODEL = 0x00080070, 0x00081090


@dataclass(frozen=True)
class _Met:
    """An element that may identify, where it was met. IDENTIFYING."""

    element: Element
    texts: frozenset[str]
    row: dict[str, str]

    def __repr__(self) -> str:
        return f"_Met({self.element.tag:08X})"


#: A name that no row of the table lists: a physician, an operator, a private element.
_STAFF_NAME = {"kind": "name", "whose": "staff", "letters": "", "incident": "", "unless": ""}


def harvest(source: Path, relative: str, context: Context) -> Harvest:
    """What one DICOM file says of itself, from its header alone.

    A refused file still gives its identifiers, as far as its header can be read: they are looked for in the others.

    Raises:
        OSError: the file cannot be read.
        Bug: the challenge does not collect DICOM.
    """
    del relative
    try:
        with opened_dicom(source) as dicom:
            return _harvested(dicom, context)
    except Refusal as refusal:
        return Harvest(name="", findings=(refusal.finding,))


def _harvested(dicom: Dicom, context: Context) -> Harvest:
    rules = rules_of(context)
    who = identity(dicom, context)
    met = list(_met(dicom, dicom.header.elements.values(), charsets(dicom.raw(SPECIFIC_CHARACTER_SET))))
    findings = refusals(dicom, who, rules)
    if not findings:
        if who.missing:
            findings = (Finding("DICOM-UID-GIVEN", place=", ".join(who.missing), count=len(who.missing)),)
        findings += tuple(losses(dicom, rules))
    if context.centre.agreement.received_as == "coded":
        findings += _incident(dicom, met)
    kept = frozenset(rules.options)
    machine = frozenset(
        _people.folded(text) for tag in (_MANUFACTURER, _MODEL) for text in readings(dicom.raw(tag), ()) if text
    )
    ruled = {rule.tag for rule in rules.attributes if rule.action == "keep"}
    known = (m for m in met if m.row["unless"] not in kept and m.element.tag not in ruled)
    found = (one for m in known for one in _identifiers(m, who, machine))
    return Harvest(
        name=who.name,
        subjects=(who.subject,) if who.subject else (),
        identifiers=frozenset(found),
        object_key=who.object_key or None,
        logical_id=who.logical_id or None,
        findings=findings,
        look=Look.NEVER if refused(findings) else look_of(dicom),
    )


def _met(dicom: Dicom, elements: Iterable[Element], declared: tuple[str, ...]) -> Iterator[_Met]:
    """Every element that may identify, at every depth; an item may declare a character set of its own."""
    table = by_tag("identifying")
    for element in elements:
        for item in dicom.items_of(element):
            own = next((e for e in item.elements if e.tag == SPECIFIC_CHARACTER_SET), None)
            yield from _met(dicom, item.elements, charsets(dicom.value(own)) if own else declared)
        row = table.get(element.tag)
        is_name = (element.vr or vr_of(element.tag)) == "PN"
        if element.items is None and (row or is_name):
            row = row or _STAFF_NAME
            yield _Met(element, readings(dicom.value(element), declared, is_name=is_name), row)


def _identifiers(met: _Met, who: Identity, machine: frozenset[str]) -> Iterator[Identifier]:
    """The identifiers in one element. A place or a member of staff called like the machine's maker is the maker."""
    kind = IdentifierKind(met.row["kind"])
    patient = met.row["whose"] == "patient"
    for value in _values(met):
        if patient or not any(_people.folded(value) in word for word in machine):
            yield Identifier(_sharper(kind, value), value, who.subject if patient else None)


def _values(met: _Met) -> Iterator[str]:
    """What identifies in the texts of one element."""
    kind = met.row["kind"]
    for text in met.texts:
        if kind == "name":
            yield from _people.names(text)
            continue
        for part in text.split("\\"):
            value = _judged(kind, part, letters=met.row["letters"] == "yes")
            if value is not None:
                yield value


def _judged(kind: str, text: str, *, letters: bool) -> str | None:
    match kind:
        case "id":
            return _people.identifier(text, letters=letters)
        case "birth_date":
            return _people.birth_date(text)
        case "phone":
            return text.strip() if "@" in text else _people.phone(text)
        case _:
            return _people.address(text)


def _sharper(kind: IdentifierKind, value: str) -> IdentifierKind:
    """Telecom information may be an e-mail address."""
    return IdentifierKind.EMAIL if kind is IdentifierKind.PHONE and "@" in value else kind


def _incident(dicom: Dicom, met: list[_Met]) -> tuple[Finding, ...]:
    """A coded delivery promised to send no direct identifier of a patient; names the attributes that hold one."""
    patient_id = max(readings(dicom.raw(PATIENT_ID), ()), default="")
    tags = {m.element.tag for m in met if m.row["whose"] == "patient" and _is_direct(m, patient_id)}
    table = by_tag("identifying")
    keywords = sorted(table[tag]["keyword"] for tag in tags)
    if not keywords:
        return ()
    return (Finding("DICOM-DIRECT-IDENTIFIER-IN-CODED", place=", ".join(keywords), count=len(keywords)),)


def _is_direct(met: _Met, patient_id: str) -> bool:
    match met.row["kind"] if met.row["incident"] == "yes" else "":
        case "":
            return False
        case "name":
            return any(_people.is_direct_name(text, patient_id) for text in met.texts)
        case "birth_date":
            # The first of January is how coded deliveries tell a year of birth.
            return any(value[4:] != "0101" for value in _values(met))
        case _:
            return any(value != patient_id for value in _values(met))
