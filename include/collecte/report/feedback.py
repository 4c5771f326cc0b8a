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
    t = Tongue(language)
    out.write("\ufeff")
    separator = ";" if language == "fr" else ","
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(t(f"csv.{column}") for column in _COLUMNS)
    for row in rows:
        cells = (
            str(row.order),
            t(f"severity.{row.finding.severity}"),
            visible(row.path) if row.label else t("feedback.whole"),
            row.finding.text(language),
            row.finding.remedy(language),
            t(f"state.{row.state}") if row.state else "",
            row.label,
            row.finding.code,
        )
        writer.writerow(_cell(text) for text in cells)


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
