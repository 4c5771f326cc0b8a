"""Birth dates in the ways in which people and programs write them."""

import re
from functools import lru_cache
from itertools import chain

_MONTHS = (
    (b"janvier", b"janv", b"jan", b"january"),
    (b"fevrier", b"fevr", b"fev", b"february", b"feb"),
    (b"mars", b"mar", b"march"),
    (b"avril", b"avr", b"april", b"apr"),
    (b"mai", b"may"),
    (b"juin", b"june", b"jun"),
    (b"juillet", b"juil", b"july", b"jul"),
    (b"aout", b"august", b"aug"),
    (b"septembre", b"sept", b"sep", b"september"),
    (b"octobre", b"oct", b"october"),
    (b"novembre", b"nov", b"november"),
    (b"decembre", b"dec", b"december"),
)
_TIME = re.compile(rb"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d+)?)?(?:[+-]\d{4})?(?!\d)")


def is_day(yyyymmdd: str) -> bool:
    """Whether a text is a date of eight digits that has writings."""
    return bool(re.fullmatch(r"\d{8}", yyyymmdd)) and 1 <= int(yyyymmdd[4:6]) <= 12 and 1 <= int(yyyymmdd[6:]) <= 31


@lru_cache(maxsize=256)  # 15 kB each, and a register of patients has 20,000 of them
def writings(yyyymmdd: str) -> frozenset[bytes]:
    """The folded writings of one date; none where it is no date of eight digits.

    Year, month, day and day, month, year (also month, day, year) with ``- / .`` or a space, with and without leading
    zeros, with a two-digit year (not with a space), without separators (eight digits), and with French and English
    months.
    """
    if not is_day(yyyymmdd):
        return frozenset()
    year, month, day = yyyymmdd[:4].encode(), yyyymmdd[4:6].encode(), yyyymmdd[6:].encode()
    days, months = {day, day.lstrip(b"0")}, {month, month.lstrip(b"0")}
    found = {year + month + day, day + month + year}
    for separator in (b"-", b"/", b".", b" "):
        for d in days:
            for m in months:
                for y in (year,) if separator == b" " else (year, year[2:]):
                    found |= {separator.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y))}
    for d in days | ({b"1er", b"1st"} if day == b"01" else set()):
        found |= _in_words(year, _MONTHS[int(month) - 1], d)
    return frozenset(found)


def _in_words(year: bytes, names: tuple[bytes, ...], day: bytes) -> set[bytes]:
    found = set()
    for name in {*names, *(name + b"." for name in names)}:
        found |= {b"%s %s %s" % (day, name, year), b"%s %s, %s" % (name, day, year), b"%s %s %s" % (name, day, year)}
        found |= {separator.join((day, name, year)) for separator in (b"", b"-", b"/")}
    return found


def stands(before: bytes, writing: bytes, after: bytes) -> bool:
    """Whether a writing, with what stands around it, is a date: no piece of a longer number, a decimal or a UID."""
    if before[-1:].isdigit() or re.search(rb"\d\.$", before):
        return False
    if after[:1].isdigit():
        return writing.isdigit() and bool(_TIME.match(after))  # a date with its time: 19560412103000
    return not re.match(rb"\.\d", after)


def occurrences(yyyymmdd: str, folded: bytes) -> int:
    """How often a date stands in a folded text, in any of its writings."""
    year = yyyymmdd[:4].encode()
    short = ((separator + year[2:], year[2:] + separator) for separator in (b"-", b"/", b"."))
    if year not in folded and not any(writing in folded for writing in chain.from_iterable(short)):
        return 0
    spans = set()
    for writing in writings(yyyymmdd):
        start = folded.find(writing)
        while start >= 0:
            end = start + len(writing)
            if stands(folded[max(0, start - 2) : start], writing, folded[end : end + 24]):
                spans.add(end)
            start = folded.find(writing, start + 1)
    return len(spans)
