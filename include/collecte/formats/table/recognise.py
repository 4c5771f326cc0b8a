"""Is it a table?"""

import codecs
import re

from collecte.formats import HEAD_BYTES
from collecte.formats.table._reading import DELIMITERS, sample_rows

_TABLE_SUFFIXES = frozenset((".csv", ".tsv"))
#: Bytes that stand in no text: controls other than tab, line feed, form feed, carriage return.
_BINARY = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_OTHER_TEXT = re.compile(r"\s*(?:[{\[<]|#!|%PDF|%!|---\s*$)", re.MULTILINE)
_HEADER_CELL = re.compile(r"[^\W\d_][^\n]{0,79}")
_FEWEST_ROWS = 3
_MOST_WORDS = 8


def recognise(head: bytes, suffix: str) -> bool:
    """Whether the file is a table: text named ``.csv`` or ``.tsv`` (a finding tells what is wrong with it), or any
    other text whose first rows are all as wide as a header that looks like one."""
    text = _decoded(head)
    if text is None or _BINARY.search(text) or _OTHER_TEXT.match(text):
        return False
    if suffix in _TABLE_SUFFIXES:
        return True
    whole = len(head) < HEAD_BYTES
    return any(_convinces(sample_rows(text, delimiter, whole=whole), delimiter) for delimiter in DELIMITERS)


def _decoded(head: bytes) -> str | None:
    """The text of the first bytes, a character cut at their end left off; None where they are broken UTF-16."""
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "latin-1"):
        try:
            return codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
    return None


def _convinces(rows: list[list[str]], delimiter: str) -> bool:
    if len(rows) < _FEWEST_ROWS or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return False
    header = [cell.strip() for cell in rows[0]]
    prose = delimiter == "," and any(cell.startswith(" ") for cell in rows[0])
    return (
        not prose and len(set(header)) == len(header) and all(map(_is_name, header)) and not _recurs(header, rows[1:])
    )


def _is_name(cell: str) -> bool:
    """Whether a cell can be the name of a column: begins with a letter, and is no sentence."""
    return (
        bool(_HEADER_CELL.fullmatch(cell)) and len(cell.split()) <= _MOST_WORDS and not cell.endswith((".", "!", "?"))
    )


def _recurs(header: list[str], rows: list[list[str]]) -> bool:
    """Whether a first cell comes again below: the level of a log's lines."""
    return any(cell in {row[place].strip() for row in rows} for place, cell in enumerate(header))
