"""``collecte quarantine``: what waits for a person, and the person's decision. It shows ids, never a name or a path."""

import getpass
import os
from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

app = typer.Typer(
    help="Look at quarantined files again.",
    epilog="Example: collecte quarantine list demo corvane",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Challenge = Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")]
_Centre = Annotated[str, typer.Argument(metavar="CENTRE", help="Id of the centre.")]
_Delivery = Annotated[str | None, typer.Option("--delivery", metavar="ID", help="All of this one, such as d0001.")]
_By = Annotated[
    str | None, typer.Option("--by", metavar="LOGIN", help="Who decided it, for the audit chain. Default: your login.")
]
_Files = Annotated[list[str] | None, typer.Argument(metavar="[FILE_ID]...", help="Ids of files, such as f12.")]


@app.command("list")
def list_(challenge: _Challenge, centre: _Centre, delivery: _Delivery = None, as_json: Json = False) -> None:
    """The files in quarantine: id, delivery, the finding that put them there, since when.

    \b
    Example:
      collecte quarantine list demo corvane --delivery d0001
    """
    from collecte import steps

    found = steps.list_quarantine(steps.open_site(challenge, centre), delivery)
    rows = [
        {
            "file": f"f{file.file_id}",
            "delivery": file.delivery,
            "code": file.code,
            "severity": file.severity,
            "since": file.since.isoformat(timespec="seconds"),
        }
        for file in found
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo("  ".join(row.values()))
    typer.echo(f"{len(rows)} files in quarantine.")


@app.command()
def retry(
    challenge: _Challenge,
    centre: _Centre,
    files: _Files = None,
    delivery: _Delivery = None,
    by: _By = None,
    as_json: Json = False,
) -> None:
    """Have files judged anew, after a rule or the challenge file changed: they become a new delivery of their own.

    The centre's next run takes it up; nothing is fetched again from the drop. Exit code 1: some stay in quarantine.

    \b
    Example:
      collecte quarantine retry demo corvane --delivery d0001
    """
    from collecte import steps

    wanted = _meant(files, delivery)
    found = steps.retry_quarantine(steps.open_site(challenge, centre), delivery, wanted, by or _login())
    if as_json:
        print_json([{"old": r.old, "new": r.new, "files": r.files, "left": dict(r.left)} for r in found])
    for each in () if as_json else found:
        left = "".join(f"; {n} stay ({why})" for why, n in each.left.items())
        became = f"{each.files} are judged anew as {each.new}" if each.new else "none is judged anew"
        typer.echo(f"{each.old}: {became}{left}")
    if not found and not as_json:
        typer.echo("Nothing is in quarantine there.")
    raise typer.Exit(any(each.left for each in found))


@app.command()
def reject(
    challenge: _Challenge,
    centre: _Centre,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="WORD", help="consent, duplicate, out-of-scope, test-data, unusable or wrong-patient."
        ),
    ],
    files: _Files = None,
    delivery: _Delivery = None,
    by: _By = None,
    as_json: Json = False,
) -> None:
    """Refuse files for good. The reason is one of a list, and enters the audit chain.

    \b
    Example:
      collecte quarantine reject demo corvane f12 --reason unusable
    """
    from collecte import steps

    wanted = _meant(files, delivery)
    count = steps.reject_quarantine(steps.open_site(challenge, centre), reason, delivery, wanted, by or _login())
    if as_json:
        print_json({"rejected": count})
    else:
        typer.echo(f"{count} files are rejected.")


def _login() -> str:
    """Who is at work here, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's number without a name
        return f"uid-{os.getuid()}"


def _meant(files: list[str] | None, delivery: str | None) -> list[int]:
    """Either ids of files or a delivery: never everything by an omission."""
    if bool(files) == bool(delivery):
        raise typer.BadParameter("name files, or one delivery by --delivery")
    if any(file[:1] != "f" or not file[1:].isdecimal() for file in files or ()):
        raise typer.BadParameter("a file's id is written like f12", param_hint="FILE_ID")
    return [int(file[1:]) for file in files or ()]
