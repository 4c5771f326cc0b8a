"""What identifies in one row: for the harvest, and for the comparison of the row's own free text."""

from collections.abc import Iterator, Sequence

from collecte.formats.table._columns import Plan, Planned, plain
from collecte.formats.table._dates import birth_date
from collecte.formats.table._text import direct_identifiers
from collecte.pseudonym import Pseudonymiser, is_placeholder
from collecte.records import Identifier, IdentifierKind, PatientRef

_FEWEST_PHONE_DIGITS = 9


def row_subject(plan: Plan, cells: Sequence[str], pseudonyms: Pseudonymiser) -> str | None:
    """The pseudonym of the patient of a row, or None."""
    return None if plan.subject is None else pseudonyms.subject(PatientRef(cells[plan.subject]))


def row_identifiers(plan: Plan, cells: Sequence[str], subject: str | None) -> Iterator[Identifier]:
    """The identifiers in a row: of the pseudonym column, of accession numbers, of columns that are not sent and whose
    header announces one, of birth dates even where they are sent shifted, and whatever has the form of an e-mail
    address, a telephone number or a NIR in free text and in columns that are not sent."""
    for column, cell in zip(plan.columns, cells, strict=True):
        kind = _kind(column)
        # A birth date is looked for in its own subject's files; nobody's cannot be looked for.
        if kind is not None and (subject or kind is not IdentifierKind.BIRTH_DATE) and not is_placeholder(cell):
            value = _value(kind, cell)
            if value is not None:
                yield Identifier(kind, value, subject)
        if not column.sent or column.action == "text":
            for found, value in direct_identifiers(cell, strict=True):
                yield Identifier(found, value, subject)


def _kind(column: Planned) -> IdentifierKind | None:
    if column.action == "pseudonym" or (column.rule and column.rule.refers_to == "accession"):
        return IdentifierKind.ID
    if column.action == "date" and column.identifier is IdentifierKind.BIRTH_DATE:
        return IdentifierKind.BIRTH_DATE
    return None if column.sent else column.identifier


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
