"""What one centre is told of its delivery: its files by name, what to mend first, where. IDENTIFYING, for it alone."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from collecte.findings import Finding, Severity, rule
from collecte.records import State
from collecte.report.html import render
from collecte.report.records import SET_ASIDE, SEVERITIES, CentreFeedback, today_in_paris
from collecte.report.texts import Tongue, visible

#: Files that the page names for one rule; the CSV names all.
LISTED_FILES = 200

#: What a spreadsheet takes for the beginning of a formula, in both widths.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
_COLUMNS = ("order", "severity", "file", "what", "remedy", "state", "number", "code")


def feedback_page(feedback: CentreFeedback) -> str:
    """One self-contained HTML page in French, for the centre's own drop. IDENTIFYING: it names the centre's files."""
    groups = _groups(feedback)
    return render(
        "feedback.html.jinja",
        feedback=feedback,
        t=Tongue("fr"),
        today=today_in_paris(feedback.at),
        accepted=feedback.sums.of(State.ACCEPTED),
        set_aside=feedback.sums.of(*SET_ASIDE),
        fix=[group for group in groups if group.to_fix],
        know=[group for group in groups if not group.to_fix],
    )


def feedback_csv(feedback: CentreFeedback) -> str:
    """The same as a table in French, every file named: semicolons, a byte-order mark and CRLF, as Excel reads it.

    IDENTIFYING. A cell that a spreadsheet would compute begins with an apostrophe. Write it with ``encode("utf-8")``.
    """
    t, out = Tongue("fr"), io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(t(f"csv.{column}") for column in _COLUMNS)
    for order, group in enumerate(_groups(feedback), 1):
        for path, label, state, finding in group.rows:
            row = (
                str(order),
                t(f"severity.{group.severity}"),
                visible(path) if label else t("feedback.whole"),
                finding.text("fr"),
                finding.remedy("fr"),
                t(f"state.{state}") if state else "",
                label,
                group.code,
            )
            writer.writerow(_cell(text) for text in row)
    return out.getvalue()


@dataclass(frozen=True)
class _Group:
    """The findings of one rule: path, label, state, finding; path, label and state empty for the whole delivery."""

    code: str
    rows: tuple[tuple[str, str, State | None, Finding], ...]

    @property
    def severity(self) -> Severity:
        return rule(self.code).severity

    @property
    def to_fix(self) -> bool:
        return self.severity in ("incident", "refused")

    @property
    def files(self) -> int:
        return len({label for _, label, _, _ in self.rows if label})

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The first wordings, each with its remedy."""
        found = dict.fromkeys((finding.text("fr"), finding.remedy("fr")) for *_, finding in self.rows)
        return list(found)[:3]

    @property
    def shown(self) -> list[tuple[str, str]]:
        paths = {label: visible(path) for path, label, _, _ in self.rows if label}
        return [(path, label) for label, path in paths.items()][:LISTED_FILES]


def _groups(feedback: CentreFeedback) -> list[_Group]:
    """By rule, in the order in which to mend: the gravest first, then what concerns most files."""
    rows: dict[str, list[tuple[str, str, State | None, Finding]]] = {}
    for finding in feedback.whole:
        rows.setdefault(finding.code, []).append(("", "", None, finding))
    for file in sorted(feedback.files, key=lambda file: file.path):
        for finding in file.findings:
            rows.setdefault(finding.code, []).append((file.path, file.label, file.state, finding))
    return sorted(_each(rows), key=lambda g: (SEVERITIES.index(g.severity), -g.files, g.code))


def _each(rows: dict[str, list[tuple[str, str, State | None, Finding]]]) -> Iterable[_Group]:
    return (_Group(code, tuple(of)) for code, of in rows.items())


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
