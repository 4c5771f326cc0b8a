"""An approved plan, carried out stage by stage. Each stage is a job: done again, it comes to the same end.

``refuse``: reception refuses, and the files are *recalled*: nobody uses or ships them from here on. ``batches``:
curated, facts and the HDH; shared tables without the rows, manifests and receipts anew. Then packages
(:mod:`~collecte.steps.recall_packages`), and ``erase``: landing and the catalogue's rows, where it is an erasure.

What was removed is looked for again before a stage ends, while the catalogue still knows its hashes.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from collecte.catalogue import (
    Change,
    FileRow,
    Moves,
    anchor,
    archives_of,
    begin,
    ensure_centre,
    erase_files,
    pages_of_delivery,
    record,
)
from collecte.catalogue.audit import LEAF_BYTES
from collecte.catalogue.recalled import being_made, drop_identifiers, drop_subject, forget_links, shipping
from collecte.catalogue.recalls import Located, RecallRow, located, pseudonym_of, recall_state, refuse
from collecte.errors import NeedsPerson, Retry
from collecte.findings import Finding
from collecte.recall import Plan, numbers_of, ranges
from collecte.records import State
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import require_approved
from collecte.steps.moving import paths_of
from collecte.steps.pixel_text import view_of
from collecte.steps.recall_disk import copies_in, remove_paths, wanted
from collecte.steps.recall_plan import concerned, landing_folder, make_plan
from collecte.steps.refusal import bytes_digest, subject_digest


def begin_removal(site: ChallengeSite, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Hold the plan against things as they stand, then take the files out of use, in one transaction.

    Raises:
        NeedsPerson: no approval; copies came or went since it was shown; or something is on its way with them.
        Retry: files moved at this very moment.
    """
    job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/refuse")
    if isinstance(job, dict):
        return job
    require_approved(site, recall.about, str(recall.digest))
    if make_plan(site, recall).digest != recall.digest:
        raise NeedsPerson(
            f"Copies of what {recall.about} names came or went since its plan was shown; nothing was removed.",
            "plan it again and let the officer answer over the new plan.",
        )
    counts: dict[str, int] = {}
    leaves: list[bytes] = []
    with job.finish(counts, leaves) as connection:
        for centre in site.challenge.centres:  # in one order: of two transactions, one waits for the other
            ensure_centre(connection, recall.challenge_id, centre.id)
        if ranges("f", concerned(connection, recall).whole) != plan.files:
            raise Retry(f"Files that {recall.about} names moved at this moment.")
        _require_still(connection, recall, plan)
        refused = _refused(site, connection, recall, numbers_of(plan.files))
        refuse(connection, recall.centre_id, recall.id, refused)
        leaves += [bytes.fromhex(digest)[:LEAF_BYTES] for digest in refused]
        counts |= {"recalled": _take_back(connection, recall, plan), "refused": len(refused)}
    return counts


def _require_still(connection: Connection, recall: RecallRow, plan: Plan) -> None:
    """Nothing that the recall concerns may be on its way while it is removed.

    Raises:
        NeedsPerson: a collection, a shipment or a package is; it names which.
    """
    ids = [*numbers_of(plan.files), *numbers_of(plan.tables)]
    deliveries = {one.file.delivery_id for page in located(connection, ids) for one in page}
    if busy := [*shipping(connection, deliveries), *being_made(connection, recall.challenge_id)]:
        raise NeedsPerson(
            f"{', '.join(busy)} is on its way; {recall.about} waits for it, and nothing was removed.",
            "let its run end (a package may be discarded instead), then clear this task.",
        )


def _refused(site: ChallengeSite, connection: Connection, recall: RecallRow, whole: Iterable[int]) -> list[str]:
    """Whom and what reception refuses from now on."""
    found = set()
    if recall.scope == "subject" and (pseudonym := pseudonym_of(connection, recall.target)):
        found.add(subject_digest(site.keys, pseudonym))
    for page in located(connection, whole):
        found |= {bytes_digest(site.keys, one.file.sha256) for one in page if one.file.sha256 and one.file.size}
    return sorted(found)


def _take_back(connection: Connection, recall: RecallRow, plan: Plan) -> int:
    """Move what goes whole to *recalled*, and say of shared tables that they are no longer about the subject."""
    shared = {*concerned(connection, recall).shared, *numbers_of(plan.tables)}
    going = set(numbers_of(plan.files))
    if recall.request == "erasure":  # what waited in quarantine for a person cannot be judged without its bytes
        undecided = (State.WAITING, State.QUARANTINED)
        going |= {one.file.id for page in located(connection, shared) for one in page if one.file.state in undecided}
    if recall.scope == "subject":
        forget_links(connection, recall.target, shared)
    finding = Finding("FILE-TAKEN-BACK", values={"recall": recall.number})
    touched = set()
    for moves, files in _moving(connection, going):
        ids = [file.id for file in files if file.state is not State.RECALLED]
        moves.add_findings("recall", [(file_id, finding) for file_id in ids])
        moves.move(Change(file_id, State.RECALLED, finding.code) for file_id in ids)
        record(moves, "recall", f"{moves.label}/{recall.about}/refuse", 0, {"files": len(ids)})
        touched.add(moves.delivery_id)
    for delivery_id in sorted(touched):
        anchor(connection, recall.challenge_id, delivery_id)
    return len(going)


def _moving(connection: Connection, ids: Iterable[int]) -> Iterator[tuple[Moves, list[FileRow]]]:
    """These files, a page of one delivery at a time, with what moves them."""
    for page in located(connection, ids):
        for delivery_id in sorted({one.file.delivery_id for one in page}):
            mine = [one for one in page if one.file.delivery_id == delivery_id]
            yield Moves(connection, delivery_id, mine[0].delivery), [one.file for one in mine]


def erase(site: ChallengeSite, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Of an erasure: remove what was received, with archives and originals of shared tables, look for it again, then
    erase the catalogue's rows. Of an opposition, these stay until their retention ends.

    Raises:
        NeedsPerson: landing refuses, or a copy is still found.
    """
    job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/erase")
    if isinstance(job, dict):
        return job
    erasure = recall.request == "erasure"
    counts = {place: plan.count(place) if erasure else 0 for place in ("landing", "archives", "originals", "catalogue")}
    if erasure:
        with site.catalogue.read() as connection:
            _clear_landing(site, connection, plan)
    with job.finish(counts) as connection:
        if erasure:
            counts |= _erase_rows(site, connection, recall, plan)
        recall_state(connection, recall, "removed")
    return counts


def _clear_landing(site: ChallengeSite, connection: Connection, plan: Plan) -> None:
    """Remove copies as received, under their names and wherever else their bytes lie in the landing of their centres.

    Raises:
        NeedsPerson: one is still found afterwards.
    """
    roots, keep, paths = set(), set(), []
    hashes: list[tuple[int, str]] = []
    for page in located(connection, {*numbers_of(plan.files), *plan.ids("originals"), *plan.ids("archives")}):
        for one in page:
            folder = landing_folder(site, one)
            roots.add(folder.parent)
            keep |= {folder, folder / "facts"}
            hashes += [(one.file.size, one.file.sha256)] if one.file.sha256 else []
            paths += [folder / one.file.landing] if one.file.landing else []
            paths += [view_of(folder, one.file.id)]
    looked_for = wanted(hashes)
    remove_paths(paths, frozenset(keep))
    for root in sorted(roots):
        remove_paths(copies_in(root, looked_for), frozenset(keep))
    if left := sum(1 for root in roots for _ in copies_in(root, looked_for)):
        raise NeedsPerson(
            f"{left} copies that were removed from landing are there again.",
            "find out what else writes in landing (a mirror, a backup that restores), then clear the task.",
        )


def _erase_rows(site: ChallengeSite, connection: Connection, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Erase the rows of files that went whole, and all that was sealed of the subject; say of archives and originals
    that landing holds them no more.
    """
    whole = frozenset(numbers_of(plan.files))
    emptied = {*plan.ids("originals"), *plan.ids("archives")} - whole
    for moves, files in _moving(connection, emptied):
        # The SHA-256 with it, though it stays the same: a row whose SHA-256 is set enters the event.
        moves.set_files({"id": file.id, "sha256": file.sha256, "landing": None} for file in files)
        record(moves, "recall", f"{moves.label}/{recall.about}/erase", 0, {"files": len(files)})
    deliveries = {one.file.delivery_id: one for page in located(connection, whole) for one in page}
    sealed = 0
    for one in deliveries.values():
        sealed += drop_identifiers(connection, path_digests(site, connection, one, whole))
    erased = erase_files(connection, whole)
    sealed += drop_subject(connection, recall.target) if recall.scope == "subject" else 0
    touched = {one.file.delivery_id for page in located(connection, emptied) for one in page}
    for delivery_id in sorted(touched | set(deliveries)):
        anchor(connection, recall.challenge_id, delivery_id)
    return {"catalogue": erased["files"], "identifiers": sealed}


def path_digests(site: ChallengeSite, connection: Connection, at: Located, whole: frozenset[int]) -> set[str]:
    """What identifies in the paths of erased files of a delivery and in that of no other, as it is known sealed."""
    from collecte.residual import path_identifiers  # hyperscan, which an opposition need not load

    going: set[str] = set()
    staying: set[str] = set()
    for page in pages_of_delivery(connection, at.file.delivery_id):
        paths = paths_of(site.keys, page, archives_of(connection, page))
        for file in page:
            known = going if file.id in whole else staying
            place = (site.challenge.id, at.centre, str(int(at.delivery[1:])))
            for one in path_identifiers(paths[file.id]):
                known.add(site.keys.digest("identifier", *place, one.kind.value, "", one.value))
    return going - staying
