"""Landing, after its time: removed, seen to be gone, and only then recorded as gone.

Two clocks of the challenge's ``retention`` run. ``landing_days`` after a delivery was shipped and proved, whatever of
it lies in landing goes, but for what is in quarantine. ``quarantine_days`` after a file was refused it is ``expired``,
and its bytes go under every name: its own, that of the archive it came in, those of its repetitions. The small picture
of a file that was held back for text in its pixels goes with it, or once it is no longer in quarantine.

Facts stay (the centres are compared by them), and so does the catalogue: hashes, findings, sealed identifiers. Killed
anywhere, the next night goes on: a file is expired before its bytes go, and its row names its place in landing until
they are seen to be gone.

What no row names in the folder of a delivery that was accepted (copies of dead attempts, scratch) goes at once. A
folder without an accepted delivery is left alone: a run may be writing there.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Moves,
    anchor,
    deliveries_of,
    ensure_centre,
    files_of_delivery,
    record,
)
from collecte.catalogue.housekeeping import expired_bytes, proved_at
from collecte.catalogue.quarantined import quarantined
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.records import State
from collecte.steps.housekeeping.done import Done
from collecte.steps.pixel_text import view_of
from collecte.steps.ship import HDH
from collecte.steps.site import Site
from collecte.zones import fsync_folder

#: Nothing of these is removed: a person is to look at them, or a step is working on them.
_KEPT = (State.QUARANTINED, State.WAITING)
#: These have no bytes of their own: those of another file, or of the members that came out of them.
_REPEATING = (State.SUPERSEDED, State.DUPLICATE)
_FACTS = "facts"


def purge(site: Site, at: datetime, dry_run: bool = False) -> Done:
    """Remove from landing what has outlived its retention at one centre.

    ``files`` and their ``bytes`` (as received), of them ``expired`` out of quarantine; ``leftovers``: all that no row
    names.

    Raises:
        NeedsPerson: a file cannot be removed, or landing is not mounted; what is there stays on record.
    """
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        settled = [row for row in deliveries_of(connection, centre_id) if row.state in ("accepted", "shipped")]
    expiring = _expiring(site, centre_id, at)
    counts = Counter(expired=0, files=0, bytes=0, leftovers=0)
    for delivery in settled:
        ids = expiring.get(delivery.label, frozenset())
        counts["expired"] += len(ids) if dry_run else _expire(site, delivery, ids)
    for delivery in settled:
        counts.update(_purge(site, delivery, at, expiring.get(delivery.label, frozenset()), dry_run))
    return Done(dict(counts))


def _expiring(site: Site, centre_id: int, at: datetime) -> dict[str, frozenset[int]]:
    """The files whose days in quarantine are over, by delivery."""
    before = at - timedelta(days=site.challenge.retention.quarantine_days)
    with site.catalogue.read() as connection:
        over = [file for file in quarantined(connection, centre_id) if file.since <= before]
    return {label: frozenset(f.file_id for f in over if f.delivery == label) for label in {f.delivery for f in over}}


def _expire(site: Site, delivery: DeliveryRow, ids: Iterable[int]) -> int:
    """Move files out of quarantine for good; from here on nobody can have them judged anew. How many."""
    if not ids:
        return 0
    finding = Finding("FILE-EXPIRED", values={"days": site.challenge.retention.quarantine_days})
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)
        there = files_of_delivery(connection, delivery.id, State.QUARANTINED)
        going = [file.id for file in there if file.id in ids]
        if going:
            moves = Moves(connection, delivery.id, delivery.label)
            moves.add_findings("purge", [(file_id, finding) for file_id in going])
            moves.move(Change(file_id, State.EXPIRED, finding.code) for file_id in going)
            record(moves, "expire", f"{delivery.label}/expire", 0, {"files": len(going)})
            anchor(connection, site.challenge.id, delivery.id)
    return len(going)


def _purge(site: Site, delivery: DeliveryRow, at: datetime, expiring: frozenset[int], dry_run: bool) -> dict[str, int]:
    with site.catalogue.read() as connection:
        files = files_of_delivery(connection, delivery.id)
        over = expired_bytes(connection, delivery.centre_id)
        proved = proved_at(connection, delivery.id, HDH) if delivery.state == "shipped" else None
    whole = proved is not None and proved + timedelta(days=site.challenge.retention.landing_days) <= at
    due = _due(files, over, expiring, whole)
    folder = site.received(delivery)
    named = {folder / file.landing for file in files if file.landing}
    named |= {view_of(folder, f.id) for f in files if f.state is State.QUARANTINED and f.id not in expiring}
    leftovers = [path for path in _below(folder) if path not in named]
    counts = {"files": len(due), "bytes": sum(file.size for file in due), "leftovers": len(leftovers)}
    if dry_run or not (due or leftovers):
        return counts
    _require_there(delivery, folder, due)
    places = [folder / str(file.landing) for file in due]
    absent = sum(not path.exists() for path in places)
    _remove(delivery, folder, [*places, *leftovers])
    _record(site, delivery, due, {**counts, "already_gone": absent})
    return counts


def _require_there(delivery: DeliveryRow, folder: Path, due: Sequence[FileRow]) -> None:
    """On a disk that is not mounted nothing lies, and nothing of it is gone. A delivery's own folder is never removed.

    Raises:
        NeedsPerson: the folder is not there, and files are on record in it.
    """
    if due and not folder.is_dir():
        raise NeedsPerson(
            f"Landing has no folder of {delivery.label}, where {len(due)} files are on record; they stay so.",
            "mount the disk of landing, then clear the task. Where somebody removed the folder, make an empty one.",
        )


def _due(files: Sequence[FileRow], over: frozenset[str], expiring: frozenset[int], whole: bool) -> list[FileRow]:
    """The files of a delivery that go from landing. ``whole``: its own days are over; ``over``: bytes that expired."""
    gone = {file.id for file in files if file.state is State.EXPIRED} | expiring
    holders: set[int] = set()
    for file in reversed(files):  # an archive has a lower id than what came out of it
        if file.origin_id is not None and (file.id in gone or file.id in holders or file.sha256 in over):
            holders.add(file.origin_id)

    def is_due(file: FileRow) -> bool:
        if file.id in gone:
            return True
        if file.state in _KEPT:
            return False
        return whole or (file.state in _REPEATING and (file.id in holders or file.sha256 in over))

    return [file for file in files if file.landing and is_due(file)]


def _below(folder: Path) -> Iterator[Path]:
    """Every file of a delivery's folder in landing, but for its facts; links are not followed."""
    for parent, folders, names in os.walk(folder):
        if Path(parent) == folder and _FACTS in folders:
            folders.remove(_FACTS)
        yield from (Path(parent, name) for name in names)
        yield from (Path(parent, name) for name in folders if Path(parent, name).is_symlink())


def _remove(delivery: DeliveryRow, folder: Path, paths: Sequence[Path]) -> None:
    """Remove files and the folders that they leave empty, bring that to the disk, and look whether they are gone.

    Raises:
        NeedsPerson: one is not.
    """
    try:
        for path in paths:
            path.unlink(missing_ok=True)
        for parent, _, _ in os.walk(folder, topdown=False):
            here = Path(parent)
            if here not in (folder, folder / _FACTS) and not any(here.iterdir()):
                here.rmdir()
        for here in {path.parent for path in paths if path.parent.is_dir()}:
            fsync_folder(here)
        left = sum(os.path.lexists(path) for path in paths)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise NeedsPerson(
            f"A file of {delivery.label} cannot be removed from landing ({name}); it stays on record.",
            "check that the user that runs Collecte may write in landing, then clear the task: it goes on.",
        ) from None
    if left:
        raise NeedsPerson(
            f"{left} files of {delivery.label} were removed from landing and are there again.",
            "find out what else writes in landing (a mirror, a backup that restores), then clear the task.",
        )


def _record(site: Site, delivery: DeliveryRow, due: Iterable[FileRow], counts: dict[str, int]) -> None:
    """The event that proves it: counts, bytes, and a salted leaf for each row. Once, also where two nights overlap."""
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)
        places = {file.id: file.landing for file in files_of_delivery(connection, delivery.id)}
        going = [file for file in due if places[file.id] == file.landing]
        moves = Moves(connection, delivery.id, delivery.label)
        # The SHA-256 with it, though it stays the same: a row whose SHA-256 is set enters the event.
        moves.set_files({"id": f.id, "sha256": f.sha256, "landing": None} for f in going if f.sha256)
        moves.set_files({"id": f.id, "landing": None} for f in going if not f.sha256)
        if going or counts["leftovers"]:
            counts |= {"files": len(going), "bytes": sum(file.size for file in going)}
            record(moves, "purge", f"{delivery.label}/purge", 0, counts)
            anchor(connection, site.challenge.id, delivery.id)
