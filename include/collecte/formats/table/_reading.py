"""A table as rows of text, read in bounded memory: encoding and delimiter are found the same way each time.

What cannot be read as a table raises :class:`Unreadable`, which carries the finding; it never leaves this kind.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collecte.findings import Finding

#: Characters of one cell; a longer one is a lost quote, or no table.
CELL_LIMIT = 131_072
#: Characters of one line, and of one row over all its lines.
LINE_LIMIT = 4_194_304
ROW_LIMIT = 16_777_216
COLUMN_LIMIT = 5_000
#: Characters from which the delimiter is judged.
SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 100
_CHUNK_BYTES = 1_048_576

#: In the order in which a tie is decided: the comma last, as it stands in prose and in French numbers too.
DELIMITERS = ("\t", ";", "|", ",")

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOTHING = " \t\r\n\f\v\u00a0" + "".join(DELIMITERS)
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's first line
_AS_TEXT = re.compile(r'="([^"]*)"')  # Excel's way to keep leading zeros


class Unreadable(Exception):
    """The file cannot be taken as a table; ``finding`` says why. Internal to this kind."""

    def __init__(self, code: str, place: str = "", count: int = 1, **values: str | int) -> None:
        super().__init__(code)
        self.finding = Finding(code, place, count, values)


@dataclass(frozen=True)
class Row:
    """One row: ``number`` as a spreadsheet shows it (the first line is 1), and its cells without outer spaces."""

    number: int
    cells: list[str]

    def fitted(self, width: int) -> list[str] | None:
        """The cells, if they are as many as the header's; empty ones too many are left off. None where a value may
        stand under a wrong header."""
        return None if len(self.cells) < width or any(self.cells[width:]) else self.cells[:width]

    def __repr__(self) -> str:
        return f"Row({self.number}, …)"


@dataclass(frozen=True)
class Table:
    """An open table. ``rows`` are read as they are taken, blank ones left out."""

    header: tuple[str, ...]
    rows: Iterator[Row]

    def __repr__(self) -> str:
        return f"Table({len(self.header)} columns)"


@contextmanager
def open_table(source: Path, known: Callable[[Sequence[str]], int]) -> Iterator[Table]:
    """The table in a file. ``known`` counts the columns of a header that rules name: of two delimiters the one that
    makes more sense of the header is taken.

    Raises:
        Unreadable: it is no table, or stops being one at some row (raised while ``rows`` are taken).
    """
    encoding = detect_encoding(source)
    with source.open(encoding=encoding, newline="") as file:
        sample = file.read(SAMPLE_CHARACTERS)
    delimiter = detect_delimiter(sample, known, whole=len(sample) < SAMPLE_CHARACTERS)
    with source.open(encoding=encoding, newline="") as file:
        rows = _rows(file, delimiter)
        header = next(rows, None)
        if header is None:
            raise Unreadable("TABLE-EMPTY")
        if len(header.cells) < 2:
            raise Unreadable("TABLE-NO-HEADER")
        if len(header.cells) > COLUMN_LIMIT:
            raise Unreadable("TABLE-TOO-WIDE", count=len(header.cells), limit=COLUMN_LIMIT)
        yield Table(tuple(header.cells), rows)


def detect_encoding(source: Path) -> str:
    """The encoding, by the mark at the start, else by whether all bytes are UTF-8.

    Raises:
        Unreadable: empty, NUL bytes, or broken UTF-16.
    """
    with source.open("rb") as file:
        head = file.read(4)
    if not head:
        raise Unreadable("TABLE-EMPTY")
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(marked or "utf-8")()
    is_utf8, is_cp1252 = True, True
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if is_utf8:
                is_utf8 = _decodes(decoder, chunk)
            if marked != "utf-16" and b"\0" in chunk:
                raise Unreadable("TABLE-NUL-BYTE")
            is_cp1252 = is_cp1252 and not any(byte in chunk for byte in b"\x81\x8d\x8f\x90\x9d")
        is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    if is_utf8:
        return marked or "utf-8"
    if marked == "utf-16":
        raise Unreadable("TABLE-ENCODING")
    return "cp1252" if is_cp1252 else "latin-1"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def detect_delimiter(sample: str, known: Callable[[Sequence[str]], int], *, whole: bool) -> str:
    """The delimiter under which the sample looks most like a table: most columns that rules know, then most rows as
    wide as the header, then most columns. ``whole``: the sample does not end in the middle of a row.
    """
    if given := _SEPARATOR_LINE.match(sample):
        return given[1]
    return max(DELIMITERS, key=lambda delimiter: _score(sample_rows(sample, delimiter, whole=whole), known))


def sample_rows(sample: str, delimiter: str, *, whole: bool) -> list[list[str]]:
    """The first rows of a sample, blank ones left out; none where the quoting does not hold."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        rows = [row for _, row in zip(range(_SAMPLE_ROWS + 1), reader, strict=False) if not _blank(row)]
    except csv.Error:
        return []
    if len(rows) > 1 and not whole and len(rows) <= _SAMPLE_ROWS:
        rows.pop()
    return rows


def _score(rows: list[list[str]], known: Callable[[Sequence[str]], int]) -> tuple[int, float, int]:
    if not rows or len(rows[0]) < 2:
        return (0, 0.0, 0)
    width = len(rows[0])
    return (known(rows[0]), sum(len(row) == width for row in rows) / len(rows), width)


def _rows(file: io.TextIOBase, delimiter: str) -> Iterator[Row]:
    """Rows that are not blank, from the header on.

    Raises:
        Unreadable: a cell or row without end, or quotes that do not close.
    """
    csv.field_size_limit(CELL_LIMIT)
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        lines.used = 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # The library has one class for all; of its texts only the one about the limit is told apart.
            code = "TABLE-CELL-TOO-LONG" if "limit" in str(error) else "TABLE-QUOTES"
            raise Unreadable(code, f"row {number}", row=number) from None
        except _TooLong:
            raise Unreadable("TABLE-CELL-TOO-LONG", f"row {number}", row=number) from None
        if cells is None:
            return
        if number == 1 and _SEPARATOR_LINE.fullmatch(delimiter.join(cells)):
            continue
        if any("\0" in cell for cell in cells):
            raise Unreadable("TABLE-NUL-BYTE")
        if not _blank(cells):
            yield Row(number, [_clean(cell) for cell in cells])


class _TooLong(Exception):
    """A line or row passed its limit."""


class _Lines:
    """Lines for the csv module, none longer than :data:`LINE_LIMIT`; ``used`` characters since it was set to 0."""

    def __init__(self, file: io.TextIOBase) -> None:
        self._file = file
        self.used = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_LIMIT + 1)
        self.used += len(line)
        if len(line) > LINE_LIMIT or self.used > ROW_LIMIT:
            raise _TooLong
        if not line:
            raise StopIteration
        return line


def _blank(cells: list[str]) -> bool:
    return not any(cell.strip(_NOTHING) for cell in cells)


def _clean(cell: str) -> str:
    text = cell.strip()
    if text.startswith('="') and (quoted := _AS_TEXT.fullmatch(text)):
        return quoted[1].strip()
    return text
