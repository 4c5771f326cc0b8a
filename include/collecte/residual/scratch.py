"""Tables in a file of the scratch space, or in memory: for what a large delivery would otherwise hold in memory.

IDENTIFYING: such a file holds the words of a delivery in clear. It lives in landing, beside the delivery, and goes
before the delivery is accepted.
"""

import errno
import os
import secrets
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Memory for the pages of a file. KiB.
_CACHE_KIB = 16_384


class Scratch:
    """Tables that are written once and then read, by several threads if need be."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        weakref.finalize(self, connection.close)  # scanners have no end of their own

    @classmethod
    def opened(cls, path: Path | None, write: Callable[[sqlite3.Connection], None]) -> "Scratch":
        """The tables of a file; where there is none, ``write`` makes them (None: in memory). Killed at any point, or
        done by two processes at once, the file is whole or not there.

        Raises:
            OSError: the disk is full, or refuses.
        """
        with _disk():
            if path is None:
                scratch = cls(sqlite3.connect(":memory:", check_same_thread=False))
                write(scratch._connection)
                return scratch
            if not path.exists():
                _write(path, write)
            address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            return cls(sqlite3.connect(address, uri=True, check_same_thread=False))

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a SELECT: of those that are few."""
        with _disk(), self._lock:
            return self._connection.execute(statement, values).fetchall()

    def each(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT, one at a time: of those that may be many. By one thread."""
        with _disk():
            yield from self._connection.execute(statement)


def _write(path: Path, write: Callable[[sqlite3.Connection], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("BEGIN")
            write(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
        with part.open("rb") as file:  # half a file would be a scan that looks for less
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    """SQLite's errors as the operating system's: its own messages are of no use to whoever reads them."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
        raise OSError(errno.ENOSPC if full else errno.EIO, "scratch space") from None
