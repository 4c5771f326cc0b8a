"""``collecte centre``: is a centre ready to be collected from?"""

from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

app = typer.Typer(
    help="Look after a challenge's centres.",
    epilog="Example: collecte centre check demo arvel",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def centre() -> None:
    """Look after a challenge's centres."""


@app.command()
def check(
    challenge: Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")],
    centre: Annotated[str, typer.Argument(metavar="CENTRE", help="Id of the centre.")],
    as_json: Json = False,
) -> None:
    """Ask a centre's server for all that a collection needs: reachable, key, login, rights, clock; then our own side.

    Each condition is a line, and what fails comes with its remedy in both languages. A small file is written in the
    drop's folder retour, and removed again. Exit code 1: a check failed.

    \b
    Example:
      collecte centre check demo arvel
    """
    from collecte import steps

    checks = steps.check_centre(challenge, centre)
    if as_json:
        print_json([each.as_dict() for each in checks])
    else:
        for each in checks:
            typer.echo(str(each))
    raise typer.Exit(any(each.outcome == "not" for each in checks))
