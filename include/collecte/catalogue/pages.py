"""A delivery's rows in pages: what reads them holds a page in memory, however large the delivery is."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from collecte.catalogue import tables
from collecte.catalogue.engine import CHUNK_ROWS, chunks
from collecte.catalogue.files import FileRow, file_rows, select_files
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State

#: Files of a page, about 2 kB each.
PAGE_FILES = 2000

#: Of a statement, never of a connection, where it would hold for the writes that follow. On PostgreSQL a cursor.
_STREAMED = {"yield_per": CHUNK_ROWS}


def pages_of_delivery(connection: Connection, delivery_id: int, *states: State) -> Iterator[list[FileRow]]:
    """The files of a delivery in the order of their ids, all or those in some states, a page at a time.

    Each page is a query of its own: files of pages that were given may move meanwhile, in the same transaction.
    """
    first, last = _ends(connection, delivery_id)
    while page := file_rows(connection, _between(delivery_id, states, first, last).limit(PAGE_FILES)):
        yield page
        first = page[-1].id + 1


def sizes_of_delivery(connection: Connection, delivery_id: int, *states: State) -> Iterator[tuple[int, int]]:
    """Id and size (bytes: of the safe copy, where there is one) of the files of a delivery, by id."""
    file = tables.file.c
    statement = select(file.id, func.coalesce(file.safe_size, file.size)).order_by(file.id)
    statement = _of(statement, delivery_id, states)
    for row in connection.execute(statement, execution_options=_STREAMED):
        yield row[0], row[1]


def by_name(connection: Connection, delivery_id: int, state: State) -> Iterator[Sequence[RowMapping]]:
    """The files of a delivery in one state, a page at a time, in the order of their output names by code point: ``id``,
    ``name``, ``kind``, ``object_id``, ``safe_size``, ``safe_sha256``."""
    file = tables.file.c
    columns = select(file.id, file.name, file.kind, file.object_id, file.safe_size, file.safe_sha256)
    collation = "C" if connection.dialect.name == "postgresql" else "BINARY"
    statement = _of(columns, delivery_id, (state,)).order_by(file.name.collate(collation))
    yield from connection.execute(statement, execution_options=_STREAMED).mappings().partitions()


def subjects_of_files(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The pseudonyms of each of these files, sorted; files without a subject are left out."""
    link, subject = tables.file_subject.c, tables.subject.c
    statement = (
        select(link.file_id, subject.pseudonym)
        .join(tables.subject, subject.id == link.subject_id)
        .order_by(link.file_id, subject.pseudonym)
    )
    found: dict[int, list[str]] = {}
    for chunk in chunks(ids):
        for row in connection.execute(statement.where(link.file_id.in_(chunk))):
            found.setdefault(row.file_id, []).append(row.pseudonym)
    return {file_id: tuple(pseudonyms) for file_id, pseudonyms in found.items()}


def archives_of(connection: Connection, files: Iterable[FileRow]) -> list[FileRow]:
    """The archives that hold these files, and those that hold these."""
    found: dict[int, FileRow] = {}
    wanted = {row.origin_id for row in files if row.origin_id is not None}
    while wanted:
        rows: list[FileRow] = []
        for chunk in chunks(sorted(wanted)):
            rows += file_rows(connection, select_files().where(tables.file.c.id.in_(chunk)))
        found |= {row.id: row for row in rows}
        wanted = {row.origin_id for row in rows if row.origin_id is not None} - set(found)
    return list(found.values())


def shared_digests(connection: Connection, delivery_id: int, *states: State) -> frozenset[str]:
    """The path and logical digests that more than one file of a delivery has, of the files in these states."""
    found: set[str] = set()
    for column in (tables.file.c.path_digest, tables.file.c.logical_digest):
        statement = _of(select(column), delivery_id, states).where(column.is_not(None)).group_by(column)
        found |= set(connection.execute(statement.having(func.count() > 1)).scalars())
    return frozenset(found)


def each_identifier(connection: Connection, keys: Keys, delivery_id: int) -> Iterator[Identifier]:
    """All that identifies in a delivery, unsealed one by one. IDENTIFYING.

    Raises:
        NeedsPerson: a key is not in the ring, or a cell was altered.
    """
    of, subject = tables.identifier.c, tables.subject.c
    statement = (
        select(of.id, of.kind, of.sealed, of.key_id, subject.pseudonym)
        .join(tables.subject, subject.id == of.subject_id, isouter=True)
        .where(of.delivery_id == delivery_id)
    )
    for row in connection.execute(statement, execution_options=_STREAMED):
        value = keys.unseal(row.sealed, row.key_id, "identifier", "sealed", row.id)
        yield Identifier(IdentifierKind(row.kind), value, row.pseudonym)


def identifiers_digest(connection: Connection, delivery_id: int) -> str:
    """SHA-256 (hex) over the keyed digests of all that identifies in a delivery: another one where there is more."""
    of = tables.identifier.c
    statement = select(of.digest).where(of.delivery_id == delivery_id).order_by(of.digest)
    total = hashlib.sha256()
    for digest in connection.execute(statement, execution_options=_STREAMED).scalars():
        total.update(digest.encode())
    return total.hexdigest()


def _ends(connection: Connection, delivery_id: int) -> tuple[int, int]:
    file = tables.file.c
    ends = select(func.min(file.id), func.max(file.id)).where(file.delivery_id == delivery_id)
    first, last = connection.execute(ends).one()
    return first or 0, last or -1


def _between(delivery_id: int, states: Sequence[State], first: int, last: int) -> Select[*tuple[object, ...]]:
    file = tables.file.c
    # A delivery's ids lie close together. By the index of deliveries, each page would read and sort all of them.
    mine = (file.delivery_id + 0) == delivery_id
    statement = select_files().where(mine, file.id.between(first, last))
    return statement.where(file.state.in_([state.value for state in states])) if states else statement


def _of(statement: Select[Any], delivery_id: int, states: Sequence[State]) -> Select[Any]:
    statement = statement.where(tables.file.c.delivery_id == delivery_id)
    return statement.where(tables.file.c.state.in_([state.value for state in states])) if states else statement
