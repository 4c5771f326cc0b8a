"""One form for many writings: bytes in, bytes out, so that a search needs one pattern for each width of characters.

Folding takes away case and accents from text in UTF-8 (composed or decomposed), Latin-1 and Windows-1252, mixed as they
come, without asking which of them it is: a two-byte UTF-8 letter and its Latin-1 byte both become the plain lower-case
letter. UTF-16 keeps its NUL bytes: ``Hélène`` in either byte order folds to ``h·e·l·e·n·e`` with a NUL at each dot. The
ligature œ becomes byte 9C, æ E6 and ß DF in all encodings; :func:`spellings` gives both ways to write them.

Other scripts come out garbled, but always in the same way, so that a folded name is still found in a folded file.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator

_OE, _AE, _SS = b"\x9c", b"\xe6", b"\xdf"
_SPECIAL = {
    "œ": _OE, "Œ": _OE, "æ": _AE, "Æ": _AE, "ß": _SS, "ẞ": _SS, "ø": b"o", "Ø": b"o", "ł": b"l", "Ł": b"l", "đ": b"d",
    "Đ": b"d", "ð": b"d", "Ð": b"d", "ı": b"i", "þ": b"th", "Þ": b"th",
    "’": b"'", "‘": b"'", "´": b"'", "ʼ": b"'", "‐": b"-", "‑": b"-", "‒": b"-", "–": b"-", "—": b"-",
}  # fmt: skip
_LIGATURES = ((b"oe", _OE), (b"ae", _AE), (b"ss", _SS))


def _letter(character: str) -> bytes | None:
    """What one character folds to: a plain letter, a mark, nothing (accents, soft hyphens), or None to leave it."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    category = unicodedata.category(character)
    if category in ("Mn", "Cf"):
        return b""
    if category == "Zs":
        return b" "
    base = unicodedata.normalize("NFKD", character)[0]
    return base.lower().encode() if base.isascii() and base.isalpha() else None


def _byte_table() -> bytes:
    table = bytearray(range(256)).lower()
    for byte in range(0x80, 0x100):
        character = bytes([byte]).decode("cp1252", "ignore")
        folded = _letter(character) if character else None
        if folded and len(folded) == 1:  # a translation keeps the length: þ stays, and the soft hyphen too
            table[byte] = folded[0]
    return bytes(table)


def _characters() -> dict[str, bytes]:
    """What characters beyond ASCII fold to, before :data:`_BYTES`; those that are absent stay as they are, in UTF-8."""
    found = {chr(code): bytes([code]) for code in range(0x80, 0x100)}
    found["\xad"] = b""
    for block in (range(0x100, 0x280), range(0x2B0, 0x370), range(0x1E00, 0x1F00), range(0x2000, 0x2080)):
        found |= {chr(code): folded for code in block if (folded := _letter(chr(code))) is not None}
    # Letters and digits of full width, as stations set to Japanese write them.
    found |= {chr(code): unicodedata.normalize("NFKC", chr(code)).lower().encode() for code in range(0xFF01, 0xFF5F)}
    return found | {"\u3000": b" ", "\ufeff": b""}


def _encoded(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return b"".join(_CHARACTERS.get(c, c.encode("utf-8", "surrogatepass")) for c in missing), error.end


_BYTES = _byte_table()
_CHARACTERS = _characters()
_UTF8 = {character.encode(): folded for character, folded in _CHARACTERS.items()}
codecs.register_error("collecte.residual.fold", _encoded)
_UTF8_PATTERN = re.compile(
    rb"[\xc2-\xcd][\x80-\xbf]|\xe1[\xb8-\xbb][\x80-\xbf]|\xe2[\x80\x81][\x80-\xbf]|\xe3\x80\x80|\xef\xbb\xbf|\xef[\xbc\xbd][\x80-\xbf]"
)

# UTF-16 that a NUL-interleaved pattern does not meet as it stands: combining accents (U+0300…) and œ (U+0152, U+0153).
_WIDE_LITTLE = re.compile(rb"(?<=[A-Za-z]\0)(?:[\0-\x6f]\x03)+|[\x52\x53]\x01")
_WIDE_BIG = re.compile(rb"(?<=\0[A-Za-z])(?:\x03[\0-\x6f])+|\x01[\x52\x53]")


def fold(raw: bytes) -> bytes:
    """``raw`` without case and accents. Never longer; a cut before an ASCII byte cuts the result at the same place."""
    if raw.isascii():
        return raw.lower()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return fold_mixed(raw)
    # Quicker by a lot on long texts, and the same: most of the letters are one byte in Latin-1.
    return text.replace("\xad", "").encode("latin-1", "collecte.residual.fold").translate(_BYTES)


def fold_mixed(raw: bytes) -> bytes:
    """:func:`fold` for bytes that are UTF-8 in places, at most."""
    return _UTF8_PATTERN.sub(_sequence, raw).translate(_BYTES)


def fold_text(text: str) -> bytes:
    """The folded form of text."""
    return fold(text.encode("utf-8", "surrogateescape"))


def wide_views(raw: bytes) -> Iterator[bytes]:
    """Further folded forms of ``raw``, where it may hold UTF-16 with combining accents or ligatures; mostly none."""
    if b"\0" not in raw:
        return
    if _WIDE_LITTLE.search(raw):
        yield fold(_WIDE_LITTLE.sub(lambda m: _OE + b"\0" if m[0][-1] == 1 else b"", raw))
    if _WIDE_BIG.search(raw):
        yield fold(_WIDE_BIG.sub(lambda m: b"\0" + _OE if m[0][0] == 1 else b"", raw))


def spellings(folded: bytes) -> frozenset[bytes]:
    """The ways in which a folded word may stand in a folded file: in two letters, or (from six letters on: Noël is not
    written nœl) with each ligature."""
    letters = plain(folded)
    ligatures = _LIGATURES if len(letters) >= 6 else ()
    return frozenset({letters, *(letters.replace(two, one) for two, one in ligatures)})


def plain(folded: bytes) -> bytes:
    """A folded word with its ligatures in two letters."""
    for letters, ligature in _LIGATURES:
        folded = folded.replace(ligature, letters)
    return folded


def _sequence(match: re.Match[bytes]) -> bytes:
    return _UTF8.get(match[0], match[0])
