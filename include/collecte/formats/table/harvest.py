"""What identifies in a table, and who is it about?"""

from pathlib import Path

from collecte.errors import Bug
from collecte.formats import Context
from collecte.formats.table._columns import known_columns, plan
from collecte.formats.table._identifiers import row_identifiers, row_subject
from collecte.formats.table._reading import Unreadable, open_table
from collecte.records import Harvest, Identifier


def harvest(source: Path, relative: str, context: Context) -> Harvest:
    """Every identifier of every row, the subjects of the rows that can be sent, and the name of the output. A table
    is an object by itself. A finding is given only where the table cannot be sent at all; :func:`make_safe` gives the
    others."""
    name = f"tables/{context.pseudonyms.keys.digest('output name', relative)[:16]}.csv"
    try:
        subjects, identifiers = _read(source, context)
    except Unreadable as problem:
        return Harvest(name, object_key=relative, findings=(problem.finding,))
    return Harvest(name, tuple(sorted(subjects)), frozenset(identifiers), object_key=relative)


def _read(source: Path, context: Context) -> tuple[set[str], set[Identifier]]:
    rules = context.challenge.kinds.table
    if rules is None:
        raise Bug("A table is read for a challenge that has no rules for tables.")
    subjects: set[str] = set()
    identifiers: set[Identifier] = set()
    rows = sendable = 0
    with open_table(source, lambda header: known_columns(header, rules)) as table:
        columns = plan(table.header, rules)
        for row in table.rows:
            rows += 1
            if (cells := row.fitted(len(table.header))) is None:
                continue
            subject = row_subject(columns, cells, context.pseudonyms)
            identifiers.update(row_identifiers(columns, cells, subject))
            if subject is not None:
                subjects.add(subject)
            sendable += subject is not None or columns.subject is None
    if not rows:
        raise Unreadable("TABLE-NO-ROWS")
    if not sendable:
        raise Unreadable("TABLE-NO-ROW-KEPT", count=rows)
    return subjects, identifiers
