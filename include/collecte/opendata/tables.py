"""A table of the package, as CSV and as Parquet of the same rows."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from collecte.opendata.contents import Column, ColumnType, TableInfo
from collecte.package import sha256_of

FOLDER = "data/tables"

#: Bytes of a Parquet row group's CSV: what is held in memory.
_BLOCK = 8 << 20


def write_table(folder: Path, name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> TableInfo:
    """Write ``<name>.csv`` and ``<name>.parquet`` below the package's ``folder``; rows are taken one by one."""
    path, parquet = folder / FOLDER / f"{name}.csv", folder / FOLDER / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    types = [_Type() for _ in header]
    count = 0
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
            for kind, cell in zip(types, row, strict=True):
                kind.see(cell)
        text.flush()
        os.fsync(text.fileno())
    columns = tuple(Column(column, kind.type) for column, kind in zip(header, types, strict=True))
    _write_parquet(path, parquet, columns, count)
    return TableInfo(
        name,
        f"{FOLDER}/{path.name}",
        f"{FOLDER}/{parquet.name}",
        columns,
        count,
        sha256_of(path),
        path.stat().st_size,
        sha256_of(parquet),
        parquet.stat().st_size,
    )


class _Type:
    """What a column's values so far can be read as. Text that is a number only by chance, with a leading zero, stays
    text.
    """

    def __init__(self) -> None:
        self._whole = self._number = True
        self._empty = self._some = False

    def see(self, cell: str) -> None:
        if not cell:
            self._empty = True
            return
        self._some = True
        if self._number and not _is_number(cell):
            self._number = self._whole = False
        elif self._whole and not cell.lstrip("-").isdecimal():
            self._whole = False

    @property
    def type(self) -> ColumnType:
        """With an empty cell no column is ``integer``: readers have no whole number for it."""
        if not self._some or not self._number:
            return "string"
        return "integer" if self._whole and not self._empty else "number"


def _is_number(cell: str) -> bool:
    digits = cell.removeprefix("-")
    if not digits.isascii() or len(digits) > 15 or not digits.replace(".", "", 1).isdecimal():
        return False
    return digits[0] != "0" or len(digits) == 1 or digits[1] == "."


def _write_parquet(source: Path, target: Path, columns: Sequence[Column], count: int) -> None:
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    kinds = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64()}
    schema = pa.schema([(column.name, kinds[column.type]) for column in columns])
    convert = pacsv.ConvertOptions(column_types=schema, strings_can_be_null=True, null_values=[""])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        if count:
            for batch in pacsv.open_csv(source, pacsv.ReadOptions(block_size=_BLOCK), convert_options=convert):
                writer.write_batch(batch)
