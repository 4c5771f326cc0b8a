"""A challenge's own work: freezing, shipping, publishing, recalling. Each piece is a job, known by its name.

As a shard's lease fences the steps of a delivery, a job's attempt fences these: who was overtaken writes no more. Its
end is an event of the challenge's chain.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select, update

from collecte.catalogue import audit, tables
from collecte.catalogue.engine import Catalogue, new_rows, now, take_ids
from collecte.errors import LeaseLost


@dataclass(frozen=True)
class Job:
    """The right of one attempt to write about one piece of work, such as ``release/v1/freeze``."""

    id: int
    challenge_id: str
    name: str
    attempt: int
    catalogue: Catalogue = field(repr=False, compare=False)

    @property
    def step(self) -> str:
        """What it does: ``freeze`` of ``release/v1/freeze``."""
        return self.name.split("/")[2]

    def check(self) -> None:
        """Stop here if a newer attempt began: worth a call before each costly piece of work.

        Raises:
            LeaseLost: it did.
        """
        with self.catalogue.read() as connection:
            attempt = connection.execute(select(tables.job.c.attempt).where(tables.job.c.id == self.id)).scalar()
        if attempt != self.attempt:
            raise self._lost()

    @contextmanager
    def finish(self, counts: Mapping[str, int], leaves: Iterable[bytes] = ()) -> Iterator[Connection]:
        """The one transaction that ends the job: the block's writes, its event and its counts, or nothing.

        ``counts`` and ``leaves`` (16 bytes each, of what was made or removed) are read after the block.

        Raises:
            LeaseLost: a newer attempt began; nothing is written.
            Retry: the database was busy or lost; nothing is written.
        """
        with self.progress() as connection:
            yield connection
            told = [*leaves]
            moves = {f"open>{self.step}": len(told)} if told else {}
            chain = audit.challenge_chain(self.challenge_id)
            audit.append(connection, chain, self.step, self.name, self.attempt, counts, told, moves)
            done = {"done_at": now(), "counts": dict(counts)}
            connection.execute(update(tables.job).where(tables.job.c.id == self.id).values(done))

    @contextmanager
    def progress(self) -> Iterator[Connection]:
        """A transaction before the end, fenced likewise, without an event.

        Raises:
            LeaseLost: a newer attempt began; nothing is written.
        """
        job = tables.job.c
        with self.catalogue.transaction() as connection:
            # An update, not a select: it also holds the row, so that the next attempt begins after this transaction.
            held = connection.execute(
                update(tables.job)
                .where(job.id == self.id, job.attempt == self.attempt, job.done_at.is_(None))
                .values(attempt=self.attempt)
            )
            if held.rowcount != 1:
                raise self._lost()
            yield connection

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"Attempt {self.attempt} of {self.name} was overtaken by a newer one, or is done already.",
            "nothing; the newer attempt does the work. If none is running, clear the task in Airflow.",
        )


def begin(catalogue: Catalogue, challenge_id: str, name: str, *, again: bool = False) -> Job | dict[str, int]:
    """Begin an attempt on a job, made where it is new; or, where it is done, its counts.

    ``again``: begin although it is done, for work that follows what changed since (a shipment after a recall).
    """
    job = tables.job.c
    mine = (job.challenge_id == challenge_id, job.name == name)
    with catalogue.transaction() as connection:
        _ensure_challenge(connection, challenge_id)
        if connection.execute(select(job.id).where(*mine)).scalar() is None:
            (job_id,) = take_ids(connection, "job", 1)
            connection.execute(
                insert(tables.job), {"id": job_id, "challenge_id": challenge_id, "name": name, "attempt": 0}
            )
        if again:
            connection.execute(update(tables.job).where(*mine).values(done_at=None, counts=None))
        connection.execute(update(tables.job).where(*mine, job.done_at.is_(None)).values(attempt=job.attempt + 1))
        row = connection.execute(select(tables.job).where(*mine)).mappings().one()
    if row["done_at"]:
        return dict(row["counts"])
    return Job(row["id"], challenge_id, name, row["attempt"], catalogue)


def is_done(connection: Connection, challenge_id: str, name: str) -> bool:
    """Whether a job has ended, and was not begun again since."""
    job = tables.job.c
    found = select(job.id).where(job.challenge_id == challenge_id, job.name == name, job.done_at.is_not(None))
    return connection.execute(found).scalar() is not None


def counts_of_job(connection: Connection, challenge_id: str, name: str) -> dict[str, int]:
    """The counts of a job that has ended; empty where it has not."""
    job = tables.job.c
    found = select(job.counts).where(job.challenge_id == challenge_id, job.name == name, job.done_at.is_not(None))
    return dict(connection.execute(found).scalar() or {})


def _ensure_challenge(connection: Connection, challenge_id: str) -> None:
    connection.execute(new_rows(connection, tables.challenge).on_conflict_do_nothing(), {"id": challenge_id})
