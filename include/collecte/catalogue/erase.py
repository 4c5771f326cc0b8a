"""Erasing rows: what stood in the catalogue about a subject goes, and the chain that counted it still holds."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, select, update

from collecte.catalogue import audit, tables
from collecte.catalogue.engine import chunks
from collecte.errors import Bug


def erase_files(connection: Connection, file_ids: Iterable[int]) -> dict[str, int]:
    """Delete files with their findings, receipts and links, and objects and subjects (with their identifiers) of which
    no file is left; one event to the chain of each delivery. What went, in counts.

    The salts go with the rows: their leaves stay in the chain and say nothing any more. Copies of the bytes are not
    touched: remove them first, while the receipts still say where they are.

    Raises:
        Bug: a file is not in the catalogue, or is an archive of which members would stay behind.
    """
    ids = sorted(set(file_ids))
    by_delivery: dict[int, dict[str, list[bytes]]] = {}
    objects: set[int] = set()
    subjects: set[int] = set()
    for chunk in chunks(ids):
        _gather(connection, chunk, by_delivery, objects)
        link = tables.file_subject.c
        subjects.update(connection.execute(select(link.subject_id).where(link.file_id.in_(chunk))).scalars())
    _detach(connection, ids)
    counts = {
        "files": len(ids),
        "objects": _drop_objects(connection, objects),
        "subjects": _drop_subjects(connection, subjects),
    }
    for delivery_id, moves in sorted(by_delivery.items()):
        audit.append(
            connection,
            audit.delivery_chain(delivery_id),
            "erase",
            audit.delivery_chain(delivery_id),
            0,
            {"files": sum(map(len, moves.values()))},
            [leaf for leaves in moves.values() for leaf in leaves],
            {move: len(leaves) for move, leaves in moves.items()},
        )
    return counts


def _gather(
    connection: Connection, ids: Sequence[int], by_delivery: dict[int, dict[str, list[bytes]]], objects: set[int]
) -> None:
    file = tables.file.c
    rows = connection.execute(
        select(file.id, file.delivery_id, file.object_id, file.state, file.salt, file.sha256, file.safe_sha256)
        .where(file.id.in_(ids))
        .order_by(file.id)
        .with_for_update()
    ).all()
    if len(rows) != len(ids):
        raise Bug(f"{len(ids) - len(rows)} of {len(ids)} files to erase are not in the catalogue.")
    for row in rows:
        leaf = audit.leaf(row.salt, row.id, row.state, audit.ERASED, row.sha256, row.safe_sha256)
        by_delivery.setdefault(row.delivery_id, {}).setdefault(f"{row.state}>{audit.ERASED}", []).append(leaf)
        if row.object_id is not None:
            objects.add(row.object_id)


def _detach(connection: Connection, ids: Sequence[int]) -> None:
    """Delete the rows and what hangs on them; members of an archive go before it, so by descending id."""
    file = tables.file.c
    for chunk in chunks(reversed(ids)):
        connection.execute(delete(tables.file_subject).where(tables.file_subject.c.file_id.in_(chunk)))
        connection.execute(delete(tables.finding).where(tables.finding.c.file_id.in_(chunk)))
        connection.execute(delete(tables.receipt).where(tables.receipt.c.file_id.in_(chunk)))
        connection.execute(update(tables.file).where(file.points_to.in_(chunk)).values(points_to=None))
        connection.execute(delete(tables.file).where(file.id.in_(chunk)))


def _drop_objects(connection: Connection, ids: Iterable[int]) -> int:
    left = select(tables.file.c.id).where(tables.file.c.object_id == tables.object_.c.id).exists()
    dropped = 0
    for chunk in chunks(sorted(ids)):
        empty = select(tables.object_.c.id).where(tables.object_.c.id.in_(chunk), ~left)
        gone = connection.execute(empty).scalars().all()
        connection.execute(delete(tables.object_subject).where(tables.object_subject.c.object_id.in_(gone)))
        connection.execute(delete(tables.object_).where(tables.object_.c.id.in_(gone)))
        dropped += len(gone)
    return dropped


def _drop_subjects(connection: Connection, ids: Iterable[int]) -> int:
    left = select(tables.file_subject.c.file_id).where(tables.file_subject.c.subject_id == tables.subject.c.id).exists()
    dropped = 0
    for chunk in chunks(sorted(ids)):
        unused = select(tables.subject.c.id).where(tables.subject.c.id.in_(chunk), ~left)
        gone = connection.execute(unused).scalars().all()
        connection.execute(delete(tables.object_subject).where(tables.object_subject.c.subject_id.in_(gone)))
        connection.execute(delete(tables.identifier).where(tables.identifier.c.subject_id.in_(gone)))
        connection.execute(delete(tables.subject).where(tables.subject.c.id.in_(gone)))
        dropped += len(gone)
    return dropped
