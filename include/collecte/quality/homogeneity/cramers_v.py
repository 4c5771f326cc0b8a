"""Categories: Cramér's V of centre against rest, from 0 (the same shares) to 1 (no value in common)."""

import numpy as np
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"categories"})


def measure(sample: Sample) -> Measured | None:
    """V and the p of Pearson's chi-squared test; None where one side has no value."""
    if not sample.here.n or not sample.rest.n:
        return None
    known = sorted({*sample.here.values, *sample.rest.values})
    table = np.array([[side.of(value) for value in known] for side in (sample.here, sample.rest)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return Measured(0.0, 1.0)
    return Measured(
        float(association(table, method="cramer", correction=False)),
        float(chi2_contingency(table, correction=False).pvalue),
    )
