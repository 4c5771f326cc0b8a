"""Landing → curated: what nothing refuses enters the batch, object by object. No other step writes to curated."""

import shutil
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Lease,
    Moves,
    anchor,
    deliveries_of,
    files_like,
    files_of_delivery,
)
from collecte.errors import Bug
from collecte.receive import Candidate, corrections, object_held_back, of_older
from collecte.records import State
from collecte.steps.moving import quarantine, whole_lease, working
from collecte.steps.site import Site
from collecte.zones import place


def accept(site: Site, label: str) -> dict[str, int]:
    """Settle corrections, hold back objects with a refused file, and write the rest to curated.

    Raises:
        Bug: a file is neither refused nor made safe; nothing is accepted.
    """
    delivery, lease = whole_lease(site, label, "accept")
    counts = lease if isinstance(lease, dict) else _accept(site, delivery, lease)
    with site.catalogue.transaction() as connection:
        anchor(connection, site.challenge.id, delivery.id)
    shutil.rmtree(site.received(delivery) / "safe", ignore_errors=True)
    return counts


def _accept(site: Site, delivery: DeliveryRow, lease: Lease) -> dict[str, int]:
    with site.catalogue.read() as connection:
        files = files_of_delivery(connection, delivery.id)
        settled = corrections(_candidates(connection, delivery, files))
    waiting = [file for file in files if file.state is State.WAITING]
    if unsafe := [file.label for file in waiting if not file.safe_sha256]:
        raise Bug(f"{len(unsafe)} files of {delivery.label} are neither refused nor safe, the first {unsafe[0]}.")
    corrected = {correction.older: correction.newer for correction in settled}
    going = [file for file in waiting if file.id not in corrected]
    held = _held_back(site, files, going)
    accepted = [file for file in going if file.id not in held]
    with working(lease):
        for file in accepted:
            safe = site.received(delivery) / "safe" / f"f{file.id}"
            place(safe, site.batch(delivery) / str(file.name), str(file.safe_sha256))
    counts = {"accepted": len(accepted), "held_back": len(held), "superseded": len(corrected)}
    with lease.finish(counts) as moves:
        _record(moves, accepted, held, corrected)
    return counts


def _candidates(connection: Connection, delivery: DeliveryRow, files: Sequence[FileRow]) -> list[Candidate]:
    """This delivery's files, and those of the centre's earlier ones that they could correct."""
    numbers = {row.id: row for row in deliveries_of(connection, delivery.centre_id)}
    mine = [file for file in files if file.state in (State.WAITING, State.QUARANTINED)]
    earlier = files_like(connection, delivery.centre_id, delivery.id, mine)
    mtimes = {file.id: file.mtime for file in files}
    return [
        Candidate(
            file.id,
            numbers[file.delivery_id].number,
            numbers[file.delivery_id].folder_digest,
            file.path_digest,
            file.logical_digest,
            mtimes.get(file.origin_id or file.id, file.mtime),
            tuple((file.replaces or "").split()),
            file.state in (State.WAITING, State.ACCEPTED),
        )
        for file in (*earlier, *mine)
    ]


def _held_back(site: Site, files: Sequence[FileRow], going: Sequence[FileRow]) -> set[int]:
    """The ids of files whose object has a refused file, where the challenge holds objects back."""
    if site.challenge.refused_file == "holds_itself":
        return set()
    broken = {file.object_id for file in files if file.state is State.QUARANTINED and file.object_id}
    return {file.id for file in going if file.object_id in broken}


def _record(
    moves: Moves,
    accepted: Sequence[FileRow],
    held: set[int],
    corrected: Mapping[int, int],
) -> None:
    quarantine(moves, "accept", [(file_id, [object_held_back()]) for file_id in sorted(held)])
    moves.add_findings("accept", [(older, of_older(State.SUPERSEDED)) for older in sorted(corrected)])
    moves.move(Change(older, State.SUPERSEDED, "FILE-SUPERSEDED", newer) for older, newer in corrected.items())
    moves.move(Change(file.id, State.ACCEPTED) for file in accepted)
    moves.delivery_state("accepted")
