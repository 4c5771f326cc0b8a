"""Days, and what numbers people, in a text: no known word gives them away, so they are told by their form."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

#: Digits that a machine's own words have; more of them number people, and tell days.
DIGITS, CHAINED = 4, 6
#: Digits of a day, a month, or a year without its century.
_SHORT = 2
#: Numbers in a row, whatever stands between them: a date, a telephone number. Each is begun once and never given back:
#: many digits are read once.
_CHAINS = re.compile(r"(?<!\d)\d++(?:[\W_]++\d++)++")
_YEAR = re.compile(r"(?:19|20)\d\d")
#: A word that machines write and months are called by, between the numbers of a date: 12 OCT 1956, 12-IV-1956.
_MONTH = re.compile(r"(?i)(?<=\d)([\W_]*+)(?:ago|avr|gen|mag|oct|sept?|set|i{2,3}|iv|vi{1,3}|ix|xi{1,2})(?=[\W_]*+\d)")
#: How strongly a scan is weighted for diffusion, in s/mm².
_B_VALUE = re.compile(r"0|50|[1-9][05]0|[1-4]\d[05]0|5000")
#: Three short numbers in a row, and wherever three begin.
_THREE = r"(?<!\d)\d{1,2}(?:[^\w#]|_){1,3}\d{1,2}(?:[^\w#]|_){1,3}\d{1,2}(?!\d)"
_DAYS, _EACH_DAY = re.compile(_THREE), re.compile(f"(?=({_THREE}))")
#: A number above it is no day, and the end of a year.
_LATEST_DAY = 31
#: What months are called by in French, English, German, Dutch, Italian, Spanish and Portuguese, in their order.
_CALLED = (
    "jan(?:v(?:ier)?|uary?|eiro|uari)?|ene(?:ro)?|gen(?:naio)?|i",
    "f[ée]v(?:r(?:ier)?|ereiro)?|feb(?:ruary?|rero|braio|ruari)?|ii",
    "mar(?:s|ch|zo|ço)?|m[äa]e?rz|mrt|maart|iii",
    "a[pv]r(?:ile?)?|abr(?:il)?|iv",
    "ma[iy]o?|mei|maj|maggio|mag|v",
    "ju[ni]n(?:[ei]o?|ho)?|june?|jun[iy]o?|giu(?:gno)?|vi",
    "juil(?:let)?|lug(?:lio)?|jul(?:[iy]o?|ho)?|vii",
    "ao[uû]t|aug(?:ust(?:us)?)?|ago(?:sto)?|viii",
    "sept?(?:i?embre|ember)?|set(?:t?embre|embro)?|ix",
    "o[ckt]t(?:obre|ober|ubre)?|out(?:ubro)?|x",
    "nov(?:i?embre|ember|embro)?|xi",
    "d[ée][cz](?:embre|ember|embro)?|dic(?:i?embre)?|des|xii",
)
_SPELLED = "|".join(name for month in _CALLED for name in month.split("|") if len(name) > 1 and set(name) - set("ivx"))
_MONTHS = tuple(re.compile(f"(?i){month}") for month in _CALLED)
_NUMBERS = re.compile(r"\d+")
#: Numbers, and what may be a month.
_PARTS = re.compile(rf"(?i)\d+|(?<![^\W\d_])(?:{'|'.join(_CALLED)})(?![^\W\d_])")
#: What stands between the parts of a day.
_GAP = re.compile(r"(?i)(?:er|st|nd|rd|th|[ºo°])?[\W_]{0,3}(?:(?:de|del|du|of)[\W_]{1,3})?")
_OF = r"[\W_]{1,3}(?:(?:de|del|du|of)[\W_]{1,3})?"
#: A day in words: 12 de abril de 1956, 12-Apr-56, April 12th, 1956; a month or a week of a year: 2023-W11.
_SPOKEN = re.compile(
    rf"(?i)(?<!\d)\d{{1,2}}(?:er|st|nd|rd|th|[ºo°])?(?:{_OF})?(?:{_SPELLED})\.?(?:{_OF})?(?:\d{{4}}|\d\d)(?!\d)"
    rf"|(?<![^\W\d_])(?:{_SPELLED})\.?[\W_]{{0,3}}(?:\d{{1,2}}(?:st|nd|rd|th)?[\W_]{{1,3}})?(?:19|20)\d\d(?!\d)"
    r"|(?<!\d)(?:19|20)\d\d[\W_]{0,2}(?:kw|w|s|sem)[\W_]{0,2}[0-5]\d(?!\d)"
    r"|(?<![^\W\d_])(?:kw|w)[\W_]{0,2}[0-5]\d[\W_]{1,2}(?:20)?\d\d(?!\d)"
)
#: An age beyond the oldest that is told.
_OLD = re.compile(
    r"(?i)(?<!\w)(?:aged?[\W_]{0,2})?0?(?:9[1-9]|1[0-2]\d)(?:[.,]\d)?"
    r"(?:[\W_]{0,2}(?:y(?:[\W_]{0,2}o(?:ld)?)?|ans?|anni|años|years?|yrs?|yo|jahre?|jr|jaar|lat))(?![^\W\d_])"
    r"|(?<!\w)aged?[\W_]{0,2}(?:9[1-9]|1[0-2]\d)(?!\d)"
)
#: The year before the first of an era: Shōwa, Heisei, Reiwa.
_ERAS = {"S": 1925, "H": 1988, "R": 2018}
#: What a date is made of: machines write a # before a number, and nobody in a date.
_OF_DATES = "0123456789 .,:;/+-*%()[]_<>"


class _Part(NamedTuple):
    """A number or a month's name in a text."""

    text: str
    start: int
    end: int


def spans_of(text: str, days: Collection[str]) -> list[tuple[int, int]]:
    """Where one of these days (YYYYMMDD) stands in a text: three numbers in any usual order, whatever stands between
    them, the month also in words, the year also short, of a Japanese era or left out, or all in one number. Two numbers
    of one digit each are a day with a slash, a hyphen or zeros only: 2.1 is a version.
    """
    if _hints(frozenset(days)).isdisjoint(_NUMBERS.findall(text)):
        return []
    parts = [_Part(match[0], match.start(), match.end()) for match in _PARTS.finditer(text)]
    rows = [_row(text, parts[at : at + 3]) for at in range(len(parts))]
    taken = set[int]()
    found: list[tuple[int, int]] = []
    for count in (3, 2, 1):
        for at, row in enumerate(rows):
            here = range(at, at + count)
            if len(row) < count or not taken.isdisjoint(here):
                continue
            start, end = row[0].start, row[count - 1].end
            between, before = text[row[0].end : row[count - 1].start], text[max(start - 1, 0) : start]
            if any(_tells(day, [part.text for part in row[:count]], between, before) for day in days):
                found.append((start, end))
                taken.update(here)
    return sorted(found)


@lru_cache(maxsize=64)
def _hints(days: frozenset[str]) -> frozenset[str]:
    """Numbers of which one stands in each writing of these days."""
    return frozenset(hint for day in days for hint in (*_in_one(day), day[6:], str(int(day[6:]))))


def _row(text: str, parts: Sequence[_Part]) -> Sequence[_Part]:
    """The parts that stand near each other from the first on."""
    for number, (before, part) in enumerate(pairwise(parts), 1):
        gap = text[before.end : part.start]
        if not _GAP.fullmatch(gap) or (not gap and before.text.isdigit() and part.text.isdigit()):
            return parts[:number]
    return parts


def _tells(day: str, words: Sequence[str], between: str, before: str) -> bool:
    """Whether one, two or three numbers or months in a row are a day. ``before``: the character before them."""
    match words:
        case [one]:
            return one in _in_one(day)
        case [first, second]:
            small = len(first) == len(second) == 1 and (first + second).isdigit()
            return _is_date(day, first, second) and (not small or between.strip() in ("/", "-"))
        case [first, second, third]:
            if _is_date(day, first, second) and _is_year(third, int(day[:4])):
                return True
            return _is_date(day, third, second) and _is_year(first, int(day[:4]), before)
    return False


def _is_date(day: str, first: str, second: str) -> bool:
    """Whether two numbers are day and month, in either order; the month may have a name."""
    month, number = int(day[4:6]), int(day[6:])
    pairs = ((first, second), (second, first))
    return any(_is(one, number) and (_is(other, month) or _is_named(other, month)) for one, other in pairs)


def _is(word: str, number: int) -> bool:
    return len(word) <= _SHORT and word.isdigit() and int(word) == number


def _is_named(word: str, month: int) -> bool:
    return not word.isdigit() and bool(_MONTHS[month - 1].fullmatch(word))


def _is_year(word: str, year: int, before: str = "") -> bool:
    """Whether a number is a year: in full, short, or of an era that the letter before it names."""
    era = _ERAS.get(before.upper(), year)
    return word in (f"{year}", f"{year % 100:02d}") or (word.isdigit() and int(word[:4]) == year - era > 0)


@lru_cache(maxsize=256)
def _in_one(day: str) -> frozenset[str]:
    """A day as one number."""
    year, month, number = day[:4], day[4:6], day[6:]
    short = year[2:]
    turned = ((number, month, short), (month, number, short), (short, month, number))
    return frozenset({day, number + month + year, month + number + year, *map("".join, turned)})


def has_few(text: str) -> bool:
    """Whether there are no more digits than a machine's own words have."""
    return sum(map(str.isdigit, text)) <= DIGITS


def without_spoken(text: str) -> str:
    """The text without days whose month is a word, and without ages beyond the oldest that is told."""
    return _OLD.sub(" ", _SPOKEN.sub(" ", text)) if any(map(str.isdigit, text)) else text


def without_months(text: str) -> str:
    """The text without the words between numbers that months are called by."""
    return _MONTH.sub(r"\1 ", text)


def without_days(text: str) -> str:
    """The text without three short numbers that are a day."""
    return _DAYS.sub(lambda three: " " if _is_day(three[0]) else three[0], text)


def holds_day(text: str) -> bool:
    """Whether three short numbers in a row are a day."""
    return any(_is_day(three[1]) for three in _EACH_DAY.finditer(text))


def without_chains(text: str) -> str:
    """The text without numbers in a row that are a day, or have more digits than settings have."""
    return _CHAINS.sub(_chain, text)


def _chain(match: re.Match[str]) -> str:
    """What is left of numbers in a row: all of them, or nothing of a date or of a long number."""
    parts = re.findall(r"\d+", match[0])
    digits = sum(map(len, parts))
    if all(map(_B_VALUE.fullmatch, parts)):  # b50_400_800
        return match[0]
    if match[0].strip(_OF_DATES):  # ep_b1000#1
        dated = digits > DIGITS + 1 and "#" not in match[0] and any(_YEAR.fullmatch(part) for part in parts)
    else:
        dated = (max(map(len, parts)) <= _SHORT and digits == DIGITS + 2) or (
            digits > DIGITS and any(map(_is_of_day, parts))
        )
    dated = dated or holds_day(match[0])
    return " " if dated or digits > CHAINED else match[0]


def _is_of_day(number: str) -> bool:
    """Whether four digits are a year, or a day and a month."""
    first, second = int(number[:2]), int(number[2:] or 0)
    return len(number) == DIGITS and bool(
        _YEAR.fullmatch(number) or (1 <= min(first, second) <= 12 and max(first, second) <= _LATEST_DAY)
    )


def _is_day(text: str) -> bool:
    """Whether three short numbers are a day with the two last digits of its year: 4/12/56, 56-4-12. The more it may be
    a list or a version, the more is asked of it."""
    parts = re.findall(r"\d+", text)
    years = [
        int(year)
        for year, others in ((parts[2], parts[:2]), (parts[0], parts[1:]))
        if len(year) == _SHORT and 1 <= min(map(int, others)) <= 12 and max(map(int, others)) <= _LATEST_DAY
    ]
    old, digits = any(year > _LATEST_DAY for year in years), sum(map(len, parts))
    if "/" in text:
        return bool(years)
    if "-" in text:
        return bool(years) if digits > DIGITS else old
    return old and digits > DIGITS
