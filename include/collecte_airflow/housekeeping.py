"""A chore of the night as a task: what came of each centre in the log, the counts of all as the task's."""

import logging
from typing import TYPE_CHECKING

from collecte_airflow.site import endpoint
from collecte_airflow.tasks import tell

if TYPE_CHECKING:
    from collecte.steps.housekeeping import Done

log = logging.getLogger("collecte.task")


def do_chore(chore: str, challenge: str) -> dict[str, int]:
    """Do a chore at all centres of a challenge; their counts.

    Raises:
        Retry, NeedsPerson: it failed at one; the others were done.
    """
    from collecte.steps import housekeeping as night

    return tell(f"All of {challenge}", night.do_chore(chore, challenge, connect=endpoint, tell=_tell))


def space() -> dict[str, int]:
    """Look at the room on the disks of the zones; its counts."""
    from collecte.steps import housekeeping as night

    done = night.space()
    _warn(done)
    return tell("Zones", done.counts)


def _tell(about: str, done: "Done") -> None:
    figures = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in done.counts.items())
    log.info("%s: %s%s", about, figures, f"; {done.said}" if done.said else "")
    _warn(done)


def _warn(done: "Done") -> None:
    for notice in done.notices:
        log.warning("%s", notice)
