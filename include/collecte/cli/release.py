"""``collecte release``: make a version, verify one, compare two. Nothing here approves; that is done in Airflow."""

from pathlib import Path
from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

app = typer.Typer(
    help="Make a release, verify one anywhere, compare two.",
    epilog="Example: collecte release verify .demo/release/demo/v1 --public-key signing-key.pub",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Challenge = Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")]
_Label = Annotated[str, typer.Argument(metavar="VERSION", help="The version, such as v1.")]
_Folder = Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A release's folder.")]


@app.command()
def make(challenge: _Challenge, as_json: Json = False) -> None:
    """Freeze what is accepted now into a version, and show what must hold before it leaves. Exit code 1: some does not.

    Where it was interrupted, run it again: it goes on.

    \b
    Example:
      collecte release make demo
    """
    from collecte import steps
    from collecte.gates import refusals
    from collecte.steps.challenge_site import open_challenge

    site = open_challenge(challenge)
    label = steps.start_release(site)
    counts = steps.freeze_release(site, label)
    checks = steps.release_gate(site, label)
    if as_json:
        gate = [{"check": c.en, "holds": c.holds, "findings": [f.code for f in c.findings]} for c in checks]
        print_json({"version": label, "counts": counts, "gate": gate})
    else:
        typer.echo(f"{label}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
        for check in checks:
            typer.echo(f"{'holds' if check.holds else 'STOPS'}  {check.en} {check.shown}")
            for finding in check.findings:
                typer.echo(f"       {finding.code}: {finding.text('en')} To do: {finding.remedy('en')}")
    raise typer.Exit(bool(refusals(checks)))


@app.command()
def verify(
    folder: _Folder,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The signer's key, got another way than with the release.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a release whole and name each broken thing. It needs the folder alone. Exit code 1: something is broken.

    Without --public-key it takes the folder's own copy: that proves that the release is whole, not where it comes from.

    \b
    Example:
      collecte release verify .demo/release/demo/v1 --public-key signing-key.pub
    """
    from collecte import steps

    broken = steps.verify_release(folder, public_key)
    if as_json:
        print_json({"broken": broken, "origin_proved": public_key is not None and not broken})
    else:
        for said in broken:
            typer.echo(f"broken: {said}")
        if not broken and public_key:
            typer.echo("It is whole, and signed by that key.")
        elif not broken:
            typer.echo(
                "It is whole: it holds what the key in its own folder signed. That does not prove where it comes from; "
                "name the signer's key with --public-key."
            )
    raise typer.Exit(bool(broken))


@app.command()
def diff(
    one: Annotated[Path, typer.Argument(metavar="A", exists=True, file_okay=False, help="A release's folder.")],
    other: Annotated[Path, typer.Argument(metavar="B", exists=True, file_okay=False, help="Another one's.")],
    as_json: Json = False,
) -> None:
    """What is different between two releases: versions and figures; of the same version made anew, file by file.

    \b
    Example:
      collecte release diff .demo/release/demo/v1 .demo/release/demo/v2
    """
    from collecte import steps

    said = steps.diff_releases(one, other)
    if as_json:
        print_json(said)
        return
    for line in said or ["They are the same."]:
        typer.echo(line)


@app.command()
def discard(challenge: _Challenge, label: _Label) -> None:
    """Forget a version that was never frozen, with what was made of it. Its number is free again.

    \b
    Example:
      collecte release discard demo v2
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    steps.discard_release(open_challenge(challenge), label)
    typer.echo(f"{label} is discarded.")


@app.command()
def ship(challenge: _Challenge, version: _Label, as_json: Json = False) -> None:
    """Send an approved release to the challenge's hosts, each file with its receipt, SHA256SUMS last.

    It sends nothing that two people did not approve in Airflow. Where it was interrupted, run it again: it goes on.

    \b
    Example:
      collecte release ship demo v1
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    site = open_challenge(challenge)
    counts = {ref["shard"]: steps.ship_to_host(site, ref["shard"]) for ref in steps.plan_host(site, version)}
    for destination in steps.destinations_of(site):
        counts[destination.id] = steps.commit_host(site, version, destination.id)
    if as_json:
        print_json(counts)
    else:
        for what, found in counts.items():
            typer.echo(f"{what}: " + ", ".join(f"{count} {name}" for name, count in found.items()))
