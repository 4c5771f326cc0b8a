"""Values as bytes: does one fit its VR, so that no text hides in a number; what stands in for one; how a date moves.

VRs: PS3.5, table 6.2-1.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from pydicom.datadict import dictionary_VM

from collecte.formats.dicom._lengths import TAGS, is_rough
from collecte.pseudonym import BELIEVABLE_YEARS, is_placeholder_day

#: Bytes of one value, by the VRs that are written in binary.
BINARY_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "UV": 8, "SV": 8}
#: Bulk data: only where a rule keeps them by name.
BULK_VRS = frozenset(("OB", "OW", "OD", "OF", "OL", "OV"))

#: A time of day (PS3.5, 6.2): other digits would be somebody's number.
_CLOCK = rb"([01]\d|2[0-3])(:?[0-5]\d(:?([0-5]\d|60)(\.\d{1,6})?)?)?"
#: What follows the date in a DT: the time without colons, and the zone.
_BARE, _ZONE = _CLOCK.replace(b":?", b""), rb"([-+](0\d|1[0-4])[0-5]\d)? *+"
_PATTERNS = {
    "AS": rb"\d{3}[DWMY]",
    "CS": rb"[A-Za-z0-9 _.\-+/:]{0,16}",
    "DA": rb"\d{8}|\d{4}\.\d\d\.\d\d",
    # A measure has no ten digits before its point, unless they begin or end with zeros; a telephone's number has.
    "DS": rb" *+[-+]?(?:(?:\d{1,5}0{5,11}|0{0,12}\d{1,9})(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)? *+",
    "DT": rb"\d{4}(\d\d(\d\d(%s)?)?)?%s" % (_BARE, _ZONE),
    "IS": rb" *+[-+]?0{0,11}\d{1,8} *+",
    "TM": rb"%s *+" % _CLOCK,
    "UI": rb"[0-9.]{0,64}",
}
_STRINGS = {
    # Possessive throughout: no value, however hostile, takes more than linear time.
    vr: re.compile(rb"(?:%s)?(?:\\(?:%s)?)*+[\0 ]*+" % (pattern, pattern))
    for vr, pattern in _PATTERNS.items()
}
LONGEST_TEXT = {"LO": 64, "SH": 16, "AE": 16, "ST": 1024, "LT": 10240}

#: ChannelMinimumValue, ChannelMaximumValue, WaveformPaddingValue: one number each.
_NUMBERS, _NUMBER_BYTES = (0x54000110, 0x54000112, 0x5400100A), 4

#: Descriptors of look-up tables: entries, the first value, bits of an entry (PS3.3, C.7.6.3.1.5 and C.11.1.1).
_DESCRIPTORS, _BITS_OF_A_TABLE = frozenset((0x00281101, 0x00281102, 0x00281103, 0x00281104, 0x00283002)), 16

#: Twelve letters or eight digits in a row, as no vector of numbers has them by chance; tables of colours do.
_WRITTEN = re.compile(rb"[A-Za-z][A-Za-z^ ]{11,}|[0-9]{8,}")
#: Groups of tables of colours and grey values. Those whose length is told are looked at when they have it.
_OF_TABLES = (0x0028, 0x0066, 0x0070)
#: Letters and digits in a short row, by VR, each so many bytes behind the last: no tag is made of four, no count of
#: eight; of a double the last byte is ``?`` or ``@`` unless it is tiny or huge.
_SPELLED = {
    "AT": (4, re.compile(rb"[ -~]{4}")),
    "UL": (4, re.compile(rb"[ -~]{8}")),
    "SL": (4, re.compile(rb"[ -~]{8}")),
    "FD": (8, re.compile(rb"[ -~]{7}[ -=A-~]")),
}
_FEWEST_SIGNS, _SHORTEST = 3, 8
#: Letters that a few numbers are made of by chance, at most; of four bytes, no count or place.
_FEWEST_LETTERS, _FEW_BYTES = {"UL": 4, "SL": 4}, 16
#: Bytes that are signs, and the part of others up to which a vector of numbers is none.
_PRINTABLE, _ODD = bytes(range(0x20, 0x7F)), 0.1
#: A whole value of what texts are made of.
_ACCENTS = "àáâãäåæçèéêëíîïñóôöøùúûüßÀÂÄÇÈÉÊÖÜ"
_SIGNS = rb"A-Za-z0-9 '()+,\-./:;@^_%s" % _ACCENTS.encode("latin-1")
_TEXT, _WIDE = re.compile(rb"[%s]{10,}" % _SIGNS), re.compile(rb"[\0%s]*+" % _SIGNS)
_ACCENTED = 0.25

_DUMMIES = {
    "AS": b"000Y",
    "CS": b"REMOVED",
    "DA": b"19000101",
    "DS": b"0",
    "DT": b"19000101000000",
    "IS": b"0",
    "TM": b"000000",
    "UR": b"urn:removed",
    "OB": b"\0\0",
    "OW": b"\0\0",
    **{vr: b"\0" * size for vr, size in BINARY_SIZES.items()},
}


def dummy(vr: str) -> bytes:
    """A value that says nothing and fits the VR."""
    return _DUMMIES.get(vr, b"REMOVED")


@cache
def checker(vr: str, tag: int) -> Callable[[bytes], object] | None:
    """What is true of a value of this attribute that has the form of its VR; None where any bytes have."""
    if vr in ("DA", "DT"):
        return lambda raw: _STRINGS[vr].fullmatch(raw) and shifted(raw, timedelta(), vr) is not None
    if vr in _STRINGS:
        return _STRINGS[vr].fullmatch
    if tag in _NUMBERS:
        return lambda raw: len(raw) <= _NUMBER_BYTES
    if tag in _DESCRIPTORS:
        return lambda raw: not raw or (len(raw) == 6 and min(raw[4:]) == 0 and max(raw[4:]) <= _BITS_OF_A_TABLE)
    if vr in BINARY_SIZES:
        return _binary(BINARY_SIZES[vr], _most(tag), vr)
    if vr in LONGEST_TEXT:
        longest = LONGEST_TEXT[vr]
        return lambda raw: len(raw) <= longest or all(len(v) <= longest for v in raw.split(b"\\"))
    if vr in ("OB", "OW"):
        of_tables = tag >> 16 in _OF_TABLES and tag not in TAGS
        return lambda raw: not (_is_text(raw.rstrip(b"\0 ")) or _is_wide(raw) or (of_tables and is_rough(raw)))
    return (lambda raw: not _is_written(raw)) if vr in ("OF", "OD", "OL") else None


def _binary(size: int, most: int | None, vr: str) -> Callable[[bytes], object]:
    step, spells = _SPELLED.get(vr, (1, None))

    def fits(raw: bytes) -> bool:
        if len(raw) <= _FEW_BYTES and raw.isalpha() and len(raw) >= _FEWEST_LETTERS.get(vr, _SHORTEST):
            return False
        spelled = spells and any(spells.match(raw, at) for at in range(0, len(raw), step))
        return len(raw) % size == 0 and (most is None or len(raw) <= most * size) and not (spelled or _is_written(raw))

    return fits


def _is_written(raw: bytes) -> bool:
    """Whether text hides in numbers."""
    if len(raw) < _SHORTEST:
        return False
    if any(len(set(match[0])) >= _FEWEST_SIGNS for match in _WRITTEN.finditer(raw)):
        return True
    if (
        len(raw) >= 2 * _SHORTEST
        and len(raw.translate(None, _PRINTABLE)) < _ODD * len(raw)
        and len(set(raw)) > _SHORTEST
    ):
        return True
    return _is_text(raw.rstrip(b"\0 ")) or _is_wide(raw)


def _is_text(text: bytes) -> bool:
    """Whether all of a value is what texts are made of, with at most one @: it ends every double from 2 to 131,071,
    little endian."""
    if _TEXT.fullmatch(text) is None or len(set(text)) < _FEWEST_SIGNS or text.count(b"@") > 1:
        return False
    return sum(sign > 0x7F for sign in text) <= max(2, _ACCENTED * len(text))


def _is_wide(raw: bytes) -> bool:
    """Whether a value is text once its NULs are left out, as in UTF-16."""
    return _WIDE.fullmatch(raw) is not None and _is_text(raw.replace(b"\0", b""))


def _most(tag: int) -> int | None:
    """The greatest number of values; None where the dictionary sets no limit or does not know the tag."""
    try:
        last = dictionary_VM(tag).split("-")[-1].split(" or ")[-1]
    except KeyError:
        return None
    return int(last) if last.isdigit() else None


def shifted(raw: bytes, shift: timedelta, vr: str) -> bytes | None:
    """A DA or DT, of one or several values, moved by whole days; times and zones stay. None: it holds no date."""
    moved = [_shifted_one(value, shift, _TIME if vr == "DT" else _SPACES) for value in raw.rstrip(b"\0 ").split(b"\\")]
    known = [value for value in moved if value is not None]
    return b"\\".join(known) if len(known) == len(moved) else None


_DATE = re.compile(rb"(\d{4})(?:(\.?)(\d\d)(?:\2(\d\d))?)?(.*)", re.DOTALL)
#: What stands for a date that is none.
_NO_DAY = date(1900, 1, 1)
_TIME = re.compile(rb"(%s)?%s" % (_BARE, _ZONE))
_SPACES = re.compile(rb" *")


def _shifted_one(value: bytes, shift: timedelta, behind: re.Pattern[bytes]) -> bytes | None:
    match = _DATE.fullmatch(value)
    if not value:
        return b""
    if match is None or not behind.fullmatch(match[5]):
        return None
    year, _, month, day, rest = match.groups()
    try:
        there = date(int(year), int(month or 1), int(day or 1))
        none = is_placeholder_day(there) if day else there.year not in BELIEVABLE_YEARS
        moved = _NO_DAY if none else there + shift
    except (ValueError, OverflowError):
        return None
    # A coarser date keeps its precision: the shifted year, or year and month.
    text = moved.strftime("%Y%m%d").rjust(8, "0")[: 4 + 2 * (month is not None) + 2 * (day is not None)]
    return text.encode("ascii") + (rest if day else b"")


#: Some machines write an age without leading zeros.
_AGE = re.compile(rb"(\d{1,3})([DWMY]) *\0?")
#: The oldest age that is told, in each unit (89 years).
_AGE_CAPS = {b"D": 89 * 365 + 22, b"W": 89 * 52 + 16, b"M": 89 * 12 + 11, b"Y": 89}


def is_capped(number: str, unit: str) -> bool:
    """Whether an age is beyond the oldest that is told, or cannot be read. ``unit``: D, W, M or Y."""
    cap = _AGE_CAPS.get(unit.encode("ascii"))
    try:
        return cap is None or not float(number) < cap + 1
    except ValueError:
        return True


def capped_age(raw: bytes) -> bytes | None:
    """An age up to 089Y as it stands; 090Y for every older one; None where it is no age."""
    match = _AGE.fullmatch(raw)
    if match is None:
        return None
    if is_capped(match[1].decode("ascii"), match[2].decode("ascii")):
        return b"090Y"
    age = match[0].rstrip(b"\0 ")
    return b"0" + age if len(age) & 1 else age  # a space behind it would be none of its characters
