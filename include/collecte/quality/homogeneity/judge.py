"""Judge the effects table by ``expectations/homogeneity.json``: a row that fails is a finding about its centre."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from collecte.challenge import Challenge, Threshold
from collecte.findings import Finding, rule
from collecte.quality.evaluate import evaluated, rows_of
from collecte.quality.homogeneity.effects import COLUMNS
from collecte.quality.suites import FOLDER, HOMOGENEITY, Expected, load_suite

Level = Literal["green", "amber", "red"]

#: What a finding's text may cite of its row.
_CITED = frozenset({"centre", "effect"})


@dataclass(frozen=True)
class Named:
    """A finding, with the place of its row in the effects table."""

    row: int
    finding: Finding

    @property
    def level(self) -> Level:
        """Red where it stops a release, else amber."""
        return "red" if self.finding.refuses else "amber"


@dataclass(frozen=True)
class Homogeneity:
    """``effects``: the table, with the ``level`` of each row; ``found``: the findings, of each row the gravest."""

    effects: pd.DataFrame
    found: tuple[Named, ...]

    @property
    def verdict(self) -> Level:
        """The gravest of all."""
        levels = {named.level for named in self.found}
        return "red" if "red" in levels else "amber" if levels else "green"


def judge(effects: pd.DataFrame, challenge: Challenge, folder: Path = FOLDER) -> Homogeneity:
    """Judge an effects table (:func:`effects_table`).

    Raises:
        NeedsPerson: the suite cannot be used as it stands.
        Bug: an expectation could not be evaluated.
    """
    limits = _limits(challenge)
    suite = load_suite(folder / f"{HOMOGENEITY}.json", set(COLUMNS), limits, _CITED)
    worst: dict[int, Named] = {}
    if len(effects):
        for expected, result in evaluated(effects, suite, limits, row="row", of_rows=frozenset({"centre"})):
            for row in [] if result.success else rows_of(expected, result, "row"):
                named = Named(row, _finding(expected, effects.iloc[row]))
                if row not in worst or (named.finding.refuses and not worst[row].finding.refuses):
                    worst[row] = named
    levels = [worst[row].level if row in worst else "green" for row in effects["row"]]
    return Homogeneity(effects.assign(level=levels), tuple(worst[row] for row in sorted(worst)))


def _finding(expected: Expected, row: Any) -> Finding:
    of_row = {"centre": str(row["centre"]), "effect": f"{row['effect']:.2f}".removesuffix(".00")}
    cited: dict[str, str | int] = {name: of_row[name] for name in rule(expected.code).placeholders if name in of_row}
    return Finding(expected.code, str(row["fact"]), values={**expected.values, **cited})


def _limits(challenge: Challenge) -> Mapping[str, float]:
    """What ``$PARAMETER`` may name: ``cramers_v_amber``, ``cramers_v_red``, and so for each threshold of the file."""
    found: dict[str, float] = {}
    for name, value in challenge.homogeneity:
        if isinstance(value, Threshold):
            found |= {f"{name}_amber": value.amber, f"{name}_red": value.red}
    return found
