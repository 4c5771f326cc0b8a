"""Release → competition hosts: every file at each destination, each proved there, ``SHA256SUMS`` last.

``plan_host → ship_to_host (a shard each) → commit_host``; after a recall ``withdraw``.

What must hold is asked again by each of them, of the catalogue and the challenge file and for the bytes that lie there
now: a task that was marked as success sends nothing. A shard is done once each of its files has a receipt for the
release as it is, whatever a job says of an earlier one.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import timedelta
from itertools import islice
from pathlib import Path

from collecte.catalogue import (
    PackageReceipt,
    add_package_receipts,
    begin,
    close_package_shipment,
    ensure_package_shipment,
    forget_package_receipts,
    package_receipts,
    receipts_of_keys,
    shipments_of_package,
)
from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME
from collecte.ship.layouts import HostFile, exceeded
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.host_way import (
    Way,
    begin_again,
    destinations_of,
    item_of,
    leaves_of,
    require_allowed,
    require_same_digest,
    send,
    send_manifest,
    taken_back,
    way_to,
)
from collecte.steps.ship import ABANDONED, SHIP_BYTES, SHIP_FILES
from collecte.transport import Removed, open_destination

_SHARD = re.compile(r"release/(v[1-9]\d*)/ship/([a-z][a-z0-9-]*)/([1-9]\d*)")


def plan_host(site: ChallengeSite, label: str) -> list[dict[str, str]]:
    """Name the shards of a release's way to every destination: ``{"shard": "release/v1/ship/host-s3/1", "label": …}``.

    Before a byte leaves: approved by two people over exactly these bytes, gate, region, the layout's limits; the whole
    release is read against its ``SHA256SUMS``.

    Raises:
        NeedsPerson: one of these does not hold; it says which, and names the file.
    """
    ways = [way_to(site, label, destination.id) for destination in destinations_of(site)]
    require_allowed(site, ways[0].package, read=True)
    for way in ways:
        _require_fits(way)
    shards = []
    for way in ways:
        with site.catalogue.transaction() as connection:
            ensure_package_shipment(connection, way.package, way.destination.id)
        sizes = [len(piece) for piece in _pieces(way)]
        for number, size in enumerate(sizes, 1):
            said = f"{way.destination.id} {number}/{len(sizes)}: {size} files"
            shards.append({"shard": way.job("ship", number), "label": said})
    return shards


def ship_to_host(site: ChallengeSite, shard: str) -> dict[str, int]:
    """Send one shard's files. What is there already is compared and not sent again.

    Raises:
        Retry: the connection was lost, or the server is busy.
        NeedsPerson: not approved; the destination refuses us, is full, holds another object under a key of ours, or
            gives back other bytes than it got.
    """
    match = _SHARD.fullmatch(shard)
    if match is None:
        raise NeedsPerson(
            "This is no shard of a shipment.", "take one that the step before named: release/v1/ship/…/1."
        )
    way, number = way_to(site, match[1], match[2]), int(match[3])
    require_allowed(site, way.package)
    piece = next(islice(_pieces(way), number - 1, None), None)
    if piece is None:
        raise NeedsPerson(f"{shard} has no files.", "run the step again that cuts the shipment: its plan is old.")
    with site.catalogue.transaction() as connection:
        shipment = ensure_package_shipment(connection, way.package, way.destination.id)
        known = receipts_of_keys(connection, shipment, map(way.key, piece))
    job = begin(site.catalogue, site.challenge.id, shard)
    if isinstance(job, dict):
        if len(known) == len(piece):
            return job
        job = begin_again(site, shard)
    with taken_back(site, way, map(way.key, piece)):
        receipts = send(site, way, job, shipment, [file for file in piece if way.key(file) not in known])
        receipts += known.values()
        counts = {"files": len(receipts), "bytes": sum(receipt.size for receipt in receipts)}
        with job.finish(counts, leaves_of(receipts)) as connection:
            require_same_digest(connection, way)
            add_package_receipts(connection, shipment, receipts)
    return counts


def commit_host(site: ChallengeSite, label: str, destination: str, abandoned: timedelta = ABANDONED) -> dict[str, int]:
    """Send ``SHA256SUMS``: the release is complete at this destination. Every file must have its receipt.

    Then end uploads that were begun ``abandoned`` ago and never finished: their parts take room, unseen.

    Raises:
        NeedsPerson: a file has no receipt yet, or as for :func:`ship_to_host`.
    """
    way = way_to(site, label, destination)
    require_allowed(site, way.package)
    name = way.job("commit")
    with site.catalogue.transaction() as connection:
        shipment = ensure_package_shipment(connection, way.package, destination)
        sent = shipments_of_package(connection, way.package.id)
    job = begin(site.catalogue, site.challenge.id, name)
    if isinstance(job, dict):
        if any(one.id == shipment and one.done_at for one in sent):
            return job
        job = begin_again(site, name)
    receipt = send_manifest(site, way, shipment)
    place = way.destination.place
    with open_destination(site.connect(place.connection), place.path) as host:
        aborted = host.abort_unfinished(abandoned, way.prefix)
    files = next(one.receipts for one in sent if one.id == shipment)
    counts = {"files": files, "documents": 1, "uploads_aborted": aborted}
    with job.finish(counts, leaves_of([receipt])) as connection:
        require_same_digest(connection, way)
        add_package_receipts(connection, shipment, [receipt])
        close_package_shipment(connection, shipment)
    return counts


def withdraw(site: ChallengeSite, label: str, destination: str, paths: Iterable[str]) -> dict[str, int]:
    """After a release was remade (:func:`~collecte.steps.release.remake_release`): take from a destination whatever is
    no longer in it, or has other bytes now, with every version, and prove that it is gone; then send what changed, with
    receipts, ``SHA256SUMS`` last.

    ``paths``: in the release, what must be gone. No approval is asked for: what is sent is less than was approved and
    sent before, and removing waits for nobody. Nothing is sent to where nothing was; a shipment that was not complete
    stays so, and :func:`plan_host` goes on with it once the new digest is approved.

    The counts: ``removed`` (objects), ``locked`` (versions that stay, hidden, under a lock), ``files`` sent anew.

    Raises:
        NeedsPerson: what was removed is still there, or is still in the release; the destination refuses us.
        Retry: the connection was lost.
    """
    way = way_to(site, label, destination)
    with site.catalogue.read() as connection:
        sent = [one for one in shipments_of_package(connection, way.package.id) if one.destination == destination]
        earlier = [one for one in sent if one.digest != way.package.digest]
        proved = {r.key: r for one in earlier for r in package_receipts(connection, one.id)}
        again = {r.key: r for one in sent if one not in earlier for r in package_receipts(connection, one.id)}
    if not earlier:
        return {"removed": 0, "locked": 0, "files": 0}
    job = begin(site.catalogue, site.challenge.id, way.job("withdraw", len(earlier)))
    if isinstance(job, dict):
        return job
    files, sums = _laid_out(way)
    if still := sorted({file.path for file in files.values() if file.path}.intersection(paths)):
        raise NeedsPerson(f"{still[0]} is still in {way.package.about}.", "make the release anew without it first.")
    held = {**proved, **again}  # again: what a killed attempt has sent
    kept, removed = _clear(site, way, held, {key for key in sums if key in held and held[key].sha256 == sums[key]})
    unchanged = {key for key, one in proved.items() if sums.get(key) == one.sha256}
    gone = [one for key, one in proved.items() if key not in unchanged]
    counts = {"removed": len(gone), "locked": sum(one.locked for one in removed), "files": 0}
    fresh: list[PackageReceipt] = []
    with job.progress() as connection:
        shipment = ensure_package_shipment(connection, way.package, destination)
        add_package_receipts(connection, shipment, [held[key] for key in kept])
    if any(one.done_at for one in earlier):
        fresh = send(site, way, job, shipment, [file for key, file in files.items() if key not in kept])
        with job.progress() as connection:
            add_package_receipts(connection, shipment, fresh)
        fresh += [again[key] for key in sorted(kept - unchanged) if key in again]
        fresh.append(send_manifest(site, way, shipment))
        counts["files"] = len(fresh)
    with job.finish(counts, [*leaves_of(gone), *leaves_of(fresh)]) as connection:
        require_same_digest(connection, way)
        add_package_receipts(connection, shipment, fresh)
        if fresh:
            close_package_shipment(connection, shipment)
        forget_package_receipts(connection, [one.id for one in earlier])
    return counts


def _laid_out(way: Way) -> tuple[dict[str, HostFile], dict[str, str]]:
    """Every file of a release at its destination, and its SHA-256 (hex), by key."""
    files, sums = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for file in way.layout.lay_out(way.release):
            files[way.key(file)] = file
            sums[way.key(file)] = item_of(way, file, Path(folder)).sha256
    return files, sums


def _clear(
    site: ChallengeSite, way: Way, held: Mapping[str, PackageReceipt], same: Set[str]
) -> tuple[Set[str], list[Removed]]:
    """Remove everything below the release's place at a destination but what is proved to be as it should, the manifest
    before all else: what has none is not complete. The keys that stay, and what came of the others.
    """
    place, manifest = way.destination.place, way.prefix + SUMS_NAME
    with open_destination(site.connect(place.connection), place.path) as destination:
        there = set(destination.list_keys(way.prefix))
        kept = (same & there) - {manifest}
        # What was put and never receipted has no row, and what was receipted may have versions that are not listed.
        gone = sorted((there | set(held)) - kept - {manifest})
        destination.abort_unfinished(prefix=way.prefix)
        removed = [*destination.remove([manifest]), *destination.remove(gone)]
        if left := sorted(set(destination.list_keys(way.prefix)) - kept):
            raise NeedsPerson(
                f"{way.destination.id} still holds {left[0]} after it was removed.",
                "find out what else writes there (a replication, a backup that restores), then clear the task.",
            )
    return kept, removed


def _require_fits(way: Way) -> None:
    wrong = [*exceeded(way.layout.lay_out(way.release), way.layout.limits), *way.layout.validate(way.release)]
    if wrong:
        raise NeedsPerson(
            f"{way.package.about} does not fit {way.destination.id}: {'; '.join(wrong)}. Nothing was sent.",
            "agree on it with the host, or choose another layout (release, destinations, layout).",
        )


def _pieces(way: Way) -> Iterator[list[HostFile]]:
    """The shards: a function of the release and its layout alone, so that each step cuts the same."""
    piece: list[HostFile] = []
    size = 0
    for file in way.layout.lay_out(way.release):
        if piece and (len(piece) >= SHIP_FILES or size + file.size > SHIP_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(file)
        size += file.size
    if piece:
        yield piece
