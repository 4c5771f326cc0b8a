"""What every task of ours has in common: its retries, the wall around it, and the sentence that it logs.

The wall is the last of several: the rooms convert exceptions and catch warnings where they handle a centre's bytes.
What they missed would end in the task log, value included, for Airflow prints messages, chained causes and Python's
warnings. So nothing but our own exceptions passes it with a message, and warnings are counted, not shown.
"""

import functools
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog
from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, TriggerRule, task
from airflow.sdk.exceptions import AirflowException

from collecte.errors import Bug, CollecteError, NeedsPerson, Retry
from collecte_airflow import ids, metrics
from collecte_airflow.failures import tell_error, tell_failure

if TYPE_CHECKING:
    from collecte.catalogue import ShardRef
    from collecte.steps import Summary

P = ParamSpec("P")
R = TypeVar("R")

#: Airflow writes a task's log as JSON lines: ``event`` is the sentence, and the fields stand beside it.
log = structlog.get_logger("collecte.task")


class Unexpected(Exception):
    """An exception that nobody foresaw: its class and where it was raised, without its message. Repeated as usual."""


#: Tries after the first one. The policy below can only shorten this.
RETRIES = 4

#: What becomes of a task whose step raised, by the class of :mod:`collecte.errors`; Airflow's order is first match.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(NeedsPerson, RetryAction.FAIL, reason="It would fail again: the message says what to do."),
        RetryRule(Bug, RetryAction.FAIL, reason="A fault of Collecte: please report it."),
        RetryRule(Retry, RetryAction.RETRY, reason="Connection lost or server busy: tried again, later each time."),
    ]
)

#: For each DAG's ``default_args``. The first delay is Airflow's own ``[core] default_task_retry_delay``, 30 s in our
#: deployments; then 1, 2 and 4 min (give or take): a night's glitch, not a night.
DEFAULT_ARGS: Mapping[str, Any] = {
    "owner": "data-engineering",
    "retries": RETRIES,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRY_POLICY,
    "on_failure_callback": tell_failure,  # after the last try; of a process that was killed the DAG's own tells
}


#: How a mapped task is named in the UI: ``d0001 · shard 3/12 · 214 files``, or the delivery.
_SHARD_LABEL = "{{ task.op_kwargs['ref']['shard'].partition('/')[0] }} · {{ task.op_kwargs['ref']['label'] }}"
_DELIVERY_LABEL = "{{ task.op_kwargs['delivery'] }}"


def step(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Make a task of a function: behind the wall, and run where an earlier one had nothing to do and was skipped."""
    if function is None:
        return functools.partial(step, **options)
    options.setdefault("trigger_rule", TriggerRule.NONE_FAILED)
    return task(**options)(guarded(function))


def shard_step(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A task mapped over shards: its argument is ``ref``. No shard: skipped."""
    return step(function, map_index_template=_SHARD_LABEL, **options)


def delivery_step(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A task mapped over deliveries: its argument is ``delivery``."""
    return step(function, map_index_template=_DELIVERY_LABEL, **options)


def finding_step(function: Callable[..., Any]) -> Any:
    """The first task of a collection: where it finds nothing, the rest is skipped and the run ends green."""
    return task.short_circuit()(guarded(function))


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """The task function behind the wall."""

    @functools.wraps(function)
    def walled(*args: P.args, **kwargs: P.kwargs) -> R:
        with wall():
            return function(*args, **kwargs)

    return walled


@contextmanager
def wall() -> Iterator[None]:
    """Let no text of a library out: neither by an exception's message nor by a warning.

    Raises:
        CollecteError, AirflowException: as they came; their messages are ours.
        Unexpected: for everything else.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except AirflowException:
            raise
        except CollecteError as error:
            tell_error(error)
            raise
        except Exception as error:  # noqa: BLE001  any library's message may hold a value of a centre's file
            raise Unexpected(f"{_class_name(error)}, raised at {_places(error)}.") from None
        finally:
            if caught:
                kinds = ", ".join(sorted({warning.category.__name__ for warning in caught}))
                log.info(f"{len(caught)} warnings of libraries, their text not shown: {kinds}")


def tell(what: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Log counts as one sentence and as fields, send them as metrics, and hand them on:
    ``tell("Received", {"files": 12})`` logs ``Received: 12 files.``"""
    at = metrics.place()
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()]
    log.info(f"{what}: {', '.join(parts) or 'nothing to do'}.", **at.fields, counts=dict(counts))
    metrics.count(at, counts)
    return dict(counts)


def tell_shards(what: str, refs: "Sequence[ShardRef]") -> list[dict[str, str]]:
    """Tell how many shards of how many deliveries there are, and give them as the next tasks take them."""
    found = [ref.as_dict() for ref in refs]
    deliveries = ids.deliveries_of(found)
    counts = {"shards": len(found), "deliveries": len(deliveries)}
    at = metrics.place()
    sentence = f"{what}: {len(found)} shards of {len(deliveries)} deliveries ({', '.join(deliveries) or 'none'})."
    log.info(sentence, **at.fields, deliveries=deliveries, counts=counts)
    metrics.count(at, counts)
    return found


def tell_packages(what: str, refs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Tell how many shards of a package there are, and give them as the next tasks take them."""
    found = [dict(ref) for ref in refs]
    tell(what, {"shards": len(found)})
    return found


def tell_waiting(waiting: "Iterable[Summary]") -> None:
    """Tell which deliveries are left in the drop, and why."""
    at = metrics.place()
    left = [delivery for delivery in waiting if delivery.waits]
    for delivery in left:
        if finding := delivery.waits:
            sentence = f"{delivery.delivery} waits: {finding.code}: {finding.text('en')} {finding.remedy('en')}"
            log.info(sentence, **at.fields | {"delivery": delivery.delivery}, finding=finding.code)
    metrics.level(at, "waiting", len(left))


def tell_incident(delivery: str, incident: str) -> None:
    """Tell, as a warning, whom to tell of a data-protection incident; nothing where there is none."""
    if incident:
        at = metrics.place()
        log.warning(f"{delivery}: {incident}", **at.fields | {"delivery": delivery})
        metrics.count(at, {"incidents": 1})


def _class_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _places(error: BaseException) -> str:
    """The last lines of code that the exception came through, innermost last. Places only, no data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " → ".join(f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}" for frame in frames)
