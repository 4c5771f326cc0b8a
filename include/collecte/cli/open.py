"""``collecte open``: make an Open Data package, verify one anywhere, publish one that two people approved."""

from pathlib import Path
from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

app = typer.Typer(
    help="Make an Open Data package, verify one anywhere, publish one that is approved.",
    epilog="Example: collecte open verify .demo/open/demo/v1 --public-key signing-key.pub",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Challenge = Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")]
_Label = Annotated[str, typer.Argument(metavar="VERSION", help="The version, such as v1.")]


@app.command()
def package(
    challenge: _Challenge,
    release: Annotated[str | None, typer.Option(metavar="VERSION", help="The release; the newest if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Make the Open Data package of a release, once its gate is open. It publishes nothing.

    \b
    Example:
      collecte open package demo --release v1
    """
    from collecte import steps

    site = steps.open_challenge(challenge)
    label = steps.start_open(site, release)
    counts = steps.make_open(site, label)
    if as_json:
        print_json({"version": label, "counts": counts, "folder": str(site.folder(site.package("open", label)))})
    else:
        typer.echo(f"{label}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
        typer.echo(f"It lies in {site.folder(site.package('open', label))}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A package's folder.")],
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The signer's key, got another way than with the package.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a package whole and name each broken thing. It needs the folder alone. Exit code 1: something is broken.

    Without --public-key it takes the folder's own copy: that proves that the package is whole, not where it comes from.

    \b
    Example:
      collecte open verify .demo/open/demo/v1
    """
    from collecte import steps

    broken = steps.verify_open(folder, public_key)
    if as_json:
        print_json({"broken": broken, "proves_origin": public_key is not None})
    else:
        for what in broken:
            typer.echo(what)
        if not broken:
            origin = "and is signed with that key." if public_key else "by its own key: whole, whoever it comes from."
            typer.echo(f"The package is whole, {origin}")
    raise typer.Exit(bool(broken))


@app.command()
def publish(
    challenge: _Challenge,
    label: _Label,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Publish a package that a coordinator and a data-protection officer have approved in Airflow; then read it back.

    \b
    Example:
      collecte open publish demo v1 --dry-run
    """
    from collecte import steps

    site = steps.open_challenge(challenge)
    if dry_run:
        counts, broken = steps.dry_run_open(site, label), []
    else:
        counts = steps.publish_open(site, label)
        broken = steps.verify_public(site, label)
    if as_json:
        print_json({"counts": counts, "broken": broken})
    else:
        typer.echo(", ".join(f"{what} {count}" for what, count in counts.items()))
        for what in broken:
            typer.echo(what)
    raise typer.Exit(bool(broken))
