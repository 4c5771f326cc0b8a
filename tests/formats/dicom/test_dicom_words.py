"""What is left of a text whose words are known, and of values that people write into other places than they are for."""

import struct
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from collecte.formats.dicom._own import NOBODY, Own
from collecte.formats.dicom._rewrite import told_version
from collecte.formats.dicom._uids import is_public_uid, told_uid
from collecte.formats.dicom._values import checker
from collecte.formats.dicom._words import cleaned, is_term
from tests.formats.dicom.builders import Maker, context, element, slice_of, spliced
from tests.judge.samples import fill


@pytest.mark.parametrize(
    "text",
    [
        "1|78|05|75|116|001", "1 78 05 75 116 001 42", "75'89'42'13", "1_69_03_75_116_043_90", "07_11_22_33_44",
        "(07)11(22)33(44)", "07+11+22+33+44", "⁰⁶¹² ³⁴⁵⁶ ⁷⁸", "12 mai 1978", "3 mars 2019", "12 OCT 1956",
        "15-OCT-2024", "12 sept. 1956", "12_04_56", "12+04+56",
        "12(04)56", "12%04%56", "12[04]56", "12<04>56", "5 6 0 4 1 2", "56_0412", "V I L L E P I N",
        "B-O-R-E-L-I-X", "He\u0301le\u0300ne", "Bo\u00adre\u00adl", "ＤＵＰＵＩＳ",
    ],
)  # fmt: skip
def test_nothing_is_left_of_a_number_a_date_or_a_name_however_it_is_written(text: str) -> None:
    assert cleaned(text) == ""


def test_of_a_short_date_the_words_are_left() -> None:
    assert cleaned("CT 12/05/78") == "CT"


@pytest.mark.parametrize("text", ["75_89_42_13", "75_KD_89_42_13", "75.89 42-13", "kd 75894213"])
def test_a_patients_own_number_is_known_whatever_stands_between_its_signs(text: str) -> None:
    own = Own.of(["75894213", "75KD894213"])
    assert not any(map(str.isdigit, cleaned(text, own)))


@pytest.mark.parametrize("text", ["BO RE LI X", "bo-re-li-x", "T1 BO_RE_LI_X"])
def test_a_patients_own_name_is_known_in_pieces(text: str) -> None:
    assert cleaned(text, Own.of(["Borelix Odilon"])) == ""


def test_and_in_a_code(make: Maker) -> None:
    image = slice_of(
        PatientName="Borelix^Odilon", BodyPartExamined="BOR_ELI_X", ImageType=["DERIVED", "AXIAL", "BO REL IX"]
    )
    safe = make(image).dataset
    assert (safe.get("BodyPartExamined", ""), list(safe.ImageType)) in (
        ("", ["DERIVED", "AXIAL", "REMOVED"]),
        ("REMOVED", ["DERIVED", "AXIAL", "REMOVED"]),
    )


@pytest.mark.parametrize(
    "text",
    [
        "ep_b1000#1", "ep_b2000#12", "*tfl3d1_16ns", "syngo MR E11", "B30f", "VCT 64", "1.2.3", "T1 W A P", "07MW18.4",
        "SOMATOM Definition AS+", "ax t2_fse FS 3.0mm", "DISCOVERY MR750w", "CT,0.09600 cm-1", "GAUSS 5.00000",
        "OSEM3D 0.41667 mm", "IRM cœur",
    ],
)  # fmt: skip
def test_what_machines_write_of_themselves_stays(text: str) -> None:
    assert cleaned(text, NOBODY) == text


@pytest.mark.parametrize(
    ("uid", "public"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", True),
        ("1.2.840.10008.5.1.4.1.1.88.99", True),  # a class newer than the dictionary
        ("1.2.840.10008.5.1.4.1.1.999.1", False),
        ("1.2.840.10008.5.1.4.061.234.567.8", False),
        ("1.2.840.10008.5.1.4.1.1.1.75.89", False),
        ("1.2.840.10008.1.2.1", True),
        ("1.2.840.10008.6.1.1503", True),
        ("2.16.840.1.113883.6.96", True),
        ("1.2.840.10008.169037511604489", False),
        ("1.2.840.10008.7589.4213", False),
        ("1.2.840.10008.20040119.075903", False),
        ("1.2.840.10008.²", False),
        ("1.2.840.10008.1.2.5\x1c", False),
        ("2.16.840.1.113883.6.75894213", False),
        ("1.2.3.4", False),
    ],
)
def test_a_uid_is_public_by_what_it_says_and_not_by_its_root(uid: str, public: bool) -> None:
    assert is_public_uid(uid) is public


@pytest.mark.parametrize(
    ("uid", "told"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.3", "1.2.840.10008.5.1.4.1.1.88.3"),
        ("1.3.46.670589.11.0.0.12.1", "1.3.46.670589"),
        ("1.2.840.10008.75894213", "?"),
        ("1.2.3.75894213", "?"),
    ],
)
def test_a_finding_shows_of_a_uid_what_everybody_may_know(uid: str, told: str) -> None:
    assert told_uid(uid) == told


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("01", True),
        ("2.1.3", True),
        ("20020904", False),
        ("178057511600142", False),
        ("7589.4213", False),
        ("²³", False),
    ],
)
def test_a_version_of_a_coding_scheme_is_a_number_and_no_date(version: str, told: bool) -> None:
    assert told_version(version) == (version if told else "")


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00080022, "DA", b"20040119758942.178057+1420"),
        (0x0008002A, "DT", b"20040119758942.178057+1420"),
        (0x00080032, "TM", b"758942"),
        (0x00080032, "TM", b"75:89:42"),
        (0x00200052, "UI", b"1.2.840.10008.75894213"),
        (0x00200052, "UI", b"1.2.840.10008.\xb2"),
        (0x00189087, "FD", b"VILLEPIN"),
        (0x00189087, "FD", b"VILLEP^J"),
        (0x00189087, "FD", b"AB758942"),
        (0x00281101, "US", b"178057"),
        (0x00280009, "AT", b"VILLEPIN"),
        (0x00280009, "AT", b"VILLEPIN75894213"),
        (0x00081090, "LO", b"\x1b$B;3ED\x1b(B"),
    ],
)
def test_no_place_for_numbers_dates_and_codes_holds_other_things(
    tmp_path: Path, make: Maker, tag: int, vr: str, value: bytes
) -> None:
    made = make(spliced(tmp_path / "in", [element(tag, vr, value)]))
    assert made.safe
    for piece in (b"758942", b"75:89:42", b"178057", b"VILLEPIN", b"\xb2", b";3ED"):
        assert piece not in made.bytes


def test_no_address_passes_as_a_safe_private_element(tmp_path: Path, make: Maker) -> None:
    pieces = [element(0x00190010, "LO", b"SIEMENS MR HEADER"), element(0x0019100F, "UR", b"http://chu/VILLEPIN")]
    made = make(spliced(tmp_path / "in", pieces), context(options=["retain_safe_private"]))
    assert made.safe
    assert b"VILLEPIN" not in made.bytes


def test_a_scheme_version_that_no_one_could_write_ends_no_run(make: Maker) -> None:
    code: Any = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D4000", "SRT", "Abdomen"
    code.add_new(0x00080103, "SH", "²³")
    made = make(slice_of(SpecificCharacterSet="ISO_IR 100", AnatomicRegionSequence=Items([code])))
    assert "CodingSchemeVersion" not in made.dataset.AnatomicRegionSequence[0]


@pytest.mark.parametrize(("vr", "tag"), [("UL", 0x00209157), ("US", 0x00280010), ("SL", 0x00720078)])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "ascii"])
def test_no_word_stands_in_whole_numbers(vr: str, tag: int, encoding: str) -> None:
    check = checker(vr, tag)
    assert check
    assert not check("VILLEPIN BORELIX ".ljust(20).encode(encoding))
    assert vr == "US" or not check(b"VILLEPIN")


@pytest.mark.parametrize(
    "text", [r"1956\04\12", r"06\12\34\56\78", r"DE\LA\CR\OI\X", r"VB20A\06123\45678", "\x1b$B:4F#\x1b(B"]
)
@pytest.mark.parametrize(("tag", "vr"), [(0x00181020, "LO"), (0x00181210, "SH"), (0x00080008, "CS")])
def test_nor_in_several_values(tmp_path: Path, make: Maker, tag: int, vr: str, text: str) -> None:
    named = {"PatientName": "Delacroix^Odilon", "SpecificCharacterSet": "ISO_IR 100"}
    safe = make(spliced(tmp_path / "in", [element(tag, vr, text.encode())], **named)).dataset
    told = safe[tag].value or "" if tag in safe else ""
    values = [told] if isinstance(told, str) else list(told)
    assert not any(set("0123456789") & set(value) for value in values if value != "VB20A")
    assert "".join(values) not in ("DELACROIX", "B:4F#")


def test_versions_of_software_stay(make: Maker) -> None:
    told = make(slice_of(SoftwareVersions=["5.4.1", "5.4.1.2", "27", "LX"])).dataset.SoftwareVersions
    assert list(told) == ["5.4.1", "5.4.1.2", "27", "LX"]


def test_a_number_that_nobody_could_type_is_no_work() -> None:
    own = Own.of(["1" * 20_000, "Delacroix"])
    assert cleaned("1 " * 100_000, own) == ""


def test_each_of_several_numbers_of_a_patient_is_known(make: Maker) -> None:
    image = slice_of(OtherPatientIDs=["AB12", "CD34"], SeriesDescription="CT AB12 CD34")
    told = make(image, context(options=["clean_descriptors"])).dataset.SeriesDescription
    assert told == "CT"


def test_what_the_head_of_an_element_reserves_is_empty(tmp_path: Path, make: Maker) -> None:
    table = element(0x00281201, "OW", bytes(16))
    head = element(0x00281101, "US", b"\x08\0\0\0\x10\0")
    made = make(spliced(tmp_path / "in", [head, table[:6] + b"JO" + table[8:]]))
    assert made.codes == set()
    assert b"OWJO" not in made.bytes


@pytest.mark.parametrize("text", ["-12345.6", "12.041956", "758.94213"])
def test_of_a_decimal_that_is_too_long_nothing_is_left(text: str) -> None:
    assert cleaned(f"CT {text} mm") == "CT mm"


def test_a_text_is_no_longer_than_its_vr_allows(tmp_path: Path, make: Maker) -> None:
    path = spliced(tmp_path / "in", [element(0x0008103E, "LO", b"CT CHEST " * 20)])
    assert len(make(path, context(options=["clean_descriptors"])).dataset.SeriesDescription) <= 64


@pytest.mark.parametrize(
    ("value", "stays"), [(b"X_2_1_1_1_1_1_1_1_1_1_1_144", True), (b"X_2_75894213_1_1_1_1_1_1", False)]
)
def test_where_an_image_stands_in_each_dimension_of_siemens(
    tmp_path: Path, make: Maker, value: bytes, stays: bool
) -> None:
    pieces = [element(0x00210010, "LO", b"SIEMENS MR SDI 02"), element(0x00211006, "LO", value)]
    safe = make(spliced(tmp_path / "in", pieces), context(options=["retain_safe_private"])).dataset
    assert (0x00211006 in safe) is stays
    assert not stays or safe[0x00211006].value == value.decode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CHEST 3/14/23 PORT", "CHEST PORT"),
        ("CT 4/1/56", "CT"),
        ("CT 12  4  56 mm", "CT mm"),
        ("MR 3-14-23", "MR"),
        ("CT 4.12.56", "CT"),
        ("SCAN 56-4-12 ABDOMEN", "SCAN ABDOMEN"),
        ("CT 12/4/'56", "CT"),
        ("CT 12-Apr-56", "CT"),
        ("CT 12 de abril de 1956", "CT"),
        ("CT April 12th, 1956", "CT"),
        ("CT 3 août 56", "CT"),
        ("CT Mär. 12, 1956", "CT"),
        ("CT 95 ans", "CT"),
        ("CT 093Y", "CT"),
        ("CT 101 years", "CT"),
        ("CT 00:1B:44:11:3A:B7", "CT"),
        ("CT AB12-CD34-EF56-GH78", "CT"),
        ("CT 3f2b8c1e-9d4a-4b1c-8e2d-0a1b2c3d4e5f", "CT"),
    ],
)
def test_days_great_ages_and_numbers_in_groups_go(text: str, told: str) -> None:
    assert cleaned(text) == told


@pytest.mark.parametrize(
    "text",
    [
        *("ep2d_diff_b50_400_800", "DWI b 0/1000/2000", "TSE 3 4 5", "DTI 2 2 12", "TE 5 10 15", "AX T2 1-2-3"),
        *("VB17A 1.2.3", "90Y", "120 kV", "CT 45 ans", "DTI-b1000-64dir-2mm-AP"),
    ],
)
def test_what_machines_write_of_numbers_stays(text: str) -> None:
    assert cleaned(text).split() == [word for word in text.split() if word != "ans"]


@pytest.mark.parametrize("text", ["LI XU", "LI_XU", "xu, li", "Li^Xu", "li  xu"])
@pytest.mark.parametrize("keyword", ["SeriesDescription", "ImageComments", "SoftwareVersions"])
def test_a_name_of_short_words_is_the_patients_where_two_of_them_stand_together(
    make: Maker, keyword: str, text: str
) -> None:
    image = slice_of(PatientName="LI^XU", **{keyword: f"CT {text} T2"})
    assert make(image, context(options=["clean_descriptors"])).dataset[keyword].value.split() == ["CT", "T2"]


def test_and_is_none_of_the_terms(make: Maker) -> None:
    image = slice_of(PatientName="LI^XU", ImageType=["ORIGINAL", "PRIMARY", "LI XU"])
    assert list(make(image).dataset.ImageType) == ["ORIGINAL", "PRIMARY", "REMOVED"]


@pytest.mark.parametrize("number", ["P12", "S7", "521"])
def test_a_short_number_of_a_patient_is_known(make: Maker, number: str) -> None:
    image = slice_of(PatientID=number, SeriesDescription=f"CT {number} T2", ImageType=["ORIGINAL", number])
    safe = make(image, context(options=["clean_descriptors"])).dataset
    assert safe.SeriesDescription.split() == ["CT", "T2"]
    assert list(safe.ImageType) == ["ORIGINAL", "REMOVED"]


@pytest.mark.parametrize(
    ("keyword", "number", "text"),
    [
        ("OtherPatientIDs", "123456", "123 456"),
        ("StudyID", "123456", "IPP 123 456"),
        ("AccessionNumber", "12345", "12/345"),
        ("AccessionNumber", "A123456", "A 123 456"),
        ("AdmissionID", "12345", "12-34-5"),
        ("PlacerOrderNumberImagingServiceRequest", "123456", "123.456"),
        ("RequestedProcedureID", "123456", "123456"),
    ],
)
def test_a_number_of_the_study_is_known_however_it_is_parted(make: Maker, keyword: str, number: str, text: str) -> None:
    image = slice_of(SeriesDescription=f"CT {text} T2", **{keyword: number})
    told = make(image, context(options=["clean_descriptors"])).dataset.SeriesDescription
    assert told.split() in (["CT", "T2"], ["CT", "IPP", "T2"])


@pytest.mark.parametrize("keyword", ["SeriesNumber", "InstanceNumber", "AcquisitionNumber", "SliceLocation"])
def test_no_counter_is_the_number_of_the_patient(make: Maker, keyword: str) -> None:
    for named in ({"PatientID": "0048159"}, {"AccessionNumber": "48159"}, {"PatientID": "4815926"}):
        number = next(iter(named.values()))
        safe = make(slice_of(**named, **{keyword: number.lstrip("0")})).dataset
        assert not safe.get(keyword)
    assert make(slice_of(PatientID="0000007", **{keyword: "7"})).dataset[keyword].value == 7


WRITTEN = [
    *("14.3.23", "14 3 23", "14/03", "14.03", "14,3,23", "14_3_23", "3-14-23", "14 (3) 23", "14#3#23", "14. 3.23"),
    *("14 OCT", "OCT 14 23", "14MAR23", "14 des 2023", "14-III-2023", "R5.3.14", "2023-W11", "KW11-23", "140323"),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_no_day_of_a_study_stands_beside_one_that_was_moved(make: Maker, text: str) -> None:
    month = {"OCT": "10", "des": "12"}.get(next((word for word in text.split() if word.isalpha()), ""), "03")
    image = slice_of(StudyDate=f"2023{month}14", SeriesDescription=f"CT {text} T2")
    told = make(image, context(options=["clean_descriptors", "retain_longitudinal_modified_dates"])).dataset
    assert not any(map(str.isdigit, told.SeriesDescription.replace("T2", "").replace("R5", "")))
    assert "T2" in told.SeriesDescription


def test_versions_and_lists_that_are_no_day_of_the_study_stay(make: Maker) -> None:
    image = slice_of(StudyDate="20230314", SeriesDescription="CT 3.2 2/1 T2", SoftwareVersions="5.4.1")
    told = make(image, context(options=["clean_descriptors", "retain_longitudinal_modified_dates"])).dataset
    assert (told.SeriesDescription, told.SoftwareVersions) == ("CT 3.2 2/1 T2", "5.4.1")


def test_the_day_of_a_study_stays_beside_exact_dates_and_the_birth_date_never(make: Maker) -> None:
    dates = {"StudyDate": "20230314", "PatientBirthDate": "19560304"}
    image = slice_of(**dates, SeriesDescription="CT 14/03 4_3_56")
    told = make(image, context(options=["clean_descriptors", "retain_longitudinal_full_dates"])).dataset
    assert told.SeriesDescription.split() == ["CT", "14/03"]


@pytest.mark.parametrize("code", ["14MAR23", "12 IV 56", "MAI 1956", "THORAX 95Y", "12APR56", "OCT1956"])
def test_no_term_is_a_day_or_a_great_age(code: str) -> None:
    assert not is_term(code)


@pytest.mark.parametrize("text", ["92 y/o", "92 y.o.", "92 Y", "aged 92", "age 92", "92jr", "104 y/o", "92,5 ans"])
def test_a_great_age_goes_however_it_is_written(text: str) -> None:
    assert not any(map(str.isdigit, cleaned(f"CT {text}")))


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("00123456", "12-3456"),
        ("H123456", "12-3456"),
        ("CHU-123456", "12 3456"),
        ("123456-7", "12-3456"),
        ("123456", "P12-3456"),
    ],
)
def test_the_digits_of_a_number_are_known_without_what_stands_around_them(
    make: Maker, identifier: str, text: str
) -> None:
    image = slice_of(PatientID=identifier, SeriesDescription=f"CT {text} T2")
    told = make(image, context(options=["clean_descriptors"])).dataset.SeriesDescription
    assert "3456" not in told
    assert told.endswith("T2")


def test_numbers_in_the_items_of_their_sequences_are_known(make: Maker) -> None:
    image = slice_of(SeriesDescription="CT 12/3456 65-4321 T2", SeriesNumber="123456")
    image.OtherPatientIDsSequence = [fill(Dataset(), PatientID="123456", TypeOfPatientID="TEXT")]
    image.RequestAttributesSequence = [fill(Dataset(), RequestedProcedureID="654321")]
    told = make(image, context(options=["clean_descriptors"])).dataset
    assert told.SeriesDescription.split() == ["CT", "T2"]
    assert not told.SeriesNumber


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        *(("IS", b"48159263"), ("DS", b"48159263.0"), ("DS", b"4.8159263e7"), ("UL", struct.pack("<L", 48159263))),
        *(("FD", struct.pack("<d", 48159263)), ("FL", struct.pack("<f", 48159263)), ("IS", b"20230314")),
        *(("IS", b"14032023"), ("DS", b"1\\20230314"), ("SL", struct.pack("<2l", 7, 20230314))),
    ],
)
def test_no_number_is_the_patients_or_a_day(vr: str, value: bytes) -> None:
    own = Own.of(["P48159263"], (), ["20230314"])
    assert own.counts(value, vr)
    assert not NOBODY.counts(value, vr)
    assert not own.counts(bytes(8) if vr not in ("IS", "DS") else b"4815926", vr)


def test_the_number_of_a_patient_is_no_private_number_either(tmp_path: Path, make: Maker) -> None:
    pieces = [element(0x00190010, "LO", b"SIEMENS MR HEADER"), element(0x00191016, "DS", b"481592")]
    for identifier, stays in (("481592", False), ("581592", True)):
        source = spliced(tmp_path / identifier, pieces, PatientID=identifier)
        safe = make(source, context(options=["retain_safe_private"])).dataset
        assert (0x00191016 in safe) is stays


def test_digits_of_other_scripts_are_digits(make: Maker) -> None:
    image = slice_of(SpecificCharacterSet="ISO_IR 192", PatientBirthDate="19560403", SeriesDescription="CT ٣/٤/١٩٥٦")
    assert make(image, context(options=["clean_descriptors"])).dataset.SeriesDescription == "CT"


def test_a_round_number_is_a_measure_whosever_it_is(make: Maker) -> None:
    image = slice_of(StudyID="10000", AccessionNumber="48159", ReconstructionDiameter="10000", SliceLocation="48159")
    safe = make(image).dataset
    assert safe.ReconstructionDiameter == 10000
    assert not safe.get("SliceLocation")
