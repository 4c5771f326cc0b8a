"""The facts table: one row for each accepted copy of a file, what it is and how big, nothing of whom it shows.

``describe`` writes one Parquet file a shard, ``validate`` and the reports read a delivery's shards into one frame. The
columns are :data:`SCHEMA`; those of another kind than the row's are null. ``accept`` puts the rows of accepted files
into curated, by challenge, centre and delivery; there they are asked with SQL (:func:`open_facts`).
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from glob import escape
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collecte.errors import Bug, NeedsPerson
from collecte.records import Fact

#: Columns of every row, whatever its kind.
COMMON_COLUMNS = ("file_id", "object_id", "kind", "subject", "name", "size_bytes")

#: By what the facts in curated are parted.
PARTITIONS = ("challenge", "centre", "delivery")

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float64()

_TYPES: Mapping[str, Mapping[str, pa.DataType]] = {
    "": {
        "file_id": _WHOLE,
        "object_id": _WHOLE,
        "kind": _TEXT,
        "subject": _TEXT,
        "name": _TEXT,
        "size_bytes": _WHOLE,
    },
    "dicom": {
        "sop_class": _TEXT,
        "transfer_syntax": _TEXT,
        "modality": _TEXT,
        "manufacturer": _TEXT,
        "model": _TEXT,
        "body_part": _TEXT,
        "rows": _WHOLE,
        "columns": _WHOLE,
        "frames": _WHOLE,
        "samples_per_pixel": _WHOLE,
        "bits_allocated": _WHOLE,
        "bits_stored": _WHOLE,
        "photometric": _TEXT,
        "pixel_spacing_row_mm": _NUMBER,
        "pixel_spacing_column_mm": _NUMBER,
        "slice_thickness_mm": _NUMBER,
        "study_date": _TEXT,
        "patient_sex": _TEXT,
        "patient_age_years": _NUMBER,
        "burned_in_annotation": _TEXT,
        "pixel_sha256": _TEXT,
    },
    "table": {
        "n_rows": _WHOLE,
        "n_columns": _WHOLE,
        "column_names": _TEXT,
        "missing_share": _NUMBER,
    },
}

#: The columns that :meth:`collecte.formats.Format.describe` gives, by kind.
KIND_COLUMNS: Mapping[str, tuple[str, ...]] = {kind: tuple(types) for kind, types in _TYPES.items() if kind}

#: Every column, in the order in which it is written. ``study_date`` is ISO text, as shifted.
SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=name not in ("file_id", "kind"))
        for types in _TYPES.values()
        for name, kind in types.items()
    ]
)

_DTYPES: Mapping[pa.DataType, object] = {
    _WHOLE: pd.Int64Dtype(),
    _NUMBER: pd.Float64Dtype(),
}

#: As it is read whole: the same text stands in memory once, however many rows have it.
_READ = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), _TEXT)) if field.type == _TEXT else field for field in SCHEMA]
)
_TEXTS = [field.name for field in SCHEMA if field.type == _TEXT]

#: Rows that are held in memory while a shard is written.
_ROWS_PER_GROUP = 10_000
#: Rows that a reader of batches holds.
_ROWS_PER_BATCH = 5000
#: Rows of which somebody is asked at once, who holds more of each than we do.
_ASKED_AT_ONCE = 250


def write_facts(path: Path, rows: Iterable[Mapping[str, Fact]]) -> int:
    """Write one shard's rows as Parquet (``.part``, fsync, rename) and say how many they were. Columns that a row
    leaves out are null. The same rows give the same bytes.

    Raises:
        Bug: a row has a column that :data:`SCHEMA` lacks, or a value of another type.
    """
    return _write(path, SCHEMA, (_table(batch) for batch in _batches(iter(rows))))


def keep_facts(source: Path, target: Path, kept: Callable[[Sequence[int]], Collection[int]]) -> int:
    """Write a shard's rows of some files to ``target``, as :func:`write_facts` writes; how many they were. ``kept``
    says which of a batch's file ids these are.

    Raises:
        NeedsPerson: the shard is missing, damaged, or was written with other columns.
    """
    try:
        with pq.ParquetFile(source) as file:
            if file.schema_arrow.names != SCHEMA.names:
                raise _damaged(source)
            return _write(target, SCHEMA, (_kept(batch, kept) for batch in file.iter_batches(_ASKED_AT_ONCE)))
    except (FileNotFoundError, pa.ArrowException):
        raise _damaged(source) from None


def drop_facts(folder: Path, file_ids: Collection[int]) -> int:
    """Rewrite a folder's shards without the rows of these files; how many went. Run again, it changes nothing.

    Raises:
        NeedsPerson: a shard is damaged.
    """
    gone = frozenset(file_ids)
    return sum(_drop(path, gone) for path in sorted(folder.glob("*.parquet")))


def open_facts(curated: Path, challenge_id: str) -> duckdb.DuckDBPyConnection:
    """A connection whose view ``facts`` holds the rows of a challenge's accepted files: the columns of :data:`SCHEMA`
    with ``challenge``, ``centre`` and ``delivery`` (ids of ours). Empty where nothing was accepted. It reads the files
    when it is asked, and holds a gigabyte in memory at most; whoever opens it closes it.
    """
    folder = curated / "_facts" / f"challenge={challenge_id}"
    scratch = str(Path(gettempdir()) / "collecte-facts")  # what does not fit into memory
    connection = duckdb.connect(config={"memory_limit": "1GB", "threads": 2, "temp_directory": scratch})
    if next(folder.glob("*/*/*.parquet"), None) is None:
        fields = [*SCHEMA, *(pa.field(name, _TEXT) for name in PARTITIONS)]
        connection.register("facts", pa.schema(fields).empty_table())
        return connection
    shards = f"{escape(str(folder))}/*/*/*.parquet".replace("'", "''")
    connection.execute(
        f"CREATE VIEW facts AS SELECT * FROM read_parquet('{shards}', union_by_name = true, "  # noqa: S608 (our path)
        "hive_partitioning = true, hive_types_autocast = false)"
    )
    return connection


def read_facts(paths: Iterable[Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of a delivery's shards, by ``file_id``, with all columns or only some (``file_id`` must be among them):
    nullable pandas types, so that an absent number stays absent, and texts as categories.

    Raises:
        NeedsPerson: a shard is missing, damaged, or was written with other columns.
    """
    wanted = list(SCHEMA.names if columns is None else columns)
    tables = [_read(path, wanted) for path in sorted(paths)]
    whole = pa.concat_tables([_READ.empty_table().select(wanted), *tables]).unify_dictionaries()
    del tables
    frame: pd.DataFrame = whole.to_pandas(types_mapper=_DTYPES.get, split_blocks=True, self_destruct=True)
    del whole
    if frame["file_id"].is_monotonic_increasing:
        return frame
    return frame.sort_values("file_id", ignore_index=True)


def fact_batches(paths: Iterable[Path], columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Some columns of a delivery's shards, a batch of rows at a time; absent values are None.

    Raises:
        NeedsPerson: a shard is missing, damaged, or was written with other columns.
    """
    for path in sorted(paths):
        try:
            with pq.ParquetFile(path) as file:
                if file.schema_arrow.names != SCHEMA.names:
                    raise _damaged(path)
                for batch in file.iter_batches(_ROWS_PER_BATCH, columns=list(columns)):
                    yield batch.to_pylist()
        except (FileNotFoundError, pa.ArrowException):
            raise _damaged(path) from None


def _damaged(path: Path) -> NeedsPerson:
    return NeedsPerson(
        f"The facts of a shard ({path.name}) are missing, damaged or of another version.",
        "clear the describe task of this delivery, so that it runs again; then this one.",
    )


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    part = path.with_name(f"{path.name}.part")
    count = 0
    with part.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
                count += table.num_rows
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return count


def _kept(batch: pa.RecordBatch, kept: Callable[[Sequence[int]], Collection[int]]) -> pa.Table:
    ids = pa.array(sorted(kept(batch.column("file_id").to_pylist())), type=_WHOLE)
    return pa.Table.from_batches([batch.filter(pc.is_in(batch.column("file_id"), value_set=ids))])


def _drop(path: Path, gone: frozenset[int]) -> int:
    try:
        with pq.ParquetFile(path) as file:
            ids = file.read(["file_id"]).column("file_id")
            if not any(file_id in gone for file_id in ids.to_pylist()):
                return 0
            batches = file.iter_batches(_ROWS_PER_BATCH)
            left = _write(path, file.schema_arrow, (_kept(batch, lambda ids: set(ids) - gone) for batch in batches))
            return len(ids) - left
    except pa.ArrowException:
        raise _damaged(path) from None


def _batches(rows: Iterator[Mapping[str, Fact]]) -> Iterator[list[Mapping[str, Fact]]]:
    while batch := list(islice(rows, _ROWS_PER_GROUP)):
        yield batch


def _table(rows: list[Mapping[str, Fact]]) -> pa.Table:
    if unknown := sorted({name for row in rows for name in row} - set(SCHEMA.names)):
        raise Bug(f"The facts table has no column {', '.join(unknown)}.")
    return pa.table([_column(field, rows) for field in SCHEMA], schema=SCHEMA)


def _column(field: pa.Field, rows: list[Mapping[str, Fact]]) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if not field.nullable and None in values:
        raise Bug(f"A row of facts has no {field.name}.")
    if any(isinstance(value, bool) for value in values):
        raise Bug(f"The facts column {field.name} holds no true or false.")
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowException, TypeError, ValueError):
        # The library's message repeats the value.
        raise Bug(f"A value of the facts column {field.name} is no {field.type}.") from None


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        with pq.ParquetFile(path, read_dictionary=_TEXTS) as file:
            schema = file.schema_arrow
            table = file.read(list(columns)).select(columns)
    except (FileNotFoundError, pa.ArrowException, KeyError):
        raise _damaged(path) from None
    if schema.names != _READ.names or schema.types != _READ.types:
        raise _damaged(path)
    return table.cast(pa.schema([_READ.field(name) for name in columns]))
