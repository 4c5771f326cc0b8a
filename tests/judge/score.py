"""The score sheet of a trial."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from collecte.records import State
from tests.judge import conformance, expected
from tests.judge.actions import ACTIONS, text_removed
from tests.judge.pairs import Pair, Tally
from tests.judge.run import Case, Trial
from tests.judge.searching import Leak, Searcher
from tests.judge.views import text_view


@dataclass
class Score:
    """``leaks``: planted strings found; ``added``: (class, dciodvfy's new error); ``away``: files of covered classes
    that were turned away, by class and first finding; ``let_through``: files that had to be turned away and were not;
    ``unexplained``: files turned away without a finding.
    """

    files: int
    planted: int
    leaks: list[Leak] = field(default_factory=list)
    added: list[tuple[str, str]] = field(default_factory=list)
    away: Counter[tuple[str, str]] = field(default_factory=Counter)
    let_through: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    actions: dict[str, Tally] = field(default_factory=dict)
    covered: int = 0

    @property
    def share_away(self) -> float:
        """Of the files of covered classes, the share that was turned away."""
        return sum(self.away.values()) / max(1, self.covered)

    def table(self) -> Table:
        """For people."""
        table = Table("what", "count", "of", title="The judge's score")
        table.add_row("leaks", str(len(self.leaks)), f"{self.planted} strings in {self.files} files")
        table.add_row("dciodvfy errors added", str(len(self.added)), "")
        table.add_row("covered files turned away", str(sum(self.away.values())), str(self.covered))
        table.add_row("let through that must not be", str(len(self.let_through)), "")
        table.add_row("turned away without a finding", str(len(self.unexplained)), "")
        for name, tally in self.actions.items():
            table.add_row(name, str(tally.done), str(tally.total))
        return table

    def lines(self) -> list[str]:
        """Everything that is wrong, a line for each kind, with how often."""
        counted = Counter(self._lines())
        return [line if count == 1 else f"{line} ({count} times)" for line, count in counted.items()]

    def _lines(self) -> Iterator[str]:
        yield from [
            *(f"LEAK {leak.label} | {leak.place} | {leak.where} | {leak.text}" for leak in self.leaks),
            *(f"AWAY {label} | {code} | {count}" for (label, code), count in sorted(self.away.items())),
            *(f"ERROR {label} | {line}" for label, line in self.added),
            *(f"LET THROUGH {label}" for label in self.let_through),
            *(f"NO FINDING {label}" for label in self.unexplained),
            *(f"{name} {failure}" for name, tally in self.actions.items() for failure in tally.failures),
        ]


def score(trial: Trial) -> Score:
    """Judge a trial."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # planted values are none of their VR, and most bytes no data set
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _score(trial)
    finally:
        logger.setLevel(level)


def _score(trial: Trial) -> Score:
    accepted = [case for case in trial.cases if case.after is not None]
    sheet = Score(len(trial.cases), sum(len(case.planted) for case in trial.cases))
    sheet.leaks = list(_leaks(trial, accepted))
    _turned_away(sheet, trial.cases)
    for case, new in zip(accepted, conformance.added([(c.before, c.after) for c in accepted]), strict=True):
        sheet.added += [(case.sample.label, line) for line in sorted(new)]
    cleaned = expected.CLEANED if "clean_structured_content" in trial.options else frozenset()
    pairs = [Pair(case, expected.SEQUENCES | cleaned) for case in accepted]
    sheet.actions = {name: action(pairs) for name, action in ACTIONS.items()}
    sheet.actions["text_removed"] = text_removed(pairs, sheet.leaks)
    return sheet


def _leaks(trial: Trial, accepted: Sequence[Case]) -> Iterator[Leak]:
    """In each output, what its own source held, and of the others' what is no chance; in the outputs' names, in what is
    logged, warned of or said in findings, what anybody's did.
    """
    searcher = Searcher({case.sample.path: case.planted for case in trial.cases})
    for case in accepted:
        for planted, where in searcher.file(case.after, case.sample.path):
            yield Leak(case.sample.path, case.sample.label, planted.place, planted.text, where)
    texts = {
        "names of outputs": (str(path) for path in trial.outputs),
        "log": trial.said,
        "findings": (str(finding) for case in trial.cases for finding in case.outcome.as_dict()["findings"]),
    }
    for planted, where in searcher.views(text_view(where, "\n".join(lines)) for where, lines in texts.items()):
        yield Leak("", "reports", planted.place, planted.text, where)


def _turned_away(sheet: Score, cases: Sequence[Case]) -> None:
    for case in cases:
        label, findings = case.sample.label, case.outcome.findings
        if case.sample.refused:
            if case.outcome.state is State.ACCEPTED:
                sheet.let_through.append(label)
        elif not case.sample.broken:
            sheet.covered += 1
            if case.after is None:
                sheet.away[label, findings[0].code if findings else "no finding"] += 1
        if case.after is None and not findings:
            sheet.unexplained.append(label)
