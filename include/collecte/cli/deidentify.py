"""``collecte deidentify`` and ``collecte scan``: folders, without catalogue, network or Airflow."""

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.decisions import print_decisions
from collecte.cli.output import Json, print_json, progress

if TYPE_CHECKING:
    from collecte.challenge import Centre, Challenge
    from collecte.errors import NeedsPerson
    from collecte.steps import Outcome

Source = Annotated[Path, typer.Argument(metavar="SRC", exists=True, file_okay=False, help="The folder as received.")]
Target = Annotated[Path, typer.Argument(metavar="DST", file_okay=False, help="The folder of safe copies.")]
ChallengeFile = Annotated[Path, typer.Option("--challenge", metavar="FILE", dir_okay=False, help="The challenge file.")]
CentreId = Annotated[str, typer.Option("--centre", metavar="ID", help="The centre, as the challenge file names it.")]
KeyFile = Annotated[Path, typer.Option("--key-file", metavar="F", dir_okay=False, help="Keys: collecte key new F.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Processes that share the work.")]


def deidentify(
    source: Source,
    target: Target,
    challenge: ChallengeFile,
    centre: CentreId,
    key_file: KeyFile,
    jobs: Jobs = 1,
    report: Annotated[
        Path | None, typer.Option(metavar="R.json", dir_okay=False, help="Write what became of each file, as JSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make every file of SRC safe in DST, and scan the copies for everything that identified in SRC.

    The report names the files of SRC: it identifies as they do, and belongs with them. Exit code 1: files were refused.

    \b
    Example:
      collecte deidentify export safe --challenge include/challenges/demo.yaml \\
          --centre arvel --key-file keys.json --report report.json
    """
    from collecte.keys import Keys
    from collecte.records import State
    from collecte.steps import deidentify as step
    from collecte.steps.deidentify import report as as_report

    of, at = centre_of(challenge, centre)
    if report:
        _check(report)
    began = time.monotonic()
    with progress() as advance:
        outcomes = step(source, target, of, at, Keys.load(key_file), jobs=jobs, advance=advance)
    seconds = time.monotonic() - began
    result = as_report(outcomes, of)
    if report:
        _write(report, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        print_json(result["totals"])
    else:
        print_decisions(result, outcomes, _bytes(source, outcomes), seconds)
    raise typer.Exit(any(outcome.state is State.QUARANTINED for outcome in outcomes))


def _bytes(source: Path, outcomes: "Iterable[Outcome]") -> int:
    """How much the source holds, in files that are there still and may be asked."""
    found = 0
    for outcome in outcomes:
        with suppress(OSError):
            found += (source / outcome.source).lstat().st_size
    return found


def scan(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="DST", exists=True, file_okay=False, help="The folder to look at.")],
    challenge: ChallengeFile,
    centre: CentreId,
    key_file: KeyFile,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Look in every file of DST for everything that identifies in SRC. Exit code 1: something was found.

    \b
    Example:
      collecte scan export safe --challenge include/challenges/demo.yaml --centre arvel --key-file keys.json
    """
    from collecte.keys import Keys
    from collecte.steps import finding_as_dict
    from collecte.steps import scan as step

    of, at = centre_of(challenge, centre)
    with progress() as advance:
        found = step(source, target, of, at, Keys.load(key_file), jobs=jobs, advance=advance)
    hits = {path: findings for path, findings in found.items() if findings}
    if as_json:
        print_json(
            {
                "scanned": len(found),
                "files": [
                    {"output": path, "findings": [finding_as_dict(finding) for finding in findings]}
                    for path, findings in hits.items()
                ],
            }
        )
    else:
        for path, findings in hits.items():
            typer.echo(f"{path}: " + "; ".join(f"{f.code} {f.place} {f.text('en')}" for f in findings))
        typer.echo(f"{len(found)} files scanned, {len(hits)} with something that identifies.")
    raise typer.Exit(bool(hits))


def centre_of(challenge: Path, centre: str) -> "tuple[Challenge, Centre]":
    """A challenge file's challenge, and its centre of that id.

    Raises:
        NeedsPerson: it has none; or the file says something wrong.
    """
    from collecte.challenge import load
    from collecte.errors import NeedsPerson

    of = load(challenge)
    try:
        return of, of.centre(centre)
    except KeyError:
        known = ", ".join(c.id for c in of.centres)
        raise NeedsPerson(f"{challenge} has no centre of that id.", f"give one of {known}.") from None


def _check(path: Path) -> None:
    """Before the work of hours, not after it: can the report be written?"""
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _no_report(path)


def _write(path: Path, text: str) -> None:
    """Readable by its owner alone: the report names the source's files."""
    try:
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    except OSError:
        raise _no_report(path) from None


def _no_report(path: Path) -> "NeedsPerson":
    from collecte.errors import NeedsPerson

    return NeedsPerson(f"The report {path} cannot be written.", "choose a file in a folder that you may write.")
