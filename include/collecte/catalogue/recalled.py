"""What a recall takes out of the catalogue: proofs of what was removed, links, subjects and what was sealed of them.

And what must not be on its way meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import chunks


def receipts_of_files(connection: Connection, ids: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """(delivery id, file id, key at the HDH) of each receipt of these files."""
    of, shipment = tables.receipt.c, tables.shipment.c
    statement = select(shipment.delivery_id, of.file_id, of.key).join(tables.shipment, shipment.id == of.shipment_id)
    for chunk in chunks(sorted(ids)):
        for row in connection.execute(statement.where(of.file_id.in_(chunk)).order_by(of.key)):
            yield row[0], row[1], row[2]


def document_keys(connection: Connection, delivery_id: int) -> list[str]:
    """The keys of a batch's documents at the HDH."""
    of, shipment = tables.receipt.c, tables.shipment.c
    statement = select(of.key).join(tables.shipment, shipment.id == of.shipment_id)
    mine = and_(shipment.delivery_id == delivery_id, of.file_id.is_(None))
    return sorted(connection.execute(statement.where(mine)).scalars())


def forget_receipts(connection: Connection, shipment_id: int, ids: Iterable[int], keys: Iterable[str]) -> None:
    """Forget the proofs of what was removed: of these files, and of documents by their keys."""
    of = tables.receipt.c
    for chunk in chunks(sorted(ids)):
        connection.execute(delete(tables.receipt).where(of.shipment_id == shipment_id, of.file_id.in_(chunk)))
    for some in chunks(sorted(keys)):
        gone = delete(tables.receipt).where(of.shipment_id == shipment_id, of.file_id.is_(None), of.key.in_(some))
        connection.execute(gone)


def close_anew(connection: Connection, shipment_id: int, manifest_sha256: str) -> None:
    """A batch's documents were made and proved anew: this is its ``SHA256SUMS`` now."""
    mine = tables.shipment.c.id == shipment_id
    connection.execute(update(tables.shipment).where(mine).values(manifest_sha256=manifest_sha256))


# Traces of a subject that are not files


def forget_links(connection: Connection, subject_id: int, ids: Iterable[int]) -> None:
    """A subject's rows were taken out of these files: they are no longer about them."""
    link = tables.file_subject.c
    for chunk in chunks(sorted(ids)):
        gone = delete(tables.file_subject).where(link.subject_id == subject_id, link.file_id.in_(chunk))
        connection.execute(gone)


def unfiled_subjects(connection: Connection, delivery_id: int) -> Mapping[int, str]:
    """The subjects of whom a delivery has identifiers, and nobody any file: pseudonyms by id."""
    of, link, subject = tables.identifier.c, tables.file_subject.c, tables.subject.c
    met = select(of.id).where(of.delivery_id == delivery_id, of.subject_id == subject.id).exists()
    filed = select(link.file_id).where(link.subject_id == subject.id).exists()
    rows = connection.execute(select(subject.id, subject.pseudonym).where(met, ~filed))
    return {row.id: row.pseudonym for row in rows}


def drop_subject(connection: Connection, subject_id: int, delivery_id: int | None = None) -> int:
    """Forget all that was sealed of a subject, in all deliveries or in one, and the subject itself once nothing is
    left of them; how many identifiers went.
    """
    link, of = tables.file_subject.c, tables.identifier.c
    sealed = of.subject_id == subject_id
    mine = sealed if delivery_id is None else and_(sealed, of.delivery_id == delivery_id)
    gone = connection.execute(delete(tables.identifier).where(mine)).rowcount
    left = select(of.id).where(sealed).exists() | select(link.file_id).where(link.subject_id == subject_id).exists()
    if not connection.execute(select(left)).scalar():
        connection.execute(delete(tables.object_subject).where(tables.object_subject.c.subject_id == subject_id))
        connection.execute(delete(tables.subject).where(tables.subject.c.id == subject_id))
    return gone


def identifiers_of_subject(connection: Connection, subject_id: int) -> int:
    """How many identifiers are sealed of a subject."""
    of = tables.identifier.c
    statement = select(func.count()).select_from(tables.identifier).where(of.subject_id == subject_id)
    return int(connection.execute(statement).scalar_one())


def drop_identifiers(connection: Connection, digests: Iterable[str]) -> int:
    """Forget sealed identifiers by their keyed digests; how many there were."""
    gone = 0
    for chunk in chunks(sorted(set(digests))):
        gone += connection.execute(delete(tables.identifier).where(tables.identifier.c.digest.in_(chunk))).rowcount
    return gone


def being_made(connection: Connection, challenge_id: str) -> list[str]:
    """The packages that are being made (``release/v1``): what they are made of must not change under them."""
    of = tables.package.c
    statement = select(of.kind, of.version).where(of.challenge_id == challenge_id, of.state == "making")
    return [f"{row.kind}/v{row.version}" for row in connection.execute(statement.order_by(of.kind, of.version))]


def shipping(connection: Connection, delivery_ids: Iterable[int]) -> list[str]:
    """Those of these deliveries (``d0001``) whose collection, or whose way to the HDH, has begun and not ended."""
    delivery, shard = tables.delivery.c, tables.shard.c
    begun = select(shard.id).where(shard.delivery_id == delivery.id, shard.step == "ship").exists()
    going = or_(delivery.state.in_(("waiting", "collecting")), and_(delivery.state == "accepted", begun))
    found: list[int] = []
    for chunk in chunks(sorted(set(delivery_ids))):
        found += connection.execute(select(delivery.number).where(delivery.id.in_(chunk), going)).scalars()
    return [f"d{number:04d}" for number in sorted(found)]
