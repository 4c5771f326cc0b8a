"""``collecte key``: a challenge's keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.output import Json, print_json

if TYPE_CHECKING:
    from collecte.keys import Keys

app = typer.Typer(
    help="Make and rotate a challenge's keys.",
    epilog="Example: collecte key new keys/col-2027.json",
    no_args_is_help=True,
    rich_markup_mode=None,
)

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The key file.")]


@app.command()
def new(file: KeyFile, as_json: Json = False) -> None:
    """Make the keys of a new challenge; an existing file is never overwritten.

    Readable by its owner alone. Keep a copy in a safe place: without it no pseudonym can be made again, and nothing
    that is sealed in the catalogue opens.

    \b
    Example:
      collecte key new keys/col-2027.json
    """
    from collecte.keys import Keys

    keys = Keys.new()
    keys.save(file)
    if as_json:
        print_json({"file": str(file), "sealing": keys.active_sealing})
    else:
        typer.echo(f"{file}: new keys. Copy them to a safe place, apart from the data.")


@app.command()
def rotate(
    file: KeyFile,
    challenge: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Also seal the catalogue's cells and the vault of this challenge anew."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a new sealing key to a key file and use it from now on. Pseudonyms, UIDs and date shifts stay as they are.

    The old sealing keys stay in the file, so that what they sealed still opens. Interrupted while it seals anew, run it
    again: it goes on.

    \b
    Example:
      collecte key rotate keys/col-2027.json --challenge col-2027
    """
    from collecte.keys import Keys

    keys = Keys.load(file).rotated()
    keys.save(file, replace=True)
    counts = _reseal(challenge, keys) if challenge else {}
    if as_json:
        print_json({"file": str(file), "sealing": keys.active_sealing, "sealed_anew": counts})
        return
    typer.echo(f"{file}: {keys.active_sealing} seals from now on. Copy the file to its safe place again.")
    if challenge:
        typer.echo("Sealed anew: " + ", ".join(f"{n} of {table}" for table, n in counts.items()) + ".")


def _reseal(challenge: str, keys: "Keys") -> dict[str, int]:
    from collecte.catalogue import open_catalogue, reseal
    from collecte.settings import Settings
    from collecte.steps.release_making import reseal_vault

    settings = Settings.from_environment()
    return reseal(open_catalogue(settings.catalogue), challenge, keys) | reseal_vault(settings.vault, challenge, keys)
