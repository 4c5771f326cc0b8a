"""How a table is written: comment lines first (source, edition, date), then CSV with Unix line ends."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
#: Lists judged by hand, each row with its reason.
JUDGED = Path(__file__).parent / "judged"


def text(comments: Sequence[str], header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as it is committed."""
    out = io.StringIO()
    out.writelines(f"# {comment}\n" for comment in comments)
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def judged(name: str) -> list[dict[str, str]]:
    """The rows of ``judged/<name>.csv``."""
    with (JUDGED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
