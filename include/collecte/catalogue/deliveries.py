"""Deliveries: seeing one arrive, registering it with its files, and reading what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import chunks, new_rows, now, take_ids
from collecte.catalogue.files import NewFile
from collecte.catalogue.moves import Moves, record
from collecte.catalogue.states import check_delivery
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State

#: The step of the findings that say why a delivery waits.
WAITING_STEP = "look"


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery as it stands in the catalogue; the columns of :data:`collecte.catalogue.tables.delivery`."""

    id: int
    centre_id: int
    number: int
    folder_digest: str
    folder_sealed: bytes = field(repr=False)
    key_id: str
    state: str
    listing_digest: str | None
    unchanged_since: datetime | None
    complete_by: str | None
    created_at: datetime

    @property
    def label(self) -> str:
        """``d0001``, within its centre."""
        return f"d{self.number:04d}"


@dataclass(frozen=True)
class FindingRow:
    """A finding as recorded: ``finding.values`` and place are non-identifying."""

    file_id: int | None
    step: str
    code: str
    severity: str
    place: str
    count: int
    values: dict[str, str | int]


def folder_digest(keys: Keys, folder: str) -> str:
    """What a drop's first-level folder (or the day of its loose files) is compared by."""
    return keys.digest("folder", folder)


def open_folder(keys: Keys, row: DeliveryRow) -> str:
    """The folder of a delivery in the drop. IDENTIFYING.

    Raises:
        NeedsPerson: the key is not in the ring, or the cell was altered.
    """
    return keys.unseal(row.folder_sealed, row.key_id, "delivery", "folder_sealed", row.id)


def ensure_centre(connection: Connection, challenge_id: str, code: str) -> int:
    """The id of a centre, made where it is new. Until the transaction ends, nobody else registers for this centre."""
    centre = tables.centre.c
    mine = select(centre.id).where(centre.challenge_id == challenge_id, centre.code == code)
    found: int | None = connection.execute(mine.with_for_update()).scalar()
    if found is not None:
        return found
    connection.execute(new_rows(connection, tables.challenge).on_conflict_do_nothing(), {"id": challenge_id})
    (centre_id,) = take_ids(connection, "centre", 1)
    connection.execute(
        new_rows(connection, tables.centre).on_conflict_do_nothing(),
        {"id": centre_id, "challenge_id": challenge_id, "code": code},
    )
    made: int = connection.execute(mine.with_for_update()).scalar_one()
    return made


def deliveries_of(connection: Connection, centre_id: int) -> list[DeliveryRow]:
    """A centre's deliveries by number."""
    return _rows(connection, _select().where(tables.delivery.c.centre_id == centre_id))


def delivery_by_label(connection: Connection, centre_id: int, label: str) -> DeliveryRow:
    """The delivery ``d0001`` of a centre.

    Raises:
        NeedsPerson: there is none.
    """
    number = int(label[1:]) if label[:1] == "d" and label[1:].isdecimal() else 0
    delivery = tables.delivery.c
    rows = _rows(connection, _select().where(delivery.centre_id == centre_id, delivery.number == number))
    if not rows:
        raise NeedsPerson(
            "The centre has no delivery of that id.", "choose one that `collecte status` lists, such as d0001."
        )
    return rows[0]


def observe_waiting(
    connection: Connection, keys: Keys, centre_id: int, folder: str, listing_digest: str, at: datetime
) -> DeliveryRow:
    """Note that a folder is there and not yet complete. ``unchanged_since`` stays while the listing's digest does."""
    delivery = tables.delivery.c
    row = _waiting(connection, centre_id, folder_digest(keys, folder)) or _new(
        connection, keys, centre_id, folder, "waiting", at
    )
    if row.listing_digest != listing_digest:
        seen = {"listing_digest": listing_digest, "unchanged_since": at}
        connection.execute(update(tables.delivery).where(delivery.id == row.id).values(seen))
    return _rows(connection, _select().where(delivery.id == row.id))[0]


def note_waiting(connection: Connection, delivery_id: int, finding: Finding | None) -> None:
    """Say why a delivery waits, in the place of what was said before; None: it waits no longer."""
    of = tables.finding.c
    connection.execute(delete(tables.finding).where(of.delivery_id == delivery_id, of.step == WAITING_STEP))
    if finding is not None:
        Moves(connection, delivery_id, "").add_findings(WAITING_STEP, [(None, finding)])


def register_delivery(
    connection: Connection,
    keys: Keys,
    centre_id: int,
    folder: str,
    files: Iterable[NewFile],
    *,
    complete_by: str,
    state: str = "collecting",
) -> DeliveryRow:
    """Register a complete delivery with its files (all ``waiting``) and its chain's first event. The ids of the files
    are in the order given; a chunk of them is held at a time.

    A folder that was observed before keeps its number. Call :func:`ensure_centre` first in the same transaction: it
    keeps a second finder from registering the same folder meanwhile.
    """
    delivery = tables.delivery.c
    row = _waiting(connection, centre_id, folder_digest(keys, folder)) or _new(
        connection, keys, centre_id, folder, "waiting", now()
    )
    check_delivery(row.label, row.state, state)
    registered = {"state": state, "complete_by": complete_by}
    connection.execute(update(tables.delivery).where(delivery.id == row.id).values(registered))
    moves = Moves(connection, row.id, row.label)
    counts = {"files": 0, "bytes": 0}
    for chunk in chunks(files):
        moves.add_files(keys, chunk)
        counts["files"] += len(chunk)
        counts["bytes"] += sum(file.size for file in chunk)
    record(moves, "register", row.label, 0, counts)
    return _rows(connection, _select().where(delivery.id == row.id))[0]


def totals(connection: Connection, delivery_id: int) -> dict[State, int]:
    """Files by state, every state named. An archive counts by its members: it is left out once it has any."""
    file, member = tables.file.c, tables.file.alias()
    has_members = select(member.c.id).where(member.c.origin_id == file.id).exists()
    rows = connection.execute(
        select(file.state, func.count().label("n"))
        .where(file.delivery_id == delivery_id, ~has_members)
        .group_by(file.state)
    )
    return {state: 0 for state in State} | {State(row.state): row.n for row in rows}


def identifiers_of(connection: Connection, keys: Keys, delivery_id: int) -> list[Identifier]:
    """All that identifies in a delivery, unsealed. IDENTIFYING.

    Raises:
        NeedsPerson: a key is not in the ring, or a cell was altered.
    """
    of, subject = tables.identifier.c, tables.subject.c
    rows = connection.execute(
        select(of.id, of.kind, of.sealed, of.key_id, subject.pseudonym)
        .join(tables.subject, subject.id == of.subject_id, isouter=True)
        .where(of.delivery_id == delivery_id)
        .order_by(of.digest)
    )
    return [
        Identifier(
            IdentifierKind(row.kind),
            keys.unseal(row.sealed, row.key_id, "identifier", "sealed", row.id),
            row.pseudonym,
        )
        for row in rows
    ]


def findings_of(connection: Connection, delivery_id: int) -> list[FindingRow]:
    """The findings of a delivery in the order in which they were recorded."""
    columns = [tables.finding.c[column.name] for column in fields(FindingRow)]
    statement = select(*columns).where(tables.finding.c.delivery_id == delivery_id).order_by(tables.finding.c.id)
    return [FindingRow(**row) for row in connection.execute(statement).mappings()]


def subjects_of(connection: Connection, delivery_id: int) -> dict[int, tuple[str, ...]]:
    """The pseudonyms of each file of a delivery, by file id, sorted; files without a subject are left out."""
    link, file, subject = tables.file_subject.c, tables.file.c, tables.subject.c
    rows = connection.execute(
        select(link.file_id, subject.pseudonym)
        .join(tables.file, file.id == link.file_id)
        .join(tables.subject, subject.id == link.subject_id)
        .where(file.delivery_id == delivery_id)
        .order_by(link.file_id, subject.pseudonym)
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row.file_id, []).append(row.pseudonym)
    return {file_id: tuple(pseudonyms) for file_id, pseudonyms in found.items()}


def _new(connection: Connection, keys: Keys, centre_id: int, folder: str, state: str, at: datetime) -> DeliveryRow:
    delivery = tables.delivery.c
    last = select(func.max(delivery.number)).where(delivery.centre_id == centre_id)
    (delivery_id,) = take_ids(connection, "delivery", 1)
    sealed, key_id = keys.seal(folder, "delivery", "folder_sealed", delivery_id)
    row = {
        "id": delivery_id,
        "centre_id": centre_id,
        "number": (connection.execute(last).scalar() or 0) + 1,
        "folder_digest": folder_digest(keys, folder),
        "folder_sealed": sealed,
        "key_id": key_id,
        "state": state,
        "created_at": at,
    }
    connection.execute(insert(tables.delivery), row)
    return _rows(connection, _select().where(delivery.id == delivery_id))[0]


def _waiting(connection: Connection, centre_id: int, digest: str) -> DeliveryRow | None:
    delivery = tables.delivery.c
    statement = _select().where(
        delivery.centre_id == centre_id, delivery.folder_digest == digest, delivery.state == "waiting"
    )
    return next(iter(_rows(connection, statement)), None)


def _select() -> Select[*tuple[object, ...]]:
    return select(*(tables.delivery.c[column.name] for column in fields(DeliveryRow))).order_by(
        tables.delivery.c.number
    )


def _rows(connection: Connection, statement: Select[*tuple[object, ...]]) -> list[DeliveryRow]:
    return [DeliveryRow(**row) for row in connection.execute(statement).mappings()]
