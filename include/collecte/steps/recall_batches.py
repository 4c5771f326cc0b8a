"""Curated, facts and the HDH without what was recalled: files whole, of shared tables the rows, documents made anew."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import DeliveryRow, Moves, anchor, begin, ensure_shipment, record
from collecte.catalogue.audit import LEAF_BYTES
from collecte.catalogue.recalled import close_anew, document_keys, forget_receipts, receipts_of_files
from collecte.catalogue.recalls import RecallRow, delivery_by_id, held_names, located
from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME, sha256_of
from collecte.recall import Plan, numbers_of, without_rows
from collecte.records import Safe
from collecte.ship import BatchRow, documents, key_of
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.recall_disk import copies_in, remove_paths, wanted
from collecte.steps.recall_plan import batch_path, wanted_cells
from collecte.steps.ship import HDH, as_receipt, batch_rows
from collecte.transport import Destination, Item, Stored, open_destination


@dataclass
class _Batch:
    """What changes in the batch of one delivery. ``gone``: output names by file id, where there is one; ``tables``:
    name and new bytes of shared ones; ``keys``: what was proved at the HDH of all these, by file id (None: documents).
    """

    row: DeliveryRow
    centre: str
    gone: dict[int, str | None] = field(default_factory=dict)
    tables: dict[int, tuple[str, Safe]] = field(default_factory=dict)
    keys: list[tuple[int | None, str]] = field(default_factory=list)
    stored: list[tuple[int | None, Stored]] = field(default_factory=list)


def remove_from_batches(site: ChallengeSite, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Take what was recalled out of curated, the facts and the HDH, with every version there; look for it again.

    Raises:
        NeedsPerson: a disk or the HDH refuses, or a copy is still found.
        Retry: the connection was lost.
    """
    job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/batches")
    if isinstance(job, dict):
        return job
    # As planned, so that a killed and repeated removal tells the same.
    counts = {place: plan.count(place) for place in ("curated", "facts", "tables", "hdh")}
    counts |= {"documents": 0, "locked": 0}
    with site.catalogue.read() as connection:
        batches = _batches(site, connection, recall, plan)
        _clear_curated(site, connection, plan, batches)
    for batch in batches:
        _drop_facts(site, batch)
    hdh = site.challenge.hdh
    if any(batch.keys for batch in batches):
        with open_destination(site.connect(hdh.connection), hdh.path) as destination:
            for batch in batches:
                job.check()
                _renew(site, destination, batch, counts)
    leaves: list[bytes] = []
    with job.finish(counts, leaves) as connection:
        for batch in batches:
            _record(connection, recall, batch)
            leaves += [bytes.fromhex(safe.sha256)[:LEAF_BYTES] for _, safe in batch.tables.values()]
    return counts


def _batches(site: ChallengeSite, connection: Connection, recall: RecallRow, plan: Plan) -> list[_Batch]:
    """What changes in each batch. Shared tables are written anew on the way: again, they get the same bytes."""
    whole, shared = numbers_of(plan.files), set(numbers_of(plan.tables))
    cells = wanted_cells(connection, recall, whole)
    found: dict[int, _Batch] = {}
    for page in located(connection, {*whole, *shared}):
        for one in page:
            delivery_id = one.file.delivery_id
            if delivery_id not in found:
                found[delivery_id] = _Batch(delivery_by_id(connection, delivery_id), one.centre)
            if one.file.id in shared:
                safe = without_rows(batch_path(site, one), cells)
                found[delivery_id].tables[one.file.id] = (str(one.file.name), safe)
            else:
                found[delivery_id].gone[one.file.id] = one.file.name
    for delivery_id, file_id, key in receipts_of_files(connection, {*whole, *shared}):
        found[delivery_id].keys.append((file_id, key))
    for batch in found.values():
        if batch.keys:
            batch.keys += [(None, key) for key in document_keys(connection, batch.row.id)]
    return [found[delivery_id] for delivery_id in sorted(found)]


def _folder(site: ChallengeSite, batch: _Batch) -> Path:
    return site.batch(batch.centre, batch.row)


def _clear_curated(site: ChallengeSite, connection: Connection, plan: Plan, batches: list[_Batch]) -> None:
    """Remove the safe copies, under their names and wherever else their bytes lie in curated.

    Raises:
        NeedsPerson: one is still found afterwards.
    """
    safe = wanted(
        (one.file.safe_size or 0, one.file.safe_sha256)
        for page in located(connection, numbers_of(plan.files))
        for one in page
        if one.file.safe_sha256
    )
    for batch in batches:
        names = {name for name in batch.gone.values() if name}
        names -= held_names(connection, batch.row.id, names)
        remove_paths((_folder(site, batch) / name for name in names), frozenset((_folder(site, batch),)))
    roots = sorted({site.curated / site.challenge.id / batch.centre for batch in batches})
    for root in roots:
        remove_paths(copies_in(root, safe), frozenset((root,)))
    if left := sum(1 for root in roots for _ in copies_in(root, safe)):
        raise NeedsPerson(
            f"{left} copies that were removed from curated are there again.",
            "find out what else writes in curated (a mirror, a backup that restores), then clear the task.",
        )


def _drop_facts(site: ChallengeSite, batch: _Batch) -> None:
    """Take the rows of these files out of the facts, in curated and in landing."""
    from collecte.facts import drop_facts  # pandas and Arrow, which most steps need not load

    received = site.landing / site.challenge.id / batch.centre / batch.row.label / "facts"
    for folder in (site.facts(batch.centre, batch.row), received):
        if folder.is_dir():
            drop_facts(folder, frozenset(batch.gone))


def _renew(site: ChallengeSite, destination: Destination, batch: _Batch, counts: dict[str, int]) -> None:
    """Remove a batch's keys that change, then send what stands in their place: the documents last.

    ``SHA256SUMS`` goes first and comes last: a batch without it is not complete, and nobody takes it for whole.
    """
    if not batch.keys:
        return
    keys = [key for _, key in batch.keys]
    sums = [key for key in keys if key.endswith(f"/{SUMS_NAME}")]
    for some in (sums, [key for key in keys if key not in sums]):
        counts["locked"] += sum(removed.locked for removed in destination.remove(some))
    items = {_item(site, batch, name, safe): file_id for file_id, (name, safe) in batch.tables.items()}
    batch.stored += [(items[stored.item], stored) for stored in destination.put(list(items))]
    with tempfile.TemporaryDirectory() as folder:
        with site.catalogue.read() as connection:
            written = documents(_rows(connection, batch), Path(folder))
        for path in written:
            key = key_of(site.challenge.id, batch.centre, batch.row.label, path.name)
            item = Item(path, key, sha256_of(path), path.stat().st_size)
            batch.stored += [(None, stored) for stored in destination.put([item])]
    counts["documents"] += len(written)
    gone = {key for file_id, key in batch.keys if file_id in batch.gone}
    prefix = key_of(site.challenge.id, batch.centre, batch.row.label, "")
    if left := gone.intersection(destination.list_keys(prefix)):
        raise NeedsPerson(
            f"{len(left)} objects that were removed from the HDH are there again.",
            "find out what else writes there (a replication), then clear the task.",
        )


def _item(site: ChallengeSite, batch: _Batch, name: str, safe: Safe) -> Item:
    key = key_of(site.challenge.id, batch.centre, batch.row.label, name)
    return Item(_folder(site, batch) / name, key, safe.sha256, safe.size)


def _rows(connection: Connection, batch: _Batch) -> Iterator[BatchRow]:
    """The rows of the manifest; of shared tables with their new bytes."""
    changed: Mapping[str, Safe] = dict(batch.tables.values())
    for row in batch_rows(connection, batch.row):
        new = changed.get(row.name)
        yield replace(row, size=new.size, sha256=new.sha256) if new else row


def _record(connection: Connection, recall: RecallRow, batch: _Batch) -> None:
    """New bytes of shared tables, and receipts of what stands at the HDH now; an event of the delivery's."""
    row = batch.row
    moves = Moves(connection, row.id, row.label)
    sums = located(connection, batch.tables)
    received = {one.file.id: one.file.sha256 for page in sums for one in page}
    # The SHA-256 as received with it, though it stays the same: a row whose SHA-256 is set enters the event.
    moves.set_files(
        {"id": file_id, "sha256": received[file_id], "safe_sha256": safe.sha256, "safe_size": safe.size}
        for file_id, (_, safe) in batch.tables.items()
    )
    if batch.keys:
        shipment = ensure_shipment(connection, row.id, HDH)
        files = [file_id for file_id, _ in batch.keys if file_id is not None]
        forget_receipts(connection, shipment.id, files, [key for file_id, key in batch.keys if file_id is None])
        moves.add_receipts(as_receipt(shipment.id, file_id, stored) for file_id, stored in batch.stored)
        close_anew(connection, shipment.id, batch.stored[-1][1].item.sha256)
    counts = {"tables": len(batch.tables), "objects": len(batch.keys)}
    record(moves, "recall", f"{row.label}/{recall.about}/batches", 0, counts)
    anchor(connection, recall.challenge_id, row.id)
