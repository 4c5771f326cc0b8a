"""What identifies, who it is about, and what no search must be sent after."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from collecte.pseudonym import Pseudonymiser
from collecte.records import IdentifierKind, PatientRef
from tests.formats.dicom.builders import KEYS, Maker, context, element, item, slice_of, spliced

SUBJECT = Pseudonymiser(KEYS, "nord", "NORD").subject(PatientRef("IPP0012345"))


def found(made: object) -> set[tuple[str, str]]:
    return {(str(one.kind), one.value) for one in made.harvest.identifiers}  # type: ignore[attr-defined]


def test_names_numbers_addresses_and_days_are_found_with_their_kind(make: Maker) -> None:
    image = slice_of(
        OtherPatientIDs=["998877", "AB-4711"],
        OtherPatientNames="Lagarde^Marie",
        PatientAddress="3 rue de la Paix^75002 Lutece",
        PatientTelephoneNumbers="01 23 45 67 89",
        PatientTelecomInformation="marie@exemple.invalid",
        ReferringPhysicianName="Ingres^Dominique",
        OperatorsName=["Corot^Camille", "Rude^Francois"],
        InstitutionName="CHU de Lutece",
        DeviceSerialNumber="SN-77123",
    )
    image.AdmissionID = "ADM445566"
    assert found(make(image)) >= {
        ("name", "Delacroix^Eugene"),
        ("name", "Lagarde^Marie"),
        ("name", "Ingres^Dominique"),
        ("name", "Corot^Camille"),
        ("name", "Rude^Francois"),
        ("id", "IPP0012345"),
        ("id", "998877"),
        ("id", "AB-4711"),
        ("id", "ACC20240315"),
        ("id", "ADM445566"),
        ("id", "SN-77123"),
        ("birth_date", "19560412"),
        ("address", "3 rue de la Paix 75002 Lutece"),
        ("address", "CHU de Lutece"),
        ("phone", "01 23 45 67 89"),
        ("email", "marie@exemple.invalid"),
    }


def test_a_birth_date_belongs_to_its_subject_and_a_physician_to_nobody(make: Maker) -> None:
    by_kind = {
        one.kind: one.subject for one in make(slice_of(ReferringPhysicianName="", PatientName="")).harvest.identifiers
    }
    assert by_kind[IdentifierKind.BIRTH_DATE] == SUBJECT
    staff = make(slice_of(PatientName="", OperatorsName="Corot^Camille")).harvest.identifiers
    assert {one.subject for one in staff if one.kind is IdentifierKind.NAME} == {None}


def test_names_are_found_at_every_depth_and_in_private_elements(tmp_path: Path, make: Maker) -> None:
    nested, deeper = Dataset(), Dataset()
    deeper.PersonName = "Gericault^Theodore"
    nested.RequestingPhysician, nested.ReferencedImageSequence = "Vernet^Horace", [deeper]
    image = slice_of(RequestAttributesSequence=[nested])
    block = image.private_block(0x0029, "LUTECE", create=True)
    block.add_new(0x01, "PN", "Boilly^Louis")
    inner = Dataset()
    inner.PatientName = "Prudhon^Pierre"
    block.add_new(0x02, "SQ", [inner])
    names = {value for kind, value in found(make(image)) if kind == "name"}
    assert names >= {"Gericault^Theodore", "Vernet^Horace", "Boilly^Louis", "Prudhon^Pierre"}


@pytest.mark.parametrize(
    ("charset", "raw", "name"),
    [
        ("ISO_IR 100", "Hélène^Clément".encode("latin-1"), "Hélène^Clément"),
        ("ISO_IR 192", "Hélène^Clément".encode(), "Hélène^Clément"),
        ("", "Hélène^Clément".encode("latin-1"), "Hélène^Clément"),
        ("", "Hélène^Clément".encode(), "Hélène^Clément"),
        ("ISO_IR 100", "Hélène^Clément".encode(), "Hélène^Clément"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "山田^太郎"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou"),
        ("ISO_IR 144", "Иванов^Иван".encode("iso8859-5"), "Иванов^Иван"),
        ("NO SUCH SET", b"Delacroix^Eugene", "Delacroix^Eugene"),
    ],
)
def test_names_are_read_in_their_character_set_and_as_it_is_often_meant(
    tmp_path: Path, make: Maker, charset: str, raw: bytes, name: str
) -> None:
    pieces = [element(0x00080005, "CS", charset.encode()), element(0x00100010, "PN", raw)]
    made = make(spliced(tmp_path / "in", pieces))
    assert ("name", name) in found(made)
    assert raw not in made.bytes


def test_an_item_with_a_character_set_of_its_own_is_read_in_it(tmp_path: Path, make: Maker) -> None:
    inner = item(element(0x00080005, "CS", b"ISO_IR 144"), element(0x00100010, "PN", "Иванов".encode("iso8859-5")))
    made = make(spliced(tmp_path / "in", [element(0x00082112, "SQ", inner)]))
    assert ("name", "Иванов") in found(made)


@pytest.mark.parametrize(
    "filler", ["ANON", "Anonymized^Patient", "UNKNOWN", "NONE", "Phantom^CT", "TEST", "^^^", "Dr", "OB", "X^Y", "0"]
)
def test_fillers_are_no_names(make: Maker, filler: str) -> None:
    assert not [
        one for one in make(slice_of(PatientName=filler)).harvest.identifiers if one.kind is IdentifierKind.NAME
    ]


@pytest.mark.parametrize("value", ["1", "12", "123", "0000012", "CT1", "XXXX", "BRAIN", "HEAD FIRST", "ANON"])
def test_numbers_and_words_met_by_chance_are_no_identifiers(make: Maker, value: str) -> None:
    made = make(slice_of(StudyID=value, AccessionNumber="", PatientName=""))
    assert {found for kind, found in found(made) if kind == "id"} == {"IPP0012345"}


def test_what_describes_the_image_or_the_machine_is_no_identifier(make: Maker) -> None:
    words = {
        "StudyDescription": "Cerveau sans injection",
        "BodyPartExamined": "BRAIN",
        "ManufacturerModelName": "Somatom X.cite",
        "SeriesDescription": "Axial 1.5 mm",
    }
    image = slice_of(**words, PatientName="", AccessionNumber="", PatientBirthDate="", InstitutionName="ACME Imaging")
    assert found(make(image)) == {("id", "IPP0012345")}


def test_uids_are_the_object_and_its_correction_not_identifiers(make: Maker) -> None:
    harvest = make(slice_of()).harvest
    assert (harvest.object_key, harvest.logical_id) == ("1.2.3.4.0", "1.2.3.4.1")
    assert not [one for one in harvest.identifiers if one.value.startswith("1.2.3")]


def test_nothing_of_a_patient_stands_in_the_output_name_or_in_any_repr(make: Maker) -> None:
    made = make(slice_of())
    shown = made.harvest.name + repr(made.harvest) + repr(made.safe) + repr(list(made.harvest.identifiers))
    assert not [text for text in ("Delacroix", "IPP0012345", "19560412", "1.2.3.4") if text in shown]


def test_a_refused_file_still_gives_its_identifiers_for_the_others(make: Maker) -> None:
    made = make(slice_of(BurnedInAnnotation="YES"))
    assert made.codes == {"DICOM-BURNED-IN"}
    assert ("name", "Delacroix^Eugene") in found(made)


CODED = {
    "PatientName": "SITE01-007",
    "PatientID": "SITE01-007",
    "PatientBirthDate": "19560101",
    "AccessionNumber": "",
}


def test_a_coded_file_without_direct_identifiers_passes(make: Maker) -> None:
    assert make(slice_of(**CODED), context("coded")).codes == set()


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Delacroix^Eugene"),
        ("PatientBirthDate", "19560412"),
        ("PatientAddress", "3 rue de la Paix"),
        ("PatientTelephoneNumbers", "01 23 45 67 89"),
        ("OtherPatientIDs", "998877"),
        ("PatientMotherBirthName", "Oeben^Victoire"),
    ],
)
def test_a_direct_identifier_in_a_coded_file_is_an_incident_that_names_the_attribute(
    make: Maker, keyword: str, value: str
) -> None:
    made = make(slice_of(**{**CODED, keyword: value}), context("coded"))
    (finding,) = made.harvest.findings
    assert (finding.code, finding.severity) == ("DICOM-DIRECT-IDENTIFIER-IN-CODED", "incident")
    assert (finding.place, finding.count) == (keyword, 1)
    for language in ("fr", "en"):
        told = finding.text(language) + finding.remedy(language)  # type: ignore[arg-type]
        assert keyword in told
        assert value not in told


def test_the_same_file_received_as_identifying_is_no_incident(make: Maker) -> None:
    assert make(slice_of()).codes == set()


def test_what_a_rule_of_the_challenge_keeps_is_not_looked_for(make: Maker) -> None:
    image = slice_of(InstitutionName="CLINIQUE DES ORMEAUX BLEUS")
    kept = [{"attribute": "InstitutionName", "action": "keep"}]
    known, told = (make(image, context(attributes=rules)).harvest.identifiers for rules in ([], kept))
    assert {one.value for one in known} - {one.value for one in told} == {"CLINIQUE DES ORMEAUX BLEUS"}
