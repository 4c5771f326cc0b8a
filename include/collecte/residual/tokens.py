"""From an identifier to the words that betray it.

=============  =======================================================================================================
identifier     looked for
=============  =======================================================================================================
name           each part (split at ``^ = - ' , . _ /`` and spaces) of three letters and more. Particles, titles and
               technical words (*weak* parts: ``de``, ``CT``, ``TEST``), and codes of four characters beside a name
               (``XA60``), count only in a person name or a patient ID;
               where a name has no other part, the whole name counts anywhere, in either order
ID             as it stands, without and with other separators; digits alone without leading zeros (from four of them)
               and with some (from five, up to ten). Placeholders are no IDs
birth date     :mod:`collecte.residual.dates`
address        its phrases (between commas and lines), and its words of seven letters and more that no dictionary knows
phone, NIR     in their usual groupings, with and without prefix and key
e-mail, path   as it stands
=============  =======================================================================================================
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import permutations

from collecte.pseudonym import is_placeholder
from collecte.records import Identifier, IdentifierKind
from collecte.residual.folding import fold_text, plain
from collecte.residual.vocabulary import known, says_nothing

#: Characters of a token that are searched; where they stand, the rest is not asked for.
LONGEST = 64


class Shape(Enum):
    """How a token must stand to count."""

    WORD = "word"  # letters, or letters and digits
    NUMBER = "number"  # digits (and dots) alone: whole numbers only
    PHONE = "phone"  # the nine digits of a French number: with their 0 or 33 before them
    NIR = "nir"  # the thirteen digits: with or without the key behind them
    PHRASE = "phrase"  # several words: the rest of the phrase must stand around its longest word


@dataclass(frozen=True, slots=True)
class Token:
    """One folded word to look for. IDENTIFYING. ``phrases``: one of them must stand around the word of a PHRASE."""

    kind: IdentifierKind
    text: bytes
    shape: Shape
    weak: bool = False
    phrases: tuple[tuple[bytes, ...], ...] = ()

    def __repr__(self) -> str:
        return f"Token({self.kind}, …)"


_SPLIT = re.compile(rb"[\s^=\-',._/\\;:()\[\]\"]+")
_ADDRESS_SPLIT = re.compile(rb"[\r\n,;^=/\\]+")
_WORDS = re.compile(rb"[a-z0-9\x80-\xff]+")
_SEPARATORS = (b"", b" ", b"-", b"_", b".", b"/")
_DIGITS = re.compile(rb"\d+")
#: Characters of a code beside a name, as software and coils are called by (``XA60``): it does not tell who.
_SHORT_CODE = 4
#: Digits, leading zeros apart, of the shortest number that is looked for without them, and with others; and digits in
#: all of the widest with others: hospitals number their patients in up to ten places.
_SHORTEST_BARE, _SHORTEST_PADDED, _WIDEST_PADDED = 4, 5, 10


def tokens(identifier: Identifier) -> frozenset[Token]:
    """What is looked for because of one identifier; nothing for birth dates, which have their own way."""
    maker = _MAKERS.get(identifier.kind)
    return frozenset(maker(plain(fold_text(identifier.value)).strip(b" \0\r\n\t"))) if maker else frozenset()


def _name(value: bytes) -> Iterator[Token]:
    if is_placeholder(value.decode("latin-1")):
        return
    for group in value.split(b"="):
        parts = [part for part in _SPLIT.split(group) if part]
        spoken = any(len(part) > _SHORT_CODE and part.isalpha() and not says_nothing(part) for part in parts)
        for part in parts:
            if len(part) >= 2:
                code = spoken and len(part) <= _SHORT_CODE and any(48 <= byte <= 57 for byte in part)
                yield _token(IdentifierKind.NAME, part, weak=code or len(part) < 3 or says_nothing(part))
        strong = any(len(part) >= 3 and not says_nothing(part) and not part.isdigit() for part in parts)
        if not strong and 1 < len(parts) <= 4:
            yield from _phrases(IdentifierKind.NAME, parts)


def _id(value: bytes) -> Iterator[Token]:
    if is_placeholder(value.decode("latin-1")):
        return
    weak = says_nothing(value) or len(value) < 3
    yield _token(IdentifierKind.ID, value, weak)
    parts = [part for part in re.split(rb"[\s\-_./\\^]+", value) if part]
    if len(parts) > 1 and len(b"".join(parts)) >= 5 and not _is_uid(value):
        for separator in _SEPARATORS:
            yield _token(IdentifierKind.ID, separator.join(parts))
    if value.isdigit():
        yield from (_token(IdentifierKind.ID, digits) for digits in _padded(value.lstrip(b"0")))


def _padded(digits: bytes) -> Iterator[bytes]:
    """A number without and with leading zeros. Four digits are looked for bare alone, as what stands in counters is
    ``0001234``; of three and fewer nobody can tell whose they are.
    """
    if len(digits) >= _SHORTEST_BARE:
        yield digits
    if len(digits) >= _SHORTEST_PADDED:
        yield from (digits.zfill(width) for width in range(len(digits) + 1, _WIDEST_PADDED + 1))


def _address(value: bytes) -> Iterator[Token]:
    for part in _ADDRESS_SPLIT.split(value):
        words = [word for word in _WORDS.findall(part) if word]
        if len(words) > 1 and len(b"".join(words)) >= 8:
            yield from _phrases(IdentifierKind.ADDRESS, words, either_order=False)
        street = words[1:] if words and words[0][:1].isdigit() else words
        if len(words) != len(street) > 1 and len(words[0]) < 5:  # the street without the house's number
            yield from _phrases(IdentifierKind.ADDRESS, street, either_order=False)
        town = len(words) > 1 and len(words[0]) == 5 and words[0].isdigit()
        for word in () if town else words:
            if len(word) >= 7 and word.isalpha() and word not in known():
                yield _token(IdentifierKind.ADDRESS, word)


def _phone(value: bytes) -> Iterator[Token]:
    digits = b"".join(_DIGITS.findall(value))
    national = (
        re.sub(rb"^(?:00)?33(?:0(?=\d{9}$))?", b"0", digits) if re.match(rb"\s*(?:\+|00)\s*33", value) else digits
    )
    if len(national) == 10 and national[:1] == b"0":
        pairs = [national[i : i + 2] for i in range(2, 10, 2)]
        for separator in _SEPARATORS:
            yield Token(IdentifierKind.PHONE, separator.join([national[1:2], *pairs]), Shape.PHONE)
    elif len(digits) >= 7:
        yield _token(IdentifierKind.PHONE, digits)
        yield _token(IdentifierKind.PHONE, value)


def _nir(value: bytes) -> Iterator[Token]:
    compact = b"".join(re.findall(rb"[0-9ab]", value))
    if len(compact) not in (13, 15):
        yield from _id(value)
        return
    groups = [compact[a:b] for a, b in ((0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13))]
    for separator in _SEPARATORS:
        yield Token(IdentifierKind.NIR, separator.join(groups), Shape.NIR)


def _email(value: bytes) -> Iterator[Token]:
    if b"@" in value:
        yield _token(IdentifierKind.EMAIL, value)


def _path(value: bytes) -> Iterator[Token]:
    yield _token(IdentifierKind.PATH, value)


_MAKERS: Mapping[IdentifierKind, Callable[[bytes], Iterable[Token]]] = {
    IdentifierKind.NAME: _name,
    IdentifierKind.ID: _id,
    IdentifierKind.ADDRESS: _address,
    IdentifierKind.PHONE: _phone,
    IdentifierKind.NIR: _nir,
    IdentifierKind.EMAIL: _email,
    IdentifierKind.PATH: _path,
}


def _token(kind: IdentifierKind, text: bytes, weak: bool = False) -> Token:
    number = not text.strip(b"0123456789.")
    return Token(kind, text[:LONGEST], Shape.NUMBER if number else Shape.WORD, weak)


def _phrases(kind: IdentifierKind, words: list[bytes], either_order: bool = True) -> Iterator[Token]:
    """The whole of several words, anchored at the longest of them."""
    orders = tuple(sorted(set(permutations(words)))) if either_order else (tuple(words),)
    yield Token(kind, max(words, key=len)[:LONGEST], Shape.PHRASE, phrases=orders)


def _is_uid(value: bytes) -> bool:
    return not value.strip(b"0123456789.")
