"""The names and documents of a batch. A function of its rows alone: the same batch always gives the same bytes."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import pyarrow as pa
import pyarrow.parquet as pq

from collecte.package import SUMS_NAME, sha256sums


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

_SCHEMA = pa.schema([(name, pa.int64() if name in ("object", "size") else pa.string()) for name in MANIFEST_COLUMNS])


def key_of(challenge: str, centre: str, delivery: str, name: str) -> str:
    """Where a file of a batch stands below the destination's prefix."""
    return f"{challenge}/{centre}/{delivery}/{name}"


def documents(rows: Iterable[BatchRow]) -> list[tuple[str, bytes]]:
    """The documents of a batch in the order in which they are sent: the manifests, then ``SHA256SUMS`` over all."""
    ordered = sorted(rows, key=lambda row: row.name)
    manifests = [("manifest.parquet", _parquet(ordered)), ("manifest.csv", _csv(ordered))]
    sums = [(row.name, row.sha256) for row in ordered]
    sums += [(name, _sha256(content)) for name, content in manifests]
    return [*manifests, (SUMS_NAME, sha256sums(sums))]


def _parquet(rows: Sequence[BatchRow]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


def _csv(rows: Sequence[BatchRow]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(MANIFEST_COLUMNS)
    writer.writerows([getattr(row, name) for name in MANIFEST_COLUMNS] for row in rows)
    return buffer.getvalue().encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
