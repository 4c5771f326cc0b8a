"""What is told of a file is what is done to it, and never what stands in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from collecte.challenge import DicomOption
from collecte.formats.dicom.explain import EDITION, Explanation, explain, in_force, options
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


@pytest.mark.parametrize("rules", [{}, {"options": [*get_args(DicomOption)[:5], "retain_safe_private"]}])
@pytest.mark.parametrize("path", list(bundled_files()), ids=lambda path: str(path.name))
def test_what_is_told_is_what_is_done(path: Path, rules: dict[str, object], make: Maker) -> None:
    ctx = context(**rules)
    told, made = explain(path, ctx), make(path, ctx)
    assert made.codes or not told.findings
    if made.safe is None or not made.safe.sha256:
        # The header passes, and only the pixels, which explain does not read, are what is wrong.
        assert told.findings or made.codes <= {"DICOM-TRUNCATED", "DICOM-PIXELS-UNREADABLE", "DICOM-UNREADABLE"}
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
