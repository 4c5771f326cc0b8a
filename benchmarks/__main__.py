"""``python -m benchmarks [NAME]``: every benchmark, or one, as one table of ratios, kept in ``.bench/results.json``.

A benchmark is a module of this folder with ``run() -> list of rows`` (:class:`benchmarks._measure.Row`). Ends with 1
where a goal is missed, and names it; what could not be measured is named too.
"""

import argparse
import json
import pkgutil
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks._measure import Row

RESULTS = Path(__file__).resolve().parents[1] / ".bench" / "results.json"


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
    kept = [{"name": row.name, "ratio": row.ratio and round(row.ratio, 3), "goal": row.goal} for row in rows]
    RESULTS.write_text(json.dumps(kept, indent=2), "utf-8")
    Console(width=None if sys.stdout.isatty() else 140).print(_table(rows))
    return _told(rows)


def _told(rows: list[Row]) -> int:
    """Say which goals were missed and what was not measured; the exit code."""
    missed = [f"missed: {row.name}: {row.ratio:.3f}, the goal is {row.goal:g}" for row in rows if row.missed]
    unmeasured = [f"not measured: {row.name}: {row.peer}" for row in rows if row.ratio is None]
    print(*missed, *unmeasured, f"{len(missed)} of {sum(row.goal is not None for row in rows)} goals missed", sep="\n")
    return 1 if missed else 0


def _run(chosen: list[str]) -> Iterator[Row]:
    for name in chosen:
        start = time.monotonic()
        yield from import_module(f"benchmarks.{name}").run()
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _table(rows: list[Row]) -> Table:
    table = Table("what", "ours", "peer", "ratio", "goal", title="Ours to the peer's: smaller is better")
    for row in rows:
        colour = "[red]" if row.missed else ""
        goal = "-" if row.goal is None else f"≤ {row.goal:g}"
        ratio = "-" if row.ratio is None else f"{colour}{row.ratio:.2f}"
        table.add_row(row.name, row.ours, row.peer, ratio, goal)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
