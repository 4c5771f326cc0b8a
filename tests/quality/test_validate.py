"""Each expectation of the shipped suites fails on the value that it is for, and names that file alone."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collecte.errors import Bug
from collecte.findings import registry
from collecte.quality import judged_columns, load_suites, validate
from tests.quality.conftest import IMAGE, TABLE, challenge

Facts = Callable[..., pd.DataFrame]


def found(frame: pd.DataFrame, **quality: Any) -> list[tuple[int | None, str, str]]:
    return [(file_id, f.code, f.place) for file_id, f in validate(frame, challenge(**quality)).findings]


def test_a_sound_delivery_passes_every_expectation(facts: Facts) -> None:
    validation = validate(facts(IMAGE, IMAGE, TABLE), challenge())
    suites = load_suites(challenge())
    assert validation.findings == ()
    assert (validation.passed, validation.failed) == (sum(len(suite.expected) for suite in suites.values()), 0)
    assert validation.statistics["table"] == {"files": 1, "passed": len(suites["table"].expected), "failed": 0}
    assert validation.statistics["dicom"]["files"] == 2


SPOILT = [
    ({"rows": 0}, "QUALITY-IMAGE-SIZE", "rows"),
    ({"columns": 200_001}, "QUALITY-IMAGE-SIZE", "columns"),
    ({"frames": 0}, "QUALITY-NO-FRAMES", "frames"),
    ({"bits_stored": 17}, "QUALITY-BITS-STORED", "bits_allocated, bits_stored"),
    ({"bits_allocated": 12}, "QUALITY-BITS-ALLOCATED", "bits_allocated"),
    ({"samples_per_pixel": 2}, "QUALITY-SAMPLES", "samples_per_pixel"),
    ({"photometric": "DUPONT"}, "QUALITY-PHOTOMETRIC", "photometric"),
    ({"pixel_spacing_row_mm": None}, "QUALITY-NO-SPACING", "pixel_spacing_row_mm"),
    ({"pixel_spacing_column_mm": None}, "QUALITY-NO-SPACING", "pixel_spacing_column_mm"),
    ({"pixel_spacing_row_mm": 0.0}, "QUALITY-SPACING-RANGE", "pixel_spacing_row_mm"),
    ({"pixel_spacing_column_mm": 51.0}, "QUALITY-SPACING-RANGE", "pixel_spacing_column_mm"),
    ({"modality": None}, "QUALITY-NO-MODALITY", "modality"),
    ({"study_date": "1969-12-31"}, "QUALITY-STUDY-DATE", "study_date"),
    ({"study_date": "2030-01-02"}, "QUALITY-STUDY-DATE", "study_date"),
    ({"patient_sex": "DUPONT"}, "QUALITY-SEX", "patient_sex"),
    ({"patient_age_years": 131.0}, "QUALITY-AGE", "patient_age_years"),
    ({"kind": "table", "n_rows": 0}, "QUALITY-TABLE-ROWS", "n_rows"),
    ({"kind": "table", "n_columns": 1}, "QUALITY-TABLE-COLUMNS", "n_columns"),
    ({"kind": "table", "missing_share": 0.51}, "QUALITY-TABLE-GAPS", "missing_share"),
]


@pytest.mark.parametrize(("spoilt", "code", "place"), SPOILT)
def test_a_bad_value_is_told_of_its_own_file(facts: Facts, spoilt: dict[str, Any], code: str, place: str) -> None:
    bad = {**(TABLE if "kind" in spoilt else IMAGE), "object_id": 3, **spoilt}
    assert found(facts(IMAGE, TABLE, bad, IMAGE)) == [(3, code, place)]


def test_the_columns_that_the_suites_look_at_are_enough_for_the_same_verdict(
    facts: Facts, suite_folder: Callable[..., Path]
) -> None:
    whole = facts(IMAGE, *({**(TABLE if "kind" in bad else IMAGE), "object_id": 3, **bad} for bad, _, _ in SPOILT))
    columns = judged_columns(challenge())
    assert not {"name", "subject", "manufacturer"} & set(columns)
    few = validate(whole[columns], challenge())
    assert few.findings
    assert (few.findings, few.judged) == (validate(whole, challenge()).findings, validate(whole, challenge()).judged)

    def ask_of_one_maker(raw: dict[str, Any]) -> None:
        raw["expectations"][0]["kwargs"] |= {
            "row_condition": 'manufacturer == "ACME"',
            "condition_parser": "pandas",
        }

    assert "manufacturer" in judged_columns(challenge(), suite_folder(ask_of_one_maker))


def test_every_finding_of_this_room_is_raised_by_the_shipped_suites() -> None:
    named = {expected.code for suite in load_suites(challenge()).values() for expected in suite.expected}
    tested = {code for _, code, _ in SPOILT} | {"QUALITY-SERIES-SIZES", "QUALITY-SERIES-SPACINGS", "QUALITY-FEW-DATES"}
    assert named == tested == {code for code in registry() if code.startswith("QUALITY-")}


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"rows": 256, "columns": 256}, "QUALITY-SERIES-SIZES"),
        ({"pixel_spacing_row_mm": 0.5}, "QUALITY-SERIES-SPACINGS"),
    ],
)
def test_a_mixed_series_is_told_once_on_its_first_file_with_the_number_of_its_files(
    facts: Facts, spoilt: dict[str, Any], code: str
) -> None:
    other = {**IMAGE, "object_id": 9, **spoilt}
    validation = validate(facts(other, IMAGE, IMAGE, {**IMAGE, **spoilt}, TABLE, other), challenge())
    assert [(file_id, f.code, f.count) for file_id, f in validation.findings] == [(2, code, 3)]


def test_series_of_single_views_may_mix_sizes(facts: Facts) -> None:
    view = {**IMAGE, "modality": "DX", "sop_class": "1.2.840.10008.5.1.4.1.1.1.1"}
    assert found(facts(view, {**view, "rows": 256})) == []


def test_a_report_without_pixels_is_not_asked_for_any(facts: Facts) -> None:
    pixels = ("rows", "columns", "frames", "samples_per_pixel", "bits_allocated", "bits_stored", "photometric",
              "pixel_spacing_row_mm", "pixel_spacing_column_mm")  # fmt: skip
    report = {**IMAGE, "modality": "SR", "sop_class": "1.2.840.10008.5.1.4.1.1.88.11", **dict.fromkeys(pixels)}
    assert found(facts(report)) == []


def test_a_delivery_mostly_without_dates_is_told_as_a_whole(facts: Facts) -> None:
    undated = {**IMAGE, "study_date": None}
    assert found(facts(IMAGE, undated)) == []
    assert found(facts(IMAGE, undated, undated)) == [(None, "QUALITY-FEW-DATES", "study_date")]


def test_thresholds_are_the_challenge_s_and_the_text_cites_them(facts: Facts) -> None:
    frame = facts({**IMAGE, "pixel_spacing_row_mm": 0.04, "pixel_spacing_column_mm": 0.04}, TABLE)
    quality = {"min_rows": 600, "pixel_spacing_mm": [0.05, 5.0], "earliest_study": "2021-01-01"}
    quality |= {"min_table_rows": 13, "max_missing_share": 0.05}
    findings = [finding for _, finding in validate(frame, challenge(**quality)).findings]
    texts = " ".join(finding.text("fr") for finding in findings)
    for cited in ("moins de 600", "0.05 à 5 mm", "2021-01-01 à 2030-01-01", "moins de 13 ligne", "dépasse 0.05"):
        assert cited in texts
    assert {finding.code for finding in findings if finding.refuses} == {"QUALITY-IMAGE-SIZE", "QUALITY-TABLE-ROWS"}
    assert validate(frame, challenge(min_rows=512)).findings == ()


def test_an_empty_delivery_is_judged_without_a_word(facts: Facts) -> None:
    validation = validate(facts(), challenge())
    assert (validation.findings, validation.passed, validation.failed, validation.statistics) == ((), 0, 0, {})


def test_no_value_reaches_a_finding_a_log_or_the_terminal(
    facts: Facts, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    spoilt = {**IMAGE, "photometric": "MARCHEMALLE", "patient_sex": "MARCHEMALLE", "study_date": "MARCHEMALLE"}
    validation = validate(facts(spoilt), challenge())
    assert len(validation.findings) == 3
    printed = capfd.readouterr()
    assert "MARCHEMALLE" not in repr(validation) + caplog.text + printed.out + printed.err
    assert printed.err == printed.out == ""
    assert "great_expectations" not in caplog.text


def test_an_expectation_that_cannot_be_evaluated_is_a_bug_and_never_a_pass(
    facts: Facts, suite_folder: Callable[..., Path]
) -> None:
    def regex_on_numbers(raw: dict[str, Any]) -> None:
        raw["expectations"][0]["kwargs"] = {"column": "photometric", "min_value": 1, "max_value": 2}

    with pytest.raises(Bug, match=r"dicom\.json: expectations\[0\] could not be evaluated") as caught:
        validate(facts({**IMAGE, "photometric": "MARCHEMALLE"}), challenge(), suite_folder(regex_on_numbers))
    assert "MARCHEMALLE" not in str(caught.value)


def test_ten_thousand_files_take_seconds(facts: Facts) -> None:
    validation = validate(facts(*([IMAGE] * 9_999), {**IMAGE, "rows": 0}), challenge())
    assert [file_id for file_id, _ in validation.findings] == [1, 10_000]
