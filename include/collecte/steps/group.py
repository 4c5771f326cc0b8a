"""Files become objects with their subjects, and what is to be made safe is cut into shards."""

from collections.abc import Sequence

from collecte.catalogue import ShardRef, cut, files_of_delivery, plan, subjects_of
from collecte.records import State
from collecte.steps.moving import whole_lease
from collecte.steps.site import Site

#: A shard of making safe: about a minute of work.
SAFE_BYTES, SAFE_FILES = 4_000_000_000, 5_000


def group(site: Site, labels: Sequence[str]) -> list[ShardRef]:
    """Link objects and subjects, and name the shards to make safe; ``describe`` is cut alike."""
    return [ref for label in labels for ref in _group(site, label)]


def _group(site: Site, label: str) -> list[ShardRef]:
    delivery, lease = whole_lease(site, label, "group")
    if not isinstance(lease, dict):
        with site.catalogue.read() as connection:
            subjects = subjects_of(connection, delivery.id)
            objects = {file.id: file.object_id for file in files_of_delivery(connection, delivery.id) if file.object_id}
        counts = {"files": len(subjects), "objects": len(set(objects.values()))}
        with lease.finish(counts) as moves:
            ids = moves.subjects(delivery.centre_id, {name for names in subjects.values() for name in names})
            moves.link_object_subjects(
                {(objects[file], ids[name]) for file, names in subjects.items() if file in objects for name in names}
            )
    with site.catalogue.transaction() as connection:
        waiting = files_of_delivery(connection, delivery.id, State.WAITING)
        pieces = cut([(file.id, file.size) for file in waiting], SAFE_BYTES, SAFE_FILES)
        plan(connection, delivery.id, "describe", pieces)
        return plan(connection, delivery.id, "make_safe", pieces)
