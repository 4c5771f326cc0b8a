"""``collecte catalogue`` and ``collecte audit``: the tables, and the proof of what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.output import Json, print_json

if TYPE_CHECKING:
    from collecte.catalogue import Anchor

catalogue = typer.Typer(
    help="Look after the catalogue's tables.",
    epilog="Example: collecte catalogue upgrade",
    no_args_is_help=True,
    rich_markup_mode=None,
)
audit = typer.Typer(
    help="Verify what was done.",
    epilog="Example: collecte audit verify demo",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@catalogue.command()
def upgrade() -> None:
    """Make the catalogue's tables, or bring them to this version. COLLECTE_CATALOGUE says where they are.

    \b
    Example:
      collecte catalogue upgrade
    """
    from collecte.catalogue import open_catalogue
    from collecte.settings import Settings

    open_catalogue(Settings.from_environment().catalogue, upgrade=True)
    typer.echo("The catalogue is up to date.")


_Copy = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The backup.")]


@catalogue.command()
def backup(file: _Copy, as_json: Json = False) -> None:
    """Copy the catalogue into a new file, while runs go on; out of SQLite and PostgreSQL alike.

    Keep it as carefully as landing, and apart from the keys: without those, its sealed cells are closed. It is itself a
    catalogue: COLLECTE_CATALOGUE=sqlite:////path/FILE collecte audit verify demo.

    \b
    Example:
      collecte catalogue backup /srv/backup/catalogue-2027-01-31.db
    """
    from collecte.steps.backup import back_up_catalogue

    made = back_up_catalogue(file)
    if as_json:
        print_json({"file": str(file), "rows": made.rows, "sha256": made.sha256, "heads": made.heads})
        return
    typer.echo(f"{file}: {made.rows} rows, SHA-256 {made.sha256}")
    for challenge, at in made.heads.items():
        typer.echo(f"{challenge}: audit head {at}")


@catalogue.command()
def restore(file: _Copy, as_json: Json = False) -> None:
    """Put a backup back into an empty catalogue, and look whether all of it holds. Exit code 1: something does not.

    End all runs and restore the keys first. What landing and curated hold of deliveries that the backup does not know
    is set aside in folders named `lost`; the next runs find those deliveries in their drops, and ship nothing twice.

    \b
    Example:
      collecte catalogue restore /srv/backup/catalogue-2027-01-31.db
    """
    from collecte.steps.backup import restore_catalogue

    done = restore_catalogue(file)
    if as_json:
        print_json(
            {
                "rows": done.rows,
                "heads": done.heads,
                "opened": done.opened,
                "set_aside": list(done.set_aside),
                "wrong": list(done.wrong),
            }
        )
    else:
        typer.echo(f"{done.rows} rows restored.")
        for challenge, at in done.heads.items():
            cells = f"{done.opened[challenge]} sealed cells open" if challenge in done.opened else "sealed cells unseen"
            typer.echo(f"{challenge}: audit head {at}, {cells}")
        for folder in done.set_aside:
            typer.echo(f"Set aside: {folder}")
        for line in done.wrong:
            typer.echo(f"Wrong: {line}")
    raise typer.Exit(bool(done.wrong))


@audit.command()
def verify(
    challenge: Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge.")],
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--head", metavar="N:HASH", help="A head that was printed earlier: event number and hash. Repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute every audit chain of a challenge, offline; name the first broken link of each. Exit code 1: one is.

    With the heads that earlier reports printed, a chain that was rewritten as a whole is found too.

    \b
    Example:
      collecte audit verify demo --head 6:4f0c…
    """
    from collecte import catalogue as of
    from collecte.settings import Settings

    with of.open_catalogue(Settings.from_environment().catalogue).read() as connection:
        broken = of.verify(connection, challenge, [_anchor(challenge, text) for text in known or ()])
        seq, digest = of.head(connection, of.challenge_chain(challenge))
    if as_json:
        found = [{"chain": link.chain, "seq": link.seq, "what": link.what} for link in broken]
        print_json({"events": seq, "head": digest, "broken": found})
    else:
        for link in broken:
            typer.echo(f"{link.chain} at event {link.seq}: {link.what}")
        typer.echo(f"{challenge}: {seq} events in its chain, head {digest}; " + ("broken." if broken else "all holds."))
    raise typer.Exit(bool(broken))


def _anchor(challenge: str, text: str) -> "Anchor":
    from collecte.catalogue import Anchor, challenge_chain

    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter(
            "write the event's number, a colon, and the hash of 64 characters", param_hint="--head"
        )
    return Anchor(challenge_chain(challenge), int(number), digest)
