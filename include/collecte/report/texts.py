"""The reports' words: ``texts.yaml``, both languages; numbers and days as each language writes them."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

import yaml
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from collecte.errors import Bug
from collecte.findings import Language
from collecte.report.records import PARIS

_LOCALES: Mapping[Language, str] = {"fr": "fr_FR", "en": "en_GB"}
#: Unicode categories of what does not show, or shows something else: controls, formats, surrogates, separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

#: The spaces that French sets before these signs, and inside its quotes.
_FRENCH = re.compile(r" (?=[:;?!»])|(?<=«) ")

Words = str | Mapping[str, str]


@cache
def texts() -> Mapping[str, Mapping[Language, Words]]:
    """Every text by key and language; a text that counts is a mapping of ``one`` and ``other``."""
    found: Mapping[str, Mapping[Language, Words]] = yaml.load(
        Path(__file__).with_name("texts.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader
    )
    return found


@dataclass(frozen=True)
class Tongue:
    """One language: its words, its way to write numbers and days."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key; of a counting one the form for ``n``. Numbers and days are written in this language.

        Raises:
            Bug: there is no such key.
        """
        words = self._words(key)
        if not isinstance(words, str):
            n = values["n"]
            # French says "0 fichier", English "0 files".
            one = n == 1 or (n == 0 and self.language == "fr")
            words = words["one" if one else "other"]
        return words.format(**{name: self.shown(value) for name, value in values.items()})

    def shown(self, value: object) -> str:
        """A value as it stands in a text."""
        if isinstance(value, bool) or not isinstance(value, (int, datetime, date)):
            return str(value)
        if isinstance(value, int):
            return str(format_decimal(value, locale=_LOCALES[self.language]))
        if isinstance(value, datetime):
            at = value.astimezone(PARIS)
            return str(format_datetime(at, _MOMENT[self.language], locale=_LOCALES[self.language]))
        return str(format_date(value, "long", locale=_LOCALES[self.language]))

    def day(self, value: date) -> str:
        """A day as it stands in a table: short."""
        return str(format_date(value, "dd/MM/yyyy" if self.language == "fr" else "d MMM yyyy", locale=self.locale))

    def percent(self, part: int, whole: int) -> str:
        """A share; nothing of nothing is a dash."""
        form = "#,##0.0\u00a0%" if self.language == "fr" else "#,##0.0%"
        return str(format_percent(part / whole, form, locale=self.locale)) if whole else "–"

    def or_other(self, group: str, name: str, other: str, /, **values: object) -> str:
        """The text of ``group.name``, or of ``other`` where there is none: what a file says is never repeated."""
        return self(f"{group}.{name}" if f"{group}.{name}" in texts() else other, **values)

    def prose(self, text: str) -> str:
        """A finding's text, without a line that ends or begins within French punctuation."""
        return _FRENCH.sub("\u00a0", text) if self.language == "fr" else text

    @property
    def colon(self) -> str:
        """As each language sets it."""
        return "\u00a0:" if self.language == "fr" else ":"

    @property
    def locale(self) -> str:
        return _LOCALES[self.language]

    def _words(self, key: str) -> Words:
        try:
            return texts()[key][self.language]
        except KeyError:
            raise Bug(f"There is no text {key} in {self.language}; texts.yaml lacks it.") from None


_MOMENT: Mapping[Language, str] = {"fr": "d MMMM yyyy 'à' HH:mm", "en": "d MMMM yyyy 'at' HH:mm"}


def visible(path: str) -> str:
    """A path as a person may safely read it: each character that does not show, or turns the text around, as an escape.

    A byte that is no UTF-8 (a surrogate escape, PEP 383) becomes ``\\xe9``, a line break ``\\n``.
    """
    return "".join(_visible(c) if unicodedata.category(c) in _UNSEEN else c for c in path)


def _visible(c: str) -> str:
    if "\udc80" <= c <= "\udcff":
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode("ascii")
