"""Which SOP classes are covered, how each is looked at, and why the others are refused.

What is covered is judged by hand, IOD by IOD, in ``judged/iods.csv``; the SOP classes of an IOD are the standard's.
"""

import json
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import tag_for_keyword
from tables import judged, text

#: PS3.6 table A-1 names these; pydicom 3.0.2 is older than they are.
_NEWER = {
    "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}
#: Storage classes outside the branch of composite objects (PS3.4, B.5 and GG; PS3.6, table A-1).
_ELSEWHERE = ("1.2.840.10008.5.1.1.27", "1.2.840.10008.5.1.1.29", "1.2.840.10008.5.1.1.30")
_BRANCH = "1.2.840.10008.5.1.4."
_TREE = "sr-document-content"


@cache
def standard(name: str) -> dict[str, Any]:
    """One of highdicom's extracts of PS3.3 and PS3.4: ``sop_class_iod``, ``iod_module`` or ``module_attribute``."""
    source = files("highdicom") / "_standard" / f"{name}_map.json"
    loaded: dict[str, Any] = json.loads(source.read_text("utf-8"))
    return loaded


@cache
def families() -> dict[str, str]:
    """The covered IODs: IOD → family."""
    return {row["iod"]: row["family"] for row in judged("iods")}


def storage_classes() -> dict[str, tuple[str, bool]]:
    """Every storage class that is known: UID → name, and whether it is retired."""
    known = {
        uid: (name, bool(retired))
        for uid, (name, kind, _, retired, _) in UID_dictionary.items()
        if kind == "SOP Class" and ("Storage" in name or not name)
        if uid.startswith(_BRANCH) or uid in _ELSEWHERE
    }
    return known | {uid: (name, False) for uid, name in _NEWER.items()}


def covered() -> str:
    """The covered SOP classes."""
    looks = {row["iod"]: row for row in judged("iods")}
    rows = []
    for uid, iod in sorted(iods().items(), key=lambda pair: _order(pair[0])):
        name, retired = storage_classes()[uid]
        look = looks[iod]
        last = "" if look["pixels"] == "required" else f"{_last(iod):08X}"
        rows.append((uid, name, iod, look["family"], look["pixels"], look["text"], last, "yes" if retired else ""))
    return text(
        (
            "The SOP classes that the rules cover, each with its IOD of PS3.3. Source: PS3.6 table A-1 as in pydicom"
            " 3.0.2 (MIT), PS3.4 annex B as in highdicom 0.28.2 (MIT). Made by deploy/dicom_rules, 2026-11-30.",
            "family: image, document (a tree of content items), presentation, radiotherapy, waveform, or derived (from"
            " images: neither free text in trees nor photographs). pixels: required, optional, none.",
            "text: where text may be burned into the pixels: always looked at, looked at in a sample, never.",
            "last: the last attribute that every object has (type 1, in a mandatory module; of a tree, its content):"
            " one that ends before it was cut. Objects with pixels have these instead.",
        ),
        ("uid", "name", "iod", "family", "pixels", "text", "last", "retired"),
        rows,
    )


def _last(iod: str) -> int:
    """The last attribute of an object that must be there. What highdicom has of a tree of content are its items."""
    modules = {module["key"] for module in standard("iod_module")[iod] if module["usage"] == "M"}
    if _TREE in modules:
        return tag_for_keyword("ContentSequence") or 0
    attributes = chain.from_iterable(standard("module_attribute").get(key, []) for key in modules)
    needed = (one["keyword"] for one in attributes if one["type"] == "1" and not one["path"])
    return max(tag_for_keyword(keyword) or 0 for keyword in needed)


def refused() -> str:
    """The storage classes that are known and not covered."""
    reasons = {row["uid"]: row["code"] for row in judged("refused")}
    rows = [
        (uid, name, reasons.pop(uid, "DICOM-SOP-CLASS-NOT-COVERED"))
        for uid, (name, _) in sorted(storage_classes().items(), key=lambda pair: _order(pair[0]))
        if uid not in iods()
    ]
    if reasons:
        raise ValueError(f"judged/refused.csv names classes that are covered or unknown: {sorted(reasons)}")
    return text(
        (
            "The storage SOP classes that are known and not covered, with the finding that says why. Source: PS3.6"
            " table A-1 as in pydicom 3.0.2 (MIT), retired classes too. Made by deploy/dicom_rules, 2026-11-30.",
        ),
        ("uid", "name", "code"),
        rows,
    )


@cache
def iods() -> dict[str, str]:
    """The covered SOP classes: UID → IOD; the retired ones have the IOD of their successor."""
    successors = {row["uid"]: row["iod"] for row in judged("retired_classes")}
    every = standard("sop_class_iod") | successors
    return {uid: iod for uid, iod in every.items() if iod in families()}


def _order(uid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in uid.split("."))
