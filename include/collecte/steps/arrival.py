"""What lies in the drop, and what of it is a complete delivery? One judgement, for whoever looks.

``find`` looks and registers what is complete; the watcher in Airflow's triggerer and ``collecte arrived`` look and
register nothing. Each look notes what it saw of a delivery that is not registered yet: that is how quiet time passes.
Several may look at once: what another one registered meanwhile is left to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from collecte.catalogue import (
    DeliveryRow,
    deliveries_of,
    ensure_centre,
    folder_digest,
    known_files,
    note_waiting,
    observe_waiting,
    path_digest,
)
from collecte.errors import NeedsPerson, Retry
from collecte.findings import Finding
from collecte.gates import agreement_gate
from collecte.receive import (
    Complete,
    Deposit,
    Manifest,
    Waiting,
    completeness,
    deliveries,
    find_manifests,
    is_manifest,
    listing_digest,
    parse_manifest,
)
from collecte.steps.site import Site
from collecte.transport import Source, open_source

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


@dataclass(frozen=True)
class Announcement:
    """A delivery that is complete and not registered yet: the id that it will have, and what it looks like, as a keyed
    digest (hex): it changes with the delivery's listing, and tells nobody a name.
    """

    delivery: str
    digest: str


@dataclass(frozen=True)
class Seen:
    """One folder of the drop that holds something new: ``fresh`` is that part of it. IDENTIFYING: ``fresh``,
    ``manifests``."""

    row: DeliveryRow
    fresh: Deposit = field(repr=False)
    manifests: tuple[Manifest, ...] = field(repr=False)
    verdict: Complete | Waiting


#: Told, in the transaction of the look, of each complete delivery.
Register = Callable[[Connection, Seen, Complete], None]


def arrived(site: Site) -> list[Announcement]:
    """Look at the drop once and say what in it is complete and waits for its collection. Nothing is registered.

    Raises:
        GateClosed: no agreement in force covers a collection today; nothing was looked at.
        NeedsPerson: the drop cannot be reached as configured.
        Retry: the connection was lost.
    """
    check_agreement(site)
    return [
        Announcement(seen.row.label, str(seen.row.listing_digest))
        for seen in look(site)
        if isinstance(seen.verdict, Complete)
    ]


def check_agreement(site: Site) -> None:
    """Before a drop is looked at.

    Raises:
        GateClosed: no agreement in force covers a collection today.
    """
    if closed := [f for f in agreement_gate(site.challenge, site.centre, datetime.now(UTC).date()) if f.refuses]:
        raise GateClosed(closed)


def look(site: Site, register: Register | None = None) -> list[Seen]:
    """Look at the drop once; what in it is new, and whether it is complete."""
    drop = site.centre.drop
    endpoint = site.connect(drop.connection)
    with open_source(endpoint, drop.path, site.centre.connections) as source:
        # An object store shows whole files only, and stamps their times itself.
        store = endpoint.conn_type == "aws"
        clock = source.clock_offset() if store else None
        # In the order in which they came, as far as their times tell: found again after a restore of the catalogue,
        # most get the number that they had.
        there = sorted(deliveries(source.entries()), key=_newest)
        seen = [_look_at(site, source, deposit, clock, store, register) for deposit in there]
    _forget_absent(site, there)
    return [each for each in seen if each]


def _newest(deposit: Deposit) -> int:
    """When the last of a deposit was written (ns since 1970)."""
    return max(entry.mtime_ns for entry in (*deposit.entries, *(refusal.entry for refusal in deposit.refusals)))


def _forget_absent(site: Site, there: Iterable[Deposit]) -> None:
    """A folder that waited and was taken away or renamed waits no longer; its number stays free for it."""
    digests = {folder_digest(site.keys, deposit.folder) for deposit in there}
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        for row in deliveries_of(connection, centre_id):
            if row.state == "waiting" and row.folder_digest not in digests:
                note_waiting(connection, row.id, None)


def _look_at(
    site: Site,
    source: Source,
    deposit: Deposit,
    clock: float | None,
    whole_files: bool,
    register: Register | None,
) -> Seen | None:
    """Judge one folder of the drop, and register it where it is complete; None where it holds nothing new."""
    now = datetime.now(UTC)
    folder = folder_digest(site.keys, deposit.folder)
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        known = known_files(connection, centre_id, folder)
    fresh = _fresh(site, deposit, known)
    if not fresh.entries and not fresh.refusals:
        return None
    manifests = _manifests(source, deposit)
    digest = listing_digest(deposit, site.keys)
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)
        if known_files(connection, centre_id, folder) != known:
            return None  # somebody else registered it while we read: our listing is of yesterday
        row = observe_waiting(connection, site.keys, centre_id, deposit.folder, digest, now)
        arrival, since = site.challenge.arrival, row.unchanged_since
        if isinstance(manifests, Finding):
            seen = Seen(
                row, fresh, (), Waiting(manifests, since or now, now + timedelta(minutes=arrival.quiet_minutes))
            )
        else:
            verdict = completeness(deposit, manifests, arrival, since, now, clock, whole_files=whole_files)
            seen = Seen(row, fresh, manifests, verdict)
        note_waiting(connection, row.id, seen.verdict.finding if isinstance(seen.verdict, Waiting) else None)
        if register and isinstance(seen.verdict, Complete):
            register(connection, seen, seen.verdict)
    return seen


def _fresh(site: Site, deposit: Deposit, known: Mapping[str, tuple[int, int | None]]) -> Deposit:
    """The part of a deposit that was not registered before: another path, size or time."""

    def is_new(path: str, size: int, mtime_ns: int) -> bool:
        return known.get(path_digest(site.keys, path)) != (size, mtime_ns)

    return Deposit(
        deposit.folder,
        tuple(e for e in deposit.entries if is_new(e.path, e.size, e.mtime_ns)),
        tuple(r for r in deposit.refusals if is_new(r.entry.path, r.entry.size, r.entry.mtime_ns)),
    )


def _manifests(source: Source, deposit: Deposit) -> tuple[Manifest, ...] | Finding:
    """A delivery's manifests, or why it waits: one that cannot be read keeps back its own delivery, and no other.

    Raises:
        Retry: the connection was lost.
    """
    found = []
    for entry in find_manifests(deposit):
        try:
            content = source.read_small(entry.path, entry.size + _GROWTH_BYTES)
        except NeedsPerson:
            return Finding("DELIVERY-WAITING-MANIFEST")
        except Retry:
            next(iter(source.entries()), None)  # raises where it is the connection, and not this file
            return Finding("DELIVERY-WAITING-MANIFEST")
        if len(content) != entry.size:
            return Finding("DELIVERY-WAITING-MANIFEST")
        name = deposit.relative(entry)
        if is_manifest(name, content[:_HEAD_BYTES]):
            found.append(parse_manifest(content, name))
    return tuple(found)
