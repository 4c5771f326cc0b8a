"""The start of a collection: what is complete in the drop is registered as a delivery, and cut into shards."""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from collecte.catalogue import (
    DeliveryRow,
    Moves,
    NewFile,
    ShardRef,
    cut_in_order,
    deliveries_of,
    delivery_by_label,
    ensure_centre,
    plan,
    planned,
    record,
    register_delivery,
    sizes_of_delivery,
    whole,
)
from collecte.gates import agreement_gate
from collecte.receive import Complete, Deposit, Entry, Expected, Waiting, administrative, replaced_paths
from collecte.steps.arrival import Seen, check_agreement, look
from collecte.steps.moving import quarantine
from collecte.steps.site import Site

#: A shard of the copy: under a minute from a near server, a few minutes from a far one.
RECEIVE_BYTES, RECEIVE_FILES = 8_000_000_000, 20_000

#: How long this step itself waits for a second look, where one is all that is missing. Seconds.
PATIENCE = timedelta(seconds=30)

#: The kind, in the catalogue, of files that speak of their delivery: manifests and markers.
ADMINISTRATIVE = "manifest"


def find(site: Site, delivery: str | None = None) -> list[ShardRef]:
    """Look at the drop, register what is complete, and name the shards to receive: of new deliveries and of unfinished
    ones.

    With ``delivery`` (``d0001``) only that one goes on, and those in which files of its folder are judged anew; the
    drop is looked at all the same.

    Raises:
        GateClosed: no agreement in force covers the collection today.
        NeedsPerson: the drop cannot be reached as configured, or the catalogue has no such delivery.
        Retry: the connection was lost.
    """
    check_agreement(site)
    register = partial(_register, site)
    verdicts = [seen.verdict for seen in look(site, register)]
    patience = datetime.now(UTC) + PATIENCE
    if soon := [v.until for v in verdicts if isinstance(v, Waiting) and v.until <= patience]:
        # What is missing is a second look that sees the same; the next night would be late for that.
        time.sleep(max(0.0, (max(soon) - datetime.now(UTC)).total_seconds()))
        look(site, register)
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        going = [row for row in deliveries_of(connection, centre_id) if row.state == "collecting"]
        if delivery:
            chosen = delivery_by_label(connection, centre_id, delivery)
            going = [row for row in going if row.id == chosen.id or _judges_anew(row, chosen)]
        return [ref for row in going for ref in planned(connection, row.id, "receive")]


def _judges_anew(row: DeliveryRow, old: DeliveryRow) -> bool:
    return row.complete_by == "retry" and row.folder_digest == old.folder_digest


def _register(site: Site, connection: Connection, seen: Seen, verdict: Complete) -> None:
    """One transaction: the delivery, its files, what is wrong with them already, and the shards to receive."""
    fresh, centre_id = seen.fresh, seen.row.centre_id
    entries = [*fresh.entries, *(refusal.entry for refusal in fresh.refusals)]
    files = (_new_file(fresh, entry, verdict.reconciled.expected.get(entry.path)) for entry in entries)
    row = register_delivery(connection, site.keys, centre_id, fresh.folder, files, complete_by=verdict.by)
    speaking = administrative(fresh, seen.manifests, site.challenge.arrival)
    told = {path for path, _ in (*verdict.file_findings, *speaking)} | {r.entry.path for r in fresh.refusals}
    registered = sizes_of_delivery(connection, row.id)
    ids = {e.path: file_id for e, (file_id, _) in zip(entries, registered, strict=True) if e.path in told}
    moves = Moves(connection, row.id, row.label)
    moves.set_files({"id": ids[path], "kind": ADMINISTRATIVE} for path, _ in speaking if path in ids)
    warnings = agreement_gate(site.challenge, site.centre, datetime.now(UTC).date())
    moves.add_findings("find", [(None, finding) for finding in (*warnings, *verdict.findings)])
    moves.add_findings("find", [(ids[p], f) for p, f in (*verdict.file_findings, *speaking) if p in ids])
    quarantine(moves, "find", [(ids[refusal.entry.path], [refusal.finding]) for refusal in fresh.refusals])
    record(moves, "find", row.label, 0, {"files": len(entries), "refused": len(fresh.refusals)})
    # A delivery of refused entries alone has nothing to copy, and is judged and reported like any other.
    aside = {ids[refusal.entry.path] for refusal in fresh.refusals}
    regular = (each for each in sizes_of_delivery(connection, row.id) if each[0] not in aside)
    plan(connection, row.id, "receive", cut_in_order(regular, RECEIVE_BYTES, RECEIVE_FILES) or [whole([])])


def _new_file(deposit: Deposit, entry: Entry, expected: Expected | None) -> NewFile:
    if expected is None:
        return NewFile(entry.path, entry.size, entry.mtime_ns)
    replaces = replaced_paths(deposit, "", expected.replaces) if expected.replaces else ()
    return NewFile(entry.path, entry.size, entry.mtime_ns, expected.digest, replaces)
