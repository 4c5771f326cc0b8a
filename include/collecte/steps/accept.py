"""Landing → curated: what nothing refuses enters the batch, object by object. No other step writes to curated."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Lease,
    Moves,
    anchor,
    deliveries_of,
    ensure_centre,
    files_like,
    files_of_delivery,
)
from collecte.errors import Bug, Retry
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


@dataclass(frozen=True)
class _Verdict:
    """What becomes of the files of a delivery. ``corrected``: the ids of files that give way, here or in another
    delivery of the centre, with the id of what takes their place. ``held``: the ids of files held back with their
    object.
    """

    accepted: tuple[FileRow, ...]
    held: frozenset[int]
    corrected: Mapping[int, int]


def _accept(site: Site, delivery: DeliveryRow, lease: Lease) -> dict[str, int]:
    with site.catalogue.read() as connection:
        verdict = _judge(site, connection, delivery)
    if unsafe := [file.label for file in verdict.accepted if not file.safe_sha256]:
        raise Bug(f"{len(unsafe)} files of {delivery.label} are neither refused nor safe, the first {unsafe[0]}.")
    with working(lease):
        for file in verdict.accepted:
            safe = site.received(delivery) / "safe" / f"f{file.id}"
            place(safe, site.batch(delivery) / str(file.name), str(file.safe_sha256))
    counts = {
        "accepted": len(verdict.accepted),
        "held_back": len(verdict.held),
        "superseded": len(verdict.corrected),
    }
    with lease.finish(counts) as moves:
        ensure_centre(moves.connection, site.challenge.id, site.centre.id)
        if _judge(site, moves.connection, delivery) != verdict:
            # Both of two deliveries that correct each other would be accepted.
            raise Retry(f"Another delivery of the centre was accepted at the same moment as {delivery.label}.")
        _record(moves, verdict)
    return counts


def _judge(site: Site, connection: Connection, delivery: DeliveryRow) -> _Verdict:
    """Settle corrections and hold back objects.

    What is held back is not accepted, so that nothing may give way to it; and a refused file that gave way to its
    correction holds nothing back. Each round can only hold back more: it ends.
    """
    files = files_of_delivery(connection, delivery.id)
    candidates = _candidates(connection, delivery, files)
    held: frozenset[int] = frozenset()
    while True:
        settled = corrections(
            replace(candidate, acceptable=candidate.acceptable and candidate.file_id not in held)
            for candidate in candidates
        )
        corrected = {correction.older: correction.newer for correction in settled}
        going = [file for file in files if file.state is State.WAITING and file.id not in corrected]
        found = held | _held_back(site, files, going, corrected)
        if found == held:
            return _Verdict(tuple(file for file in going if file.id not in held), held, corrected)
        held = found


def _candidates(connection: Connection, delivery: DeliveryRow, files: Sequence[FileRow]) -> list[Candidate]:
    """This delivery's files, and those of the centre's other ones that they could correct, or be corrected by."""
    numbers = {row.id: row for row in deliveries_of(connection, delivery.centre_id)}
    mine = [file for file in files if file.state in (State.WAITING, State.QUARANTINED)]
    others = files_like(connection, delivery.centre_id, delivery.id, mine)
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
        for file in (*others, *mine)
    ]


def _held_back(
    site: Site, files: Sequence[FileRow], going: Sequence[FileRow], corrected: Mapping[int, int]
) -> frozenset[int]:
    """The ids of files whose object has a refused file, where the challenge holds objects back."""
    if site.challenge.refused_file == "holds_itself":
        return frozenset()
    refused = [file for file in files if file.state is State.QUARANTINED and file.id not in corrected]
    broken = {file.object_id for file in refused if file.object_id}
    return frozenset(file.id for file in going if file.object_id in broken)


def _record(moves: Moves, verdict: _Verdict) -> None:
    quarantine(moves, "accept", [(file_id, [object_held_back()]) for file_id in sorted(verdict.held)])
    corrected = verdict.corrected
    moves.add_findings("accept", [(older, of_older(State.SUPERSEDED)) for older in sorted(corrected)])
    moves.move(Change(older, State.SUPERSEDED, "FILE-SUPERSEDED", newer) for older, newer in corrected.items())
    moves.move(Change(file.id, State.ACCEPTED) for file in verdict.accepted)
    moves.delivery_state("accepted")
