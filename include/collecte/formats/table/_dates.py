"""Dates as French and English hospitals write them. A date that can be read in two ways is not read."""

import re
from datetime import date, datetime, time, timedelta

#: Years that a date of a patient can have; beyond them the text is something else (1899-12-30: an empty Excel cell).
_FIRST_YEAR, _LAST_YEAR = 1880, 2099

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv jan january",
            "fevrier fevr fev feb february",
            "mars mar march",
            "avril avr apr april",
            "mai may",
            "juin jun june",
            "juillet juil jul july",
            "aout aou aug august",
            "septembre sept sep september",
            "octobre oct october",
            "novembre nov november",
            "decembre dec december",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TIME = (
    r"(?:(?:[T ]|\s+a\s+|\s+at\s+)(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT_TIME = r"(?:[T ]?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?:\.\d{1,6})?)?"

#: Year first, day first (French; 31/12 and 12/31 are not told apart by guessing), with the month's name, compact.
_DATES = tuple(
    re.compile(rf"(?:{day})(?:{clock})", re.IGNORECASE)
    for day, clock in (
        (r"(?P<year>\d{4})(?P<separator>[-/.])(?P<month>\d{1,2})(?P=separator)(?P<day>\d{1,2})", _TIME),
        (r"(?P<day>\d{1,2})(?P<separator>[-/. ])(?P<month>\d{1,2})(?P=separator)(?P<year>\d{4})", _TIME),
        (rf"(?P<day>\d{{1,2}})(?:er|st|nd|rd|th)?[-/. ]\s?(?P<name>{_MONTH})[-/. ]\s?(?P<year>\d{{4}})", _TIME),
        (rf"(?P<name>{_MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})", _TIME),
        (r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", _COMPACT_TIME),
    )
)
_WEEKDAY = re.compile(
    r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|(?:mon|tues|wednes|thurs|fri|satur|sun)day),? "
)

_IN_TEXT = re.compile(
    r"(?<![\d.])(?:"
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2} \d{1,2} (?:19|20)\d{2}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{6})?"
    rf"|(?:\d{{1,2}}(?:er|st|nd|rd|th)?[-. ]\s?)?(?:{_MONTH})[-. ]\s?(?:\d{{1,2}}(?:st|nd|rd|th)?,? )?(?:19|20)\d{{2}}"
    rf"|\d{{1,2}}(?:er|st|nd|rd|th)? (?:{_MONTH})"
    r"|(?<!\d/)(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}"
    r")(?![\d])"
)
_DAY_AND_MONTH = re.compile(
    r"\b(?:le|du|au|des|depuis|on|since|until) (?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])(?![\d/])"
)


def parse_date(text: str) -> date | datetime | None:
    """The day, or the moment where a time of day is given (its zone is left off), or None. ``text`` is plain: lower
    case, without accents. Two-digit years and days without a year are not read."""
    bare = _WEEKDAY.sub("", " ".join(text.split()), count=1)
    for pattern in _DATES:
        if found := pattern.fullmatch(bare):
            return _build(found.groupdict())
    return None


def birth_date(text: str) -> str | None:
    """A birth date as YYYYMMDD, or None."""
    found = parse_date(text)
    return None if found is None else f"{found:%Y%m%d}"


def shifted(moment: date | datetime, shift: timedelta) -> str:
    """The date moved, in ISO form; the time of day stays."""
    moved = moment + shift
    return moved.isoformat(timespec="seconds") if isinstance(moved, datetime) else moved.isoformat()


def holds_date(text: str) -> bool:
    """Whether a plain text names a day or a month of a year; a year alone tells too little."""
    return bool(_IN_TEXT.search(text) or _DAY_AND_MONTH.search(text))


def _build(parts: dict[str, str | None]) -> date | datetime | None:
    year, day = int(parts["year"] or 0), int(parts["day"] or 0)
    name = parts.get("name")
    month = _MONTHS[name] if name else int(parts["month"] or 0)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        if parts["hour"] is None:
            return date(year, month, day)
        clock = time(int(parts["hour"]), int(parts["minute"] or 0), int(parts["second"] or 0))
        return datetime.combine(date(year, month, day), clock)
    except ValueError:
        return None
