"""The drop after receipt: where the centre wants it emptied, what we hold whole is removed, and nothing else."""

from collecte.catalogue import files_of_delivery, open_path
from collecte.steps.site import Site
from collecte.transport import open_source


def empty_drop(site: Site, label: str) -> dict[str, int]:
    """Remove a delivery's files from the drop, where ``empty_after_receipt`` says so.

    A file goes only if landing holds it with its SHA-256, and if it still has the size and time with which it was
    received. Run again, it removes what is left.
    """
    if not site.centre.empty_after_receipt:
        return {"removed": 0}
    delivery = site.delivery(label)
    with site.catalogue.read() as connection:
        files = files_of_delivery(connection, delivery.id)
    received = {
        (open_path(site.keys, file), file.size, file.mtime) for file in files if file.sha256 and file.origin_id is None
    }
    removed = 0
    drop = site.centre.drop
    with open_source(site.connect(drop.connection), drop.path, connections=1) as source:
        for entry in list(source.entries()):
            if (entry.path, entry.size, entry.mtime_ns) in received:
                source.remove(entry.path)
                removed += 1
    return {"removed": removed}
