"""``collecte explain``: what becomes of one DICOM file, element by element, and by which rule."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collecte.cli.deidentify import centre_of
from collecte.cli.output import Json, print_json
from collecte.cli.tables import print_table

if TYPE_CHECKING:
    from collecte.formats.dicom.explain import Explained, Explanation

#: How a terminal shows what became of an element.
_STYLES = {"removed": "red", "emptied": "red", "dummy value": "red", "kept": "green", "items below": "dim"}


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A DICOM file.")],
    challenge: Annotated[
        Path | None,
        typer.Option(
            "--challenge", metavar="FILE", dir_okay=False, help="The challenge file; else the only one there is."
        ),
    ] = None,
    centre: Annotated[
        str | None,
        typer.Option("--centre", metavar="ID", help="The centre, as the challenge file names it; else its first."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show each private element that is removed, too.")] = False,
    as_json: Json = False,
) -> None:
    """Say what becomes of each element of FILE, and by which rule.

    No value of the file is shown: letters stand as x, digits as 9. Nothing is written, and no keys are needed. Text in
    the pixels is looked for by `collecte deidentify` alone. Exit code 1: the file would be refused.

    \b
    Example:
      collecte explain IM0001.dcm --challenge include/challenges/demo.yaml --centre arvel
    """
    from collecte.findings import refused
    from collecte.formats.dicom.explain import in_force
    from collecte.keys import Keys
    from collecte.steps import explain as step

    of, at = centre_of(challenge or _only_challenge(), centre)
    told = step(file, of, at, Keys.new())
    rules = in_force(of.kinds.dicom) if of.kinds.dicom else {}
    if as_json:
        print_json(_as_dict(told, rules))
    else:
        if told.elements:
            _print(told.elements if everything else _folded(told.elements))
        for line in (*_refusals(told), *_summary(told, rules)):
            typer.echo(line)
    raise typer.Exit(refused(told.findings))


def _only_challenge() -> Path:
    from collecte.errors import NeedsPerson
    from collecte.settings import Settings

    folder = Settings.from_environment().challenges
    found = sorted(folder.glob("*.yaml"))
    if len(found) != 1:
        raise NeedsPerson(
            f"{len(found)} challenge files stand in {folder}.", "name the one that is meant: --challenge FILE."
        )
    return found[0]


def _as_dict(told: "Explanation", rules: dict[str, Any]) -> dict[str, Any]:
    from collecte.steps import finding_as_dict

    return {
        "sop_class": told.sop_class,
        "transfer_syntax": told.transfer_syntax,
        "text_in_pixels": told.look.value,
        "findings": [finding_as_dict(finding) for finding in told.findings],
        "elements": [
            {
                "depth": one.depth,
                "tag": _tag(one),
                "vr": one.vr,
                "keyword": one.keyword,
                "masked": one.masked,
                "outcome": one.outcome,
                "rule": one.rule,
            }
            for one in told.elements
        ],
        "summary": _counted(told),
        "rules": rules,
    }


def _tag(one: "Explained") -> str:
    return f"({one.tag >> 16:04X},{one.tag & 0xFFFF:04X})" if one.tag else ""


def _counted(told: "Explanation") -> dict[str, int]:
    """Elements by outcome, the most frequent first."""
    return dict(Counter(one.outcome for one in told.elements if one.tag).most_common())


def _folded(elements: Iterable["Explained"]) -> Iterator["Explained"]:
    """The elements, with each run of private ones that go in one line."""
    from dataclasses import replace

    def key(one: "Explained") -> tuple[bool, int]:
        return (one.keyword == "private" and one.outcome == "removed", one.depth)

    for (private, _), run in groupby(elements, key):
        members = list(run)
        if private and len(members) > 1:
            yield replace(
                members[0], vr="", keyword=f"{len(members)} private elements", masked="", rule="E.1-1 X: private"
            )
        else:
            yield from members


def _print(elements: Iterable["Explained"]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("tag", "VR", "element", "value, masked", "outcome", "rule"):
        table.add_column(heading, overflow="fold")
    for one in elements:
        indent = "  " * one.depth
        outcome = Text(one.outcome, style=_STYLES.get(one.outcome, "yellow"))
        cells = (indent + _tag(one), one.vr, indent + one.keyword, one.masked)
        table.add_row(*map(Text, cells), outcome, Text(one.rule))
    print_table(table)


def _refusals(told: "Explanation") -> Iterator[str]:
    for finding in told.findings:
        place = f" ({finding.place})" if finding.place else ""
        yield f"{finding.severity}: {finding.code}{place}"
        for language, to_do in (("fr", "À faire :"), ("en", "To do:")):
            yield f"  {finding.text(language)}"  # type: ignore[arg-type]
            yield f"  {to_do} {finding.remedy(language)}"  # type: ignore[arg-type]


_LOOKS = {
    "never": "none to look at",
    "sample": "looked for in a sample of the files of this kind",
    "always": "looked for in every file of this kind",
    "declared": "the file says that there is some; looked for",
}


def _summary(told: "Explanation", rules: dict[str, Any]) -> Iterator[str]:
    if told.elements:
        counts = ", ".join(f"{n} {outcome}" for outcome, n in _counted(told).items())
        yield f"{sum(_counted(told).values())} elements: {counts}."
        yield f"Object: {told.sop_class}; written in transfer syntax {told.transfer_syntax}."
        yield f"Text in the pixels: {_LOOKS[told.look.value]}; found: {rules['text_in_pixels']['found']}."
    options = ", ".join(rules["options"]) or "none"
    yield f"Rules: PS3.15 table E.1-1, edition {rules['edition']}, profile {rules['profile']}; options: {options}."
    for own in rules["attributes"]:
        yield f"Rule of the challenge: {_own(own)}."


def _own(rule: dict[str, Any]) -> str:
    creator = f" of {rule['creator']}" if "creator" in rule else ""
    return f"{rule['attribute']}{creator}: {rule['action']}"
