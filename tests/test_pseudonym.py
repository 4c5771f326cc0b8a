"""Keyed replacements: one patient, one pseudonym, wherever their data stand, and no way back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser, is_placeholder, normalise_identifier
from collecte.records import PatientRef

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


def test_identifiers_that_differ_are_two_patients() -> None:
    """Leading zeros count: 0123 and 123 may be two people."""
    subjects = {ARVEL.subject(PatientRef(text)) for text in ("0123", "123", "1230", "A123", "1-23")}
    assert len(subjects) == 5


def test_one_number_at_two_centres_is_two_patients() -> None:
    assert ARVEL.subject(PatientRef("123456", "X")) != BELCOMBE.subject(PatientRef("123456", "X"))


def test_one_number_of_two_issuers_is_two_patients() -> None:
    assert ARVEL.subject(PatientRef("123456", "HOSPITAL A")) != ARVEL.subject(PatientRef("123456", "HOSPITAL B"))


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
    ["", " ", "\0", "\u200b", "0", "00000", "000-000", "XXXX", "xxx", "99999999", "?", "-", "...", "ANON", "anonymous",
     "Anonymisé", "Anonymise\u0301", "UNKNOWN", "inconnu", "N/A", "n.a.", "none", "NULL", "non renseigné",
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
    assert repr(ARVEL) == "Pseudonymiser(centre='arvel', issuer='CHU-ARVEL', max_shift_days=365)"
    assert "A0412733" not in repr(PatientRef("A0412733"))
