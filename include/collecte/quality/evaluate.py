"""Run a suite over a table with Great Expectations.

Its import takes seconds, so it stands inside the functions; it is called once for a delivery. What it logs, warns of
and raises may repeat values of the table: nothing of it leaves this module.
"""

from collections.abc import Mapping, Set
from typing import Any

import pandas as pd

from collecte.errors import Bug
from collecte.findings import rule
from collecte.quality.silence import silent
from collecte.quality.suites import Expected, Suite, Threshold, wrong_suite


def evaluated(
    table: pd.DataFrame, suite: Suite, thresholds: Mapping[str, Threshold], *, row: str, of_rows: Set[str]
) -> list[tuple[Expected, Any]]:
    """Each expectation with its result. ``row``: the column by which rows are named; ``of_rows``: the scopes of
    findings that are about rows.

    Raises:
        NeedsPerson: an expectation cannot be used as it stands.
        Bug: one could not be evaluated.
    """
    result_format = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [row],
        "exclude_unexpected_values": True,
        "include_unexpected_rows": False,
    }
    with silent():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas("facts").add_dataframe_asset(suite.kind)
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
        expectations = [_expectation(expected, number, of_rows) for number, expected in enumerate(suite.expected)]
        whole = gx.ExpectationSuite(name=suite.kind, expectations=expectations)
        results = batch.validate(whole, result_format=result_format, expectation_parameters=dict(thresholds)).results
    by_number = {_number(result): result for result in results}
    if set(by_number) != set(range(len(suite.expected))):
        raise Bug(f"Great Expectations judged {len(by_number)} of {len(suite.expected)} expectations of {suite.kind}.")
    for number, expected in enumerate(suite.expected):
        if _raised(by_number[number].exception_info):
            raise Bug(f"expectations/{expected.where} could not be evaluated.")
    return [(expected, by_number[number]) for number, expected in enumerate(suite.expected)]


def rows_of(expected: Expected, result: Any, row: str) -> list[int]:
    """The rows that fail an expectation, by the column that names them.

    Raises:
        Bug: it failed and names none.
    """
    ids: set[int] = set()
    for entry in result.result["unexpected_index_list"]:
        # With values left out, Great Expectations puts all into one entry.
        given = entry[row]
        ids.update(int(one) for one in (given if isinstance(given, list) else [given]))
    if not ids:
        raise Bug(f"expectations/{expected.where} failed and names no row.")
    return sorted(ids)


def _expectation(expected: Expected, number: int, of_rows: Set[str]) -> Any:
    """The expectation as an object.

    Raises:
        NeedsPerson: there is none of this type, it does not take these arguments, or it judges the whole table while
            its finding is about rows.
    """
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        kind: type[Any] = get_expectation_impl(expected.type)
    except ExpectationNotFoundError:
        raise wrong_suite(
            f"{expected.where}.type", "Great Expectations has no such expectation", "correct its name."
        ) from None
    by_row = _names_rows(kind)
    if by_row != (rule(expected.code).scope in of_rows):
        raise wrong_suite(
            f"{expected.where}.meta.finding",
            f"{expected.code} is about a {rule(expected.code).scope}, and this expectation "
            f"{'names files' if by_row else 'judges the delivery'}",
            "name a finding of the same scope.",
        )
    try:
        return kind(**expected.kwargs, meta={"number": number})
    except ValueError as error:
        names = sorted({str(problem["loc"][0]) for problem in getattr(error, "errors", list)()})
        raise wrong_suite(
            f"{expected.where}.kwargs",
            f"{expected.type} does not take {', '.join(names) or 'these values'} like this",
            "see its page in the documentation of Great Expectations.",
        ) from None


def _number(result: Any) -> int:
    """The place of a result's expectation in its suite; results come failed ones first."""
    return int(result.expectation_config.meta["number"])


def _names_rows(kind: type) -> bool:
    """Whether the result of an expectation names the rows that fail."""
    from great_expectations.expectations import expectation

    return issubclass(
        kind,
        expectation.ColumnMapExpectation | expectation.ColumnPairMapExpectation | expectation.MulticolumnMapExpectation,
    )


def _raised(info: Mapping[str, Any]) -> bool:
    """Whether an exception was met: told flat, or for each metric."""
    each = [info, *(entry for entry in info.values() if isinstance(entry, Mapping))]
    return any(entry.get("raised_exception") for entry in each)
