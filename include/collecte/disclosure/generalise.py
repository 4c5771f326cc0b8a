"""Make quasi-identifiers coarser until enough subjects share each combination: bands the finest first, then none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from collecte.challenge import QuasiIdentifier
from collecte.disclosure.measure import Risk, measure
from collecte.findings import Finding

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Step:
    """What becomes of one column. ``band``: how wide, in the column's unit; 0: it is kept as it is; None: dropped."""

    column: str
    band: float | None

    @property
    def fr(self) -> str:
        """In words, French."""
        if self.band is None:
            return f"« {self.column} » : retirée"
        return f"« {self.column} » : tranches de {self.band:g}" if self.band else f"« {self.column} » : telle quelle"

    @property
    def en(self) -> str:
        """In words, English."""
        if self.band is None:
            return f"`{self.column}`: removed"
        return f"`{self.column}`: bands of {self.band:g}" if self.band else f"`{self.column}`: as it is"


@dataclass(frozen=True)
class Generalised:
    """The coarser frame, what was done to each column, and the risk before and after."""

    frame: "pd.DataFrame"
    steps: tuple[Step, ...]
    before: Risk
    after: Risk

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands against publishing it, and what was done."""
        after = self.after
        if after.wanted <= 1:
            return (Finding("DISCLOSURE-K-IS-ONE"),)
        if after.k < after.wanted:
            return (Finding("DISCLOSURE-K-NOT-REACHED", values={"k": after.k, "wanted": after.wanted}),)
        coarser = any(step.band != 0 for step in self.steps)
        return (Finding("DISCLOSURE-GENERALISED", values={"k": after.k}),) if coarser else ()


def generalise(frame: "pd.DataFrame", rules: Sequence[QuasiIdentifier], k: int) -> Generalised:
    """The least coarse frame in which at least ``k`` subjects share each combination; one row a subject.

    All combinations of the columns' bands are tried, those that lose least first: fewest columns dropped, then the
    finest bands. Where even dropping all of them does not do (fewer than ``k`` subjects), all are dropped.
    """
    present = [rule for rule in rules if rule.column in frame.columns]
    names = [rule.column for rule in present]
    before = measure(frame, names, k)
    choices = sorted(product(*(_choices(rule) for rule in present)), key=_loss)
    for steps in choices:
        coarser = _applied(frame, steps)
        after = measure(coarser, names, k)
        if after.k >= k or not after.subjects or steps == choices[-1]:
            return Generalised(coarser, steps, before, after)
    return Generalised(frame, (), before, before)


def _choices(rule: QuasiIdentifier) -> list[Step]:
    bands = sorted(rule.bands)
    return [Step(rule.column, 0.0), *(Step(rule.column, band) for band in bands), Step(rule.column, None)]


def _loss(steps: tuple[Step, ...]) -> tuple[int, int, float]:
    dropped = sum(step.band is None for step in steps)
    banded = sum(bool(step.band) for step in steps)
    return dropped, banded, sum(step.band or 0.0 for step in steps)


def _applied(frame: "pd.DataFrame", steps: Sequence[Step]) -> "pd.DataFrame":
    import pandas as pd  # a tenth of a second that most steps need not pay

    coarser = frame.copy()
    for step in steps:
        if step.band is None:
            coarser = coarser.drop(columns=step.column)
        elif step.band:
            values = [banded(value, step.band) for value in coarser[step.column]]
            coarser[step.column] = pd.Series(values, index=coarser.index, dtype="object")
    return coarser


def banded(value: object, band: float) -> object:
    """The band of a number, ``[30, 35)``; what is no number stays (a capped age, ``90+``), as does what is absent."""
    if value is None:
        return value
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return value
    if math.isnan(number) or math.isinf(number):
        return value
    low = math.floor(number / band) * band
    return f"[{low:g}, {low + band:g})"
