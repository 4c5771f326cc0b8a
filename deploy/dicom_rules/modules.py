"""What the modules of the covered IODs say of each attribute: which may stay, and of which type it is (PS3.3)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain

from classes import families, standard
from profile_table import basic_letters
from pydicom._dicom_dict import RepeatersDictionary
from pydicom.datadict import dictionary_VR, tag_for_keyword
from tables import judged, text

#: VRs that hold no text that a person can type, and no bytes without a form. Dates are shifted, UIDs replaced.
_TECHNICAL = frozenset(
    (*("US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "DS", "IS"), *("AT", "CS", "TM", "DA", "DT", "UI", "SQ"))
)
#: The strictest first.
_TYPES = ("1", "1C", "2", "2C", "3")
#: Pixel and float pixel data and their offset tables: they are passed on apart.
_PIXELS = 0x7FE0
#: Overlays and curves (PS3.5, 7.6): ranges of table E.1-1, removed. pydicom has them under no tag.
_REPEATING = frozenset(entry[4] for entry in RepeatersDictionary.values())
#: Modules that are required if there is any annotation (PS3.3, C.10.5 and C.10.10).
_IF_ANY = ("graphic-annotation", "waveform-annotation")


def keep() -> str:
    """The attributes outside table E.1-1 that may stay."""
    named = {row["keyword"]: row["iods"].split() for row in judged("keep")}
    never = {row["keyword"] for row in judged("never_kept")}
    rows = []
    for tag, keyword in sorted((_tag(keyword), keyword) for keyword in {*_where(), *named} - never):
        vr, where = dictionary_VR(tag), _where().get(keyword, set())
        if tag in basic_letters():
            continue
        if keyword in named:
            places = named[keyword] or sorted(where)
        else:
            places = sorted({families()[iod] for iod in where}) if set(vr.split(" or ")) <= _TECHNICAL else []
        if places:
            rows.append((f"{tag:08X}", keyword, vr, " ".join(places)))
    return text(
        (
            "Public attributes that table E.1-1 does not list and that may stay. Whatever stands in neither is removed"
            " (deny by default). Made by deploy/dicom_rules, 2026-11-30.",
            "Source: the modules of the covered IODs, PS3.3 as in highdicom 0.28.2 (MIT): every attribute of a"
            " technical VR; texts and bulk data judged one by one.",
            "iods: the families (sop_classes.csv) whose IODs define it; for texts and bulk data the IODs themselves.",
        ),
        ("tag", "keyword", "vr", "iods"),
        rows,
    )


def attribute_types() -> str:
    """The type of each attribute in a data set and in an item of a sequence; type 3 has no row."""
    at_top: dict[str, dict[str, str]] = defaultdict(dict)
    in_items: dict[str, dict[str, str]] = defaultdict(dict)
    for iod, keyword, path, kind in _defined():
        level, place = (in_items, path[-1]) if path else (at_top, iod)
        level[keyword][place] = min(kind, level[keyword].get(place, "3"), key=_TYPES.index)
    return text(
        (
            "Types (1, 1C, 2, 2C) of attributes, PS3.3 as in highdicom 0.28.2 (MIT), the strictest where modules"
            " differ; the only attribute of a module that may be absent counts as type 3. Made by deploy/dicom_rules,"
            " 2026-11-30.",
            "place: * in a data set of the covered IODs, or the IOD that differs; ** in an item of any sequence, or the"
            " sequence that differs. No row: type 3.",
        ),
        ("place", "tag", "keyword", "type"),
        chain(_typed(at_top, "*"), _typed(in_items, "**")),
    )


def _typed(table: Mapping[str, Mapping[str, str]], everywhere: str) -> Iterator[tuple[str, str, str, str]]:
    """The rows of one level: the type that most places have, then the places that differ."""
    for tag, keyword in sorted((_tag(keyword), keyword) for keyword in table):
        places = table[keyword]
        if tag >> 16 == _PIXELS:
            continue
        counted = Counter(places.values())
        usual = min(counted, key=lambda kind: (-counted[kind], _TYPES.index(kind)))
        if usual != "3":
            yield everywhere, f"{tag:08X}", keyword, usual
        for place in sorted(place for place, kind in places.items() if kind != usual):
            yield place, f"{tag:08X}", keyword, places[place]


@cache
def _where() -> dict[str, set[str]]:
    """Keyword → the covered IODs that define it at any depth."""
    found: dict[str, set[str]] = defaultdict(set)
    for iod, keyword, _, _ in _defined():
        found[keyword].add(iod)
    return found


def _defined() -> Iterator[tuple[str, str, list[str], str]]:
    """IOD, keyword, the sequences that it stands in, and type, once for each module of each covered IOD. A few modules
    (of waveform presentation states) have no list of attributes in highdicom 0.28.2.
    """
    modules = standard("module_attribute")
    for iod in families():
        for module in standard("iod_module")[iod]:
            attributes = modules.get(module["key"], [])
            alone = _may_be_absent(module) and sum(not attribute["path"] for attribute in attributes) == 1
            for attribute in attributes:
                if attribute["keyword"] not in _REPEATING:
                    kind = "3" if alone and not attribute["path"] else attribute["type"]
                    yield iod, attribute["keyword"], attribute["path"], kind


def _may_be_absent(module: Mapping[str, str]) -> bool:
    """Whether an object conforms without a module: it is optional, or its condition is that there is something in it.
    The only attribute of such a module may go, and the module with it.
    """
    return module["usage"] == "U" or module["key"] in _IF_ANY


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"pydicom's dictionary lacks {keyword}")
    return tag
