"""What one centre is told of its delivery: its files by name, what to mend first, where. IDENTIFYING, for it alone."""

import csv
from collections.abc import Iterable
from typing import TextIO

from collecte.findings import Language
from collecte.records import State
from collecte.report.html import render
from collecte.report.records import CentreFeedback, FeedbackRow, today_in_paris
from collecte.report.texts import Tongue, visible

#: What a spreadsheet takes for the beginning of a formula, in both widths.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
_COLUMNS = ("order", "severity", "file", "what", "remedy", "state", "number", "code")


def feedback_page(feedback: CentreFeedback) -> str:
    """One self-contained HTML page in the centre's language, for its own drop. IDENTIFYING: it names its files."""
    return render(
        "feedback.html.jinja",
        feedback=feedback,
        t=Tongue(feedback.language),
        today=today_in_paris(feedback.at),
        accepted=feedback.sums.of(State.ACCEPTED),
        fix=[group for group in feedback.findings if group.to_fix],
        know=[group for group in feedback.findings if not group.to_fix],
        shown=lambda group: [(label, visible(feedback.paths[label])) for label in group.labels if group.of_files],
    )


def write_feedback_csv(out: TextIO, rows: Iterable[FeedbackRow], language: Language = "fr") -> None:
    """The same as a table, every file named, written as the rows come. IDENTIFYING.

    As Excel reads it: a byte-order mark, CRLF, semicolons (in English commas). A cell that a spreadsheet would compute
    begins with an apostrophe. ``out``: UTF-8, opened with ``newline=""``.
    """
    _write_csv(out, rows, Tongue(language), _COLUMNS)


def write_findings_csv(out: TextIO, rows: Iterable[FeedbackRow]) -> None:
    """All findings of a delivery for the coordinator, in French, likewise; of the files only our numbers."""
    _write_csv(out, rows, Tongue("fr"), tuple(column for column in _COLUMNS if column != "file"))


def _write_csv(out: TextIO, rows: Iterable[FeedbackRow], t: Tongue, columns: Iterable[str]) -> None:
    out.write("\ufeff")
    separator = ";" if t.language == "fr" else ","
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(t(f"csv.{column}") for column in columns)
    for row in rows:
        cells = {
            "order": str(row.order),
            "severity": t(f"severity.{row.finding.severity}"),
            "file": visible(row.path) if row.label else t("feedback.whole"),
            "what": row.finding.text(t.language),
            "remedy": row.finding.remedy(t.language),
            "state": t(f"state.{row.state}") if row.state else "",
            "number": row.label,
            "code": row.finding.code,
        }
        writer.writerow(_cell(cells[column]) for column in columns)


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
