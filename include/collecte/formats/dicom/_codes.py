"""Coded entries: a code that we know gets the meaning that its scheme gives it, whatever stood there; a code of a
public scheme that we do not know keeps its value; anything else says nothing of use outside its hospital, and could
say a name.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from stdnum import luhn, verhoeff

from collecte.formats.dicom._elements import Encoding, write_element
from collecte.formats.dicom._tables import rows

#: The attributes of a coded entry.
CODE_VALUES = (0x00080100, 0x00080119)
CODE_SCHEME, CODE_SCHEME_VERSION, CODE_MEANING = 0x00080102, 0x00080103, 0x00080104
CODED = (*CODE_VALUES, CODE_SCHEME, CODE_SCHEME_VERSION, CODE_MEANING)

#: What stands for a code that is not let through, where its sequence must have one.
REMOVED = ("REMOVED", "99COLLECTE", "Removed")
_MEANING_LENGTH = 64
#: SNOMED RT, and a code of it that pydicom does not map; what the codes of the leads of SCP-ECG begin with.
_RETIRED, _POSTERO_ANTERIOR, _LEAD = ("SRT", "SNM3", "99SDM"), {"R-10214": "272479007"}, "5.6.3-9-"


def clean_code(value: str, scheme: str, meant: str = "") -> tuple[str, str, str] | None:
    """Value, scheme and meaning of a coded entry as they may be told; None where they may not. ``meant``: the meaning
    that the file gives, which stays where it is one of those that PS3.16 gives the code, and is never told else.
    """
    if known := _meanings().get((scheme, value)):
        return value, scheme, _one_of(known, meant)
    syntax = _syntaxes().get(scheme)
    if syntax is None or not syntax.fullmatch(value):
        return None
    if scheme in _CHECKED and not _CHECKED[scheme](value):
        return None
    return value, scheme, _one_of(_meanings().get(_newer(value, scheme), (value,)), meant)


def _is_sctid(value: str) -> bool:
    """Whether a number is that of a concept of SNOMED CT: its partition, and the check digit."""
    return value[-3:-1] in ("00", "10") and bool(verhoeff.is_valid(value))


def _is_loinc(value: str) -> bool:
    """Whether a code of LOINC ends in its check digit."""
    return bool(luhn.is_valid(value.replace("-", "")))


_CHECKED: Mapping[str, Callable[[str], bool]] = {"SCT": _is_sctid, "LN": _is_loinc}


def _one_of(known: tuple[str, ...], meant: str) -> str:
    """The known meaning that the file gives; else the shortest."""
    return meant if meant in known else min(known, key=len)


def is_public_scheme(designator: str) -> bool:
    """Whether a Coding Scheme Designator is that of a public scheme."""
    return designator in _syntaxes()


def coded_item(
    value: str,
    scheme: str,
    meaning: str,
    encoding: Encoding,
    *,
    tag: int = CODE_VALUES[0],
    version: str = "",
    others: Mapping[int, bytes] = MappingProxyType({}),
) -> bytes:
    """The content of an item that holds a coded entry (PS3.3, 8.1).

    Args:
        value: of the code; under ``tag``, Code Value or Long Code Value.
        scheme, meaning, version: of the code.
        encoding: of the output.
        others: the other elements of the item, written.
    """
    values = (
        (tag, "UC" if tag == CODE_VALUES[1] else "SH", value),
        (CODE_SCHEME, "SH", scheme),
        (CODE_SCHEME_VERSION, "SH", version[:16]),
        (CODE_MEANING, "LO", meaning[:_MEANING_LENGTH]),
    )
    parts = {at: write_element(at, vr, text.encode("ascii"), encoding) for at, vr, text in values if text}
    merged = {**others, **parts}
    return b"".join(merged[at] for at in sorted(merged))


def _newer(value: str, scheme: str) -> tuple[str, str]:
    """Scheme and value by which an old code is called today, empty for any other: SNOMED RT is SNOMED CT, and the leads
    of SCP-ECG (EN 1064, 5.6.3) are numbered as those of IEEE 11073.
    """
    if scheme == "SCPECG":
        return "MDC", f"2:{value.removeprefix(_LEAD)}"
    if scheme not in _RETIRED:
        return "", ""
    from pydicom.sr.coding import snomed_mapping  # type: ignore[attr-defined]

    return "SCT", snomed_mapping["SRT"].get(value, _POSTERO_ANTERIOR.get(value, ""))


@cache
def _meanings() -> dict[tuple[str, str], tuple[str, ...]]:
    """(scheme, value) → meanings, of the codes of the context groups of PS3.16 that pydicom carries: a view is cranial
    to caudal in one group, and caudad in another.
    """
    from pydicom.sr.codedict import codes  # half a second: most files have no code that we look up

    meanings: dict[tuple[str, str], tuple[str, ...]] = {}
    for scheme in codes.schemes():
        collection = getattr(codes, scheme)
        for keyword in collection.dir():
            try:
                code = getattr(collection, keyword)
            except RuntimeError:  # one keyword, several codes: the entry keeps its value
                continue
            meaning = code.meaning[:_MEANING_LENGTH]
            if meaning.isascii():
                meanings[scheme, code.value] = (*meanings.get((scheme, code.value), ()), meaning)
    return meanings


@cache
def _syntaxes() -> dict[str, re.Pattern[str]]:
    forms = {row["designator"]: re.compile(row["syntax"]) for row in rows("coding_schemes")}
    return {**forms, "UCUM": _units()}


def _units() -> re.Pattern[str]:
    """The form of a unit (UCUM, 2): a power of ten, and up to five units that are multiplied or divided, each with its
    prefix, its exponent and what it counts."""
    symbols = dict[str, list[str]]()
    for row in rows("ucum"):
        symbols.setdefault(row["kind"], []).append(re.escape(row["symbol"]))
    prefix, metric, unit, habit, annotation = (
        "|".join(symbols[kind]) for kind in ("prefix", "metric", "unit", "habit", "annotation")
    )
    note, ten = rf"\{{(?:{annotation})\}}", r"10\*?-?\d{1,2}|1000?|10?"
    one = rf"(?:(?:\[?100\]?)?(?:(?:{prefix})?(?:{metric})|{unit})[+-]?\d?(?:{note})?|{note})"
    return re.compile(rf"{habit}|{ten}|(?:{note})?(?:{ten})?(?:(?:(?<!.)|(?<=[}}\d])|[./*]){one}){{1,5}}")
