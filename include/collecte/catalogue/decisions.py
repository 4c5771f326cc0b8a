"""What people decided: a row, and an event of the challenge's chain whose leaf holds it. Nothing else is a decision.

A task's state, an XCom or a run's conf say nothing about it. What ships, publishes or recalls asks here, and for the
digest of what it is about to send.
"""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from collecte.catalogue import audit, tables
from collecte.catalogue.engine import new_rows, now, take_ids


@dataclass(frozen=True)
class Decision:
    """A person's answer over the ``digest`` of what they were shown. ``about``: ``release/v1``, ``homogeneity``;
    ``value``: the centre or the fact that is left out, else empty.
    """

    about: str
    digest: str
    role: str
    login: str
    answer: str
    value: str
    reason: str
    at: datetime


def decide(connection: Connection, challenge_id: str, decision: Decision) -> None:
    """Keep a decision, with its event. What is a login's newest answer over the digest already is kept once."""
    connection.execute(new_rows(connection, tables.challenge).on_conflict_do_nothing(), {"id": challenge_id})
    given = decisions_about(connection, challenge_id, decision.about, decision.digest)
    of_login = [other for other in given if (other.login, other.role) == (decision.login, decision.role)]
    if of_login and _same(decision, of_login[-1]):
        return
    (decision_id,) = take_ids(connection, "decision", 1)
    salt = secrets.token_bytes(16)
    row = {"id": decision_id, "challenge_id": challenge_id, "salt": salt, **asdict(decision)}
    connection.execute(insert(tables.decision), row)
    audit.append(
        connection,
        audit.challenge_chain(challenge_id),
        "decide",
        f"{decision.about}/{decision.role}",
        0,
        {},
        [leaf(salt, decision)],
        {f"asked>{decision.answer}": 1},
    )


def decisions_about(connection: Connection, challenge_id: str, about: str, digest: str | None = None) -> list[Decision]:
    """What was decided about something, over one digest or over any, the oldest first."""
    of = tables.decision.c
    statement = select(*(of[f.name] for f in fields(Decision))).where(
        of.challenge_id == challenge_id, of.about == about
    )
    if digest is not None:
        statement = statement.where(of.digest == digest)
    return [Decision(**row) for row in connection.execute(statement.order_by(of.id)).mappings()]


def new_decision(about: str, digest: str, role: str, login: str, answer: str, value: str, reason: str) -> Decision:
    """A decision of this moment."""
    return Decision(about, digest, role, login, answer, value, reason, now())


def leaf(salt: bytes, decision: Decision) -> bytes:
    """The 16 bytes by which the chain knows a decision."""
    fields_ = {**asdict(decision), "at": decision.at.astimezone(UTC).isoformat(timespec="microseconds")}
    text = json.dumps(fields_, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(salt + text.encode()).digest()[: audit.LEAF_BYTES]


def _same(one: Decision, other: Decision) -> bool:
    return (one.digest, one.role, one.login, one.answer, one.value) == (
        other.digest,
        other.role,
        other.login,
        other.answer,
        other.value,
    )
