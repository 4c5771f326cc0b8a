"""What was found of whether the centres' data belong together, by the digest of what was judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from collecte.catalogue import tables
from collecte.catalogue.engine import new_rows, now, take_ids

Verdict = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Judged:
    """``digest``: over the accepted files that were judged and the rules; ``red``: which fact of which centre."""

    digest: str
    verdict: Verdict
    red: Sequence[Mapping[str, str]]
    at: datetime


def keep_verdict(
    connection: Connection, challenge_id: str, digest: str, verdict: Verdict, red: Sequence[Mapping[str, str]]
) -> None:
    """Keep what was found; of the same digest once."""
    connection.execute(new_rows(connection, tables.challenge).on_conflict_do_nothing(), {"id": challenge_id})
    (row_id,) = take_ids(connection, "homogeneity", 1)
    row = {"id": row_id, "challenge_id": challenge_id, "digest": digest, "verdict": verdict, "at": now()}
    connection.execute(
        new_rows(connection, tables.homogeneity).on_conflict_do_nothing(), {**row, "red": [dict(one) for one in red]}
    )


def verdict_over(connection: Connection, challenge_id: str, digest: str) -> Judged | None:
    """What was found over exactly these files and rules; None where it was not judged."""
    of = tables.homogeneity.c
    columns = select(of.digest, of.verdict, of.red, of.at)
    mine = columns.where(of.challenge_id == challenge_id, of.digest == digest)
    row = connection.execute(mine).mappings().one_or_none()
    return None if row is None else Judged(**row)
