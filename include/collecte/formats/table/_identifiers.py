"""What identifies in one row: for the harvest, and for the comparison of the row's own free text."""

from collections.abc import Iterator, Sequence

from collecte.formats.table._columns import Plan, plain
from collecte.formats.table._dates import birth_date
from collecte.formats.table._text import direct_identifiers
from collecte.pseudonym import Pseudonymiser, is_placeholder
from collecte.records import Identifier, IdentifierKind, PatientRef

_FEWEST_PHONE_DIGITS = 9


def row_subject(plan: Plan, cells: Sequence[str], pseudonyms: Pseudonymiser) -> str | None:
    """The pseudonym of the patient of a row, or None."""
    return None if plan.subject is None else pseudonyms.subject(PatientRef(cells[plan.subject]))


def row_identifiers(plan: Plan, cells: Sequence[str], subject: str | None) -> Iterator[Identifier]:
    """The identifiers in a row: of the columns that are known to hold some, and whatever has the form of an e-mail
    address, a telephone number or a NIR in free text and in columns that are not sent."""
    for column in plan.telling:
        cell = cells[column.number - 1]
        kind = column.identifies
        # A birth date is looked for in its own subject's files; nobody's cannot be looked for.
        if kind is not None and (subject or kind is not IdentifierKind.BIRTH_DATE) and not is_placeholder(cell):
            value = _value(kind, cell)
            if value is not None:
                yield Identifier(kind, value, subject)
        if not column.sent or column.action == "text":
            for found, value in direct_identifiers(cell, strict=True):
                yield Identifier(found, value, subject)


def _value(kind: IdentifierKind, cell: str) -> str | None:
    """The value as it is searched for, or None where the cell is none of its kind (``see file`` as a telephone
    number)."""
    match kind:
        case IdentifierKind.BIRTH_DATE:
            return birth_date(plain(cell))
        case IdentifierKind.PHONE:
            return cell if sum(c.isdigit() for c in cell) >= _FEWEST_PHONE_DIGITS else None
        case IdentifierKind.EMAIL:
            return cell if "@" in cell else None
        case IdentifierKind.NAME | IdentifierKind.ADDRESS:
            return cell if any(c.isalpha() for c in cell) else None
        case _:
            return cell
