"""Siemens CSA headers, written anew from what ``rules/csa.csv`` lists: numbers within limits and codes, no text.

A CSA header is a list of named tags in little endian, whatever the file's byte order. No standard describes it; its
form is as nibabel (``nicom/csareader.py``, MIT) and dcm2niix (``nii_dicom.h``, BSD-2) read it:

======  ====================================================================================================
head    ``SV10``, 4 bytes, number of tags, 77; the older form has the two numbers alone
tag     name (64 bytes, NUL), vm, vr (4 bytes), data type, number of items, 77 (205: none)
item    length, length, 77 (205: none), length; the value with its NUL, padded to four bytes. In the older form
        the first length is counted from the number of items of the first tag
======  ====================================================================================================

Scanners leave behind each NUL what was in memory, and write the protocol as text, with the names of people in it:
neither is copied. What is written here is made of this package's own names and of values that were read.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from collecte.formats.dicom._tables import rows

_MAGIC, _UNUSED, _CHECK, _NONE = b"SV10", b"\4\3\2\1", 77, 205
_HEAD = struct.Struct("<2I")
_TAG = struct.Struct("<64s i 4s 3i")
_ITEM = struct.Struct("<4i")
#: More tags, or items of one tag, than any scanner writes; those of a mosaic are one for each slice.
_MOST_TAGS, _MOST_ITEMS = 1024, 4096
#: Scanners write items by the half dozen, and dcm2niix reads three of a tag without asking how many there are.
_ITEMS = 6
#: The maker's number of a VR.
_DATA_TYPES = {"UN": 0, "DS": 3, "FD": 4, "IS": 6, "SL": 7, "US": 10, "CS": 16, "LO": 19, "SH": 22}
_WHOLE = frozenset(("IS", "SL", "US"))

_INTEGER = re.compile(rb"[+-]?\d{1,8}")
_DECIMAL = re.compile(rb"[+-]?\d{1,8}(?:\.\d{0,16})?(?:[eE][+-]?\d{1,3})?")
_HEXADECIMAL = re.compile(rb"0[xX][0-9a-fA-F]{1,7}")
_DIMENSIONS = re.compile(rb"(?:X|\d{1,5})(?:_(?:X|\d{1,5})){1,15}")
_MATRIX = re.compile(rb"\d{1,4}[ps]?\*\d{1,4}[ps]?")
#: One element of a coil, of two letters but for the halves of a head coil: HEA, HC1-6, SP2,3.
_COIL = rb"(?:HEA|HEP|[A-Z]{1,2}(?:\d{1,2}(?:[-,]\d{1,2}){0,8})?)"
_COILS = re.compile(rb"%s(?:;%s){0,15}" % (_COIL, _COIL))
_BEGIN, _END = b"### ASCCONV BEGIN", b"### ASCCONV END"
_ASSIGNMENT = re.compile(rb"([A-Za-z][\w.\[\]]{1,120})[ \t]*=[ \t]*([^\s#]{1,64})[ \t]*(?:#.*)?")
_INDEX = re.compile(r"\[(?:0|[1-9]\d{0,2})\]")


class _NotCsa(Exception):
    """The bytes are no CSA header, or break off."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row of the table: what its value may be."""

    name: str
    vr: str
    vm: int
    form: str
    least: float
    most: float
    terms: frozenset[bytes]


def clean_csa(raw: bytes) -> bytes | None:
    """The header with the listed tags alone, in the order and the form (``SV10`` or the older one) in which they stood;
    a listed tag whose value is not what the table says has none. None where ``raw`` is no CSA header, is cut short, or
    holds nothing that is listed.
    """
    modern = raw[: len(_MAGIC)] == _MAGIC
    kept: dict[str, list[bytes]] = {}
    try:
        for name, items in _tags(raw, modern):
            rule = _rules("tag").get(name)
            if rule is not None and name not in kept:
                kept[name] = _values(rule, items)
    except (_NotCsa, struct.error):
        return None
    return _written(kept, modern) if kept else None


def clean_phoenix(raw: bytes) -> bytes | None:
    """Of the protocol that scanners since XA keep as it is (0021,xx19), the listed assignments, and nothing of what
    stands before and behind them but a first line: dcm2niix skips a byte. None where it has none.
    """
    kept = _protocol(_rules("tag")["MrPhoenixProtocol"], raw)
    return b"<XProtocol>\n" + kept if kept else None


def _tags(raw: bytes, modern: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Each tag: its name and its items, as they stand.

    Raises:
        _NotCsa, struct.error: it is no such header, or a length leads out of it.
    """
    at = len(_MAGIC + _UNUSED) if modern else 0
    count, check = _HEAD.unpack_from(raw, at)
    if check != _CHECK or not 0 < count <= _MOST_TAGS:
        raise _NotCsa
    at += _HEAD.size
    base = None
    for _ in range(count):
        name, _, _, _, number, _ = _TAG.unpack_from(raw, at)
        if not 0 <= number <= _MOST_ITEMS:
            raise _NotCsa
        base = number if base is None else base
        items, at = _items(raw, at + _TAG.size, number, None if modern else base)
        yield _text(name).decode("latin-1"), items


def _items(raw: bytes, at: int, number: int, base: int | None) -> tuple[list[bytes], int]:
    """The items of a tag and where the next tag begins. ``base``: what lengths are counted from in the older form, in
    which a length that leads nowhere ends the tag; None: in the other, where it ends the header.
    """
    items: list[bytes] = []
    for _ in range(number):
        first, second, _, _ = _ITEM.unpack_from(raw, at)
        at += _ITEM.size
        length = second if base is None else first - base
        if not 0 <= length <= len(raw) - at:
            if base is None:
                raise _NotCsa
            break
        items.append(raw[at : at + length])
        at += length + -length % 4
    return items, at


def _text(value: bytes) -> bytes:
    return value.partition(b"\0")[0].strip(b" \t\r\n")


def _values(rule: _Rule, items: Sequence[bytes]) -> list[bytes]:
    """The values to write; none at all where one is not as the table says."""
    texts = [_text(item) for item in items][: rule.vm or None]
    checked = [_FORMS[rule.form](rule, text) if text else b"" for text in texts]
    values = [value for value in checked if value is not None]
    if len(values) < len(checked):
        return []
    while values and not values[-1]:
        values.pop()
    return values


def _written(tags: Mapping[str, Sequence[bytes]], modern: bool) -> bytes:
    first = next(iter(tags.values()))
    base = 0 if modern else _padded(len(first))
    parts = [_MAGIC + _UNUSED if modern else b"", _HEAD.pack(len(tags), _CHECK)]
    for name, values in tags.items():
        rule, number = _rules("tag")[name], _padded(len(values))
        vr, check = rule.vr.encode("ascii"), _CHECK if number else _NONE
        parts.append(_TAG.pack(name.encode("ascii"), rule.vm, vr, _DATA_TYPES[rule.vr], number, check))
        parts += (_item(value, base) for value in values)
        parts += (_item(b"", base) for _ in range(number - len(values)))
    return b"".join(parts)


def _padded(number: int) -> int:
    return number + -number % _ITEMS


def _item(value: bytes, base: int) -> bytes:
    length = len(value) + 1 if value else 0
    head = _ITEM.pack(length + base, length, _CHECK if value else _NONE, length)
    return head + value + bytes(length - len(value) + -length % 4)


# --- the forms of a value: as it is written, or None where it is not of that form


def _number(rule: _Rule, text: bytes) -> bytes | None:
    value = _read_number(rule, text)
    return text if value is not None and rule.least <= value <= rule.most else None


def _read_number(rule: _Rule, text: bytes) -> float | None:
    if not rule.vr and _HEXADECIMAL.fullmatch(text):  # of the protocol
        return int(text, 16)
    form = _INTEGER if rule.vr in _WHOLE else _DECIMAL
    return float(text) if form.fullmatch(text) else None


def _code(rule: _Rule, text: bytes) -> bytes | None:
    bare = text if rule.vr else text.strip(b'"')  # a protocol writes its texts in two quotes
    if bare not in rule.terms:
        return None
    return bare if rule.vr else b'""%s""' % bare


def _dimensions(rule: _Rule, text: bytes) -> bytes | None:
    """Coil and counters (``X_1_1_1``); one of more than five digits is none that anything reads."""
    short = re.sub(rb"\d{6,}", b"0", text)
    return short if _DIMENSIONS.fullmatch(short) else None


def _matrix(rule: _Rule, text: bytes) -> bytes | None:
    return text if _MATRIX.fullmatch(text) else None


def _coils(rule: _Rule, text: bytes) -> bytes | None:
    bare = text.strip(b'"')
    return b'""%s""' % bare if _COILS.fullmatch(bare) else None


def _protocol(rule: _Rule, text: bytes) -> bytes | None:
    """Of the text of a protocol, the listed assignments; the first of one name."""
    _, _, behind = text.partition(_BEGIN)
    _, _, lines_on = behind.partition(b"\n")
    inside, end, _ = lines_on.partition(_END)
    kept: dict[str, bytes] = {}
    for line in inside.splitlines() if end else ():
        assignment = _ASSIGNMENT.fullmatch(line.strip())
        if assignment is None:
            continue
        name = assignment[1].decode("ascii")
        allowed = _rules("protocol").get(_INDEX.sub("[]", name))
        value = _FORMS[allowed.form](allowed, assignment[2]) if allowed else None
        if value is not None:
            kept.setdefault(name, value)
    lines = (b"%s\t = \t%s\n" % (name.encode("ascii"), value) for name, value in kept.items())
    return b"%s ###\n%s%s ###\n" % (_BEGIN, b"".join(lines), _END) if kept else b""


_FORMS: Mapping[str, Callable[[_Rule, bytes], bytes | None]] = {
    "number": _number,
    "code": _code,
    "dimensions": _dimensions,
    "matrix": _matrix,
    "coils": _coils,
    "protocol": _protocol,
}


@cache
def _rules(where: str) -> Mapping[str, _Rule]:
    """The table's rows for tags or for the protocol, by name."""
    return {row["name"]: _rule(row) for row in rows("csa") if row["where"] == where}


def _rule(row: Mapping[str, str]) -> _Rule:
    return _Rule(
        row["name"],
        row["vr"],
        int(row["vm"] or 0),
        row["form"],
        float(row["least"] or 0),
        float(row["most"] or 0),
        frozenset(term.encode("ascii") for term in row["terms"].split()),
    )
