"""Keyed replacements: one patient, one pseudonym, wherever their data stand, and no way back."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.challenge import load
from collecte.challenge.collection import IssuerAlias
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser, is_placeholder, normalise_identifier, without_padding
from collecte.recall import parse_requests
from collecte.records import PatientRef, State
from collecte.steps.deidentify import Outcome, deidentify
from collecte.steps.pseudonyms import pseudonyms_of
from demo.deliveries import Patient, ct_slice

KEYS = Keys.new()
ARVEL = Pseudonymiser(KEYS, "arvel", "CHU-ARVEL")
BELCOMBE = Pseudonymiser(KEYS, "belcombe", "CH-BELCOMBE")
identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: not is_placeholder(text)
)


# --- subjects


@pytest.mark.parametrize(
    "spelling",
    ["A0412733", "a0412733", " A0412733 ", "A0412733\0", "A 0412 733", "\ufeffA0412733", "A0412733\u200b", "Ａ0412733"],
    ids=ascii,
)
def test_a_patient_has_one_pseudonym_in_images_and_in_tables(spelling: str) -> None:
    """DICOM pads, spreadsheets add byte-order marks, people type spaces; tables never name an issuer."""
    in_image = ARVEL.subject(PatientRef("A0412733", "CHU-ARVEL"))
    assert ARVEL.subject(PatientRef(spelling)) == in_image
    assert ARVEL.subject(PatientRef(spelling, "")) == in_image
    assert ARVEL.subject(PatientRef(spelling, "chu-arvel ")) == in_image


def test_the_accents_of_an_identifier_may_be_composed_or_not() -> None:
    assert ARVEL.subject(PatientRef("Ébène-12")) == ARVEL.subject(PatientRef("E\u0301be\u0300ne-12"))


@pytest.mark.parametrize("spelling", ["0012345", "012345", " 00 12345", "00000012345", "\uff10\uff1012345"], ids=ascii)
def test_a_number_padded_with_zeros_is_the_same_patient(spelling: str) -> None:
    """A spreadsheet reads 0012345 as a number and writes 12345."""
    assert ARVEL.subject(PatientRef(spelling)) == ARVEL.subject(PatientRef("12345"))


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2013", "\u2212", "\uff0d", " - "], ids=ascii)
def test_a_hyphen_is_one_however_it_is_typed(dash: str) -> None:
    assert ARVEL.subject(PatientRef(f"AB{dash}123")) == ARVEL.subject(PatientRef("ab-123"))


def test_identifiers_that_differ_are_two_patients() -> None:
    """Zeros pad numbers alone; a hyphen or a dot may part two numbers."""
    texts = ("123", "1230", "A123", "A0123", "1-23", "1.23", "12/3", "0-123", "00123A", "123A")
    assert len({ARVEL.subject(PatientRef(text)) for text in texts}) == len(texts)


def test_leading_zeros_count_where_the_challenge_says_so() -> None:
    kept = Pseudonymiser(KEYS, "arvel", "CHU-ARVEL", leading_zeros="kept")
    assert kept.subject(PatientRef("0012345")) != kept.subject(PatientRef("12345"))
    assert kept.subject(PatientRef("12345")) == ARVEL.subject(PatientRef("12345"))
    assert kept.subject(PatientRef("000")) is None


@given(identifiers, st.sampled_from(["", " ", "\u00a0", "\u200b"]), st.integers(0, 6))
def test_case_spaces_and_padding_never_make_two_of_one_patient(identifier: str, gap: str, zeros: int) -> None:
    padding = "0" * zeros if identifier.isascii() and identifier.isdigit() else ""
    written = f"{gap}{padding}{gap.join(identifier)}{gap}"
    assert ARVEL.subject(PatientRef(written)) == ARVEL.subject(PatientRef(identifier))


@given(identifiers)
def test_a_normalised_identifier_stays_as_it_is(identifier: str) -> None:
    normal = normalise_identifier(identifier)
    assert normalise_identifier(normal) == normal
    assert without_padding(without_padding(normal)) == without_padding(normal)


def test_one_number_at_two_centres_is_two_patients() -> None:
    assert ARVEL.subject(PatientRef("123456", "X")) != BELCOMBE.subject(PatientRef("123456", "X"))


def test_one_number_of_two_issuers_is_two_patients() -> None:
    assert ARVEL.subject(PatientRef("123456", "HOSPITAL A")) != ARVEL.subject(PatientRef("123456", "HOSPITAL B"))


def test_an_issuer_that_the_challenge_maps_is_the_one_it_stands_for() -> None:
    aliases = (("CHU-ARVEL-OLD", "CHU-ARVEL"), ("Maternité d'Arvel", "CHU-ARVEL"), ("LAB", "LABORATOIRE"))
    mapped = Pseudonymiser(KEYS, "arvel", "CHU-ARVEL", aliases=aliases)
    own = mapped.subject(PatientRef("123456"))
    for issuer in ("CHU-ARVEL-OLD", "chu-arvel-old ", "Maternite\u0301 d'Arvel", "CHU-ARVEL", "", None):
        assert mapped.subject(PatientRef("123456", issuer)) == own, issuer
    assert mapped.subject(PatientRef("123456", "lab")) == mapped.subject(PatientRef("123456", "LABORATOIRE")) != own
    assert mapped.subject(PatientRef("123456", "CHU-ARVEL-OLDER")) != own
    assert own == ARVEL.subject(PatientRef("123456")), "a map changes nobody but whom it maps"


def test_centre_and_identifier_cannot_be_shifted_into_one_another() -> None:
    one = Pseudonymiser(KEYS, "ab", "c").subject(PatientRef("d1"))
    other = Pseudonymiser(KEYS, "a", "bc").subject(PatientRef("d1"))
    assert one != other


def test_another_challenge_gives_other_pseudonyms() -> None:
    other = Pseudonymiser(Keys.new(), "arvel", "CHU-ARVEL")
    assert other.subject(PatientRef("A0412733")) != ARVEL.subject(PatientRef("A0412733"))
    assert other.uid("1.2.3") != ARVEL.uid("1.2.3")


def test_rotating_the_sealing_key_changes_no_pseudonym() -> None:
    rotated = Pseudonymiser(KEYS.rotated(), "arvel", "CHU-ARVEL")
    assert rotated.subject(PatientRef("A0412733")) == ARVEL.subject(PatientRef("A0412733"))


@given(identifiers)
def test_a_pseudonym_has_one_form_and_holds_nothing_of_the_identifier(identifier: str) -> None:
    subject = ARVEL.subject(PatientRef(identifier))
    assert subject is not None
    assert re.fullmatch(r"sub-[a-z2-7]{16}", subject)
    assert len(normalise_identifier(identifier)) < 4 or normalise_identifier(identifier).lower() not in subject


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "\u200b", "0", "00000", "009999", "000-000", "XXXX", "xxx", "99999999", "?", "-", "...", "ANON",
     "anonymous", "Anonymisé", "Anonymise\u0301", "UNKNOWN", "inconnu", "N/A", "n.a.", "none", "NULL", "non renseigné",
     "Non Renseignée", "ND", "sans IPP", "Patient ID"],
    ids=ascii,
)  # fmt: skip
def test_a_placeholder_makes_no_subject(text: str) -> None:
    assert ARVEL.subject(PatientRef(text)) is None


@pytest.mark.parametrize("text", ["A0412733", "10", "007", "X1", "ANON-0042", "999", "1CT1"])
def test_what_names_somebody_is_no_placeholder(text: str) -> None:
    assert ARVEL.subject(PatientRef(text)) is not None


# --- date shifts


@given(identifiers, st.integers(min_value=1, max_value=3650))
def test_every_date_moves_back_by_at_least_a_day_and_at_most_the_limit(identifier: str, limit: int) -> None:
    pseudonyms = Pseudonymiser(KEYS, "arvel", "CHU-ARVEL", limit)
    subject = pseudonyms.subject(PatientRef(identifier))
    assert subject is not None
    assert -limit <= pseudonyms.shift(subject).days <= -1
    assert pseudonyms.shift(subject).seconds == 0
    assert pseudonyms.shift(subject) == pseudonyms.shift(subject)


@given(identifiers, st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_a_subject_s_dates_keep_their_intervals_in_whole_days(identifier: str, one: date, other: date) -> None:
    subject = ARVEL.subject(PatientRef(identifier))
    assert subject is not None
    shift = ARVEL.shift(subject)
    assert (other + shift) - (one + shift) == other - one
    assert shift == timedelta(days=shift.days) <= timedelta(days=-1)


def test_shifts_differ_between_subjects_and_use_the_whole_span() -> None:
    days = {ARVEL.shift(f"sub-{number}").days for number in range(5000)}
    assert days == set(range(-365, 0))


# --- UIDs and references


@given(st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,8})){1,10}", fullmatch=True))
def test_a_uid_is_replaced_by_a_valid_one(uid: str) -> None:
    """PS3.5, 9.1: at most 64 characters, no leading zeros; B.2: a UUID under 2.25."""
    replaced = ARVEL.uid(uid)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", replaced)
    number = int(replaced.removeprefix("2.25."))
    assert number >> 76 & 0xF == 8, "UUID version 8"
    assert number >> 62 & 0b11 == 0b10, "the variant of RFC 9562"


def test_a_uid_has_one_replacement_padded_or_not_and_at_every_centre() -> None:
    assert ARVEL.uid("1.2.3\0") == ARVEL.uid("1.2.3") == ARVEL.uid("1.2.3 ") == BELCOMBE.uid("1.2.3")


def test_a_reference_fits_a_short_string_and_belongs_to_its_centre_and_purpose() -> None:
    reference = ARVEL.reference("accession", "ACC123")
    assert re.fullmatch(r"[A-Z2-7]{16}", reference)
    assert reference == ARVEL.reference("accession", " acc123 ")
    assert reference != BELCOMBE.reference("accession", "ACC123")
    assert reference != ARVEL.reference("study id", "ACC123")


def test_one_value_gives_unlike_replacements_for_unlike_purposes() -> None:
    subject = ARVEL.subject(PatientRef("12345"))
    assert subject is not None
    assert subject.removeprefix("sub-").upper() != ARVEL.reference("subject", "12345")


def test_nothing_secret_or_identifying_stands_in_a_repr() -> None:
    ARVEL.subject(PatientRef("A0412733"))
    assert repr(ARVEL) == (
        "Pseudonymiser(centre='arvel', issuer='CHU-ARVEL', max_shift_days=365, aliases=(), leading_zeros='ignored')"
    )
    assert "A0412733" not in repr(PatientRef("A0412733"))


# --- wherever a subject is found by identifier


@dataclass(frozen=True)
class Delivered:
    """A folder made safe: the output, what became of each file, and the replacements."""

    target: Path
    outcomes: Mapping[str, Outcome]
    pseudonyms: Pseudonymiser

    def out(self, name: str) -> Path:
        return self.target / self.outcomes[name].output

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(self.out("c.csv").read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """One patient, written by the scanner with zeros and by the spreadsheet without; and the old hospital's number."""
    source, target = tmp_path_factory.mktemp("delivery"), tmp_path_factory.mktemp("safe") / "out"
    patient = Patient("MARCHEMALLE^Odilon", "00412733", "19560412", "M")
    (source / "a.dcm").write_bytes(ct_slice(patient, 1, 1, 16))
    other = pydicom.dcmread(io.BytesIO(ct_slice(patient, 2, 2, 16)))
    other.PatientID, other.IssuerOfPatientID = "412733", "Arvel Nord"
    other.save_as(source / "b.dcm")
    (source / "c.csv").write_text("ipp;date_examen;diagnostic\n412733;2026-11-01;1\n0000412733;2026-11-02;0\n", "utf-8")
    challenge = load(Path(__file__).parents[1] / "include" / "challenges" / "demo.yaml")
    issuers = (IssuerAlias(alias="ARVEL NORD", issuer="CHU-ARVEL"),)
    centre = challenge.centres[0].model_copy(update={"issuers": issuers})
    outcomes = deidentify(source, target, challenge, centre, KEYS)
    return Delivered(target, {outcome.source: outcome for outcome in outcomes}, pseudonyms_of(challenge, centre, KEYS))


def test_one_patient_in_four_writings_of_two_issuers_is_one_subject(delivered: Delivered) -> None:
    subject = delivered.pseudonyms.subject(PatientRef("412733"))
    assert {name: outcome.state for name, outcome in delivered.outcomes.items()} == dict.fromkeys(
        ("a.dcm", "b.dcm", "c.csv"), State.ACCEPTED
    )
    images = [pydicom.dcmread(delivered.out(name)) for name in ("a.dcm", "b.dcm")]
    assert [image.PatientID for image in images] == [subject, subject]
    assert [row["subject"] for row in delivered.rows()] == [subject, subject]


def test_dates_move_alike_in_tables_and_images(delivered: Delivered) -> None:
    subject = delivered.pseudonyms.subject(PatientRef("412733"))
    assert subject is not None
    images = [date.fromisoformat(pydicom.dcmread(delivered.out(name)).StudyDate) for name in ("a.dcm", "b.dcm")]
    rows = [date.fromisoformat(row["exam_date"]) for row in delivered.rows()]
    moved = [day + delivered.pseudonyms.shift(subject) for day in (date(2026, 11, 1), date(2026, 11, 2))]
    assert images == rows == moved


def test_a_request_in_another_writing_means_the_same_subject() -> None:
    asked, unreadable = parse_requests(
        "ipp;demande;émetteur\n00412733;opposition;\n 412 733;effacement;chu-arvel\n".encode()
    )
    assert not unreadable
    assert {ARVEL.subject(one.patient) for one in asked} == {ARVEL.subject(PatientRef("412733"))}
