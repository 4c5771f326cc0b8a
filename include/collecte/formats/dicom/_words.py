"""Free text keeps the words that are known, and nothing else: a list of the terms of the standard and of what machines
write of themselves lets through what describes an image; a name, a number of a patient or a date is no such word.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache, lru_cache

from collecte.formats.dicom._tables import rows

#: A run of letters, of digits, or one sign between them.
_TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]")
#: A measure; another decimal; letters and digits in one: B30f, VB20A, or the number of a patient.
_RUNS = re.compile(r"(?P<measure>(?<![\w.])\d\.\d{1,5}(?![\w.]))|(?<![\w.])-?\d+\.\d+(?![\w.])|[^\W_]+")
#: Numbers in a row, whatever stands between them: a date, a telephone number. Each is begun once and never given back:
#: many digits are read once.
_CHAINS = re.compile(r"(?<!\d)\d++(?:[\W_]++\d++)++")
#: Values of nothing but digits, several in a row.
_ROWS = re.compile(r"(?<![^\\])[ ]*+\d++[ ]*+(?:\\[ ]*+\d++[ ]*+(?![^\\]))++")
_YEAR = re.compile(r"(?:19|20)\d\d")
#: A word that machines write and months are called by, between the numbers of a date: 12 OCT 1956, 12-IV-1956.
_MONTH = re.compile(r"(?i)(?<=\d)([\W_]*+)(?:ago|avr|gen|mag|oct|sept?|set|i{2,3}|iv|vi{1,3}|ix|xi{1,2})(?=[\W_]*+\d)")
#: Four letters and more that stand alone, one after the other: a word that was spelled.
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]++[^\W\d_](?![^\W_])){3,}+")
#: Letters of a word that needs no look: T1, SE, Br.
_SHORT = 2
#: Digits that a machine's own words have; more of them number people, and tell days.
_DIGITS, _CHAINED = 4, 6
#: Letters of a word that makes no other by chance.
_LONG = 5
#: Characters of a patient's number that may stand in a text by chance.
_SHORT_NUMBER = 3
#: Signs of a longer one that are looked for: one that nobody could type is no longer searched at every place.
_LONG_NUMBER = 64
#: Signs that stay between words that stay.
_SIGNS = frozenset(" .,:;/+-*%()[]_<>#")
#: What a date is made of: machines write a # before a number, and nobody in a date.
_OF_DATES = "".join((*"0123456789", *(_SIGNS - {"#"})))
_CODE_WORD = 3


@dataclass(frozen=True)
class Own:
    """What a patient is called, by which no word of a text is known, folded: names by each of their words, numbers and
    what else holds digits as a whole. IDENTIFYING.
    """

    words: frozenset[str] = field(default=frozenset(), repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, texts: Collection[str]) -> "Own":
        """Of a patient's name and number as they are read."""
        numbers = {text for text in texts if any(map(str.isdigit, text))}
        words = {folded(word) for text in texts if text not in numbers for word in _TOKENS.findall(text)}
        return cls(
            frozenset(word for word in words if len(word) > _SHORT),
            tuple(sorted(folded(text) for text in numbers if len(text) > _SHORT_NUMBER)),
        )

    def without(self, text: str) -> str:
        """The text without the numbers, whatever stands between their signs."""
        for number in _numbers(self.numbers):
            text = number.sub("", text)
        return text

    def holds(self, text: str) -> bool:
        """Whether a text holds a word of the name, in one piece or (a long one) in several, or the number."""
        together = folded("".join(filter(str.isalpha, text)))
        near = [word for word in self.words if word in together]
        if near and (len(max(near, key=len)) >= _LONG or not set(near).isdisjoint(map(folded, _TOKENS.findall(text)))):
            return True
        return any(number.search(text) for number in _numbers(self.numbers))


NOBODY = Own()


@lru_cache(maxsize=64)
def _numbers(numbers: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    signs = ("".join(filter(str.isalnum, number))[:_LONG_NUMBER] for number in numbers)
    spelled = (
        r"[\W_]{0,3}".join(map(re.escape, number)) + (r"\w*+" if len(number) == _LONG_NUMBER else "")
        for number in signs
    )
    return tuple(re.compile(rf"(?i)(?<![^\W_]){each}(?![^\W_])") for each in spelled if each)


def cleaned(text: str, own: Own = NOBODY) -> str:
    """The text with its known words, empty where none is left: letters in runs of three and more stand in the list,
    digits number no one, and the patient is not called so.
    """
    given = text
    if not text.isascii():  # accents apart, superscripts, hyphens that nobody sees
        text = unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) != "Cf"))
    text = own.without(text)
    # What does not stay parts what stood beside it, and never joins it.
    kept = "".join(token if _stays(token, own) else " " for token in _TOKENS.findall(text))
    kept = _MONTH.sub(r"\1 ", _SPELLED.sub(" ", kept))
    if not _has_few(kept):
        kept = _CHAINS.sub(_chain, kept)
        kept = _RUNS.sub(lambda run: run[0] if run["measure"] or _has_few(run[0]) else "", kept)
    if own.holds(kept):  # in pieces
        return ""
    if kept == given and any(map(str.isalnum, kept)):
        return kept.strip()
    words = (word for word in kept.split() if any(map(str.isalnum, word)))
    return " ".join(words)


def _has_few(text: str) -> bool:
    """Whether there are no more digits than a machine's own words have."""
    return sum(map(str.isdigit, text)) <= _DIGITS


def without_rows(text: str) -> str:
    """A text of several values without the numbers that stand in a row of such: parts of a longer one, or a date."""
    return _ROWS.sub(lambda row: row[0] if _has_few(row[0]) else "\\" * row[0].count("\\"), text)


def _chain(match: re.Match[str]) -> str:
    """What is left of numbers in a row: all of them, or nothing of a date or of a long number."""
    parts = re.findall(r"\d+", match[0])
    digits, lengths = sum(map(len, parts)), [len(part) for part in parts]
    if match[0].strip(_OF_DATES):  # ep_b1000#1
        dated = digits > _DIGITS + 1 and "#" not in match[0] and any(_YEAR.fullmatch(part) for part in parts)
    else:
        dated = (max(lengths) <= 2 and digits == _DIGITS + 2) or (4 in lengths and digits > _DIGITS)
    return " " if dated or digits > _CHAINED else match[0]


def _stays(token: str, own: Own) -> bool:
    if token.isalpha():
        if len(token) <= _SHORT and token.isascii():
            return True
        return (word := folded(token)) in known_words() and word not in own.words
    return token.isdecimal() or token in _SIGNS


@lru_cache(maxsize=4096)
def is_term(code: str) -> bool:
    """Whether a value of VR CS is a defined term, or made of such: it has no room for more than a name or a date."""
    if code in _defined_terms():
        return True
    runs = re.findall(r"[^\W\d_]+|\d+", code)
    return sum(map(str.isdigit, code)) <= _DIGITS + 1 and all(
        (run.isdigit() and len(run) <= _DIGITS + 1) or len(run) <= _CODE_WORD or folded(run) in known_words()
        for run in runs
    )


def folded(word: str) -> str:
    """Lower case, without accents."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(c for c in plain if not unicodedata.combining(c))


@cache
def _defined_terms() -> frozenset[str]:
    return frozenset(row["term"] for row in rows("defined_terms"))


@cache
def known_words() -> frozenset[str]:
    """The words that may stay, folded."""
    return frozenset(
        word for table in ("terms", "device_terms") for row in rows(table) for word in row["words"].split()
    )
