"""What lies in the drop, and what of it is a complete delivery?"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from collecte.catalogue import (
    DeliveryRow,
    Moves,
    NewFile,
    ShardRef,
    cut,
    deliveries_of,
    ensure_centre,
    files_of_delivery,
    folder_digest,
    known_files,
    note_waiting,
    observe_waiting,
    path_digest,
    plan,
    planned,
    record,
    register_delivery,
    whole,
)
from collecte.errors import NeedsPerson, Retry
from collecte.findings import Finding
from collecte.gates import agreement_gate
from collecte.receive import (
    Complete,
    Deposit,
    Entry,
    Expected,
    Manifest,
    Waiting,
    administrative,
    completeness,
    deliveries,
    find_manifests,
    is_manifest,
    listing_digest,
    parse_manifest,
    replaced_paths,
)
from collecte.steps.moving import quarantine
from collecte.steps.site import Site
from collecte.transport import Source, open_source

#: A shard of the copy: under a minute from a near server, a few minutes from a far one.
RECEIVE_BYTES, RECEIVE_FILES = 8_000_000_000, 20_000

#: How long this step itself waits for a second look, where one is all that is missing. Seconds.
PATIENCE = timedelta(seconds=30)

#: The kind, in the catalogue, of files that speak of their delivery: manifests and markers.
ADMINISTRATIVE = "manifest"

_HEAD_BYTES = 4096
#: How much larger than listed a manifest may have become without being taken for another kind of file. Bytes.
_GROWTH_BYTES = 64 * 1024 * 1024


class GateClosed(NeedsPerson):
    """A clause is missing, so nothing is collected; ``findings`` name each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(
            "Nothing was collected. " + " ".join(f"{finding.code}: {finding.text('en')}" for finding in findings),
            " ".join(dict.fromkeys(finding.remedy("en") for finding in findings)),
        )
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[type["GateClosed"], tuple[tuple[Finding, ...]]]:  # type: ignore[override]
        return type(self), (self.findings,)


def find(site: Site, delivery: str | None = None) -> list[ShardRef]:
    """Look at the drop, register what is complete, and name the shards to receive: of new deliveries and of unfinished
    ones.

    With ``delivery`` (``d0001``) only that one goes on; the drop is looked at all the same.

    Raises:
        GateClosed: no agreement in force covers the collection today.
        NeedsPerson: the drop cannot be reached as configured, or the catalogue has no such delivery.
        Retry: the connection was lost.
    """
    if closed := [f for f in agreement_gate(site.challenge, site.centre, datetime.now(UTC).date()) if f.refuses]:
        raise GateClosed(closed)
    waiting = look(site)
    soon = [w.until for w in waiting if w.until <= datetime.now(UTC) + PATIENCE]
    if soon:
        # What is missing is a second look that sees the same; the next night would be late for that.
        time.sleep(max(0.0, (max(soon) - datetime.now(UTC)).total_seconds()))
        look(site)
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        going = [row for row in deliveries_of(connection, centre_id) if row.state == "collecting"]
        if delivery:
            going = [row for row in going if row.label == delivery] or _known(site, delivery)
        return [ref for row in going for ref in planned(connection, row.id, "receive")]


def look(site: Site) -> list[Waiting]:
    """Look at the drop once and register what is complete; why the rest waits."""
    drop = site.centre.drop
    endpoint = site.connect(drop.connection)
    with open_source(endpoint, drop.path, site.centre.connections) as source:
        # An object store shows whole files only, and stamps their times itself.
        store = endpoint.conn_type == "aws"
        clock = source.clock_offset() if store else None
        there = deliveries(source.entries())
        verdicts = [_look_at(site, source, d, clock, store) for d in there]
    _forget_absent(site, there)
    return [verdict for verdict in verdicts if isinstance(verdict, Waiting)]


def _forget_absent(site: Site, there: Iterable[Deposit]) -> None:
    """A folder that waited and was taken away or renamed waits no longer; its number stays free for it."""
    digests = {folder_digest(site.keys, deposit.folder) for deposit in there}
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        for row in deliveries_of(connection, centre_id):
            if row.state == "waiting" and row.folder_digest not in digests:
                note_waiting(connection, row.id, None)


def _known(site: Site, delivery: str) -> list[DeliveryRow]:
    """Nothing to do for a delivery that is done; an error for one that never was."""
    site.delivery(delivery)
    return []


def _look_at(
    site: Site, source: Source, deposit: Deposit, clock: float | None, whole_files: bool
) -> Complete | Waiting | None:
    """Register one folder of the drop where it is complete and holds something new; else note that it waits."""
    now = datetime.now(UTC)
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        known = known_files(connection, centre_id, folder_digest(site.keys, deposit.folder))
    fresh = _fresh(site, deposit, known)
    if not fresh.entries and not fresh.refusals:
        return None
    manifests = list(_manifests(source, deposit))
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)
        digest = listing_digest(deposit, site.keys)
        seen = observe_waiting(connection, site.keys, centre_id, deposit.folder, digest, now)
        verdict = completeness(
            deposit,
            manifests,
            site.challenge.arrival,
            seen.unchanged_since,
            now,
            clock,
            whole_files=whole_files,
        )
        note_waiting(connection, seen.id, verdict.finding if isinstance(verdict, Waiting) else None)
        if isinstance(verdict, Complete):
            _register(site, connection, centre_id, fresh, manifests, verdict)
    return verdict


def _fresh(site: Site, deposit: Deposit, known: Mapping[str, tuple[int, int | None]]) -> Deposit:
    """The part of a deposit that was not registered before: another path, size or time."""

    def is_new(path: str, size: int, mtime_ns: int) -> bool:
        return known.get(path_digest(site.keys, path)) != (size, mtime_ns)

    return Deposit(
        deposit.folder,
        tuple(e for e in deposit.entries if is_new(e.path, e.size, e.mtime_ns)),
        tuple(r for r in deposit.refusals if is_new(r.entry.path, r.entry.size, r.entry.mtime_ns)),
    )


def _manifests(source: Source, deposit: Deposit) -> Iterator[Manifest]:
    for entry in find_manifests(deposit):
        content = source.read_small(entry.path, entry.size + _GROWTH_BYTES)
        if len(content) != entry.size:
            raise Retry("A manifest changed between the listing of the drop and its reading.")
        name = deposit.relative(entry)
        if is_manifest(name, content[:_HEAD_BYTES]):
            yield parse_manifest(content, name)


def _register(
    site: Site,
    connection: Connection,
    centre_id: int,
    fresh: Deposit,
    manifests: Sequence[Manifest],
    verdict: Complete,
) -> None:
    """One transaction: the delivery, its files, what is wrong with them already, and the shards to receive."""
    entries = [*fresh.entries, *(refusal.entry for refusal in fresh.refusals)]
    files = [_new_file(fresh, entry, verdict.reconciled.expected.get(entry.path)) for entry in entries]
    row = register_delivery(connection, site.keys, centre_id, fresh.folder, files, complete_by=verdict.by)
    ids = {entry.path: file.id for entry, file in zip(entries, files_of_delivery(connection, row.id), strict=True)}
    moves = Moves(connection, row.id, row.label)
    speaking = [
        (path, finding) for path, finding in administrative(fresh, manifests, site.challenge.arrival) if path in ids
    ]
    moves.set_files({"id": ids[path], "kind": ADMINISTRATIVE} for path, _ in speaking)
    warnings = agreement_gate(site.challenge, site.centre, datetime.now(UTC).date())
    moves.add_findings("find", [(None, finding) for finding in (*warnings, *verdict.findings)])
    moves.add_findings("find", [(ids[p], f) for p, f in (*verdict.file_findings, *speaking) if p in ids])
    quarantine(moves, "find", [(ids[refusal.entry.path], [refusal.finding]) for refusal in fresh.refusals])
    record(moves, "find", row.label, 0, {"files": len(entries), "refused": len(fresh.refusals)})
    # A delivery of refused entries alone has nothing to copy, and is judged and reported like any other.
    regular = [(ids[entry.path], entry.size) for entry in fresh.entries]
    plan(connection, row.id, "receive", cut(regular, RECEIVE_BYTES, RECEIVE_FILES) or [whole([])])


def _new_file(deposit: Deposit, entry: Entry, expected: Expected | None) -> NewFile:
    if expected is None:
        return NewFile(entry.path, entry.size, entry.mtime_ns)
    replaces = replaced_paths(deposit, "", expected.replaces) if expected.replaces else ()
    return NewFile(entry.path, entry.size, entry.mtime_ns, expected.digest, replaces)
