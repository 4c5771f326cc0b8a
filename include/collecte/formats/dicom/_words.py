"""Free text keeps the words that are known, and nothing else: a list of the terms of the standard and of what machines
write of themselves lets through what describes an image; a name, a number of a patient or a date is no such word.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache, lru_cache

from collecte.formats.dicom._days import (
    CHAINED,
    DIGITS,
    has_few,
    holds_day,
    without_chains,
    without_days,
    without_months,
    without_spoken,
)
from collecte.formats.dicom._tables import rows

#: A run of letters, of digits, or one sign between them.
_TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]")
#: A measure; another decimal; letters and digits in one: B30f, VB20A, or the number of a patient.
_RUNS = re.compile(r"(?P<measure>(?<![\w.])\d\.\d{1,5}(?![\w.]))|(?<![\w.])-?\d+\.\d+(?![\w.])|[^\W_]+")
#: Values of nothing but digits, several in a row.
_ROWS = re.compile(r"(?<![^\\])[ ]*+\d++[ ]*+(?:\\[ ]*+\d++[ ]*+(?![^\\]))++")
#: Letters and digits in three groups and more.
_GROUPS = re.compile(r"(?<![^\W_])[^\W_]++(?:[-:./][^\W_]+){2,}+")
#: Four letters and more that stand alone, one after the other: a word that was spelled.
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]++[^\W\d_](?![^\W_])){3,}+")
#: Letters of a word that needs no look: T1, SE, Br.
_SHORT = 2
#: Letters of a word that makes no other by chance.
_LONG = 5
#: Characters of a number of a study that may stand in a text by chance, and digits of a patient's.
_SHORT_NUMBER, _SHORT_DIGITS = 3, 2
#: Signs of a longer one that are looked for: one that nobody could type is no longer searched at every place.
_LONG_NUMBER = 64
#: Signs that stay between words that stay.
_SIGNS = frozenset(" .,:;/+-*%()[]_<>#")
_CODE_WORD = 3


@dataclass(frozen=True)
class Own:
    """What a patient is called, by which no word of a text is known, folded: names by each of their words, numbers and
    what else holds digits as a whole; ``pairs``: the words of two letters, where two stand side by side. IDENTIFYING.
    """

    words: frozenset[str] = field(default=frozenset(), repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    pairs: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, named: Collection[str], others: Collection[str] = ()) -> "Own":
        """Of a patient's name and number as they are read; ``others``: numbers of the patient's papers and studies."""
        numbers = {folded(text) for text in named if _is_number(text)}
        numbers |= {folded(text) for text in others if len(text) > _SHORT_NUMBER and any(map(str.isdigit, text))}
        called = {text for text in named if not any(map(str.isdigit, text))}
        words = {folded(word) for text in called for word in _TOKENS.findall(text)}
        long = frozenset(word for word in words if len(word) > _SHORT)
        pairs = tuple(sorted(word for word in words if len(word) == _SHORT and word.isalpha()))
        return cls(long, tuple(sorted(numbers)), pairs if len(pairs) > 1 else ())

    def without(self, text: str) -> str:
        """The text without the numbers, whatever stands between their signs, and without the pairs."""
        for own in self._whole():
            text = own.sub("", text)
        return text

    def holds(self, text: str) -> bool:
        """Whether a text holds a word of the name, in one piece or (a long one) in several, or the number."""
        together = folded("".join(filter(str.isalpha, text)))
        near = [word for word in self.words if word in together]
        if near and (len(max(near, key=len)) >= _LONG or not set(near).isdisjoint(map(folded, _TOKENS.findall(text)))):
            return True
        return any(own.search(text) for own in self._whole())

    def _whole(self) -> tuple[re.Pattern[str], ...]:
        return _numbers(self.numbers) + _pair(self.pairs)


def _is_number(text: str) -> bool:
    """Whether a patient is called by a number that is no mere counter: P12, 521."""
    digits, signs = sum(map(str.isdigit, text)), sum(map(str.isalnum, text))
    return digits > _SHORT_DIGITS or 0 < digits < signs


NOBODY = Own()


@lru_cache(maxsize=64)
def _numbers(numbers: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    signs = ("".join(filter(str.isalnum, number))[:_LONG_NUMBER] for number in numbers)
    spelled = (
        r"[\W_]{0,3}".join(map(re.escape, number)) + (r"\w*+" if len(number) == _LONG_NUMBER else "")
        for number in signs
    )
    return tuple(re.compile(rf"(?i)(?<![^\W_]){each}(?![^\W_])") for each in spelled if each)


@lru_cache(maxsize=64)
def _pair(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    one = "|".join(map(re.escape, words))
    return (re.compile(rf"(?i)(?<![^\W_])(?:{one})(?:[\W_]{{0,3}}(?:{one}))+(?![^\W_])"),) if words else ()


def cleaned(text: str, own: Own = NOBODY) -> str:
    """The text with its known words, empty where none is left: letters in runs of three and more stand in the list,
    digits number no one, and the patient is not called so.
    """
    given = text
    if not text.isascii():  # accents apart, superscripts, hyphens that nobody sees
        text = unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) != "Cf"))
    text = own.without(text)
    text = without_spoken(text)
    # What does not stay parts what stood beside it, and never joins it.
    kept = "".join(token if _stays(token, own) else " " for token in _TOKENS.findall(text))
    kept = without_months(_SPELLED.sub(" ", kept))
    if has_few(kept):
        kept = without_days(kept)
    else:
        kept = without_chains(_GROUPS.sub(_group, kept))
        kept = _RUNS.sub(lambda run: run[0] if run["measure"] or has_few(run[0]) else "", kept)
    if own.holds(kept):  # in pieces
        return ""
    if kept == given and any(map(str.isalnum, kept)):
        return kept.strip()
    words = (word for word in kept.split() if any(map(str.isalnum, word)))
    return " ".join(words)


def without_rows(text: str) -> str:
    """A text of several values without the numbers that stand in a row of such: parts of a longer one, or a date."""
    return _ROWS.sub(lambda row: row[0] if has_few(row[0]) else "\\" * row[0].count("\\"), text)


def _group(match: re.Match[str]) -> str:
    """Letters and digits in groups, which no word that is known parts: the number of a card, a machine or a paper."""
    digits, words = sum(map(str.isdigit, match[0])), re.findall(r"[^\W\d_]+", match[0])
    known = any(len(word) > _SHORT and folded(word) in known_words() for word in words)
    return match[0] if digits <= CHAINED or known or not words else " "


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
    if sum(map(str.isdigit, code)) > DIGITS + 1 or holds_day(code):
        return False
    return all(run.isdigit() or len(run) <= _CODE_WORD or folded(run) in known_words() for run in runs)


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
