"""``python -m benchmarks [NAME]``: every benchmark, or one, as one table of ratios, kept in ``.bench/results.json``.

A benchmark is a module of this folder with ``run() -> list of rows``; a row has ``name``, ``ratio`` (ours to theirs, or
to an absolute goal) and ``goal`` (the ratio that we want to stay under, or none), and what else it measured. Ends
with 1 where a goal is missed.
"""

import argparse
import json
import pkgutil
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks

RESULTS = Path(__file__).resolve().parents[1] / ".bench" / "results.json"

Row = Mapping[str, Any]


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="?", choices=names(), help="run this one alone")
    only = parser.parse_args().only
    rows = list(_run([only] if only else names()))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2), "utf-8")
    Console(width=None if sys.stdout.isatty() else 120).print(_table(rows))
    return 1 if any(_missed(row) for row in rows) else 0


def _run(chosen: list[str]) -> Iterator[Row]:
    for name in chosen:
        start = time.monotonic()
        for row in import_module(f"benchmarks.{name}").run():
            yield {"benchmark": name, "name": _name(row), "goal": None, **row}
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _name(row: Row) -> str:
    """A row's own name, or the words in it: ``sqlite register``."""
    return str(row.get("name") or " ".join(value for value in row.values() if isinstance(value, str)))


def _missed(row: Row) -> bool:
    return row["goal"] is not None and row["ratio"] > row["goal"]


def _table(rows: list[Row]) -> Table:
    table = Table("benchmark", "what", "ratio", "goal", "measured", title="Ratios: smaller is better")
    known = {"benchmark", "name", "ratio", "goal"}
    for row in rows:
        ratio = f"{row['ratio']:.2f}" if row.get("ratio") is not None else "-"
        rest = ", ".join(f"{key} {_short(value)}" for key, value in row.items() if key not in known)
        goal = "-" if row["goal"] is None else f"≤ {row['goal']:g}"
        colour = "[red]" if _missed(row) else ""
        table.add_row(row["benchmark"], row["name"], f"{colour}{ratio}", goal, rest)
    return table


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
