"""How many accepted files of a centre cannot be judged, since their facts are gone."""

from collecte.quality.homogeneity.sample import FactKind, Measured, Sample

KINDS: frozenset[FactKind] = frozenset({"files"})


def measure(sample: Sample) -> Measured | None:
    """Files."""
    return Measured(float(sample.here.of("not described")))
