"""What several steps do alike: leases, paths, and what happens to a file that findings refuse."""

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Lease,
    Moves,
    ShardName,
    open_path,
    plan,
    planned,
    take,
    whole,
)
from collecte.errors import CollecteError, NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.package import sha256_of
from collecte.records import State
from collecte.steps.site import Site

#: What must be done, every shard of it, before a step begins.
BEFORE = {
    "unpack": "receive",
    "harvest": "unpack",
    "group": "harvest",
    "make_safe": "group",
    "describe": "make_safe",
    "validate": "describe",
    "accept": "validate",
    "empty_drop": "accept",
    "feedback": "accept",
    "mail_coordinator": "accept",
    "mail_centre": "accept",
    "ship": "accept",
    "commit": "ship",
}
#: The steps that are cut by files, and into no shard where there is none.
CUT = frozenset({"harvest", "make_safe", "describe", "ship"})


def lease_of(site: Site, shard: str) -> tuple[DeliveryRow, Lease | dict[str, int]]:
    """The delivery of a shard, and its lease; or, where the shard is done already, its counts.

    Raises:
        NeedsPerson: the step before is not done.
    """
    name = ShardName.parse(shard)
    delivery = site.delivery(name.delivery)
    _require_before(site, delivery, name.step)
    return delivery, take(site.catalogue, delivery.id, name.step, name.number)


def whole_lease(site: Site, label: str, step: str) -> tuple[DeliveryRow, Lease | dict[str, int]]:
    """The same for a step that is one piece of work for the whole delivery."""
    delivery = site.delivery(label)
    _require_before(site, delivery, step)
    with site.catalogue.transaction() as connection:
        plan(connection, delivery.id, step, [whole([])])
    return delivery, take(site.catalogue, delivery.id, step, 1)


def _require_before(site: Site, delivery: DeliveryRow, step: str) -> None:
    """Hold a step back whose predecessor was left out, or only marked as done where somebody could press that."""
    before = BEFORE.get(step)
    with site.catalogue.read() as connection:
        while before:
            shards = planned(connection, delivery.id, before)
            undone = planned(connection, delivery.id, before, unfinished=True)
            if undone or (not shards and before not in CUT):
                raise NeedsPerson(
                    f"{delivery.label} cannot go through {step}: {before} was left out, {len(undone)} shards of it.",
                    f"clear {before} and what comes after it; marking a task as success does not do its work.",
                )
            # What had nothing to do has no shards; then the step that cut it counts.
            before = None if shards else BEFORE.get(before)


def require_as_received(path: Path, file: FileRow) -> None:
    """Read a file in landing against its SHA-256 on record, before anything is made of it.

    Raises:
        NeedsPerson: its bytes are others than were received.
    """
    require_received(sha256_of(path), file)


def require_received(sha256: str, file: FileRow) -> None:
    """Hold what was read of a file in landing against its SHA-256 on record, before anything is kept of it.

    Raises:
        NeedsPerson: its bytes are others than were received.
    """
    if sha256 != file.sha256:
        raise NeedsPerson(
            f"{file.label} in landing no longer has the bytes that were received.",
            "check the disk of landing, put the file back from the backup, then clear the task.",
        )


@contextmanager
def working(lease: Lease) -> Iterator[None]:
    """The work of an attempt. What stops it is first held against the lease: an orphan's files may be gone.

    Raises:
        LeaseLost: a newer attempt began; whatever else went wrong is of no interest then.
        NeedsPerson: a disk of ours is full or refuses. The paths are not named: they lie in landing.
    """
    try:
        yield
    except CollecteError:
        lease.check()
        raise
    except OSError as error:
        lease.check()
        raise _of_disk(lease, error) from None


def _of_disk(lease: Lease, error: OSError) -> NeedsPerson:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NeedsPerson(
            f"The disk of landing or curated is full; {lease.shard} stopped.",
            "make room (housekeeping purges what was shipped), then clear the task.",
        )
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return NeedsPerson(
        f"The operating system refused a file of landing or curated ({name}); {lease.shard} stopped.",
        "check that both zones are mounted and that the user that runs Collecte may write there, then clear the task.",
    )


def paths_of(keys: Keys, files: Iterable[FileRow], archives: Iterable[FileRow] = ()) -> Mapping[int, str]:
    """The path in the drop of each file, by id; of a member ``<archive>!/<path inside>``. IDENTIFYING.

    ``archives`` must hold the archives of all members among ``files``, unless these do themselves.
    """
    wanted = list(files)
    rows = {row.id: row for row in (*archives, *wanted)}

    def path(row: FileRow) -> str:
        own = open_path(keys, row)
        return own if row.origin_id is None else f"{path(rows[row.origin_id])}!/{own}"

    return {row.id: path(row) for row in wanted}


def quarantine(moves: Moves, step: str, judged: Iterable[tuple[int, Sequence[Finding]]]) -> int:
    """Record each file's findings; a file with a refusing one goes to quarantine, the first such finding being the
    reason.

    How many went.
    """
    findings: list[tuple[int | None, Finding]] = []
    changes = []
    for file_id, found in judged:
        findings += [(file_id, finding) for finding in found]
        reason = next((finding.code for finding in found if finding.refuses), None)
        if reason:
            changes.append(Change(file_id, State.QUARANTINED, reason))
    moves.add_findings(step, findings)
    moves.move(changes)
    return len(changes)
