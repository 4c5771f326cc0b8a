"""What becomes of each kind of value, named by the actions of MIDI-B; rules: PS3.15, table E.1-1."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from collecte.pseudonym import Pseudonymiser
from collecte.records import PatientRef
from tests.formats.dicom.builders import KEYS, Maker, context, element, item, slice_of, spliced

PSEUDONYMS = Pseudonymiser(KEYS, "nord", "NORD")
SUBJECT = PSEUDONYMS.subject(PatientRef("IPP0012345")) or ""
ALL_OFF = {"options": ()}


def code(value: str, scheme: str, meaning: str) -> Dataset:
    entry = Dataset()
    entry.CodeValue, entry.CodingSchemeDesignator, entry.CodeMeaning = value, scheme, meaning
    return entry


def test_tag_retained_technical_attributes_stay_as_they_were(make: Maker) -> None:
    image = slice_of(ConvolutionKernel="B30f", SoftwareVersions="syngo 1")
    safe = make(image).dataset
    for keyword in (
        "ImageType",
        "Modality",
        "Manufacturer",
        "KVP",
        "PixelSpacing",
        "Rows",
        "BitsStored",
        "RescaleSlope",
    ):
        assert safe[keyword].value == image[keyword].value, keyword
    assert (safe.ConvolutionKernel, safe.SoftwareVersions) == ("B30f", "syngo 1")


def test_text_removed_descriptions_comments_and_people_are_absent(make: Maker) -> None:
    texts = {
        "StudyDescription": "IRM de M. Delacroix",
        "PatientComments": "voir Dr Ingres",
        "OperatorsName": "Ingres^Dominique",
        "InstitutionName": "CHU de Lutece",
        "OtherPatientIDs": "998877",
        "PatientAddress": "3 rue de la Paix",
        "IssuerOfPatientID": "CHU",
        "EthnicGroup": "gaulois",
    }
    safe = make(slice_of(**texts)).dataset
    assert [keyword for keyword in texts if keyword in safe] == []
    assert safe.PatientBirthDate == ""


def test_text_notnull_the_subject_stands_as_name_and_identifier(make: Maker) -> None:
    made = make(slice_of())
    assert made.dataset.PatientID == made.dataset.PatientName == SUBJECT
    assert made.harvest.subjects == (SUBJECT,)


def test_patid_consistent_whatever_series_and_writing(make: Maker) -> None:
    first = make(slice_of(PatientID="IPP0012345"))
    second = make(slice_of(PatientID=" ipp0012345 ", SeriesInstanceUID="1.2.3.5", IssuerOfPatientID="nord"))
    other = make(slice_of(IssuerOfPatientID="CLINIQUE"))
    assert first.dataset.PatientID == second.dataset.PatientID != other.dataset.PatientID


def test_a_nested_patient_is_the_subject_only_under_its_own_identifier(make: Maker) -> None:
    own, other = Dataset(), Dataset()
    own.PatientID, other.PatientID = "IPP0012345", "IPP9999999"
    safe = make(slice_of(SourceImageSequence=[own, other])).dataset
    assert [entry.PatientID for entry in safe.SourceImageSequence] == [SUBJECT, ""]


def test_uid_changed_and_uid_consistent_wherever_it_stands(make: Maker) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.1"
    made = make(slice_of(ReferencedImageSequence=[reference]))
    safe, nested = made.dataset, made.dataset.ReferencedImageSequence[0]
    assert safe.SOPInstanceUID == nested.ReferencedSOPInstanceUID == safe.file_meta.MediaStorageSOPInstanceUID
    assert safe.SOPInstanceUID == PSEUDONYMS.uid("1.2.3.4.1")
    assert made.harvest.name == f"{SUBJECT}/{safe.SeriesInstanceUID}/{safe.SOPInstanceUID}.dcm"
    assert nested.ReferencedSOPClassUID == safe.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_uid_of_a_public_frame_of_reference_or_coding_scheme_stays(make: Maker) -> None:
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeUID = "SCT", "2.16.840.1.113883.6.96"
    safe = make(
        slice_of(FrameOfReferenceUID="1.2.840.10008.1.4.1.1", CodingSchemeIdentificationSequence=[scheme])
    ).dataset
    assert safe.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"
    assert safe.CodingSchemeIdentificationSequence[0].CodingSchemeUID == "2.16.840.1.113883.6.96"
    assert safe.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "SCT"


def test_a_coding_scheme_of_a_hospital_is_not_named(make: Maker) -> None:
    """An item is nothing without its designator (PS3.3, C.12.1.1.7), and a hospital's own says who it is."""
    schemes = Dataset(), Dataset(), Dataset()
    for scheme, name in zip(schemes, ("99KERBRAT", "DCM", None), strict=True):
        scheme.CodingSchemeUID = "1.2.840.10008.2.16.4"
        if name:
            scheme.CodingSchemeDesignator = name
    safe = make(slice_of(CodingSchemeIdentificationSequence=list(schemes))).dataset
    assert [item.CodingSchemeDesignator for item in safe.CodingSchemeIdentificationSequence] == ["DCM"]
    assert (
        "CodingSchemeIdentificationSequence"
        not in make(slice_of(CodingSchemeIdentificationSequence=[schemes[0]])).dataset
    )


def test_a_rescale_type_that_is_no_term_is_unspecified(make: Maker) -> None:
    assert make(slice_of(RescaleType="Kerbrat")).dataset.RescaleType == "US"
    assert make(slice_of(RescaleType="HU")).dataset.RescaleType == "HU"


def test_date_shifted_by_the_days_of_its_subject_at_every_depth(make: Maker) -> None:
    step = Dataset()
    step.StudyDate = "20240301"
    safe = make(slice_of(AcquisitionDateTime="20240315101112.5+0100", SourceImageSequence=[step])).dataset
    shift = PSEUDONYMS.shift(SUBJECT)
    assert safe.StudyDate == (date(2024, 3, 15) + shift).strftime("%Y%m%d")
    assert safe.AcquisitionDateTime == (date(2024, 3, 15) + shift).strftime("%Y%m%d") + "101112.5+0100"
    assert safe.SourceImageSequence[0].StudyDate == (date(2024, 3, 1) + shift).strftime("%Y%m%d")
    assert safe.StudyTime == "101112"
    assert shift < timedelta(0)
    assert safe.LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (b"2024.03.15", True),
        (b"20240315\\20240316", True),
        (b"202403", False),
        (b"20241399", False),
        (b"le 15 mars", False),
        (b"00010101", False),
    ],
)
def test_an_odd_date_is_shifted_or_gone(tmp_path: Path, make: Maker, written: bytes, kept: bool) -> None:
    safe = make(spliced(tmp_path / "in", [element(0x00080022, "DA", written)])).bytes
    assert written not in safe
    assert (b"\x08\x00\x22\x00DA" in safe) or not kept


@pytest.mark.parametrize("none", ["19010101", "00010101", "99991231", "19700101", "19691231", "19800101", "20000101"])
def test_a_date_that_programs_write_where_they_have_none_does_not_tell_the_shift(make: Maker, none: str) -> None:
    safe = make(slice_of(AcquisitionDate=none, AcquisitionDateTime=f"{none}101112", SeriesDate="19820615")).dataset
    assert (safe.AcquisitionDate, safe.AcquisitionDateTime) == ("19000101", "19000101101112")
    assert safe.SeriesDate == (date(1982, 6, 15) + PSEUDONYMS.shift(SUBJECT)).strftime("%Y%m%d")


def test_nor_does_the_version_of_a_context_group_that_the_standard_tells_to_everybody(make: Maker) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D4000", "SRT", "Abdomen"
    code.ContextIdentifier, code.MappingResource, code.ContextGroupVersion = "19", "DCMR", "20020904"
    (item,) = make(slice_of(AnatomicRegionSequence=[code])).dataset.AnatomicRegionSequence
    assert item.ContextGroupVersion == "19000101000000"
    full = make(slice_of(AnatomicRegionSequence=[code]), context(options=("retain_longitudinal_full_dates",))).dataset
    assert full.AnatomicRegionSequence[0].ContextGroupVersion == "20020904"


def test_without_the_date_option_dates_and_times_go(make: Maker) -> None:
    safe = make(slice_of(AcquisitionDate="20240315", SeriesDate="20240315"), context(**ALL_OFF)).dataset
    assert (safe.StudyDate, safe.StudyTime) == ("", "")
    assert "AcquisitionDate" not in safe
    assert "SeriesDate" not in safe
    assert safe.LongitudinalTemporalInformationModified == "REMOVED"


@pytest.mark.parametrize(
    ("age", "told"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("103Y", "090Y"),
        ("006M", "006M"),
        ("75Y", "075Y"),
        ("0Y", "0Y"),
        ("1912Y", None),
        ("999W", "999W"),
        ("vieux", None),
    ],
)
def test_ages_over_89_years_become_90(tmp_path: Path, make: Maker, age: str, told: str | None) -> None:
    safe = make(spliced(tmp_path / "in", [element(0x00101010, "AS", age.encode())])).dataset
    assert safe.get("PatientAge") == told


def test_patient_characteristics_go_without_their_option(make: Maker) -> None:
    image = {"PatientAge": "045Y", "PatientWeight": "71.5", "PatientSize": "1.8"}
    with_option, without = make(slice_of(**image)).dataset, make(slice_of(**image), context(**ALL_OFF)).dataset
    assert (with_option.PatientAge, with_option.PatientWeight, with_option.PatientSex) == ("045Y", 71.5, "F")
    assert [keyword for keyword in image if keyword in without] == []
    assert without.PatientSex == ""


@pytest.mark.parametrize(
    ("option", "keyword"),
    [
        ("retain_device_identity", "DeviceSerialNumber"),
        ("retain_device_identity", "StationName"),
        ("retain_institution_identity", "InstitutionName"),
    ],
)
def test_text_retained_by_its_option_alone_and_then_no_identifier(make: Maker, option: str, keyword: str) -> None:
    image = {keyword: "LUTECE4711"}
    retained, removed = make(slice_of(**image), context(options=(option,))), make(slice_of(**image))
    assert retained.dataset[keyword].value == "LUTECE4711"
    assert "LUTECE4711" not in {one.value for one in retained.harvest.identifiers}
    assert keyword not in removed.dataset or removed.dataset[keyword].value != "LUTECE4711"
    assert "LUTECE4711" in {one.value for one in removed.harvest.identifiers}


@pytest.mark.parametrize("value", ["75894213", "20241301", "7788.99.12"])
def test_an_exact_date_is_one(tmp_path: Path, make: Maker, value: str) -> None:
    path = spliced(tmp_path / "in", [element(0x00080022, "DA", value.encode())])
    made = make(path, context(options=["retain_longitudinal_full_dates"]))
    assert made.safe
    assert value.encode() not in made.bytes


def test_no_age_of_any_attribute_is_told_beyond_the_oldest(tmp_path: Path, make: Maker) -> None:
    rule = {"attribute": "SelectorASValue", "action": "keep"}
    path = spliced(tmp_path / "in", [element(0x0072005F, "AS", b"097Y")])
    assert b"097Y" not in make(path, context(attributes=[rule])).bytes


@pytest.mark.parametrize("keyword", ["DateOfLastCalibration", "DateOfManufacture", "DateOfLastDetectorCalibration"])
def test_a_date_that_many_patients_share_stays_with_exact_dates_alone(make: Maker, keyword: str) -> None:
    """Moved, it would tell of two patients of one device how far their dates lie from one another."""
    image = slice_of(**{keyword: "20240101"})
    for dates in ([], ["retain_longitudinal_modified_dates"]):
        assert keyword not in make(image, context(options=["retain_device_identity", *dates])).dataset
    assert make(image, context(options=["retain_longitudinal_full_dates"])).dataset[keyword].value == "20240101"


def test_accession_numbers_become_the_reference_that_a_table_gives(make: Maker) -> None:
    assert make(slice_of()).dataset.AccessionNumber == PSEUDONYMS.reference("accession", "ACC20240315")


def test_the_object_says_how_it_was_deidentified_and_no_more(make: Maker) -> None:
    image = slice_of(PatientIdentityRemoved="NO", DeidentificationMethod="by Dr Ingres")
    image.DeidentificationMethodCodeSequence = [code("X1", "99INGRES", "Ingres")]
    safe = make(image).dataset
    assert safe.PatientIdentityRemoved == "YES"
    assert safe.DeidentificationMethod.startswith("Collecte")
    assert [c.CodeValue for c in safe.DeidentificationMethodCodeSequence] == ["113100", "113107", "113108"]
    assert {c.CodingSchemeDesignator for c in safe.DeidentificationMethodCodeSequence} == {"DCM"}


def test_a_known_code_gets_the_meaning_of_its_scheme(make: Maker) -> None:
    entries = Sequence([code("69536005", "SCT", "tete de M. Delacroix")])
    safe = make(slice_of(AnatomicRegionSequence=entries)).dataset
    assert safe.AnatomicRegionSequence[0].CodeMeaning == "Head"


def test_a_code_of_a_local_scheme_is_left_out_or_hidden_where_one_must_stand(tmp_path: Path, make: Maker) -> None:
    local = item(
        element(0x00080100, "SH", b"DLCRX"),
        element(0x00080102, "SH", b"99LUTECE"),
        element(0x00080104, "LO", b"Delacroix"),
    )
    optional = element(0x00082218, "SQ", local)
    safe = make(spliced(tmp_path / "in", [optional])).dataset
    assert "AnatomicRegionSequence" not in safe
    mandatory = element(0x00082218, "SQ", item(element(0x0040A168, "SQ", local)))
    nested = make(spliced(tmp_path / "in", [mandatory]))
    assert b"DLCRX" not in nested.bytes
    assert b"99LUTECE" not in nested.bytes


@pytest.mark.parametrize(
    ("dates", "stays"),
    [([], False), (["retain_longitudinal_modified_dates"], False), (["retain_longitudinal_full_dates"], True)],
)
def test_a_private_date_goes_where_the_public_ones_go(
    tmp_path: Path, make: Maker, dates: list[str], stays: bool
) -> None:
    scanned = element(0x0009100D, "DT", b"20210304101500")
    path = spliced(tmp_path / "in", [element(0x00090010, "LO", b"GEMS_PETD_01"), scanned], StudyDate="20210304")
    safe = make(path, context(options=["retain_safe_private", *dates])).dataset
    assert ((0x0009, 0x100D) in safe) is bool(dates)
    if dates:
        assert str(safe[0x0009100D].value)[:8] == safe.StudyDate
        assert (safe.StudyDate == "20210304") is stays


def test_private_elements_are_gone_at_every_depth(make: Maker) -> None:
    image, entry = slice_of(), Dataset()
    image.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
    entry.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(0x0C, "LO", "FoV 230")
    image.SourceImageSequence = [entry]
    assert not any(e.tag.is_private for e in make(image).dataset.iterall())


def test_file_meta_holds_the_standard_elements_alone(make: Maker) -> None:
    image = slice_of()
    image.file_meta.SourceApplicationEntityTitle = "PACS_LUTECE"
    image.file_meta.ImplementationVersionName = "LUTECE_1"
    image.preamble = b"II*\0 LUTECE".ljust(128, b"\0")
    made = make(image)
    assert made.bytes[:132] == b"\0" * 128 + b"DICM"
    assert [int(e.tag) & 0xFFFF for e in made.dataset.file_meta] == [0x00, 0x01, 0x02, 0x03, 0x10, 0x12, 0x13]
    assert b"LUTECE" not in made.bytes


def test_overlays_and_curves_are_gone(make: Maker) -> None:
    image = slice_of()
    for tag, vr, value in (
        (0x60000010, "US", 8),
        (0x60000011, "US", 8),
        (0x60003000, "OW", b"\xff" * 8),
        (0x60022500, "LO", "Delacroix"),
        (0x60023000, "OW", b"\xff" * 8),
        (0x50000010, "US", 2),
    ):
        image.add_new(tag, vr, value)
    assert not [e for e in make(image).dataset if e.tag.group >> 8 in (0x50, 0x60)]


def test_pixels_retained_byte_for_byte(make: Maker) -> None:
    image = slice_of()
    assert make(image).dataset.PixelData == image.PixelData


def test_the_same_input_and_key_give_the_same_bytes(make: Maker) -> None:
    first, second = make(slice_of(StudyDescription="a")), make(slice_of(StudyDescription="b"))
    assert first.bytes == second.bytes
    assert first.safe
    assert second.safe
    assert first.safe.sha256 == second.safe.sha256


def test_the_digest_and_size_are_those_of_the_file(make: Maker) -> None:
    made = make(slice_of(StudyDescription="IRM"))
    assert made.safe
    assert made.safe.sha256 == hashlib.sha256(made.bytes).hexdigest()
    assert made.safe.size == len(made.bytes)
    assert made.safe.actions["removed"] >= 1
    assert not made.target.with_name(f"{made.target.name}.part").exists()


@pytest.mark.parametrize(
    ("keyword", "value", "stays"),
    [
        ("SliceThickness", "000000000000375", True),  # as a PET camera pads
        ("SliceThickness", "8812345678", False),
        ("SliceThickness", "00008812345678", False),
        ("SeriesNumber", "000000052637", True),
        ("SeriesNumber", "001234567890", False),
    ],
)
def test_a_number_padded_with_zeros_is_the_number(
    tmp_path: Path, make: Maker, keyword: str, value: str, *, stays: bool
) -> None:
    tag = {"SliceThickness": 0x00180050, "SeriesNumber": 0x00200011}[keyword]
    made = make(spliced(tmp_path / "in", [element(tag, "DS" if keyword == "SliceThickness" else "IS", value.encode())]))
    assert (value.encode() in made.bytes) is stays


@pytest.mark.parametrize(
    ("text", "kept"),
    [("FDG -- fluorodeoxyglucose", "FDG -- fluorodeoxyglucose"), ("FDG -- Delacroix", "FDG"), ("--", "")],
)
def test_a_text_of_known_words_alone_stays_to_the_letter(make: Maker, text: str, kept: str) -> None:
    made = make(slice_of(ContrastBolusAgent=text), context(options=["clean_descriptors"]))
    assert made.dataset.ContrastBolusAgent == kept


def test_an_animal_keeps_that_somebody_is_responsible_but_not_who(make: Maker) -> None:
    made = make(slice_of(ResponsiblePerson="Delacroix^Eugene", ResponsibleOrganization="Chenil Delacroix"))
    assert (made.dataset.ResponsiblePerson, made.dataset.ResponsibleOrganization) == ("", "")


@pytest.mark.parametrize(("value", "stays"), [("DDN 1910-08-27", False), ("19100827", False), ("HFS 2D 128", True)])
def test_short_words_and_numbers_of_a_term_make_no_date(
    tmp_path: Path, make: Maker, value: str, *, stays: bool
) -> None:
    made = make(spliced(tmp_path / "in", [element(0x00180022, "CS", f"{value}\\AXIAL".encode())]))
    assert (value.encode() in made.bytes) is stays


def test_a_window_that_goes_is_not_empty(tmp_path: Path, make: Maker) -> None:
    extra = [element(0x00281050, "DS", b"40"), element(0x00281051, "DS", b"Delacroix")]
    assert make(spliced(tmp_path / "in", extra)).dataset.get("WindowWidth", 1) == 1
