"""The quarantine looked at again by a person: listed, judged anew, or refused for good.

A file that is judged anew becomes a file of a **new delivery** of the same folder, with its bytes out of landing; the
old row gives way to it (``superseded``, pointing at the new one). Why not back into its own delivery: that one is
frozen. Its steps are done, its facts were judged as a whole, and its batch stands at the HDH under a manifest and
``SHA256SUMS`` that are written once. A new delivery is what a centre's own correction makes too, so that every step,
sum, receipt and event is one that there is already; the next run of the centre takes it up by itself.

What the old delivery knew goes with it: all its identifiers, so that the residual scan still looks for those of the
whole delivery. Left where they are: files that came wrong (the transfer is at fault, and no rule that was changed mends
it), files for which a later one has come, and, where the challenge holds objects back, parts of an object.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    DeliveryRow,
    FileRow,
    Moves,
    NewFile,
    anchor,
    deliveries_of,
    ensure_centre,
    files_like,
    files_of_delivery,
    findings_of,
    identifiers_of,
    open_folder,
    plan,
    record,
    register_delivery,
    whole,
)
from collecte.catalogue.quarantined import Quarantined, quarantined
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.records import State
from collecte.steps.moving import paths_of
from collecte.steps.site import Site
from collecte.zones import place

#: Why a person refuses a file for good, and how French says it. A closed list: free text could name a patient.
REASONS = {
    "consent": "consentement",
    "duplicate": "doublon",
    "out-of-scope": "hors-sujet",
    "test-data": "essai",
    "unusable": "inexploitable",
    "wrong-patient": "autre-patient",
}

#: What a login does not hold.
_NO_LOGIN = re.compile(r"[^A-Za-z0-9._@-]")

#: The steps that judge how a file came, not what it is.
_TRANSFER = frozenset({"find", "receive"})


@dataclass(frozen=True)
class Retried:
    """``files`` of the delivery ``old`` are judged anew as delivery ``new`` (None: none is). ``left``: how many are
    not, by why.
    """

    old: str
    new: str | None
    files: int
    left: Mapping[str, int]


def list_quarantine(site: Site, delivery: str | None = None) -> list[Quarantined]:
    """The files in quarantine, of a centre or of one delivery (``d0001``).

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    if delivery is not None:
        site.delivery(delivery)
    with site.catalogue.transaction() as connection:
        found = quarantined(connection, ensure_centre(connection, site.challenge.id, site.centre.id))
    return [file for file in found if delivery in (None, file.delivery)]


def retry_quarantine(
    site: Site, delivery: str | None = None, files: Collection[int] = (), by: str | None = None
) -> list[Retried]:
    """Have quarantined files judged anew: those of the given ids, all of one delivery, or all of the centre whose
    collection has ended. One new delivery for each old one; killed anywhere, it did all of that or nothing, and of two
    at once one does it.

    ``by``: who asked for it, for the event.

    Raises:
        NeedsPerson: there is no such delivery, its run has not ended, or a file is not in quarantine.
    """
    chosen = _chosen(site, delivery, files)
    going = _collecting(site, chosen)
    if going and (delivery or files):
        raise NeedsPerson(f"Delivery {going[0]} is still being collected.", "let its collect run end first.")
    return [
        Retried(label, None, 0, {"its run has not ended": len(ids)})
        if label in going
        else _retry(site, label, ids, _asked(by, len(ids)))
        for label, ids in chosen.items()
    ]


def reject_quarantine(
    site: Site, reason: str, delivery: str | None = None, files: Collection[int] = (), by: str | None = None
) -> int:
    """Refuse quarantined files for good, for one of :data:`REASONS`; ``by``: who decided it, for the event. How many;
    what somebody else decided at the same moment is left to them.

    Raises:
        NeedsPerson: as for :func:`retry_quarantine`, or the reason is none of the list.
    """
    if reason not in REASONS:
        raise NeedsPerson("This is no reason of the list.", f"give one of {', '.join(REASONS)}.")
    chosen = _chosen(site, delivery, files)
    if going := _collecting(site, chosen):
        raise NeedsPerson(f"Delivery {going[0]} is still being collected.", "let its collect run end first.")
    return sum(_reject(site, label, ids, reason, by) for label, ids in chosen.items())


def _reject(site: Site, label: str, ids: Collection[int], reason: str, by: str | None) -> int:
    row, finding = site.delivery(label), Finding("FILE-REJECTED", values={"reason": reason, "motif": REASONS[reason]})
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)  # held to the end: decisions come one by one
        there = [f.id for f in files_of_delivery(connection, row.id, State.QUARANTINED) if f.id in ids]
        if not there:
            return 0
        moves = Moves(connection, row.id, row.label)
        moves.add_findings("reject", [(file_id, finding) for file_id in there])
        moves.move(Change(file_id, State.REJECTED, finding.code) for file_id in there)
        counts = {"files": len(there), f"reason_{reason}": len(there), **_asked(by, len(there))}
        record(moves, "reject", row.label, 0, counts)
        anchor(connection, site.challenge.id, row.id)
    return len(there)


def _asked(by: str | None, files: int) -> dict[str, int]:
    """Who decided about how many files, as an event counts it: a login, never a patient."""
    return {f"by_{_NO_LOGIN.sub('_', by)[:60]}": files} if by else {}


def _chosen(site: Site, delivery: str | None, files: Collection[int]) -> Mapping[str, list[int]]:
    """The ids of the files meant, by their delivery."""
    there = list_quarantine(site, delivery)
    if missing := set(files) - {file.file_id for file in there}:
        raise NeedsPerson(
            f"f{min(missing)} is not in quarantine there.", "choose ids that `collecte quarantine list` shows."
        )
    chosen: dict[str, list[int]] = {}
    for file in there:
        if not files or file.file_id in files:
            chosen.setdefault(file.delivery, []).append(file.file_id)
    return chosen


def _collecting(site: Site, labels: Iterable[str]) -> list[str]:
    """Those deliveries whose collection has not ended."""
    return [label for label in labels if site.delivery(label).state not in ("accepted", "shipped")]


def _retry(site: Site, label: str, ids: Collection[int], asked: Mapping[str, int]) -> Retried:
    old = site.delivery(label)
    with site.catalogue.transaction() as connection:
        ensure_centre(connection, site.challenge.id, site.centre.id)  # held to the end: decisions come one by one
        files = files_of_delivery(connection, old.id)
        wanted = [file for file in files if file.id in ids and file.state is State.QUARANTINED]
        left = _unfit(site, connection, old, [file for file in files if file.state is State.QUARANTINED])
        if site.challenge.refused_file != "holds_itself":
            left |= _in_part(files, wanted, left)
        going = [file for file in wanted if file.id not in left]
        new = None
        if going:
            new = _deliver_again(site, connection, old, going, paths_of(site.keys, going, files), asked)
    staying = Counter(left[file.id] for file in wanted if file.id in left)
    if decided := len(ids) - len(wanted):
        staying["decided by somebody else meanwhile"] = decided
    return Retried(label, new, len(going), staying)


def _unfit(site: Site, connection: Connection, old: DeliveryRow, files: Sequence[FileRow]) -> dict[int, str]:
    """The files that cannot be judged anew, and why."""
    refusing = ("incident", "refused")
    transfer = {
        finding.file_id
        for finding in findings_of(connection, old.id)
        if finding.step in _TRANSFER and finding.severity in refusing
    }
    numbers = {row.id: row.number for row in deliveries_of(connection, old.centre_id)}
    later = [
        row for row in files_like(connection, old.centre_id, old.id, files) if numbers[row.delivery_id] > old.number
    ]
    paths = {row.path_digest for row in later}
    identities = {row.logical_digest for row in later if row.logical_digest}
    unfit = {}
    for file in files:
        if file.id in transfer:
            unfit[file.id] = "came wrong"
        elif file.path_digest in paths or file.logical_digest in identities:
            unfit[file.id] = "a later one came"
        elif not (file.sha256 and file.landing and (site.received(old) / file.landing).is_file()):
            unfit[file.id] = "no bytes in landing"
    return unfit


def _in_part(files: Iterable[FileRow], wanted: Iterable[FileRow], left: Mapping[int, str]) -> dict[int, str]:
    """The wanted files of objects of which another refused file would stay behind."""
    going = {file.id for file in wanted if file.id not in left}
    behind = {f.object_id for f in files if f.object_id and f.state is State.QUARANTINED and f.id not in going}
    return {file.id: "part of an object" for file in wanted if file.id in going and file.object_id in behind}


def _deliver_again(
    site: Site,
    connection: Connection,
    old: DeliveryRow,
    files: Sequence[FileRow],
    paths: Mapping[int, str],
    asked: Mapping[str, int],
) -> str:
    """Register the new delivery, with its bytes, identifiers and a shard of receipt that has nothing to fetch.

    The bytes get their name in the new delivery's folder before the transaction ends. The name is of their old id and
    their SHA-256, so what a killed attempt left is nobody else's, and the same for the next one.
    """
    again = [
        NewFile(
            paths[file.id],
            file.size,
            file.mtime,
            file.expected,
            sha256=file.sha256,
            landing=f"q{file.id}.{file.sha256}",
        )
        for file in files
    ]
    folder = open_folder(site.keys, old)
    new = register_delivery(connection, site.keys, old.centre_id, folder, again, complete_by="retry")
    for file, copy in zip(files, again, strict=True):
        place(site.received(old) / str(file.landing), site.received(new) / str(copy.landing), str(file.sha256))
    moves = Moves(connection, new.id, new.label)
    identifiers = identifiers_of(connection, site.keys, old.id)
    subjects = moves.subjects(old.centre_id, {i.subject for i in identifiers if i.subject})
    moves.add_identifiers(new.id, site.keys, identifiers, subjects)
    retried = Finding("FILE-RETRIED", values={"delivery": new.label})
    Moves(connection, old.id, old.label).add_findings("retry", [(file.id, retried) for file in files])
    ids = [file.id for file in files_of_delivery(connection, new.id)]
    moves.move(Change(f.id, State.SUPERSEDED, retried.code, i) for f, i in zip(files, ids, strict=True))
    record(moves, "retry", new.label, 0, {"files": len(files), "identifiers": len(identifiers), **asked})
    plan(connection, new.id, "receive", [whole([])])
    for row in (old, new):
        anchor(connection, site.challenge.id, row.id)
    return new.label
