"""Curated → HDH: every file of a batch at its destination, each proved there, the documents last."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import (
    DeliveryRow,
    FileRow,
    Lease,
    ShardRef,
    anchor,
    by_name,
    close_shipment,
    cut_in_order,
    ensure_shipment,
    files_of_shard,
    plan,
    sizes_of_delivery,
    subjects_of_files,
    totals,
    without_receipt,
)
from collecte.errors import NeedsPerson
from collecte.package import sha256_of
from collecte.records import State
from collecte.ship import BatchRow, documents, key_of
from collecte.steps.moving import lease_of, whole_lease, working
from collecte.steps.site import Site
from collecte.transport import Item, Stored, open_destination

HDH = "hdh"

#: A shard of shipping: about a minute of work.
SHIP_BYTES, SHIP_FILES = 8_000_000_000, 10_000

#: An upload that was begun so long ago and not finished is a killed attempt's: no shard takes that long.
ABANDONED = timedelta(days=1)


def plan_ship(site: Site, label: str) -> list[ShardRef]:
    """Name the shards of a delivery's accepted files.

    Raises:
        NeedsPerson: the delivery is not accepted yet.
    """
    delivery = site.delivery(label)
    if delivery.state not in ("accepted", "shipped"):
        raise NeedsPerson(f"Delivery {label} is {delivery.state}, not accepted.", "let its collect run end first.")
    with site.catalogue.transaction() as connection:
        ensure_shipment(connection, delivery.id, HDH)
        accepted = sizes_of_delivery(connection, delivery.id, State.ACCEPTED)
        pieces = cut_in_order(accepted, SHIP_BYTES, SHIP_FILES)
        return plan(connection, delivery.id, "ship", pieces)


def ship(site: Site, shard: str) -> dict[str, int]:
    """Send one shard's files. What is there already is compared and not sent again.

    Raises:
        Retry: the connection was lost, or the server is busy.
        NeedsPerson: the destination refuses us, or holds another object under a key of ours.
    """
    delivery, lease = lease_of(site, shard)
    if isinstance(lease, dict):
        return lease
    with site.catalogue.read() as connection:
        files = files_of_shard(connection, lease, State.ACCEPTED)
    items = {_item(site, delivery, file): file.id for file in files}
    with working(lease):
        stored = list(_put(site, list(items)))
    counts = {"files": len(stored), "bytes": sum(s.item.size for s in stored)}
    with lease.finish(counts) as moves:
        shipment = ensure_shipment(moves.connection, delivery.id, HDH)
        moves.add_receipts(as_receipt(shipment.id, items[s.item], s) for s in stored)
    return counts


def commit_shipment(site: Site, label: str, abandoned: timedelta = ABANDONED) -> dict[str, int]:
    """Send the manifests and, last, ``SHA256SUMS``: the batch is complete. Every file must have its receipt.

    Then end the centre's uploads that were begun ``abandoned`` ago and never finished: their parts take room, unseen.

    Raises:
        NeedsPerson: a file has no receipt yet, or as for :func:`ship`.
    """
    delivery, lease = whole_lease(site, label, "commit")
    counts = lease if isinstance(lease, dict) else _commit(site, delivery, lease, abandoned)
    with site.catalogue.transaction() as connection:
        anchor(connection, site.challenge.id, delivery.id)
    return counts


def _commit(site: Site, delivery: DeliveryRow, lease: Lease, abandoned: timedelta) -> dict[str, int]:
    with site.catalogue.transaction() as connection:
        shipment = ensure_shipment(connection, delivery.id, HDH)
        missing = without_receipt(connection, delivery.id, shipment.id)
        accepted = totals(connection, delivery.id)[State.ACCEPTED]
    if missing:
        raise NeedsPerson(
            f"{missing} files of {delivery.label} have no receipt yet.", "run the ship step of this delivery again."
        )
    with working(lease), tempfile.TemporaryDirectory() as folder:
        with site.catalogue.read() as connection:
            written = documents(batch_rows(connection, delivery), Path(folder))
        sent = [_put_document(site, delivery, path) for path in written]
        aborted = _abort_abandoned(site, abandoned)
    counts = {"files": accepted, "documents": len(sent), "uploads_aborted": aborted}
    with lease.finish(counts) as moves:
        moves.add_receipts(as_receipt(shipment.id, None, stored) for stored in sent)
        close_shipment(moves.connection, shipment.id, sent[-1].item.sha256)
        moves.delivery_state("shipped")
    return counts


def _item(site: Site, delivery: DeliveryRow, file: FileRow) -> Item:
    name = str(file.name)
    key = key_of(site.challenge.id, site.centre.id, delivery.label, name)
    return Item(site.batch(delivery) / name, key, str(file.safe_sha256), file.safe_size or 0)


def _put(site: Site, items: Sequence[Item]) -> Iterator[Stored]:
    hdh = site.challenge.hdh
    with open_destination(site.connect(hdh.connection), hdh.path) as destination:
        yield from destination.put(items)


def _abort_abandoned(site: Site, abandoned: timedelta) -> int:
    hdh = site.challenge.hdh
    own = f"{hdh.path}/{site.challenge.id}/{site.centre.id}"  # what others began in the bucket is theirs
    with open_destination(site.connect(hdh.connection), own) as destination:
        return destination.abort_unfinished(abandoned)


def _put_document(site: Site, delivery: DeliveryRow, path: Path) -> Stored:
    """Send one document; each alone, since their order is what marks a batch as complete."""
    key = key_of(site.challenge.id, site.centre.id, delivery.label, path.name)
    (stored,) = _put(site, [Item(path, key, sha256_of(path), path.stat().st_size)])
    return stored


def as_receipt(shipment_id: int, file_id: int | None, stored: Stored) -> dict[str, object]:
    """The receipt of what a destination holds, as the catalogue takes it."""
    return {
        "shipment_id": shipment_id,
        "file_id": file_id,
        "key": stored.item.key,
        "size": stored.item.size,
        "sha256": stored.item.sha256,
        "version_id": stored.version_id,
        "etag": stored.etag,
        "proof": stored.proof,
    }


def batch_rows(connection: Connection, delivery: DeliveryRow) -> Iterator[BatchRow]:
    """Objects are numbered within the batch, in the order of their files' names: the catalogue's own ids depend on
    timing."""
    numbers: dict[int | None, int] = {}
    for page in by_name(connection, delivery.id, State.ACCEPTED):
        subjects = subjects_of_files(connection, [file["id"] for file in page])
        for file in page:
            who = subjects.get(file["id"], ())
            yield BatchRow(
                file["name"],
                file["kind"],
                who[0] if len(who) == 1 else "",
                numbers.setdefault(file["object_id"], len(numbers) + 1),
                file["safe_size"] or 0,
                file["safe_sha256"],
            )
