"""Great Expectations' Data Docs of one delivery: its own rendering of the results, in one page of ours.

Its stock page is left aside. It loads fifteen scripts and sheets from six servers, runs them wherever it is opened
(in Airflow's UI as well), stamps the time, and shows the values that fail. What is taken is what its renderers say of
each expectation, and its templates for that. They are handed results that hold counts alone: what is not named below
does not reach them, whatever an expectation of tomorrow reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from collecte.errors import Bug
from collecte.findings import rule
from collecte.quality.silence import silent
from collecte.quality.suites import Expected

#: What a result may say: how many rows, and which share of them.
_COUNTS = frozenset(
    {
        "element_count",
        "missing_count",
        "missing_percent",
        "unexpected_count",
        "unexpected_percent",
        "unexpected_percent_nonmissing",
        "unexpected_percent_total",
    }
)

#: Expectations whose observed value is a share of rows. That of any other may be a patient's: an age, a date, a text.
_SHARES = frozenset({"expect_column_proportion_of_non_null_values_to_be_between"})


@dataclass(frozen=True)
class Judged:
    """What one kind's suite gave, as far as it may be shown: each expectation, whether it held, and its counts."""

    kind: str
    results: Sequence[tuple[Expected, bool, Mapping[str, float]]]

    @property
    def failed(self) -> int:
        """How many expectations did not hold."""
        return sum(not success for _, success, _ in self.results)


def counts_of(expected: Expected, result: Mapping[str, Any]) -> dict[str, float]:
    """Of a result of Great Expectations, the counts and shares of rows; no value of a row."""
    shown = _COUNTS | ({"observed_value"} if expected.type in _SHARES else set())
    found = {name: value for name, value in result.items() if name in shown and isinstance(value, Real)}
    # Its renderers choke on numpy's numbers, which it gives itself.
    return {name: int(value) if isinstance(value, Integral) else float(value) for name, value in found.items()}


def data_docs(judged: Sequence[Judged], title: str, centre: str, delivery: str) -> str:
    """The page, HTML; it loads nothing, runs nothing and holds no time. The same results give the same text.

    Raises:
        Bug: Great Expectations has no words for an expectation.
    """
    with silent():
        from great_expectations.render.view.view import DefaultJinjaPageView

        view = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).with_name("templates")))
        page = view.env.get_template("data_docs.html.jinja")
        tables = {kind.kind: _table(kind) for kind in judged}
        return str(page.render(judged=judged, tables=tables, title=title, centre=centre, delivery=delivery))


def _table(judged: Judged) -> dict[str, Any]:
    """One kind's results as the table that Great Expectations makes of them, with two columns of ours."""
    from great_expectations.render.renderer.content_block import validation_results_table_content_block as words

    results = [_result(expected, success, counts) for expected, success, counts in judged.results]
    rendered: Any = words.ValidationResultsTableContentBlockRenderer.render(results)
    table: dict[str, Any] = rendered.to_json_dict()
    if [len(row) for row in table["table"]] != [len(table["header_row"])] * len(results):
        raise Bug(f"Great Expectations cannot put an expectation of {judged.kind} into words.")
    for row, (expected, _, _) in zip(table["table"], judged.results, strict=True):
        row += [expected.code, rule(expected.code).severity]
    table["header_row"] += ["Finding", "Severity"]
    return table


def _result(expected: Expected, success: bool, counts: Mapping[str, float]) -> Any:
    """A result as Great Expectations' renderers take it. They write numbers and text alone, so days become text."""
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    arguments = {n: v.isoformat() if isinstance(v, date) else v for n, v in expected.arguments.items()}
    return ExpectationValidationResult(
        success=success,
        expectation_config=ExpectationConfiguration(type=expected.type, kwargs=arguments, meta={}),
        result=dict(counts),
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
