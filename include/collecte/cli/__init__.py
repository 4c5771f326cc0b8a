"""The ``collecte`` command: a file per verb, on top of the steps.

A verb is a module here with a function (or, for a family of verbs, a small Typer ``app``); it is named once, below.
Heavy imports stand inside the functions, so that ``collecte --help`` answers at once. Exit codes, for every verb:

====  =========================================================================================
0     done
1     done with refusals, or a check that failed; also: interrupted by a lost connection or by a
      newer attempt (the same call may succeed later), and faults of Collecte itself
2     usage or configuration: the call, a challenge file, a key, a connection, a right, a disk
      wants a person; the message ends with what to do
130   interrupted (Ctrl-C); run it again
====  =========================================================================================

A verb that ends with 1 raises ``typer.Exit(1)``; what stops it is an error of :mod:`collecte.errors`.
"""

import sys

import typer

from collecte.cli import (
    arrived,
    catalogue,
    centre,
    challenge,
    custody,
    deidentify,
    docs,
    explain,
    homogeneity,
    housekeeping,
    journey,
    key,
    quarantine,
    recall,
    release,
)
from collecte.cli import (
    open as open_,
)
from collecte.errors import Bug, CollecteError, LeaseLost, NeedsPerson

app = typer.Typer(
    name="collecte",
    help="Collect the data of a multi-centre medical data challenge: receive, make safe, check, prove and ship.",
    epilog="Exit codes: 0 done, 1 refusals or a check that failed, 2 usage or configuration, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    # Plain text: it is the same in a terminal, a log and docs/cli.md. Typer's own tracebacks would show local values.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(challenge.app, name="challenge")
app.add_typer(centre.app, name="centre")
app.add_typer(key.app, name="key")
app.add_typer(catalogue.catalogue, name="catalogue")
app.add_typer(catalogue.audit, name="audit")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(recall.app, name="recall")
app.add_typer(release.app, name="release")
app.add_typer(open_.app, name="open")
app.command()(deidentify.deidentify)
app.command()(deidentify.scan)
app.command()(explain.explain)
app.command()(journey.run)
app.command()(journey.status)
app.command()(arrived.arrived)
app.command()(journey.receive)
app.command()(journey.describe)
app.command()(journey.validate)
app.command()(journey.ship)
app.command()(journey.report)
app.command()(journey.feedback)
app.command()(homogeneity.homogeneity)
app.command()(housekeeping.housekeeping)
app.command()(custody.custody)
app.command(name="docs", hidden=True)(docs.docs)


def main() -> None:
    """Run the command line of this process; always ends by ``SystemExit``."""
    try:
        app(prog_name="collecte")
    except CollecteError as error:
        typer.echo(_said(error), err=True)
        sys.exit(exit_code(error))


def exit_code(error: CollecteError) -> int:
    """2 where somebody must act on the call or the configuration, else 1."""
    return 2 if isinstance(error, NeedsPerson) and not isinstance(error, LeaseLost) else 1


def _said(error: CollecteError) -> str:
    if isinstance(error, Bug):
        return f"{error} This is a fault of Collecte: please report it with the command that you ran."
    return str(error)
