"""Files become objects with their subjects, and what is to be made safe is cut into shards."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from collecte.catalogue import ShardRef, counts_by_range, cut_in_order, plan, planned, sizes_of_delivery
from collecte.records import State
from collecte.steps.make_safe import scanner_of
from collecte.steps.moving import whole_lease, working
from collecte.steps.scan_rules import scan_rules
from collecte.steps.site import Site

#: A shard of making safe: about a minute of work. Looking for text in a file takes as long as making so many safe.
SAFE_BYTES, SAFE_FILES, LOOK = 4_000_000_000, 5_000, 100


def group(site: Site, labels: Sequence[str]) -> list[ShardRef]:
    """Link objects and subjects, and name the shards to make safe; ``describe`` is cut alike."""
    return [ref for label in labels for ref in _group(site, label)]


def _group(site: Site, label: str) -> list[ShardRef]:
    delivery, lease = whole_lease(site, label, "group")
    if not isinstance(lease, dict):
        with working(lease):
            scanner_of(site, delivery)  # once, here: every shard of make_safe looks for all of them
        counts = {"rules": scan_rules(site.challenge)}
        with lease.finish(counts) as moves:
            counts.update(moves.link_subjects_of_objects())
            waiting = sizes_of_delivery(moves.connection, delivery.id, State.WAITING)
            pieces = cut_in_order(waiting, SAFE_BYTES, SAFE_FILES, _weights(moves.connection, delivery.id))
            for step in ("make_safe", "describe"):  # in this transaction: see unpack
                plan(moves.connection, delivery.id, step, pieces)
    with site.catalogue.read() as connection:
        return planned(connection, delivery.id, "make_safe")


def _weights(connection: Connection, delivery_id: int) -> Callable[[int], float]:
    """As how many files each counts, by its id: as the mean of those that were harvested together with it."""
    done = counts_by_range(connection, delivery_id, "harvest")
    firsts = [first for first, _, _ in done]
    weights = [1 + LOOK * counts.get("looks_for_text", 0) / max(1, counts.get("files", 0)) for _, _, counts in done]

    def weigh(file_id: int) -> float:
        place = bisect_right(firsts, file_id) - 1
        return weights[place] if place >= 0 else 1

    return weigh
