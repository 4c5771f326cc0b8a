"""Findings of a table, gathered by code and column: how often, and in which rows, in bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from collecte.findings import Finding

#: How many rows a place names; the count says how many more there are.
_ROWS_NAMED = 12


@dataclass
class _Entry:
    count: int = 0
    rows: list[int] = field(default_factory=list)


@dataclass
class Tally:
    """What was met so far. ``column`` 0: of whole rows or of the table."""

    _entries: dict[tuple[str, int], _Entry] = field(default_factory=dict)

    def add(self, code: str, column: int = 0, row: int | None = None) -> None:
        entry = self._entries.setdefault((code, column), _Entry())
        entry.count += 1
        if row is not None and len(entry.rows) < _ROWS_NAMED:
            entry.rows.append(row)

    def findings(self) -> tuple[Finding, ...]:
        """By code, then column."""
        return tuple(
            Finding(code, _place(column, entry), entry.count, {"column": column} if column else {})
            for (code, column), entry in sorted(self._entries.items())
        )


def _place(column: int, entry: _Entry) -> str:
    named = [f"column {column}"] if column else []
    if entry.rows:
        more = ", …" if entry.count > len(entry.rows) else ""
        named.append(f"row{'s' if entry.count > 1 else ''} {numbers(entry.rows)}{more}")
    return ", ".join(named)


def numbers(given: Sequence[int]) -> str:
    """Ascending numbers, runs as ranges: ``2–4, 9``."""
    runs: list[list[int]] = []
    for number in given:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
