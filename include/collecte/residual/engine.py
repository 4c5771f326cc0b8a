"""Many words at once: hyperscan databases over folded bytes.

The search itself is hyperscan's (block mode); this module cuts the patterns into databases that compile quickly, gives
each thread its scratch space, and keeps the callback alive while the engine runs (a callback that is collected too
early ends the process).
"""

import threading
from collections.abc import Iterable, Sequence

import hyperscan

#: Patterns of one database. Compile time grows faster than their number beyond it.
_PATTERNS = 40_000


class Engine:
    """Compiled patterns. :meth:`candidates` gives (pattern's index, end offset) of every match.

    One engine may be used by several threads; it does not travel to another process: compile it there.
    """

    def __init__(self, patterns: Sequence[bytes], *, caseless: bool = False) -> None:
        flags = hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
        self._databases = []
        for start in range(0, len(patterns), _PATTERNS):
            part = patterns[start : start + _PATTERNS]
            database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            ids = list(range(start, start + len(part)))
            database.compile(expressions=list(part), ids=ids, elements=len(part), flags=flags)
            self._databases.append(database)
        self._scratches = threading.local()

    def candidates(self, data: bytes) -> Iterable[tuple[int, int]]:
        found: list[tuple[int, int]] = []

        def note(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((pattern, end))

        for database, scratch in zip(self._databases, self._scratch(), strict=True):
            database.scan(data, match_event_handler=note, scratch=scratch)
        return found

    def _scratch(self) -> list[hyperscan.Scratch]:
        if not hasattr(self._scratches, "all"):
            self._scratches.all = [hyperscan.Scratch(database) for database in self._databases]
        scratches: list[hyperscan.Scratch] = self._scratches.all
        return scratches


def literal(word: bytes, *, wide: bool = False) -> bytes:
    """A pattern for exactly these bytes; ``wide``: with a NUL between two, as in UTF-16 of either byte order."""
    return (rb"\x00" if wide else b"").join(b"\\x%02x" % byte for byte in word)
