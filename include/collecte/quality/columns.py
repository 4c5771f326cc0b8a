"""The facts as the suites need them: dates as dates, and columns that no single file can tell, made from the whole
delivery."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

#: What judging itself needs, whatever the suites name.
ALWAYS = ("file_id", "object_id", "kind", "study_date")

#: By kind; whole numbers, null wherever they are not counted.
DERIVED: Mapping[str, tuple[str, ...]] = {"dicom": ("object_sizes", "object_spacings")}

#: What is counted for each object: how many different combinations its files have.
COUNTED: Mapping[str, tuple[str, ...]] = {
    "object_sizes": ("rows", "columns"),
    "object_spacings": ("pixel_spacing_row_mm", "pixel_spacing_column_mm"),
}


def with_derived(facts: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The facts of one kind and its derived columns. What is counted for an object stands on its first file alone, so
    that a finding names the object once. Dates become dates: Great Expectations makes dates of text thresholds, and
    compares a date with nothing else."""
    made = facts.copy()
    made["study_date"] = pd.Series([_day(text) for text in facts["study_date"]], index=facts.index, dtype=object)
    for name in DERIVED.get(kind, ()):
        made[name] = _combinations(facts, list(COUNTED[name]))
    return made


def first_files(facts: pd.DataFrame) -> pd.DataFrame:
    """The first file of each object."""
    return facts.dropna(subset=["object_id"]).sort_values("file_id").drop_duplicates("object_id")


def _day(text: object) -> date | None:
    """The day; of text that is no ISO date the earliest one there is, so that it passes no threshold."""
    if not isinstance(text, str):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min


def _combinations(facts: pd.DataFrame, columns: list[str]) -> "pd.Series[int]":
    """How many combinations of values the files of each object have, those without all of them left out."""
    different = facts.dropna(subset=["object_id", *columns]).drop_duplicates(["object_id", *columns])
    counts = different.groupby("object_id").size()
    first = first_files(facts)
    counted = first["object_id"].map(counts).astype("Int64")
    return counted.reindex(facts.index)
