"""How many images of a centre show what another subject's, or another centre's, show too: pixel by pixel."""

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"shared"})


def measure(sample: Sample) -> Measured | None:
    """Images."""
    return Measured(float(sample.here.of("shared")))
