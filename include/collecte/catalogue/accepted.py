"""The files that a challenge's own steps work on: accepted, and proved to be at the HDH."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from collecte.catalogue import tables
from collecte.catalogue.pages import subjects_of_files
from collecte.records import State

_ROWS = 5000


@dataclass(frozen=True)
class AcceptedFile:
    """An accepted file. ``centre`` and ``delivery`` are ids of ours; ``name`` is its path in its batch; ``object_id``
    None: it is one of its own; ``subjects``: pseudonyms; ``sha256`` and ``size`` (bytes) are those of the safe copy.
    """

    id: int
    centre: str
    delivery: str
    name: str
    kind: str
    object_id: int | None
    subjects: tuple[str, ...]
    sha256: str
    size: int


def accepted_files(
    connection: Connection, challenge_id: str, states: Sequence[State] = (State.ACCEPTED,)
) -> Iterator[AcceptedFile]:
    """The accepted files of shipped deliveries, by id, a page of them in memory at a time. ``states``: others too, such
    as those that were accepted and superseded since: what was made of them before still holds them.
    """
    file, delivery, centre = tables.file.c, tables.delivery.c, tables.centre.c
    columns = (
        select(
            file.id,
            centre.code,
            delivery.number,
            file.name,
            file.kind,
            file.object_id,
            file.safe_sha256,
            file.safe_size,
        )
        .join(tables.delivery, delivery.id == file.delivery_id)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id, delivery.state == "shipped")
        .where(file.state.in_([state.value for state in states]), file.name.is_not(None))
        .order_by(file.id)
        .limit(_ROWS)
    )
    last = 0
    while page := connection.execute(columns.where(file.id > last)).all():
        subjects = subjects_of_files(connection, [row.id for row in page])
        for row in page:
            yield AcceptedFile(
                row.id,
                row.code,
                f"d{row.number:04d}",
                row.name,
                row.kind,
                row.object_id,
                subjects.get(row.id, ()),
                row.safe_sha256,
                row.safe_size,
            )
        last = page[-1].id


def inputs_digest(files: Iterable[AcceptedFile], *rules: str) -> str:
    """A digest (hex) over files and the rules by which they are judged or shared out; the order counts for nothing."""
    lines = sorted(f"{file.centre}/{file.delivery}/{file.name} {file.sha256}" for file in files)
    return hashlib.sha256("\n".join([*rules, "", *lines]).encode()).hexdigest()


def superseded_by(connection: Connection, delivery_id: int) -> dict[str, list[int]]:
    """The ids of files in other deliveries whose place a delivery's files have taken, by the delivery (``d0001``)."""
    older, newer, delivery = tables.file.alias("older").c, tables.file.alias("newer").c, tables.delivery.c
    statement = (
        select(delivery.number, older.id)
        .join(newer.id.table, newer.id == older.points_to)
        .join(tables.delivery, delivery.id == older.delivery_id)
        .where(newer.delivery_id == delivery_id, older.delivery_id != delivery_id)
        .where(older.state == State.SUPERSEDED.value)
        .order_by(delivery.number, older.id)
    )
    found: dict[str, list[int]] = {}
    for number, file_id in connection.execute(statement):
        found.setdefault(f"d{number:04d}", []).append(file_id)
    return found
