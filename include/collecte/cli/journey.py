"""The journey's verbs: ``run`` for all of it, one for each stretch, ``status``. Airflow calls the same steps."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.output import Json, print_json

if TYPE_CHECKING:
    from collecte.steps import Site, Summary

ChallengeId = Annotated[str, typer.Argument(metavar="CHALLENGE", help="Id of the challenge: its file's name.")]
CentreId = Annotated[str, typer.Argument(metavar="CENTRE", help="Id of the centre.")]
Delivery = Annotated[str, typer.Argument(metavar="DELIVERY", help="Our id of a delivery, such as d0001.")]
OnlyDelivery = Annotated[str | None, typer.Option("--delivery", metavar="ID", help="Only this one, such as d0001.")]


def run(challenge: ChallengeId, centre: CentreId, delivery: OnlyDelivery = None, as_json: Json = False) -> None:
    """Collect a centre's complete deliveries and ship them, all steps in this process. Exit code 1: files were refused.

    Where it was interrupted, run it again: it goes on.

    \b
    Example:
      collecte run demo arvel
    """
    from collecte import steps

    site = _site(challenge, centre)
    _show(site, steps.run(site, delivery, _tell(as_json)), as_json)


def status(challenge: ChallengeId, centre: CentreId, as_json: Json = False) -> None:
    """What became of a centre's deliveries, in figures that add up; which ones wait in its drop, and why.

    \b
    Example:
      collecte status demo arvel
    """
    from collecte import steps

    site = _site(challenge, centre)
    _show(site, steps.status(site), as_json, waiting=True)


def receive(challenge: ChallengeId, centre: CentreId, delivery: OnlyDelivery = None, as_json: Json = False) -> None:
    """Look at a centre's drop, and receive what is complete into landing.

    \b
    Example:
      collecte receive demo arvel
    """
    from collecte import steps

    site = _site(challenge, centre)
    counts = {ref.shard: steps.receive(site, ref.shard) for ref in steps.find(site, delivery)}
    _print_counts(counts, as_json, none="Nothing is complete in the drop.")


def describe(challenge: ChallengeId, centre: CentreId, delivery: Delivery, as_json: Json = False) -> None:
    """Take a received delivery through unpacking, harvesting and making safe, and write the facts of its safe copies.

    \b
    Example:
      collecte describe demo arvel d0001
    """
    from collecte import steps

    site = _site(challenge, centre)
    counts = {ref.shard: steps.harvest(site, ref.shard) for ref in steps.unpack(site, [delivery])}
    counts |= {ref.shard: steps.make_safe(site, ref.shard) for ref in steps.group(site, [delivery])}
    counts |= {ref.shard: steps.describe(site, ref.shard) for ref in steps.describe_shards(site, [delivery])}
    _print_counts(counts, as_json, none="The delivery holds nothing to make safe.")


def validate(challenge: ChallengeId, centre: CentreId, delivery: Delivery, as_json: Json = False) -> None:
    """Judge a described delivery by the suites in expectations/; accept what nothing refuses. Exit code 1: some fail.

    \b
    Example:
      collecte validate demo arvel d0001
    """
    from collecte import steps

    site = _site(challenge, centre)
    judged = steps.validate(site, delivery)
    accepted = steps.accept(site, delivery)
    _print_counts({f"{delivery}/validate": judged, f"{delivery}/accept": accepted}, as_json, none="")
    raise typer.Exit(judged["failed"] > 0)


def ship(challenge: ChallengeId, centre: CentreId, delivery: Delivery, as_json: Json = False) -> None:
    """Ship an accepted delivery to the HDH and prove it there. Run again, it sends nothing twice.

    \b
    Example:
      collecte ship demo arvel d0001
    """
    from collecte import steps

    site = _site(challenge, centre)
    counts = {ref.shard: steps.ship(site, ref.shard) for ref in steps.plan_ship(site, delivery)}
    counts[f"{delivery}/commit"] = steps.commit_shipment(site, delivery)
    _print_counts(counts, as_json, none="")


def report(
    challenge: ChallengeId,
    centre: CentreId,
    delivery: Delivery,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", file_okay=False, help="Another folder to write into.")
    ] = None,
) -> None:
    """Write the coordinator's report on a delivery, report.html, into its folder of reports, and print its path.

    It opens in a browser; it names no patient and no file of the centre.

    \b
    Example:
      collecte report demo arvel d0001
    """
    from collecte import steps

    site = _site(challenge, centre)
    steps.report(site, delivery, to)
    typer.echo(str((to or site.reported(site.delivery(delivery))) / "report.html"))


def feedback(
    challenge: ChallengeId,
    centre: CentreId,
    delivery: Delivery,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", file_okay=False, help="Write into this folder, and send nothing."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put the feedback on a delivery into retour/ of the centre's own drop: a page and a table, in place of older ones.

    They name the centre's own files, and are for that centre alone: what --to writes is identifying.

    \b
    Example:
      collecte feedback demo arvel d0001
    """
    from collecte import steps

    site = _site(challenge, centre)
    if to is None:
        _print_counts({f"{delivery}/feedback": steps.feedback(site, delivery)}, as_json, none="")
        return
    for path in steps.write_feedback(site, delivery, to):
        typer.echo(str(path))


def _site(challenge: str, centre: str) -> "Site":
    from collecte import steps

    return steps.open_site(challenge, centre)


def _tell(quiet: bool) -> Callable[[str, str], None]:
    def tell(step: str, what: str) -> None:
        if not quiet:
            typer.echo(f"{step:<16} {what}", err=True)

    return tell


def _show(site: "Site", summaries: "list[Summary]", as_json: bool, *, waiting: bool = False) -> None:
    from rich.console import Console

    from collecte.records import State
    from collecte.report import state_table

    if as_json:
        print_json([summary.as_dict() for summary in summaries])
    elif not summaries:
        typer.echo("Nothing was delivered yet.")
    else:
        rows = [(summary.delivery, summary.state, summary.states) for summary in summaries]
        Console().print(state_table(f"{site.challenge.id} · {site.centre.id}", rows))
        for summary in summaries:
            found = ", ".join(f"{n} × {code}" for code, n in summary.findings.items()) or "no finding"
            typer.echo(f"{summary.delivery}: {found}; audit chain {summary.head[:16]}")
        for line in _to_act_on(summaries):
            typer.echo(line)
    if not waiting:
        raise typer.Exit(any(summary.states[State.QUARANTINED] for summary in summaries))


def _to_act_on(summaries: "list[Summary]") -> Iterator[str]:
    """What waits and why, and whom to tell of an incident: after the figures, where it is read."""
    for summary in summaries:
        if summary.waits:
            said = f"{summary.waits.text('en')} To do: {summary.waits.remedy('en')}"
            yield f"{summary.delivery} waits: {summary.waits.code}: {said}"
        if summary.incident:
            yield f"{summary.delivery}: {summary.incident}"


def _print_counts(counts: Mapping[str, Mapping[str, int]], as_json: bool, *, none: str) -> None:
    if as_json:
        print_json(counts)
    elif not counts:
        typer.echo(none)
    else:
        for name, figures in counts.items():
            typer.echo(f"{name}: " + ", ".join(f"{n} {what}" for what, n in figures.items()))
