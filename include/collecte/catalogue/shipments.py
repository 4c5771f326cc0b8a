"""Shipments of a delivery and the receipts that prove them. Receipts are written by
:meth:`~collecte.catalogue.Moves.add_receipts`.
"""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import new_rows, now, take_ids
from collecte.records import State


@dataclass(frozen=True)
class ReceiptRow:
    """A destination's proof of one object: ``size`` in bytes; ``proof`` is ``server`` or ``readback``."""

    file_id: int | None
    key: str
    size: int
    sha256: str
    version_id: str | None
    etag: str | None
    proof: str


@dataclass(frozen=True)
class ShipmentRow:
    """A delivery's way to one destination; ``done_at`` is None while it is under way."""

    id: int
    delivery_id: int
    destination: str
    done_at: datetime | None
    manifest_sha256: str | None


def ensure_shipment(connection: Connection, delivery_id: int, destination: str) -> ShipmentRow:
    """The shipment of a delivery to a destination, made where it is new."""
    of = tables.shipment.c
    mine = select(*(of[column.name] for column in fields(ShipmentRow))).where(
        of.delivery_id == delivery_id, of.destination == destination
    )
    row = connection.execute(mine).mappings().one_or_none()
    if row is None:
        (shipment_id,) = take_ids(connection, "shipment", 1)
        connection.execute(
            new_rows(connection, tables.shipment).on_conflict_do_nothing(),
            {"id": shipment_id, "delivery_id": delivery_id, "destination": destination},
        )
        row = connection.execute(mine).mappings().one()
    return ShipmentRow(**row)


def close_shipment(connection: Connection, shipment_id: int, manifest_sha256: str) -> None:
    """Say that everything of a shipment is proved at its destination; its manifest went last."""
    of = tables.shipment.c
    done = {"done_at": now(), "manifest_sha256": manifest_sha256}
    connection.execute(update(tables.shipment).where(of.id == shipment_id, of.done_at.is_(None)).values(done))


def receipts_of(connection: Connection, shipment_id: int) -> list[ReceiptRow]:
    """The receipts of a shipment by key."""
    of = tables.receipt.c
    columns = select(*(of[column.name] for column in fields(ReceiptRow)))
    rows = connection.execute(columns.where(of.shipment_id == shipment_id).order_by(of.key)).mappings()
    return [ReceiptRow(**row) for row in rows]


def without_receipt(connection: Connection, delivery_id: int, shipment_id: int) -> int:
    """How many accepted files of a delivery have no receipt of a shipment."""
    file, of = tables.file.c, tables.receipt.c
    proved = select(of.id).where(of.shipment_id == shipment_id, of.file_id == file.id)
    missing = select(func.count()).select_from(tables.file).where(file.delivery_id == delivery_id)
    missing = missing.where(file.state == State.ACCEPTED.value, ~proved.exists())
    return int(connection.execute(missing).scalar_one())
