"""The manifest of a delivery, as hospitals write them: which files, with which digest, size and predecessor.

===========================  ==========================================================================================
understood                   forms
===========================  ==========================================================================================
``SHA256SUMS``, ``MD5SUMS``  GNU (``digest  name``, ``digest *name``, escaped names after a leading backslash) and BSD
``checksums.txt``,           (``SHA256 (name) = digest``) lines; what Windows' ``certutil -hashfile`` prints; a digest
``*.sha256``, ``*.md5``      alone in ``image.zip.sha256``. MD5, SHA-1, SHA-256, SHA-512; remarks after ``#`` or ``;``
``*.csv``, ``*.tsv``         a first line that names the columns, in French or English: file, size in bytes, digest, and
                             which file it replaces; separated by comma, semicolon, tab or bar
===========================  ==========================================================================================

UTF-8, UTF-16 with its mark, or Latin-1; LF or CRLF; ``./`` before names; ``/`` or ``\\`` between folders.

A line that cannot be read is a finding with its number, never with its content. ``l. 3, 7`` as the place of a finding
reads in French (ligne) as in English (line).
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

from collecte.findings import Finding
from collecte.receive.drop import Deposit, Entry

#: Digests that a manifest may give, by their length in hexadecimal characters.
ALGORITHMS: Mapping[int, str] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}

#: A larger file is no manifest. Bytes: a line for each of two million files.
MAX_BYTES = 256 * 1024 * 1024

#: How many line numbers a finding names.
_LINES_NAMED = 20

_NAME = re.DOTALL | re.IGNORECASE
_SUMS = re.compile(
    r"(md5|sha-?(1|256|512))_?sums?(\.txt)?|checksums?(\.txt)?|manifeste?(-(md5|sha1|sha256|sha512))?(\.txt)?", _NAME
)
_SIDECAR = re.compile(r"(?P<stem>.+)\.(md5|sha1|sha256|sha512)(sum)?", _NAME)
_TABLE = re.compile(r".+\.(csv|tsv)", _NAME)
_NAMED_TABLE = re.compile(r"manifeste?\.(csv|tsv)", _NAME)

_HEX = r"[0-9a-fA-F]{128}|[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32}"
_GNU = re.compile(rf"(?P<escaped>\\?)(?P<hex>{_HEX})(?: [ *]|[ \t]+\*?)(?P<name>.+)", re.DOTALL)
_BSD = re.compile(
    rf"(?P<escaped>\\?)(?P<algorithm>MD5|SHA-?1|SHA2?-?256|SHA2?-?512) ?\((?P<name>.+)\) ?= ?(?P<hex>{_HEX})",
    re.DOTALL | re.IGNORECASE,
)
_BARE = re.compile(_HEX)
_CERTUTIL = re.compile(
    r"(?:(?:MD5|SHA1|SHA256|SHA512) hash of(?: file)?|Hachage (?:MD5|SHA1|SHA256|SHA512) (?:du fichier|de)) "
    r"(?P<name>.+?)[ \u00a0]?:",
    re.IGNORECASE,
)
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}

#: The strongest first: where a table gives several, the first one is compared.
_DIGEST_COLUMNS = ("sha256", "sha512", "sha1", "md5", "hash")


@dataclass(frozen=True)
class Expected:
    """What a manifest says of one file: digest (lower-case hex) and its algorithm, size in bytes, the path of the
    file that it replaces (IDENTIFYING), each None where it is not said; and the number of its line, from 1.
    """

    algorithm: str | None
    hex: str | None
    size: int | None = None
    replaces: str | None = field(default=None, repr=False)
    line: int = 0

    @property
    def digest(self) -> str | None:
        """``algorithm:hex``, as the catalogue keeps it, or None."""
        return f"{self.algorithm}:{self.hex}" if self.hex else None


@dataclass(frozen=True)
class Manifest:
    """What a centre says that it sent. IDENTIFYING: ``path``, its own within the delivery; ``entries``, by path
    relative to its folder (``base``, ``""`` at the delivery's top).

    ``whole``: whether it speaks for the whole
    delivery; one in a sub-folder, or beside a single file, does not. ``administrative``: whether it is nothing but a
    manifest; a table that also has columns of another sort is data as well.
    """

    entries: Mapping[str, Expected]
    findings: tuple[Finding, ...] = ()
    path: str = ""
    whole: bool = True
    administrative: bool = True

    @property
    def base(self) -> str:
        return self.path.rpartition("/")[0]

    def __repr__(self) -> str:
        return f"Manifest({len(self.entries)} entries, {len(self.findings)} findings)"


def find_manifests(deposit: Deposit) -> tuple[Entry, ...]:
    """The files of a delivery that are manifests by their name, and the tables at its top, which may be: ask
    :func:`is_manifest` with their first bytes. The ones that speak for the whole delivery come first.
    """
    found = []
    for entry in deposit.entries:
        folder, _, name = deposit.relative(entry).rpartition("/")
        top = not folder
        if entry.size <= MAX_BYTES and (
            _SUMS.fullmatch(name) or _SIDECAR.fullmatch(name) or (top and _TABLE.fullmatch(name))
        ):
            found.append((not top, bool(_SIDECAR.fullmatch(name)), bool(_TABLE.fullmatch(name)), entry.path, entry))
    return tuple(entry for *_, entry in sorted(found, key=lambda candidate: candidate[:4]))


def is_manifest(name: str, head: bytes) -> bool:
    """Whether a file is a manifest: by its name, or, a table, by the columns in its first bytes (4,096 are enough).

    A table of labels that names files and their digests, but has other columns too, is data and no manifest, unless
    it is called ``manifest.csv`` or ``manifeste.csv``.
    """
    base = name.rpartition("/")[2]
    if not _TABLE.fullmatch(base):
        return bool(_SUMS.fullmatch(base) or _SIDECAR.fullmatch(base))
    if _NAMED_TABLE.fullmatch(base):
        return True
    try:
        header, _ = _header(_decode(head[: len(head) // 2 * 2]))
    except UnicodeDecodeError:
        return False
    columns = _columns(header)
    return "name" in columns and bool(columns.keys() & set(_DIGEST_COLUMNS)) and _all_known(header)


def parse_manifest(data: bytes, name: str) -> Manifest:
    """What a manifest says. ``name``: its path within the delivery.

    Never raises for what it contains: what cannot be read is among its findings.
    """
    try:
        text = _decode(data)
    except UnicodeDecodeError:
        return Manifest({}, (Finding("MANIFEST-UNREADABLE"),), name, whole=False)
    folder, _, own = name.rpartition("/")
    parsed = _parse_table(text) if _TABLE.fullmatch(own) else _parse_sums(text, own)
    return replace(parsed, path=name, whole=parsed.whole and not folder)


# Reading


def _decode(data: bytes) -> str:
    """Text in which bytes that are no UTF-8 stay what they are (PEP 383), so that they still equal those of a
    listing."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _parse_sums(text: str, file_name: str) -> Manifest:
    sidecar = _SIDECAR.fullmatch(file_name)
    stem = sidecar["stem"] if sidecar else None
    lines = text.split("\n")
    if all(line.endswith("\r") for line in lines if line.strip()):
        lines = [line.removesuffix("\r") for line in lines]
    collector = _Collector()
    pending = stem
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(("#", ";", "CertUtil:")):
            continue
        if header := _CERTUTIL.fullmatch(line.strip()):
            pending = header["name"]
            continue
        collector.add(number, *_sums_line(line, pending))
    alone = stem is not None and collector.entries.keys() <= {stem, file_name}
    return Manifest(collector.entries, collector.findings(), whole=not alone)


def _sums_line(line: str, pending: str | None) -> tuple[str | None, Expected]:
    """The name on one line (None: unreadable) and what it says of it. ``pending``: whose digest one alone would be."""
    match = _GNU.fullmatch(line) or _BSD.fullmatch(line)
    if match is None:
        bare = _BARE.fullmatch(line.replace(" ", "").strip())
        if bare is None or pending is None:
            return None, Expected(None, None)
        return pending, _expected(bare[0])
    expected = _expected(match["hex"])
    named = match.groupdict().get("algorithm")
    if named and _algorithm(named) != expected.algorithm:
        return None, expected
    name = match["name"]
    if match["escaped"]:
        name = re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), name)
    return name, expected


def _parse_table(text: str) -> Manifest:
    header, delimiter = _header(text)
    columns = _columns(header)
    if "name" not in columns or not columns.keys() & {*_DIGEST_COLUMNS, "size"}:
        return Manifest({}, (Finding("MANIFEST-UNREADABLE"),), whole=False, administrative=False)
    collector = _Collector()
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    seen_header = False
    try:
        for row in rows:
            if not any(cell.strip() for cell in row) or (not seen_header and _before_header(row[0])):
                continue
            if not seen_header:
                seen_header = True
                continue
            collector.add(rows.line_num, *_table_row(row, columns))
    except csv.Error:
        collector.unreadable.append(rows.line_num)
    return Manifest(collector.entries, collector.findings(), administrative=_all_known(header))


def _table_row(row: list[str], columns: Mapping[str, int]) -> tuple[str | None, Expected]:
    cells = {column: row[index].strip() for column, index in columns.items() if index < len(row)}
    digest = next(((column, cells[column]) for column in _DIGEST_COLUMNS if cells.get(column)), None)
    expected = Expected(None, None)
    if digest is not None:
        column, value = digest
        named = cells.get("algorithm") if column == "hash" else column
        prefix, _, value = value.rpartition(":")
        if not _BARE.fullmatch(value):
            return None, expected
        expected = _expected(value)
        if any(name and _algorithm(name) != expected.algorithm for name in (named, prefix)):
            return None, expected
    size = re.sub(r"[\s\u00a0\u202f']", "", cells.get("size", ""))
    if size and not (size.isascii() and size.isdigit() and len(size) < 19):
        return None, expected
    # A name keeps its outer spaces if it has any; only the other cells are stripped.
    name = row[columns["name"]] if columns["name"] < len(row) else ""
    return name or None, replace(expected, size=int(size) if size else None, replaces=cells.get("replaces") or None)


def _header(text: str) -> tuple[list[str], str]:
    """The cells of the line that names the columns, and what separates them."""
    lines = (line.rstrip("\r") for line in text.split("\n"))
    line = next((line for line in lines if line.strip() and not _before_header(line)), "")
    best = max(",;\t|", key=lambda delimiter: (len(_columns(_cells(line, delimiter))), line.count(delimiter)))
    return _cells(line, best), best


def _before_header(line: str) -> bool:
    """Remarks, PowerShell's ``#TYPE`` and Excel's ``sep=;`` stand before the columns' names."""
    return line.lower().startswith(("#", "sep="))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _columns(header: Iterable[str]) -> dict[str, int]:
    """Where each column of a manifest stands, by what it means; the first of two that mean the same."""
    columns: dict[str, int] = {}
    for index, title in enumerate(header):
        if meaning := _meaning(title):
            columns.setdefault(meaning, index)
    return columns


def _all_known(header: Iterable[str]) -> bool:
    return all(_meaning(title) for title in header if title.strip())


def _meaning(title: str) -> str | None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", readable(title)).lower() if c.isascii() and c.isalnum())
    return _titles().get(plain)


@cache
def _titles() -> Mapping[str, str]:
    """What a column is called → what it means."""
    columns = yaml.safe_load(Path(__file__).with_name("manifest_columns.yaml").read_text("utf-8"))
    return {title: meaning for meaning, titles in columns.items() for title in titles}


def _expected(digest: str) -> Expected:
    return Expected(ALGORITHMS[len(digest)], digest.lower())


def _algorithm(name: str) -> str:
    """``SHA-256``, ``SHA2-256`` and ``sha256`` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).replace("sha2256", "sha256").replace("sha2512", "sha512")


class _Collector:
    """Gathers the entries of one manifest and the lines that could not be read or that contradict an earlier one."""

    def __init__(self) -> None:
        self.entries: dict[str, Expected] = {}
        self.unreadable: list[int] = []
        self.disagreeing: list[int] = []

    def add(self, line: int, name: str | None, expected: Expected) -> None:
        if name is None or "\0" in name or ".." in name.replace("\\", "/").split("/"):
            self.unreadable.append(line)
            return
        known = self.entries.setdefault(clean(name), replace(expected, line=line))
        if (known.hex, known.size) != (expected.hex, expected.size):
            self.disagreeing.append(line)

    def findings(self) -> tuple[Finding, ...]:
        found = []
        if self.unreadable:
            found.append(Finding("MANIFEST-LINE-UNREADABLE", lines_place(self.unreadable), len(self.unreadable)))
        if self.disagreeing:
            found.append(Finding("MANIFEST-LINES-DISAGREE", lines_place(self.disagreeing), len(self.disagreeing)))
        if not self.entries and not found:
            found.append(Finding("MANIFEST-UNREADABLE"))
        return tuple(found)


def lines_place(lines: Iterable[int]) -> str:
    """``l. 3, 7``: the first lines, non-identifying; reads in both languages."""
    ordered = sorted(lines)
    return "l. " + ", ".join(map(str, ordered[:_LINES_NAMED])) + (" …" if len(ordered) > _LINES_NAMED else "")


def clean(name: str) -> str:
    """A name without ``./`` before it."""
    while name.startswith(("./", ".\\")):
        name = name[2:]
    return name


def readable(text: str) -> str:
    """Text in which bytes that are no UTF-8 are read as Windows and Latin-1 have them."""
    if text.isascii() or not any("\udc80" <= c <= "\udcff" for c in text):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
