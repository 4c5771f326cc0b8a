"""Judge a delivery's facts by the suites."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from collecte.challenge import Challenge
from collecte.findings import Finding, rule
from collecte.quality.columns import with_derived
from collecte.quality.data_docs import Judged, counts_of
from collecte.quality.evaluate import evaluated, rows_of
from collecte.quality.suites import FOLDER, Expected, Suite, Threshold, load_suites, parameters, wrong_suite

#: Scopes of findings that name files; others are about the delivery.
_OF_FILES = frozenset({"file", "object"})


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
    results = evaluated(facts, suite, thresholds, row="file_id", of_rows=_OF_FILES)
    sizes: dict[Any, int] = facts.groupby("object_id").size().to_dict()
    objects = dict(zip(facts["file_id"], facts["object_id"], strict=True))
    return [(e, _findings(e, result, objects, sizes), counts_of(e, result.result)) for e, result in results]


def _findings(
    expected: Expected, result: Any, objects: Mapping[Any, Any], sizes: Mapping[Any, int]
) -> list[tuple[int | None, Finding]]:
    if result.success:
        return []
    scope, place, values = rule(expected.code).scope, expected.place, expected.values
    if scope in ("delivery", "centre"):
        return [(None, Finding(expected.code, place, 1, values))]
    named = rows_of(expected, result, "file_id")
    counts = {file_id: sizes.get(objects[file_id], 1) if scope == "object" else 1 for file_id in named}
    return [(file_id, Finding(expected.code, place, count, values)) for file_id, count in counts.items()]
