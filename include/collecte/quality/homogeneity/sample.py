"""What a statistic is given: one centre's values of one fact, and those of all other centres together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

#: ``days``: dates, as days since 1970. ``label``: ground truth. ``shared``: ``shared`` or ``alone``, of images.
#: ``files``: ``described`` or ``not described``, of accepted files.
FactKind = Literal["numbers", "days", "categories", "label", "shared", "files"]


@dataclass(frozen=True)
class Values:
    """The distinct ``values`` in their order, how often each is met (``counts``), and how many are ``missing``."""

    values: "np.ndarray[Any, Any]"
    counts: "np.ndarray[Any, Any]"
    missing: int = 0

    @property
    def n(self) -> int:
        """How many there are, the missing ones left out."""
        return int(self.counts.sum())

    def of(self, value: object) -> int:
        """How often a value is met."""
        return int(self.counts[self.values == value].sum())

    def at(self, ranks: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """The values at ranks from 0 to ``n - 1``, as if all stood in a row."""
        return np.asarray(self.values[np.searchsorted(np.cumsum(self.counts), ranks, side="right")])

    @property
    def median(self) -> float:
        """The middle value of numbers; of an even number of them the lower one."""
        return float(self.at(np.array([(self.n - 1) // 2]))[0])


@dataclass(frozen=True)
class Sample:
    """One centre (``here``) and all others (``rest``). ``classes``: of a label, all values that there should be."""

    fact: str
    kind: FactKind
    here: Values
    rest: Values
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class Measured:
    """The size of an effect, from 0; ``p``: how often chance alone gives one so large (None: it is counted, not
    estimated, and judged whatever the sample's size).
    """

    effect: float
    p: float | None = None


class Statistic(Protocol):
    """What a module of a statistic offers. A further one is a file beside, a line in the registry, and what is expected
    of it in ``expectations/homogeneity.json``.
    """

    #: The kinds of facts that it is measured of.
    KINDS: frozenset[FactKind]

    def measure(self, sample: Sample) -> Measured | None:
        """The effect in a sample; None where there is nothing to compare."""
        ...
