"""How many subjects share each combination of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collecte.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

#: Stands for an absent value: those without share one class.
_ABSENT = "—"


@dataclass(frozen=True)
class Risk:
    """``k``: the size of the smallest class of subjects that share all quasi-identifiers (0: there is no subject);
    ``subjects`` and ``classes``: how many; ``unique``: subjects that are alone in theirs; ``rare``: those in classes
    smaller than ``wanted``, by the frame's index.
    """

    wanted: int
    k: int
    subjects: int
    classes: int
    unique: int
    rare: tuple[object, ...]

    @property
    def share_unique(self) -> float:
        """The share of subjects who are alone in their class, from 0 to 1."""
        return self.unique / self.subjects if self.subjects else 0.0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the officer is told: that classes are smaller than wanted."""
        if self.subjects and self.k < self.wanted:
            values = {"k": self.k, "wanted": self.wanted, "rare": len(self.rare)}
            return (Finding("DISCLOSURE-K-TOO-SMALL", values=values),)
        return ()


def measure(frame: "pd.DataFrame", quasi: Sequence[str], k: int) -> Risk:
    """The risk of a frame of one row a subject, over its columns ``quasi``; ``k``: the wanted size of a class.

    Columns that the frame lacks tell nothing. Without quasi-identifiers all subjects are one class.
    """
    present = [name for name in quasi if name in frame.columns]
    if not len(frame.index):
        return Risk(k, 0, 0, 0, 0, ())
    if not present:
        size = len(frame)
        return Risk(k, size, size, 1, int(size == 1), tuple(frame.index) if size < k else ())
    keys = frame[present].astype("string").fillna(_ABSENT)
    sizes = keys.groupby(present, sort=False)[present[0]].transform("size")
    classes = keys.drop_duplicates()
    rare = tuple(frame.index[(sizes < k).to_numpy()])
    return Risk(k, int(sizes.min()), len(frame), len(classes), int((sizes == 1).sum()), rare)
