"""``collecte housekeeping``: the chores of a night, in this process. Airflow's DAG of that name does the same."""

from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.output import Json, print_json

if TYPE_CHECKING:
    from collecte.steps.housekeeping import Done

_Challenge = Annotated[
    str | None, typer.Argument(metavar="[CHALLENGE]", help="Id of a challenge; without it, all of them.")
]
_Centre = Annotated[str | None, typer.Argument(metavar="[CENTRE]", help="Id of one of its centres.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, read or ended; change nothing.")]


def housekeeping(
    challenge: _Challenge = None, centre: _Centre = None, dry_run: _DryRun = False, as_json: Json = False
) -> None:
    """Remove what has outlived its retention, end unfinished uploads, read copies again, verify the audit chains, and
    say what is late, ends or runs short. Exit code 1: a chore failed; the others were done.

    Kill it whenever you like, and run it again: it goes on.

    \b
    Example:
      collecte housekeeping demo --dry-run
    """
    from collecte.steps.housekeeping import housekeeping as keep

    pieces: list[dict[str, object]] = []

    def tell(chore: str, about: str, done: "Done") -> None:
        warnings = [str(notice) for notice in done.notices]
        pieces.append({"chore": chore, "about": about, "counts": dict(done.counts), "said": done.said})
        pieces[-1]["warnings"] = warnings
        if not as_json:
            figures = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in done.counts.items())
            typer.echo(f"{chore:<9} {about}: {figures}" + (f"; {done.said}" if done.said else ""))
            for line in warnings:
                typer.echo(f"{'':<9} {line}")

    failed = [f"{what}: {error}" for what, error in keep(challenge, centre, tell=tell, dry_run=dry_run)]
    if as_json:
        print_json({"done": pieces, "failed": failed})
    for line in failed:
        typer.echo(line, err=True)
    raise typer.Exit(bool(failed))
