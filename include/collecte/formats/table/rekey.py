"""A safe table under other ids: pseudonyms, file names, UIDs and accession numbers of ours replaced, all else as it is.

What is read here was written by :mod:`~collecte.formats.table.make_safe`: UTF-8, comma, LF, headers of the rules.
"""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from collecte.challenge import TableRules
from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer
from collecte.formats.table._columns import SUBJECT, output_name
from collecte.formats.table._reading import CELL_LIMIT
from collecte.records import Safe


def rekey(source: Path, target: Path, rekeyer: Rekeyer, rules: TableRules | None = None) -> Safe:
    """Write ``source``, a safe copy, under other ids to ``target``. ``rules`` say which columns are references.

    Raises:
        NeedsPerson: it is no table of ours.
        OSError: a file cannot be read or written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file, rekeyed_rows(source, rekeyer, rules) as (head, rows):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        with part.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        size = part.stat().st_size
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Safe(digest, size)


@contextmanager
def rekeyed_rows(
    source: Path, rekeyer: Rekeyer, rules: TableRules | None, subject: str = SUBJECT
) -> Iterator[tuple[Sequence[str], Iterator[list[str]]]]:
    """The header and the rows of a safe table under other ids; rows are read as they are taken. ``subject``: the header
    of the column that says whose row it is.

    Raises:
        NeedsPerson: it is no table of ours (also while rows are taken).
    """
    csv.field_size_limit(CELL_LIMIT)
    with source.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if not header:
            raise _broken()
        yield header, _rows(reader, [_replacement(name, rekeyer, rules, subject) for name in header])


def _rows(reader: Iterator[list[str]], replace: Sequence[Callable[[str], str] | None]) -> Iterator[list[str]]:
    try:
        for row in reader:
            if len(row) != len(replace):
                raise _broken()
            yield [new(cell) if new and cell else cell for cell, new in zip(row, replace, strict=True)]
    except (csv.Error, UnicodeDecodeError):
        raise _broken() from None


def _replacement(header: str, rekeyer: Rekeyer, rules: TableRules | None, subject: str) -> Callable[[str], str] | None:
    if header == subject:
        return rekeyer.subject
    for rule in rules.columns if rules else ():
        if rule.action == "reference" and output_name(rule) == header:
            if rule.refers_to == "uid":
                return rekeyer.uid
            return rekeyer.reference if rule.refers_to == "accession" else lambda name: rekeyer.name(name) or ""
    return None


def _broken() -> NeedsPerson:
    return NeedsPerson(
        "A safe table cannot be read any more.", "check the disk it lies on, and put it back from the backup."
    )
