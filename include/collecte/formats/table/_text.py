"""Does a cell of free text identify somebody? Two answers: a direct identifier in its own form (e-mail, telephone,
NIR), or a sign of a person (a known name or number of the table, a title before a name, a date).

The residual scan looks again, with code of its own.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stdnum.exceptions import ValidationError
from stdnum.fr import nir

from collecte.formats.table._columns import common_words, plain
from collecte.formats.table._dates import holds_date
from collecte.records import Identifier, IdentifierKind

#: Word forms of a whole table that are held in memory; past it, a cell is compared with those of its own row only.
KNOWN_LIMIT = 500_000
#: How many neighbouring words are read as one (``12 345 678``, ``Dupont-Durand``).
_JOINED_WORDS = 5
_SHORTEST_NAME, _SHORTEST_ID, _SHORTEST_STREET = 3, 4, 5
#: Forms this long are found inside a longer word too.
_SHORTEST_INSIDE = 5
_SHORTEST_DIRECT = 6

_WORDS = re.compile(r"[^\W_]+")
_NINE_DIGITS = re.compile(r"(?:\d\D{0,3}){8}\d")
#: Begun once a word, and never given back: a cell of one long word is read in one go.
_EMAIL = re.compile(r"(?<![^\s@<>,;:()\[\]])[^\s@<>,;:()\[\]]++@[^\s@<>,;:()\[\]]+\.[a-z]{2,}", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)(?<!\d\.)(?:\+33|0033|\(\+33\)|0)\s?(?:\(0\)\s?)?[1-9](?:[\s.\-/]?\d{2}){4}(?!\.?\d)")
_NIR = re.compile(
    r"(?<!\d)(?<!\d\.)[1-478]([\s.\-/]{0,2})\d\d\1\d\d[\s.\-/]{0,2}(?:\d\d|2[AB])[\s.\-/]{0,2}\d{3}[\s.\-/]{0,2}\d{3}"
    r"(?:[\s.\-/(|]{0,3}\d\d\)?)?(?!\d)",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:Mme|MME|Mlle|MLLE|Madame|MADAME|Monsieur|MONSIEUR|M\.|Mr\.?|Mrs\.?|Ms\.?|Dr\.?|DR|Pr\.?|PR|Prof\.?|[Dd]octeur|DOCTEUR|"
    r"[Pp]rofesseur|[Nn]ée?|NÉE|[ÉEée]pouse|[Vv]euve)\s+(?:d[eu]\s+|d['’])?[A-ZÀ-ÖØ-Ý][\w'’-]+"
)


def direct_identifiers(text: str, *, strict: bool) -> frozenset[tuple[IdentifierKind, str]]:
    """E-mail addresses, French telephone numbers and NIR in a text. ``strict``: whatever has the
    form of a NIR counts, its check digits left out or mistyped; else only one whose check digits hold."""
    if len(text) < _SHORTEST_DIRECT:
        return frozenset()
    found: set[tuple[IdentifierKind, str]] = set()
    bare = _visible(text)
    if "@" in bare:
        found |= {(IdentifierKind.EMAIL, match[0]) for match in _EMAIL.finditer(bare)}
    if _NINE_DIGITS.search(bare):
        found |= {(IdentifierKind.PHONE, match[0]) for match in _PHONE.finditer(bare)}
        found |= {(IdentifierKind.NIR, match[0]) for match in _NIR.finditer(bare) if _is_nir(match[0], strict=strict)}
    return frozenset(found)


@dataclass(frozen=True)
class Known:
    """The word forms of a table, and, by the first letters of the longer ones, how long they are: so that each place
    of a text costs one look, however many forms there are."""

    forms: frozenset[str] = field(default=frozenset(), repr=False)
    lengths: Mapping[str, frozenset[int]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, forms: Iterable[str]) -> "Known":
        held = frozenset(forms)
        lengths: dict[str, set[int]] = {}
        for form in held:
            if len(form) >= _SHORTEST_INSIDE:
                lengths.setdefault(form[:_SHORTEST_INSIDE], set()).add(len(form))
        return cls(held, {start: frozenset(found) for start, found in lengths.items()})

    def inside(self, word: str) -> bool:
        """Whether one of the longer forms stands somewhere in a word."""
        for start in range(len(word) - _SHORTEST_INSIDE + 1):
            lengths = self.lengths.get(word[start : start + _SHORTEST_INSIDE], ())
            if any(word[start : start + length] in self.forms for length in lengths):
                return True
        return False


def names_somebody(text: str, row: frozenset[str], table: Known) -> bool:
    """Whether a text holds a word form of its row or table (see :func:`forms`), a title before a name, or a date. Of
    its own row a form of five characters is found across the spaces of the text too (``D U P O N T``)."""
    bare = _visible(text)
    folded = plain(bare)
    if holds_date(folded) or _TITLE.search(bare):
        return True
    words = _WORDS.findall(folded)
    whole = "".join(words)
    return (
        _joined(words, row, table.forms)
        or any(map(table.inside, words))
        or any(form in whole for form in row if len(form) >= _SHORTEST_INSIDE)
    )


def tells_of_somebody(text: str) -> bool:
    """Whether a cell that is kept as it stands holds a title before a name, or a day of the calendar: dates leave by
    columns that shift them. Eight digits alone are a number."""
    if text.isalnum() or len(text) < _SHORTEST_DIRECT:
        return False
    bare = _visible(text)
    return bool(_TITLE.search(bare)) or holds_date(plain(bare))


def forms(identifiers: Iterable[Identifier]) -> frozenset[str]:
    """The word forms by which identifiers are known in a text: folded, names and addresses by their parts as well."""
    found: set[str] = set()
    for identifier in identifiers:
        words = _WORDS.findall(plain(_visible(identifier.value)))
        match identifier.kind:
            case IdentifierKind.NAME:
                found.update(word for word in words if len(word) >= _SHORTEST_NAME and word not in common_words())
            case IdentifierKind.ADDRESS:
                long = (word for word in words if len(word) >= _SHORTEST_STREET and not word.isdigit())
                found.update(word for word in long if word not in common_words())
            case IdentifierKind.BIRTH_DATE:
                continue
            case _:
                if len(whole := "".join(words)) >= _SHORTEST_ID:
                    found.add(whole)
    return frozenset(found)


def _joined(words: list[str], row: frozenset[str], table: frozenset[str]) -> bool:
    """Whether a word, or some neighbouring words read as one, is a known form."""
    for start in range(len(words)):
        form = ""
        for word in words[start : start + _JOINED_WORDS]:
            form += word
            if form in row or form in table:
                return True
    return False


def _is_nir(text: str, *, strict: bool) -> bool:
    compact = re.sub(r"[^0-9ABab]", "", text).upper()
    if strict and "01" <= compact[3:5] <= "12":
        return True
    try:
        nir.validate(compact)
    except ValidationError:
        return False
    return True


def _visible(text: str) -> str:
    """NFKC, without characters that show nothing (a zero-width space inside a number)."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text)
    if composed.isprintable():  # as nothing of category Cf is
        return composed
    return "".join(c for c in composed if unicodedata.category(c) != "Cf")
