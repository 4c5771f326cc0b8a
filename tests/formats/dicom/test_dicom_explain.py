"""What is told of a file is what is done to it, and never what stands in it."""

import re
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise, takewhile
from pathlib import Path
from typing import get_args

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from collecte.challenge import DicomOption
from collecte.formats.dicom.explain import EDITION, Explained, Explanation, explain, in_force, options
from collecte.settings import HOME
from tests.formats.dicom.builders import Maker, bundled_files, context, element, item, slice_of, spliced, written

#: Outcomes after which the output has no such element.
GONE = ("removed", "")
LETTERS = "Zqfj"


def _explained(explanation: Explanation) -> list[tuple[int, int]]:
    """Depth and tag of each element that stays, pixels apart."""
    return sorted((one.depth, one.tag) for one in explanation.elements if one.tag and one.outcome not in GONE)


def _there(data: Dataset, depth: int = 0) -> Iterator[tuple[int, int]]:
    for one in data:
        yield depth, int(one.tag)
        # What stands for a sequence that must have an item, and what is stamped, is not of the source.
        if one.VR == "SQ" and one.tag != 0x00120064:
            for inner in one.value:
                yield from _there(inner, depth + 1)


@pytest.mark.parametrize("rules", [{}, {"options": [*get_args(DicomOption)[1:5], "retain_safe_private"]}])
@pytest.mark.parametrize("path", list(bundled_files()), ids=lambda path: str(path.name))
def test_what_is_told_is_what_is_done(path: Path, rules: dict[str, object], make: Maker) -> None:
    ctx = context(**rules)
    told, made = explain(path, ctx), make(path, ctx)
    assert made.codes or not told.findings
    if made.safe is None or not made.safe.sha256:
        # The header passes, and only the pixels, which explain does not read, are what is wrong.
        assert told.findings or made.codes <= {
            "DICOM-TRUNCATED",
            "DICOM-PIXELS-SHORT",
            "DICOM-PIXELS-UNREADABLE",
            "DICOM-UNREADABLE",
        }
        return
    dummies = {one.tag for one in told.elements if one.outcome == "dummy value" and one.vr == "SQ"}
    there = [found for found in _there(made.dataset) if found[0] == 0 or not dummies]
    assert dummies or _explained(told) == sorted(there)


def test_a_value_that_goes_says_whether_no_word_was_known_or_its_form_was_wrong(tmp_path: Path) -> None:
    extra = (element(0x00181030, "LO", b"Zqfj"), element(0x00180050, "DS", b"Zqfj"))
    told = explain(spliced(tmp_path / "f", extra), context(options=["clean_descriptors"]))
    rules = {one.tag: one.rule for one in told.elements}
    assert rules[0x00181030].endswith("C: clean_descriptors; no word of it is known")
    assert rules[0x00180050].endswith("not a value of its kind")


def test_a_local_code_is_told_as_left_out_and_a_public_one_as_written_anew(tmp_path: Path) -> None:
    public, local = Dataset(), Dataset()
    public.CodeValue, public.CodingSchemeDesignator, public.CodeMeaning = "T-D3000", "SRT", "Thorax de M. Zqfj"
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Zqfj", "99LOCAL", "Zqfj"
    image = slice_of(AnatomicRegionSequence=Sequence([public, local]))
    told = explain(written(image, tmp_path / "f"), context()).elements
    place = next(i for i, one in enumerate(told) if one.keyword == "AnatomicRegionSequence")
    assert [(one.depth, one.keyword, one.outcome) for one in told[place + 1 : place + 6]] == [
        (1, "item 1", ""),
        (1, "CodeValue", "kept"),
        (1, "CodingSchemeDesignator", "kept"),
        (1, "CodeMeaning", "written anew"),
        (1, "item 2", "removed"),
    ]


TEXT = LETTERS.encode() * 3
_IN_EVERY_VR = [
    (vr, value)
    for vr in "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT OB OW OF OD OL UN US SS UL SL FL FD AT".split()  # noqa: SIM905
    for value in (TEXT, b"8675309 0604", "Zqfjé".encode(), "Zqfjé".encode("latin-1"), b"\x1b$B;3ED\x1b(BZqfj")
]


@pytest.mark.parametrize(("vr", "value"), _IN_EVERY_VR)
def test_no_value_of_any_vr_is_ever_told(tmp_path: Path, vr: str, value: bytes) -> None:
    nested = b"".join((element(0x00080100, vr, value), element(0x00081030, vr, value), element(0x00091001, vr, value)))
    extra = (
        element(0x00081030, vr, value),
        element(0x00090010, "LO", TEXT),
        element(0x00091001, vr, value),
        element(0x00100010, vr, value),
        element(0x00100020, vr, value),
        element(0x00180015, vr, value),
        element(0x00181030, vr, value),
        element(0x00400275, "SQ", item(nested)),
    )
    path = spliced(tmp_path / "f", extra)
    for options_ in ((), ("clean_descriptors", "retain_safe_private", "retain_uids")):
        told = repr(explain(path, context(options=options_)))
        assert not re.search(r"Zqfj|qfj|8675309|0604|;3ED", told), vr


def test_signs_of_a_text_in_another_alphabet_are_not_shown(tmp_path: Path) -> None:
    """Half a character of ISO 2022 looks like a sign of ASCII."""
    path = spliced(tmp_path / "f", [element(0x00081030, "LO", b"\x1b$B;3ED!#\x1b(B")])
    (one,) = (one for one in explain(path, context()).elements if one.tag == 0x00081030)
    assert set(one.masked) <= set("x9 ^=\\")


def test_a_refused_file_has_its_findings_and_no_elements(tmp_path: Path) -> None:
    told = explain(written(slice_of(PatientID="ANON"), tmp_path / "f"), context())
    assert ([finding.code for finding in told.findings], told.elements) == (["DICOM-NO-SUBJECT"], ())


def test_the_options_are_those_of_the_challenge_file_and_the_edition_that_of_the_stamp(make: Maker) -> None:
    assert {option.name for option in options()} == set(get_args(DicomOption))
    assert EDITION in make(slice_of()).dataset.DeidentificationMethod
    rules = context(options=["retain_uids"]).challenge.kinds.dicom
    assert rules is not None
    assert in_force(rules)["options"] == ["retain_uids"]
    assert in_force(rules)["edition"] == EDITION


@pytest.mark.parametrize("heading", ["# Dépersonnalisation", "# De-identification"])
def test_the_page_for_data_protection_officers_names_every_option_and_its_code(heading: str) -> None:
    """Each language has a table of the twelve: code, name in the challenge file, what it changes, how strictly."""
    page = (HOME / "docs" / "deidentification.md").read_text("utf-8")
    part = page[page.index(heading) :]
    part = part[: part.find("\n# ", 1)] if "\n# " in part[1:] else part
    told = re.findall(r"^\| (1131\d\d) \| `(\w+)` \| [^|]{20,} \| [^|]{20,} \|$", part, re.MULTILINE)
    assert told == [(option.code, option.name) for option in options()]
    assert EDITION in part


#: What the output must have where explain says so, given the bytes of both values (None: there is no such element).
_MEANT: dict[str, Callable[[bytes | None, bytes | None], bool]] = {
    "removed": lambda _, after: after is None,
    "kept": lambda before, after: before == after is not None,
    "emptied": lambda _, after: after == b"",
    "added": lambda _, after: after is not None,
    "written anew": lambda _, after: after is not None,
    "kept or cleaned": lambda _, after: after is not None,
    "items below": lambda _, after: after is not None,
    "dummy value": lambda before, after: after is not None and before != after,
}
#: Any other says that a value took the place of the one that was there.
_CHANGED = frozenset(
    ("replaced", "shifted", "pseudonym", "UID replaced", "reference replaced", "cleaned", "capped", "rewritten")
)


def _differs(before: bytes | None, after: bytes | None) -> bool:
    return after is not None and before != after


def _value(data: Dataset | None, tag: int) -> bytes | None:
    """The bytes of a value, without padding; of a sequence whether it has items."""
    if data is None or tag not in data:
        return None
    one = data.get_item(tag)
    if isinstance(one, RawDataElement):
        return (one.value or b"").strip(b"\0 ")
    if isinstance(one.value, int):  # pydicom has read it: it tells the VR of others
        return one.value.to_bytes(2, "little").strip(b"\0 ")
    return b"items" if one.value else b""


def _items(data: Dataset | None, tag: int) -> list[Dataset]:
    if data is None or tag not in data or data[tag].VR != "SQ":
        return []
    return list(data[tag].value)


def _compared(
    told: tuple[Explained, ...] | list[Explained], before: Dataset | None, after: Dataset | None, depth: int = 0
) -> Iterator[str]:
    """Where the output is not as it is told; ``told``: the elements of one data set and all below it."""
    place = 0
    while place < len(told):
        one, place = told[place], place + 1
        below = list(takewhile(lambda other: other.depth > depth, told[place:]))
        place += len(below)
        if one.tag == 0 or one.masked == "pixels" or one.outcome == "not shown":
            continue
        meant = _differs if one.outcome in _CHANGED else _MEANT[one.outcome]
        if not meant(_value(before, one.tag), _value(after, one.tag)):
            yield f"{'  ' * depth}{one.tag:08X} {one.outcome}: {one.rule}"
        if one.outcome == "items below":
            yield from _items_compared(below, _items(before, one.tag), _items(after, one.tag), depth + 1)


def _items_compared(told: list[Explained], before: list[Dataset], after: list[Dataset], depth: int) -> Iterator[str]:
    starts = [n for n, one in enumerate(told) if one.depth == depth and one.keyword.startswith("item ")] or [-1]
    stay = 0
    for number, (start, end) in enumerate(pairwise([*starts, len(told)])):
        if start >= 0 and told[start].outcome == "removed":
            continue
        if stay >= len(after):
            yield f"{'  ' * depth}item {number + 1} is not there"
            return
        yield from _compared(told[start + 1 : end], before[number] if before else None, after[stay], depth)
        stay += 1
    if stay != len(after):
        yield f"{'  ' * depth}{len(after)} items, {stay} told"


_WIDE = (
    "clean_structured_content",
    "clean_graphics",
    "clean_descriptors",
    "retain_safe_private",
    "retain_device_identity",
)
_RULES: dict[str, dict[str, object]] = {
    "as it comes": {},
    "wide": {"options": [*_WIDE, "retain_longitudinal_modified_dates", "retain_patient_characteristics"]},
    "most": {"options": [*_WIDE, "retain_longitudinal_full_dates", "retain_uids", "retain_institution_identity"]},
    "own": {
        "attributes": [
            {"attribute": "StudyDescription", "action": "keep"},
            {"attribute": "SeriesDescription", "action": "replace", "value": "THORAX"},
            {"attribute": "StudyID", "action": "hash"},
            {"attribute": "Manufacturer", "action": "empty"},
            {"attribute": "KVP", "action": "remove"},
        ]
    },
}


def _as_told(path: Path, rules: dict[str, object], make: Maker) -> list[str]:
    ctx = context(**rules)
    told, made = explain(path, ctx), make(path, ctx)
    if made.safe is None or not made.safe.sha256:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_compared(told.elements, pydicom.dcmread(path, force=True), made.dataset))


@pytest.mark.parametrize("rules", _RULES.values(), ids=_RULES)
def test_each_value_of_the_bundle_is_kept_changed_or_gone_as_told(rules: dict[str, object], make: Maker) -> None:
    wrong = {path.name: found for path in bundled_files() if (found := _as_told(path, rules, make))}
    assert wrong == {}


@pytest.mark.parametrize("rules", _RULES.values(), ids=_RULES)
def test_each_value_of_a_made_file_is_kept_changed_or_gone_as_told(
    rules: dict[str, object], make: Maker, tmp_path: Path
) -> None:
    """Private blocks beside and inside sequences, coded entries of every sort, text in every attribute, odd values."""
    public, local, meaning = Dataset(), Dataset(), Dataset()
    public.CodeValue, public.CodingSchemeDesignator, public.CodeMeaning = "T-D3000", "SRT", "Thorax"
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Zqfj", "99LOCAL", "Zqfj"
    meaning.CodeMeaning = "Zqfj"
    dated = deepcopy(public)
    public.CodingSchemeVersion, dated.CodingSchemeVersion = "Zqfj", "2.0"
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5"
    inner.PurposeOfReferenceCodeSequence = Sequence([local, public])
    inner.private_block(0x0019, "Zqfj", create=True).add_new(1, "LO", "Zqfj")
    image = slice_of(
        StudyDescription="Zqfj chest 2024",
        SeriesDescription="Zqfj",
        StudyID="77",
        PatientAge="093Y",
        ProtocolName="chest Zqfj",
        AnatomicRegionSequence=Sequence([local, public, meaning, dated]),
        ReferencedImageSequence=Sequence([inner, inner]),
        ProcedureCodeSequence=Sequence([local]),
        RequestAttributesSequence=Sequence([]),
    )
    block = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0E, "FD", [0.0, 1.0, 0.0])
    assert _as_told(written(image, tmp_path / "f"), rules, make) == []


def test_a_file_that_is_refused_by_its_pixels_is_told_so(tmp_path: Path) -> None:
    path = written(slice_of(), tmp_path / "f")
    path.write_bytes(path.read_bytes()[:-20])
    assert [finding.code for finding in explain(path, context()).findings] == ["DICOM-TRUNCATED"]
