"""What a person is told of a failed task: what happened, in one sentence, and what to press.

Both come from two places. The error says what happened and what to do (:mod:`collecte.errors`); the DAG's own page has
the row of the task, ``| red task | what it means | press |``. The same :class:`Failure` goes by mail to the engineers
on call and, as an XCom, to the tab *What to press* of the task's page.

Of an exception that is not ours only the class is told: its text may hold a value of a centre's file.
"""

import logging
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk.execution_time.xcom import XCom

from collecte.errors import Bug, CollecteError, NeedsPerson, Retry
from collecte.settings import Settings
from collecte_airflow import links

log = logging.getLogger("collecte.task")

#: The XCom of a failed task that holds its :class:`Failure`; the task's next try removes it.
XCOM_KEY = "what_to_press"

#: Characters of a log line that the task's page shows without scrolling to the side.
_LINE = 80
_NOTHING_LOST = "Clearing does nothing twice: what is done stays done."
_PATH = re.compile(r"(?<![\w.<>])(?:\w+://)?/[\w.~%+@-]+(?:/[\w.~%+@-]*)+")


@dataclass(frozen=True)
class Failure:
    """``what`` happened, what is ``to_do`` before (empty: nothing), and what to ``press`` then."""

    what: str
    to_do: str
    press: str

    @property
    def sentences(self) -> list[tuple[str, str]]:
        """Each part under its heading, as the mail and the page have them."""
        parts = (("What happened", self.what), ("To do", self.to_do), ("Press", self.press))
        return [(heading, _sentence(text)) for heading, text in parts if text]


#: A task that is red and said nothing: its process was ended from outside, or somebody marked it.
SILENT = Failure(
    "The task's process ended without a word: it was killed, its machine ran out of memory or was restarted, or "
    "somebody marked the task as failed.",
    "look at the machine's memory and at the task's audit log.",
    f"Clear. {_NOTHING_LOST}",
)


def failure_of(error: BaseException, press: str) -> Failure:
    """What there is to say of an error; ``press``: what the DAG's page says for this task."""
    if isinstance(error, NeedsPerson):
        what, to_do = error.what, error.remedy
    elif isinstance(error, Retry):
        what, to_do = f"{error} It was tried again several times.", "wait until the other side answers, or call it."
    elif isinstance(error, Bug):
        what, to_do = f"A fault of Collecte: {error}", "report it, with this task's log."
    elif isinstance(error, CollecteError) or _is_unexpected(error):
        what, to_do = f"Something that nobody foresaw: {error}", "report it, with this task's log."
    else:
        what, to_do = f"The task was stopped by {_name(error)}.", "look at its log."
    return Failure(_PATH.sub("(a path: see the log)", what), _PATH.sub("(a path: see the log)", to_do), press)


def press_for(page: str | None, task_id: str) -> str:
    """What the table of a DAG's page says to press for a red task.

    A row of the table names one task or several (``unpack, harvest, group``); a remark after a comma is passed over.
    Where no row names the task: *Clear*.
    """
    for line in (page or "").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 3 and task_id in (name.strip() for name in cells[0].split(",")):
            return cells[2]
    return f"Clear. {_NOTHING_LOST}"


def tell_error(error: BaseException) -> None:
    """Log what happened and what to do in lines that the UI shows whole, above the trace that Airflow logs next."""
    failure = failure_of(error, press="")
    for heading, text in failure.sentences:
        for line in textwrap.wrap(f"{heading}: {text}", _LINE, break_long_words=False):
            log.error(line)


def tell_failure(context: Mapping[str, Any]) -> None:
    """``on_failure_callback`` of every task: keeps the :class:`Failure` for the task's page, and sends it by mail.

    It is called after the last try alone. A task that is being ended, or whose process is gone (Airflow then calls this
    elsewhere, without an exception), cannot keep anything: :func:`tell_silent` tells of it. A mail that cannot be sent
    is a line in the log.
    """
    error, ti = context.get("exception"), context["ti"]
    if not isinstance(error, Exception):
        return
    failure = failure_of(error, press_for(context["dag"].doc_md, ti.task_id))
    ti.xcom_push(key=XCOM_KEY, value=asdict(failure))
    page = links.task_page(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
    _mail(f"{ti.dag_id}: {ti.task_id} failed{_label(context)}", failure, page)


def tell_silent(context: Mapping[str, Any]) -> None:
    """``on_failure_callback`` of every DAG: a mail for each task of the run that failed and could not say so itself.

    A task whose process is killed runs no callback of its own. So when the run has ended, Airflow's DAG processor looks
    for failed tasks that left no :class:`Failure`.
    """
    dag = context["dag"]
    run_id = context.get("run_id") or context["dag_run"].run_id
    for task_id, map_index in _failed(dag, run_id):
        if not XCom.get_one(key=XCOM_KEY, dag_id=dag.dag_id, task_id=task_id, run_id=run_id, map_index=map_index):
            number = f" · number {map_index}" if map_index >= 0 else ""
            page = links.task_page(dag.dag_id, run_id, task_id, map_index)
            _mail(f"{dag.dag_id}: {task_id} failed{number}", SILENT, page)


def _failed(dag: Any, run_id: str) -> Iterator[tuple[str, int]]:
    """Task and map index (-1: not mapped) of each failed task of a run."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag.dag_id, run_ids=[run_id]).get(run_id, {})
    for name, state in states.items():
        if state == "failed":
            task_id, _, number = name.rpartition("_")
            mapped = name not in dag.task_ids
            yield (task_id, int(number)) if mapped else (name, -1)


def _mail(subject: str, failure: Failure, page: str) -> None:
    """Tell those on call; whatever comes of it, the task's own failure stays what it is."""
    from collecte_airflow.notifiers import send

    on_call = Settings.from_environment().on_call
    if not on_call:
        log.info("Nobody is on call (COLLECTE_ON_CALL): no mail of this failure.")
        return
    text = "\n\n".join(f"{heading}: {text}" for heading, text in failure.sentences)
    try:
        send(on_call, subject, f"{text}\n\nThe task: {page}\n")
    except CollecteError as error:
        log.warning("The mail of this failure could not be sent: %s", error)


def _label(context: Mapping[str, Any]) -> str:
    """Which delivery or shard: the label of a mapped task, or the partition key of a run that has one."""
    label = getattr(context["ti"], "rendered_map_index", None) or getattr(context.get("dag_run"), "partition_key", None)
    return f" · {label}" if label else ""


def _is_unexpected(error: BaseException) -> bool:
    """Whether the wall made this of a library's exception: its text names a class and a place."""
    from collecte_airflow.tasks import Unexpected

    return isinstance(error, Unexpected)


def _sentence(text: str) -> str:
    text = text.strip().replace("*", "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"
