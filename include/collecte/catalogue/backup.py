"""A catalogue copied whole, while others write: out of either database into an SQLite file, and back into either.

One snapshot, row by row. The copy is itself a catalogue: `collecte audit verify` reads it where it lies. Killed while
it is made, no file of its name is there; killed while it is put back, no row is.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, Table, bindparam, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import CHUNK_ROWS, Catalogue, chunks, insert_rows, open_catalogue
from collecte.catalogue.reseal import SEALED
from collecte.errors import NeedsPerson
from collecte.keys import Keys

#: An attempt of before is one of at most so many; after it was put back, none of them holds its lease.
_ATTEMPTS = 1000


def back_up(catalogue: Catalogue, file: Path) -> dict[str, int]:
    """Copy the catalogue into a new file, readable by its owner alone; the rows by table.

    Raises:
        NeedsPerson: the file exists, or cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    beside = [part.with_name(f"{part.name}{end}") for end in ("-wal", "-shm", "-journal")]
    try:
        if file.exists():
            raise NeedsPerson(f"{file} exists; a backup is never overwritten.", "name a new file.")
        for left in (part, *beside):
            left.unlink(missing_ok=True)  # a killed attempt's
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copy = open_backup(part, upgrade=True)
        with catalogue.read() as rows, copy.transaction() as into:
            counts = _copy_all(rows, into)
        copy.close()
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
    except OSError as error:
        raise NeedsPerson(
            f"The backup {file} cannot be written: {error.strerror}.",
            "name a file in a folder that exists, on a disk with space, and that you may write to.",
        ) from None
    return counts


def open_backup(file: Path, *, upgrade: bool = False) -> Catalogue:
    """A backup as the catalogue that it is.

    Raises:
        NeedsPerson: there is none in that file, or of another version.
    """
    if not file.is_file():
        raise NeedsPerson(f"There is no file {file}.", "name a file that `collecte catalogue backup` wrote.")
    url = URL.create("sqlite", database=str(file.absolute()))
    return open_catalogue(url.render_as_string(hide_password=False), upgrade=upgrade)


def put_back(backup: Catalogue, catalogue: Catalogue) -> dict[str, int]:
    """Copy a backup into an empty catalogue; the rows by table.

    Every attempt that began before is overtaken: what still runs of it stops at its next write, and what it had
    received whole is used by the next.

    Raises:
        NeedsPerson: the catalogue is not empty.
    """
    shard = tables.shard.c
    overtaken = update(tables.shard).where(shard.done_at.is_(None)).values(attempt=shard.attempt + _ATTEMPTS)
    with backup.read() as rows, catalogue.transaction() as into:
        _refuse_unless_empty(into)
        counts = _copy_all(rows, into)
        into.execute(overtaken)
    return counts


def _copy_all(rows: Connection, into: Connection) -> dict[str, int]:
    counts = {table.name: _copy(rows, into, table) for table in tables.metadata.sorted_tables}
    _point(rows, into)
    return counts


def refuse_unless_empty(catalogue: Catalogue) -> None:
    """Raises NeedsPerson where a catalogue has rows already: a backup is never put over them."""
    with catalogue.read() as connection:
        _refuse_unless_empty(connection)


def _refuse_unless_empty(connection: Connection) -> None:
    if any(connection.execute(select(table).limit(1)).first() for table in tables.metadata.sorted_tables):
        raise NeedsPerson(
            "The catalogue that COLLECTE_CATALOGUE names is not empty; nothing was written.",
            "move it away first (an SQLite file with its -wal and -shm), or name an empty database.",
        )


def _copy(rows: Connection, into: Connection, table: Table) -> int:
    """By primary key: an archive comes before its members. What a file points to may come after it."""
    copied = 0
    statement = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=CHUNK_ROWS)
    for part in rows.execute(statement).mappings().partitions():
        blank = {"points_to": None} if table is tables.file else {}
        insert_rows(into, table, [{**row, **blank} for row in part])
        copied += len(part)
    return copied


def _point(rows: Connection, into: Connection) -> None:
    file = tables.file.c
    pointing = select(file.id, file.points_to).where(file.points_to.is_not(None))
    pairs = ({"b_id": row.id, "b_to": row.points_to} for row in rows.execute(pointing))
    set_one = update(tables.file).where(file.id == bindparam("b_id")).values(points_to=bindparam("b_to"))
    for chunk in chunks(pairs):
        into.execute(set_one, list(chunk))


def open_all(connection: Connection, challenge_id: str, keys: Keys) -> int:
    """Open every sealed cell of a challenge; how many there are.

    Raises:
        NeedsPerson: one does not open: these are not the keys that it was sealed with.
    """
    opened, centre = 0, tables.centre.c
    for table, column in SEALED:
        cells = select(table.c.id, table.c[column].label("sealed"), table.c.key_id)
        if table is not tables.delivery:
            cells = cells.join(tables.delivery, tables.delivery.c.id == table.c.delivery_id)
        cells = cells.join(tables.centre, centre.id == tables.delivery.c.centre_id)
        cells = cells.where(centre.challenge_id == challenge_id).execution_options(yield_per=CHUNK_ROWS)
        with connection.execute(cells) as rows:
            for row in rows:
                keys.unseal(row.sealed, row.key_id, table.name, column, row.id)
                opened += 1
    return opened
