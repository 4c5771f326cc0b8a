"""The drop after receipt: where the centre wants it emptied, what we hold whole is removed, and nothing else."""

from collecte.catalogue import DeliveryRow, Lease, files_of_delivery, open_path
from collecte.steps.moving import whole_lease, working
from collecte.steps.site import Site
from collecte.transport import open_source

#: A lease is looked at again after so many files.
_CHECK_EVERY = 500


def empty_drop(site: Site, label: str) -> dict[str, int]:
    """Remove a delivery's files from the drop, where ``empty_after_receipt`` says so.

    A file goes only if landing holds it with its SHA-256, and if it still has the size and time with which it was
    received. Cut off and run again, it removes what is left.

    Raises:
        Retry: the connection was lost.
        NeedsPerson: the drop refuses us; received files stay there.
    """
    if not site.centre.empty_after_receipt:
        return {"removed": 0}
    delivery, lease = whole_lease(site, label, "empty_drop")
    if isinstance(lease, dict):
        return lease
    with working(lease):
        # Files judged anew came out of landing: what lies in the drop under their names came later.
        counts = {"removed": 0 if delivery.complete_by == "retry" else _remove(site, delivery, lease)}
    with lease.finish(counts):
        return counts


def _remove(site: Site, delivery: DeliveryRow, lease: Lease) -> int:
    with site.catalogue.read() as connection:
        files = files_of_delivery(connection, delivery.id)
    received = {
        (open_path(site.keys, file), file.size, file.mtime)
        for file in files
        if file.sha256 and file.landing and file.origin_id is None
    }
    removed = 0
    drop = site.centre.drop
    with open_source(site.connect(drop.connection), drop.path, connections=1) as source:
        ours = [entry for entry in source.entries() if (entry.path, entry.size, entry.mtime_ns) in received]
        for number, entry in enumerate(ours, 1):
            removed += source.remove(entry)
            if number % _CHECK_EVERY == 0:
                lease.check()
    return removed
