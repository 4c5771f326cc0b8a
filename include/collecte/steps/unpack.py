"""Inside landing: archives become their members, bytes seen before are duplicates; the rest is cut into shards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Moves,
    NewFile,
    ShardRef,
    cut_in_order,
    first_with_sha256,
    pages_of_delivery,
    plan,
    planned,
    sizes_of_delivery,
)
from collecte.findings import Finding, refused
from collecte.receive import Member, SameBytes, Unpacked, archive_kind, same_bytes
from collecte.receive import unpack as unpack_archive
from collecte.records import State
from collecte.steps.find import ADMINISTRATIVE
from collecte.steps.moving import quarantine, require_as_received, whole_lease, working
from collecte.steps.site import Site

#: A shard of harvesting reads headers only.
HARVEST_BYTES, HARVEST_FILES = 40_000_000_000, 10_000

#: In which states a file is harvested: the identifiers are those of the whole delivery.
HARVESTED = (State.WAITING, State.QUARANTINED, State.DUPLICATE)


def unpack(site: Site, labels: Sequence[str]) -> list[ShardRef]:
    """Unpack the archives of these deliveries, mark duplicates, and name the shards to harvest."""
    return [ref for label in labels for ref in _unpack(site, label)]


def _unpack(site: Site, label: str) -> list[ShardRef]:
    delivery, lease = whole_lease(site, label, "unpack")
    if not isinstance(lease, dict):
        with working(lease), site.catalogue.read() as connection:
            counts, opened = _open_archives(site, connection, delivery, lease.attempt)
        with lease.finish(counts) as moves:
            _record(site, delivery, moves, opened, counts)
            # What is refused, or repeats another file, identifies too, by its bytes and by its name. In this
            # transaction: an unpacked delivery without a shard to harvest has nothing to harvest.
            speaking = sizes_of_delivery(moves.connection, delivery.id, *HARVESTED)
            plan(moves.connection, delivery.id, "harvest", cut_in_order(speaking, HARVEST_BYTES, HARVEST_FILES))
    with site.catalogue.read() as connection:
        return planned(connection, delivery.id, "harvest")


Opened = Mapping[int, tuple[str, Unpacked]]


def _open_archives(
    site: Site, connection: Connection, delivery: DeliveryRow, attempt: int
) -> tuple[Counter[str], Opened]:
    """How many files there are; the archives among them by id: the folder of their members in landing (``x12.a1``),
    and what was in them.
    """
    received = site.received(delivery)
    opened = {}
    counts = Counter[str](files=0)
    for page in pages_of_delivery(connection, delivery.id, State.WAITING):
        counts["files"] += len(page)
        for file in page:
            source = received / str(file.landing)
            if file.kind != ADMINISTRATIVE and archive_kind(source):
                require_as_received(source, file)
                folder = f"x{file.id}.a{attempt}"
                (received / folder).mkdir(exist_ok=True)
                opened[file.id] = (folder, unpack_archive(source, received / folder, site.challenge.archives))
    counts.update(archives=len(opened), administrative=0)
    return counts, opened


def _record(site: Site, delivery: DeliveryRow, moves: Moves, opened: Opened, counts: Counter[str]) -> None:
    """Members, verdicts on archives, administrative files, duplicates: one transaction."""
    judged: list[tuple[int, Sequence[Finding]]] = []
    changes = []
    aside = set(opened)
    for archive_id, (folder, unpacked) in opened.items():
        judged.append((archive_id, unpacked.findings))
        if refused(unpacked.findings):
            continue
        changes.append(Change(archive_id, State.SUPERSEDED, "ARCHIVE-UNPACKED"))
        ids = _add_members(site, moves, archive_id, folder, unpacked.members)
        counts["members"] += len(ids)
        for member in unpacked.members:
            if member.findings:
                judged.append((ids[member.number], member.findings))
            if member.is_archive:
                changes.append(Change(ids[member.number], State.SUPERSEDED, "ARCHIVE-UNPACKED"))
            if member.is_archive or refused(member.findings):
                aside.add(ids[member.number])
    for page in pages_of_delivery(moves.connection, delivery.id, State.WAITING):
        _settle_page(site, delivery, moves, [file for file in page if file.id not in aside], counts)
    counts["quarantined"] += quarantine(moves, "unpack", judged)
    moves.move(changes)


def _settle_page(
    site: Site, delivery: DeliveryRow, moves: Moves, files: Sequence[FileRow], counts: Counter[str]
) -> None:
    """Administrative files, and those whose bytes were there before."""
    changes = [Change(f.id, State.REJECTED, "DELIVERY-ADMINISTRATIVE") for f in files if f.kind == ADMINISTRATIVE]
    counts["administrative"] += len(changes)
    judged = []
    # Every empty file has the same bytes: it is empty, and repeats none.
    bytes_of = {file.id: str(file.sha256) for file in files if file.kind != ADMINISTRATIVE and file.size}
    for file_id, first, same in _same_bytes(site, delivery, moves, bytes_of):
        judged.append((file_id, [same.finding] if same.finding else []))
        if same.becomes == "duplicate":
            reason = same.finding.code if same.finding else None
            changes.append(Change(file_id, State.DUPLICATE, reason, first))
            counts["duplicates"] += 1
    counts["quarantined"] += quarantine(moves, "unpack", judged)
    moves.move(changes)


def _add_members(
    site: Site, moves: Moves, archive_id: int, folder: str, members: Sequence[Member]
) -> Mapping[int, int]:
    """Register an archive's members and those of the archives in it: the file id of each, by its number."""
    ids: dict[int, int] = {}
    outer = [member for member in members if member.archive is None]
    inner = [member for member in members if member.archive is not None]
    for level in (outer, inner):
        new = [
            NewFile(
                member.path,
                member.size,
                origin=archive_id if member.archive is None else ids[member.archive],
                sha256=member.sha256 or None,
                landing=f"{folder}/{member.target.name}" if member.target else None,
            )
            for member in level
        ]
        ids |= zip((member.number for member in level), moves.add_files(site.keys, new), strict=True)
    return ids


def _same_bytes(
    site: Site, delivery: DeliveryRow, moves: Moves, bytes_of: Mapping[int, str]
) -> Iterator[tuple[int, int, SameBytes]]:
    """The files whose bytes were there before, with the id of the file that had them: here, at this centre, or at
    another."""
    shas = set(bytes_of.values())
    of_centre = first_with_sha256(moves.connection, site.challenge.id, shas, centre_id=delivery.centre_id)
    anywhere = first_with_sha256(moves.connection, site.challenge.id, shas)
    for file_id, sha256 in sorted(bytes_of.items()):
        seen = of_centre[sha256] if of_centre[sha256].file_id != file_id else anywhere[sha256]
        if seen.file_id != file_id:
            yield file_id, seen.file_id, same_bytes(seen.state, same_centre=seen.centre_id == delivery.centre_id)
