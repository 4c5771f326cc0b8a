"""``collecte recall``: what was asked to be taken back. It shows ids, never a name; and it approves nothing."""

from typing import Annotated

import typer

from collecte.cli.output import Json, print_json

app = typer.Typer(
    help="Take data back: look at requests, register one, plan it, carry out what was approved.",
    epilog="Example: collecte recall list demo",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Challenge = Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")]
_Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the recall.", min=1)]


@app.command("list")
def list_(challenge: _Challenge, as_json: Json = False) -> None:
    """The recalls of a challenge: number, centre, target, request, state, when it was asked.

    \b
    Example:
      collecte recall list demo
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    rows = steps.list_recalls(open_challenge(challenge))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo("  ".join(str(value) for value in row.values()))
    typer.echo(f"{len(rows)} recalls.")


@app.command()
def find(challenge: _Challenge, as_json: Json = False) -> None:
    """Read what the centres ask in recall/ of their drops, and answer each there. Each file is read once.

    \b
    Example:
      collecte recall find demo
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    numbers = steps.find_recalls(open_challenge(challenge))
    if as_json:
        print_json(numbers)
        return
    typer.echo(f"Registered: {', '.join(map(str, numbers)) or 'nothing new'}.")


@app.command()
def ask(
    challenge: _Challenge,
    centre: Annotated[str, typer.Argument(metavar="CENTRE", help="Id of the centre.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="s12, o12, f12 (its object) or d0001.")],
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="opposition or erasure.")],
) -> None:
    """Register a recall by a catalogue reference, never by a patient's own identifier; prints its number.

    \b
    Example:
      collecte recall ask demo corvane s12 opposition
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    typer.echo(steps.ask_recall(open_challenge(challenge), centre, target, request))


@app.command()
def plan(challenge: _Challenge, number: _Number, as_json: Json = False) -> None:
    """Look where copies are and show the plan that the data-protection officer is asked about. Nothing is removed.

    \b
    Example:
      collecte recall plan demo 1
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    site = open_challenge(challenge)
    found = steps.plan_recall(site, number)
    if as_json:
        print_json(found)
        return
    typer.echo(steps.recall_question(site, number).text)
    typer.echo(f"\nDigest: {found['digest']}")


@app.command()
def carry_out(challenge: _Challenge, number: _Number, as_json: Json = False) -> None:
    """Carry out a recall whose plan the officer approved in Airflow; without that approval, nothing happens.

    Kill it whenever you like, and run it again: it goes on. Exit code 2: not approved, or the plan changed since.

    \b
    Example:
      collecte recall carry-out demo 1
    """
    from collecte import steps
    from collecte.steps.challenge_site import open_challenge

    counts = steps.carry_out_recall(open_challenge(challenge), number)
    if as_json:
        print_json(counts)
        return
    typer.echo(", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items()))
