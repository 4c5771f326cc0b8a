"""What the catalogue's promises cost: register and move 100,000 files, against a plain executemany of the same rows.

The plain loop writes the same rows into a bare table (no index, no foreign key; sealed cells and digests are there
already) in the same run, on the same database, as it comes from the wheel. A ratio of 4 says: the catalogue takes four
times as long.

    python -m benchmarks.catalogue [files]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, MetaData, Table, bindparam, insert, select, update

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

Row = dict[str, str | int | float]


def run(files: int = FILES) -> list[Row]:
    """A row for each database and operation: seconds, rows a second, and the ratio against the plain loop."""
    rows: list[Row] = []
    for name, database in (("sqlite", _sqlite), ("postgresql", postgres_server)):
        with database() as url:
            catalogue = open_catalogue(url, upgrade=True)
            rows += [{"database": name, **row} for row in _measure(catalogue, files)]
            catalogue.close()
    return rows


def _measure(catalogue: Catalogue, files: int) -> list[Row]:
    new = [NewFile(f"Lot 1/DICOM/IM{n:06d}", 500_000 + n, 1_700_000_000_000_000_000 + n) for n in range(files)]
    register = _timed(lambda: _register(catalogue, new))
    bare, rows = _bare(catalogue)
    plain_insert = _timed(lambda: _write(catalogue, insert(bare), rows))

    lease = _lease(catalogue, files)
    ids = [row["id"] for row in rows]
    move = _timed(lambda: _move(lease, ids))
    moved = update(bare).where(bare.c.id == bindparam("b_id")).values(state=bindparam("b_state"), reason=None)
    changes = [{"b_id": file_id, "b_state": State.ACCEPTED.value} for file_id in ids]
    plain_update = _timed(lambda: _write(catalogue, moved, changes))

    return [
        _row("register", files, register, plain_insert),
        _row("move", files, move, plain_update),
        _row("verify", files, _timed(lambda: _verify(catalogue)), None),
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


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _row(operation: str, files: int, seconds: float, plain: float | None) -> Row:
    row: Row = {"operation": operation, "files": files, "seconds": round(seconds, 2), "per_s": round(files / seconds)}
    return row if plain is None else {**row, "plain_seconds": round(plain, 2), "ratio": round(seconds / plain, 1)}


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/catalogue.db"


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else FILES):
        print(row)
