"""Recalls: what was asked, the plan that was shown, which files it concerns, and whom reception refuses since.

Nobody is named here. A recall names a row of the catalogue; a refusal is a keyed digest of a subject's pseudonym, or of
the bytes of a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, delete, func, insert, select, update

from collecte.catalogue import tables
from collecte.catalogue.deliveries import DeliveryRow, deliveries_of, ensure_centre
from collecte.catalogue.engine import chunks, insert_rows, now, take_ids
from collecte.catalogue.files import FileRow, file_rows, select_files
from collecte.errors import NeedsPerson
from collecte.records import State

Request = Literal["opposition", "erasure"]
Scope = Literal["subject", "object", "file", "delivery"]

#: States of a recall whose data are still used.
PENDING = ("asked", "planned")

_LETTERS: Mapping[Scope, str] = {"subject": "s", "object": "o", "file": "f"}


@dataclass(frozen=True)
class RecallRow:
    """A recall. ``target``: id of the subject, object, file or delivery; ``plan`` and its ``digest`` as last shown."""

    id: int
    challenge_id: str
    number: int
    centre: str
    centre_id: int
    request: Request
    scope: Scope
    target: int
    state: str
    digest: str | None
    plan: Mapping[str, Any] | None
    asked_at: datetime
    closed_at: datetime | None

    @property
    def about(self) -> str:
        """How decisions and jobs call it: ``recall/1``."""
        return f"recall/{self.number}"


def new_recall(
    connection: Connection, challenge_id: str, centre: str, request: Request, scope: Scope, target: int
) -> RecallRow:
    """A new recall; or the one that was asked for the same before and is not closed."""
    centre_id = ensure_centre(connection, challenge_id, centre)
    # One number for each: of two centres at once, the second waits here.
    mine = tables.challenge.c.id == challenge_id
    connection.execute(select(tables.challenge.c.id).where(mine).with_for_update()).one()
    rows = recalls_of(connection, challenge_id)
    for row in rows:
        same = (row.centre_id, row.request, row.scope, row.target) == (centre_id, request, scope, target)
        if same and row.state != "closed":
            return row
    (recall_id,) = take_ids(connection, "recall", 1)
    number = max((row.number for row in rows), default=0) + 1
    values = {
        "id": recall_id,
        "challenge_id": challenge_id,
        "number": number,
        "centre_id": centre_id,
        "request": request,
        "scope": scope,
        "target": target,
        "state": "asked",
        "asked_at": now(),
    }
    connection.execute(insert(tables.recall), values)
    return recall_by_number(connection, challenge_id, number)


def recalls_of(connection: Connection, challenge_id: str, *states: str) -> list[RecallRow]:
    """The recalls of a challenge by number, all or those in some states (:data:`PENDING`: still to be carried out)."""
    of, centre = tables.recall.c, tables.centre.c
    statement = select(*(of[f.name] for f in fields(RecallRow) if f.name != "centre"), centre.code.label("centre"))
    statement = statement.join(tables.centre, centre.id == of.centre_id).where(of.challenge_id == challenge_id)
    if states:
        statement = statement.where(of.state.in_(states))
    return [RecallRow(**row) for row in connection.execute(statement.order_by(of.number)).mappings()]


def recall_by_number(connection: Connection, challenge_id: str, number: int) -> RecallRow:
    """The recall of a number.

    Raises:
        NeedsPerson: there is none.
    """
    for row in recalls_of(connection, challenge_id):
        if row.number == number:
            return row
    raise NeedsPerson(
        f"Challenge {challenge_id} has no recall {number}.", "choose a number that `collecte recall list` shows."
    )


def keep_plan(connection: Connection, recall: RecallRow, plan: Mapping[str, Any], digest: str) -> None:
    """Keep the plan that is about to be shown; nothing of it was done yet."""
    values = {"plan": dict(plan), "digest": digest, "state": "planned"}
    mine = tables.recall.c.id == recall.id
    connection.execute(update(tables.recall).where(mine, tables.recall.c.state.in_(PENDING)).values(values))


def recall_state(connection: Connection, recall: RecallRow, state: str) -> None:
    """Say how far a recall is: ``removed``, then ``closed``."""
    values = {"state": state, **({"closed_at": now()} if state == "closed" else {})}
    connection.execute(update(tables.recall).where(tables.recall.c.id == recall.id).values(values))


def refuse(connection: Connection, centre_id: int, recall_id: int | None, digests: Iterable[str]) -> None:
    """Have reception refuse these from now on. ``recall_id`` None: of somebody who is not known yet."""
    wanted = sorted(set(digests))
    ids = take_ids(connection, "refused", len(wanted))
    rows = (
        {"id": i, "centre_id": centre_id, "recall_id": recall_id, "digest": digest}
        for i, digest in zip(ids, wanted, strict=True)
    )
    insert_rows(connection, tables.refused, rows, or_ignore=True)


def cancel(connection: Connection, centre_id: int, subject_id: int | None, digest: str) -> bool:
    """Take back what a centre asked for a subject of theirs and was not carried out yet; whether there was something.

    ``digest``: by which reception refuses them, though they are not known.
    """
    of, at = tables.refused.c, tables.recall.c
    mine = and_(of.centre_id == centre_id, of.digest == digest, of.recall_id.is_(None))
    lifted = connection.execute(delete(tables.refused).where(mine)).rowcount
    pending = and_(at.centre_id == centre_id, at.scope == "subject", at.target == subject_id, at.state.in_(PENDING))
    closed = update(tables.recall).where(pending).values(state="closed", closed_at=now())
    return bool(connection.execute(closed).rowcount + lifted)


def refused_digests(connection: Connection, challenge_id: str) -> frozenset[str]:
    """All that reception refuses of a challenge, as keyed digests."""
    of, centre = tables.refused.c, tables.centre.c
    statement = select(of.digest).join(tables.centre, centre.id == of.centre_id)
    return frozenset(connection.execute(statement.where(centre.challenge_id == challenge_id)).scalars())


# Whom and what a recall names


def subject_of(connection: Connection, centre_id: int, pseudonym: str) -> int | None:
    """The id of a centre's subject."""
    of = tables.subject.c
    found: int | None = connection.execute(
        select(of.id).where(of.centre_id == centre_id, of.pseudonym == pseudonym)
    ).scalar()
    return found


def pseudonym_of(connection: Connection, subject_id: int) -> str | None:
    """The pseudonym of a subject; None once it is erased."""
    found: str | None = connection.execute(
        select(tables.subject.c.pseudonym).where(tables.subject.c.id == subject_id)
    ).scalar()
    return found


def delivery_label(connection: Connection, delivery_id: int) -> str:
    """``d0001``, within its centre."""
    number = select(tables.delivery.c.number).where(tables.delivery.c.id == delivery_id)
    return f"d{connection.execute(number).scalar_one():04d}"


def delivery_by_id(connection: Connection, delivery_id: int) -> DeliveryRow:
    """The delivery of an id."""
    centre = select(tables.delivery.c.centre_id).where(tables.delivery.c.id == delivery_id)
    rows = deliveries_of(connection, connection.execute(centre).scalar_one())
    return next(row for row in rows if row.id == delivery_id)


def named(connection: Connection, centre_id: int, letter: str, row_id: int) -> tuple[Scope, int] | None:
    """What ``s12``, ``o12`` or ``f12`` of a centre names: scope and id; a file with an object names that. None:
    nothing of this centre.
    """
    if letter == "s":
        mine = select(tables.subject.c.id).where(tables.subject.c.id == row_id, tables.subject.c.centre_id == centre_id)
        return ("subject", row_id) if connection.execute(mine).scalar() else None
    of = tables.object_ if letter == "o" else tables.file
    object_id = of.c.id if letter == "o" else of.c.object_id
    delivery = tables.delivery.c
    statement = select(object_id).join(tables.delivery, delivery.id == of.c.delivery_id)
    row = connection.execute(statement.where(of.c.id == row_id, delivery.centre_id == centre_id)).one_or_none()
    if row is None:
        return None
    return ("object", row[0]) if row[0] is not None else ("file", row_id)


def files_named(connection: Connection, scope: Scope, target: int) -> list[int]:
    """The ids of the files that a recall names, in order."""
    file, link = tables.file.c, tables.file_subject.c
    statement: Select[Any] = select(file.id)
    if scope == "subject":
        statement = select(link.file_id).where(link.subject_id == target)
    elif scope == "object":
        statement = statement.where(file.object_id == target)
    elif scope == "file":
        return _with_members(connection, target)
    else:
        statement = statement.where(file.delivery_id == target)
    return sorted(connection.execute(statement).scalars())


def _with_members(connection: Connection, file_id: int) -> list[int]:
    """A file; of an archive also what came out of it."""
    file = tables.file.c
    found = fresh = {file_id}
    while fresh:
        inside = select(file.id).where(file.origin_id.in_(sorted(fresh)))
        fresh = set(connection.execute(inside).scalars()) - found
        found = found | fresh
    return sorted(found)


def archives_of_nothing_else(connection: Connection, ids: Iterable[int]) -> list[int]:
    """The archives of which every member is one of these, and the archives that hold nothing but such archives."""
    file = tables.file.c
    held, found = set(ids), set[int]()
    fresh = set(held)
    while fresh:
        origins: set[int] = set()
        for chunk in chunks(sorted(fresh)):
            inside = select(file.origin_id).distinct().where(file.id.in_(chunk), file.origin_id.is_not(None))
            origins.update(connection.execute(inside).scalars())
        fresh = set()
        for origin in sorted(origins - held):
            members = connection.execute(select(file.id).where(file.origin_id == origin)).scalars()
            if held.issuperset(members):
                fresh.add(origin)
        found |= fresh
        held |= fresh
    return sorted(found)


def held_names(connection: Connection, delivery_id: int, names: Iterable[str]) -> frozenset[str]:
    """Those of these output names that an accepted file of the delivery has."""
    file = tables.file.c
    statement = select(file.name).where(file.delivery_id == delivery_id, file.state == State.ACCEPTED.value)
    found: set[str] = set()
    for chunk in chunks(sorted(set(names))):
        found.update(connection.execute(statement.where(file.name.in_(chunk))).scalars())
    return frozenset(found)


def same_bytes_as(connection: Connection, challenge_id: str, ids: Iterable[int]) -> list[int]:
    """The other files of the challenge with the bytes of one of these, as received; an empty file repeats none."""
    file, delivery, centre = tables.file.c, tables.delivery.c, tables.centre.c
    mine = set(ids)
    found: set[int] = set()
    others = (
        select(file.id)
        .join(tables.delivery, delivery.id == file.delivery_id + 0)  # by the index of sums, as first_with_sha256
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id)
    )
    for chunk in chunks(sorted(mine)):
        shas = select(file.sha256).distinct().where(file.id.in_(chunk), file.sha256.is_not(None), file.size > 0)
        for some in chunks(connection.execute(shas).scalars().all()):
            found.update(connection.execute(others.where(file.sha256.in_(some))).scalars())
    return sorted(found - mine)


def also_about_others(connection: Connection, ids: Iterable[int], subject_id: int) -> frozenset[int]:
    """Those of these files that are about somebody else too."""
    link = tables.file_subject.c
    found: set[int] = set()
    for chunk in chunks(sorted(ids)):
        other = select(link.file_id).distinct().where(link.file_id.in_(chunk), link.subject_id != subject_id)
        found.update(connection.execute(other).scalars())
    return frozenset(found)


def accepted_tables(connection: Connection, centre_id: int) -> list[int]:
    """The ids of a centre's accepted tables: any of them may have a row that speaks of a recalled file."""
    file, delivery = tables.file.c, tables.delivery.c
    statement = select(file.id).join(tables.delivery, delivery.id == file.delivery_id)
    mine = and_(delivery.centre_id == centre_id, file.kind == "table", file.state == State.ACCEPTED.value)
    return list(connection.execute(statement.where(mine).order_by(file.id)).scalars())


def nobody_tells(connection: Connection, centre_id: int) -> int:
    """How many files of a centre are in quarantine of which nobody could tell whom they are about."""
    file, delivery, link = tables.file.c, tables.delivery.c, tables.file_subject.c
    told = select(link.file_id).where(link.file_id == file.id).exists()
    statement = select(func.count()).select_from(tables.file).join(tables.delivery, delivery.id == file.delivery_id)
    mine = and_(delivery.centre_id == centre_id, file.state == State.QUARANTINED.value, file.landing.is_not(None))
    return int(connection.execute(statement.where(mine, ~told)).scalar_one())


@dataclass(frozen=True)
class Located:
    """A file and where its copies lie: centre and delivery, as their folders are called."""

    file: FileRow
    centre: str
    delivery: str
    delivery_state: str


def located(connection: Connection, ids: Iterable[int]) -> Iterator[list[Located]]:
    """These files in the order of their ids, a page of them at a time."""
    delivery, centre = tables.delivery.c, tables.centre.c
    places = {
        row.id: (row.code, f"d{row.number:04d}", row.state)
        for row in connection.execute(
            select(delivery.id, delivery.number, delivery.state, centre.code).join(
                tables.centre, centre.id == delivery.centre_id
            )
        )
    }
    for chunk in chunks(sorted(ids), 2000):
        page = file_rows(connection, select_files().where(tables.file.c.id.in_(chunk)))
        yield [Located(file, *places[file.delivery_id]) for file in page]
