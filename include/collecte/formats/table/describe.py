"""What is in a safe table? Its size and how much of it is empty."""

import csv
from collections.abc import Mapping
from pathlib import Path

from collecte.formats.table._reading import CELL_LIMIT
from collecte.records import Fact


def describe(target: Path) -> Mapping[str, Fact]:
    """Facts of a safe copy: ``n_rows`` (without the header), ``n_columns``, ``column_names`` joined by commas, and
    ``missing_share``, the share of empty cells from 0 to 1 (None without rows)."""
    csv.field_size_limit(CELL_LIMIT)
    rows = empty = 0
    with target.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for cells in reader:
            rows += 1
            empty += cells.count("")
    share = round(empty / (rows * len(header)), 6) if rows and header else None
    return {"n_rows": rows, "n_columns": len(header), "column_names": ",".join(header), "missing_share": share}
