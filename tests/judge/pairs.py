"""An accepted file before and after, and how often what was asked of it was done."""

from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property

from pydicom.dataset import Dataset

from tests.judge import expected
from tests.judge.decoding import read
from tests.judge.run import Case
from tests.judge.strings import folded
from tests.judge.walking import Paths, none_of, paths


@dataclass
class Tally:
    """How often an action was done as it should; ``failures`` say where not, without values."""

    done: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.done + len(self.failures)

    @property
    def share(self) -> float:
        """1 where nothing was asked."""
        return self.done / self.total if self.total else 1.0

    def check(self, passed: object, failure: str) -> None:
        if passed:
            self.done += 1
        else:
            self.failures.append(failure)


@dataclass
class Pair:
    """An accepted file before and after."""

    case: Case
    sequences: Set[str] = expected.SEQUENCES

    @cached_property
    def before(self) -> Dataset:
        return read(self.case.before)

    @cached_property
    def after(self) -> Dataset:
        return read(self.case.after)

    @cached_property
    def paths_before(self) -> Paths:
        return paths(self.before)

    @cached_property
    def paths_unplanted(self) -> Paths:
        """The same, what was planted put to None."""
        planted = {folded(one.text) for one in self.case.planted}
        return {path: [none_of(value, planted) for value in values] for path, values in self.paths_before.items()}

    @cached_property
    def paths_after(self) -> Paths:
        return paths(self.after)

    @property
    def label(self) -> str:
        return self.case.sample.label
