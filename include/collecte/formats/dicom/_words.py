"""Free text keeps the words that are known, and nothing else: a list of the terms of the standard and of what machines
write of themselves lets through what describes an image; a name, a number of a patient or a date is no such word.
"""

import re
import unicodedata
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
from collecte.formats.dicom._own import NOBODY, SHORT, TOKENS, Own
from collecte.formats.dicom._tables import rows
from collecte.formats.dicom._text import folded

#: A measure; another decimal; letters and digits in one: B30f, VB20A, or the number of a patient.
_RUNS = re.compile(r"(?P<measure>(?<![\w.])\d\.\d{1,5}(?![\w.]))|(?<![\w.])-?\d+\.\d+(?![\w.])|[^\W_]+")
#: Values of nothing but digits, several in a row.
_ROWS = re.compile(r"(?<![^\\])[ ]*+\d++[ ]*+(?:\\[ ]*+\d++[ ]*+(?![^\\]))++")
#: Letters and digits in three groups and more.
_GROUPS = re.compile(r"(?<![^\W_])[^\W_]++(?:[-:./][^\W_]+){2,}+")
#: Four letters and more that stand alone, one after the other: a word that was spelled.
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]++[^\W\d_](?![^\W_])){3,}+")
#: Signs that stay between words that stay.
_SIGNS = frozenset(" .,:;/+-*%()[]_<>#")
_CODE_WORD = 3


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
    kept = "".join(token if _stays(token, own) else " " for token in TOKENS.findall(text))
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
    known = any(len(word) > SHORT and folded(word) in known_words() for word in words)
    return match[0] if digits <= CHAINED or known or not words else " "


def _stays(token: str, own: Own) -> bool:
    if token.isalpha():
        if len(token) <= SHORT and token.isascii():
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
    if code != without_months(without_spoken(code)):
        return False
    return all(run.isdigit() or len(run) <= _CODE_WORD or folded(run) in known_words() for run in runs)


@cache
def _defined_terms() -> frozenset[str]:
    return frozenset(row["term"] for row in rows("defined_terms"))


@cache
def known_words() -> frozenset[str]:
    """The words that may stay, folded."""
    return frozenset(
        word for table in ("terms", "device_terms") for row in rows(table) for word in row["words"].split()
    )
