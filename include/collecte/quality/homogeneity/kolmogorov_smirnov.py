"""Numbers: the largest distance between the two distributions, from 0 to 1 (no overlap)."""

from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample, Values

KINDS: frozenset[FactKind] = frozenset({"numbers", "days"})

#: Values of one side that are compared: of more, as many at even distances in their order.
_MOST = 10_000
#: Up to so many on a side, p is computed exactly.
_EXACT = 200


def measure(sample: Sample) -> Measured | None:
    """The distance and its p, both of SciPy's two-sample test; None where one side has no value."""
    if not sample.here.n or not sample.rest.n:
        return None
    here, rest = _spread(sample.here), _spread(sample.rest)
    method = "exact" if max(len(here), len(rest)) <= _EXACT else "asymp"
    test = ks_2samp(here, rest, method=method)
    return Measured(float(test.statistic), float(test.pvalue))


def _spread(side: Values) -> "np.ndarray[Any, Any]":
    count = min(side.n, _MOST)
    return side.at(((np.arange(count) + 0.5) * side.n / count).astype(np.int64)).astype(float)
