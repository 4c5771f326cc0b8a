"""The rule tables against the standard as pydicom knows it, and against a second source."""

import csv
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID

from collecte.challenge import AttributeRule
from collecte.challenge.kinds import DicomRules
from collecte.formats.dicom._codes import clean_code
from collecte.formats.dicom._rules import TOP, Action, Rules, attribute_type
from collecte.formats.dicom._tables import by_tag, rows, sop_classes, transfer_syntaxes
from collecte.formats.dicom._words import is_term
from tests.formats.dicom.builders import Maker, context, slice_of

ALL = ("retain_longitudinal_modified_dates", "retain_patient_characteristics")
SECOND_SOURCE = Path(__file__).parent / "second_source.csv"


@pytest.mark.parametrize("table", ["e1_1_2026c", "keep", "ours", "identifying"])
def test_each_tag_stands_under_its_keyword(table: str) -> None:
    wrong = {row["keyword"] for tag, row in by_tag(table).items() if keyword_for_tag(tag) not in (row["keyword"], "")}
    assert not wrong


def test_the_tables_name_source_edition_and_date() -> None:
    import collecte.formats.dicom

    for path in (Path(collecte.formats.dicom.__file__).parent / "rules").glob("*.csv"):
        first = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        assert first, path.name
        assert any("2026-" in line for line in first), path.name


def test_the_allow_list_overrides_nothing_that_the_profile_removes() -> None:
    assert not set(by_tag("keep")) & set(by_tag("e1_1_2026c"))


def test_two_sources_of_table_e_1_1_agree() -> None:
    with SECOND_SOURCE.open(encoding="utf-8", newline="") as file:
        second = {int(row["tag"], 16): row["does"] for row in csv.DictReader(x for x in file if not x.startswith("#"))}
    first = {tag: row["basic"].replace("*", "").split("/") for tag, row in by_tag("e1_1_2026c").items()}
    differing = {tag for tag, does in second.items() if not set(first.get(tag, ())) & LETTERS[does]}
    assert len(second) > 600
    assert {keyword_for_tag(tag) for tag in differing} == KNOWN_DIFFERENCES


#: What the second source does, as the table's letters; Z allows a value that says nothing (PS3.15, table E.1-1a).
LETTERS = {"remove": {"X"}, "blank": {"Z"}, "dummy": {"D", "Z"}, "uid": {"U"}}
#: Where it goes further than the table, which asks for a dummy: removed, or (the UID) replaced.
KNOWN_DIFFERENCES = {
    *("FlowIdentifier", "SourceIdentifier", "FrameOriginTimestamp", "EncapsulatedDocument", "CertificateOfSigner"),
    *("PersonIdentificationCodeSequence", "GraphicAnnotationSequence", "SelectorOBValue", "SelectorUNValue"),
    "AnnotationGroupUID",
}


def test_every_covered_sop_class_is_one_that_the_dictionary_knows() -> None:
    for row in rows("sop_classes"):
        name = UID(row["uid"]).name
        assert name.removesuffix(" (Retired)") in (row["name"], row["uid"]), row["uid"]


def test_nothing_that_holds_a_document_a_voice_or_raw_data_is_covered() -> None:
    named = {UID(uid).name for uid in sop_classes()}
    assert not [name for name in named if any(word in name for word in ("Encapsulated", "Audio", "Raw Data", "Video"))]


def test_no_video_or_referenced_transfer_syntax_is_covered() -> None:
    names = [UID(uid).name for uid in transfer_syntaxes()]
    assert not [name for name in names if any(word in name for word in ("MPEG", "HEVC", "JPIP", "SMPTE"))]


@pytest.mark.parametrize(
    ("place", "keyword", "iod", "action"),
    [
        (TOP, 0x00080020, "ct-image", Action.SHIFT),  # StudyDate: Z, kept modified by the option
        (TOP, 0x00100030, "ct-image", Action.EMPTY),  # PatientBirthDate: Z, type 2
        (TOP, 0x00081030, "ct-image", Action.REMOVE),  # StudyDescription: X, type 3
        (TOP, 0x00181000, "ct-image", Action.REMOVE),  # DeviceSerialNumber: X/Z/D, type 3
        (TOP, 0x00181000, "enhanced-ct-image", Action.DUMMY),  # and type 1 in enhanced objects
        (TOP, 0x00080018, "ct-image", Action.UID),
        (TOP, 0x00280010, "ct-image", Action.KEEP),
        (TOP, 0x00091001, "ct-image", Action.REMOVE),
        (TOP, 0x00700081, "segmentation", Action.EMPTY),  # ContentDescription: unlisted text, type 2
        (0x00620002, 0x00620005, "segmentation", Action.DUMMY),  # SegmentLabel: unlisted text, type 1
        (0x00400560, 0x00400551, "vl-whole-slide-microscopy-image", Action.REFERENCE),
    ],
)
def test_what_becomes_of_an_attribute_follows_its_type(place: int, keyword: int, iod: str, action: Action) -> None:
    assert rules(ALL, iod).decide(place, keyword).action is action


def rules(options: tuple[Any, ...], iod: str, *attributes: AttributeRule) -> Rules:
    (sop_class, *_) = (one for one in sop_classes().values() if one.iod == iod)
    return Rules(options, attributes, sop_class)


def test_options_never_let_a_uid_or_a_date_stay_as_it_is() -> None:
    every = (*ALL, "retain_device_identity", "retain_institution_identity")
    for tag in (*by_tag("e1_1_2026c"), *by_tag("keep")):
        if keyword_for_tag(tag) and dictionary_VR(tag) in ("UI", "DA", "DT"):
            assert rules(every, "ct-image").decide(TOP, tag).action is not Action.KEEP, keyword_for_tag(tag)


def test_types_come_from_the_iod_and_the_sequence() -> None:
    assert attribute_type("ct-image", TOP, 0x00080060) == "1"
    assert attribute_type("ct-image", TOP, 0x00100010) == "2"
    assert attribute_type("ct-image", TOP, 0x00104000) == "3"
    assert attribute_type("ct-image", 0x00081140, 0x00081155) == "1"


@pytest.mark.parametrize(
    ("option", "tag", "action"),
    [
        ("retain_uids", 0x0020000D, Action.KEEP),
        ("retain_longitudinal_full_dates", 0x00080020, Action.KEEP),
        ("retain_longitudinal_full_dates", 0x00080030, Action.KEEP),
        ("retain_longitudinal_modified_dates", 0x00080020, Action.SHIFT),
        ("retain_device_identity", 0x00181000, Action.KEEP),  # DeviceSerialNumber
        ("retain_institution_identity", 0x00080080, Action.KEEP),  # InstitutionName
        ("retain_patient_characteristics", 0x00101020, Action.KEEP),  # PatientSize
        ("clean_descriptors", 0x0008103E, Action.CLEAN),  # SeriesDescription
        ("clean_descriptors", 0x00081030, Action.CLEAN),  # StudyDescription
    ],
)
def test_an_option_changes_what_the_profile_does(option: Any, tag: int, action: Action) -> None:
    assert rules((), "ct-image").decide(TOP, tag).action not in (action, Action.KEEP)
    assert rules((option,), "ct-image").decide(TOP, tag).action is action


def test_what_one_option_keeps_no_other_cleans() -> None:
    both = rules(("clean_descriptors", "retain_institution_identity"), "ct-image")
    assert both.decide(TOP, 0x00081040).action is Action.KEEP  # InstitutionalDepartmentName


def test_the_content_of_a_report_is_cleaned_by_its_option_alone() -> None:
    assert rules((), "basic-text-sr").decide(TOP, 0x0040A730).action is Action.DUMMY
    assert rules((), "basic-text-sr").decide(0x0040A730, 0x0040A160).action is Action.DUMMY  # TextValue
    cleaned = rules(("clean_structured_content",), "basic-text-sr")
    assert cleaned.decide(TOP, 0x0040A730).action is Action.ITEMS
    assert cleaned.decide(0x0040A730, 0x0040A160).action is Action.CLEAN


def test_labels_of_segments_are_cleaned_as_descriptions_are() -> None:
    assert rules((), "segmentation").decide(0x00620002, 0x00620005).action is Action.DUMMY
    for tag in (0x00620005, 0x00620009, 0x00620020):
        assert rules(("clean_descriptors",), "segmentation").decide(0x00620002, tag).action is Action.CLEAN


def test_what_describes_is_cleaned_by_the_option_though_the_table_does_not_list_it() -> None:
    """SegmentDescription, OpticalPathDescription, BeamName, FluenceModeID; never who or what number, nor without it."""
    cleaning = rules(("clean_descriptors",), "segmentation")
    for place, tag in ((0x00620002, 0x00620006), (0x00480105, 0x00480107), (0x300A00B0, 0x300A00C2), (TOP, 0x30020052)):
        assert cleaning.decide(place, tag).action is Action.CLEAN
        assert rules((), "segmentation").decide(place, tag).action is not Action.CLEAN
    for tag in (0x00404037, 0x22000005, 0x40080142, 0x00100033):  # HumanPerformerName, BarcodeValue, a creator, a date
        assert cleaning.decide(TOP, tag).action is Action.REMOVE


@pytest.mark.parametrize(
    "term", ["ISO_10918_1", "MLMING", "RIESZ", "SING", "3D_REBINNED", "AXIAL", "LBMJANMA", "FLETCHER_SUIT"]
)
def test_a_defined_term_is_one_whatever_its_words_are(term: str) -> None:
    assert is_term(term)


@pytest.mark.parametrize("text", ["RIESZ MARIE", "ISO_10918_1234", "FLETCHER", "MANCHESTER"])
def test_what_only_holds_a_word_of_one_is_none(text: str) -> None:
    assert not is_term(text)


@pytest.mark.parametrize(
    ("rule", "action"),
    [
        ({"attribute": "SeriesDescription", "action": "keep"}, Action.KEEP),
        ({"attribute": "(0008,103E)", "action": "remove"}, Action.REMOVE),
        ({"attribute": "SeriesDescription", "action": "empty"}, Action.EMPTY),
        ({"attribute": "SeriesDescription", "action": "hash"}, Action.REFERENCE),
        ({"attribute": "0008103E", "action": "replace", "value": "THORAX"}, Action.REPLACE),
    ],
)
def test_the_challenges_own_rule_comes_first(rule: dict[str, str], action: Action) -> None:
    one = AttributeRule.model_validate(rule)
    assert rules((), "ct-image", one).decide(TOP, 0x0008103E).action is action


@pytest.mark.parametrize("looked", [None, {}, {"found": "mask"}, {"share": 1}, {"found": "mask", "share": 0.5}])
def test_clean_pixel_data_is_no_promise_without_a_look_at_every_image(looked: dict[str, object] | None) -> None:
    given = {"options": ["clean_pixel_data"]} | ({} if looked is None else {"text_in_pixels": looked})
    with pytest.raises(ValueError, match="text is not looked for in every image"):
        DicomRules.model_validate(given)


def test_clean_pixel_data_is_stamped_where_something_was_cleaned_alone(make: Maker) -> None:
    """The mask stamps it into the images that it paints: tests/formats/dicom/test_dicom_mask.py."""
    every = context(options=["clean_pixel_data"], text_in_pixels={"found": "mask", "share": 1})
    copy = make(slice_of(), every).dataset
    assert "113101" not in [item.CodeValue for item in copy.DeidentificationMethodCodeSequence]


def test_the_step_that_an_image_was_made_in_is_a_reference_still(make: Maker) -> None:
    step = Dataset()
    step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.3", "1.2.3.4.99"
    step.PerformedProcedureStepDescription = "Delacroix"
    made = make(slice_of(ReferencedPerformedProcedureStepSequence=[step]))
    (item,) = made.dataset.ReferencedPerformedProcedureStepSequence
    assert item.ReferencedSOPClassUID == step.ReferencedSOPClassUID
    assert item.ReferencedSOPInstanceUID == context().pseudonyms.uid("1.2.3.4.99")
    assert b"Delacroix" not in made.bytes


def test_an_attribute_stays_in_the_objects_that_need_it_alone() -> None:
    dose = 0x3004000E  # DoseGridScaling
    assert rules((), "rt-dose").decide(TOP, dose).action is Action.KEEP
    assert rules((), "ct-image").decide(TOP, dose).action is Action.REMOVE


@pytest.mark.parametrize(
    ("value", "scheme", "stays"),
    [
        ("A-30", "99SMS_CTMR", True),
        ("DELACROIX", "99SMS_CTMR", False),
        ("A-1234", "99SMS_CTMR", False),
        ("FR", "ISO3166_1", True),
        ("250137", "99PMP", False),
    ],
)
def test_a_maker_s_own_scheme_stays_where_its_codes_number_lines(value: str, scheme: str, *, stays: bool) -> None:
    assert (clean_code(value, scheme) is not None) is stays


def test_what_stands_in_for_an_aspect_ratio_is_one() -> None:
    needed = rules((), "corneal-topography-map").decide(TOP, 0x00280034)
    assert (needed.otherwise, needed.dummy) == (Action.DUMMY, b"1\\1")
    assert rules((), "ultrasound-image").decide(TOP, 0x00280034).otherwise is Action.REMOVE


def test_the_private_creator_of_a_dimension_stays_where_private_elements_may() -> None:
    for tag in (0x00209213, 0x00209238):
        assert rules(("retain_safe_private",), "enhanced-mr-image").decide(0x00209222, tag).action is Action.CLEAN
        assert rules((), "enhanced-mr-image").decide(0x00209222, tag).action is Action.DUMMY
