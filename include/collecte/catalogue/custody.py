"""What the catalogue knows of one file's way: where it came from, where it was sent, in which packages it is."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import Connection, select

from collecte.catalogue import tables
from collecte.catalogue.packages import PackageFile, PackageReceipt, PackageRow
from collecte.catalogue.recalls import Located, located
from collecte.catalogue.shipments import ReceiptRow


@dataclass(frozen=True)
class Trail:
    """A file, with its receipts by destination; the packages that hold something made of it; and what hosts have of
    these, by package and destination.
    """

    challenge_id: str
    found: Located
    receipts: tuple[tuple[str, ReceiptRow], ...]
    packages: tuple[tuple[PackageRow, PackageFile], ...]
    sent: tuple[tuple[int, str, PackageReceipt], ...]


def trail_of(connection: Connection, file_id: int) -> Trail | None:
    """The trail of a file; None where the catalogue has no such file (any more)."""
    pages = list(located(connection, [file_id]))
    if not pages or not pages[0]:
        return None
    packages = _packages(connection, file_id)
    sent = [
        (package.id, destination, receipt)
        for package, file in packages
        for destination, receipt in _sent(connection, package, {file.path})
    ]
    challenge = (
        select(tables.centre.c.challenge_id)
        .join(tables.delivery, tables.delivery.c.centre_id == tables.centre.c.id)
        .where(tables.delivery.c.id == pages[0][0].file.delivery_id)
    )
    challenge_id: str = connection.execute(challenge).scalar_one()
    return Trail(challenge_id, pages[0][0], _receipts(connection, file_id), packages, tuple(sent))


def _receipts(connection: Connection, file_id: int) -> tuple[tuple[str, ReceiptRow], ...]:
    of, shipment = tables.receipt.c, tables.shipment.c
    columns = select(shipment.destination, *(of[column.name] for column in fields(ReceiptRow)))
    rows = connection.execute(
        columns.join(tables.shipment, shipment.id == of.shipment_id).where(of.file_id == file_id).order_by(of.id)
    )
    return tuple((row[0], ReceiptRow(*row[1:])) for row in rows)


def _packages(connection: Connection, file_id: int) -> tuple[tuple[PackageRow, PackageFile], ...]:
    held, of = tables.package_file.c, tables.package.c
    wide = [of[column.name].label(f"package_{column.name}") for column in fields(PackageRow)]
    columns = select(*wide, *(held[column.name] for column in fields(PackageFile)))
    rows = connection.execute(
        columns.join(tables.package, of.id == held.package_id)
        .where(held.file_id == file_id)
        .order_by(of.kind.desc(), of.version, held.path)
    )
    count = len(wide)
    return tuple((PackageRow(*row[:count]), PackageFile(*row[count:])) for row in rows)


def _sent(connection: Connection, package: PackageRow, paths: Collection[str]) -> list[tuple[str, PackageReceipt]]:
    """What was proved of a package as it is now, with the destination."""
    of, shipment = tables.package_receipt.c, tables.package_shipment.c
    columns = select(shipment.destination, *(of[column.name] for column in fields(PackageReceipt)))
    rows = connection.execute(
        columns.join(tables.package_shipment, shipment.id == of.shipment_id)
        .where(shipment.package_id == package.id, shipment.digest == str(package.digest), of.path.in_(paths))
        .order_by(of.id)
    )
    return [(row[0], PackageReceipt(*row[1:])) for row in rows]
