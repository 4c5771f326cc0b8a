"""What stands in clean files anyway, and is nobody's identifier."""

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from collecte.records import Identifier, IdentifierKind
from collecte.residual import compile_scanner, path_identifiers
from tests.residual.builders import OTHER, SUBJECT, clean_dataset, element, raw_file, write


def hits(tmp_path: Path, kind: IdentifierKind, value: str, text: str, subject: str | None = None) -> set[str]:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    scanner = compile_scanner([Identifier(kind, value, subject)])
    return {finding.code for finding in scanner.scan(path, [SUBJECT, OTHER])}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RESEARCH", set()),
        ("séquelle de neurochirurgie", set()),
        ("Research MRI", {"RESIDUAL-ADDRESS"}),
        ("neurochirurgie/kervelguin", {"RESIDUAL-ADDRESS"}),
    ],
)
def test_what_departments_are_called_by_is_no_address_alone(tmp_path: Path, text: str, found: set[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    places = ("Research MRI", "Neurochirurgie Kervelguin")
    scanner = compile_scanner([Identifier(IdentifierKind.ADDRESS, place, None) for place in places])
    assert {finding.code for finding in scanner.scan(path, [SUBJECT])} == found


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("123456", "1.2.840.123456.7"),
        ("123456", "2.25.123456"),
        ("123456", "0.123456"),
        ("123456", "123456.5"),
        ("123456", "01234567"),
        ("12345678", "x;99123456789;y"),
        ("4711", "a;4711;b"),
        ("4711", "47110"),
        ("0004711", "a;4711;b"),
        ("4711", "IM0004711"),
        ("0012345", "1.2.12345"),
        ("0012345", "0.0012345"),
        ("12345", "10012345"),
        ("0000123", "123"),
        ("0001980", "depuis 1980 environ"),
        ("1980", "depuis 1980 environ"),
        ("42", "42 ans"),
        ("7", "7"),
    ],
)
def test_a_number_inside_a_longer_one_or_a_uid_is_no_id(tmp_path: Path, number: str, text: str) -> None:
    assert hits(tmp_path, IdentifierKind.ID, number, text) == set()


@pytest.mark.parametrize(
    "text", ["id 123456", "123456", "(123456)", "n°123456.", "123456,5", "a;123456;b", "ipp123456x"]
)
def test_a_whole_number_is_an_id(tmp_path: Path, text: str) -> None:
    assert hits(tmp_path, IdentifierKind.ID, "123456", text) == {"RESIDUAL-ID"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MARTIN^Anne", "scanner thoracique; channel 3; année 2019; panneau"),
        ("X^Rose", "sclérose en plaques, fibrose, arthrose"),
        ("X^Eric", "generic numeric spherical périphérique"),
        ("X^Luc", "lucidité, talucate"),
        ("DE LA TOUR", "examen de la main"),
        ("X^Lea", "leak; cleaning"),
        ("TEST^CT", "ct of the chest; a test of it"),
        ("HEADNECK", "region: headneck"),
        ("ANONYMIZED^PATIENT", "the patient was anonymized"),
        ("Siemens^Service", "Siemens Healthineers"),
    ],
)
def test_a_word_of_the_language_or_the_trade_is_no_name(tmp_path: Path, name: str, text: str) -> None:
    assert hits(tmp_path, IdentifierKind.NAME, name, text) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("X^Anne", "mariannexyz"),
        ("X^Rose", "vu par Rose."),
        ("PETIT^Jean", "M. Petit"),
        ("ROUX", "xrouxy"),
        ("BERNARD^Robert", "robert"),
        ("X^Luc", "cf luc, hier"),
        ("MARTINEZ", "MARTINEZ2"),
    ],
)
def test_a_usual_name_is_never_a_word_of_the_trade(tmp_path: Path, name: str, text: str) -> None:
    assert hits(tmp_path, IdentifierKind.NAME, name, text) == {"RESIDUAL-NAME"}


@pytest.mark.parametrize("placeholder", ["ANON", "0", "UNKNOWN", "00000000", "XXXX", "Patient", "99999999"])
def test_a_placeholder_is_no_identifier(tmp_path: Path, placeholder: str) -> None:
    text = f"col;{placeholder};1"
    assert hits(tmp_path, IdentifierKind.ID, placeholder, text) == set()
    assert hits(tmp_path, IdentifierKind.NAME, placeholder, text) == set()


def test_letters_inside_our_own_pseudonyms_and_references_are_no_name(tmp_path: Path) -> None:
    text = f"{SUBJECT};sub-abcleroyxyzqrst2\nABCLEROYX2ZQRST7;2\n"
    assert hits(tmp_path, IdentifierKind.NAME, "LEROY", text) == set()
    assert hits(tmp_path, IdentifierKind.NAME, "LEROY", text + "sub-abcleroyx\n") == {"RESIDUAL-NAME"}


@pytest.mark.parametrize(
    "text",
    [
        "1.2.840.10008.0612345678.3",
        "0.0612345678",
        "12.0612345678",
        "10612345678",
        "01 02 03 04 05 06 07 08",
        "08 00 05 00 43 53 0a 00",
        "2.25.06.12.34.56.78.90",
        "0612345",
        "2019-03-05 10:15:30",
        "x@y",
        "a@b.c",
        "1.2.840.156047512345678",
        "256047512345678",
        "0.156047512345609",
    ],
)
def test_numbers_and_signs_that_only_look_like_telephones_nir_or_addresses_pass(tmp_path: Path, text: str) -> None:
    assert hits(tmp_path, IdentifierKind.NAME, "DUPONT", f"a;{text};b\n") == set()


def test_a_birth_date_is_no_other_subjects_and_no_part_of_a_number(tmp_path: Path) -> None:
    date = ("birth_date", "19560412")
    kind = IdentifierKind(date[0])
    for text in (
        f"{OTHER};19560412",
        "19560412",
        f"{SUBJECT};1.2.19560412.3",
        f"{SUBJECT};119560412",
        f"{SUBJECT};1956",
    ):
        assert hits(tmp_path, kind, date[1], f"id;x\n{text}\n", SUBJECT) == set(), text


def test_times_dates_and_measures_of_an_image_are_no_ids(tmp_path: Path) -> None:
    ds = clean_dataset()
    ds.ExposureTime = "123456"
    ds.ContentTime = "101530.123456"
    ds.AcquisitionDateTime = "20190305101530"
    scanner = compile_scanner(
        [
            Identifier(IdentifierKind.ID, value)
            for value in ("123456", "101530", "20190305", "1.25", "16", "20190305101530")
        ]
    )
    assert scanner.scan(write(tmp_path / "f.dcm", ds), [SUBJECT]) == ()


def test_numbers_in_binary_spell_no_short_name(tmp_path: Path) -> None:
    table = struct.pack("<64H", *range(0x4141, 0x4141 + 64)) + b"\1lea\2rose\3LEROY\4"
    path = raw_file(tmp_path / "f.dcm", element(0x00281201, "OW", table + b"\0"))
    names = [Identifier(IdentifierKind.NAME, name) for name in ("LEROY^Léa", "X^Rose", "AAAA")]
    assert compile_scanner(names).scan(path, ()) == ()


@pytest.mark.parametrize("value", [b"11111111", b"00000000"])
def test_flat_pixels_are_no_number(tmp_path: Path, value: bytes) -> None:
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OW", b"\0\0" + value + b"\0\0"))
    assert compile_scanner([Identifier(IdentifierKind.ID, value.decode())]).scan(path, ()) == ()


def test_a_short_code_beside_a_name_does_not_tell_who(tmp_path: Path) -> None:
    software = clean_dataset()
    software.SoftwareVersions = "syngo MR XA60"
    path = write(tmp_path / "f.dcm", software)
    for name, found in (("Kervelguin^XA60", set()), ("XA60", {"RESIDUAL-NAME"}), ("XA60^Jo", {"RESIDUAL-NAME"})):
        scanner = compile_scanner([Identifier(IdentifierKind.NAME, name)])
        assert {finding.code for finding in scanner.scan(path, [SUBJECT])} == found, name
    longer = clean_dataset()
    longer.SoftwareVersions = "H13885"
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, "Kervelguin^H13885")])
    assert scanner.scan(write(tmp_path / "g.dcm", longer), [SUBJECT])


def test_pixels_of_sixteen_bits_that_spell_an_id_in_utf_16_are_pixels(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OW", b"\0\0" + "48515049".encode("utf-16-le") + b"\0\0"))
    assert compile_scanner([Identifier(IdentifierKind.ID, "48515049")]).scan(path, ()) == ()


def test_words_of_paths_that_name_nobody_are_dropped() -> None:
    paths = (
        "export_DICOM/SERIES 003/IM000123.dcm", "scan00/IMG0001.DCM", "patients/2019/janvier/abdomen_portal.csv",
        "In__GE__mr_0004__axial_epi_fmri_interleaved_i_to_s-00001.dcm", "étude/données/thorax.zip", "a/b/c/0001.jpg",
        "CR-MONO2/slicethickness_1.dcm",
    )  # fmt: skip
    assert {identifier.value for path in paths for identifier in path_identifiers(path)} == set()


def test_folders_named_by_what_is_in_them_do_not_identify() -> None:
    paths = (
        "adenome/Landscape_1.jpg", "bénin/lame12.svs", "malin/PORTRAIT/recumbent.dcm", "cohorte/témoins/1.dcm",
        "pneumonie/covid19/epanchement_pleural/2.dcm", "lésions/colposcopie gauche.csv", "nodule_solide",
    )  # fmt: skip
    assert {identifier.value for path in paths for identifier in path_identifiers(path)} == set()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("DUPONT Jean/IM1.dcm", {"DUPONT"}),
        ("DUPONT1956/1.dcm", {"DUPONT", "DUPONT1956"}),
        ("LefebvreDupont/1", {"LefebvreDupont", "Lefebvre", "Dupont"}),
        ("ipp1234567_ct", {"1234567", "ipp1234567"}),
        ("P12345/scan", {"P12345"}),
        ("PETIT-Léa", {"PETIT"}),
        ("123456/12345678.dcm", {"12345678"}),
        ("Guérin/x", {"Guérin"}),
        ("Gu\udce9rin/x", {"Guérin"}),
    ],
)
def test_names_and_long_numbers_of_paths_are_kept(path: str, found: set[str]) -> None:
    assert {identifier.value for identifier in path_identifiers(path)} == found


def _bundled() -> Iterator[tuple[Path, Dataset]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(_local()):
            try:
                ds = pydicom.dcmread(name)
                ds.walk(lambda _, __: None)
            except (InvalidDicomError, EOFError, NotImplementedError, ValueError, TypeError, KeyError, AttributeError):
                continue
            if "SOPClassUID" in ds and "TransferSyntaxUID" in ds.file_meta:
                yield Path(name), ds


def _local() -> list[str]:
    return [str(path) for path in (Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm")]


def _harvest(ds: Dataset) -> set[Identifier]:
    found = set()
    for elem in ds.iterall():
        values = elem.value if elem.VM > 1 else [elem.value]
        if elem.VR == "PN":
            found |= {Identifier(IdentifierKind.NAME, str(value)) for value in values if value}
        elif elem.keyword in ("PatientID", "AccessionNumber", "StudyID") and elem.value:
            found.add(Identifier(IdentifierKind.ID, str(elem.value)))
    return found


def _cleaned(ds: Dataset) -> None:
    """A crude cleaning: names, free text, identifiers, private elements and what may hold them go."""
    ds.remove_private_tags()
    for parent, elem in [(d, e) for d in _all(ds) for e in d]:
        free = (
            elem.VR in ("PN", "LT", "ST", "UT", "SH", "LO", "AE", "UN", "DA", "DT") and elem.keyword != "Manufacturer"
        )
        if free or elem.keyword in ("PatientID", "StudyID") or elem.tag.group in (0x0010, 0x0040):
            del parent[elem.tag]
    ds.PatientID = SUBJECT


def _all(ds: Dataset) -> list[Dataset]:
    return [ds, *(inner for elem in ds if elem.VR == "SQ" for item in elem.value for inner in _all(item))]


def test_the_real_files_that_pydicom_brings_pass_when_they_are_clean(tmp_path: Path) -> None:
    files = list(_bundled())
    identifiers = {identifier for _, ds in files for identifier in _harvest(ds)}
    identifiers |= {identifier for path, _ in files for identifier in path_identifiers(path.name)}
    scanner = compile_scanner(identifiers)
    scanned, held = 0, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path, ds in files:
            _cleaned(ds)
            try:
                ds.save_as(tmp_path / "out.dcm", enforce_file_format=True)
            except (ValueError, KeyError, AttributeError, TypeError, NotImplementedError, struct.error):
                continue
            scanned += 1
            if found := scanner.scan(tmp_path / "out.dcm", [SUBJECT]):
                held[path.name] = [(finding.code, finding.place) for finding in found]
    assert scanned >= 60
    assert held == {}, f"{len(held)} of {scanned}"


@pytest.mark.parametrize(("code", "found"), [("ABCD23456EFGHIJK", set()), ("ABCD 23456", {"RESIDUAL-ID"})])
def test_a_number_inside_a_reference_of_ours_is_no_id(tmp_path: Path, code: str, found: set[str]) -> None:
    dataset = clean_dataset()
    dataset.AccessionNumber = code
    path = write(tmp_path / "x.dcm", dataset)
    scanner = compile_scanner([Identifier(IdentifierKind.ID, "23456", SUBJECT)])
    assert {finding.code for finding in scanner.scan(path, [SUBJECT])} == found


@pytest.mark.parametrize("kind", [IdentifierKind.NAME, IdentifierKind.PATH])
def test_a_long_name_inside_the_pseudonym_of_the_file_s_own_subject_names_nobody(
    tmp_path: Path, kind: IdentifierKind
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("subject,age\nsub-ab2lescaut7cdefg,50\nsub-zzzzzzzzzzzzzzzz,51\n")
    scanner = compile_scanner([Identifier(kind, "LESCAUT")])
    assert scanner.scan(path, ["sub-ab2lescaut7cdefg", "sub-zzzzzzzzzzzzzzzz"]) == ()


@pytest.mark.parametrize("text", ["sub-ab2lescaut7cdefgh", "sub-lescaut", "ab2lescaut7cdefg", "sub-ab2lescaut7cdeff"])
def test_a_long_name_in_what_only_looks_like_a_pseudonym_is_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"subject,note\nsub-ab2lescaut7cdefg,{text}\n")
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, "LESCAUT")])
    found = scanner.scan(path, ["sub-ab2lescaut7cdefg"])
    assert [(finding.code, finding.place) for finding in found] == [("RESIDUAL-NAME", "row 2")]


@pytest.mark.parametrize("name", ["Sub^Marie", "SUB", "sub-01^Marie"])
def test_a_patient_called_as_pseudonyms_begin_holds_nobody_else_back(tmp_path: Path, name: str) -> None:
    dataset = clean_dataset()
    dataset.PatientName = dataset.PatientID = SUBJECT
    path = write(tmp_path / "x.dcm", dataset)
    scanner = compile_scanner([Identifier(kind, name) for kind in (IdentifierKind.NAME, IdentifierKind.ID)])
    assert scanner.scan(path, [SUBJECT]) == ()
    dataset.PatientName = "Sub"
    assert scanner.scan(write(tmp_path / "y.dcm", dataset), [SUBJECT])


def test_pixels_of_fat_are_no_name_in_half_width_katakana(tmp_path: Path) -> None:
    dataset = clean_dataset()
    name = "\uff94\uff8f\uff80\uff9e"  # in UTF-16: -108, -113, -128, -98
    dataset.PixelData = name.encode("utf-16-le").ljust(len(dataset.PixelData), b"\0")
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, f"{name}^\uff80\uff9b\uff73")])
    assert scanner.scan(write(tmp_path / "x.dcm", dataset), [SUBJECT]) == ()
    dataset.PatientComments = name
    dataset.SpecificCharacterSet = "ISO_IR 192"
    assert scanner.scan(write(tmp_path / "y.dcm", dataset), [SUBJECT])


@pytest.mark.parametrize(("number", "found"), [("123456", False), ("98765432", False), ("48159263", True)])
def test_a_slope_of_grey_is_no_number(tmp_path: Path, number: str, found: bool) -> None:
    pixels = b"\0\0" + number.zfill(8).encode() + b"\0\0"
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OW", pixels))
    assert bool(compile_scanner([Identifier(IdentifierKind.ID, number)]).scan(path, ())) is found
