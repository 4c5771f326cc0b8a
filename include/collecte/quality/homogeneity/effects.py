"""The effects table: how far each centre lies from all others together, by fact and statistic."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from collecte.challenge import Challenge
from collecte.quality.homogeneity.counting import Counted
from collecte.quality.homogeneity.sample import FactKind, Measured, Sample, Statistic, Values

#: ``row`` numbers them; ``effect`` from 0; ``n`` and ``n_rest``: values here and elsewhere; ``p``, and ``q``, the same
#: corrected for as many comparisons as there are (Benjamini and Hochberg); ``enough``: values to judge by; ``judged``:
#: enough, and no chance; ``here`` and ``elsewhere``: what is typical, in words.
COLUMNS = (
    *("row", "fact", "centre", "statistic", "effect", "n", "n_rest", "p", "q", "enough", "judged"),
    *("here", "elsewhere"),
)

#: Characters of a value that is shown.
_SHOWN = 40


def effects_table(facts: Iterable[Counted], challenge: Challenge, statistics: Mapping[str, Statistic]) -> pd.DataFrame:
    """A row for each fact, centre and statistic that can be measured; columns :data:`COLUMNS`."""
    rows = [
        _row(fact, centre, name, measured, sample, challenge.report.smallest_cell)
        for fact in facts
        for centre, sample in fact.samples()
        for name, statistic in statistics.items()
        if fact.kind in statistic.KINDS and (measured := statistic.measure(sample)) is not None
    ]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("row", "q", "enough", "judged")])
    table["q"] = _corrected(table["p"].astype(float))
    counted_only = table["q"].isna()
    table["enough"] = counted_only | (table[["n", "n_rest"]].min(axis=1) >= challenge.homogeneity.smallest_sample)
    table["judged"] = table["enough"] & (counted_only | (table["q"] <= challenge.homogeneity.q))
    table["row"] = np.arange(len(table))
    return table[list(COLUMNS)]


def _row(fact: Counted, centre: str, name: str, measured: Measured, sample: Sample, smallest: int) -> dict[str, object]:
    return {
        "fact": fact.fact,
        "centre": centre,
        "statistic": name,
        "effect": measured.effect,
        "n": sample.here.n + (sample.here.missing if name == "missing_share" else 0),
        "n_rest": sample.rest.n + (sample.rest.missing if name == "missing_share" else 0),
        "p": measured.p,
        "here": _typical(sample.here, fact.kind, name, smallest),
        "elsewhere": _typical(sample.rest, fact.kind, name, smallest),
    }


def _corrected(p: "pd.Series[float]") -> "pd.Series[float]":
    known = p.dropna()
    q = false_discovery_control(known.to_numpy(), method="bh") if len(known) else []
    return pd.Series(q, index=known.index, dtype=float).reindex(p.index)


def _typical(side: Values, kind: FactKind, statistic: str, smallest: int) -> str:
    """What is usual: a median, or the most frequent value and its share. Nothing that fewer than ``smallest`` have."""
    if statistic == "missing_share":
        return f"{side.missing}/{side.n + side.missing} ∅"
    if kind in ("shared", "files"):
        return " · ".join(f"{value}: {n}" for value, n in zip(side.values, side.counts, strict=True))
    if side.n < smallest:
        return "–"
    if kind == "numbers":
        return f"{side.median:.4g}"
    if kind == "days":
        return (date(1970, 1, 1) + timedelta(days=side.median)).isoformat()
    most = int(side.counts.argmax())
    if side.counts[most] < smallest:
        return "–"
    return f"{str(side.values[most])[:_SHOWN]} ({side.counts[most] / side.n:.0%})"
