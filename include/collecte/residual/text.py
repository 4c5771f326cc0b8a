"""Text files, record by record.

A record is a line, or, where a quoted cell of a table holds line breaks, all the lines of it: what a spreadsheet shows
as one row. Rows count from 1, the header included.
"""

import codecs
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from collecte.residual.source import CHUNK_BYTES

_SUFFIXES = frozenset(
    [
        ".csv",
        ".tsv",
        ".txt",
        ".json",
        ".jsonl",
        ".ndjson",
        ".xml",
        ".yaml",
        ".yml",
        ".md",
        ".html",
        ".htm",
        ".log",
        ".ini",
        ".bvec",
        ".bval",
    ]
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: What stands in no text: controls other than tab, line breaks and form feed.
_CONTROLS = re.compile(rb"[\0-\x08\x0b\x0e-\x1f\x7f]")
_LINE_END = re.compile(rb"\n")
_HEAD_BYTES = 4096
_PSEUDONYM = re.compile(rb"(?<![a-z0-9])sub-[a-z2-7]{16}(?![a-z0-9])")
#: A record longer than this is cut: bounded memory, at the price of a birth date that stands far from its pseudonym.
_LONGEST_RECORD = 8 * CHUNK_BYTES
_OVERLAP = 4096


@dataclass(frozen=True)
class Block:
    """Whole records. ``first_row`` is the number of the first."""

    data: bytes
    first_row: int

    def row(self, offset: int) -> int:
        """The row of the byte at ``offset``."""
        return self.first_row + bisect_left(self._ends, offset)

    def records(self) -> Iterator[bytes]:
        """The records, each with its line breaks."""
        record: list[bytes] = []
        quotes = 0
        for line in self.data.split(b"\n"):
            record.append(line + b"\n")
            quotes += line.count(b'"')
            if quotes % 2 == 0:
                yield b"".join(record)
                record, quotes = [], 0
        if record:
            yield b"".join(record)

    @cached_property
    def _ends(self) -> list[int]:
        """Where its records end, worked out where something was found: hits may be as many as records."""
        found: list[int] = []
        at = 0
        for index, part in enumerate(self.data.split(b'"')):
            if index % 2 == 0:
                found += [at + match.start() for match in _LINE_END.finditer(part)]
            at += len(part) + 1
        return found


def is_text(path: Path) -> bool:
    """Whether a file is text: by its name, or by its first bytes, as a safe copy waits under a name without suffix."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return bool(head) and not _CONTROLS.search(head)


def subjects_of(record: bytes) -> frozenset[str]:
    """The pseudonyms that a folded record carries."""
    return frozenset(match.decode() for match in _PSEUDONYM.findall(record))


def text_blocks(path: Path) -> Iterator[Block]:
    """A text file in blocks of about a megabyte of whole records. UTF-16 and UTF-32 with a byte order mark become
    UTF-8; other encodings stay as they are (:func:`~collecte.residual.folding.fold` reads them mixed)."""
    row, rest = 1, b""
    for chunk in _chunks(path):
        rest += chunk
        if len(rest) < CHUNK_BYTES:  # a small file is one block, so that nothing in it is cut
            continue
        whole = _last_end(rest)
        if not whole and len(rest) < _LONGEST_RECORD:
            continue
        cut = whole or rest.rfind(b"\n") + 1 or len(rest)
        yield Block(rest[:cut], row)
        if not whole:  # cut inside a record: its end is looked at again with what follows
            cut = max(1, cut - _OVERLAP)
        row += _ends(rest[:cut])
        rest = rest[cut:]
    if rest:
        yield Block(rest, row)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        start = file.read(4)
        mark, encoding = next(((m, e) for m, e in _MARKS if start.startswith(m)), (b"", "utf-8"))
        file.seek(len(mark))
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        while chunk := file.read(CHUNK_BYTES):
            yield chunk if encoding == "utf-8" else decoder.decode(chunk).encode("utf-8", "surrogatepass")


def _ends(data: bytes) -> int:
    """How many records end in ``data``, which starts outside quotes."""
    if b'"' not in data:
        return data.count(b"\n")
    return sum(part.count(b"\n") for part in data.split(b'"')[::2])


def _last_end(data: bytes) -> int:
    """Where the last complete record of ``data`` ends; 0 where none does."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    parts = data.split(b'"')
    end = len(data)
    for index in range(len(parts) - 1, -1, -1):
        end -= len(parts[index])
        if index % 2 == 0 and (at := parts[index].rfind(b"\n")) >= 0:
            return end + at + 1
        end -= 1
    return 0
