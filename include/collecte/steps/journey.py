"""All steps of one centre in one process, in the order of the journey: what the DAGs do, without Airflow."""

from collections.abc import Callable, Iterable

from collecte.catalogue import ShardRef, deliveries_of, ensure_centre, planned
from collecte.steps.accept import accept
from collecte.steps.describe import describe
from collecte.steps.empty_drop import empty_drop
from collecte.steps.feedback import feedback, has_news
from collecte.steps.find import find
from collecte.steps.group import group
from collecte.steps.harvest import harvest
from collecte.steps.make_safe import make_safe
from collecte.steps.receive import receive
from collecte.steps.report import Summary, report, summary
from collecte.steps.ship import commit_shipment, plan_ship, ship
from collecte.steps.site import Site
from collecte.steps.unpack import unpack
from collecte.steps.validate import validate

_JUDGED = ("accepted", "shipped")

#: Told of progress: the step, and what it is about (a shard's name and label, or a delivery).
Tell = Callable[[str, str], None]


def run(site: Site, delivery: str | None = None, tell: Tell = lambda step, what: None) -> list[Summary]:
    """Collect what is complete and ship it. Killed anywhere and run again, it ends where an undisturbed run does.

    Raises:
        Retry, NeedsPerson: as the steps do.
    """

    def each(step: Callable[[Site, str], object], items: Iterable[ShardRef | str]) -> None:
        for item in items:
            name, what = (item, item) if isinstance(item, str) else (item.shard, f"{item.shard} · {item.label}")
            tell(step.__name__, what)
            step(site, name)

    found = find(site, delivery)
    labels = sorted({ref.shard.partition("/")[0] for ref in found})
    each(receive, found)
    each(harvest, unpack(site, labels))
    each(make_safe, group(site, labels))
    each(describe, describe_shards(site, labels))
    for step in (validate, accept, empty_drop):
        each(step, labels)
    for label in _unshipped(site, delivery):
        each(ship, plan_ship(site, label))
        each(commit_shipment, [label])
    untold = [s.delivery for s in status(site) if s.state in _JUDGED and delivery in (None, s.delivery)]
    untold = [label for label in untold if has_news(site, label)]
    for step in (report, feedback):
        each(step, untold)
    return status(site)


def describe_shards(site: Site, labels: Iterable[str]) -> list[ShardRef]:
    """The shards of ``describe``, which ``group`` has cut."""
    rows = [site.delivery(label) for label in labels]
    with site.catalogue.read() as connection:
        return [ref for row in rows for ref in planned(connection, row.id, "describe")]


def status(site: Site) -> list[Summary]:
    """Every delivery of the centre in figures; but for those that waited and were taken away from the drop."""
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        rows = deliveries_of(connection, centre_id)
    figures = [summary(site, row) for row in rows]
    return [each for each in figures if each.state != "waiting" or each.waits]


def _unshipped(site: Site, delivery: str | None) -> list[str]:
    """Accepted deliveries that the HDH does not have yet, also those that an earlier run left so."""
    return [s.delivery for s in status(site) if s.state == "accepted" and delivery in (None, s.delivery)]
