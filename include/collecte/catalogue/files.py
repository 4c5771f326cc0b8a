"""Files of the catalogue: their rows, the keyed digests by which their names are compared, registering, reading."""

import posixpath
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from sqlalchemy import Connection, RowMapping, Select, select

from collecte.catalogue import tables
from collecte.catalogue.engine import CHUNK_ROWS, chunks, copy_rows, take_ids
from collecte.errors import Bug
from collecte.keys import Keys
from collecte.records import State

SALT_BYTES = 16


@dataclass(frozen=True)
class NewFile:
    """A file about to be registered. IDENTIFYING: ``path``, relative to the drop; of a member: relative to its archive.

    ``size`` in bytes; ``mtime_ns`` nanoseconds since 1970 by the drop's clock; ``expected`` is ``algorithm:hex`` from
    the centre's manifest. A member of an archive names it in ``origin`` and comes with ``sha256`` and its place in
    landing.
    """

    path: str = field(repr=False)
    size: int
    mtime_ns: int | None = None
    expected: str | None = None
    replaces: tuple[str, ...] = field(default=(), repr=False)
    origin: int | None = None
    sha256: str | None = None
    landing: str | None = None


@dataclass(frozen=True)
class FileRow:
    """A file as it stands in the catalogue; the columns of :data:`collecte.catalogue.tables.file`."""

    id: int
    delivery_id: int
    object_id: int | None
    origin_id: int | None
    state: State
    reason: str | None
    points_to: int | None
    path_sealed: bytes = field(repr=False)
    key_id: str
    path_digest: str
    name_digest: str
    size: int
    mtime: int | None
    expected: str | None
    replaces: str | None
    sha256: str | None
    landing: str | None
    kind: str | None
    logical_digest: str | None
    name: str | None
    safe_sha256: str | None
    safe_size: int | None

    @property
    def label(self) -> str:
        """``f123``, as findings and logs name it."""
        return f"f{self.id}"


@dataclass(frozen=True)
class FirstSeen:
    """The file that decides about another with the same bytes."""

    file_id: int
    delivery_id: int
    centre_id: int
    state: State


def path_digest(keys: Keys, path: str) -> str:
    """What a path, relative to the drop, is compared by."""
    return keys.digest("path", path)


def member_digest(keys: Keys, archive_digest: str, member: str) -> str:
    """The same of a member of an archive: of its archive's digest and its path inside."""
    return keys.digest("member", archive_digest, member)


def name_digest(keys: Keys, path: str) -> str:
    """What a file's bare name is compared by, as references in tables give it: without case, accents composed (NFC)."""
    return keys.digest("name", unicodedata.normalize("NFC", posixpath.basename(path)).casefold())


def open_path(keys: Keys, row: FileRow) -> str:
    """The path of a file in the drop (of a member: in its archive). IDENTIFYING.

    Raises:
        NeedsPerson: the key is not in the ring, or the cell was altered.
    """
    return keys.unseal(row.path_sealed, row.key_id, "file", "path_sealed", row.id)


def insert_files(connection: Connection, keys: Keys, delivery_id: int, files: Sequence[NewFile]) -> range:
    """Insert the files of one delivery as ``waiting``; their ids, in the order given."""
    ids = take_ids(connection, "file", len(files))
    archives = _digests_of(connection, {f.origin for f in files if f.origin is not None})
    copy_rows(connection, tables.file, _rows(keys, delivery_id, files, ids, archives))
    return ids


def _rows(
    keys: Keys, delivery_id: int, files: Sequence[NewFile], ids: range, archives: Mapping[int, str]
) -> Iterator[dict[str, object]]:
    for file_id, file in zip(ids, files, strict=True):
        sealed, key_id = keys.seal(file.path, "file", "path_sealed", file_id)
        if file.origin is None:
            digest = path_digest(keys, file.path)
        else:
            digest = member_digest(keys, archives[file.origin], file.path)
        yield {
            "id": file_id,
            "delivery_id": delivery_id,
            "origin_id": file.origin,
            "state": State.WAITING.value,
            "path_sealed": sealed,
            "key_id": key_id,
            "path_digest": digest,
            "name_digest": name_digest(keys, file.path),
            "size": file.size,
            "mtime": file.mtime_ns,
            "expected": file.expected,
            "replaces": " ".join(path_digest(keys, path) for path in file.replaces) or None,
            "sha256": file.sha256,
            "landing": file.landing,
            "salt": secrets.token_bytes(SALT_BYTES),
        }


def _digests_of(connection: Connection, ids: set[int]) -> dict[int, str]:
    columns = select(tables.file.c.id, tables.file.c.path_digest)
    found: dict[int, str] = {}
    for chunk in chunks(sorted(ids)):
        found.update(
            (row.id, row.path_digest) for row in connection.execute(columns.where(tables.file.c.id.in_(chunk)))
        )
    if missing := ids - set(found):
        raise Bug(f"{len(missing)} files name an archive that is not in the catalogue.")
    return found


_FILE_COLUMNS = [tables.file.c[column.name] for column in fields(FileRow)]


def file_rows(connection: Connection, statement: Select[*tuple[object, ...]]) -> list[FileRow]:
    """The rows of a select over :func:`select_files`."""
    return [_file_row(row) for row in connection.execute(statement).mappings()]


def select_files() -> Select[*tuple[object, ...]]:
    """The columns of a :class:`FileRow`, in the order of their ids."""
    return select(*_FILE_COLUMNS).order_by(tables.file.c.id)


def _file_row(row: RowMapping) -> FileRow:
    values = dict(row)
    values["state"] = State(values["state"])
    return FileRow(**values)


def files_of_delivery(connection: Connection, delivery_id: int, state: State | None = None) -> list[FileRow]:
    """The files of a delivery in the order of their ids, all or those in one state."""
    statement = select_files().where(tables.file.c.delivery_id == delivery_id)
    return file_rows(connection, statement if state is None else statement.where(tables.file.c.state == state.value))


def known_files(connection: Connection, centre_id: int, folder_digest: str) -> dict[str, tuple[int, int | None]]:
    """What was registered of a folder of the drop, in any delivery, and may still lie there: path digest → (size, mtime
    in ns), the latest of each.

    Not what was removed from the drop after its receipt: there again, it was deposited again. Nor the deliveries in
    which files are judged anew: they came out of landing.
    """
    file, delivery, shard = tables.file.c, tables.delivery.c, tables.shard.c
    emptied = select(shard.id).where(
        shard.delivery_id == delivery.id, shard.step == "empty_drop", shard.done_at.is_not(None)
    )
    statement = (
        select(file.path_digest, file.size, file.mtime)
        .join(tables.delivery, delivery.id == file.delivery_id)
        .where(delivery.centre_id == centre_id, delivery.folder_digest == folder_digest, file.origin_id.is_(None))
        .where(file.sha256.is_not(None) | (file.state != State.REJECTED.value))
        .where(file.sha256.is_(None) | ~emptied.exists(), delivery.complete_by.is_distinct_from("retry"))
        .order_by(file.id)
    )
    return {row.path_digest: (row.size, row.mtime) for row in connection.execute(statement)}


#: Which of several files with the same bytes decides: one that was recalled always, then one that stands.
_WEIGHT = {state: weight for weight, state in enumerate((State.RECALLED, State.ACCEPTED, State.WAITING))}


def first_with_sha256(
    connection: Connection, challenge_id: str, shas: Iterable[str], *, centre_id: int | None = None
) -> dict[str, FirstSeen]:
    """By SHA-256 (hex, as received), the file of the challenge (or of one centre of it) that decides about others with
    the same bytes.

    A recalled one before all, else an accepted one, else a waiting one, else any other; of several, the first.
    Duplicates are not looked at. The answer may be the very file that the caller asks for.
    """
    file, delivery, centre = tables.file.c, tables.delivery.c, tables.centre.c
    statement = (
        select(file.sha256, file.id, file.delivery_id, delivery.centre_id, file.state)
        # By the index of sums: by that of deliveries, SQLite would read all files of the challenge each time.
        .join(tables.delivery, delivery.id == file.delivery_id + 0)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id, file.state != State.DUPLICATE.value)
        .order_by(file.id)
    )
    if centre_id is not None:
        statement = statement.where(centre.id == centre_id)
    first: dict[str, FirstSeen] = {}
    for chunk in chunks(sorted(set(shas)), CHUNK_ROWS):
        for row in connection.execute(statement.where(file.sha256.in_(chunk))):
            seen = FirstSeen(row.id, row.delivery_id, row.centre_id, State(row.state))
            held = first.get(row.sha256)
            if held is None or _WEIGHT.get(seen.state, 9) < _WEIGHT.get(held.state, 9):
                first[row.sha256] = seen
    return first


def files_like(connection: Connection, centre_id: int, delivery_id: int, files: Iterable[FileRow]) -> list[FileRow]:
    """The accepted and quarantined files of a centre's other deliveries that share a path or a logical identity with
    one of ``files``, or that one of them says it replaces: what these could be corrections of. In the order of their
    ids.
    """
    paths: set[str] = set()
    identities: set[str] = set()
    for row in files:
        paths |= {row.path_digest, *(row.replaces or "").split()}
        identities |= {row.logical_digest} if row.logical_digest else set()
    file, delivery = tables.file.c, tables.delivery.c
    others = (
        select_files()
        .where(delivery.centre_id == centre_id, delivery.id != delivery_id)
        .where(file.state.in_((State.ACCEPTED.value, State.QUARANTINED.value)))
    )
    by_path = others.join(tables.delivery, delivery.id == file.delivery_id)
    by_identity = others.join(tables.delivery, delivery.id == file.delivery_id + 0)  # as in first_with_sha256
    found: dict[int, FileRow] = {}
    for joined, column, digests in (
        (by_path, file.path_digest, paths),
        (by_identity, file.logical_digest, identities),
    ):
        for chunk in chunks(sorted(digests)):
            found.update((row.id, row) for row in file_rows(connection, joined.where(column.in_(chunk))))
    return [found[file_id] for file_id in sorted(found)]
