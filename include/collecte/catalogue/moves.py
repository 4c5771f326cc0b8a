"""What a step may write about its delivery: in bulk, inside one transaction, and never past the state machine.

A :class:`Moves` remembers every file that it moves, adds or gives its SHA-256; as the transaction closes,
:func:`record` appends one event with a leaf for each of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from collecte.catalogue import audit, tables
from collecte.catalogue.engine import chunks, insert_rows, new_rows, now, take_ids
from collecte.catalogue.files import NewFile, insert_files
from collecte.catalogue.states import Change, check, check_delivery
from collecte.errors import Bug, Retry
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import Identifier, State

#: What :meth:`Moves.set_files` may write. States move by :meth:`Moves.move` alone; ids, paths and salts never change.
SETTABLE = frozenset(
    {
        "object_id",
        "size",
        "mtime",
        "sha256",
        "landing",
        "kind",
        "logical_digest",
        "name",
        "safe_sha256",
        "safe_size",
    }
)


@dataclass
class Moves:
    """What one attempt writes in one transaction: that of ``connection``. ``label`` names the delivery."""

    connection: Connection
    delivery_id: int
    label: str
    _before: dict[int, str] = field(default_factory=dict, repr=False)

    def move(self, changes: Iterable[Change]) -> None:
        """Move files to other states.

        Raises:
            IllegalTransition: the state machine does not hold the move.
            Bug: there is no such file.
            Retry: another step moved one of them at the same moment.
        """
        for chunk in chunks(changes):
            self._move([*{change.file_id: change for change in chunk}.values()], len(chunk))

    def _move(self, changes: Sequence[Change], given: int) -> None:
        if len(changes) != given:
            raise Bug("A file is to move twice at once.")
        states = self._touch([change.file_id for change in changes])
        groups: dict[tuple[str, str, str | None], list[Change]] = {}
        for change in changes:
            check(change, State(states[change.file_id]))
            groups.setdefault((states[change.file_id], change.to.value, change.reason), []).append(change)
        for (before, to, reason), group in groups.items():
            if self._write_states(group, before, to, reason) != len(group):
                raise Retry(f"Another step moved files of delivery {self.label} at the same moment.")

    def _write_states(self, group: Sequence[Change], before: str, to: str, reason: str | None) -> int:
        """How many were still in the state that was checked; from here on their rows are ours."""
        file = tables.file.c
        moved = update(tables.file).where(file.state == before).values(state=to, reason=reason)
        n = 0
        if plain := [change.file_id for change in group if change.points_to is None]:
            n += self.connection.execute(moved.where(file.id.in_(plain)).values(points_to=None)).rowcount
        if pointing := [{"b_id": c.file_id, "b_to": c.points_to} for c in group if c.points_to is not None]:
            each = moved.where(file.id == bindparam("b_id")).values(points_to=bindparam("b_to"))
            n += self.connection.execute(each, pointing).rowcount
        return n

    def set_files(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Set columns (:data:`SETTABLE`) of files of this delivery; each row holds ``id`` and the columns to set.

        The SHA-256 as received is set once: a file whose bytes differ is another file.

        Raises:
            Bug: a column that is not settable, a file that is not this delivery's, or a second SHA-256.
        """
        for chunk in chunks(rows):
            groups: dict[frozenset[str], list[dict[str, Any]]] = {}
            for row in chunk:
                groups.setdefault(frozenset(row) - {"id"}, []).append({f"b_{name}": row[name] for name in row})
            for columns, group in groups.items():
                self._set(columns, group)

    def _set(self, columns: frozenset[str], rows: list[dict[str, Any]]) -> None:
        if wrong := columns - SETTABLE:
            raise Bug(f"{sorted(wrong)} of a file cannot be set.")
        file = tables.file.c
        statement = (
            update(tables.file)
            .where(file.id == bindparam("b_id"), file.delivery_id == self.delivery_id)
            .values({name: bindparam(f"b_{name}") for name in columns})
        )
        if "sha256" in columns:
            self._touch([row["b_id"] for row in rows], lock=True)
            statement = statement.where(file.sha256.is_(None) | (file.sha256 == bindparam("b_sha256")))
        if self.connection.execute(statement, rows).rowcount != len(rows):
            raise Bug(f"Not all {len(rows)} files are of delivery {self.label}, or one has another SHA-256 already.")

    def add_files(self, keys: Keys, files: Sequence[NewFile]) -> list[int]:
        """Register more files of this delivery, as waiting: the members of an archive. Their ids, in that order."""
        ids = insert_files(self.connection, keys, self.delivery_id, files)
        self._before.update((file_id, audit.NEW) for file_id in ids)
        return list(ids)

    def add_findings(self, step: str, rows: Iterable[tuple[int | None, Finding]]) -> None:
        """Record findings, each of a file (its id) or of the delivery (None)."""
        at = now()
        for chunk in chunks(rows):
            ids = take_ids(self.connection, "finding", len(chunk))
            insert_rows(
                self.connection,
                tables.finding,
                (
                    {
                        "id": finding_id,
                        "delivery_id": self.delivery_id,
                        "file_id": file_id,
                        "step": step,
                        "code": finding.code,
                        "severity": finding.severity,
                        "place": finding.place,
                        "count": finding.count,
                        "values": dict(finding.values),
                        "at": at,
                    }
                    for finding_id, (file_id, finding) in zip(ids, chunk, strict=True)
                ),
            )

    def subjects(self, centre_id: int, pseudonyms: Iterable[str]) -> dict[str, int]:
        """The ids of a centre's subjects by pseudonym; new ones are made."""
        wanted = sorted(set(pseudonyms))
        found = self._subjects(centre_id, wanted)
        missing = [pseudonym for pseudonym in wanted if pseudonym not in found]
        if not missing:
            return found
        ids = take_ids(self.connection, "subject", len(missing))
        rows = ({"id": i, "centre_id": centre_id, "pseudonym": p} for i, p in zip(ids, missing, strict=True))
        insert_rows(self.connection, tables.subject, rows, or_ignore=True)
        return found | self._subjects(centre_id, missing)

    def _subjects(self, centre_id: int, pseudonyms: Sequence[str]) -> dict[str, int]:
        subject = tables.subject.c
        statement = select(subject.pseudonym, subject.id).where(subject.centre_id == centre_id)
        found: dict[str, int] = {}
        for chunk in chunks(pseudonyms):
            rows = self.connection.execute(statement.where(subject.pseudonym.in_(chunk)))
            found.update((row.pseudonym, row.id) for row in rows)
        return found

    def objects(self, delivery_id: int, groups: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The ids of a delivery's objects by (kind, key digest); new ones are made."""
        wanted = sorted(set(groups))
        found = self._objects(delivery_id, wanted)
        missing = [group for group in wanted if group not in found]
        if not missing:
            return found
        ids = take_ids(self.connection, "object", len(missing))
        rows = (
            {"id": i, "delivery_id": delivery_id, "kind": kind, "key_digest": digest}
            for i, (kind, digest) in zip(ids, missing, strict=True)
        )
        insert_rows(self.connection, tables.object_, rows, or_ignore=True)
        return found | self._objects(delivery_id, missing)

    def _objects(self, delivery_id: int, groups: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        of = tables.object_.c
        statement = select(of.kind, of.key_digest, of.id).where(of.delivery_id == delivery_id)
        wanted = set(groups)
        found: dict[tuple[str, str], int] = {}
        for chunk in chunks(digest for _, digest in groups):
            for row in self.connection.execute(statement.where(of.key_digest.in_(chunk))):
                if (row.kind, row.key_digest) in wanted:
                    found[row.kind, row.key_digest] = row.id
        return found

    def link_file_subjects(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Say which subjects a file is about: (file id, subject id)."""
        rows = ({"file_id": file, "subject_id": subject} for file, subject in pairs)
        insert_rows(self.connection, tables.file_subject, rows, or_ignore=True)

    def link_object_subjects(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Say which subjects an object is about: (object id, subject id)."""
        rows = ({"object_id": object_id, "subject_id": subject} for object_id, subject in pairs)
        insert_rows(self.connection, tables.object_subject, rows, or_ignore=True)

    def link_subjects_of_objects(self) -> dict[str, int]:
        """Say of every object of the delivery which subjects its files are about; how many ``files`` have a subject,
        and how many ``objects`` there are.
        """
        file, link = tables.file.c, tables.file_subject.c
        found = (
            select(file.object_id, link.subject_id)
            .join_from(tables.file, tables.file_subject, link.file_id == file.id)
            .where(file.delivery_id == self.delivery_id, file.object_id.is_not(None))
            .distinct()
        )
        insert = new_rows(self.connection, tables.object_subject)
        self.connection.execute(
            insert.from_select(["object_id", "subject_id"], found, include_defaults=False).on_conflict_do_nothing()
        )
        mine = file.delivery_id == self.delivery_id
        told = select(link.file_id).where(link.file_id == file.id).exists()
        files = select(func.count()).select_from(tables.file).where(mine, told)
        objects = select(func.count(file.object_id.distinct())).where(mine)
        return {
            "files": int(self.connection.execute(files).scalar_one()),
            "objects": int(self.connection.execute(objects).scalar_one()),
        }

    def add_identifiers(
        self, delivery_id: int, keys: Keys, identifiers: Iterable[Identifier], subject_ids: Mapping[str, int]
    ) -> None:
        """Keep what identifies in a delivery, sealed; each distinct one once. ``subject_ids``: by pseudonym."""
        delivery, centre = tables.delivery.c, tables.centre.c
        place = self.connection.execute(
            select(centre.challenge_id, centre.code, delivery.number)
            .join(tables.centre, centre.id == delivery.centre_id)
            .where(delivery.id == delivery_id)
        ).one()
        where = (place.challenge_id, place.code, str(place.number))
        for chunk in chunks(identifiers):
            by_digest = {keys.digest("identifier", *where, i.kind.value, i.subject or "", i.value): i for i in chunk}
            self._add_identifiers(delivery_id, keys, by_digest, subject_ids)

    def _add_identifiers(
        self, delivery_id: int, keys: Keys, by_digest: Mapping[str, Identifier], subject_ids: Mapping[str, int]
    ) -> None:
        of = tables.identifier.c
        there = set(self.connection.execute(select(of.digest).where(of.digest.in_(list(by_digest)))).scalars())
        missing = sorted(set(by_digest) - there)
        rows = []
        for row_id, digest in zip(take_ids(self.connection, "identifier", len(missing)), missing, strict=True):
            identifier = by_digest[digest]
            sealed, key_id = keys.seal(identifier.value, "identifier", "sealed", row_id)
            rows.append(
                {
                    "id": row_id,
                    "delivery_id": delivery_id,
                    "subject_id": subject_ids[identifier.subject] if identifier.subject else None,
                    "kind": identifier.kind.value,
                    "sealed": sealed,
                    "key_id": key_id,
                    "digest": digest,
                }
            )
        insert_rows(self.connection, tables.identifier, rows, or_ignore=True)

    def add_receipts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep a destination's proofs: ``shipment_id``, ``file_id``, ``key``, ``size`` (bytes), ``sha256``, ``proof``
        and, where the destination gives them, ``version_id`` and ``etag``. The first receipt of a key stands.
        """
        at = now()
        for chunk in chunks(rows):
            ids = take_ids(self.connection, "receipt", len(chunk))
            blank = {"file_id": None, "version_id": None, "etag": None, "at": at}
            numbered = ({**blank, **row, "id": i} for i, row in zip(ids, chunk, strict=True))
            insert_rows(self.connection, tables.receipt, numbered, or_ignore=True)

    def delivery_state(self, to: str) -> None:
        """Move the delivery itself on.

        Raises:
            IllegalTransition: the state machine does not hold the move.
        """
        delivery = tables.delivery.c
        mine = delivery.id == self.delivery_id
        state = self.connection.execute(select(delivery.state).where(mine).with_for_update()).scalar_one()
        check_delivery(self.label, state, to)
        self.connection.execute(update(tables.delivery).where(mine).values(state=to))

    def _touch(self, ids: Sequence[int], *, lock: bool = False) -> dict[int, str]:
        """The states of these files now (``lock``: kept so); what they were before this transaction is remembered."""
        file = tables.file.c
        statement = select(file.id, file.state).where(file.id.in_(ids)).order_by(file.id)
        rows = self.connection.execute(statement.with_for_update() if lock else statement)
        states: dict[int, str] = {row.id: row.state for row in rows}
        if len(states) != len(ids):
            raise Bug(f"{len(ids) - len(states)} files are not in the catalogue.")
        for file_id, state in states.items():
            self._before.setdefault(file_id, state)
        return states


def record(
    moves: Moves, step: str, shard: str, attempt: int, counts: Mapping[str, int], *, always: bool = True
) -> None:
    """Append the event of a transaction: to its delivery's chain, and to that of each other delivery whose files it
    moved.

    ``always``: also where no file moved.
    """
    leaves: dict[int, list[bytes]] = {moves.delivery_id: []} if always else {}
    tallies: dict[int, Counter[str]] = {}
    file = tables.file.c
    columns = select(file.id, file.delivery_id, file.state, file.salt, file.sha256, file.safe_sha256).order_by(file.id)
    for chunk in chunks(sorted(moves._before)):
        for row in moves.connection.execute(columns.where(file.id.in_(chunk))):
            before = moves._before[row.id]
            known = audit.leaf(row.salt, row.id, before, row.state, row.sha256, row.safe_sha256)
            leaves.setdefault(row.delivery_id, []).append(known)
            tallies.setdefault(row.delivery_id, Counter())[f"{before}>{row.state}"] += 1
    for delivery_id in sorted(leaves):  # in one order, or two transactions could wait for each other
        mine = delivery_id == moves.delivery_id
        audit.append(
            moves.connection,
            audit.delivery_chain(delivery_id),
            step,
            shard if mine else f"{audit.delivery_chain(moves.delivery_id)}/{shard.partition('/')[2]}",
            attempt,
            counts if mine else {},
            leaves[delivery_id],
            tallies.get(delivery_id, {}),
        )
