"""What a person may fill in when starting a run, and when runs start by themselves."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param

from collecte.challenge import Centre, Challenge
from collecte.errors import NeedsPerson
from collecte_airflow import ids, steps
from collecte_airflow.arrival import arrived

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol

    from collecte.steps import ChallengeSite, Site

log = logging.getLogger("collecte.task")

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


def quarantine() -> Param:
    """The form's field *Quarantine*: a box to tick."""
    return Param(
        False,
        type="boolean",
        title="Quarantine",
        description_md="Judge quarantined files anew, after a rule or the challenge file changed: those of the "
        "delivery above, or where it is empty, of all.",
    )


def judge_anew(at: "Site", params: Mapping[str, Any], dag_run: "DagRunProtocol") -> None:
    """Where the form says so, have quarantined files judged anew; the log says what became of it.

    Raises:
        NeedsPerson: the centre has no such delivery, or its run has not ended.
    """
    if not params["quarantine"]:
        return
    found = steps.retry_quarantine(at, params["delivery"], by=dag_run.triggering_user_name)
    for each in found:
        left = "".join(f"; {count} stay ({why})" for why, count in each.left.items())
        log.info("Quarantine of %s: %d files are judged anew as %s%s.", each.old, each.files, each.new or "none", left)
    if not found:
        log.info("Nothing is in quarantine there.")


def centre(challenge: Challenge) -> Param:
    """The form's field *Centre*: one of the challenge's, to be chosen; a run that names none is refused."""
    names = "\n".join(f"- `{centre.id}`: {centre.name}" for centre in challenge.centres)
    return Param(
        type="string",
        enum=[centre.id for centre in challenge.centres],
        title="Centre",
        description_md=f"The centre to ask.\n\n{names}",
    )


def version(what: str, empty: str) -> Param:
    """A form's field for a version, such as ``v1``; ``empty``: what an empty field means."""
    return Param(
        None,
        type=["null", "string"],
        pattern=ids.VERSION_PATTERN,
        title=what,
        description_md=f"Such as `v1`. Empty: {empty}",
    )


def recall(challenge: Challenge) -> dict[str, Param]:
    """The fields of a recall. Never a patient's identifier: a centre names its patient in ``recall/`` of its drop."""
    centres = [centre.id for centre in challenge.centres]
    return {
        "centre": Param(
            None,
            type=["null", "string"],
            enum=[None, *centres],
            title="Centre",
            description_md="Whose data. Empty: what the centres ask for in `recall/` of their drops.",
        ),
        "target": Param(
            None,
            type=["null", "string"],
            pattern=ids.TARGET_PATTERN,
            title="What",
            description_md="By the catalogue's own id: a subject `s12`, an object `o12`, the object of a file `f12`, a "
            "delivery `d0001`. **Never a patient's identifier.**",
        ),
        "request": Param(
            "opposition",
            type="string",
            enum=["opposition", "erasure"],
            title="Request",
            description_md="`opposition`: no further use. `erasure`: removed everywhere.",
        ),
    }


def recalls_asked(at: "ChallengeSite", params: Mapping[str, Any]) -> list[str]:
    """The numbers of the recalls that a run is about, as text: the form's own, or what the centres ask for.

    Raises:
        NeedsPerson: only one of centre and target is given, or as the steps do.
    """
    if bool(params["centre"]) != bool(params["target"]):
        raise NeedsPerson(
            "The form names a centre or a target, and not both.",
            "press Trigger and fill in both, or neither: then what the centres ask for in recall/ is taken.",
        )
    if params["centre"]:
        return [str(steps.ask_recall(at, params["centre"], params["target"], params["request"]))]
    return [str(number) for number in steps.find_recalls(at)]


def nightly(cron: str | None) -> CronTriggerTimetable | None:
    """The timetable of a ``schedule`` (UTC); None: no time."""
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=_JUST_BEGUN) if cron else None


def starts(challenge: Challenge, centre: Centre) -> Any:
    """When a centre's runs start by themselves: at its ``schedule``, and as a delivery is complete in its drop, where
    the challenge polls it; None: only by hand."""
    night = nightly(centre.schedule)
    if challenge.arrival.poll_minutes is None:
        return night
    arrivals = [arrived(challenge, centre)]
    return AssetOrTimeSchedule(timetable=night, assets=arrivals) if night else arrivals
