"""Tables that speak of several subjects: the rows that speak of a recalled one go, the others stay as they are.

A safe table is UTF-8 with commas and LF, so that the rows that stay keep their bytes.
"""

import csv
import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile

from collecte.records import Safe
from collecte.zones import write_whole

#: How UIDs of ours begin.
_UID = "2.25."


def needles(pseudonym: str | None, names: Iterable[str]) -> frozenset[str]:
    """What a cell that speaks of the recalled holds, whole: the pseudonym, the name of a file of theirs, or a UID of
    which such a name is made.
    """
    found = {pseudonym} if pseudonym else set()
    for name in names:
        path = PurePosixPath(name)
        found.add(name)
        found |= {part for part in (path.stem, *path.parts[:-1]) if part.startswith(_UID)}
    return frozenset(found)


def rows_about(table: Path, wanted: Collection[str]) -> int:
    """How many rows of a safe table speak of what was recalled."""
    with table.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows, None)
        return sum(any(cell in wanted for cell in row) for row in rows)


def without_rows(table: Path, wanted: Collection[str]) -> Safe:
    """Write a safe table anew, in its place, without the rows that speak of what was recalled; at once or not at all.

    Done again, it gives the same bytes.
    """
    hashed, size = hashlib.sha256(), 0
    with table.open(encoding="utf-8", newline="") as text, TemporaryFile(dir=table.parent) as kept:
        for line in _kept(csv.reader(text), wanted):
            hashed.update(line)
            size += len(line)
            kept.write(line)
        kept.seek(0)
        write_whole(table, kept)
    return Safe(hashed.hexdigest(), size)


def _kept(rows: Iterator[list[str]], wanted: Collection[str]) -> Iterator[bytes]:
    """The header and every row that speaks of nobody recalled, as the format writes them."""
    line = _Line()
    writer = csv.writer(line, delimiter=",", lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0 or not any(cell in wanted for cell in row):
            writer.writerow(row)
            yield line.text.encode("utf-8")


class _Line:
    """The line that a writer wrote last."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)
