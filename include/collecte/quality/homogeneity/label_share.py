"""The share of each label: as categories, under a threshold of its own."""

from collecte.quality.homogeneity import cramers_v
from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"label"})


def measure(sample: Sample) -> Measured | None:
    """Cramér's V; None where one side has no label."""
    return cramers_v.measure(sample)
