"""Judge a delivery's facts by the suites, with Great Expectations.

Its import takes seconds, so it stands inside the functions; it is called once for a delivery. What it logs, warns of
and raises may repeat values of the facts: nothing of it leaves this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from collecte.challenge import Challenge
from collecte.errors import Bug
from collecte.findings import Finding, rule
from collecte.quality.columns import with_derived
from collecte.quality.data_docs import Judged, counts_of
from collecte.quality.silence import silent
from collecte.quality.suites import FOLDER, Expected, Suite, Threshold, load_suites, parameters, wrong_suite

_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["file_id"],
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
}


@dataclass(frozen=True)
class Validation:
    """What judging gave: findings with the id of the file that each names (None: the delivery), how many expectations
    held and how many did not, and by kind ``files``, ``passed`` and ``failed``; ``judged``: the results in counts."""

    findings: tuple[tuple[int | None, Finding], ...]
    passed: int
    failed: int
    statistics: Mapping[str, Mapping[str, int]]
    judged: tuple[Judged, ...]


def validate(facts: pd.DataFrame, challenge: Challenge, folder: Path = FOLDER) -> Validation:
    """Judge the facts of one delivery (:func:`collecte.facts.read_facts`), each kind by its suite.

    Raises:
        NeedsPerson: a suite cannot be used as it stands, or a kind in the facts has none.
        Bug: an expectation could not be evaluated.
    """
    suites = load_suites(challenge, folder)
    kinds = sorted(facts["kind"].dropna().unique())
    if missing := [kind for kind in kinds if kind not in suites]:
        raise wrong_suite(f"{missing[0]}.json", "the file is missing", "write a suite for this kind of data.")
    findings: list[tuple[int | None, Finding]] = []
    statistics: dict[str, dict[str, int]] = {}
    judged = []
    for kind in kinds:
        of_kind = with_derived(facts[facts["kind"] == kind].reset_index(drop=True), kind)
        failed, shown = 0, []
        for expected, found, counts in _judged(of_kind, suites[kind], parameters(challenge)):
            failed += bool(found)
            findings += found
            shown.append((expected, not found, counts))
        judged.append(Judged(kind, shown))
        statistics[kind] = {"files": len(of_kind), "passed": len(suites[kind].expected) - failed, "failed": failed}
    return Validation(
        tuple(sorted(findings, key=lambda named: (named[0] is not None, named[0] or 0, named[1].code, named[1].place))),
        sum(counts["passed"] for counts in statistics.values()),
        sum(counts["failed"] for counts in statistics.values()),
        statistics,
        tuple(judged),
    )


def _judged(
    facts: pd.DataFrame, suite: Suite, thresholds: Mapping[str, Threshold]
) -> list[tuple[Expected, list[tuple[int | None, Finding]], dict[str, float]]]:
    """Each expectation, its findings (none where it holds), and its result in counts."""
    with silent():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas("facts").add_dataframe_asset(suite.kind)
        batch = asset.add_batch_definition_whole_dataframe("delivery").get_batch({"dataframe": facts})
        expectations = [_expectation(expected, number) for number, expected in enumerate(suite.expected)]
        whole = gx.ExpectationSuite(name=suite.kind, expectations=expectations)
        results = batch.validate(whole, result_format=_RESULT_FORMAT, expectation_parameters=dict(thresholds)).results
    by_number = {_number(result): result for result in results}
    if set(by_number) != set(range(len(suite.expected))):
        raise Bug(f"Great Expectations judged {len(by_number)} of {len(suite.expected)} expectations of {suite.kind}.")
    sizes: dict[Any, int] = facts.groupby("object_id").size().to_dict()
    objects = dict(zip(facts["file_id"], facts["object_id"], strict=True))
    ordered = [(expected, by_number[number]) for number, expected in enumerate(suite.expected)]
    return [(e, _findings(e, result, objects, sizes), counts_of(e, result.result)) for e, result in ordered]


def _expectation(expected: Expected, number: int) -> Any:
    """The expectation as an object.

    Raises:
        NeedsPerson: there is none of this type, it does not take these arguments, or it judges whole deliveries while
        its
            finding is about files.
    """
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        kind: type[Any] = get_expectation_impl(expected.type)
    except ExpectationNotFoundError:
        raise wrong_suite(
            f"{expected.where}.type", "Great Expectations has no such expectation", "correct its name."
        ) from None
    by_file = _names_rows(kind)
    if by_file == (rule(expected.code).scope in ("delivery", "centre")):
        raise wrong_suite(
            f"{expected.where}.meta.finding",
            f"{expected.code} is about a {rule(expected.code).scope}, and this expectation "
            f"{'names files' if by_file else 'judges the delivery'}",
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


def _findings(
    expected: Expected, result: Any, objects: Mapping[Any, Any], sizes: Mapping[Any, int]
) -> list[tuple[int | None, Finding]]:
    if _raised(result.exception_info):
        raise Bug(f"expectations/{expected.where} could not be evaluated.")
    if result.success:
        return []
    scope, place, values = rule(expected.code).scope, expected.place, expected.values
    if scope in ("delivery", "centre"):
        return [(None, Finding(expected.code, place, 1, values))]
    named = _file_ids(result.result["unexpected_index_list"])
    if not named:
        raise Bug(f"expectations/{expected.where} failed and names no file.")
    counts = {file_id: sizes.get(objects[file_id], 1) if scope == "object" else 1 for file_id in named}
    return [(file_id, Finding(expected.code, place, count, values)) for file_id, count in counts.items()]


def _raised(info: Mapping[str, Any]) -> bool:
    """Whether an exception was met: told flat, or for each metric."""
    each = [info, *(entry for entry in info.values() if isinstance(entry, Mapping))]
    return any(entry.get("raised_exception") for entry in each)


def _file_ids(index: Sequence[Mapping[str, Any]]) -> list[int]:
    """The ids in a list of unexpected rows; with values left out, Great Expectations puts all ids into one entry."""
    ids: set[int] = set()
    for entry in index:
        given = entry["file_id"]
        ids.update(int(file_id) for file_id in (given if isinstance(given, list) else [given]))
    return sorted(ids)
