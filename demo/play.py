"""The demonstration: three hospitals deliver, Airflow collects and ships, and the result is verified."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console
from rich.table import Table

from collecte.catalogue import deliveries_of, ensure_centre, totals
from collecte.challenge import Challenge, load
from collecte.settings import Settings
from collecte.steps import Site, open_site
from collecte.transport import load_endpoint
from collecte_airflow import ids
from demo import cohort, deliveries, told
from demo.airflow import Airflow, Run
from demo.deliveries import Deposit
from demo.line import places_to_look, play_line
from demo.mail import mails
from demo.search import contents, search
from demo.stack import AIRFLOW, Stack, StackError
from demo.verify import Check, verify

CHALLENGE = "demo"
#: Seconds. A quiet machine with two cores needs 20 and 60; a busy one is no failure.
_DAGS_S, _RUNS_S = 120.0, 600.0


def play(stack: Stack, say: Callable[[str], None]) -> int:
    """Deposit, collect, ship, verify. Gives 0 where all of it is as it should be, else 1; the stack stays up.

    Raises:
        StackError: Airflow did not do its part in time.
    """
    os.environ.update(stack.settings)  # the challenge's keys are named by a variable
    settings = Settings.from_environment()
    challenge = load(settings.challenges / f"{CHALLENGE}.yaml")
    laid = deliveries.deposit(challenge, lambda name: load_endpoint(name, settings))
    say(f"{len(laid)} centres have put {sum(len(one.files) for one in laid.values())} files into their drops")
    with Airflow(stack) as airflow:
        runs = run_all(airflow, challenge, say)
        failed = [line for run in runs if run.state != "success" for line in _failures(airflow, run)]
    say("Airflow has done its part; verifying")
    sites = {centre.id: open_site(CHALLENGE, centre.id, settings) for centre in challenge.centres}
    sent = mails(stack.state / "mails")
    ended = Check("every DAG run ended well", "; ".join(failed))
    checks = [ended, *verify(sites, laid, _places(stack)), *told.check_told(sites, laid, sent)]
    say("the first act is verified; on to the line's end")
    line = play_line(stack, settings, say)
    checks += [*line.checks, _no_identifier(stack, laid)]
    _show(stack, [*runs, *line.runs], list(sites.values()), checks, mails(stack.state / "mails"))
    for path in places_to_look(line):
        print(path)
    return 0 if all(check.passed for check in checks) else 1


def run_all(airflow: Airflow, challenge: Challenge, say: Callable[[str], None]) -> list[Run]:
    """Start a run for each centre; give those and the shipments that they start, once all have ended."""
    collecting = [ids.dag_id("collect", challenge.id, centre.id) for centre in challenge.centres]
    shipping = ids.dag_id("ship_hdh", challenge.id)
    airflow.wait_for_dags({*collecting, shipping}, _DAGS_S)
    say(f"Airflow has read its {len(collecting) + 1} DAGs; starting a run for each centre")
    collected = airflow.wait([airflow.trigger(dag_id) for dag_id in collecting], say, _RUNS_S)
    keys = airflow.keys_accepted(collected)
    say(f"{len(keys)} deliveries accepted; each starts its shipment")
    return [*collected, *airflow.wait(_runs_for(airflow, shipping, keys), say, _RUNS_S)]


def _runs_for(airflow: Airflow, dag_id: str, keys: set[str]) -> list[Run]:
    """The newest run of each partition key, once there is one."""
    until = time.monotonic() + _DAGS_S
    while True:
        found = {run.key: run for run in airflow.runs(dag_id) if run.key in keys}
        if len(found) == len(keys):
            return list(found.values())
        if time.monotonic() > until:
            missing = ", ".join(sorted(keys - {key or "" for key in found}))
            raise StackError(f"{dag_id} has not started for {missing} in {_DAGS_S:.0f} s.")
        time.sleep(0.5)


def _failures(airflow: Airflow, run: Run) -> Iterable[str]:
    """Which tasks failed, each with the last error of its log."""
    for task in airflow.tasks(run):
        if task["state"] == "failed":
            yield f"{run.dag_id} · {task['task_id']}: {_last_error(airflow.log(run, task))}"


def _last_error(log: str) -> str:
    errors = []
    for line in log.splitlines():
        event = json.loads(line)
        for error in event.get("error_detail") or []:
            errors.append(f"{error['exc_type']}: {error['exc_value']}")
    return errors[-1] if errors else "see its log"


def _places(stack: Stack) -> list[Path]:
    """Where a planted identifier would be a leak: Airflow's database and logs, the catalogue, the curated zone, what
    the coordinator reads, and every mail."""
    state = stack.state
    logs = [state / "logs" / f"{component}.log" for component in AIRFLOW]
    zones = ("airflow", "curated", "release", "vault", "open", "reports", "mails", "sftp/host")
    folders = [state / name for name in zones]
    return [*folders, *sorted(state.glob("catalogue.db*")), *logs]


def _no_identifier(stack: Stack, laid: Mapping[str, Deposit]) -> Check:
    """Once more, with all that the line's end has written, for those of both acts."""
    words = sorted({*deliveries.planted(laid), *deliveries.planted(cohort.deposits())})
    found = search(words, contents(_places(stack)))
    what = f"{len(words)} planted identifiers stand in no release, vault, host, package, log or mail"
    return Check(what, "; ".join(sorted(set(found))[:10]))


def _show(
    stack: Stack, runs: Sequence[Run], sites: Sequence[Site], checks: Sequence[Check], sent: Sequence[EmailMessage]
) -> None:
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(_files(sites))
    durations = Table("DAG run", "state", "seconds", title="Airflow")
    for run in runs:
        durations.add_row(f"{run.dag_id} {run.key or ''}", run.state, f"{run.seconds or 0:.0f}")
    console.print(durations)
    verified = Table("verified", "", title="Verification", show_lines=False)
    for check in checks:
        verified.add_row(check.what, "[green]yes" if check.passed else f"[red]NO: {check.trouble}")
    console.print(verified)
    console.print(told.table_of_mails(sent))
    console.print(f"The mails: {stack.state / 'mails'}", soft_wrap=True)
    for path in told.reports(sites):
        console.print(f"Report: {path}", soft_wrap=True)
    logins = ", ".join(f"{login} / {password}" for login, password in stack.passwords.items())
    console.print(f"Airflow's UI: {stack.url}   logins: {logins}   end it: make down", soft_wrap=True)


def _files(sites: Iterable[Site]) -> Table:
    """A row for each delivery: how many files are in which state; the states add up to what was received."""
    rows = []
    for site in sites:
        with site.catalogue.transaction() as connection:
            for row in deliveries_of(connection, ensure_centre(connection, site.challenge.id, site.centre.id)):
                rows.append((site.centre.id, row.label, totals(connection, row.id)))
    states = [state for state in (rows[0][2] if rows else {}) if any(counts[state] for _, _, counts in rows)]
    table = Table("centre", "delivery", "received", *(state.value for state in states), title="Files")
    for centre, delivery, counts in rows:
        table.add_row(centre, delivery, str(sum(counts.values())), *(str(counts[state]) for state in states))
    return table
