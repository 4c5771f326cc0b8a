"""Text of an element as a person reads it, in each way that its bytes can be meant (PS3.5, 6.1; PS3.3, C.12.1.1.2)."""

import unicodedata
from contextlib import suppress

from pydicom.charset import convert_encodings, decode_bytes, python_encoding

from collecte.silence import silenced

_TEXT_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C}
_NAME_DELIMITERS = {0x5E, 0x3D}
_BACKSLASH = "\\"


def charsets(raw: bytes) -> tuple[str, ...]:
    """The values of Specific Character Set, as far as they are known; empty: the default repertoire."""
    names = (value.strip(b"\0 ").decode("latin-1") for value in raw.split(b"\\"))
    known = tuple(name for name in names if name in python_encoding)
    return known if any(known) else ()


def readings(raw: bytes, declared: tuple[str, ...], *, is_name: bool = False) -> frozenset[str]:
    """The text, read as declared; and, where the bytes are not ASCII, as UTF-8 and Latin-1 too: what a file declares
    and what a device writes differ often enough, and an identifier that is not found is worse than one found
    twice.
    """
    raw = raw.strip(b"\0 ")
    if not raw:
        return frozenset()
    if raw.isascii() and b"\x1b" not in raw:
        return frozenset((raw.decode("ascii"),))
    texts = {raw.decode("latin-1")} if b"\x1b" not in raw else set()
    with suppress(UnicodeDecodeError):
        texts.add(raw.decode("utf-8"))
    if declared:
        texts |= _decoded(raw, declared, _NAME_DELIMITERS if is_name else _TEXT_DELIMITERS)
    return frozenset(text.strip() for text in texts)


def reading(raw: bytes, declared: tuple[str, ...], *, is_name: bool = False) -> str:
    """The text as one reader sees it: as declared, else as UTF-8, else as Latin-1."""
    raw = raw.strip(b"\0 ")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    if declared and (texts := _decoded(raw, declared, _NAME_DELIMITERS if is_name else _TEXT_DELIMITERS)):
        return next(iter(texts))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decoded(raw: bytes, declared: tuple[str, ...], delimiters: set[int]) -> set[str]:
    """The reading as declared; none where the bytes are no such text."""
    try:
        with silenced():
            return {decode_bytes(raw, convert_encodings(list(declared)), delimiters)}
    except (ValueError, LookupError):
        return set()


def values(text: str) -> list[str]:
    """The values of a multi-valued text."""
    return [part.strip() for part in text.split(_BACKSLASH) if part.strip()]


def folded(word: str) -> str:
    """Lower case, without accents."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(c for c in plain if not unicodedata.combining(c))


def ascii_digits(text: str) -> str:
    """The text with the digits of every script as 0 to 9; no longer, no shorter."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
