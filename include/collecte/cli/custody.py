"""``collecte custody``: one file's life, each link checked."""

from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

_MARKS = {True: "holds", False: "BROKEN", None: "-"}


def custody(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file by its catalogue id, such as f12.")],
    as_json: Json = False,
) -> None:
    """Follow one file from the centre's hash to each host's receipt; every copy is read. Exit code 1: a link is broken.

    \b
    Example:
      collecte custody f12
    """
    from dataclasses import asdict

    from collecte.catalogue import open_catalogue
    from collecte.settings import Settings
    from collecte.steps.challenge_site import open_challenge
    from collecte.steps.custody import challenge_of
    from collecte.steps.custody import custody as follow

    settings = Settings.from_environment()
    links = follow(open_challenge(challenge_of(open_catalogue(settings.catalogue), file), settings), file)
    if as_json:
        print_json([asdict(link) for link in links])
    else:
        for link in links:
            typer.echo(f"{_MARKS[link.holds]:7} {link.place:20} {link.sha256[:16]:16}  {link.said}")
    raise typer.Exit(any(link.holds is False for link in links))
