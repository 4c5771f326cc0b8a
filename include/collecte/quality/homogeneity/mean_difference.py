"""Numbers: the standardised mean difference, in pooled standard deviations, without its sign."""

import math

import numpy as np
from scipy.stats import ttest_ind_from_stats

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample, Values

KINDS: frozenset[FactKind] = frozenset({"numbers", "days"})

#: Stands for the infinite: two constants that differ.
LARGEST = 99.0


def measure(sample: Sample) -> Measured | None:
    """The difference and the p of Welch's test; None where one side has fewer than two values."""
    if min(sample.here.n, sample.rest.n) < 2:
        return None
    (mean, deviation), (other_mean, other_deviation) = _moments(sample.here), _moments(sample.rest)
    pooled = math.sqrt((deviation**2 + other_deviation**2) / 2)
    if pooled <= 1e-12 * max(abs(mean), abs(other_mean), 1e-300):
        differ = not math.isclose(mean, other_mean, rel_tol=1e-9)
        return Measured(LARGEST, 0.0) if differ else Measured(0.0, 1.0)
    test = ttest_ind_from_stats(
        mean, deviation, sample.here.n, other_mean, other_deviation, sample.rest.n, equal_var=False
    )
    return Measured(min(abs(mean - other_mean) / pooled, LARGEST), float(test.pvalue))


def _moments(side: Values) -> tuple[float, float]:
    """Mean and standard deviation (n - 1)."""
    values = side.values.astype(float)
    mean = float(np.average(values, weights=side.counts))
    squares = float((side.counts * (values - mean) ** 2).sum())
    return mean, math.sqrt(squares / (side.n - 1))
