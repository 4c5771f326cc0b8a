"""Does a text identify? Names, identifiers, dates and addresses as people and machines type them, and the fillers that
they type instead. What is let through here is searched in every output of the delivery, and one hit holds a file
back; so a word that names nobody must not pass.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import cache

from collecte.formats.dicom._tables import rows
from collecte.pseudonym import is_placeholder

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_EARLIEST_BIRTH = date(1850, 1, 1)
_FILLER_BIRTH = date(1900, 1, 1)
#: Shorter ones are met by chance in any file.
_SHORTEST_ID, _SHORTEST_NUMBER, _SHORTEST_PHONE, _SHORTEST_ADDRESS = 4, 4, 7, 5


def names(text: str) -> Iterator[str]:
    """The names in a value of VR PN: each person, each script, without fillers (``DUPONT^Jean``)."""
    for person in text.split("\\"):
        for script in person.split("="):
            # Family, given and middle names; prefix and suffix (Dr, Jr) are titles (PS3.5, 6.2.1).
            parts = [_named(part) for part in script.split("^")[:3]]
            words = [word for part in parts for word in part.split()]
            several = sum(word.isalpha() and len(word) > 1 for word in words) > 1  # Li Xu
            if several or any(len(word) > 2 or not word.isascii() for word in words):
                yield "^".join(parts).strip("^")


def _named(component: str) -> str:
    """A component of a name without the words that name nobody; empty where none is left."""
    words = [word for word in _WORD.findall(component) if not _is_filler(word)]
    return " ".join(words)


def _is_filler(word: str) -> bool:
    return is_placeholder(word) or folded(word) in _generic() or (len(word) < 2 and word.isascii())


def is_direct_name(text: str, identifier: str) -> bool:
    """Whether a patient's name is more than a code: a word of two letters and more, that is not the identifier's."""
    wanted = folded(identifier)
    return any(
        word.isalpha() and not _is_filler(word) and folded(word) not in wanted
        for name in names(text)
        for word in _WORD.findall(name)
    )


def identifier(text: str, *, letters: bool = False) -> str | None:
    """An identifier that can be told from a word or a number met by chance; ``letters``: it may be without a digit."""
    stripped = text.strip()
    bare = "".join(c for c in stripped if c.isalnum())
    shortest = _SHORTEST_NUMBER if bare.isdigit() else _SHORTEST_ID
    if bare.isdigit():
        bare = bare.lstrip("0")  # 000001 stands in every 0.000001
    if len(bare) < shortest or is_placeholder(stripped) or _all_generic(stripped):
        return None
    return stripped if letters or any(map(str.isdigit, bare)) else None


def birth_date(text: str) -> str | None:
    """YYYYMMDD; None where it is no day on which a patient can be born."""
    match = _DATE.fullmatch(text.strip())
    try:
        born = date(*map(int, match.groups())) if match else None
    except ValueError:
        born = None
    if born is None or born < _EARLIEST_BIRTH or born == _FILLER_BIRTH:
        return None
    return born.strftime("%Y%m%d")


def phone(text: str) -> str | None:
    """A telephone number with its digits; None where there are too few."""
    return text.strip() if sum(map(str.isdigit, text)) >= _SHORTEST_PHONE else None


def address(text: str) -> str | None:
    """An address, or the name of a place; None where it says nothing."""
    stripped = " ".join(text.replace("^", " ").split())
    if len(stripped) < _SHORTEST_ADDRESS or is_placeholder(stripped) or _all_generic(stripped):
        return None
    return stripped


def _all_generic(text: str) -> bool:
    words = _WORD.findall(text)
    return all(_is_filler(word) for word in words)


def folded(text: str) -> str:
    """Upper case, without accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text).upper()
    return "".join(c for c in plain if c.isalnum())


@cache
def _generic() -> frozenset[str]:
    return frozenset(row["word"] for row in rows("generic_words"))
