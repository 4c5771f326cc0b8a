"""Packages: releases and Open Data exports, what is in them, and where they were sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import chunks, insert_rows, new_rows, now, take_ids
from collecte.errors import NeedsPerson

PackageKind = Literal["release", "open"]


@dataclass(frozen=True)
class PackageRow:
    """A package. ``digest``: SHA-256 (hex) of its ``SHA256SUMS``, None until it is frozen; ``replaces``: the one that
    it had before a recall; ``inputs``: digest over what it is made of; ``release_id``: the release that an Open Data
    package is made from.
    """

    id: int
    challenge_id: str
    kind: PackageKind
    version: int
    release_id: int | None
    state: str
    digest: str | None
    replaces: str | None
    inputs: str
    created_at: datetime
    frozen_at: datetime | None

    @property
    def label(self) -> str:
        """``v1``."""
        return f"v{self.version}"

    @property
    def about(self) -> str:
        """How decisions and jobs call it: ``release/v1``."""
        return f"{self.kind}/{self.label}"


@dataclass(frozen=True)
class PackageFile:
    """A file of a package. ``file_id``: the catalogue's file that it was made from (of a merged table a row for each;
    None: a document); ``part``: ``train``, ``test`` or empty; ``size`` in bytes.
    """

    file_id: int | None
    path: str
    part: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PackageReceipt:
    """A destination's proof of one object of a package; ``path``: in the package, empty for a layout's document."""

    key: str
    path: str
    size: int
    sha256: str
    version_id: str | None
    etag: str | None
    proof: str


def packages_of(connection: Connection, challenge_id: str, kind: PackageKind) -> list[PackageRow]:
    """The packages of a kind, by version."""
    of = tables.package.c
    statement = select(tables.package).where(of.challenge_id == challenge_id, of.kind == kind).order_by(of.version)
    return [PackageRow(**row) for row in connection.execute(statement).mappings()]


def package_by_label(connection: Connection, challenge_id: str, kind: PackageKind, label: str) -> PackageRow:
    """The package ``v1``.

    Raises:
        NeedsPerson: there is none of that name.
    """
    rows = packages_of(connection, challenge_id, kind)
    for row in rows:
        if row.label == label:
            return row
    known = ", ".join(row.label for row in rows) or "none yet"
    raise NeedsPerson(f"Challenge {challenge_id} has no {kind} {label}.", f"name one of its versions: {known}.")


def new_package(
    connection: Connection, challenge_id: str, kind: PackageKind, inputs: str, release_id: int | None = None
) -> PackageRow:
    """A new version in the making; or the one that is being made of the same inputs, so that a second try goes on.

    Raises:
        NeedsPerson: a version of other inputs is still being made.
    """
    connection.execute(new_rows(connection, tables.challenge).on_conflict_do_nothing(), {"id": challenge_id})
    rows = packages_of(connection, challenge_id, kind)
    for row in rows:
        if row.state == "making":
            if row.inputs == inputs:
                return row
            raise NeedsPerson(
                f"{kind} {row.label} of {challenge_id} is still being made, of other inputs.",
                "let its run end (clear its red task), or discard it; then start again.",
            )
    (package_id,) = take_ids(connection, "package", 1)
    values = {
        "id": package_id,
        "challenge_id": challenge_id,
        "kind": kind,
        "version": max((row.version for row in rows), default=0) + 1,
        "release_id": release_id,
        "state": "making",
        "inputs": inputs,
        "created_at": now(),
    }
    connection.execute(insert(tables.package), values)
    return next(row for row in packages_of(connection, challenge_id, kind) if row.id == package_id)


def freeze_package(connection: Connection, package: PackageRow, digest: str, files: Iterable[PackageFile]) -> None:
    """Say what a package holds, from now on: its digest and its files. After a recall, anew: the digest that it had
    stands in ``replaces`` then.
    """
    of = tables.package.c
    connection.execute(delete(tables.package_file).where(tables.package_file.c.package_id == package.id))
    rows = [{"package_id": package.id, **{f.name: getattr(file, f.name) for f in fields(file)}} for file in files]
    ids = take_ids(connection, "package_file", len(rows))
    insert_rows(connection, tables.package_file, ({"id": i, **row} for i, row in zip(ids, rows, strict=True)))
    before = package.digest if package.digest not in (None, digest) else package.replaces
    values = {"state": "frozen", "digest": digest, "replaces": before, "frozen_at": now()}
    connection.execute(update(tables.package).where(of.id == package.id).values(values))


def discard_package(connection: Connection, package: PackageRow) -> None:
    """Forget a version that was never frozen; its number is free again.

    Raises:
        NeedsPerson: it is frozen.
    """
    if package.state != "making":
        raise NeedsPerson(f"{package.about} is frozen: it is not discarded.", "make a new version.")
    connection.execute(delete(tables.package).where(tables.package.c.id == package.id))


def package_files(connection: Connection, package_id: int) -> list[PackageFile]:
    """The files of a package by path."""
    of = tables.package_file.c
    columns = select(*(of[f.name] for f in fields(PackageFile))).where(of.package_id == package_id)
    return [PackageFile(**row) for row in connection.execute(columns.order_by(of.path, of.file_id)).mappings()]


def packages_with(connection: Connection, file_ids: Iterable[int]) -> list[PackageRow]:
    """The packages that hold something made from one of these files, by kind and version."""
    held, of = tables.package_file.c, tables.package.c
    found: dict[int, PackageRow] = {}
    for chunk in chunks(sorted(set(file_ids))):
        inside = select(held.package_id).where(held.file_id.in_(chunk))
        for row in connection.execute(select(tables.package).where(of.id.in_(inside))).mappings():
            found[row["id"]] = PackageRow(**row)
    return sorted(found.values(), key=lambda row: (row.kind, row.version))


def files_in_packages(connection: Connection, file_ids: Iterable[int]) -> list[int]:
    """Those of these files, by id, of which a frozen package holds something."""
    held, of = tables.package_file.c, tables.package.c
    frozen = select(held.file_id).distinct().join(tables.package, of.id == held.package_id).where(of.state == "frozen")
    found: list[int] = []
    for chunk in chunks(sorted(file_ids)):
        found += connection.execute(frozen.where(held.file_id.in_(chunk))).scalars()
    return sorted(found)


def ensure_package_shipment(connection: Connection, package: PackageRow, destination: str) -> int:
    """The id of a package's way to a destination, as its digest is now; made where it is new."""
    of = tables.package_shipment.c
    mine = select(of.id).where(
        of.package_id == package.id, of.destination == destination, of.digest == str(package.digest)
    )
    found = connection.execute(mine).scalar()
    if found is None:
        (found,) = take_ids(connection, "package_shipment", 1)
        row = {"id": found, "package_id": package.id, "destination": destination, "digest": package.digest}
        connection.execute(insert(tables.package_shipment), row)
    return int(found)


def add_package_receipts(connection: Connection, shipment_id: int, receipts: Iterable[PackageReceipt]) -> None:
    """Keep receipts; one that stands for its key already stays."""
    rows: list[Mapping[str, Any]] = [{f.name: getattr(r, f.name) for f in fields(r)} for r in receipts]
    ids, at = take_ids(connection, "package_receipt", len(rows)), now()
    insert_rows(
        connection,
        tables.package_receipt,
        ({"id": i, "shipment_id": shipment_id, "at": at, **row} for i, row in zip(ids, rows, strict=True)),
        or_ignore=True,
    )


def package_receipts(connection: Connection, shipment_id: int) -> list[PackageReceipt]:
    """The receipts of a shipment by key."""
    of = tables.package_receipt.c
    columns = select(*(of[f.name] for f in fields(PackageReceipt))).where(of.shipment_id == shipment_id)
    return [PackageReceipt(**row) for row in connection.execute(columns.order_by(of.key)).mappings()]


def close_package_shipment(connection: Connection, shipment_id: int) -> None:
    """Say that everything of a shipment is proved at its destination."""
    of = tables.package_shipment.c
    done = update(tables.package_shipment).where(of.id == shipment_id, of.done_at.is_(None))
    connection.execute(done.values(done_at=now()))


@dataclass(frozen=True)
class PackageShipment:
    """A package's way to a destination, as its digest was then; ``done_at`` None: under way. ``receipts``: how many."""

    id: int
    package_id: int
    destination: str
    digest: str
    done_at: datetime | None
    receipts: int


def shipments_of_package(connection: Connection, package_id: int) -> list[PackageShipment]:
    """Where a package was sent, the oldest first."""
    of, receipt = tables.package_shipment.c, tables.package_receipt.c
    counted = select(func.count()).where(receipt.shipment_id == of.id).scalar_subquery()
    statement = select(tables.package_shipment, counted.label("receipts")).where(of.package_id == package_id)
    return [PackageShipment(**row) for row in connection.execute(statement.order_by(of.id)).mappings()]


def centres_of_package(connection: Connection, package_id: int) -> list[str]:
    """The centres (their ids) of whose files a package is made, sorted."""
    held, file, delivery, centre = tables.package_file.c, tables.file.c, tables.delivery.c, tables.centre.c
    statement = (
        select(centre.code)
        .distinct()
        .join(tables.delivery, delivery.centre_id == centre.id)
        .join(tables.file, file.delivery_id == delivery.id)
        .join(tables.package_file, held.file_id == file.id)
        .where(held.package_id == package_id)
    )
    return sorted(connection.execute(statement).scalars())


def receipts_of_keys(connection: Connection, shipment_id: int, keys: Iterable[str]) -> dict[str, PackageReceipt]:
    """The receipts of a shipment for these keys, by key."""
    of = tables.package_receipt.c
    columns = select(*(of[f.name] for f in fields(PackageReceipt))).where(of.shipment_id == shipment_id)
    found = {}
    for chunk in chunks(sorted(keys)):
        for row in connection.execute(columns.where(of.key.in_(chunk))).mappings():
            found[row["key"]] = PackageReceipt(**row)
    return found


def forget_package_receipts(connection: Connection, shipment_ids: Iterable[int]) -> None:
    """Forget the proofs of shipments that a later one of the same package to the same destination stands for."""
    of = tables.package_receipt.c
    connection.execute(delete(tables.package_receipt).where(of.shipment_id.in_(sorted(shipment_ids))))
