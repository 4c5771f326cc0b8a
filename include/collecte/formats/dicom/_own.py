"""What a patient is called and numbered by, and the days on which they were born and examined: none of it may stand in
a text or a number of their files, however it is written.
"""

import re
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from collecte.formats.dicom._days import spans_of
from collecte.formats.dicom._text import ascii_digits, folded
from collecte.formats.dicom._values import BINARY_SIZES

#: A run of letters, of digits, or one sign between them.
TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]")
#: Letters of a word that needs no look: T1, SE, Br.
SHORT = 2
#: Letters of a word that makes no other by chance.
_LONG = 5
#: Characters of a number of a study that may stand in a text by chance, and digits of a patient's.
_SHORT_NUMBER, _SHORT_DIGITS = 3, 2
#: Signs of a longer one that are looked for: one that nobody could type is no longer searched at every place.
_LONG_NUMBER = 64
#: Digits, leading zeros apart, from which on a number is no counter or measure by chance: also those within others.
_NO_COUNTER, _ROUND = 5, 1000
_RUN = re.compile(r"0*+(\d{5,64}+)")
#: VRs of numbers that are spelled, and of those that are binary and wide enough for one of five digits and more.
_SPELLED, _WIDE = ("IS", "DS"), ("UL", "SL", "UV", "SV", "FL", "FD")
#: Bytes of a value that are looked at for such numbers: longer ones are tables and curves.
_MOST_BYTES = 512
_FORMS = ("<L", ">L", "<Q", ">Q", "<f", ">f", "<d", ">d")


@dataclass(frozen=True)
class Own:
    """What is known of a patient, folded: ``words`` of the name; ``pairs``: its words of two letters, where two stand
    side by side; ``numbers`` and what else holds digits, as a whole; ``runs``: the digits in those; ``days``
    (YYYYMMDD). IDENTIFYING.
    """

    words: frozenset[str] = field(default=frozenset(), repr=False)
    pairs: tuple[str, ...] = field(default=(), repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    runs: tuple[str, ...] = field(default=(), repr=False)
    days: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, named: Collection[str], others: Collection[str] = (), days: Iterable[str] = ()) -> "Own":
        """Of a patient's name and number as they are read; ``others``: numbers of the patient's papers and studies."""
        numbers = {folded(text) for text in named if _is_number(text)}
        numbers |= {folded(text) for text in others if len(text) > _SHORT_NUMBER and any(map(str.isdigit, text))}
        runs = {run for number in numbers for run in _RUN.findall(number)}
        called = {text for text in named if not any(map(str.isdigit, text))}
        words = {folded(word) for text in called for word in TOKENS.findall(text)}
        pairs = sorted(word for word in words if len(word) == SHORT and word.isalpha())
        return cls(
            frozenset(word for word in words if len(word) > SHORT),
            tuple(pairs) if len(pairs) > 1 else (),
            tuple(sorted(numbers)),
            tuple(sorted(runs)),
            tuple(sorted(days)),
        )

    def without(self, text: str) -> str:
        """The text without pairs, numbers and days, whatever stands between their signs."""
        text = ascii_digits(text)
        for own in self._in(text):
            text = own.sub(" ", text)
        at, parts = 0, []
        for start, end in spans_of(text, self.days) if self.days else ():
            parts.append(text[at:start])
            at = end
        return " ".join((*parts, text[at:])) if parts else text

    def holds(self, text: str) -> bool:
        """Whether a text holds a word of the name, in one piece or (a long one) in several, a number or a day."""
        together = folded("".join(filter(str.isalpha, text)))
        near = [word for word in self.words if word in together]
        if near and (len(max(near, key=len)) >= _LONG or not set(near).isdisjoint(map(folded, TOKENS.findall(text)))):
            return True
        text = ascii_digits(text)
        return any(own.search(text) for own in self._in(text)) or bool(self.days and spans_of(text, self.days))

    def counts(self, raw: bytes, vr: str) -> bool:
        """Whether a value of numbers is one of the numbers or days: 48159, 48159.0, 20230314."""
        if vr in _SPELLED:
            long = _NO_COUNTER <= len(raw) <= _MOST_BYTES
            return long and any(_whole_number(value) in self._counted for value in raw.split(b"\\"))
        if vr not in _WIDE or len(raw) > _MOST_BYTES:
            return False
        size = BINARY_SIZES[vr]
        return any(raw[at : at + size] in self._packed for at in range(0, len(raw), size))

    def _in(self, text: str) -> tuple[re.Pattern[str], ...]:
        """The patterns that may be met in a text."""
        return self._patterns if any(map(str.isdigit, text)) else self._pairs

    @cached_property
    def _pairs(self) -> tuple[re.Pattern[str], ...]:
        return _pair(self.pairs)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return (*self._pairs, *_numbers(self.numbers), *_runs(self.runs))

    @cached_property
    def _counted(self) -> frozenset[int]:
        """The numbers but for round ones, which are measures (10000), and the days: 20230314, 14032023, 3142023."""
        turned = ((day, day[6:] + day[4:6] + day[:4], day[4:] + day[:4]) for day in self.days)
        numbers = (number for number in map(int, self.runs) if number % _ROUND)
        return frozenset((*numbers, *(int(writing) for three in turned for writing in three)))

    @cached_property
    def _packed(self) -> frozenset[bytes]:
        """Those as they stand in binary values, of either byte order."""
        return frozenset(
            struct.pack(form, number)
            for number in self._counted
            for form in _FORMS
            if form[1] in "fd" or number < 1 << (8 * struct.calcsize(form))
        )


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
def _runs(runs: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    spelled = (r"[\W_]{0,3}".join(run) for run in runs)
    return tuple(re.compile(rf"(?<!\d)0*+{each}(?!\d)") for each in spelled)


@lru_cache(maxsize=64)
def _pair(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    one = "|".join(map(re.escape, words))
    return (re.compile(rf"(?i)(?<![^\W_])(?:{one})(?:[\W_]{{0,3}}(?:{one}))+(?![^\W_])"),) if words else ()


def _whole_number(raw: bytes) -> int | None:
    """A number of five digits and more; None for any other."""
    try:
        number = float(raw.strip(b"\0 "))
        return int(number) if number >= 10 ** (_NO_COUNTER - 1) and number.is_integer() else None
    except ValueError:
        return None
