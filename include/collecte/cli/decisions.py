"""What ``collecte deidentify`` ends with: the decisions, what was found and what to do, and how fast it was."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from collecte.cli.tables import print_table
from collecte.findings import Finding

if TYPE_CHECKING:
    from rich.table import Table

    from collecte.steps import Outcome

_MEGABYTE = 1_000_000
#: Actions that are no elements': files whose pixels were looked at, frames with text that was masked.
_LOOKED, _MASKED = "looked_at", "masked"
#: Texts of one code that the table shows.
_WORDINGS = 5


class _Wording(NamedTuple):
    """What a finding says of so many files."""

    finding: Finding
    files: int


def print_decisions(result: Mapping[str, Any], outcomes: "Sequence[Outcome]", size: int, seconds: float) -> None:
    """``result``: the report; ``size``: of the source, in bytes; ``seconds``: what all of it took."""
    totals = result["totals"]
    if result["kinds"]:
        print_table(_kinds(result["kinds"], totals))
    if result["findings"]:
        print_table(_findings(result["findings"], outcomes))
    done = dict(result["actions"])
    looked, masked = done.pop(_LOOKED, 0), done.pop(_MASKED, 0)
    if looked:
        images = sum(_MASKED in outcome.actions for outcome in outcomes)
        typer.echo(f"Text in pixels: {looked:,} files looked at, {images:,} with text masked ({masked:,} frames).")
    if done:
        counts = sorted(done.items(), key=lambda item: -item[1])
        typer.echo("Elements and cells: " + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts) + ".")
    typer.echo(f"{size / _MEGABYTE:,.1f} MB in {seconds:,.1f} s: {size / _MEGABYTE / max(seconds, 0.001):,.1f} MB/s.")
    parts = ", ".join(f"{n} {state}" for state, n in totals.items() if state != "received")
    typer.echo(f"{totals['received']} received: {parts}.")


def _kinds(kinds: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> "Table":
    from rich.table import Table

    several = len(kinds) > 1
    table = Table(title="Decisions", title_justify="left", show_footer=several)
    table.add_column("kind", footer="all")
    for state, n in totals.items():
        table.add_column(state, justify="right", footer=f"{n:,}")
    for kind, states in kinds.items():
        table.add_row(kind, *(f"{n:,}" for n in states.values()))
    return table


def _findings(counts: Mapping[str, int], outcomes: "Sequence[Outcome]") -> "Table":
    """The most frequent code first, and of each what it says most often: what differs is what the text names (a class,
    an attribute). Numbers in a text are sums over the files."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Findings", title_justify="left", show_lines=True)
    table.add_column("finding", overflow="fold")
    table.add_column("files", justify="right")
    table.add_column("what it says")
    table.add_column("to do")
    said = _wordings(outcomes)
    for code, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        wordings = sorted(said[code], key=lambda wording: -wording.files)
        for finding, files in wordings[:_WORDINGS]:
            to_do = _first_sentence(finding.remedy("en"))
            table.add_row(Text(code), f"{files:,}", Text(finding.text("en")), Text(to_do))
        if rest := wordings[_WORDINGS:]:
            others = f"… and {len(rest):,} other texts of this finding"
            table.add_row(Text(code), f"{n:,} in all", Text(others), Text("See the report (--report)."))
    return table


def _wordings(outcomes: "Sequence[Outcome]") -> Mapping[str, "Sequence[_Wording]"]:
    """By code."""
    files, first = Counter[tuple[str, ...]](), dict[tuple[str, ...], Finding]()
    for outcome in outcomes:
        its: set[tuple[str, ...]] = set()
        for finding in outcome.findings:
            key = (finding.code, *(str(value) for _, value in sorted(finding.values.items())))
            before = first.get(key)
            first[key] = replace(finding, count=before.count + finding.count) if before else finding
            its.add(key)
        files.update(its)
    found: dict[str, list[_Wording]] = {}
    for key, finding in first.items():
        found.setdefault(finding.code, []).append(_Wording(finding, files[key]))
    return found


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
