"""The counts of tasks as metrics, by Airflow's own settings (``[metrics]``): where those are off, nothing is sent.

A metric is called ``collecte.<step>.<count>``, after Airflow's prefix: ``airflow.collecte.receive.files``. The step
stands in the name, as plain StatsD knows no tags. Tags are ``challenge`` and ``centre``, and nothing finer: a delivery
more makes no new series. What is counted is what a task did; one that is cleared answers with its counts again, and
they are counted again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import get_current_context

from collecte_airflow import ids


@dataclass(frozen=True)
class Place:
    """What a task works on, by ids of ours; empty: not known, or not one alone."""

    step: str = ""
    challenge: str = ""
    centre: str = ""
    delivery: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """What is known, as a log line has it."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def tags(self) -> dict[str, str]:
        """What is known, as a metric has it."""
        return {name: value for name, value in self.fields.items() if name in ("challenge", "centre")}


def place() -> Place:
    """Where the task of this process works; outside of a task, nowhere."""
    try:
        context = get_current_context()
    except RuntimeError:
        return Place()
    ti = context["ti"]
    _, challenge, centre = ids.read_dag_id(ti.dag_id)
    key = context["dag_run"].partition_key or ""
    of_key, _, delivery = key.partition("/")
    return Place(ti.task_id, challenge, centre or of_key, _delivery(context["task"]) or delivery)


def count(at: Place, counts: Mapping[str, int]) -> None:
    """Add each count to the counter of its step; nothing outside of a task."""
    from airflow.sdk.observability import stats  # it is of no use where a DAG file is parsed

    if not at.step:
        return
    for name, number in counts.items():
        stats.incr(f"collecte.{at.step}.{name}", number, tags=at.tags)


def level(at: Place, name: str, number: int) -> None:
    """Set a gauge of its step: what stands at so many now, however often it is looked at."""
    from airflow.sdk.observability import stats

    if at.step:
        stats.gauge(f"collecte.{at.step}.{name}", number, tags=at.tags)


def _delivery(task: Any) -> str:
    """The delivery of a mapped task, out of its argument ``ref`` or ``delivery``."""
    arguments = getattr(task, "op_kwargs", {})
    ref = arguments.get("ref") or {}
    return str(arguments.get("delivery") or ref.get("shard", "").partition("/")[0])
