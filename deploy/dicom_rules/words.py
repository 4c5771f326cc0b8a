"""The words that machines write about themselves and that departments write of examinations."""

import re
import textwrap
import unicodedata
from collections.abc import Iterator

from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._concepts_dict import concepts
from tables import JUDGED, text

_SHORTEST = 3
#: Groups of the dictionary that describe acquisition, image and treatment; the others speak of people and orders.
_GROUPS = frozenset((0x0018, 0x0020, 0x0022, 0x0028, 0x0048, 0x0052, 0x0054, 0x3002, 0x3004, 0x3006, 0x300A, 0x5400))


def device_terms() -> str:
    """Lower case, without accents, sorted, as many to a line as fit."""
    listed = {path.stem: set(_of(path.read_text("utf-8"))) for path in sorted((JUDGED / "words").glob("*.txt"))}
    excluded = listed.pop("excluded")
    words = set().union(*listed.values(), _meanings(), _dictionary()) - excluded
    lines = textwrap.wrap(" ".join(sorted(words)), width=119, break_long_words=False, break_on_hyphens=False)
    return text(
        (
            "Words of three letters and more that machines write about themselves and departments about examinations:"
            " makers, models, kernels, sequences, coils, substances, anatomy. Made by deploy/dicom_rules, 2026-11-30.",
            "Source: lists of our own (deploy/dicom_rules/judged/words); code meanings of PS3.16's context groups,"
            " their words in lower case alone, and attribute names of PS3.6, both as in pydicom 3.0.2 (MIT).",
            "No words that people or towns are called (compared with the name lists of Faker 40, MIT), a few apart.",
        ),
        ("words",),
        [(line,) for line in lines],
    )


def _meanings() -> Iterator[str]:
    """Words in lower case: what a meaning capitalises may be a person's, a breed's or a place's name."""
    for scheme in concepts.values():
        for codes in scheme.values():
            for meaning, _ in codes.values():
                for word in re.findall(r"[^\W\d_]+", meaning):
                    if word.islower() and len(word) >= _SHORTEST:
                        yield _folded(word)


def _dictionary() -> Iterator[str]:
    for tag, (_, _, name, _, _) in DicomDictionary.items():
        if tag >> 16 in _GROUPS:
            yield from _of(name)


def _of(lines: str) -> Iterator[str]:
    """The words of a text, its comment lines apart."""
    for line in lines.splitlines():
        if not line.startswith("#"):
            yield from (_folded(word) for word in re.findall(r"[^\W\d_]+", line) if len(word) >= _SHORTEST)


def _folded(word: str) -> str:
    """Lower case, without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))
