"""The audit chains: what each step did, append-only and provable offline.

Each delivery has a chain, and each challenge one into which the deliveries' heads enter (:func:`anchor`). An event's
hash is SHA-256 over the hash before it and a canonical JSON of its fields. It carries a *leaf* for each file that it
moved, the first 16 bytes of SHA-256 over salt, id, state before, state after, the SHA-256 as received and, once it has
one, that of its safe copy. The salt stands in the file's row alone: with the row erased, its leaf says nothing any
more, and the chain still holds.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from collecte.catalogue import tables
from collecte.catalogue.engine import new_rows, now, take_ids
from collecte.errors import Bug

LEAF_BYTES = 16

#: The hash before the first event.
GENESIS = "0" * 64

#: The step of an event that takes another chain's head into this one.
ANCHOR = "anchor"

#: Stand for "no row yet" and "no row any more" among the states.
NEW, ERASED = "new", "erased"


def challenge_chain(challenge_id: str) -> str:
    """The name of a challenge's chain."""
    return f"challenge:{challenge_id}"


def delivery_chain(delivery_id: int) -> str:
    """The name of a delivery's chain."""
    return f"delivery:{delivery_id}"


def leaf(salt: bytes, file_id: int, before: str, after: str, sha256: str | None, safe: str | None = None) -> bytes:
    """The 16 bytes by which an event knows one move of one file. ``safe``: SHA-256 of its safe copy."""
    text = f"{file_id}|{before}|{after}|{sha256 or ''}" + (f"|{safe}" if safe else "")
    return hashlib.sha256(salt + text.encode()).digest()[:LEAF_BYTES]


def event_hash(
    previous: str,
    *,
    chain: str,
    seq: int,
    at: datetime,
    step: str,
    shard: str,
    attempt: int,
    counts: Mapping[str, int],
    moves: Mapping[str, int],
    leaves: bytes,
) -> str:
    """SHA-256 (hex) over the previous hash and the event's fields as canonical JSON."""
    canonical = {
        "chain": chain,
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "step": step,
        "shard": shard,
        "attempt": attempt,
        "counts": dict(counts),
        "moves": dict(moves),
        "leaves": leaves.hex(),
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def append(
    connection: Connection,
    chain: str,
    step: str,
    shard: str,
    attempt: int,
    counts: Mapping[str, int],
    leaves: Iterable[bytes] = (),
    moves: Mapping[str, int] | None = None,
) -> str:
    """Append one event to a chain, in the caller's transaction; its hash (hex).

    ``moves`` counts the leaves by transition (``waiting>accepted``).
    """
    seq, previous = _lock_head(connection, chain)
    fields = {
        "chain": chain,
        "seq": seq + 1,
        "at": now(),
        "step": step,
        "shard": shard,
        "attempt": attempt,
        "counts": dict(counts),
        "moves": dict(moves or {}),
        "leaves": b"".join(leaves),
    }
    digest = event_hash(previous, **fields)  # type: ignore[arg-type]  # one dict serves the hash and the row
    (event_id,) = take_ids(connection, "event", 1)
    connection.execute(insert(tables.event), {"id": event_id, **fields, "previous": previous, "hash": digest})
    connection.execute(
        update(tables.audit_head).where(tables.audit_head.c.chain == chain), {"seq": seq + 1, "hash": digest}
    )
    return digest


def head(connection: Connection, chain: str) -> tuple[int, str]:
    """The number and the hash of a chain's newest event; (0, :data:`GENESIS`) of an empty one."""
    at = tables.audit_head.c
    row = connection.execute(select(at.seq, at.hash).where(at.chain == chain)).one_or_none()
    return (row.seq, row.hash) if row else (0, GENESIS)


def anchor(connection: Connection, challenge_id: str, delivery_id: int) -> tuple[int, str]:
    """Take the head of a delivery's chain into its challenge's chain, once for each head; the challenge's head then.

    Print what it returns in the report: with it, :func:`collecte.catalogue.verify` finds a chain that was rewritten
    whole.
    """
    chain, anchored = challenge_chain(challenge_id), delivery_chain(delivery_id)
    seq, digest = head(connection, anchored)
    if seq == 0:
        raise Bug(f"Delivery {delivery_id} has no event that could be anchored.")
    _lock_head(connection, chain)
    event = tables.event.c
    last = connection.execute(
        select(event.leaves)
        .where(event.chain == chain, event.step == ANCHOR, event.shard == anchored)
        .order_by(event.seq.desc())
        .limit(1)
    ).scalar()
    if last != bytes.fromhex(digest):
        append(connection, chain, ANCHOR, anchored, 0, {"seq": seq}, [bytes.fromhex(digest)])
    return head(connection, chain)


def _lock_head(connection: Connection, chain: str) -> tuple[int, str]:
    """The head of a chain, made where there is none, and nobody else's until the transaction ends."""
    at = tables.audit_head.c
    first = {"chain": chain, "seq": 0, "hash": GENESIS}
    connection.execute(new_rows(connection, tables.audit_head).on_conflict_do_nothing(), first)
    row = connection.execute(select(at.seq, at.hash).where(at.chain == chain).with_for_update()).one()
    return row.seq, row.hash
