"""How much of a fact is missing, here more or less than elsewhere: the difference of the two shares, from 0 to 1."""

import numpy as np
from scipy.stats import fisher_exact

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"numbers", "days", "categories", "label"})


def measure(sample: Sample) -> Measured | None:
    """The difference and the p of Fisher's exact test; None where one side has nothing at all."""
    table = np.array([[side.missing, side.n] for side in (sample.here, sample.rest)])
    totals = table.sum(axis=1)
    if not totals.all():
        return None
    shares = table[:, 0] / totals
    return Measured(float(abs(shares[0] - shares[1])), float(fisher_exact(table).pvalue))
