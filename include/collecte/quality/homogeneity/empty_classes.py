"""How many values of the label a centre has no case of."""

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"label"})


def measure(sample: Sample) -> Measured | None:
    """Counted over all values that the challenge file names or any centre has."""
    return Measured(float(sum(not sample.here.of(value) for value in sample.classes)))
