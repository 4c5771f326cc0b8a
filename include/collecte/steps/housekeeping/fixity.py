"""Do the disks still hold what was written? Copies in landing and curated, read again and compared by SHA-256.

Each night the walk goes on where the last one stopped, by the files' ids, for so many bytes; at the end it begins anew.
So each copy is read in its turn, also while more of them come: a sample drawn by chance could leave one out for years.
Where it stopped is an event of the challenge's chain: proof, too, of what was read when.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from collecte.catalogue import (
    DeliveryRow,
    FileRow,
    Moves,
    anchor,
    append,
    challenge_chain,
    deliveries_of,
    ensure_centre,
    record,
)
from collecte.catalogue.housekeeping import copies_after, found_damaged, last_counts
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.package import sha256_of
from collecte.records import State
from collecte.steps.housekeeping.done import Done
from collecte.steps.site import Site

#: Read each night for one centre: twenty centres are an hour of a disk's time at 300 MB/s.
NIGHT_BYTES = 50_000_000_000
_DAMAGED = "COPY-DAMAGED"


@dataclass(frozen=True)
class _Copy:
    """A copy of ours of one file: ``size`` in bytes."""

    file: FileRow
    zone: str
    path: Path
    sha256: str
    size: int

    @property
    def sound(self) -> bool:
        """Whether its bytes are there and are those on record."""
        try:
            return sha256_of(self.path) == self.sha256
        except OSError:
            return False


def fixity(site: Site, at: datetime, dry_run: bool = False, night_bytes: int = NIGHT_BYTES) -> Done:
    """Read the copies whose turn it is, and all that were found damaged before; nothing is ever overwritten.

    Raises:
        NeedsPerson: a copy is missing or differs; a finding names each, and it fails again each night until it is
            mended.
    """
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        deliveries = {row.id: row for row in deliveries_of(connection, centre_id)}
        known = found_damaged(connection, centre_id, _DAMAGED)
        last = last_counts(connection, site.challenge.id, "fixity", _name(site)).get("last_file", 0)
    before = {file.id for file in known}
    turn = _Turn(night_bytes)
    met: list[_Copy] = []
    for copy in _copies(site, deliveries, turn.take(_walk(site, centre_id, last))):
        turn.bytes += copy.size
        if not dry_run and copy.file.id not in before and not copy.sound:
            _require_mounted(site, copy)
            met.append(copy)
    counts = {"files": turn.files, "bytes": turn.bytes}
    if dry_run:
        return Done(counts)
    met += [copy for copy in _copies(site, deliveries, known) if not copy.sound]
    damaged = _unpurged(site, met)
    _record(site, deliveries, [copy for copy in damaged if copy.file.id not in before])
    if turn.files:
        with site.catalogue.transaction() as connection:
            told = {**counts, "damaged": len(damaged), "last_file": turn.last}
            append(connection, challenge_chain(site.challenge.id), "fixity", _name(site), 0, told)
    if damaged:
        raise _told(damaged)
    return Done(counts)


def _require_mounted(site: Site, copy: _Copy) -> None:
    """A disk that is not mounted damages no file.

    Raises:
        NeedsPerson: the copy's zone has no folder of the challenge.
    """
    root = site.landing if copy.zone == "landing" else site.curated
    if not (root / site.challenge.id).is_dir():
        raise NeedsPerson(
            f"The zone {copy.zone} holds nothing of {site.challenge.id}; no copy is recorded as damaged.",
            f"mount the disk of {copy.zone}, then clear the task.",
        )


def _name(site: Site) -> str:
    return f"{site.centre.id}/fixity"


def _walk(site: Site, centre_id: int, last: int) -> Iterator[FileRow]:
    while True:
        with site.catalogue.read() as connection:
            rows = copies_after(connection, centre_id, last)
        if not rows:
            return
        yield from rows
        last = rows[-1].id


@dataclass
class _Turn:
    """The files of a night, as many as go into ``night_bytes``, one at least: how many were taken, the bytes of their
    copies, and the id of the last; 0 where the next night begins with the first again.
    """

    night_bytes: int
    files: int = 0
    bytes: int = 0
    last: int = 0

    def take(self, files: Iterable[FileRow]) -> Iterator[FileRow]:
        """The files whose turn it is, one by one: a night's may be a million."""
        size = at = 0
        for file in files:
            size += file.size + (file.safe_size or 0)
            if self.files and size > self.night_bytes:
                self.last = at
                return
            self.files, at = self.files + 1, file.id
            yield file


def _copies(site: Site, deliveries: Mapping[int, DeliveryRow], files: Iterable[FileRow]) -> Iterator[_Copy]:
    for file in files:
        delivery = deliveries[file.delivery_id]
        if file.landing and file.sha256 and file.state is not State.EXPIRED:
            yield _Copy(file, "landing", site.received(delivery) / file.landing, file.sha256, file.size)
        if file.state is State.ACCEPTED and file.safe_sha256:
            path = site.batch(delivery) / str(file.name)
            yield _Copy(file, "curated", path, file.safe_sha256, file.safe_size or 0)


def _unpurged(site: Site, copies: Sequence[_Copy]) -> list[_Copy]:
    """Those that we still ought to have: a purge, or a correction, may have overtaken this look."""
    if not copies:
        return []
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        deliveries = {row.id: row for row in deliveries_of(connection, centre_id)}
        first = min(copy.file.id for copy in copies) - 1
    ids = {copy.file.id for copy in copies}
    last = max(ids)
    until = takewhile(lambda file: file.id <= last, _walk(site, centre_id, first))
    held = {(c.file.id, c.path) for c in _copies(site, deliveries, (file for file in until if file.id in ids))}
    return [copy for copy in copies if (copy.file.id, copy.path) in held]


def _record(site: Site, deliveries: Mapping[int, DeliveryRow], damaged: Sequence[_Copy]) -> None:
    """A finding for each damaged copy that is new, and an event for its delivery."""
    for delivery_id in sorted({copy.file.delivery_id for copy in damaged}):
        mine = [copy for copy in damaged if copy.file.delivery_id == delivery_id]
        label = deliveries[delivery_id].label
        with site.catalogue.transaction() as connection:
            moves = Moves(connection, delivery_id, label)
            moves.add_findings("fixity", [(c.file.id, Finding(_DAMAGED, values={"zone": c.zone})) for c in mine])
            record(moves, "fixity", f"{label}/fixity", 0, {"damaged": len(mine)})
            anchor(connection, site.challenge.id, delivery_id)


def _told(damaged: Sequence[_Copy]) -> NeedsPerson:
    named = ", ".join(f"{copy.file.label} in {copy.zone}" for copy in damaged[:10])
    more = ", …" if len(damaged) > 10 else ""
    return NeedsPerson(
        f"{len(damaged)} copies are missing or no longer have the SHA-256 on record: {named}{more}.",
        "check the disk; put each copy back from the zone's backup (of curated, the HDH holds the same bytes), then "
        "clear the task: it reads these again. Nothing was overwritten.",
    )
