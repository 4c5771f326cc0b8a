"""Many words at once: hyperscan databases over folded bytes, in bounded memory however many words there are.

The search itself is hyperscan's (block mode); this module cuts the patterns into databases that compile quickly, keeps
them in a file of the scratch space, gives each thread its scratch memory, and keeps the callback alive while the engine
runs (a callback that is collected too early ends the process).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import chain, islice
from pathlib import Path

import hyperscan

from collecte.residual.patterns import Pattern, dump_pattern, load_pattern
from collecte.residual.scratch import Scratch

#: Patterns of one database: 50 MB while it is compiled, about 2.5 MB afterwards.
_PATTERNS = 20_000
#: Bytes of databases that stay in memory, of one engine (half a million patterns): those beyond are read again from
#: the scratch space for each piece of a file, which takes about as long as searching it.
_RESIDENT_BYTES = 64 * 1024 * 1024
#: Patterns that are kept in memory after they matched.
_REMEMBERED = 16_384

Load = Callable[[], hyperscan.Database]


class Engine:
    """Compiled patterns. :meth:`candidates` gives (pattern, end offset) of every match.

    One engine may be used by several threads; it does not travel to another process: open it there.
    """

    def __init__(
        self, resident: Sequence[hyperscan.Database], others: Sequence[Load], pattern: Callable[[int], Pattern]
    ) -> None:
        self._resident, self._others, self._pattern = resident, others, pattern
        self._memory = threading.local()

    def candidates(self, data: bytes) -> list[tuple[Pattern, int]]:
        """Each match: its pattern and where it ends."""
        found: list[tuple[int, int]] = []

        def note(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((pattern, end))

        for database, scratch in chain(self._ready(), self._read()):
            database.scan(data, match_event_handler=note, scratch=scratch)
        return [(self._pattern(pattern), end) for pattern, end in found]

    def _ready(self) -> list[tuple[hyperscan.Database, hyperscan.Scratch]]:
        """The databases that stay in memory, each with this thread's scratch memory for it."""
        if not hasattr(self._memory, "ready"):
            self._memory.ready = [(database, hyperscan.Scratch(database)) for database in self._resident]
        ready: list[tuple[hyperscan.Database, hyperscan.Scratch]] = self._memory.ready
        return ready

    def _read(self) -> Iterator[tuple[hyperscan.Database, hyperscan.Scratch]]:
        for load in self._others:
            database = load()
            yield database, hyperscan.Scratch(database)


def compiled(patterns: Sequence[Pattern]) -> Engine:
    """An engine for a few patterns, in memory."""
    database = _compile(list(enumerate(patterns)), caseless=False)
    return Engine([database], [], patterns.__getitem__)


def stored(path: Path | None, patterns: Callable[[], Iterable[Pattern]], *, caseless: bool = False) -> Engine:
    """An engine for any number of patterns: that of the file, which is made where there is none (None: in memory).

    Raises:
        OSError: the file cannot be written or read.
    """
    scratch = Scratch.opened(path, lambda connection: _write(connection, patterns(), caseless))

    @lru_cache(maxsize=_REMEMBERED)
    def pattern(number: int) -> Pattern:
        ((text,),) = scratch.rows("SELECT text FROM pattern WHERE number = ?", number)
        return load_pattern(text)

    resident, others = _databases(scratch)
    return Engine(resident, others, pattern)


@cache
def platform() -> str:
    """What a compiled database depends on: the library's version and this processor's features."""
    return f"{_compile([(0, Pattern(b'collecte'))], caseless=False).info()}"


def _write(connection: sqlite3.Connection, patterns: Iterable[Pattern], caseless: bool) -> None:
    connection.execute("CREATE TABLE pattern (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    connection.execute("CREATE TABLE database (number INTEGER PRIMARY KEY, content BLOB NOT NULL)")
    numbered = enumerate(patterns)
    while part := list(islice(numbered, _PATTERNS)):
        rows = ((number, dump_pattern(pattern)) for number, pattern in part)
        connection.executemany("INSERT INTO pattern VALUES (?, ?)", rows)
        content = hyperscan.dumpb(_compile(part, caseless=caseless))
        connection.execute("INSERT INTO database (content) VALUES (?)", (content,))


def _compile(part: Sequence[tuple[int, Pattern]], *, caseless: bool) -> hyperscan.Database:
    flags = hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.expression for _, pattern in part],
        ids=[number for number, _ in part],
        elements=len(part),
        flags=flags,
    )
    return database


def _databases(scratch: Scratch) -> tuple[list[hyperscan.Database], list[Load]]:
    """Those that stay in memory, and how to read the others."""
    resident: list[hyperscan.Database] = []
    others: list[Load] = []
    size = 0
    for number, length in scratch.rows("SELECT number, length(content) FROM database ORDER BY number"):
        size += length
        if size <= _RESIDENT_BYTES:
            resident.append(_loaded(scratch, number))
        else:
            others.append(partial(_loaded, scratch, number))
    return resident, others


def _loaded(scratch: Scratch, number: int) -> hyperscan.Database:
    ((content,),) = scratch.rows("SELECT content FROM database WHERE number = ?", number)
    return hyperscan.loadb(content, hyperscan.HS_MODE_BLOCK)
