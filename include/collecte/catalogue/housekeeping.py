"""What housekeeping asks of the catalogue: whose time is over, whose turn it is to be read again, what has stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from collecte.catalogue import tables
from collecte.catalogue.audit import challenge_chain, delivery_chain
from collecte.catalogue.deliveries import deliveries_of
from collecte.catalogue.files import FileRow, file_rows, select_files
from collecte.package import SUMS_NAME
from collecte.records import State

#: Files that are read from the catalogue at once for a look at their bytes.
_LOOK_AT_ONCE = 1000


def proved_at(connection: Connection, delivery_id: int, destination: str) -> datetime | None:
    """When the last of a delivery was proved at its destination; None while a proof is missing.

    Proved means: the shipment was closed, each accepted file has its receipt, and so has the ``SHA256SUMS`` by which it
    was closed.
    """
    file, shipment, receipt = tables.file.c, tables.shipment.c, tables.receipt.c
    closed = connection.execute(
        select(shipment.id, shipment.done_at, shipment.manifest_sha256).where(
            shipment.delivery_id == delivery_id, shipment.destination == destination, shipment.done_at.is_not(None)
        )
    ).one_or_none()
    if closed is None:
        return None
    of_file = select(receipt.id).where(receipt.shipment_id == closed.id, receipt.file_id == file.id).exists()
    unproved = select(file.id).where(file.delivery_id == delivery_id, file.state == State.ACCEPTED.value, ~of_file)
    sums = select(receipt.id).where(
        receipt.shipment_id == closed.id,
        receipt.sha256 == closed.manifest_sha256,
        receipt.key.endswith(f"/{SUMS_NAME}", autoescape=True),
    )
    if connection.execute(unproved.limit(1)).first() or not connection.execute(sums.limit(1)).first():
        return None
    done_at: datetime = closed.done_at
    return done_at


def expired_bytes(connection: Connection, centre_id: int) -> frozenset[str]:
    """The SHA-256 of a centre's files whose retention in quarantine is over."""
    file, delivery = tables.file.c, tables.delivery.c
    rows = connection.execute(
        select(file.sha256)
        .distinct()
        .join(tables.delivery, delivery.id == file.delivery_id)
        .where(delivery.centre_id == centre_id, file.state == State.EXPIRED.value, file.sha256.is_not(None))
    )
    return frozenset(rows.scalars())


def copies_after(connection: Connection, centre_id: int, file_id: int) -> list[FileRow]:
    """The next files of a centre of which we hold a copy, in landing or in curated, by their ids from ``file_id`` on
    (itself left out); the end is an empty list.
    """
    file, delivery = tables.file.c, tables.delivery.c
    landed = and_(file.landing.is_not(None), file.sha256.is_not(None), file.state != State.EXPIRED.value)
    held = or_(landed, and_(file.state == State.ACCEPTED.value, file.safe_sha256.is_not(None)))
    statement = select_files().join(tables.delivery, delivery.id == file.delivery_id)
    return file_rows(
        connection, statement.where(delivery.centre_id == centre_id, file.id > file_id, held).limit(_LOOK_AT_ONCE)
    )


def found_damaged(connection: Connection, centre_id: int, code: str) -> list[FileRow]:
    """The files of a centre with a finding of this code, by their ids."""
    file, delivery, finding = tables.file.c, tables.delivery.c, tables.finding.c
    damaged = select(finding.id).where(finding.file_id == file.id, finding.code == code).exists()
    statement = select_files().join(tables.delivery, delivery.id == file.delivery_id)
    return file_rows(connection, statement.where(delivery.centre_id == centre_id, damaged))


def last_counts(connection: Connection, challenge_id: str, step: str, shard: str) -> Mapping[str, int]:
    """The counts of the newest event of a challenge's chain by this name; empty where there is none."""
    event = tables.event.c
    found = connection.execute(
        select(event.counts)
        .where(event.chain == challenge_chain(challenge_id), event.step == step, event.shard == shard)
        .order_by(event.seq.desc())
        .limit(1)
    ).scalar()
    return found or {}


def expiring(connection: Connection, centre_id: int, until: datetime) -> Mapping[str, int]:
    """How many of a centre's files in quarantine were refused until then, by delivery (``d0001``)."""
    file, delivery, finding = tables.file.c, tables.delivery.c, tables.finding.c
    refused = (
        select(file.id, delivery.number)
        .join(tables.delivery, delivery.id == file.delivery_id)
        .join(tables.finding, and_(finding.file_id == file.id, finding.code == file.reason))
        .where(delivery.centre_id == centre_id, file.state == State.QUARANTINED.value)
        .group_by(file.id, delivery.number)
        .having(func.min(finding.at) <= until)
        .subquery()
    )
    number = refused.c.number
    rows = connection.execute(select(number, func.count().label("n")).group_by(number).order_by(number))
    return {f"d{row.number:04d}": row.n for row in rows}


@dataclass(frozen=True)
class Stopped:
    """A delivery (``d0001``) that is on its way, and when it last moved (UTC)."""

    delivery: str
    state: str
    since: datetime


def under_way(connection: Connection, centre_id: int) -> list[Stopped]:
    """A centre's deliveries that are being collected, or are accepted and not shipped; since their newest event."""
    event = tables.event.c
    found = []
    for row in deliveries_of(connection, centre_id):
        if row.state in ("collecting", "accepted"):
            newest = select(func.max(event.at)).where(event.chain == delivery_chain(row.id))
            found.append(Stopped(row.label, row.state, connection.execute(newest).scalar() or row.created_at))
    return found


def largest_delivery(connection: Connection) -> int:
    """Bytes of the largest delivery of the installation, as listed in its drop; 0 before the first."""
    file = tables.file.c
    sizes = (
        select(func.sum(file.size).label("bytes")).where(file.origin_id.is_(None)).group_by(file.delivery_id).subquery()
    )
    return int(connection.execute(select(func.max(sizes.c.bytes))).scalar() or 0)
