"""The challenge files as DAG files see them: the one read that parsing does.

A worker parses a DAG file too, to run one task of one DAG. It is told which (:func:`airflow.sdk.get_parsing_context`),
and then reads and builds that one alone.
"""

from collections.abc import Iterator

from airflow.sdk import get_parsing_context

from collecte.challenge import Centre, Challenge, ChallengeError, load, load_all
from collecte.settings import Settings
from collecte_airflow import ids


def challenges(stage: str) -> Iterator[Challenge]:
    """The challenges that this parse is to build ``stage``'s DAGs for; broken files are left to :func:`broken`."""
    wanted = _wanted()
    folder = Settings.from_environment().challenges
    if wanted is None:
        yield from load_all(folder)[0].values()
    elif wanted[0] == stage:
        yield load(folder / f"{wanted[1]}.yaml")


def centres(stage: str) -> Iterator[tuple[Challenge, Centre]]:
    """The same, centre by centre."""
    wanted = _wanted()
    for challenge in challenges(stage):
        for centre in challenge.centres:
            if wanted is None or wanted[2] == centre.id:
                yield challenge, centre


def of_installation(stage: str) -> list[Challenge] | None:
    """All challenges, for the installation's one DAG of ``stage``; None where this parse is to build another DAG."""
    if _wanted() not in (None, (stage, "", None)):
        return None
    return list(load_all(Settings.from_environment().challenges)[0].values())


def broken() -> list[ChallengeError]:
    """The files that cannot be used. None where a worker parses: it has a task to run."""
    return [] if _wanted() else load_all(Settings.from_environment().challenges)[1]


def _wanted() -> tuple[str, str, str | None] | None:
    """Stage, challenge and centre of the one DAG that is asked for; None: all of them."""
    dag_id = get_parsing_context().dag_id
    return ids.read_dag_id(dag_id) if dag_id else None
