"""The score sheet of a trial."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from collecte.records import State
from tests.judge import conformance, expected
from tests.judge.actions import ACTIONS, Pair, Tally, text_removed
from tests.judge.run import Case, Trial
from tests.judge.searching import Leak, search_file, search_texts
from tests.judge.strings import folded


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, over planted values that are none of their VR
        return _score(trial)


def _score(trial: Trial) -> Score:
    accepted = [case for case in trial.cases if case.after is not None]
    sheet = Score(len(trial.cases), sum(len(case.planted) for case in trial.cases))
    sheet.leaks = [*_in_outputs(trial, accepted), *_in_reports(trial)]
    _turned_away(sheet, trial.cases)
    for case, new in zip(accepted, conformance.added([(c.before, c.after) for c in accepted]), strict=True):
        sheet.added += [(case.sample.label, line) for line in sorted(new)]
    cleaned = expected.CLEANED if "clean_structured_content" in trial.options else frozenset()
    pairs = [Pair(case, expected.SEQUENCES | cleaned) for case in accepted]
    sheet.actions = {name: action(pairs) for name, action in ACTIONS.items()}
    sheet.actions["text_removed"] = text_removed(pairs, sheet.leaks)
    return sheet


def _in_outputs(trial: Trial, accepted: Sequence[Case]) -> list[Leak]:
    """In each output what its own source held, and in the outputs' names what anybody's did."""
    found = []
    for case in accepted:
        for planted, where in search_file(case.after, case.planted):
            found.append(Leak(case.sample.path, case.sample.label, planted.place, planted.text, where))
    names = {"names of outputs": folded("\n".join(str(path) for path in trial.outputs))}
    return found + _anywhere(trial, names)


def _in_reports(trial: Trial) -> list[Leak]:
    """What is logged, warned of, or said in findings."""
    said = "\n".join(trial.said)
    findings = "\n".join(str(finding) for case in trial.cases for finding in case.outcome.as_dict()["findings"])
    return _anywhere(trial, {"log": folded(said), "findings": folded(findings)})


def _anywhere(trial: Trial, texts: dict[str, str]) -> list[Leak]:
    return [
        Leak(case.sample.path, case.sample.label, planted.place, planted.text, where)
        for case in trial.cases
        for planted, where in search_texts(texts, case.planted)
    ]


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
