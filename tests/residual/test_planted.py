"""Planted anywhere, found: identifiers in every writing, encoding and region of an output."""

import re
import unicodedata
import warnings
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from collecte.records import Identifier, IdentifierKind
from collecte.residual import Scanner, compile_scanner, path_identifiers
from collecte.residual.source import CHUNK_BYTES
from tests.residual.builders import OTHER, SUBJECT, clean_dataset, element, raw_file, write
from tests.residual.strategies import FIRST_NAMES, birth_dates, ipps, nirs, person_names, phones, written

#: What may stand beside a name or a number in text. No quotes: they join rows.
FILLER = st.text(alphabet=" ;,:=_/()[]^?\n", max_size=40)
PROPERTY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

NAME = Identifier(IdentifierKind.NAME, "LEFÈBVRE-DUPONT^Hélène")
SCANNER = compile_scanner([NAME, Identifier(IdentifierKind.ID, "84512907")])
#: No identifier: what is found, is found by its form.
FORMS = compile_scanner([])
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def codes(scanner: Scanner, path: Path, *subjects: str) -> set[str]:
    return {finding.code for finding in scanner.scan(path, subjects)}


def places(scanner: Scanner, path: Path, *subjects: str) -> set[tuple[str, str]]:
    return {(finding.code, finding.place) for finding in scanner.scan(path, subjects)}


@PROPERTY
@given(person_names, FILLER, FILLER, st.data())
def test_a_last_name_in_any_writing_is_found_in_a_table(
    tmp_path: Path, name: Identifier, before: str, after: str, data: st.DataObject
) -> None:
    last = name.value.split("^")[0]
    path = tmp_path / "t.csv"
    path.write_bytes(before.encode() + data.draw(written(last)) + after.encode())
    assert "RESIDUAL-NAME" in codes(compile_scanner([name]), path)


@PROPERTY
@given(st.sampled_from(FIRST_NAMES), st.sampled_from(("csv", "bin", "dcm")), st.data())
def test_a_first_name_set_off_by_spaces_is_found_in_any_file(
    tmp_path: Path, first: str, suffix: str, data: st.DataObject
) -> None:
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, f"X^{first}")])
    planted = data.draw(written(f" {first} "))
    path = tmp_path / f"f.{suffix}"
    if suffix == "dcm":
        raw_file(path, element(0x00091001, "OB", planted + b"\0" * (len(planted) % 2)))
    else:
        path.write_bytes(planted)
    assert "RESIDUAL-NAME" in codes(scanner, path)


@PROPERTY
@given(ipps, FILLER, FILLER, st.sampled_from(("utf-8", "utf-16-le", "utf-16-be")))
def test_a_patient_number_is_found_in_any_encoding(
    tmp_path: Path, ipp: str, before: str, after: str, encoding: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(before.encode() + f"{ipp} ".encode(encoding) + after.encode())
    assert "RESIDUAL-ID" in codes(compile_scanner([Identifier(IdentifierKind.ID, ipp)]), path)


@PROPERTY
@given(nirs, st.sampled_from(("", " ")), FILLER, FILLER)
def test_a_nir_that_nobody_harvested_is_found_by_its_key(
    tmp_path: Path, nir: str, gap: str, before: str, after: str
) -> None:
    groups = (nir[0], nir[1:3], nir[3:5], nir[5:7], nir[7:10], nir[10:13], nir[13:])
    path = tmp_path / "t.csv"
    path.write_text(before + gap.join(groups) + after)
    assert "RESIDUAL-NIR" in codes(FORMS, path)


@PROPERTY
@given(nirs, st.sampled_from(("", " ", ".")), st.booleans())
def test_a_harvested_nir_is_found_without_its_key_too(tmp_path: Path, nir: str, gap: str, key: bool) -> None:
    groups = [nir[0], nir[1:3], nir[3:5], nir[5:7], nir[7:10], nir[10:13], *([nir[13:]] if key else [])]
    path = tmp_path / "f.bin"
    path.write_text(f"xx {gap.join(groups)} yy")
    assert "RESIDUAL-NIR" in codes(compile_scanner([Identifier(IdentifierKind.NIR, nir)]), path)


@PROPERTY
@given(phones, FILLER, FILLER, st.sampled_from(("utf-8", "utf-16-le", "utf-16-be")))
def test_a_french_telephone_number_is_found_by_its_form(
    tmp_path: Path, phone: str, before: str, after: str, encoding: str
) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(before.encode() + f" {phone} ".encode(encoding) + after.encode())
    assert "RESIDUAL-PHONE" in codes(FORMS, path)


FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
SHORT = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."
ENGLISH = "January February March April May June July August September October November December"


def _writings(day: date) -> list[str]:
    """The usual writings of a date."""
    french, short, english = FRENCH.split(), SHORT.split(), ENGLISH.split()
    d, m, y = day.day, day.month, day.year
    return [
        f"{y}{m:02}{d:02}", f"{y}-{m:02}-{d:02}", f"{d:02}/{m:02}/{y}", f"{d:02}-{m:02}-{y}", f"{d:02}.{m:02}.{y}",
        f"{d:02}{m:02}{y}", f"{d}/{m}/{y}", f"{d:02}/{m:02}/{y % 100:02}", f"{d} {french[m - 1]} {y}",
        f"{d} {short[m - 1]} {y}", f"{english[m - 1]} {d}, {y}", f"{d} {english[m - 1][:3]} {y}",
        f"{d:02}-{english[m - 1][:3].upper()}-{y}", f"{y}-{m:02}-{d:02}T00:00:00", f"{y}{m:02}{d:02}103000",
    ]  # fmt: skip


@PROPERTY
@given(birth_dates, st.integers(0, 14), st.sampled_from(("utf-8", "cp1252", "utf-16-le")))
def test_a_birth_date_in_any_writing_is_found_in_its_subjects_image(
    tmp_path: Path, day: date, index: int, encoding: str
) -> None:
    born = f"{day:%Y%m%d}"
    scanner = compile_scanner([Identifier(IdentifierKind.BIRTH_DATE, born, SUBJECT)])
    planted = f"né le {_writings(day)[index]} ".encode(encoding)
    path = raw_file(tmp_path / "f.dcm", element(0x00091001, "UN", planted + b" " * (len(planted) % 2)))
    assert "RESIDUAL-BIRTH-DATE" in codes(scanner, path, SUBJECT)
    assert "RESIDUAL-BIRTH-DATE" not in codes(scanner, path, OTHER)


@PROPERTY
@given(birth_dates, st.integers(0, 14))
def test_a_birth_date_is_found_in_rows_of_its_subject_only(tmp_path: Path, day: date, index: int) -> None:
    scanner = compile_scanner([Identifier(IdentifierKind.BIRTH_DATE, f"{day:%Y%m%d}", SUBJECT)])
    text = _writings(day)[index]
    path = tmp_path / "t.csv"
    path.write_text(f"id;comment\n{OTHER};vu le {text}\n", "utf-8")
    assert scanner.scan(path, [SUBJECT, OTHER]) == ()
    path.write_text(f'id;comment\n{OTHER};rien\n{SUBJECT};"né\nle {text}"\n', "utf-8")
    assert places(scanner, path, SUBJECT, OTHER) == {("RESIDUAL-BIRTH-DATE", "row 3")}
    path.write_text(f"id;comment\n{SUBJECT};né\rle {text};fin\r\n", "utf-8", newline="")
    assert places(scanner, path, SUBJECT, OTHER) == {("RESIDUAL-BIRTH-DATE", "row 2")}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("tag", [0x00081030, 0x00204000, 0x00104000])
def test_a_name_in_a_text_element_is_found_with_its_tag(tmp_path: Path, syntax: str, tag: int) -> None:
    ds = clean_dataset()
    ds.add_new(tag, "LO" if tag == 0x00081030 else "LT", "suivi de Mme Lefebvre")
    found = places(SCANNER, write(tmp_path / "f.dcm", ds, syntax), SUBJECT)
    assert found == {("RESIDUAL-NAME", f"({tag >> 16:04X},{tag & 0xFFFF:04X})")}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [True, False])
def test_a_name_three_sequences_deep_is_found(tmp_path: Path, syntax: str, undefined: bool) -> None:
    inner = Dataset()
    inner.TextValue = "HELENE"
    for _ in range(3):
        outer = Dataset()
        outer.ContentSequence = [Dataset(), inner]
        outer["ContentSequence"].is_undefined_length = undefined
        inner = outer
    ds = clean_dataset()
    ds.update(inner)
    found = places(SCANNER, write(tmp_path / "f.dcm", ds, syntax), SUBJECT)
    assert found == {("RESIDUAL-NAME", "(0040,A160)")}


@pytest.mark.parametrize("syntax", SYNTAXES[:3])
@pytest.mark.parametrize(
    ("vr", "value"), [("LO", "Lefèbvre"), ("OB", b"\1\2Lef\xe8bvre\x7f"), ("UN", b"\0LEFEBVRE\0\1")]
)
def test_a_name_in_a_private_element_is_found(tmp_path: Path, syntax: str, vr: str, value: str | bytes) -> None:
    ds = clean_dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.private_block(0x0009, "MAKER", create=True).add_new(1, vr, value)
    found = places(SCANNER, write(tmp_path / "f.dcm", ds, syntax), SUBJECT)
    assert found == {("RESIDUAL-NAME", "(0009,1001)")}


def test_a_name_in_the_preamble_and_behind_the_last_element_is_found(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "f.dcm", element(0x00080060, "CS", b"CT"), b"dupont".ljust(128, b"\0"))
    path.write_bytes(path.read_bytes() + b"\0\0\0\0\0\0lefebvre")
    assert places(SCANNER, path) == {("RESIDUAL-NAME", "preamble"), ("RESIDUAL-NAME", "trailing bytes")}


def test_a_name_in_the_file_meta_is_found(tmp_path: Path) -> None:
    ds = clean_dataset()
    path = write(tmp_path / "f.dcm", ds)
    ds.file_meta.SourceApplicationEntityTitle = "DUPONT"
    ds.save_as(path, enforce_file_format=True)
    assert places(SCANNER, path) == {("RESIDUAL-NAME", "(0002,0016)")}


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO 2022 IR 87", "YAMADA^TAROU=山田^太郎", "山田"),
        ("ISO_IR 144", "Люкceмбypг", "Люкceмбypг"),
        ("GB18030", "王^小东", "小东"),
        ("ISO_IR 101", "Łukasz^Wałęsa", "WAŁĘSA"),
        ("ISO_IR 192", "Ραπτης", "Ραπτης"),
    ],
)
def test_a_name_in_another_script_is_found_through_its_character_set(
    tmp_path: Path, charset: str, name: str, text: str
) -> None:
    ds = clean_dataset()
    ds.SpecificCharacterSet = ["", charset] if charset.startswith("ISO 2022") else charset
    ds.PatientComments = text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(tmp_path / "f.dcm", ds)
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, name)])
    assert ("RESIDUAL-NAME", "(0010,4000)") in places(scanner, path, SUBJECT)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le", "utf-16-be", "nfd"])
@pytest.mark.parametrize("shift", range(0, 40, 3))
@pytest.mark.parametrize("suffix", ["bin", "dcm"])
def test_a_name_across_the_boundary_of_two_chunks_is_found_once(
    tmp_path: Path, encoding: str, shift: int, suffix: str
) -> None:
    text = unicodedata.normalize("NFD", " Lefèbvre ") if encoding == "nfd" else " Lefèbvre "
    planted = text.encode("utf-8" if encoding == "nfd" else encoding)
    data = (b"e" * (CHUNK_BYTES - shift) + planted).ljust(2 * CHUNK_BYTES + 10, b"x")
    path = tmp_path / f"f.{suffix}"
    if suffix == "dcm":
        raw_file(path, element(0x00080060, "CS", b"CT") + element(0x0040A160, "UT", data))
    else:
        path.write_bytes(data)
    (finding,) = SCANNER.scan(path, ())
    assert (finding.code, finding.count) == ("RESIDUAL-NAME", 1)


@pytest.mark.parametrize("shift", range(0, 30, 3))
@pytest.mark.parametrize(
    "planted", [b"Lef\xe8bvre", "LEFÈBVRE".encode(), b"LEFEBVRE", "lefebvre".encode("utf-16-le"), b".84512907."]
)
def test_a_long_name_in_pixels_is_found_across_chunks(tmp_path: Path, shift: int, planted: bytes) -> None:
    pixels = (bytes([200]) * (CHUNK_BYTES - shift) + planted).ljust(2 * CHUNK_BYTES, b"\7")
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OW", pixels))
    (finding,) = SCANNER.scan(path, ())
    assert (finding.place, finding.count) == ("(7FE0,0010)", 1)


def test_short_names_in_pixels_are_left_to_chance(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OW", b" DUPONT HELENE 1234567"))
    assert SCANNER.scan(path, ()) == ()


def test_a_name_in_an_encapsulated_fragment_is_found(tmp_path: Path) -> None:
    item = b"\xfe\xff\x00\xe0" + (16).to_bytes(4, "little") + b"\xff\xfe..LEFEBVRE..\0\0"
    pixels = b"\xfe\xff\x00\xe0\0\0\0\0" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path = raw_file(tmp_path / "f.dcm", element(0x7FE00010, "OB", pixels, 0xFFFFFFFF))
    assert places(SCANNER, path) == {("RESIDUAL-NAME", "(7FE0,0010)")}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le", "utf-16-be"])
def test_the_row_of_a_name_is_told_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('id;note\n1;"deux\nlignes"\n2;vu Mme Lefèbvre\n'.encode(encoding))
    assert places(SCANNER, path) == {("RESIDUAL-NAME", "row 3")}


def test_rows_are_counted_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"1;rien\n" * 400_000 + b"2;lefebvre\n" + b"3;rien\n" * 10)
    assert places(SCANNER, path) == {("RESIDUAL-NAME", "row 400001")}


def test_a_name_in_one_endless_line_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(b"[" + b"12.5, " * 2_000_000 + b'"lefebvre", ' + b"0.5, " * 1_000_000 + b"]")
    assert "RESIDUAL-NAME" in codes(SCANNER, path)


@pytest.mark.parametrize(
    "text",
    ["12, rue des Lilas", "12 RUE DES LILAS", "rue  des\nLilas", "habite Villeurbanne", "69100 VILLEURBANNE"],
)
def test_an_address_is_found_whole_and_in_its_parts(tmp_path: Path, text: str) -> None:
    address = Identifier(IdentifierKind.ADDRESS, "12 rue des Lilas, Villeurbanne, 69100 Villeurbanne")
    path = tmp_path / "t.bin"
    path.write_text(f"x {text} y")
    assert "RESIDUAL-ADDRESS" in codes(compile_scanner([address]), path)


@pytest.mark.parametrize("text", ["LI NA", "li, na", "Na Li", "NA^LI", "li-na"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_name_of_short_parts_is_found_whole_in_either_order(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(f"vu {text} hier".encode(encoding))
    assert "RESIDUAL-NAME" in codes(compile_scanner([Identifier(IdentifierKind.NAME, "LI^Na")]), path)


def test_a_name_made_of_technical_words_is_found_whole_and_in_person_names(tmp_path: Path) -> None:
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, "HEAD^Test")])
    ds = clean_dataset()
    ds.SeriesDescription = "HEAD test"
    assert places(scanner, write(tmp_path / "a.dcm", ds)) == {("RESIDUAL-NAME", "(0008,103E)")}
    del ds.SeriesDescription
    ds.ReferringPhysicianName = "Head"
    assert places(scanner, write(tmp_path / "b.dcm", ds)) == {("RESIDUAL-NAME", "(0008,0090)")}


@pytest.mark.parametrize(
    ("harvested", "value"),
    [
        *(("12-345-678", value) for value in ("12-345-678", "12 345 678", "12345678", "12.345.678", "12/345/678")),
        ("0012345678", "12345678"),
        ("0012345", "12345"),
        ("00412733", "0412733"),
        ("12345", "0012345"),
        ("412733", "0000412733"),
        ("0001234", "1234"),
        ("AB/12 34", "ab1234"),
        ("ab_1234", "AB-1234"),
    ],
)
def test_an_id_is_found_with_other_separators_and_other_leading_zeros(
    tmp_path: Path, harvested: str, value: str
) -> None:
    path = tmp_path / "t.txt"
    path.write_text(f"dossier {value} archive")
    assert "RESIDUAL-ID" in codes(compile_scanner([Identifier(IdentifierKind.ID, harvested)]), path)


def test_an_email_and_a_path_are_found(tmp_path: Path) -> None:
    scanner = compile_scanner(
        [Identifier(IdentifierKind.EMAIL, "Zoe@chu-nantes.fr"), *path_identifiers("LEGOFF_1956/serie3/IM001.dcm")]
    )
    path = tmp_path / "t.txt"
    path.write_text("écrire à ZOE@CHU-NANTES.FR\nvoir dossier legoff\nou à jean.petit+x@gmail.com", "utf-8")
    assert places(scanner, path) == {
        ("RESIDUAL-EMAIL", "row 1"),
        ("RESIDUAL-PATH", "row 2"),
        ("RESIDUAL-EMAIL", "row 3"),
    }


@PROPERTY
@given(st.sampled_from((b"dupont", b"HELENE", b"Lef\xe8bvre")), st.binary(max_size=60), st.binary(max_size=60))
def test_a_name_among_any_bytes_of_a_short_value_is_found(
    tmp_path: Path, planted: bytes, before: bytes, after: bytes
) -> None:
    # A byte that makes one UTF-8 letter with the name's first or last byte, or one word with it, is another text.
    if re.search(rb"[A-Za-z\xc2-\xff]\Z", before) or re.match(rb"[A-Za-z\x80-\xff]", after):
        before, after = before + b"\1", b"\1" + after
    value = before + planted + after
    path = raw_file(tmp_path / "f.dcm", element(0x00091001, "UN", value))
    assert "RESIDUAL-NAME" in codes(SCANNER, path)
