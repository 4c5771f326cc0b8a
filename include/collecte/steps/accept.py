"""Landing → curated: what nothing refuses enters the batch, object by object. No other step writes to curated."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Lease,
    Moves,
    anchor,
    archives_of,
    deliveries_of,
    ensure_centre,
    files_in_packages,
    files_like,
    open_again,
    pages_of_delivery,
    shared_digests,
    subjects_of_files,
    superseded_by,
)
from collecte.catalogue.figures import files_by_id
from collecte.catalogue.recalled import drop_subject, unfiled_subjects
from collecte.catalogue.recalls import refused_digests
from collecte.errors import Bug, NeedsPerson, Retry
from collecte.receive import (
    Candidate,
    Correction,
    after_release,
    contested,
    corrections,
    object_held_back,
    of_two_subjects,
)
from collecte.records import State
from collecte.steps.challenge_site import facts_folder
from collecte.steps.make_safe import is_sound, scan_folder
from collecte.steps.moving import quarantine, whole_lease, working
from collecte.steps.recall_disk import remove_paths
from collecte.steps.refusal import recalled, subject_digest, turn_away
from collecte.steps.site import Site
from collecte.zones import place


def accept(site: Site, label: str) -> dict[str, int]:
    """Settle corrections, hold back objects with a refused file, and write the rest to curated.

    Raises:
        Bug: a file is neither refused nor made safe; nothing is accepted.
        NeedsPerson: a safe copy is no longer what was made and scanned; nothing is accepted.
    """
    delivery, lease = whole_lease(site, label, "accept")
    counts = lease if isinstance(lease, dict) else _accept(site, delivery, lease)
    with site.catalogue.transaction() as connection:
        anchor(connection, site.challenge.id, delivery.id)
        corrected = superseded_by(connection, delivery.id)
    _drop_facts(site, corrected)
    for scratch in (site.received(delivery) / "safe", scan_folder(site, delivery)):
        shutil.rmtree(scratch, ignore_errors=True)
    return counts


@dataclass(frozen=True)
class _Verdict:
    """What becomes of the files of a delivery. ``corrected``: the files that give way, here or in another delivery of
    the centre, by their ids. ``contested``: the ids of files that are, by their identity, a file of another subject.
    ``held``: of those held back with their object. ``refused``: of those whose subject was recalled since they were
    harvested. All others that wait are accepted: ``accepted`` is a digest over them.
    """

    held: frozenset[int]
    contested: frozenset[int]
    corrected: Mapping[int, Correction]
    refused: frozenset[int]
    accepted: str = ""

    def accepts(self, file: FileRow) -> bool:
        """Whether a waiting file is accepted."""
        return not any(file.id in out for out in (self.corrected, self.contested, self.held, self.refused))


def _accept(site: Site, delivery: DeliveryRow, lease: Lease) -> dict[str, int]:
    with site.catalogue.read() as connection:
        verdict = _judge(site, connection, delivery)
        with working(lease):
            accepted = _place(site, connection, delivery, lease, verdict)
            _place_facts(site, connection, delivery, verdict)
    counts = {"accepted": accepted, "held_back": len(verdict.held), "superseded": len(verdict.corrected)}
    if verdict.contested:
        counts["contested"] = len(verdict.contested)
    if verdict.refused:
        counts["refused"] = len(verdict.refused)
    with lease.finish(counts) as moves:
        ensure_centre(moves.connection, site.challenge.id, site.centre.id)
        if _judge(site, moves.connection, delivery) != verdict:
            # Both of two deliveries that correct each other would be accepted.
            raise Retry(f"Another delivery of the centre was accepted at the same moment as {delivery.label}.")
        gone = _record(moves, delivery, verdict)
        _forget_refused(site, moves, delivery)
    # An attempt that was overtaken by the recall may have placed them.
    remove_paths(site.received(delivery) / file.landing for file in gone if file.landing)
    remove_paths(site.batch(delivery) / file.name for file in gone if file.name)
    return counts


def _accepted(connection: Connection, delivery: DeliveryRow, verdict: _Verdict) -> Iterator[list[FileRow]]:
    """The files that are accepted, a page at a time."""
    for page in pages_of_delivery(connection, delivery.id, State.WAITING):
        yield [file for file in page if verdict.accepts(file)]


def _place(site: Site, connection: Connection, delivery: DeliveryRow, lease: Lease, verdict: _Verdict) -> int:
    """Write the batch; how many files it has. Each safe copy is read before the first is placed.

    Raises:
        Bug: a file is neither refused nor made safe.
        NeedsPerson: a safe copy is no longer what was made and scanned.
    """
    accepted = 0
    damaged: list[int] = []
    safe = site.received(delivery) / "safe"
    for page in _accepted(connection, delivery, verdict):
        if unsafe := [file.label for file in page if not file.safe_sha256]:
            raise Bug(f"Files of {delivery.label} are neither refused nor safe, such as {unsafe[0]}.")
        damaged += [file.id for file in page if not is_sound(safe, file)]
        accepted += len(page)
    if damaged:
        with lease.progress() as moves:
            open_again(moves, "make_safe", damaged)
        raise NeedsPerson(
            f"{len(damaged)} safe copies of {delivery.label} are no longer what was made, such as f{damaged[0]}'s.",
            "check the disk of landing, then clear make_safe with all that comes after it (without Airflow: run the "
            "centre again): it makes these anew.",
        )
    for page in _accepted(connection, delivery, verdict):
        for file in page:
            place(safe / f"f{file.id}", site.batch(delivery) / str(file.name), str(file.safe_sha256))
    return accepted


def _place_facts(site: Site, connection: Connection, delivery: DeliveryRow, verdict: _Verdict) -> None:
    """Write the facts of what is accepted, shard by shard."""
    from collecte.facts import keep_facts  # pandas and Arrow, which the tasks of other steps need not load

    def kept(file_ids: Sequence[int]) -> list[int]:
        rows = files_by_id(connection, file_ids).values()
        return [row.id for row in rows if row.state is State.WAITING and verdict.accepts(row)]

    folder = _facts(site, delivery.label)
    for shard in sorted((site.received(delivery) / "facts").glob("*.parquet")):
        folder.mkdir(parents=True, exist_ok=True)
        keep_facts(shard, folder / shard.name, kept)


def _drop_facts(site: Site, corrected: Mapping[str, Sequence[int]]) -> None:
    """Take the facts of files that gave way out of older deliveries. What is done twice changes nothing."""
    from collecte.facts import drop_facts

    for label, file_ids in corrected.items():
        drop_facts(_facts(site, label), file_ids)


def _facts(site: Site, label: str) -> Path:
    return facts_folder(site.curated, site.challenge.id, site.centre.id, label)


def _judge(site: Site, connection: Connection, delivery: DeliveryRow) -> _Verdict:
    """Settle corrections, refuse what is contested and hold back objects.

    What is contested or held back is not accepted, so that nothing may give way to it; and a refused file that gave way
    to its correction holds nothing back. Each round can only take out more: it ends.
    """
    refused = _refused(site, connection, delivery)
    candidates = [file for file in _candidates(connection, delivery) if file.file_id not in refused]
    mine = {file.file_id for file in candidates if file.delivery == delivery.number}  # another's are its own to refuse
    verdict = _Verdict(frozenset(), frozenset(), {}, refused)
    while True:
        out = verdict.held | verdict.contested
        judged = [replace(file, acceptable=file.acceptable and file.file_id not in out) for file in candidates]
        corrected = {correction.older: correction for correction in corrections(judged)}
        rivals = contested(file for file in judged if file.file_id not in corrected)
        found = replace(verdict, corrected=corrected, contested=verdict.contested | (rivals & mine))
        found = replace(found, held=found.held | _held_back(site, connection, delivery, found))
        if found == verdict:
            return replace(verdict, accepted=_digest(connection, delivery, verdict))
        verdict = found


def _digest(connection: Connection, delivery: DeliveryRow, verdict: _Verdict) -> str:
    total = sha256()
    for page in _accepted(connection, delivery, verdict):
        total.update("".join(f"{file.id} {file.safe_sha256} {file.name}\n" for file in page).encode())
    return total.hexdigest()


def _candidates(connection: Connection, delivery: DeliveryRow) -> list[Candidate]:
    """This delivery's files, and those of the centre's other ones that they could correct, or be corrected by: of
    files that share a path or an identity with no other, none.
    """
    numbers = {row.id: row for row in deliveries_of(connection, delivery.centre_id)}
    others: dict[int, FileRow] = {}
    for page in pages_of_delivery(connection, delivery.id, *_JUDGED):
        others |= {row.id: row for row in files_like(connection, delivery.centre_id, delivery.id, page)}
    mine = _concerned(connection, delivery, others.values())
    archives = {row.id: row.mtime for row in archives_of(connection, mine)}
    subjects = subjects_of_files(connection, [*others, *(file.id for file in mine)])
    return [
        Candidate(
            file.id,
            numbers[file.delivery_id].number,
            numbers[file.delivery_id].folder_digest,
            file.path_digest,
            file.logical_digest,
            archives.get(file.origin_id or 0, file.mtime),
            tuple((file.replaces or "").split()),
            file.state in (State.WAITING, State.ACCEPTED),
            subjects.get(file.id, ()),
            file.state is State.ACCEPTED,
        )
        for file in (*(others[file_id] for file_id in sorted(others)), *mine)
    ]


#: Whose files may correct or be corrected.
_JUDGED = (State.WAITING, State.QUARANTINED)


def _concerned(connection: Connection, delivery: DeliveryRow, others: Iterable[FileRow]) -> list[FileRow]:
    """The files of this delivery that a correction may concern."""
    shared = set(shared_digests(connection, delivery.id, *_JUDGED))
    shared |= {digest for row in others for digest in _digests(row)}
    for page in pages_of_delivery(connection, delivery.id, *_JUDGED):
        shared |= {digest for row in page for digest in (row.replaces or "").split()}
    return [
        row
        for page in pages_of_delivery(connection, delivery.id, *_JUDGED)
        for row in page
        if row.replaces or not shared.isdisjoint(_digests(row))
    ]


def _digests(row: FileRow) -> list[str]:
    return [row.path_digest, *([row.logical_digest] if row.logical_digest else []), *(row.replaces or "").split()]


def _held_back(site: Site, connection: Connection, delivery: DeliveryRow, verdict: _Verdict) -> frozenset[int]:
    """The ids of files whose object has a refused file, where the challenge holds objects back."""
    if site.challenge.refused_file == "holds_itself":
        return frozenset()
    broken = {
        file.object_id
        for page in pages_of_delivery(connection, delivery.id, State.QUARANTINED)
        for file in page
        if file.object_id and file.id not in verdict.corrected
    }
    contested_rows = files_by_id(connection, sorted(verdict.contested)).values()
    broken |= {row.object_id for row in contested_rows if row.object_id}
    return frozenset(
        file.id
        for page in pages_of_delivery(connection, delivery.id, State.WAITING)
        for file in page
        if file.object_id in broken and (file.id in verdict.held or verdict.accepts(file))
    )


def _refused(site: Site, connection: Connection, delivery: DeliveryRow) -> frozenset[int]:
    """The ids of waiting files that a recall took back since they were harvested."""
    refused = refused_digests(connection, site.challenge.id)
    found: set[int] = set()
    for page in pages_of_delivery(connection, delivery.id, State.WAITING) if refused else ():
        subjects = subjects_of_files(connection, [file.id for file in page])
        found |= {file.id for file in recalled(site.keys, refused, page, subjects)}
    return frozenset(found)


def _forget_refused(site: Site, moves: Moves, delivery: DeliveryRow) -> None:
    """Forget what was sealed of somebody who is refused and of whom there is no file: the scan of the delivery was its
    last use.
    """
    refused = refused_digests(moves.connection, site.challenge.id)
    for subject_id, pseudonym in unfiled_subjects(moves.connection, delivery.id).items() if refused else ():
        if subject_digest(site.keys, pseudonym) in refused:
            drop_subject(moves.connection, subject_id, delivery.id)


def _record(moves: Moves, delivery: DeliveryRow, verdict: _Verdict) -> list[FileRow]:
    """Move every file to where it belongs; those that a recall took back."""
    gone = [
        file
        for page in (pages_of_delivery(moves.connection, delivery.id, State.WAITING) if verdict.refused else ())
        for file in page
        if file.id in verdict.refused
    ]
    turn_away(moves, "accept", gone)
    quarantine(moves, "accept", [(file_id, [of_two_subjects()]) for file_id in sorted(verdict.contested)])
    quarantine(moves, "accept", [(file_id, [object_held_back()]) for file_id in sorted(verdict.held)])
    corrected = verdict.corrected
    said = {older: correction.finding() for older, correction in corrected.items()}
    moves.add_findings("accept", said.items())
    moves.add_findings("accept", [(older, after_release()) for older in files_in_packages(moves.connection, corrected)])
    moves.move(Change(older, State.SUPERSEDED, said[older].code, corrected[older].newer) for older in corrected)
    for page in _accepted(moves.connection, delivery, verdict):
        moves.move(Change(file.id, State.ACCEPTED) for file in page)
    moves.delivery_state("accepted")
    return gone
