"""The facts of a safe table are its size and its gaps."""

from pathlib import Path

from collecte.facts import KIND_COLUMNS
from collecte.formats.table import describe


def test_rows_columns_and_the_share_of_gaps(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text('subject,comment\nsub-a,"un\ndeux"\nsub-b,\n')
    assert describe(target) == {
        "n_rows": 2,
        "n_columns": 2,
        "column_names": "subject,comment",
        "missing_share": 0.25,
    }
    assert tuple(describe(target)) == KIND_COLUMNS["table"]


def test_without_rows_no_share_is_claimed(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("subject,comment\n")
    assert describe(target)["missing_share"] is None
