"""What content items say of the patient, and codes that say nothing but a unit."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from collecte.formats.dicom._codes import clean_code
from collecte.formats.dicom._rewrite import told_version
from collecte.formats.dicom.explain import explain
from tests.formats.dicom.builders import Maker, context, slice_of, written
from tests.formats.dicom.utility import written_and_read
from tests.judge.documents import report
from tests.judge.samples import code, fill, items

BIRTH, AGE, WEIGHT = (
    code("121031", "DCM", "Subject Birth Date"),
    code("121033", "DCM", "Subject Age"),
    code("29463-7", "LN", "Patient Weight"),
)
CLEANED = ["clean_structured_content", "retain_longitudinal_modified_dates"]
TOLD = [*CLEANED, "retain_patient_characteristics"]


def _node(kind: str, concept: Dataset, **values: Any) -> Dataset:
    return fill(
        Dataset(), RelationshipType="HAS OBS CONTEXT", ValueType=kind, ConceptNameCodeSequence=items(concept), **values
    )


def _number(concept: Dataset, value: str, unit: str) -> Dataset:
    measured = {"NumericValue": value, "MeasurementUnitsCodeSequence": items(code(unit, "UCUM", unit))}
    return _node("NUM", concept, MeasuredValueSequence=items(measured))


def _told(make: Maker, node: Dataset, options: list[str]) -> Dataset:
    """The node as the copy of a report has it."""
    return make(_report(node), context(options=options)).dataset.ContentSequence[0]


def _report(node: Dataset) -> Dataset:
    """A comprehensive report of one node."""
    return written_and_read(fill(report(1, "33"), ContentSequence=items(node)))


@pytest.mark.parametrize("options", [TOLD, ["clean_structured_content", "retain_longitudinal_full_dates"]])
def test_a_birth_date_in_a_report_goes_where_the_attribute_goes(make: Maker, options: list[str]) -> None:
    assert _told(make, _node("DATE", BIRTH, Date="19410623"), options).Date == "19000101"


def test_another_date_in_a_report_moves(make: Maker) -> None:
    told = _told(make, _node("DATE", code("111060", "DCM", "Study Date"), Date="20200623"), TOLD).Date
    assert told.startswith("20")
    assert told != "20200623"


@pytest.mark.parametrize(
    ("node", "options", "told"),
    [
        (_number(AGE, "42", "a"), TOLD, "42"),
        (_number(AGE, "90", "a"), TOLD, None),
        (_number(AGE, "89.5", "a"), TOLD, "89.5"),
        (_number(AGE, "1080", "mo"), TOLD, None),
        (_number(AGE, "97", "1"), TOLD, None),
        (_number(AGE, "42", "a"), CLEANED, None),
        (_number(WEIGHT, "61", "kg"), TOLD, "61"),
        (_number(WEIGHT, "61", "kg"), CLEANED, None),
    ],
)
def test_what_a_report_measures_of_a_patient_is_told_where_the_attribute_is(
    make: Maker, node: Dataset, options: list[str], told: str | None
) -> None:
    measured = _told(make, node, options).MeasuredValueSequence
    assert [str(one.NumericValue) for one in measured] == ([told] if told else [])


@pytest.mark.parametrize("place", ["AcquisitionContextSequence", "ContentItemModifierSequence"])
def test_so_does_what_is_said_beside_an_image(make: Maker, place: str) -> None:
    birth = _node("DATE", BIRTH, Date="19410623")
    where = (
        birth if place == "AcquisitionContextSequence" else fill(Dataset(), ContentItemModifierSequence=items(birth))
    )
    outer = "AcquisitionContextSequence" if where is birth else "ProtocolContextSequence"
    image = slice_of()
    setattr(image, outer, items(where))
    made = make(image, context(options=["retain_longitudinal_full_dates"]))
    assert made.safe
    assert made.safe.sha256
    assert b"19410623" not in made.bytes


@pytest.mark.parametrize("concept", [code("121030", "DCM", "Subject ID"), code("121022", "DCM", "Accession Number")])
def test_a_number_of_the_patient_is_no_measure(make: Maker, concept: Dataset) -> None:
    assert list(_told(make, _number(concept, "75894213", "1"), TOLD).MeasuredValueSequence) == []


def test_who_asks_is_told_of_it(tmp_path: Path) -> None:
    path = written(_report(_node("DATE", BIRTH, Date="19410623")), tmp_path / "f")
    told = explain(path, context(options=TOLD))
    (birth,) = [one for one in told.elements if one.keyword == "Date"]
    assert (birth.outcome, "attribute of the patient" in birth.rule) == ("dummy value", True)


@pytest.mark.parametrize(
    "unit",
    """
    mm mm2/s 10-6.mm2/s 10*6/ul ml/100ml/s ml/100g/min {SUVbw}g/ml g/ml{SUVbw} cm2/ml{SUVbsa} Bq/ml {counts}/s 1 %
    {H.B.}/min ms uV mV kV mA mAs dGy.cm2 mGy.cm ml/min/{1.73_m2} /min s-1 mm[Hg] [hnsf'U] HU mmol/L MHz Hz/ppm kg/m2
    rad/s W/kg min {ratio} [ppm] 10*-3.mm2/s dyn.s.cm-5/m2
    """.split(),  # noqa: SIM905
)
def test_a_unit_stays(unit: str) -> None:
    assert clean_code(unit, "UCUM") is not None


@pytest.mark.parametrize(
    "text",
    """
    Smith Henri.Kovac/Oslo {lefebvre} Marie Durand Lea Max Hugo Adam Tom Kim Ben 19410623 0612345678 10194106 1.1.1.1
    10*19.10*41.10*06 100.100 19/41 {1941}
    """.split(),  # noqa: SIM905
)
def test_what_is_no_unit_does_not(text: str) -> None:
    assert clean_code(text, "UCUM") is None


@pytest.mark.parametrize(
    ("value", "scheme", "meaning"),
    [
        ("5.6.3-9-1", "SCPECG", "Lead I"),
        ("5.6.3-9-62", "SCPECG", "aVR, augmented voltage, right"),
        ("R-10214", "SRT", "postero-anterior"),
        ("T-04000", "SRT", "Breast"),
        ("5.6.3-9-999", "SCPECG", "5.6.3-9-999"),
    ],
)
def test_an_old_code_means_what_its_successor_means(value: str, scheme: str, meaning: str) -> None:
    assert clean_code(value, scheme, "Marchemalle") == (value, scheme, meaning)


@pytest.mark.parametrize(
    ("options", "attributes", "said"),
    [
        ([], [], {"DICOM-CONTENT-REMOVED"}),
        (["clean_structured_content"], [], set()),
        ([], [{"attribute": "ContentSequence", "action": "keep"}], set()),
    ],
)
def test_a_report_whose_content_is_taken_out_says_so(
    make: Maker, options: list[str], attributes: list[Any], said: set[str]
) -> None:
    made = make(_report(_number(AGE, "42", "a")), context(options=options, attributes=attributes))
    assert made.codes == said
    assert all("clean_structured_content" in finding.text("fr") for finding in made.harvest.findings)


@pytest.mark.parametrize(
    ("value", "scheme", "passes"),
    [
        ("71388002", "SCT", True),  # Procedure
        ("12041956", "SCT", False),
        ("56041206", "SCT", False),
        ("8302-2", "LN", True),
        ("195604-1", "LN", False),
        ("5.6.3-9-1", "SCPECG", True),
        ("5.12.04.56-19-56", "SCPECG", False),
    ],
)
def test_the_numbers_of_codes_are_checked(value: str, scheme: str, passes: bool) -> None:
    assert (clean_code(value, scheme) is not None) is passes


@pytest.mark.parametrize(("version", "told"), [("20.1.3", "20.1.3"), ("04.12.56", ""), ("2.46", "2.46"), ("1", "1")])
def test_the_version_of_a_scheme_is_no_day(version: str, told: str) -> None:
    assert told_version(version) == told


def test_a_day_that_many_patients_share_does_not_move_in_a_report(make: Maker) -> None:
    node = _node("DATETIME", code("113723", "DCM", "Calibration DateTime"), DateTime="20230105080000")
    assert _told(make, node, TOLD).DateTime == "19000101000000"
    exact = ["clean_structured_content", "retain_longitudinal_full_dates"]
    assert _told(make, node, exact).DateTime == "20230105080000"
