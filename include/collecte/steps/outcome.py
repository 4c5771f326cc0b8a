"""What became of each file of a folder, and the report that says it: every file once, and sums that add up."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from collecte.challenge import Challenge
from collecte.findings import Finding
from collecte.records import State
from collecte.steps.harvest import OTHER

#: Stands in every report: whoever opens it has to know.
_NOTICE = {
    "fr": (
        "Ce rapport nomme les fichiers de la source, et un nom de fichier ou de dossier peut désigner un patient : "
        "conservez-le avec la source, ne le transmettez pas avec les copies."
    ),
    "en": (
        "This report names the files of the source, and the name of a file or folder may name a patient: keep it with "
        "the source, do not send it on with the copies."
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. ``source`` is identifying: this report is for the one who holds the source folder.

    ``actions``: how many elements (or cells) were kept, removed, replaced, shifted… in the output.
    """

    source: str
    state: State
    kind: str = OTHER
    output: str | None = None
    subject: str | None = None
    sha256_in: str | None = None
    sha256_out: str | None = None
    findings: tuple[Finding, ...] = field(default=())
    actions: Mapping[str, int] = field(default_factory=dict)

    def refused_if_quarantined(self) -> "Outcome":
        """The same, without an output where the state is quarantined."""
        if self.state is not State.QUARANTINED:
            return self
        return replace(self, output=None, sha256_out=None, actions={})

    def as_dict(self) -> dict[str, Any]:
        """The public form: what ``--report`` writes for one file."""
        return {
            "source": self.source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            "output": self.output,
            "state": self.state.value,
            "kind": self.kind,
            "subject": self.subject,
            "sha256_in": self.sha256_in,
            "sha256_out": self.sha256_out,
            "findings": [finding_as_dict(finding) for finding in self.findings],
            "actions": dict(sorted(self.actions.items())) if self.output else {},
        }


def finding_as_dict(finding: Finding) -> dict[str, Any]:
    """The public form of a finding; ``remedy`` holds French, then English."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "place": finding.place,
        "count": finding.count,
        "fr": finding.text("fr"),
        "en": finding.text("en"),
        "remedy": f"{finding.remedy('fr')}\n{finding.remedy('en')}",
    }


def totals_of(outcomes: Sequence[Outcome], challenge: Challenge | None = None) -> dict[str, Any]:
    """A whole run without its files: totals that add up, and the rules in force.

    ``totals``, and ``kinds`` by kind: files by state. ``findings``: files by code of a finding. ``actions``: the sums
    of the files' own.
    """
    from collecte.formats.dicom.explain import in_force  # pydicom's dictionaries

    codes = Counter(code for outcome in outcomes for code in {finding.code for finding in outcome.findings})
    actions = Counter[str]()
    states: dict[str, Counter[State]] = {}
    for outcome in outcomes:
        actions.update(outcome.actions if outcome.output else {})
        states.setdefault(outcome.kind, Counter())[outcome.state] += 1
    rules: dict[str, Any] = {}
    if challenge and challenge.kinds.dicom:
        rules["dicom"] = in_force(challenge.kinds.dicom)
    if challenge and challenge.kinds.table:
        rules["table"] = challenge.kinds.table.model_dump(mode="json", exclude_none=True)
    return {
        "totals": _by_state(sum(states.values(), Counter())),
        "kinds": {kind: _by_state(states[kind]) for kind in sorted(states)},
        "findings": dict(sorted(codes.items())),
        "actions": dict(sorted(actions.items())),
        "rules": rules,
    }


def _by_state(states: Mapping[State, int]) -> dict[str, int]:
    shown = (State.ACCEPTED, State.QUARANTINED, State.DUPLICATE)
    return {"received": sum(states.values())} | {state.value: states.get(state, 0) for state in shown}


def report_text(totals: Mapping[str, Any], outcomes: Iterable[Outcome]) -> Iterator[str]:
    """The report as JSON, piece by piece, so that the text of a hundred thousand files is never whole in memory: a
    notice to whoever reads it, the totals, and every file in its order.
    """
    head = json.dumps({"notice": _NOTICE, **totals}, indent=2, ensure_ascii=False)
    yield f'{head.removesuffix("}").rstrip()},\n  "files": ['
    separator = "\n"
    for outcome in outcomes:
        one = json.dumps(outcome.as_dict(), indent=2, ensure_ascii=False)
        yield separator + textwrap.indent(one, "    ")
        separator = ",\n"
    yield "\n  ]\n}\n"
