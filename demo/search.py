"""Where do planted identifiers stand? In any form that logs, databases, mails and web pages give to a text.

Independent of the residual scan: that one decides what may leave, this one looks whether something did.
"""

import base64
import hashlib
import os
import quopri
import re
import sqlite3
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from email import message_from_bytes, policy
from html.entities import codepoint2name
from pathlib import Path

import hyperscan

#: A place that is looked at: what it is called, and its bytes one piece after the other.
Content = tuple[str, Iterable[bytes]]

_CHUNK = 1 << 22
#: Shorter writings would be found by chance.
_SHORTEST = 6
#: A short writing of hexadecimal digits alone, within a run of so many, is part of a digest or of a UID.
_SHORT, _RUN = 12, 20
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{12,}")
_HEX = b"0123456789abcdefABCDEF"


def search(words: Iterable[str], contents: Iterable[Content]) -> Iterator[str]:
    """Where any of the words stands: ``<place> holds <its digest>``, once for each place and word.

    In any case and with or without accents; in UTF-8, UTF-16 and Latin-1; escaped as JSON, Python, URLs, HTML and
    mails do it; as hexadecimal and base64. The digest, not the word: what this prints ends in a terminal and in a log.
    """
    planted = sorted(set(words))
    needles = [(needle, word) for word in planted for needle in set(_writings(word)) if len(needle) >= _SHORTEST]
    if not needles:
        return
    matches = _matcher([needle for needle, _ in needles])
    overlap = max(len(needle) for needle, _ in needles) * 2 + _RUN
    for place, chunks in contents:
        found: set[str] = set()
        for window in _windows(chunks, overlap):
            for text in (window, _of_base64(window)):
                hits = ((end, *needles[number]) for number, end in matches(text))
                found |= {word for end, needle, word in hits if not _by_chance(text, end, needle)}
        for word in sorted(found):
            yield f"{place} holds planted identifier {hashlib.sha256(word.encode()).hexdigest()[:8]}"


def contents(places: Iterable[Path]) -> Iterator[Content]:
    """Every file below the places: its path and its bytes; of a mail also the decoded parts, of an SQLite database
    also each cell, unpacked where it is compressed, since a cell may be cut over several pages of the file."""
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                yield str(path), (os.fsencode(path), *_chunks(path))
                if path.suffix == ".eml":
                    yield f"{path} (parts)", _parts(path)
                elif _head(path) == b"SQLite format 3\0":
                    yield from _tables(path)


def _matcher(needles: Sequence[bytes]) -> Callable[[bytes], list[tuple[int, int]]]:
    """Gives (number of the needle, where it ends) for every occurrence in some bytes, in any case of ASCII letters."""
    database = hyperscan.Database()
    patterns = [b"".join(b"\\x%02x" % byte for byte in needle) for needle in needles]
    ids = list(range(len(patterns)))
    database.compile(expressions=patterns, ids=ids, elements=len(ids), flags=hyperscan.HS_FLAG_CASELESS)

    def matches(window: bytes) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []

        def note(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((number, end))

        database.scan(window, match_event_handler=note)
        return found

    return matches


def _writings(word: str) -> Iterator[bytes]:
    """The bytes of a word in every form but base64. Of letters without an accent the case does not matter here."""
    for text in _spellings(word):
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
            with suppress(UnicodeEncodeError):
                yield text.encode(encoding)
        yield text.encode().hex().encode()
        if not text.isascii():
            yield from (form.encode() for form in _escaped(text))


def _spellings(word: str) -> set[str]:
    composed, decomposed = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return {case(text) for text in (composed, decomposed, plain) for case in (str, str.lower, str.upper)}


def _escaped(text: str) -> Iterator[str]:
    def each(write: Callable[[str], str]) -> str:
        return "".join(c if c.isascii() else write(c) for c in text)

    json = each(lambda c: f"\\u{ord(c):04x}")
    python = each(lambda c: f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}")
    octets = each(lambda c: "".join(f"\\x{byte:02x}" for byte in c.encode()))
    for written in (json, python, octets):
        yield written
        yield written.replace("\\", "\\\\")  # a text of escapes, written as JSON once more
    yield each(lambda c: f"&#{ord(c)};")
    yield each(lambda c: f"&#x{ord(c):x};")
    yield each(lambda c: f"&{codepoint2name.get(ord(c), '')};")
    for encoding in ("utf-8", "latin-1"):
        raw = text.encode(encoding, "ignore")
        yield urllib.parse.quote(raw)
        yield quopri.encodestring(raw).decode("ascii")


def _of_base64(window: bytes) -> bytes:
    """What stands in the window as base64: each run of its letters is decoded from each of four beginnings."""
    decoded = []
    for run in _BASE64.findall(window):
        for start in range(4):
            decoded.append(base64.b64decode(run[start : start + (len(run) - start) // 4 * 4]))
    return b"\n".join(decoded)


def _windows(chunks: Iterable[bytes], overlap: int) -> Iterator[bytes]:
    tail = b""
    for chunk in chunks:
        window = tail + chunk
        yield window
        tail = window[-overlap:]


def _by_chance(window: bytes, end: int, needle: bytes) -> bool:
    """Whether a match is but some digits of a long number."""
    if len(needle) >= _SHORT or needle.strip(_HEX):
        return False
    start = end - len(needle)
    before, after = window[max(0, start - _RUN) : start], window[end : end + _RUN]
    run = len(before) - len(before.rstrip(_HEX)) + len(needle) + len(after) - len(after.lstrip(_HEX))
    return run >= _RUN


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _parts(path: Path) -> Iterator[bytes]:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    for part in mail.walk():
        yield "\n".join(f"{name}: {value}" for name, value in part.items()).encode()
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content


def _tables(path: Path) -> Iterator[Content]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            yield f"{path} (table {name})", _cells(connection, name)


def _cells(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  a name of the database's own
        for cell in row:
            if isinstance(cell, bytes):
                yield cell
                with suppress(zlib.error):
                    yield zlib.decompress(cell)
