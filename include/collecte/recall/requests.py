"""What a centre asks in ``recall/`` of its own drop: a small table of its own patient identifiers. IDENTIFYING.

=========  =========================================================================================
column     forms
=========  =========================================================================================
patient    ``ipp``, ``patient``, ``identifiant``, ``nip``, ``patient_id`` and the like
request    ``demande``: ``opposition`` (no further use), ``effacement`` (removed everywhere), or ``annulation`` (of a
           request that was a mistake)
issuer     ``emetteur``: of the identifier, where it is not the centre's own
=========  =========================================================================================

Comma, semicolon, tab or bar; UTF-8, UTF-16 with its mark, or Latin-1; capitals and accents do not count. Without a line
that names the columns the first is the patient and the second the request. A line that cannot be read is answered with
its number, never with its content.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

import yaml

from collecte.findings import Finding, Language
from collecte.records import PatientRef

#: The folder of the drop; nothing in it is ever collected.
FOLDER = "recall"

#: A larger file is no list of patients. Bytes.
MAX_BYTES = 1024 * 1024

Request = Literal["opposition", "erasure", "cancel"]


@cache
def _words(group: str) -> Mapping[str, str]:
    """What a column or a request is called → what it means."""
    words = yaml.safe_load(Path(__file__).with_name("request_words.yaml").read_text("utf-8"))[group]
    return {word: meaning for meaning, called in words.items() for word in called}


@dataclass(frozen=True)
class Asked:
    """One patient and what is asked for them, from one line (from 1). IDENTIFYING."""

    line: int
    patient: PatientRef
    request: Request


@dataclass(frozen=True)
class Line:
    """The answer to one line; ``recall`` is the number of what was registered, None where nothing was."""

    line: int
    finding: Finding
    recall: int | None = None


def parse_requests(data: bytes) -> tuple[list[Asked], list[Line]]:
    """What is asked, and the lines that cannot be read. Never raises for what the file holds."""
    text = _decode(data)
    if text is None or len(data) > MAX_BYTES or "\0" in text:
        return [], [Line(0, Finding("RECALL-FILE-UNREADABLE"))]
    asked: list[Asked] = []
    unreadable: list[Line] = []
    columns: Mapping[str, int] | None = None
    for number, cells in _rows(text):
        if columns is None:
            columns = _columns(cells)
            if columns:
                continue
            columns = {"patient": 0, "request": 1}
        if (one := _asked(number, cells, columns)) is None:
            unreadable.append(Line(number, Finding("RECALL-LINE-UNREADABLE", f"l. {number}")))
        else:
            asked.append(one)
    if not asked and not unreadable:
        return [], [Line(0, Finding("RECALL-FILE-UNREADABLE"))]
    return asked, unreadable


def answer_csv(lines: Iterable[Line], language: Language) -> str:
    """The answer that lies in the centre's ``retour/``: by line number, without an identifier."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    head = ("ligne", "rappel", "réponse", "à faire") if language == "fr" else ("line", "recall", "answer", "to do")
    writer.writerow(head)
    for one in sorted(lines, key=lambda line: (line.line, line.recall or 0)):
        said, remedy = one.finding.text(language), one.finding.remedy(language)
        writer.writerow([one.line or "", one.recall or "", said, remedy])
    return "\ufeff" + out.getvalue()


def _decode(data: bytes) -> str | None:
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        return None if data.startswith((b"\xff\xfe", b"\xfe\xff")) else data.decode("latin-1")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    lines = text.splitlines()
    first = next((line for line in lines if _says_something(line)), "")
    delimiter = max(";,\t|", key=first.count)
    for number, line in enumerate(lines, 1):
        if _says_something(line):
            yield number, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]


def _says_something(line: str) -> bool:
    """Whether a line holds more than separators and is no remark."""
    return bool(line.strip(";,|\t ")) and not line.startswith("#") and not line.lower().startswith("sep=")


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    """Where each column stands; nothing where the line names no column of patients."""
    found: dict[str, int] = {}
    for index, title in enumerate(header):
        if meaning := _words("columns").get(_plain(title)):
            found.setdefault(meaning, index)
    return found if "patient" in found else {}


def _asked(number: int, cells: Sequence[str], columns: Mapping[str, int]) -> Asked | None:
    def cell(name: str) -> str:
        index = columns.get(name, len(cells))
        return cells[index] if index < len(cells) else ""

    request = _words("requests").get(_plain(cell("request")))
    if not cell("patient") or request is None:
        return None
    return Asked(number, PatientRef(cell("patient"), cell("issuer") or None), cast("Request", request))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).lower()
    return "".join(c for c in folded if c.isascii() and c.isalnum())
