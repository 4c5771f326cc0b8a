"""Gates: without an agreement in force, nothing of a centre is collected, and the missing clause is named."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collecte.challenge import Centre, Challenge, load
from collecte.findings import refused
from collecte.gates import agreement_gate, kinds_covered, region_check

DEMO = load(Path(__file__).parents[1] / "include" / "challenges" / "demo.yaml")
TODAY = date(2026, 11, 1)


def with_agreement(**clauses: Any) -> tuple[Challenge, Centre]:
    """The demonstration, its first centre under an agreement with other clauses."""
    raw = DEMO.model_dump(mode="json")
    raw["centres"][0]["promised"] = []
    raw["centres"][0]["agreement"] |= clauses
    challenge = Challenge.model_validate(raw)
    return challenge, challenge.centres[0]


def codes(challenge: Challenge, centre: Centre, today: date = TODAY) -> list[str]:
    return [finding.code for finding in agreement_gate(challenge, centre, today)]


def test_an_agreement_in_force_opens_the_gate() -> None:
    for centre in DEMO.centres:
        assert codes(DEMO, centre) == []
        assert kinds_covered(DEMO, centre) == {"dicom", "table"}


@pytest.mark.parametrize(
    ("clauses", "code", "clause"),
    [
        ({"signed": None}, "AGREEMENT-NOT-IN-FORCE", "signed"),
        ({"signed": "2026-11-02"}, "AGREEMENT-NOT-IN-FORCE", "signed"),
        ({"ends": "2026-10-31"}, "AGREEMENT-ENDED", "ends"),
        ({"ends": None}, "AGREEMENT-CLAUSE-MISSING", "ends"),
        ({"authorisation": None}, "AGREEMENT-CLAUSE-MISSING", "authorisation"),
        ({"patient_notice": None}, "AGREEMENT-CLAUSE-MISSING", "patient_notice"),
        ({"purposes": ["open_data"]}, "AGREEMENT-PURPOSE-NOT-COVERED", "purposes"),
    ],
)
def test_a_missing_clause_closes_the_gate_and_is_named_in_both_languages(
    clauses: dict[str, Any], code: str, clause: str
) -> None:
    (finding,) = agreement_gate(*with_agreement(**clauses), TODAY)
    assert finding.code == code
    assert finding.refuses
    for language in ("fr", "en"):
        assert clause in finding.text(language)
        assert finding.remedy(language)


@pytest.mark.parametrize(
    ("clauses", "first", "last"),
    [({"signed": "2026-11-01"}, date(2026, 11, 1), date(2099, 12, 31)), ({"ends": "2026-11-01"}, TODAY, TODAY)],
)
def test_the_first_and_the_last_day_of_an_agreement_belong_to_it(
    clauses: dict[str, Any], first: date, last: date
) -> None:
    challenge, centre = with_agreement(**clauses)
    assert codes(challenge, centre, first) == []
    assert codes(challenge, centre, last) == []


def test_all_that_is_missing_is_named_at_once() -> None:
    challenge, centre = with_agreement(signed=None, ends=None, authorisation=None, patient_notice=None)
    assert codes(challenge, centre) == ["AGREEMENT-NOT-IN-FORCE", *["AGREEMENT-CLAUSE-MISSING"] * 3]


def test_the_kinds_that_are_covered_go_on_without_the_others() -> None:
    challenge, centre = with_agreement(kinds=["dicom"])
    findings = agreement_gate(challenge, centre, TODAY)
    assert [(finding.code, finding.values) for finding in findings] == [
        ("AGREEMENT-KIND-NOT-COVERED", {"kind": "table"})
    ]
    assert not refused(findings)
    assert "« table »" in findings[0].text("fr")
    assert "`table`" in findings[0].text("en")
    assert kinds_covered(challenge, centre) == {"dicom"}


def test_an_agreement_that_covers_no_kind_of_the_challenge_closes_the_gate() -> None:
    raw = DEMO.model_dump(mode="json")
    raw["kinds"]["dicom"] = None
    for centre in raw["centres"]:
        centre["promised"] = []
    raw["centres"][0]["agreement"]["kinds"] = ["dicom"]
    challenge = Challenge.model_validate(raw)
    (finding,) = agreement_gate(challenge, challenge.centres[0], TODAY)
    assert finding.code == "AGREEMENT-COVERS-NO-KIND"
    assert finding.refuses
    assert "types de données" in finding.text("fr")
    assert "kinds" in finding.text("en")
    assert kinds_covered(challenge, challenge.centres[0]) == frozenset()


def test_a_destination_where_an_agreement_does_not_allow_the_data_is_named_with_the_centre() -> None:
    challenge, _ = with_agreement(regions=["fr"])
    assert challenge.release is not None
    sftp, s3 = challenge.release.destinations
    centres = [centre.id for centre in challenge.centres]

    assert region_check(challenge, centres, sftp).holds  # in France, which all allow
    (found,) = region_check(challenge, centres, s3).findings
    assert found.code == "DESTINATION-REGION-NOT-ALLOWED"
    assert found.values == {"centre": challenge.centres[0].id, "destination": "host-s3", "region": "eu"}
    assert region_check(challenge, centres[1:], s3).holds, "a centre without data in it has no say"
    assert not region_check(challenge, ["gone"], sftp).holds, "nobody knows what a centre that left had agreed to"


@pytest.mark.parametrize(
    ("today", "code", "day"),
    [
        (date(2019, 12, 31), "COLLECTION-NOT-OPEN", "2020-01-01"),
        (date(2100, 1, 1), "COLLECTION-CLOSED", "2099-12-31"),
    ],
)
def test_outside_the_collection_nothing_is_collected(today: date, code: str, day: str) -> None:
    (finding,) = [f for f in agreement_gate(DEMO, DEMO.centres[0], today) if f.code.startswith("COLLECTION")]
    assert finding.code == code
    assert finding.refuses
    assert day in finding.text("fr")
    assert day in finding.text("en")
    assert finding.remedy("fr") != finding.remedy("en")


def test_a_day_before_the_signature_is_not_in_force_even_inside_the_collection() -> None:
    challenge, centre = with_agreement(signed="2027-01-01")
    assert codes(challenge, centre) == ["AGREEMENT-NOT-IN-FORCE"]
