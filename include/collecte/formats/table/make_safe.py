"""Make it safe: the columns that the challenge's rules name, cell by cell, in a new file."""

import csv
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from collecte.errors import Bug
from collecte.findings import refused
from collecte.formats import Context
from collecte.formats.table._actions import Line, Session, safe_cell
from collecte.formats.table._columns import Plan, Planned, known_columns, plan
from collecte.formats.table._identifiers import row_identifiers, row_subject
from collecte.formats.table._reading import Row, Table, Unreadable, open_table
from collecte.formats.table._text import KNOWN_LIMIT, Known, direct_identifiers, forms
from collecte.pseudonym import is_placeholder
from collecte.records import IdentifierKind, Safe

#: Kinds that a centre that promised coded data does not send, not even in a column that is dropped here.
_DIRECT = frozenset(
    (IdentifierKind.NAME, IdentifierKind.NIR, IdentifierKind.ADDRESS, IdentifierKind.PHONE, IdentifierKind.EMAIL)
)


def make_safe(source: Path, target: Path, name: str, context: Context) -> Safe:
    """Write the safe copy: UTF-8, comma, LF, columns in the order of the rules under the rules' names. Where a finding
    refuses, nothing is left at ``target``. ``actions`` counts cells, except ``rows`` sent and ``columns_removed``.

    Free text is compared with the identifiers of its whole table, so a table with such a column is read twice.
    """
    rules = context.challenge.kinds.table
    if rules is None:
        raise Bug("A table is made safe for a challenge that has no rules for tables.")
    session = Session(context, rules)
    part = target.with_name(f"{target.name}.part")
    try:
        session.known = _known(source, session)
        with part.open("wb") as file:
            output = _Hashed(file)
            _copy(source, output, session)
            file.flush()
            if context.durable:
                os.fsync(file.fileno())
        findings = session.tally.findings()
        if not refused(findings):
            part.replace(target)
            return Safe(output.sha256.hexdigest(), output.size, findings, dict(sorted(session.actions.items())))
    except Unreadable as problem:
        findings = (*session.tally.findings(), problem.finding)
    finally:
        part.unlink(missing_ok=True)
    target.unlink(missing_ok=True)
    return Safe("", 0, findings)


class _Hashed:
    """Text into a file, hashed and counted as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, text: str) -> int:
        raw = text.encode("utf-8")
        self.sha256.update(raw)
        self.size += len(raw)
        return self._file.write(raw)


def _known(source: Path, session: Session) -> Known:
    """The word forms of all identifiers of the table, if it has free text to compare with them."""
    known: set[str] = set()
    with _opened(source, session) as (table, columns):
        if all(column.action != "text" for column in columns.sent):
            return Known()
        for row in table.rows:
            cells = row.fitted(len(table.header))
            if cells is not None and len(known) < KNOWN_LIMIT:
                known |= forms(row_identifiers(columns, cells, None))
    return Known.of(known)


def _copy(source: Path, output: _Hashed, session: Session) -> None:
    """Every row that can be sent.

    Raises:
        Unreadable: there is none, or the table breaks off.
    """
    writer = csv.writer(output, delimiter=",", lineterminator="\n")
    rows = kept = 0
    with _opened(source, session) as (table, columns):
        writer.writerow([column.output for column in columns.sent])
        told = _tell_columns(table, columns, session)
        for row in table.rows:
            rows += 1
            cells = _safe_row(row, columns, session, told)
            if cells is not None:
                writer.writerow(cells)
                kept += 1
    if not rows:
        raise Unreadable("TABLE-NO-ROWS")
    if not kept:
        raise Unreadable("TABLE-NO-ROW-KEPT", count=rows)
    session.actions["rows"] += kept


@contextmanager
def _opened(source: Path, session: Session) -> Iterator[tuple[Table, Plan]]:
    with open_table(source, lambda header: known_columns(header, session.rules)) as table:
        yield table, plan(table.header, session.rules)


def _tell_columns(table: Table, columns: Plan, session: Session) -> set[int]:
    """Tell of the columns that no rule names, and give the numbers of those told; one without a header is told of
    when a cell of it holds something."""
    told: set[int] = set()
    if columns.subject is None:
        session.tally.add("TABLE-NO-SUBJECT-COLUMN")
    for column, header in zip(columns.columns, table.header, strict=True):
        if column.rule is None and header:
            _tell(column, told, session)
    return told


def _tell(column: Planned, told: set[int], session: Session) -> None:
    told.add(column.number)
    session.tally.add("TABLE-COLUMN-NOT-LISTED", column.number)
    session.actions["columns_removed"] += 1


def _safe_row(row: Row, columns: Plan, session: Session, told: set[int]) -> list[str] | None:
    """The cells that are sent, or None where the row is not."""
    cells = row.fitted(len(columns.columns))
    if cells is None:
        session.tally.add("TABLE-RAGGED-ROW", row=row.number)
        return None
    _look_at_unsent(row.number, cells, columns, session, told)
    subject = row_subject(columns, cells, session.context.pseudonyms)
    if subject is None and columns.subject is not None:
        session.tally.add("TABLE-ROW-WITHOUT-SUBJECT", row=row.number)
        return None
    line = Line(row.number, subject, lambda: row_identifiers(columns, cells, subject))
    return [safe_cell(cells[column.number - 1], column, line, session) for column in columns.sent]


def _look_at_unsent(number: int, cells: list[str], columns: Plan, session: Session, told: set[int]) -> None:
    for column in columns.unsent:
        cell = cells[column.number - 1]
        if not cell:
            continue
        if column.rule is None and column.number not in told:
            _tell(column, told, session)
        if session.coded and not is_placeholder(cell) and _is_direct(column, cell):
            session.tally.add("TABLE-IDENTIFIER-IN-CODED", column.number, number)


def _is_direct(column: Planned, cell: str) -> bool:
    return column.identifier in _DIRECT or bool(direct_identifiers(cell, strict=False))
