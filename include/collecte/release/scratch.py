"""What is on its way into a release, sorted on the disk: rows of tables, and the files that were written.

An SQLite file that one attempt makes and nobody else reads; memory does not grow with either.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """A file of a release. ``path``: in the release; ``part``: train, test or empty; ``object``: what makes it one with
    others, numbered when it is listed; ``size`` in bytes; ``file_id``: the catalogue's file that it was made from.
    """

    path: str
    part: str
    case: str
    kind: str
    object: str
    size: int
    sha256: str
    file_id: int | None


class Scratch:
    """Rows by table and case, files by path: always in the same order, whatever the order in which they came."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, list[str]] = {}
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE line (tab TEXT, subject TEXT, cells TEXT);"
            "CREATE TABLE written (path TEXT PRIMARY KEY, part, subject, kind, object, size, sha256, file_id);"
        )

    def add_rows(self, table: str, header: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Add a table's rows: whose they are, and their cells under ``header``. Tables of one name become one."""
        known = self._columns.setdefault(table, [])
        known += [column for column in header if column not in known]
        lines = (
            (table, who, json.dumps({c: v for c, v in zip(header, cells, strict=True) if v}, sort_keys=True))
            for who, cells in rows
        )
        self._connection.executemany("INSERT INTO line VALUES (?, ?, ?)", lines)

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        """The columns of each table, all sources together."""
        return self._columns

    def rows(self, table: str | None = None) -> Iterator[tuple[str, dict[str, str]]]:
        """Whose, and the cells that are not empty, of one table or of all; by whose they are, then by what they hold:
        the order of arrival counts for nothing.
        """
        where, given = ("WHERE tab = ?", (table,)) if table else ("", ())
        statement = f"SELECT subject, cells FROM line {where} ORDER BY subject, cells"  # noqa: S608  two fixed texts
        for who, cells in self._connection.execute(statement, given):
            yield who, json.loads(cells)

    def add_file(self, written: Written) -> None:
        """Note a file that was written."""
        self._connection.execute("INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, ?, ?)", astuple(written))

    def files(self) -> Iterator[Written]:
        """The files that were written, by path."""
        for row in self._connection.execute("SELECT * FROM written ORDER BY path"):
            yield Written(*row)

    def wrote(self, path: str) -> bool:
        """Whether a file of that path was written."""
        return self._connection.execute("SELECT 1 FROM written WHERE path = ?", (path,)).fetchone() is not None


@contextmanager
def scratch(path: Path) -> Iterator[Scratch]:
    """A new scratch file, such as ``scratch.2``; what killed attempts left beside it goes, and so does this one in the
    end: pseudonyms stand in it.
    """
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    for older in path.parent.glob(f"{path.stem}.*"):
        older.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield Scratch(connection)
    finally:
        connection.close()
        path.unlink(missing_ok=True)
