"""Is there anybody to compare with? 1 or 0."""

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"files"})


def measure(sample: Sample) -> Measured | None:
    """1 where another centre has accepted files."""
    return Measured(float(sample.rest.n > 0))
