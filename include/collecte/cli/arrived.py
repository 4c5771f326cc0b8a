"""``collecte arrived``: what a centre's drop holds that is complete, without collecting it."""

import typer

from collecte.cli.journey import CentreId, ChallengeId
from collecte.cli.output import Json, print_json


def arrived(challenge: ChallengeId, centre: CentreId, as_json: Json = False) -> None:
    """Look at a centre's drop now: which deliveries are complete and would be collected, which wait, and why.

    Nothing is collected. The look counts for the quiet time of what waits. Exit code 1: nothing is complete.

    \b
    Example:
      collecte arrived demo arvel
    """
    from collecte import steps

    site = steps.open_site(challenge, centre)
    complete = [each.delivery for each in steps.arrived(site)]
    waiting = {each.delivery: each.waits for each in steps.waiting(site) if each.waits}
    if as_json:
        print_json({"complete": complete, "waiting": {label: why.code for label, why in waiting.items()}})
    else:
        typer.echo(f"Complete: {', '.join(complete) or 'nothing'}.")
        for label, why in waiting.items():
            typer.echo(f"{label} waits: {why.code}: {why.text('en')} To do: {why.remedy('en')}")
    raise typer.Exit(not complete)
