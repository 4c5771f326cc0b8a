"""A suite file that is wrong says where, by file and key, and what to write instead."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collecte.errors import NeedsPerson
from collecte.findings import rule
from collecte.quality import load_suites, parameters, validate
from collecte.quality.suites import FOLDER
from tests.quality.conftest import IMAGE, TABLE, challenge

Facts = Callable[..., pd.DataFrame]
SuiteFolder = Callable[[Callable[[dict[str, Any]], object]], Path]


def at(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a value in at a path of keys."""

    def change(raw: dict[str, Any]) -> None:
        place: Any = raw
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


FIRST = ("expectations", 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (at(*FIRST, "meta", "finding", value="NO-SUCH-CODE"), "expectations[0].meta.finding: no findings.yaml"),
        (
            at(*FIRST, "meta", "severity", value="warning"),
            "expectations[0].meta.severity: QUALITY-IMAGE-SIZE is registered",
        ),
        (at(*FIRST, "kwargs", "min_value", value={"$PARAMETER": "nope"}), "expectations[0].kwargs.min_value: no such"),
        (at(*FIRST, "kwargs", "min_value", value={"min": 1}), "expectations[0].kwargs.min_value: no such threshold"),
        (
            at(*FIRST, "kwargs", "column", value="patient_name"),
            "expectations[0].kwargs.column: the facts have no column",
        ),
        (at("expectations", 3, "kwargs", "column_A", value="x"), "expectations[3].kwargs.column_A: the facts have no"),
        (at(*FIRST, "kwargs", value={"column": "rows", "max_value": 1}), "expectations[0].kwargs: the text of QUALITY"),
        (at(*FIRST, "meta", value={}), "expectations[0]: type, kwargs, meta.finding or meta.severity is missing"),
        (at(*FIRST, value="rows"), "expectations[0]: type, kwargs"),
        (at("expectations", value=[]), "dicom.json: name or expectations is missing"),
        (at("name", value="table"), "dicom.json: name or expectations is missing"),
    ],
)
def test_a_wrong_suite_is_refused_when_it_is_loaded(
    suite_folder: SuiteFolder, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(NeedsPerson) as caught:
        load_suites(challenge(), suite_folder(change))
    assert "dicom.json" in str(caught.value)
    assert said in str(caught.value)
    assert "To do: " in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (at(*FIRST, "type", value="expect_nothing"), "[0].type: Great Expectations has no such expectation"),
        (at(*FIRST, "kwargs", "minimum", value=3), "expect_column_values_to_be_between does not take minimum"),
        (at(*FIRST, "meta", value={"finding": "QUALITY-FEW-DATES", "severity": "warning"}), "is about a delivery, and"),
        (at(*FIRST, "type", value="expect_column_mean_to_be_between"), "is about a file, and this expectation judges"),
    ],
)  # fmt: skip
def test_what_great_expectations_would_skip_in_silence_is_refused_before_judging(
    facts: Facts, suite_folder: SuiteFolder, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(NeedsPerson) as caught:
        validate(facts(IMAGE), challenge(), suite_folder(change))
    assert said in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_file_that_is_no_json_is_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text('{"name": "table",\n "expectations": [}\n')
    with pytest.raises(NeedsPerson, match=r"table\.json: line 2, column \d+ is no JSON"):
        load_suites(challenge(), tmp_path)


def test_a_file_that_is_no_text_or_of_no_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_bytes(b"\xff\xfe")
    with pytest.raises(NeedsPerson, match="cannot be read"):
        load_suites(challenge(), tmp_path)
    (tmp_path / "table.json").rename(tmp_path / "tabel.json")
    with pytest.raises(NeedsPerson, match=r"tabel\.json: no kind of data has this name"):
        load_suites(challenge(), tmp_path)


def test_a_kind_without_a_suite_is_not_waved_through(facts: Facts, tmp_path: Path) -> None:
    (tmp_path / "dicom.json").write_text((FOLDER / "dicom.json").read_text("utf-8"))
    with pytest.raises(NeedsPerson, match=r"table\.json: the file is missing"):
        validate(facts(IMAGE, TABLE), challenge(), tmp_path)


def test_thresholds_are_the_fields_of_the_challenge_s_quality() -> None:
    given = parameters(challenge(min_rows=64, pixel_spacing_mm=[0.1, 2]))
    assert given["min_rows"] == 64
    assert (given["pixel_spacing_mm_min"], given["pixel_spacing_mm_max"]) == (0.1, 2)
    assert (given["earliest_study"], given["latest_study"]) == (date(1970, 1, 1), date(2030, 1, 1))


def test_the_shipped_suites_are_read_whole() -> None:
    raw = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
    for kind, suite in load_suites(challenge()).items():
        assert len(suite.expected) == len(raw[kind]["expectations"])
    assert set(load_suites(challenge())) == set(raw) - {"homogeneity"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.name)
def test_the_shipped_suites_say_why(path: Path) -> None:
    raw = json.loads(path.read_text("utf-8"))
    for entry in raw["expectations"]:
        assert entry["meta"]["why"].endswith(".")
        assert rule(entry["meta"]["finding"]).severity == entry["meta"]["severity"]
