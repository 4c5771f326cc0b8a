"""Days as people and machines write them, so that a birth date is found in whatever writing."""

import re
from collections.abc import Iterator

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("janvier janv january jan", "fevrier fevr february feb", "mars march mar", "avril avr april apr"),
            *("mai may", "juin june jun", "juillet juil july jul", "aout august aug", "septembre sept september sep"),
            *("octobre october oct", "novembre november nov", "decembre december dec"),
        ),
        1,
    )
    for name in names.split()
}
_NAMED = "|".join(sorted(_MONTHS, key=len, reverse=True))
#: Day, month, year; year, month, day; month's name, day, year. No digit and no point stands beside: that is a UID.
_WRITINGS = re.compile(
    rb"(?<![\d.])(?:"
    rb"(?P<a>\d\d?)(?:[/. -]{1,2}(?P<b>\d\d?)[/. -]{1,2}|(?:er)?[ .-]{0,2}(?P<named>%(named)s)\.?[ .-]{0,2})"
    rb"(?P<year>\d{4})"
    rb"|(?P<first>\d{4})[/. -](?P<second>\d\d)[/. -](?P<third>\d\d)"
    rb"|(?P<month>%(named)s)\.? (?P<day>\d\d?)(?:st|nd|rd|th)?,? (?P<last>\d{4})"
    rb"|(?P<packed>\d{8})"
    rb")(?![\d.])" % {b"named": _NAMED.encode()}
)


#: Every writing has a year in it; what lies so far around one is looked at.
_YEAR = re.compile(rb"(?:1[89]|20)\d\d")
_BEFORE, _BEHIND = 24, 12


def days(folded: bytes) -> Iterator[str]:
    """Each day that a folded text writes in another way than DICOM does, as YYYYMMDD; day and month in either order."""
    for year in _YEAR.finditer(folded):
        yield from _days(folded[max(0, year.start() - _BEFORE) : year.end() + _BEHIND])


def _days(around: bytes) -> Iterator[str]:
    for match in _WRITINGS.finditer(around):
        part = {name: value.decode() for name, value in match.groupdict().items() if value is not None}
        if "packed" in part:
            yield part["packed"][4:] + part["packed"][2:4] + part["packed"][:2]
        elif "first" in part:
            yield part["first"] + part["second"] + part["third"]
        elif "month" in part:
            yield _day(part["last"], _MONTHS[part["month"]], part["day"])
        elif "named" in part:
            yield _day(part["year"], _MONTHS[part["named"]], part["a"])
        else:
            yield _day(part["year"], part["b"], part["a"])
            yield _day(part["year"], part["a"], part["b"])


def _day(year: str, month: int | str, day: int | str) -> str:
    return f"{year}{int(month):02d}{int(day):02d}"
