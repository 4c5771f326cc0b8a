"""``collecte homogeneity``: do the centres' data belong together?"""

from typing import Annotated

import typer

from collecte.cli.output import Json, print_json


def homogeneity(
    challenge: Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")],
    as_json: Json = False,
) -> None:
    """Compare each centre's accepted data with all others', and write the page and the table of what was measured.

    Exit code 1: no release can be made before a coordinator has decided, which is done in Airflow and nowhere else.

    \b
    Example:
      collecte homogeneity demo
    """
    from collecte.steps.challenge_site import open_challenge
    from collecte.steps.homogeneity import PAGE, homogeneity_now, judge_homogeneity

    site = open_challenge(challenge)
    counts = judge_homogeneity(site)
    state = homogeneity_now(site)
    page = str(site.reported() / PAGE)
    if as_json:
        left_out = {"centres": sorted(state.left_out_centres), "facts": sorted(state.left_out_facts)}
        found = {"verdict": state.verdict, "open": state.open, "red": list(state.red), "left_out": left_out}
        print_json({**found, "digest": state.digest, "counts": counts, "page": page})
    else:
        typer.echo(f"{state.verdict}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        for one in state.red:
            typer.echo(f"{one['fact']} at {one['centre']}: {one['here']} here, {one['elsewhere']} elsewhere")
        typer.echo(page)
    raise typer.Exit(not state.open)
