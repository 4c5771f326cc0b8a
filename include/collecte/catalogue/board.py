"""What the board of a challenge counts, centre by centre: two statements, however many files there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from collecte.catalogue import tables
from collecte.records import State


@dataclass(frozen=True)
class FileGroup:
    """Files of a centre: how many are of a kind, in a state, and whether their delivery was shipped to the HDH. An
    archive counts by its members.
    """

    centre: str
    kind: str | None
    state: State
    shipped: bool
    files: int


@dataclass(frozen=True)
class LastDelivery:
    """A delivery that was collected, or is being; ``label``: ``d0001``."""

    label: str
    state: str
    at: datetime


def files_by_centre(connection: Connection, challenge_id: str) -> list[FileGroup]:
    """The files of a challenge in all its deliveries; each stands in one group."""
    file, delivery, centre, member = tables.file.c, tables.delivery.c, tables.centre.c, tables.file.alias()
    shipped = (delivery.state == "shipped").label("shipped")
    has_members = select(member.c.id).where(member.c.origin_id == file.id).exists()
    statement = (
        select(centre.code, file.kind, file.state, shipped, func.count().label("n"))
        .select_from(tables.file)
        .join(tables.delivery, delivery.id == file.delivery_id)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id, ~has_members)
        .group_by(centre.code, file.kind, file.state, shipped)
    )
    rows = connection.execute(statement)
    return [FileGroup(row.code, row.kind, State(row.state), bool(row.shipped), row.n) for row in rows]


def released_by_centre(connection: Connection, package_id: int) -> Mapping[str, int]:
    """How many files of each centre a package was made from; centres without any are left out."""
    held, file, delivery, centre = tables.package_file.c, tables.file.c, tables.delivery.c, tables.centre.c
    statement = (
        select(centre.code, func.count(held.file_id.distinct()).label("n"))
        .select_from(tables.package_file)
        .join(tables.file, file.id == held.file_id)
        .join(tables.delivery, delivery.id == file.delivery_id)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(held.package_id == package_id)
        .group_by(centre.code)
    )
    return {row.code: row.n for row in connection.execute(statement)}


def last_deliveries(connection: Connection, challenge_id: str) -> Mapping[str, LastDelivery]:
    """The newest delivery of each centre that does not only wait; centres without one are left out."""
    delivery, centre = tables.delivery.c, tables.centre.c
    statement = (
        select(centre.code, delivery.number, delivery.state, delivery.created_at)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id, delivery.state != "waiting")
        .order_by(delivery.created_at, delivery.number)
    )
    return {
        row.code: LastDelivery(f"d{row.number:04d}", row.state, row.created_at) for row in connection.execute(statement)
    }


def newest_verdict(connection: Connection, challenge_id: str) -> tuple[str, str, datetime] | None:
    """Digest, verdict and time of what was judged last; None before the first time."""
    of = tables.homogeneity.c
    statement = select(of.digest, of.verdict, of.at).where(of.challenge_id == challenge_id)
    row = connection.execute(statement.order_by(of.at.desc(), of.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row.digest, row.verdict, row.at)
