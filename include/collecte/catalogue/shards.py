"""Shards: how a step's work on one delivery is cut, and the lease that an attempt holds on its piece.

Attempts are fenced. :func:`take` moves the shard's attempt on by one; every write of an attempt first proves that it
is still the newest, inside the same transaction, so that the orphan of a killed try changes nothing once a second one
began.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import Catalogue, insert_rows, now, take_ids
from collecte.catalogue.files import FileRow, file_rows, select_files
from collecte.catalogue.moves import Moves, record
from collecte.errors import Bug, LeaseLost, NeedsPerson
from collecte.records import State

_SHARD = re.compile(r"(d\d{4,})/([a-z_]{1,16})/([1-9]\d*)")


@dataclass(frozen=True)
class ShardName:
    """What ``d0001/receive/3`` says."""

    delivery: str
    step: str
    number: int

    @classmethod
    def parse(cls, text: str) -> "ShardName":
        """Raises NeedsPerson where the text is no shard's name."""
        if not (match := _SHARD.fullmatch(text)):
            raise NeedsPerson("This is no name of a shard.", "write delivery, step and number: d0001/receive/3.")
        return cls(match[1], match[2], int(match[3]))

    def __str__(self) -> str:
        return f"{self.delivery}/{self.step}/{self.number}"


@dataclass(frozen=True)
class ShardRef:
    """A shard as tasks hand it on: its name, and a label for people (``shard 3/12 · 214 files``)."""

    shard: str
    label: str

    def as_dict(self) -> dict[str, str]:
        return {"shard": self.shard, "label": self.label}

    @classmethod
    def from_dict(cls, raw: Mapping[str, str]) -> "ShardRef":
        return cls(raw["shard"], raw["label"])


@dataclass(frozen=True)
class ShardPlan:
    """A piece of work: the files of the delivery with ids from ``first_file`` to ``last_file``; how many, how many
    bytes.
    """

    first_file: int | None
    last_file: int | None
    files: int
    bytes: int


@dataclass(frozen=True)
class Lease:
    """The right of one attempt to write about one shard. ``bytes`` as listed; ``delivery`` is its label, ``d0001``."""

    id: int
    delivery_id: int
    step: str
    number: int
    of: int
    first_file: int | None
    last_file: int | None
    files: int
    bytes: int
    attempt: int
    delivery: str
    centre_id: int
    catalogue: Catalogue = field(repr=False, compare=False)

    @property
    def shard(self) -> str:
        """``d0001/receive/3``."""
        return f"{self.delivery}/{self.step}/{self.number}"

    def check(self) -> None:
        """Stop here if a newer attempt began: worth a call before each costly piece of work.

        Raises:
            LeaseLost: it did.
        """
        shard = tables.shard.c
        with self.catalogue.read() as connection:
            attempt = connection.execute(select(shard.attempt).where(shard.id == self.id)).scalar()
        if attempt != self.attempt:
            raise self._lost()

    @contextmanager
    def finish(self, counts: Mapping[str, int]) -> Iterator[Moves]:
        """The one transaction that ends the shard: the block's writes, its event and its counts, or nothing.

        ``counts`` is read after the block, which may still fill it.

        Raises:
            LeaseLost: a newer attempt began; nothing is written.
            Retry: the database was busy or lost; nothing is written.
        """
        with self._fenced() as moves:
            yield moves
            record(moves, self.step, self.shard, self.attempt, counts)
            done = {"done_at": now(), "counts": dict(counts)}
            moves.connection.execute(update(tables.shard).where(tables.shard.c.id == self.id).values(done))

    @contextmanager
    def progress(self) -> Iterator[Moves]:
        """A transaction before the end, fenced likewise. Where it moves files or gives them their SHA-256 it has an
        event of its own, without counts.

        Raises:
            LeaseLost: a newer attempt began; nothing is written.
            Retry: the database was busy or lost; nothing is written.
        """
        with self._fenced() as moves:
            yield moves
            record(moves, self.step, self.shard, self.attempt, {}, always=False)

    @contextmanager
    def _fenced(self) -> Iterator[Moves]:
        shard = tables.shard.c
        with self.catalogue.transaction() as connection:
            # An update, not a select: it also holds the row, so that the next attempt begins after this transaction.
            held = connection.execute(
                update(tables.shard)
                .where(shard.id == self.id, shard.attempt == self.attempt, shard.done_at.is_(None))
                .values(attempt=self.attempt)
            )
            if held.rowcount != 1:
                raise self._lost()
            yield Moves(connection, self.delivery_id, self.delivery)

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"Attempt {self.attempt} of shard {self.shard} was overtaken by a newer one, or is done already.",
            "nothing; the newer attempt does the work. If none is running, clear the task in Airflow.",
        )


def cut(files: Iterable[tuple[int, int]], max_bytes: int, max_files: int) -> list[ShardPlan]:
    """Cut files, (id, size in bytes), into shards in the order of their ids.

    No shard has more than ``max_files`` files, nor more than ``max_bytes`` bytes unless one file alone has. A function
    of its input alone: the same files are cut the same way.
    """
    return cut_in_order(sorted(files), max_bytes, max_files)


def cut_in_order(
    files: Iterable[tuple[int, int]], max_bytes: int, max_files: int, weigh: Callable[[int], float] = lambda file_id: 1
) -> list[ShardPlan]:
    """:func:`cut` for very many files that come in the order of their ids: only the shards are held in memory.

    ``weigh`` says as how many files one counts, by its id.
    """
    plans: list[ShardPlan] = []
    piece: ShardPlan | None = None
    weight = 0.0
    for file_id, size in files:
        own = weigh(file_id)
        if piece and weight + own <= max_files and piece.bytes + size <= max_bytes:
            piece = ShardPlan(piece.first_file, file_id, piece.files + 1, piece.bytes + size)
            weight += own
            continue
        plans += [piece] if piece else []
        piece, weight = ShardPlan(file_id, file_id, 1, size), own
    return [*plans, piece] if piece else plans


def whole(files: Sequence[tuple[int, int]]) -> ShardPlan:
    """One shard for all files, (id, size in bytes), or for none: for steps that see a delivery as a whole."""
    ordered = sorted(files)
    return _plan(ordered, sum(size for _, size in ordered)) if ordered else ShardPlan(None, None, 0, 0)


def _plan(piece: Sequence[tuple[int, int]], size: int) -> ShardPlan:
    return ShardPlan(piece[0][0], piece[-1][0], len(piece), size)


def plan(connection: Connection, delivery_id: int, step: str, plans: Iterable[ShardPlan]) -> list[ShardRef]:
    """Record how a step is cut, once: where it was planned before, what is there stands. The shards, by number."""
    connection.execute(select(tables.delivery.c.id).where(tables.delivery.c.id == delivery_id).with_for_update()).one()
    if there := planned(connection, delivery_id, step):
        return there
    pieces = list(plans)
    ids = take_ids(connection, "shard", len(pieces))
    insert_rows(
        connection,
        tables.shard,
        (
            {
                "id": row_id,
                "delivery_id": delivery_id,
                "step": step,
                "number": number,
                "of": len(pieces),
                "first_file": piece.first_file,
                "last_file": piece.last_file,
                "files": piece.files,
                "bytes": piece.bytes,
                "attempt": 0,
            }
            for row_id, (number, piece) in zip(ids, enumerate(pieces, 1), strict=True)
        ),
    )
    return planned(connection, delivery_id, step)


def planned(connection: Connection, delivery_id: int, step: str, *, unfinished: bool = False) -> list[ShardRef]:
    """The shards of a step by number, all or only those that are not done; none where it is not planned."""
    shard, delivery = tables.shard.c, tables.delivery.c
    statement = (
        select(shard.number, shard.of, shard.files, delivery.number.label("delivery"))
        .join(tables.delivery, delivery.id == shard.delivery_id)
        .where(shard.delivery_id == delivery_id, shard.step == step)
        .order_by(shard.number)
    )
    if unfinished:
        statement = statement.where(shard.done_at.is_(None))
    return [
        ShardRef(f"d{row.delivery:04d}/{step}/{row.number}", f"shard {row.number}/{row.of} · {_files(row.files)}")
        for row in connection.execute(statement)
    ]


def counts_by_range(connection: Connection, delivery_id: int, step: str) -> list[tuple[int, int, Mapping[str, int]]]:
    """First and last file (ids) of each shard of a step that is done, with its counts, in the order of the ids."""
    shard = tables.shard.c
    statement = select(shard.first_file, shard.last_file, shard.counts).where(
        shard.delivery_id == delivery_id, shard.step == step, shard.done_at.is_not(None), shard.first_file.is_not(None)
    )
    rows = connection.execute(statement.order_by(shard.first_file))
    return [(row.first_file, row.last_file, row.counts or {}) for row in rows]


def _files(n: int) -> str:
    return f"{n} file" if n == 1 else f"{n} files"


def take(catalogue: Catalogue, delivery_id: int, step: str, number: int) -> Lease | dict[str, int]:
    """Begin an attempt on a shard: the lease, or the counts where the shard is done.

    Raises:
        Bug: the step has no such shard.
    """
    with catalogue.transaction() as connection:
        row = _begin(connection, delivery_id, step, number)
    return dict(row["counts"]) if row["done_at"] else _lease(catalogue, row)


def take_again(catalogue: Catalogue, delivery_id: int, step: str, number: int) -> Lease:
    """Begin an attempt on a shard although it may be done: for a step that tells how things stand, and may be asked to
    tell it anew. That it is open again is an event.

    Raises:
        Bug: the step has no such shard.
    """
    shard = tables.shard.c
    mine = (shard.delivery_id == delivery_id, shard.step == step, shard.number == number)
    with catalogue.transaction() as connection:
        reopened = update(tables.shard).where(*mine, shard.done_at.is_not(None)).values(done_at=None, counts=None)
        done = connection.execute(reopened).rowcount
        lease = _lease(catalogue, _begin(connection, delivery_id, step, number))
        if done:
            record(Moves(connection, delivery_id, lease.delivery), step, lease.shard, lease.attempt, {})
    return lease


def open_again(moves: Moves, step: str, file_ids: Iterable[int]) -> None:
    """Have a step done anew by the shards that hold these files, although they are done. Each is an event."""
    shard = tables.shard.c
    mine = (shard.delivery_id == moves.delivery_id, shard.step == step)
    ids = sorted(file_ids)
    done = select(shard.id, shard.number, shard.attempt, shard.first_file, shard.last_file)
    for row in moves.connection.execute(done.where(*mine, shard.done_at.is_not(None)).order_by(shard.number)).all():
        at = bisect_left(ids, row.first_file)
        if at < len(ids) and ids[at] <= row.last_file:
            reopened = update(tables.shard).where(shard.id == row.id).values(done_at=None, counts=None)
            moves.connection.execute(reopened)
            record(moves, step, str(ShardName(moves.label, step, row.number)), row.attempt, {})


def _begin(connection: Connection, delivery_id: int, step: str, number: int) -> RowMapping:
    """The shard, its attempt moved on by one unless it is done."""
    shard, delivery = tables.shard.c, tables.delivery.c
    mine = (shard.delivery_id == delivery_id, shard.step == step, shard.number == number)
    begun = update(tables.shard).where(*mine, shard.done_at.is_(None)).values(attempt=shard.attempt + 1)
    connection.execute(begun)
    row = (
        connection.execute(
            select(tables.shard, delivery.number.label("delivery"), delivery.centre_id)
            .join(tables.delivery, delivery.id == shard.delivery_id)
            .where(*mine)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise Bug(f"Delivery {delivery_id} has no shard {number} of {step}.")
    return row


def counts_of(connection: Connection, delivery_id: int, step: str) -> dict[str, int] | None:
    """The counts of a step that is one shard; None where it is not done."""
    shard = tables.shard.c
    mine = (shard.delivery_id == delivery_id, shard.step == step, shard.done_at.is_not(None))
    counts: dict[str, int] | None = connection.execute(select(shard.counts).where(*mine)).scalar()
    return counts


def _lease(catalogue: Catalogue, row: RowMapping) -> Lease:
    values = {name: row[name] for name in row if name not in ("done_at", "counts", "delivery")}
    return Lease(**values, delivery=f"d{row['delivery']:04d}", catalogue=catalogue)


def files_of_shard(connection: Connection, lease: Lease, state: State | None = None) -> list[FileRow]:
    """The files of a shard in the order of their ids, all or those in one state."""
    file = tables.file.c
    if lease.first_file is None:
        return []
    statement = select_files().where(
        # Not by the index of deliveries: each shard would read all of its delivery.
        (file.delivery_id + 0) == lease.delivery_id,
        file.id.between(lease.first_file, lease.last_file),
    )
    return file_rows(connection, statement if state is None else statement.where(file.state == state.value))
