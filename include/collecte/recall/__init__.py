"""Taking data back: what a centre may ask, how a plan reads, which rows of a table go, and what is answered.

This room turns records into text and rewrites tables; it reads neither the catalogue nor a zone. Nothing that it writes
names a patient: subjects, files and deliveries stand under the catalogue's ids.
"""

from collecte.recall.page import both, mail_text, plan_markdown, recall_page
from collecte.recall.plan import Action, Copies, Plan, numbers_of, ranges
from collecte.recall.requests import FOLDER, MAX_BYTES, Asked, Line, answer_csv, parse_requests
from collecte.recall.rows import needles, rows_about, without_rows

__all__ = [
    "FOLDER",
    "MAX_BYTES",
    "Action",
    "Asked",
    "Copies",
    "Line",
    "Plan",
    "answer_csv",
    "both",
    "mail_text",
    "needles",
    "numbers_of",
    "parse_requests",
    "plan_markdown",
    "ranges",
    "recall_page",
    "rows_about",
    "without_rows",
]
