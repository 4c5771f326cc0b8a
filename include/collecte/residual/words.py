"""The words of a whole delivery, each once, with the tokens that they may stand for: made by streaming, on disk."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pydicom

from collecte.records import Identifier, IdentifierKind
from collecte.residual import dates, patterns
from collecte.residual.engine import platform
from collecte.residual.folding import fold_text, plain, spellings
from collecte.residual.patterns import Pattern, dump_token, in_pixels, is_whole_phrase, load_tokens
from collecte.residual.scratch import Scratch
from collecte.residual.tokens import Token, tokens

_TABLES = (
    "CREATE TABLE word (spelling BLOB, token TEXT, PRIMARY KEY (spelling, token)) WITHOUT ROWID",
    "CREATE TABLE phrase (token TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE accented (written TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE birth (subject TEXT, day TEXT, PRIMARY KEY (subject, day)) WITHOUT ROWID",
)


class Words:
    """What is looked for because of a delivery's identifiers. IDENTIFYING."""

    def __init__(self, identifiers: Iterable[Identifier], path: Path | None) -> None:
        """``identifiers`` are taken one at a time, and only where there is no such file yet.

        Raises:
            OSError: the file cannot be written or read.
        """
        self._scratch = Scratch.opened(path, lambda connection: _write(connection, identifiers))
        self.has_births = bool(self._scratch.rows("SELECT 1 FROM birth LIMIT 1"))

    def births(self, subject: str) -> frozenset[str]:
        """The birth dates of a subject, by its pseudonym: YYYYMMDD."""
        if not self.has_births:
            return frozenset()
        return frozenset(day for (day,) in self._scratch.rows("SELECT day FROM birth WHERE subject = ?", subject))

    def narrow(self) -> Iterator[Pattern]:
        """See :func:`collecte.residual.patterns.narrow`."""
        phrases = (text for (text,) in self._scratch.each("SELECT token FROM phrase ORDER BY token"))
        return patterns.narrow(self._spelled(), (token for text in phrases for token in load_tokens([text])))

    def wide(self) -> Iterator[Pattern]:
        """See :func:`collecte.residual.patterns.wide`."""
        return patterns.wide(self._spelled())

    def pixels(self) -> Iterator[Pattern]:
        """See :func:`collecte.residual.patterns.pixels`; and words with accents as they were written."""
        yield from patterns.pixels(self._spelled())
        for (written,) in self._scratch.each("SELECT written FROM accented ORDER BY written"):
            folded = plain(fold_text(written))
            rows = self._scratch.rows("SELECT token FROM word WHERE spelling = ?", folded)
            meant = [t for t in load_tokens(text for (text,) in rows) if t.text == folded and in_pixels(t)]
            if meant:
                yield from patterns.exact(written, max(meant, key=_order))

    def _spelled(self) -> Iterator[tuple[bytes, Sequence[Token]]]:
        """Each spelling with its tokens, in one order whatever that of the identifiers was."""
        rows = self._scratch.each("SELECT spelling, token FROM word ORDER BY spelling, token")
        for spelling, group in groupby(rows, key=itemgetter(0)):
            yield spelling, sorted(load_tokens(text for _, text in group), key=_order)


def key_of(digest: str) -> str:
    """The name of what is made of a delivery's identifiers (``digest``: over all of them): another one where these,
    this code or this machine are others."""
    return hashlib.sha256(f"{digest} {_rules()} {platform()}".encode()).hexdigest()[:32]


@cache
def _rules() -> str:
    """A digest over what makes words of identifiers: this folder, and the dictionaries of pydicom."""
    here = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".py", ".txt"))
    total = hashlib.sha256(pydicom.__version__.encode())
    for path in here:
        total.update(path.read_bytes())
    return total.hexdigest()


def _order(token: Token) -> tuple[bytes, str, bool, tuple[tuple[bytes, ...], ...]]:
    return token.text, token.kind, token.weak, token.phrases


#: Identifiers that are remembered, as the files of a series repeat theirs.
_MET = 10_000


def _write(connection: sqlite3.Connection, identifiers: Iterable[Identifier]) -> None:
    for table in _TABLES:
        connection.execute(table)
    met = set[Identifier]()
    for identifier in identifiers:
        if identifier in met:
            continue
        if len(met) >= _MET:
            met.clear()
        met.add(identifier)
        if identifier.kind is IdentifierKind.BIRTH_DATE:
            if identifier.subject and dates.is_day(identifier.value):
                row = (identifier.subject, identifier.value)
                connection.execute("INSERT OR IGNORE INTO birth VALUES (?, ?)", row)
            continue
        for token in tokens(identifier):
            _add(connection, token)
        written = ((word,) for word in patterns.accented(identifier.value))
        connection.executemany("INSERT OR IGNORE INTO accented VALUES (?)", written)


def _add(connection: sqlite3.Connection, token: Token) -> None:
    text = dump_token(token)
    if is_whole_phrase(token):
        connection.execute("INSERT OR IGNORE INTO phrase VALUES (?)", (text,))
        return
    rows = ((spelling, text) for spelling in spellings(token.text))
    connection.executemany("INSERT OR IGNORE INTO word VALUES (?, ?)", rows)
