"""What identifies in a table, and who is it about?"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
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
        subjects = _subjects(source, context)
    except Unreadable as problem:
        # What could be read of it names people all the same, and is looked for in every other file.
        return Harvest(name, (), _Identifiers(source, context), object_key=relative, findings=(problem.finding,))
    return Harvest(name, subjects, _Identifiers(source, context), object_key=relative)


@dataclass(frozen=True, eq=False)
class _Identifiers(Set[Identifier]):
    """What identifies in every row of a table, read from it each time: a long one would fill the memory. A value that
    stands in several rows comes several times where they are taken one by one. A table that cannot be read to its end
    gives those of the rows before. IDENTIFYING.
    """

    source: Path
    context: Context

    def __iter__(self) -> Iterator[Identifier]:
        try:
            for _, identifiers in _rows(self.source, self.context):
                yield from identifiers
        except Unreadable:
            return  # the harvest's finding says so

    def __len__(self) -> int:
        return len(frozenset(iter(self)))

    def __contains__(self, value: object) -> bool:
        return any(value == identifier for identifier in self)

    def __repr__(self) -> str:
        return "_Identifiers(…)"


def _subjects(source: Path, context: Context) -> tuple[str, ...]:
    """The subjects of the rows that can be sent.

    Raises:
        Unreadable: none can.
    """
    rows = sendable = 0
    subjects: set[str] = set()
    for sent, _ in _rows(source, context):
        rows += 1
        if sent is not None:
            sendable += 1
            subjects |= {sent} if sent else set()
    if not rows:
        raise Unreadable("TABLE-NO-ROWS")
    if not sendable:
        raise Unreadable("TABLE-NO-ROW-KEPT", count=rows)
    return tuple(sorted(subjects))


def _rows(source: Path, context: Context) -> Iterator[tuple[str | None, Iterable[Identifier]]]:
    """Of each row its subject (None where the row cannot be sent; empty where the table has no subjects), and its
    identifiers, made as they are taken.
    """
    rules = context.challenge.kinds.table
    if rules is None:
        raise Bug("A table is read for a challenge that has no rules for tables.")
    with open_table(source, lambda header: known_columns(header, rules)) as table:
        columns = plan(table.header, rules)
        for row in table.rows:
            if (cells := row.fitted(len(table.header))) is None:
                yield None, ()
                continue
            subject = row_subject(columns, cells, context.pseudonyms)
            sent = subject if columns.subject is not None else subject or ""
            yield sent, row_identifiers(columns, cells, subject)
