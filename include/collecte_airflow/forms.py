"""What a person may fill in when starting a run, and when runs start by themselves."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param

from collecte.challenge import Challenge
from collecte_airflow import ids

#: A new centre waits for its first night, unless that has only just begun.
_JUST_BEGUN = timedelta(minutes=10)


def delivery() -> Param:
    """The form's field *Delivery*: empty, or an id of ours. Anything else is refused before the run starts."""
    return Param(
        None,
        type=["null", "string"],
        pattern=ids.DELIVERY_PATTERN,
        title="Delivery",
        description_md="Our id of a delivery, such as `d0001`. Empty: everything that is complete.",
    )


def centre(challenge: Challenge) -> Param:
    """The form's field *Centre*: one of the challenge's, to be chosen; a run that names none is refused."""
    names = "\n".join(f"- `{centre.id}`: {centre.name}" for centre in challenge.centres)
    return Param(
        type="string",
        enum=[centre.id for centre in challenge.centres],
        title="Centre",
        description_md=f"The centre to ask.\n\n{names}",
    )


def nightly(cron: str | None) -> CronTriggerTimetable | None:
    """The timetable of a centre's ``schedule`` (UTC); None: only by hand."""
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=_JUST_BEGUN) if cron else None
