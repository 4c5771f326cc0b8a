"""Curated → HDH: every file of a batch at its destination, each proved there, the documents last."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from collecte.catalogue import (
    DeliveryRow,
    FileRow,
    Lease,
    ShardRef,
    anchor,
    close_shipment,
    cut,
    ensure_shipment,
    files_of_delivery,
    files_of_shard,
    plan,
    receipts_of,
    subjects_of,
)
from collecte.errors import NeedsPerson
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
        accepted = files_of_delivery(connection, delivery.id, State.ACCEPTED)
        pieces = cut([(file.id, file.safe_size or 0) for file in accepted], SHIP_BYTES, SHIP_FILES)
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
        moves.add_receipts(_receipt(shipment.id, items[s.item], s) for s in stored)
    return counts


def commit_shipment(site: Site, label: str, abandoned: timedelta = ABANDONED) -> dict[str, int]:
    """Send the manifests and, last, ``SHA256SUMS``: the batch is complete. Every file must have its receipt.

    Then end the uploads that were begun ``abandoned`` ago and never finished: their parts take room there, unseen.

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
        accepted = files_of_delivery(connection, delivery.id, State.ACCEPTED)
        subjects = subjects_of(connection, delivery.id)
        proved = {receipt.file_id for receipt in receipts_of(connection, shipment.id)}
    if missing := sum(file.id not in proved for file in accepted):
        raise NeedsPerson(
            f"{missing} files of {delivery.label} have no receipt yet.", "run the ship step of this delivery again."
        )
    rows = _batch_rows(accepted, subjects)
    with working(lease), tempfile.TemporaryDirectory() as folder:
        sent = [_put_document(site, delivery, Path(folder), name, content) for name, content in documents(rows)]
        aborted = _abort_abandoned(site, abandoned)
    counts = {"files": len(accepted), "documents": len(sent), "uploads_aborted": aborted}
    with lease.finish(counts) as moves:
        moves.add_receipts(_receipt(shipment.id, None, stored) for stored in sent)
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
    with open_destination(site.connect(hdh.connection), hdh.path) as destination:
        return destination.abort_unfinished(abandoned)


def _put_document(site: Site, delivery: DeliveryRow, folder: Path, name: str, content: bytes) -> Stored:
    """Send one document; each alone, since their order is what marks a batch as complete."""
    path = folder / name
    path.write_bytes(content)
    key = key_of(site.challenge.id, site.centre.id, delivery.label, name)
    (stored,) = _put(site, [Item(path, key, sha256(content).hexdigest(), len(content))])
    return stored


def _receipt(shipment_id: int, file_id: int | None, stored: Stored) -> dict[str, object]:
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


def _batch_rows(files: Sequence[FileRow], subjects: Mapping[int, Sequence[str]]) -> list[BatchRow]:
    """Objects are numbered within the batch, in the order of their files' names: the catalogue's own ids depend on
    timing."""
    ordered = sorted(files, key=lambda file: str(file.name))
    numbers: dict[int | None, int] = {}
    for file in ordered:
        numbers.setdefault(file.object_id, len(numbers) + 1)
    return [
        BatchRow(
            str(file.name),
            str(file.kind),
            subjects[file.id][0] if len(subjects.get(file.id, ())) == 1 else "",
            numbers[file.object_id],
            file.safe_size or 0,
            str(file.safe_sha256),
        )
        for file in ordered
    ]
