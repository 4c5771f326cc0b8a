"""``collecte deidentify`` and ``collecte scan``: folders, without catalogue, network or Airflow."""

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.decisions import print_decisions
from collecte.cli.output import Json, interruptible, print_json, progress

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

    SRC is only read. A copy gets its name in DST when all files are judged; until then, copies wait in a hidden folder
    beside DST. Interrupted or ended in any way, run it again: the same files and keys give the same bytes. What an
    earlier run let through and this one refuses is taken out of DST; other files there are left alone, and counted.

    The report names the files of SRC, and a file's or folder's name may name a patient: it can be read by you alone,
    belongs with SRC, and can lie in neither folder. The table of decisions names no file.

    Exit code 1: files were refused. 130: interrupted.

    \b
    Example:
      collecte deidentify export safe --challenge include/challenges/demo.yaml \\
          --centre arvel --key-file keys.json --report report.json
    """
    from collecte.keys import Keys
    from collecte.records import State
    from collecte.steps import deidentify as step
    from collecte.steps.folder import of_other_runs
    from collecte.steps.outcome import report_text, totals_of

    of, at = centre_of(challenge, centre)
    if report:
        _check(report, source, target)
    began = time.monotonic()
    with interruptible("No report was written; run it again as before."), progress() as advance:
        outcomes = step(source, target, of, at, Keys.load(key_file), jobs=jobs, advance=advance)
    seconds = time.monotonic() - began
    result = totals_of(outcomes, of)
    if as_json:
        print_json(result["totals"])
    else:
        print_decisions(result, outcomes, _bytes(source, outcomes), seconds)
    if report:
        _write(report, report_text(result, outcomes))
    if not outcomes:
        typer.echo("SRC holds no file.", err=True)
    if others := of_other_runs(target, (outcome.output for outcome in outcomes if outcome.output)):
        typer.echo(f"DST holds {others:,} other files, which this run neither made nor looked at.", err=True)
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
    from collecte.errors import NeedsPerson
    from collecte.keys import Keys
    from collecte.steps import finding_as_dict
    from collecte.steps import scan as step

    of, at = centre_of(challenge, centre)
    with interruptible("Nothing was changed."), progress() as advance:
        found = step(source, target, of, at, Keys.load(key_file), jobs=jobs, advance=advance)
    if not found:
        raise NeedsPerson("DST holds no file, so nothing was looked at.", "name the folder of the safe copies.")
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


def centre_of(challenge: Path, centre: str | None) -> "tuple[Challenge, Centre]":
    """A challenge file's challenge, and its centre of that id; None: the first.

    Raises:
        NeedsPerson: it has none; or the file says something wrong.
    """
    from collecte.challenge import load
    from collecte.errors import NeedsPerson

    of = load(challenge)
    try:
        return of, of.centre(centre) if centre else of.centres[0]
    except KeyError:
        known = ", ".join(c.id for c in of.centres)
        raise NeedsPerson(f"{challenge} has no centre of that id.", f"give one of {known}.") from None


def _check(path: Path, source: Path, target: Path) -> None:
    """Before the work of hours, not after it: can the report be written, and is it out of the way?

    Raises:
        NeedsPerson: it cannot; it lies in the source or among the copies, which leave without it; or the file is there
            and is no report, such as the challenge file or the keys.
    """
    from collecte.errors import NeedsPerson

    at = path.resolve()
    if {source.resolve(), target.resolve()} & set(at.parents):
        raise NeedsPerson(
            "The report would lie in SRC or in DST; it names the files of SRC, and is none of them.",
            "choose a file beside the two folders.",
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _no_report(path)
    if path.is_file() and not _is_report(path):
        raise NeedsPerson(
            f"{path} is there and is no report of an earlier run; it is not overwritten.",
            "give the report a name that no other file has.",
        )


def _is_report(path: Path) -> bool:
    """Whether a file begins as a report does. An empty one is nobody's loss."""
    from collecte.steps.outcome import report_text

    head = next(report_text({}, ())).partition(":")[0].encode()
    try:
        with path.open("rb") as file:
            return file.read(len(head)) in (head, b"")
    except OSError:
        raise _no_report(path) from None


def _write(path: Path, pieces: "Iterable[str]") -> None:
    """Whole, or not at all; readable by its owner alone, since it names the source's files. A pipe or a device stays
    what it is, and is written to."""
    try:
        if path.exists() and not path.is_file():
            _fill(path, pieces)
            return
        file = path.resolve()
        handle, part = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)  # its owner's alone
        os.close(handle)
        try:
            _fill(Path(part), pieces)
            Path(part).replace(file)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise _no_report(path, error) from None


def _fill(path: Path, pieces: "Iterable[str]") -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(pieces)


def _no_report(path: Path, error: OSError | None = None) -> "NeedsPerson":
    from collecte.errors import NeedsPerson

    why = f" ({os.strerror(error.errno)})" if error and error.errno else ""
    return NeedsPerson(f"The report {path} cannot be written{why}.", "choose a file in a folder that you may write.")
