"""Can an action be done to a DICOM attribute, and can the attribute hold the value? By its VR (PS3.5, table 6.2-1)."""

import re

#: What may take a value's place, by VR: the form of one value, and what a person would call it.
_FORMS = {
    "AE": (r"[\x20-\x7e]{1,16}", "a text of at most 16 characters"),
    "AS": (r"\d{3}[DWMY]", "an age as 064Y"),
    "CS": (r"[A-Z0-9 _]{1,16}", "at most 16 capitals, digits, spaces and underscores"),
    "DA": (r"\d{8}", "a date as 20240131"),
    "DS": (r"(?=.{1,16}$)[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", "a number of at most 16 characters"),
    "DT": (r"\d{4}(\d{2}){0,5}(\.\d{1,6})?([+-]\d{4})?", "a date and time as 20240131120000"),
    "IS": (r"[+-]?\d{1,11}", "a whole number"),
    "LO": (r".{1,64}", "a text of at most 64 characters"),
    "LT": (r"(?s:.{1,10240})", "a text of at most 10240 characters"),
    "PN": (r".{1,64}", "a text of at most 64 characters"),
    "SH": (r".{1,16}", "a text of at most 16 characters"),
    "ST": (r"(?s:.{1,1024})", "a text of at most 1024 characters"),
    "TM": (r"\d{2}(\d{2}){0,2}(\.\d{1,6})?", "a time as 120000"),
    "UC": (r".+", "a text"),
    "UT": (r"(?s:.+)", "a text"),
}
#: VRs whose backslash parts no values.
_ONE_VALUE = frozenset(("LT", "ST", "UT"))
#: What the keyed replacement, a text, has room in.
_HASHED = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_DATES = frozenset(("DA", "DT"))


def misfit(action: str, vr: str, value: str | None) -> tuple[str, str] | None:
    """What is wrong with an action on an attribute of this VR, and what to do; None: nothing."""
    if action == "shift" and vr not in _DATES:
        return f"shifts an attribute that is no date (its VR is {vr})", "choose another action"
    if action == "hash" and vr not in _HASHED:
        return f"hashes an attribute that is no text (its VR is {vr})", "choose another action"
    if action != "replace":
        return None
    if vr not in _FORMS:
        return f"replaces an attribute that no text can stand in (its VR is {vr})", "choose another action"
    form, called = _FORMS[vr]
    values = [value or ""] if vr in _ONE_VALUE else (value or "").split("\\")
    if not all(re.fullmatch(form, one) for one in values):
        return f"has a value that its attribute cannot hold (its VR is {vr})", f"write {called}"
    return None
