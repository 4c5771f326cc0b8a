"""What several steps do alike: leases, paths, and what happens to a file that findings refuse."""

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from collecte.catalogue import Change, DeliveryRow, FileRow, Lease, Moves, ShardName, open_path, plan, take, whole
from collecte.errors import CollecteError, NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import State
from collecte.steps.site import Site


def lease_of(site: Site, shard: str) -> tuple[DeliveryRow, Lease | dict[str, int]]:
    """The delivery of a shard, and its lease; or, where the shard is done already, its counts."""
    name = ShardName.parse(shard)
    delivery = site.delivery(name.delivery)
    return delivery, take(site.catalogue, delivery.id, name.step, name.number)


def whole_lease(site: Site, label: str, step: str) -> tuple[DeliveryRow, Lease | dict[str, int]]:
    """The same for a step that is one piece of work for the whole delivery."""
    delivery = site.delivery(label)
    with site.catalogue.transaction() as connection:
        plan(connection, delivery.id, step, [whole([])])
    return delivery, take(site.catalogue, delivery.id, step, 1)


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
