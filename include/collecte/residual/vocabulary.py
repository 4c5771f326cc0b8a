"""Words that name nobody: what DICOM, the trade and the two languages say anyway.

Two sources: pydicom's dictionaries (PS3.6 attribute names; the code meanings of PS3.16, from which words that the
Standard only ever writes with a capital, such as eponyms, are left out), and ``words.txt``, which this project keeps.

``technical()`` words say nothing alone, even as part of a patient's name (``TEST^CT``); ``known()`` words may moreover
*hold* somebody's name without meaning them (``anne`` in *scanner*, ``rose`` in *sclérose*). A word that is also a usual
first or last name is in neither, whatever the Standard says.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._concepts_dict import concepts

from collecte.records import Identifier, IdentifierKind
from collecte.residual.folding import fold_text, plain

_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿœŒ]+")
_PATH_WORD = re.compile(r"[^\W_]+")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_CAMEL = re.compile(r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+")
_STEM = re.compile(rb"[0-9]*([a-z]+)[0-9]*")


@cache
def technical() -> frozenset[bytes]:
    """Folded words of the Standard's attribute names and code meanings, and of ``[technical]`` in words.txt."""
    schemes: Mapping[str, Any] = concepts
    meanings = (meaning for scheme in schemes.values() for codes in scheme.values() for meaning, *_ in codes.values())
    # A phrase begins with a capital whatever it is; inside, the Standard writes only proper nouns with one.
    inside = (word for meaning in meanings for word in _WORD.findall(meaning)[1:] if word.islower())
    attributes = (entry[2] for entry in DicomDictionary.values())
    return (_words(" ".join((*inside, *attributes))) | _section("technical")) - names()


@cache
def known() -> frozenset[bytes]:
    """Folded words that may hold a name by chance: the technical ones, those of ``[language]`` and ``[medicine]``."""
    return (technical() | _section("language") | _section("medicine")) - names()


def says_nothing(word: bytes) -> bool:
    """Whether a folded word is a technical one, or two of them written as one (``headneck``)."""
    words = technical()
    return word in words or any(word[:at] in words and word[at:] in words for at in range(4, len(word) - 3))


@cache
def names() -> frozenset[bytes]:
    """Usual names that the Standard's dictionaries hold as words: ``[names]``."""
    return _section("names")


def path_identifiers(relative_path: str) -> frozenset[Identifier]:
    """What may identify in a path of a delivery (POSIX, relative; PEP 383 surrogates allowed): of its file and folder
    names each run of letters and digits, and within it each run of letters (``DUPONT1956``, ``DupontJean``) and of
    digits (``IPP1234567``), that has five characters and more with a letter and is no known word, alone or with a short
    number (``SCAN00``, ``IM0001``), or seven digits and more. File extensions are known words.
    """
    found = set()
    for word in _PATH_WORD.findall(_readable(relative_path)):
        parts = {word, *_LETTERS_OR_DIGITS.findall(word), *_CAMEL.findall(word)}
        found |= {part for part in parts if _may_identify(plain(fold_text(part)))}
    return frozenset(Identifier(IdentifierKind.PATH, word) for word in found)


def _may_identify(word: bytes) -> bool:
    if word.isdigit():
        return len(word) >= 7
    stem = _STEM.fullmatch(word)
    if len(word) < 5 or not stem:
        return len(word) >= 5
    named = stem[1] not in known() and not says_nothing(stem[1])
    return named or (len(stem[1]) == 1 and len(word) > 5) or len(word) - len(stem[1]) >= 7


def _readable(path: str) -> str:
    """The path with bytes that are no UTF-8 read as Windows-1252, as such names are typed on old stations."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return path


def _words(text: str) -> frozenset[bytes]:
    return frozenset(plain(fold_text(word)) for word in _WORD.findall(text))


@cache
def _sections() -> dict[str, frozenset[bytes]]:
    sections: dict[str, set[bytes]] = {}
    current: set[bytes] = set()
    for line in Path(__file__).with_name("words.txt").read_text("utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("["):
            current = sections.setdefault(text.strip("[]"), set())
        else:
            current |= _words(text)
    return {name: frozenset(words) for name, words in sections.items()}


def _section(name: str) -> frozenset[bytes]:
    return _sections()[name]
