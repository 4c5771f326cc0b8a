"""What the engine is asked for: a pattern for each spelling of each word, in each width of its characters.

Patterns come in three lists, as what they are searched in differs: *narrow* ones in whatever may hold text, *wide* ones
(UTF-16) there too where a NUL stands between two characters, and those for *pixel* bytes.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collecte.records import IdentifierKind
from collecte.residual import dates, generic
from collecte.residual.folding import fold_text, plain
from collecte.residual.tokens import Shape, Token

#: Characters of the shortest token that is searched in pixel bytes, and of the shortest number there in UTF-16: eight
#: neighbouring pixels of 16 bits that happen to be the digits of some ID are not rare enough.
PIXEL_LENGTH, _PIXEL_WIDE_DIGITS = 8, 12
#: Different characters that a token must have to be searched in pixel bytes (flat grey is 11111111 somewhere).
_PIXEL_VARIETY = 3
#: Letters of the word at which a phrase is anchored; a phrase of shorter words is searched whole.
_ANCHOR = 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one pattern of an engine stands for: tokens, a generic form, or (``date``) a writing of a birth date.
    ``length``: bytes it matches, 0 if that varies; ``unit``: bytes of a character."""

    expression: bytes
    length: int = 0
    unit: int = 1
    tokens: tuple[Token, ...] = ()
    form: IdentifierKind | None = None
    date: bytes = b""


def literal(word: bytes, *, wide: bool = False) -> bytes:
    """A pattern for exactly these bytes; ``wide``: with a NUL between two, as in UTF-16 of either byte order."""
    return (rb"\x00" if wide else b"").join(b"\\x%02x" % byte for byte in word)


def is_whole_phrase(token: Token) -> bool:
    """Whether a token is a phrase of short words, searched whole: alone, its words are everywhere."""
    return token.shape is Shape.PHRASE and len(token.text) < _ANCHOR


def narrow(words: Iterable[tuple[bytes, Sequence[Token]]], phrases: Iterable[Token]) -> Iterator[Pattern]:
    """Patterns for folded bytes of one byte a character, phrases of short words, and the generic forms.

    ``words``: each spelling with the tokens that it may stand for.
    """
    for spelling, meant in words:
        yield Pattern(literal(spelling), len(spelling), 1, tuple(meant))
    for token in phrases:
        yield from (_phrase(token, words, unit) for words in token.phrases for unit in (1, 2))
    yield from (Pattern(expression, form=kind) for kind, expression in generic.PROPOSALS.items())


def wide(words: Iterable[tuple[bytes, Sequence[Token]]]) -> Iterator[Pattern]:
    """The same spellings in two bytes a character."""
    for spelling, meant in words:
        if len(spelling) > 1:
            yield Pattern(literal(spelling, wide=True), 2 * len(spelling) - 1, 2, tuple(meant))


def pixels(words: Iterable[tuple[bytes, Sequence[Token]]]) -> Iterator[Pattern]:
    """Patterns for pixel bytes, in either case: there is no telling what is text, so only what is long enough."""
    for spelling, tokens in words:
        meant = tuple(token for token in tokens if token.text == spelling and in_pixels(token))
        if meant:
            yield Pattern(literal(spelling), len(spelling), 1, meant)
            if not spelling.isdigit() or len(spelling) >= _PIXEL_WIDE_DIGITS:
                yield Pattern(literal(spelling, wide=True), 2 * len(spelling) - 1, 2, meant)


def in_pixels(token: Token) -> bool:
    """Whether a token is long and various enough to be searched in pixel bytes."""
    return len(token.text) >= PIXEL_LENGTH and len(set(token.text)) >= _PIXEL_VARIETY and not token.weak


def exact(word: str, token: Token) -> Iterator[Pattern]:
    """Patterns for pixel bytes of a word with accents, as it was written, in either case, in the usual encodings."""
    for raw in sorted(_encodings(word)):
        yield Pattern(literal(raw), len(raw), 1, (token,))


def accented(value: str) -> Iterator[str]:
    """The words of a value that are not plain ASCII, and are long enough for pixel bytes."""
    if value.isascii():
        return
    cleaned = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in value)
    yield from (w for w in cleaned.split() if not w.isascii() and len(plain(fold_text(w))) >= PIXEL_LENGTH)


def of_dates(born: Iterable[str]) -> list[Pattern]:
    """Patterns for the writings of birth dates."""
    writings = sorted({writing for date in born for writing in dates.writings(date)})
    return [
        *(Pattern(literal(w), len(w), 1, date=w) for w in writings),
        *(Pattern(literal(w, wide=True), 2 * len(w) - 1, 2, date=w) for w in writings),
    ]


def dump_token(token: Token) -> str:
    """A token as text, as :func:`load_tokens` reads it. IDENTIFYING."""
    phrases = [[word.decode("latin-1") for word in phrase] for phrase in token.phrases]
    return json.dumps([token.kind, token.text.decode("latin-1"), token.shape.value, token.weak, phrases])


def load_tokens(texts: Iterable[str]) -> tuple[Token, ...]:
    """The tokens of :func:`dump_token`."""
    return tuple(_token(*json.loads(text)) for text in texts)


def dump_pattern(pattern: Pattern) -> str:
    """A pattern without its expression, as text. IDENTIFYING."""
    tokens = [dump_token(token) for token in pattern.tokens]
    return json.dumps([pattern.length, pattern.unit, tokens, pattern.form])


def load_pattern(text: str) -> Pattern:
    """The pattern of :func:`dump_pattern`."""
    length, unit, tokens, form = json.loads(text)
    return Pattern(b"", length, unit, load_tokens(tokens), IdentifierKind(form) if form else None)


def _token(kind: str, text: str, shape: str, weak: bool, phrases: Iterable[Iterable[str]]) -> Token:
    words = tuple(tuple(word.encode("latin-1") for word in phrase) for phrase in phrases)
    return Token(IdentifierKind(kind), text.encode("latin-1"), Shape(shape), weak, words)


def _phrase(token: Token, words: tuple[bytes, ...], unit: int) -> Pattern:
    between = b"[^a-z0-9]{1,%d}" % (4 * unit)
    return Pattern(between.join(literal(word, wide=unit == 2) for word in words), 0, unit, (token,))


def _encodings(word: str) -> frozenset[bytes]:
    """In two bytes a character only what has enough of them: a name of four half-width katakana is four pixels of fat,
    as CT measures them."""
    forms = {
        unicodedata.normalize(n, w) for n in ("NFC", "NFD") for w in (word, word.lower(), word.upper(), word.title())
    }
    names = ("utf-8", "cp1252", *(("utf-16-le", "utf-16-be") if len(word) >= PIXEL_LENGTH else ()))
    return frozenset(raw for form in forms for name in names if len(raw := form.encode(name, "ignore")) >= len(word))
