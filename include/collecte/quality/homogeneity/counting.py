"""From facts to counts: how often each centre has each value of each fact. DuckDB counts; what comes back is small.

The unit is the object for what a file says of itself (a series of 300 sections counts once, by its first file that says
it), and the row for a column of a table.
"""

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from collecte.challenge import Challenge, Column
from collecte.facts import KIND_COLUMNS, SCHEMA
from collecte.quality.homogeneity.sample import FactKind, Sample, Values

#: What images show is compared by its hash, apart from the other facts.
PIXELS = "pixel_sha256"
#: Columns of tables whose values are facts, by what becomes of them.
_COUNTED = ("keep", "age", "label", "date")
#: Distinct numbers beyond which they are rounded to four significant digits.
_NUMBERS = 10_000
#: Distinct categories that are told apart; the rarer ones are one.
_CATEGORIES = 100
#: Share of a centre's values that must be numbers, for a column to hold numbers.
_NUMERIC = 0.8
_ROWS = 10_000

_NOTHING = Values(np.array([]), np.array([], dtype=np.int64))

_DAYS = "date_diff('day', DATE '1970-01-01', TRY_CAST(left({}, 10) AS DATE))::DOUBLE"
_DECIMAL = "TRY_CAST(replace({}, ',', '.') AS DOUBLE)"
_AGE = "TRY_CAST(replace({}, '+', '') AS DOUBLE)"


@dataclass(frozen=True)
class TableFile:
    """An accepted table: its centre's id, and where it lies."""

    centre: str
    path: Path


@dataclass(frozen=True)
class Counted:
    """One fact of all centres. ``classes``: of a label, all values that there should be."""

    fact: str
    kind: FactKind
    by_centre: Mapping[str, Values]
    classes: Sequence[str] = field(default=())

    def samples(self) -> Iterator[tuple[str, Sample]]:
        """Each centre against all others together."""
        for centre, here in self.by_centre.items():
            rest = _together([values for other, values in self.by_centre.items() if other != centre])
            yield centre, Sample(self.fact, self.kind, here, rest, self.classes)


def counted(
    connection: duckdb.DuckDBPyConnection, challenge: Challenge, left_out: Collection[str]
) -> Iterator[Counted]:
    """The facts, one after the other; those that are ``left_out`` are not looked at. ``connection`` has what
    :func:`load_accepted` and :func:`load_tables` made.
    """
    yield _files(connection)
    for kind, columns in KIND_COLUMNS.items():
        names = () if kind == "table" else columns
        for name in names:
            fact = f"{kind}.{name}"
            if name != PIXELS and fact not in left_out:
                yield from _of_objects(connection, fact, kind, name)
        if PIXELS in names:
            yield from _pixels(connection, kind, left_out)
    for number, column in enumerate(_columns(challenge)):
        fact = f"table.{column.names[0]}"
        if fact not in left_out:
            yield from _of_rows(connection, fact, column, f"c{number}")


@contextmanager
def load_accepted(connection: duckdb.DuckDBPyConnection) -> Iterator[Callable[[int, str], None]]:
    """Make ``accepted`` of the ids and centres of files that are handed over while it is open, and ``judged``, their
    facts.
    """
    connection.execute("CREATE TEMP TABLE accepted (file_id BIGINT, centre VARCHAR)")
    connection.execute("CREATE TEMP VIEW judged AS SELECT f.* FROM facts f SEMI JOIN accepted a USING (file_id)")
    ids: list[int] = []
    centres: list[str] = []

    def flush() -> None:
        connection.register(
            "more", pa.table({"file_id": pa.array(ids, pa.int64()), "c": pa.array(centres, pa.string())})
        )
        connection.execute("INSERT INTO accepted SELECT * FROM more")
        connection.unregister("more")
        ids.clear()
        centres.clear()

    def load(file_id: int, centre: str) -> None:
        ids.append(file_id)
        centres.append(centre)
        if len(ids) >= _ROWS:
            flush()

    yield load
    flush()


def load_tables(connection: duckdb.DuckDBPyConnection, challenge: Challenge, tables: Iterable[TableFile]) -> None:
    """Fill ``cells`` with the columns of accepted tables that are facts: a row for each of theirs; '' where a cell is
    empty, NULL where the table has no such column.

    Raises:
        OSError: a table cannot be read.
    """
    names = [column.names[0] for column in _columns(challenge)]
    fields = [pa.field(name, pa.string()) for name in ("centre", *_places(names))]
    connection.register("no_cells", pa.schema(fields).empty_table())
    connection.execute("CREATE TEMP TABLE cells AS SELECT * FROM no_cells")
    for table in tables:
        with table.path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            place = {name: number for number, name in enumerate(next(reader, []))}
            while rows := list(islice(reader, _ROWS)):
                columns: list[Sequence[str | None]] = [[table.centre] * len(rows)]
                columns += [_column(rows, place[name]) if name in place else [None] * len(rows) for name in names]
                connection.register("more_cells", pa.table(columns, schema=pa.schema(fields)))
                connection.execute("INSERT INTO cells SELECT * FROM more_cells")
                connection.unregister("more_cells")


def _places(names: Sequence[str]) -> list[str]:
    """Names of ours for the columns of ``cells``: a header may be any text."""
    return [f"c{number}" for number in range(len(names))]


def _column(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    return [row[place] if place < len(row) else "" for row in rows]


def _columns(challenge: Challenge) -> list[Column]:
    rules = challenge.kinds.table
    return [column for column in rules.columns if column.action in _COUNTED] if rules else []


def _files(connection: duckdb.DuckDBPyConnection) -> Counted:
    rows = connection.execute(
        "SELECT a.centre, CASE WHEN j.file_id IS NULL THEN 'not described' ELSE 'described' END, count(*) "
        "FROM accepted a LEFT JOIN judged j ON j.file_id = a.file_id GROUP BY ALL"
    ).fetch_df()
    return Counted("files", "files", _by_centre(rows, {}))


def _of_objects(connection: duckdb.DuckDBPyConnection, fact: str, kind: str, name: str) -> Iterator[Counted]:
    numeric = SCHEMA.field(name).type != pa.string()
    days = name.endswith("_date")
    value = _DAYS.format(f'"{name}"') if days else f'"{name}"::DOUBLE' if numeric else f'"{name}"'
    units = (
        f"SELECT centre, arg_min({value}, file_id) AS value FROM judged WHERE kind = '{kind}' "  # noqa: S608 (ours)
        "GROUP BY centre, coalesce(object_id, -file_id)"
    )
    yield from _grouped(connection, fact, "days" if days else "numbers" if numeric else "categories", units)


def _pixels(connection: duckdb.DuckDBPyConnection, kind: str, left_out: Collection[str]) -> Iterator[Counted]:
    """Images whose pixels another subject of the centre, or another centre, has too."""
    images = f"FROM judged WHERE kind = '{kind}' AND {PIXELS} IS NOT NULL"
    shared = {
        "subjects": f"SELECT centre, min(subject) <> max(subject) AS shared, count(*) AS n {images} "
        f"GROUP BY centre, {PIXELS}",
        "centres": "SELECT j.centre, s.shared, count(*) AS n FROM judged j JOIN "  # noqa: S608
        f"(SELECT {PIXELS}, min(centre) <> max(centre) AS shared {images} GROUP BY {PIXELS}) s USING ({PIXELS}) "
        f"WHERE j.kind = '{kind}' GROUP BY ALL",
    }
    for whose, groups in shared.items():
        fact = f"{kind}.pixels.{whose}"
        if fact not in left_out:
            rows = connection.execute(
                "SELECT centre, CASE WHEN shared THEN 'shared' ELSE 'alone' END, sum(n)::BIGINT "  # noqa: S608
                f"FROM ({groups}) GROUP BY ALL"
            ).fetch_df()
            if len(rows):
                yield Counted(fact, "shared", _by_centre(rows, {}))


def _of_rows(connection: duckdb.DuckDBPyConnection, fact: str, column: Column, cell: str) -> Iterator[Counted]:
    kind: FactKind
    match column.action:
        case "age":
            kind, value = "numbers", _AGE.format(cell)
        case "date":
            kind, value = "days", _DAYS.format(cell)
        case "label":
            kind, value = "label", cell
        case _:
            kind, value = _of_kept(connection, column, cell)
    # A centre whose tables lack the column altogether misses it in each of its rows.
    absent = f"centre NOT IN (SELECT centre FROM cells WHERE {cell} IS NOT NULL)"  # noqa: S608 (names of ours)
    units = (
        f"SELECT centre, CASE WHEN {cell} <> '' THEN {value} END AS value FROM cells "  # noqa: S608 (names of ours)
        f"WHERE {cell} IS NOT NULL OR {absent}"
    )
    yield from _grouped(connection, fact, kind, units, column.values or ())


def _of_kept(connection: duckdb.DuckDBPyConnection, column: Column, cell: str) -> tuple[FactKind, str]:
    """Numbers, where most values of each centre are. Where one centre writes words and others numbers, these are one
    category: else no two would be alike.
    """
    if column.values is not None:
        return "categories", cell
    number = _DECIMAL.format(cell)
    least, most = connection.execute(
        f"SELECT min(share), max(share) FROM (SELECT count({number}) / count(*) AS share "  # noqa: S608 (names of ours)
        f"FROM cells WHERE {cell} <> '' GROUP BY centre)"
    ).fetchone() or (None, None)
    if least is None or most < _NUMERIC:
        return "categories", cell
    if least < _NUMERIC:
        return "categories", f"CASE WHEN {number} IS NULL THEN {cell} ELSE '123…' END"
    return "numbers", number


def _grouped(
    connection: duckdb.DuckDBPyConnection, fact: str, kind: FactKind, units: str, classes: Sequence[str] = ()
) -> Iterator[Counted]:
    """The counts of a fact that somebody has; ``units``: a query for ``centre`` and ``value``."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE one_fact AS "  # noqa: S608 (queries of ours)
        f"SELECT centre, value, count(*) AS n FROM ({units}) GROUP BY ALL"
    )
    distinct = connection.execute("SELECT count(DISTINCT value) FROM one_fact").fetchone()
    if not distinct or not distinct[0]:
        return
    value = "value"
    if kind == "numbers" and distinct[0] > _NUMBERS:
        value = "CASE value WHEN 0 THEN 0 ELSE round(value, 3 - floor(log10(abs(value)))::INTEGER) END"
    if kind in ("categories", "label") and distinct[0] > _CATEGORIES:
        frequent = "SELECT value FROM one_fact GROUP BY value ORDER BY sum(n) DESC, value LIMIT"
        value = f"CASE WHEN value IN ({frequent} {_CATEGORIES}) THEN value ELSE '…' END"
    rows = connection.execute(
        f"SELECT centre, {value} AS value, sum(n)::BIGINT FROM one_fact "  # noqa: S608 (queries of ours)
        "WHERE value IS NOT NULL GROUP BY ALL"
    ).fetch_df()
    empty = connection.execute("SELECT centre, n FROM one_fact WHERE value IS NULL").fetchall()
    known = sorted({*classes, *rows["value"]}) if kind == "label" else ()
    yield Counted(fact, kind, _by_centre(rows, dict(empty)), known)


def _by_centre(rows: pd.DataFrame, missing: Mapping[str, int]) -> dict[str, Values]:
    """Columns of ``rows``: centre, value, count."""
    rows = rows.set_axis(["centre", "value", "n"], axis=1)
    found = {
        str(centre): Values(part["value"].to_numpy(), part["n"].to_numpy(), missing.get(str(centre), 0))
        for centre, part in rows.sort_values(["centre", "value"]).groupby("centre")
    }
    found |= {centre: replace(_NOTHING, missing=n) for centre, n in missing.items() if centre not in found}
    return dict(sorted(found.items()))


def _together(sides: Sequence[Values]) -> Values:
    if not sides:
        return _NOTHING
    frame = pd.DataFrame(
        {"value": np.concatenate([s.values for s in sides]), "n": np.concatenate([s.counts for s in sides])}
    )
    total = frame.groupby("value", sort=True)["n"].sum()
    return Values(total.index.to_numpy(), total.to_numpy(), sum(side.missing for side in sides))
