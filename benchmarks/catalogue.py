"""What the catalogue's promises cost: register and move 100,000 files, against a plain executemany of the same rows.

The plain loop writes the same rows into a bare table (no index, no foreign key; sealed cells and digests are there
already) in the same run, on the same database, as it comes from the wheel. A ratio of 4 says: the catalogue takes four
times as long.

    python -m benchmarks.catalogue [files]
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, MetaData, Table, bindparam, insert, select, update

from benchmarks._measure import Row, seconds
from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    NewFile,
    ensure_centre,
    open_catalogue,
    plan,
    register_delivery,
    tables,
    take,
    verify,
    whole,
)
from collecte.keys import Keys
from collecte.records import State
from demo.postgres import postgres_server

FILES = 100_000


def run(files: int = FILES) -> list[Row]:
    """A row for each database and operation: rows a second, against the plain loop."""
    rows: list[Row] = []
    for name, database in (("sqlite", _sqlite), ("postgresql", postgres_server)):
        with database() as url:
            catalogue = open_catalogue(url, upgrade=True)
            rows += _measure(name, catalogue, files)
            catalogue.close()
    return rows


def _measure(database: str, catalogue: Catalogue, files: int) -> list[Row]:
    new = [NewFile(f"Lot 1/DICOM/IM{n:06d}", 500_000 + n, 1_700_000_000_000_000_000 + n) for n in range(files)]
    register = seconds(lambda: _register(catalogue, new))
    bare, rows = _bare(catalogue)
    plain_insert = seconds(lambda: _write(catalogue, insert(bare), rows))

    lease = _lease(catalogue, files)
    ids = [row["id"] for row in rows]
    move = seconds(lambda: _move(lease, ids))
    moved = update(bare).where(bare.c.id == bindparam("b_id")).values(state=bindparam("b_state"), reason=None)
    changes = [{"b_id": file_id, "b_state": State.ACCEPTED.value} for file_id in ids]
    plain_update = seconds(lambda: _write(catalogue, moved, changes))

    return [
        _row(f"{database}: register a file", files, register, plain_insert, "executemany of the same rows"),
        _row(f"{database}: move a file, with its event", files, move, plain_update, "executemany of the same updates"),
        _row(f"{database}: verify the chain", files, seconds(lambda: _verify(catalogue)), register, "registering them"),
    ]


def _register(catalogue: Catalogue, new: Sequence[NewFile]) -> DeliveryRow:
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "bench", "lyon")
        return register_delivery(connection, Keys.new(), centre, "Lot 1", new, complete_by="quiet")


def _lease(catalogue: Catalogue, files: int) -> Lease:
    with catalogue.transaction() as connection:
        delivery_id: int = connection.execute(select(tables.delivery.c.id)).scalar_one()
        plan(connection, delivery_id, "accept", [whole([(1, files)])])
    lease = take(catalogue, delivery_id, "accept", 1)
    assert isinstance(lease, Lease)
    return lease


def _move(lease: Lease, ids: Sequence[int]) -> None:
    with lease.finish({"files": len(ids)}) as moves:
        moves.move(Change(file_id, State.ACCEPTED) for file_id in ids)


def _verify(catalogue: Catalogue) -> None:
    with catalogue.read() as connection:
        assert verify(connection, "bench") == []


def _bare(catalogue: Catalogue) -> tuple[Table, list[dict[str, Any]]]:
    """A table of the same columns with nothing but its primary key, and the rows that go into it."""
    columns = [Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in tables.file.columns]
    bare = Table("bare_file", MetaData(), *columns)
    with catalogue.transaction() as connection:
        bare.create(connection)
        return bare, [dict(row) for row in connection.execute(select(tables.file)).mappings()]


def _write(catalogue: Catalogue, statement: Any, rows: list[dict[str, Any]]) -> None:
    with catalogue.transaction() as connection:
        connection.execute(statement, rows)


def _row(what: str, files: int, ours: float, theirs: float, peer: str) -> Row:
    return Row(what, ours / theirs, None, f"{files / ours:,.0f} rows/s", f"{files / theirs:,.0f} rows/s, {peer}")


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/catalogue.db"


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else FILES):
        print(row)
