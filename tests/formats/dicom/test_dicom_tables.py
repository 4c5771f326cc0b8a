"""The rule tables against their sources: the standard as several packages carry it, each read apart."""

import csv
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c
from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag

from collecte.findings import registry
from collecte.formats.dicom._tables import by_tag, rows

HOME = Path(__file__).parents[3]
SECOND_SOURCE = Path(__file__).parent / "sources" / "e1_1_2024e.csv"
OPTIONS = (
    *("safe_private", "uids", "device", "institution", "patient", "dates_full"),
    *("dates_modified", "descriptors", "structured_content", "graphics"),
)
LETTERS = {"", "K", "C"}
#: The tables that the script makes from what the developers' environment holds.
MADE_FROM_PACKAGES = ("sop_classes", "refused_classes", "keep", "attribute_types", "device_terms")

#: Attributes that the table of 2026c lists and that of 2024e does not, by what brought them in.
LISTED_SINCE_2024E = {
    "0008130": "diagnoses of the study",
    "0010001": "names to use, pronouns",
    "0010004": "gender identity, sex parameters for clinical use",
    "0010216": "ethnic groups, coded",
    "0018101": "device IDs of secondary capture",
    "003A020": "labels of waveform channels",
    "0040A03": "effective start and stop",
    "0040B0": "waveform annotations and montages",
    "00400556": "acquisition context, described",
    "003A0020": "multiplex group label",
    "00700006": "text of presentation states",
    "300A0054": "table top position, by UID",
    "0040E012": "display URI",
}
#: Where the letters themselves differ: tag, option, 2024e, ours.
CHANGED_SINCE_2024E = {("00321033", "descriptors", "", "C")}  # RequestingService may be cleaned as a description


def second_source() -> dict[str, dict[str, str]]:
    with SECOND_SOURCE.open(encoding="utf-8", newline="") as file:
        return {row["tag"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}


def test_the_script_makes_the_committed_tables_byte_by_byte() -> None:
    command = [sys.executable, "-B", "deploy/dicom_rules", "--check", "--only", *MADE_FROM_PACKAGES]
    run = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_basic_column_is_that_of_2026c() -> None:
    lists = {
        **{"X": "X_TAGS", "Z": "Z_TAGS", "D": "D_TAGS", "U": "U_TAGS", "Z/D": "Z_D_TAGS", "X/Z": "X_Z_TAGS"},
        **{"X/D": "X_D_TAGS", "X/Z/D": "X_Z_D_TAGS", "X/Z/U*": "X_Z_U_STAR_TAGS"},
    }
    theirs = {
        group << 16 | element: letters
        for letters, name in lists.items()
        for group, element in (entry for entry in getattr(dicomfields_2026c, name) if len(entry) == 2)
    }
    assert {tag: row["basic"] for tag, row in by_tag("e1_1_2026c").items()} == theirs
    assert len(theirs) > 650


def test_the_options_are_those_of_a_second_source_but_for_changes_of_edition() -> None:
    second, ours = second_source(), {f"{tag:08X}": row for tag, row in by_tag("e1_1_2026c").items()}
    assert not {tag for tag in second if tag not in ours} - {"50XXXXXX", "60XX3000", "60XX4000", "GGGGEEEE"}
    changed = {
        (tag, column, second[tag][column], ours[tag][column])
        for tag in second.keys() & ours.keys()
        for column in ("basic", *OPTIONS)
        if second[tag][column] != ours[tag][column]
    }
    assert changed == CHANGED_SINCE_2024E
    newer = ours.keys() - second.keys()
    assert not {tag for tag in newer if not tag.startswith(tuple(LISTED_SINCE_2024E))}
    assert all(any(tag.startswith(start) for tag in newer) for start in LISTED_SINCE_2024E)


def test_the_rows_for_many_tags_are_those_of_the_second_source() -> None:
    second = second_source()
    names = {"GGGGEEEE" if row["group"] == "odd" else (row["group"] + row["element"]).upper() for row in _ranges()}
    assert names == {"50XXXXXX", "60XX3000", "60XX4000", "GGGGEEEE"}
    for row in _ranges():
        name = "GGGGEEEE" if row["group"] == "odd" else (row["group"] + row["element"]).upper()
        assert {column: row[column] for column in ("basic", *OPTIONS)} == {
            column: second[name][column] for column in ("basic", *OPTIONS)
        }


def test_options_hold_no_letter_but_the_standards() -> None:
    every = chain(by_tag("e1_1_2026c").values(), _ranges())
    assert {row[column] for row in every for column in OPTIONS} == LETTERS


def test_every_listed_tag_is_in_the_dictionary_or_newer_than_it_and_named() -> None:
    newer = {tag: row["keyword"] for tag, row in by_tag("e1_1_2026c").items() if not dictionary_has_tag(tag)}
    assert all(newer.values())
    assert not {f"{tag:08X}" for tag in newer} & second_source().keys()
    assert newer[0x0040E012] == "DisplayURI"
    for row in (*rows("keep"), *rows("attribute_types")):
        assert keyword_for_tag(int(row["tag"], 16)) == row["keyword"]


def test_every_storage_class_is_covered_or_refused_and_never_both() -> None:
    covered, refused = ([row["uid"] for row in rows(name)] for name in ("sop_classes", "refused_classes"))
    assert len({*covered, *refused}) == len(covered) + len(refused)
    known = {
        uid
        for uid, (name, kind, _, _, _) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and "Storage Commitment" not in name
    }
    directory = "1.2.840.10008.1.3.10"  # has a finding of its own, found before its class is looked up
    assert known - {*covered, *refused} == {directory}
    newer = {*covered, *refused} - known
    assert all(uid not in UID_dictionary or not UID_dictionary[uid][0] for uid in newer)


@pytest.mark.parametrize(
    "words",
    [
        *("Encapsulated", "Audio", "Video", "Raw Data", "Procedure Log", "Prescription", "Surface Scan"),
        *("Instruction", "Hanging", "Inventory", "Implant Template", "DICOS"),
    ],
)
def test_what_no_rule_can_clean_is_refused(words: str) -> None:
    assert not [row["name"] for row in rows("sop_classes") if words in row["name"]]
    assert [row["name"] for row in rows("refused_classes") if words in row["name"]]


def test_each_covered_class_says_what_it_is_and_where_text_may_be() -> None:
    for row in rows("sop_classes"):
        assert row["family"] in {"image", "document", "presentation", "radiotherapy", "waveform", "derived"}, row["uid"]
        assert row["pixels"] in {"required", "optional", "none"}, row["uid"]
        assert row["text"] in {"always", "sample", "never"}, row["uid"]
        assert row["pixels"] != "none" or row["text"] == "never", row["uid"]
        assert row["family"] != "image" or (row["pixels"], row["text"] != "never") == ("required", True), row["uid"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ultrasound Image Storage", "always"),
        ("Secondary Capture Image Storage", "always"),
        ("X-Ray Angiographic Image Storage", "always"),
        ("VL Endoscopic Image Storage", "always"),
        ("CT Image Storage", "sample"),
        ("RT Image Storage", "sample"),
        ("VL Whole Slide Microscopy Image Storage", "sample"),
        ("RT Dose Storage", "never"),
        ("Segmentation Storage", "never"),
    ],
)
def test_text_in_pixels_is_looked_for_where_devices_write_it(name: str, text: str) -> None:
    assert {row["text"] for row in rows("sop_classes") if row["name"] == name} == {text}


def test_the_allow_list_overrides_nothing_that_the_profile_lists() -> None:
    assert not set(by_tag("keep")) & set(by_tag("e1_1_2026c"))


def test_the_allow_list_names_families_and_iods_that_are_covered() -> None:
    known = set(chain.from_iterable((row["iod"], row["family"]) for row in rows("sop_classes")))
    for row in rows("keep"):
        assert row["iods"], row["keyword"]
        assert set(row["iods"].split()) <= known, row["keyword"]
        assert row["vr"] == dictionary_VR(int(row["tag"], 16))


def test_free_text_and_bytes_are_kept_only_where_a_person_judged_them() -> None:
    with (HOME / "deploy/dicom_rules/judged/keep.csv").open(encoding="utf-8", newline="") as file:
        judged = {row["tag"]: row["why"] for row in csv.DictReader(x for x in file if not x.startswith("#"))}
    assert all(judged.values())
    free = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "UN", "OB", "OD", "OF", "OL", "OV", "OW"}
    assert not {row["keyword"] for row in rows("keep") if set(row["vr"].split(" or ")) & free} - {
        keyword_for_tag(int(tag, 16)) for tag in judged
    }
    assert not {row["keyword"] for row in rows("keep") if row["vr"] in {"PN", "AE", "UR", "UT", "ST", "UC"}}


@pytest.mark.parametrize(
    ("keyword", "place"),
    [
        ("DoseGridScaling", "radiotherapy"),
        ("ContourData", "radiotherapy"),
        ("ControlPointSequence", "radiotherapy"),
        ("ChannelSensitivity", "waveform"),
        ("WaveformData", "12-lead-ecg"),
        ("RelationshipType", "document"),
        ("TemporalRangeType", "document"),
        ("MeasuredValueSequence", "document"),
        ("GraphicData", "document"),
        ("GraphicData", "presentation"),
        ("DisplayedAreaSelectionSequence", "presentation"),
        ("LUTData", "grayscale-softcopy-presentation-state"),
        ("FrameOfReferenceTransformationMatrix", "derived"),
        ("VectorGridData", "deformable-spatial-registration"),
        ("SegmentationType", "derived"),
        ("RealWorldValueSlope", "derived"),
        ("DiffusionBValue", "image"),
        ("ImageOrientationPatient", "image"),
        ("Units", "image"),
    ],
)
def test_what_an_object_is_made_for_may_stay_in_it(keyword: str, place: str) -> None:
    kept = {row["keyword"]: row["iods"].split() for row in rows("keep")}
    assert place in kept[keyword]


@pytest.mark.parametrize("keyword", ["ROIName", "BeamName", "TextValue", "PersonName", "ChannelLabel", "SegmentLabel"])
def test_what_a_person_typed_is_on_no_allow_list(keyword: str) -> None:
    assert keyword not in {row["keyword"] for row in rows("keep")}


@pytest.mark.parametrize(
    ("place", "keyword", "kind"),
    [
        ("12-lead-ecg", "WaveformSequence", "1"),
        ("12-lead-ecg", "WaveformAnnotationSequence", "3"),  # goes, and its module with it
        ("grayscale-softcopy-presentation-state", "GraphicAnnotationSequence", "3"),
        ("rt-dose", "DoseGridScaling", "1C"),
        ("rt-structure-set", "StructureSetLabel", "1"),
        ("basic-text-sr", "VerificationFlag", "1"),
        ("ContourSequence", "ContourData", "1"),
        ("ChannelDefinitionSequence", "ChannelSourceSequence", "1"),
    ],
)
def test_types_are_those_of_ps3_3(place: str, keyword: str, kind: str) -> None:
    types = {(row["place"], row["keyword"]): row["type"] for row in rows("attribute_types")}
    everywhere = "**" if place.endswith("Sequence") else "*"
    assert types.get((place, keyword), types.get((everywhere, keyword), "3")) == kind


def test_each_private_attribute_stands_once_and_says_what_becomes_of_it() -> None:
    keys = [(" ".join(r["creator"].split()).upper(), r["group"], r["element"]) for r in rows("private_safe")]
    assert len(set(keys)) == len(keys)
    for row in rows("private_safe"):
        assert int(row["group"], 16) % 2 == 1
        assert re.fullmatch("[0-9A-F]{2}", row["element"]), row
        assert row["how"] in {
            "keep",
            "shift",
            "uid",
            "csa",
            "phoenix",
            "protocol",
            "flags",
            "b_value",
            "numbers",
            "indices",
        }
        assert (row["vr"] in {"DA", "DT"}) == (row["how"] == "shift"), row
        assert (row["vr"] == "UI") == (row["how"] == "uid"), row
        assert row["vr"] not in {"PN", "LT", "ST", "UT", "UN", "AE", "TM"}, row
        assert (row["vr"] in {"OB", "OW"}) == (row["how"] in {"csa", "phoenix", "protocol", "flags"}), row


@pytest.mark.parametrize(
    ("creator", "group", "element"),
    [
        ("SIEMENS MR HEADER", "0019", "0C"),
        ("SIEMENS MR HEADER", "0019", "27"),
        ("GEMS_ACQU_01", "0019", "BB"),
        ("GEMS_PARM_01", "0043", "39"),
        ("Philips Imaging DD 001", "2001", "03"),
        ("Philips MR Imaging DD 001", "2005", "B2"),
        ("Philips PET Private Group", "7053", "00"),
        ("GEMS_PETD_01", "0009", "38"),
    ],
)
def test_what_diffusion_and_suv_are_computed_from_may_stay(creator: str, group: str, element: str) -> None:
    assert (creator, group, element) in {(r["creator"], r["group"], r["element"]) for r in rows("private_safe")}


def test_words_of_devices_are_lower_case_and_name_nobody() -> None:
    words = [word for row in rows("device_terms") for word in row["words"].split()]
    assert words == sorted(set(words))
    assert len(words) > 5000
    assert all(re.fullmatch("[a-z]{3,}", word) for word in words)
    named = {"martin", "durand", "dupont", "bernard", "petit", "moreau", "marie", "jean", "smith", "miller", "müller"}
    assert not named & set(words)


def test_every_code_of_a_refused_class_is_a_finding() -> None:
    assert {row["code"] for row in rows("refused_classes")} <= set(registry())


def _ranges() -> list[dict[str, str]]:
    return rows("e1_1_ranges")
