"""The names and documents of a batch. A function of its rows alone: the same batch always gives the same bytes."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from collecte.package import SUMS_NAME, sha256_of, sha256sums

#: Rows of one row group of the manifest.
GROUP_ROWS = 20_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BatchRow:
    """One shipped file: ``name`` relative to the batch; its kind; its pseudonym (empty where it is about several
    subjects); the object it belongs to, numbered within the batch; size in bytes and SHA-256 (hex) of the safe copy.
    """

    name: str
    kind: str
    subject: str
    object: int
    size: int
    sha256: str


MANIFEST_COLUMNS: Sequence[str] = tuple(field.name for field in fields(BatchRow))


def key_of(challenge: str, centre: str, delivery: str, name: str) -> str:
    """Where a file of a batch stands below the destination's prefix."""
    return f"{challenge}/{centre}/{delivery}/{name}"


def documents(rows: Iterable[BatchRow], folder: Path) -> list[Path]:
    """Write the documents of a batch into ``folder``, in the order in which they are sent: the manifests, then
    ``SHA256SUMS`` over all. ``rows`` come in the order of their names; :data:`GROUP_ROWS` are held in memory.
    """
    import pyarrow as pa  # 50 MB and a tenth of a second, which the shards that ship files need not pay
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.int64() if name in ("object", "size") else pa.string()) for name in MANIFEST_COLUMNS])
    parquet, table, sums = (folder / name for name in ("manifest.parquet", "manifest.csv", SUMS_NAME))
    lines = _Lines(folder / "lines", {table.name: None, parquet.name: None})
    with (
        pq.ParquetWriter(parquet, schema, compression="zstd") as columns,
        table.open("w", encoding="utf-8", newline="") as text,
        lines,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(MANIFEST_COLUMNS)
        for group in _groups(iter(rows)):
            columns.write_table(pa.Table.from_pylist([asdict(row) for row in group], schema=schema))
            writer.writerows([getattr(row, name) for name in MANIFEST_COLUMNS] for row in group)
            for row in group:
                lines.add(row.name, row.sha256)
    lines.complete(sums, {path.name: sha256_of(path) for path in (table, parquet)})
    return [parquet, table, sums]


def _groups(rows: Iterator[BatchRow]) -> Iterator[list[BatchRow]]:
    """Row groups; of no rows an empty one."""
    group = list(islice(rows, GROUP_ROWS))
    yield group
    while group := list(islice(rows, GROUP_ROWS)):
        yield group


class _Lines:
    """The lines of ``SHA256SUMS`` on their way, and where among them those belong whose sums are not known yet."""

    def __init__(self, path: Path, awaited: dict[str, int | None]) -> None:
        self._path, self._at = path, awaited

    def __enter__(self) -> None:
        self._file = self._path.open("wb")

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, name: str, digest: str) -> None:
        for awaited, at in self._at.items():
            if at is None and name > awaited:
                self._at[awaited] = self._file.tell()
        self._file.write(sha256sums([(name, digest)]))

    def complete(self, target: Path, digests: Mapping[str, str]) -> None:
        """Write all of them."""
        with self._path.open("rb") as lines, target.open("wb") as file:
            for name in sorted(self._at):
                at = self._at[name]
                _copy(lines, file, None if at is None else at - lines.tell())
                file.write(sha256sums([(name, digests[name])]))
            _copy(lines, file, None)


def _copy(source: BinaryIO, target: BinaryIO, count: int | None) -> None:
    """So many bytes, or all that follow."""
    while count is None or count:
        chunk = source.read(_CHUNK if count is None else min(count, _CHUNK))
        if not chunk:
            return
        target.write(chunk)
        count = None if count is None else count - len(chunk)
