"""Great Expectations' Data Docs: they say which rule failed and how often, show no value, and load nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser

from collecte.quality import data_docs, load_suites, validate
from tests.quality.conftest import IMAGE, TABLE, challenge

Facts = Callable[..., pd.DataFrame]

#: Names in every text column, numbers that nothing else on the page could be; each expectation fails.
PLANTED = {
    **{column: "MARCHEMALLE^Odilon" for column, value in IMAGE.items() if isinstance(value, str) and column != "kind"},
    **{column: "A0412733" for column in ("manufacturer", "model", "body_part")},
    "rows": 7301401,
    "columns": 7301402,
    "frames": -7301403,
    "samples_per_pixel": 7301404,
    "bits_allocated": 7301405,
    "bits_stored": 7301406,
    "pixel_spacing_row_mm": 7301.407,
    "pixel_spacing_column_mm": 7301.408,
    "patient_age_years": 7301.409,
}
NULLS = {
    **IMAGE,
    **{n: None for n in ("modality", "pixel_spacing_row_mm", "pixel_spacing_column_mm", "study_date", "subject")},
}
MIXED = [{**IMAGE, "object_id": 9}, {**IMAGE, "object_id": 9, "rows": 256, "pixel_spacing_row_mm": 0.5}]
TABLES = {
    "object_id": 3,
    "name": "MARCHEMALLE.csv",
    "column_names": "ipp,MARCHEMALLE,A0412733",
    "n_rows": -7301,
    "n_columns": -7302,
    "missing_share": 7301.5,
}
SECRET = re.compile("marchemalle|odilon|a0412733|7301", re.IGNORECASE)


def everything_fails(facts: Facts) -> pd.DataFrame:
    return facts({**IMAGE, **PLANTED}, {**IMAGE, **PLANTED}, *[NULLS] * 5, *MIXED, {**TABLE, **TABLES})


def page(frame: pd.DataFrame, folder: Path | None = None) -> str:
    verdict = validate(frame, challenge(), *([folder] if folder else []))
    return data_docs(verdict.judged, "Essai – Trial", "Hôpital fictif", "d0001")


def test_no_value_of_a_failed_expectation_is_shown(facts: Facts) -> None:
    text = page(everything_fails(facts))
    assert text.count("fa-times text-danger") == sum(len(suite.expected) for suite in load_suites(challenge()).values())
    assert "✓" not in re.sub("<style>.*</style>", "", text, flags=re.DOTALL)
    assert not SECRET.search(text)


def test_an_expectation_that_observes_values_shows_none(facts: Facts, suite_folder: Callable[..., Path]) -> None:
    def observe(raw: dict[str, Any]) -> None:
        meta = {"finding": "QUALITY-FEW-DATES", "severity": "warning"}
        raw["expectations"] = [
            {"type": type_, "kwargs": {"column": column, **kwargs}, "meta": meta}
            for type_, column, kwargs in (
                ("expect_column_max_to_be_between", "patient_age_years", {"max_value": 1}),
                ("expect_column_mean_to_be_between", "patient_age_years", {"max_value": 1}),
                ("expect_column_min_to_be_between", "rows", {"max_value": 1}),
                ("expect_column_most_common_value_to_be_in_set", "manufacturer", {"value_set": ["X"]}),
                ("expect_column_distinct_values_to_be_in_set", "model", {"value_set": ["X"]}),
                ("expect_column_distinct_values_to_contain_set", "body_part", {"value_set": ["X"]}),
            )
        ]

    text = page(facts({**IMAGE, **PLANTED}), suite_folder(observe))
    assert text.count("fa-times text-danger") == 6
    assert not SECRET.search(text)


def test_each_rule_stands_with_its_threshold_its_count_its_finding_and_its_severity(facts: Facts) -> None:
    text = re.sub(r"<[^>]*>|\s+", " ", page(facts(IMAGE, IMAGE, IMAGE, {**IMAGE, "rows": 0}, TABLE)))
    text = re.sub(r"\s+", " ", text)
    assert "rows values must be greater than or equal to 1 and less than or equal to 200000 ." in text
    assert "1 unexpected values found. 25% of 4 total rows. 25% unexpected QUALITY-IMAGE-SIZE refused" in text
    assert "study_date proportion of non-null values must be greater than or equal to 0.5 . 1 QUALITY-FEW-" in text
    assert "18 expectations: 16 succeeded, 2 failed." in text
    assert "3 expectations: 3 succeeded, 0 failed." in text


def test_the_page_names_no_address_and_holds_no_script(facts: Facts) -> None:
    text = page(everything_fails(facts))
    assert not re.search(r"//|\burl\(|\bsrc=|\bhref=|@import|<script|<link|javascript:|\bon[a-z]+=", text)
    assert "default-src 'none'" in text


def test_what_a_challenge_file_says_is_text_and_no_markup() -> None:
    text = data_docs((), "<b>&", "<script>", "d0001")
    assert "<b>" not in text
    assert "<script" not in text
    assert "&lt;b&gt;&amp;" in text


def test_an_empty_delivery_has_a_page_that_says_so(facts: Facts) -> None:
    assert "Nothing to judge" in page(facts())


def test_a_hundred_times_the_failing_files_make_no_longer_page(facts: Facts) -> None:
    spoilt = {**IMAGE, "rows": 0, "photometric": "X"}
    few = page(facts(*[spoilt] * 20))
    many = page(facts(*({**spoilt, "photometric": f"X{number}"} for number in range(2000))))
    assert abs(len(many) - len(few)) < 50


def test_another_process_on_another_day_makes_the_same_page(facts: Facts, tmp_path: Path) -> None:
    expected = page(everything_fails(facts))
    again = (
        "import sys\nfrom pathlib import Path\nfrom collecte.facts import read_facts\n"
        "from tests.quality.test_data_docs import page\n"
        "sys.stdout.write(page(read_facts([Path(sys.argv[1])])))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", again, str(tmp_path / "1.parquet")],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert ran.stdout == expected


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1200, 390])
def test_with_all_network_refused_it_shows_whole_on_a_desk_and_on_a_telephone(
    browser: Browser, facts: Facts, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "index.html"
    path.write_text(page(facts(IMAGE, {**IMAGE, "object_id": 5, "rows": 0}, TABLE)), "utf-8")
    shown = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=False)
    shown.context.set_offline(True)
    asked, said = [], []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: said.append(message.text))
    shown.goto(path.as_uri())
    assert (asked, said) == ([path.as_uri()], [])
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    rows = shown.locator("tbody tr:visible")
    assert rows.count() == 21
    shown.get_by_text("Failed only", exact=True).click()
    assert [row.count("unexpected values found") for row in rows.all_inner_texts()] == [1]
    shown.get_by_text("All", exact=True).click()
    assert rows.count() == 21
    shown.close()
