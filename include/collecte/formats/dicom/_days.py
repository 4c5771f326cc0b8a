"""Days, and what numbers people, in a text: no known word gives them away, so they are told by their form."""

import re

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
#: What months are called by in French, English, German, Dutch, Italian, Spanish and Portuguese.
_CALLED = (
    "jan(?:v(?:ier)?|uary?|eiro|uari)?|ene(?:ro)?|gen(?:naio)?|f[ée]v(?:r(?:ier)?|ereiro)?|feb(?:ruary?|rero|braio|ruari)?|"
    "mar(?:s|ch|zo|ço)?|m[äa]e?rz|mrt|maart|a[pv]r(?:ile?)?|abr(?:il)?|ma[iy]o?|mei|maggio|ju[ni][enl]?(?:let|[iy]o?|ho)?|"
    "giu(?:gno)?|juil(?:let)?|lug(?:lio)?|jul(?:[iy]o?|ho)?|ao[uû]t|aug(?:ust(?:us)?)?|ago(?:sto)?|"
    "sept?(?:i?embre|ember)?|set(?:t?embre|embro)?|o[ckt]t(?:obre|ober|ubre)?|out(?:ubro)?|nov(?:i?embre|ember|embro)?|"
    "d[ée][cz](?:embre|ember|embro)?|dic(?:i?embre)?"
)
_OF = r"[\W_]{1,3}(?:(?:de|del|du|of)[\W_]{1,3})?"
#: A day in words: 12 de abril de 1956, 12-Apr-56, April 12th, 1956.
_SPOKEN = re.compile(
    rf"(?i)(?<!\d)\d{{1,2}}(?:er|st|nd|rd|th|[ºo°])?(?:{_OF})?(?:{_CALLED})\.?(?:{_OF})?(?:\d{{4}}|\d\d)(?!\d)"
    rf"|(?<![^\W\d_])(?:{_CALLED})\.?[\W_]{{0,3}}\d{{1,2}}(?:st|nd|rd|th)?[\W_]{{1,3}}(?:19|20)\d\d(?!\d)"
)
#: An age beyond the oldest that is told.
_OLD = re.compile(
    r"(?i)(?<!\w)0?(?:9[1-9]|1[0-2]\d)(?:y|[\W_]{0,2}(?:ans?|anni|años|years?|yrs?|yo|jahre?|jaar))(?![^\W\d_])"
)
#: What a date is made of: machines write a # before a number, and nobody in a date.
_OF_DATES = "0123456789 .,:;/+-*%()[]_<>"


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
