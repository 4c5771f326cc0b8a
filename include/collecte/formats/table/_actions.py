"""What becomes of one cell, by its column's action."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from collecte.challenge import TableRules
from collecte.formats import Context
from collecte.formats.table._columns import Planned, plain
from collecte.formats.table._dates import parse_date, shifted
from collecte.formats.table._tally import Tally
from collecte.formats.table._text import Known, direct_identifiers, forms, names_somebody, tells_of_somebody
from collecte.pseudonym import is_placeholder_day
from collecte.records import Identifier

_UID = re.compile(r"[0-9]+(\.[0-9]+){2,}")
_UID_CHARACTERS = 64
_AGE = re.compile(
    r"(?P<over>[>≥]\s*)?(?P<years>\d{1,3})(?:[.,](?P<part>\d{1,4}))?\s*(?P<plus>\+)?\s*(?:ans?|y|yo|yrs?|years?)?"
)
_OLDEST = 130
#: A cell that starts so is run by a spreadsheet as a formula (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Session:
    """One table being made safe: what the actions need, and what they count."""

    context: Context
    rules: TableRules
    known: Known = field(default_factory=Known)
    tally: Tally = field(default_factory=Tally)
    actions: Counter[str] = field(default_factory=Counter)

    @property
    def coded(self) -> bool:
        """Whether the centre promised to send no direct identifier."""
        return self.context.centre.agreement.received_as == "coded"


@dataclass(frozen=True)
class Line:
    """The row that a cell stands in: its number, its subject, and, made when they are asked for, the word forms of its
    own identifiers."""

    number: int
    subject: str | None
    identifiers: Callable[[], Iterable[Identifier]]

    @cached_property
    def forms(self) -> frozenset[str]:
        return forms(self.identifiers())

    def __repr__(self) -> str:
        return f"Line({self.number})"


def safe_cell(text: str, column: Planned, line: Line, session: Session) -> str:
    """The cell as it is sent; empty stays empty."""
    return _ACTIONS[column.action](text, column, line, session) if text else ""


def _pseudonym(text: str, column: Planned, line: Line, session: Session) -> str:
    session.actions["replaced"] += 1
    return line.subject or ""


def _uid(text: str, context: Context) -> str:
    """As the images have it: replaced, unless they keep theirs (PS3.15, E.3.9)."""
    images = context.challenge.kinds.dicom
    return text if images and "retain_uids" in images.options else context.pseudonyms.uid(text)


def _reference(text: str, column: Planned, line: Line, session: Session) -> str:
    refers_to = column.rule.refers_to if column.rule else None
    match refers_to:
        case "file":
            replacement = _file(text, session.context)
        case "uid":
            valid = _UID.fullmatch(text) and len(text) <= _UID_CHARACTERS
            replacement = _uid(text, session.context) if valid else None
        case _:
            replacement = session.context.pseudonyms.reference("accession", text)
    if replacement is None:
        return _emptied("TABLE-REFERENCE-UNRESOLVED", column, line, session)
    session.actions["replaced"] += 1
    return replacement


def _file(text: str, context: Context) -> str | None:
    """Where a file name leads: as it stands, then without its folder (a path of the centre's own disk)."""
    path = text.replace("\\", "/").removeprefix("./")
    return context.reference(path) or context.reference(path.rsplit("/", 1)[-1])


def _keep(text: str, column: Planned, line: Line, session: Session) -> str:
    allowed = column.rule.values if column.rule else None
    if allowed is not None:
        value = _allowed(allowed).get(text) or _allowed(allowed).get(plain(text))
        return value if value is not None else _emptied("TABLE-VALUE-NOT-ALLOWED", column, line, session)
    if direct_identifiers(text, strict=False):
        return _direct(column, line, session)
    if tells_of_somebody(text):
        return _emptied("TABLE-TEXT-NOT-KEPT", column, line, session)
    return _neutral(text, ("=", "@"), column, line, session)


@cache
def _allowed(values: tuple[str, ...]) -> Mapping[str, str]:
    """Each allowed value by itself and, second, by its plain form."""
    return {plain(value): value for value in reversed(values)} | {value: value for value in values}


def _date(text: str, column: Planned, line: Line, session: Session) -> str:
    moment = parse_date(plain(text))
    if moment is None or line.subject is None or is_placeholder_day(moment):
        return _emptied("TABLE-DATE-UNREADABLE", column, line, session)
    session.actions["shifted"] += 1
    return shifted(moment, session.context.pseudonyms.shift(line.subject))


def _age(text: str, column: Planned, line: Line, session: Session) -> str:
    found = _AGE.fullmatch(plain(text))
    if found is None or int(found["years"]) > _OLDEST:
        return _emptied("TABLE-AGE-UNREADABLE", column, line, session)
    years, part = int(found["years"]), (found["part"] or "").rstrip("0")
    above = bool(part or found["over"] or found["plus"])
    if years > session.rules.age_cap or (years == session.rules.age_cap and above):
        session.actions["capped"] += 1
        return f"{session.rules.age_cap + 1}+"
    if found["over"] or found["plus"]:
        return _emptied("TABLE-AGE-UNREADABLE", column, line, session)
    return f"{years}.{part}" if part else str(years)


def _text(text: str, column: Planned, line: Line, session: Session) -> str:
    if direct_identifiers(text, strict=True):
        return _direct(column, line, session)
    if names_somebody(text, line.forms, session.known):
        return _emptied("TABLE-TEXT-NOT-KEPT", column, line, session)
    return _neutral(text, _FORMULA, column, line, session)


def _direct(column: Planned, line: Line, session: Session) -> str:
    code = "TABLE-IDENTIFIER-IN-CODED-TEXT" if session.coded else "TABLE-IDENTIFIER-IN-TEXT"
    return _emptied(code, column, line, session)


def _emptied(code: str, column: Planned, line: Line, session: Session) -> str:
    session.tally.add(code, column.number, line.number)
    session.actions["emptied"] += 1
    return ""


def _neutral(text: str, starts: tuple[str, ...], column: Planned, line: Line, session: Session) -> str:
    """The text, with an apostrophe before what a spreadsheet would run; line ends as LF."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if not lines.startswith(starts):
        return lines
    session.tally.add("TABLE-FORMULA", column.number, line.number)
    session.actions["neutralised"] += 1
    return f"'{lines}"


_ACTIONS: Mapping[str, Callable[[str, Planned, Line, Session], str]] = {
    "pseudonym": _pseudonym,
    "reference": _reference,
    "label": _keep,
    "keep": _keep,
    "date": _date,
    "age": _age,
    "text": _text,
}
