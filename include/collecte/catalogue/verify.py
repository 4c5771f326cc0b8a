"""`collecte audit verify`: recompute everything that the chains claim, and name the first broken link of each.

Needs nothing but the catalogue (or a copy of it), and only reads.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from sqlalchemy import Connection, Row, and_, func, not_, select

from collecte.catalogue import tables
from collecte.catalogue.audit import (
    ANCHOR,
    ERASED,
    GENESIS,
    LEAF_BYTES,
    NEW,
    challenge_chain,
    delivery_chain,
    event_hash,
    head,
    leaf,
)
from collecte.catalogue.decisions import Decision
from collecte.catalogue.decisions import leaf as decision_leaf
from collecte.records import State

_EVENTS_AT_ONCE, _FILES_AT_ONCE = 100, 1000


@dataclass(frozen=True)
class Broken:
    """A link that does not hold: its chain, the number of the event (0: of none in particular), and what is wrong."""

    chain: str
    seq: int
    what: str


@dataclass(frozen=True)
class Anchor:
    """A chain's head as a report of that day prints it."""

    chain: str
    seq: int
    hash: str


@dataclass
class _Chain:
    """What one pass over a chain gathers."""

    broken: Broken | None = None
    hashes: dict[int, str] = field(default_factory=dict)
    leaves: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    flows: Counter[str] = field(default_factory=Counter)
    shards: dict[str, dict[str, int]] = field(default_factory=dict)
    anchors: list[tuple[int, str, int, str]] = field(default_factory=list)


def verify(connection: Connection, challenge_id: str, known: Sequence[Anchor] = ()) -> list[Broken]:
    """Every chain of a challenge that does not hold, with its first broken link; empty where all is well.

    Checked: each hash, each head; that every file's state, its SHA-256 and that of its safe copy are where its leaves
    lead; that each receipt is of its file's safe copy, and no shipped file is without; that the transitions add up to
    the files in each state; that each finished shard has its event with its counts; that the challenge's chain holds
    the deliveries' heads. ``known``: heads from printed reports, which show up a chain that was rewritten as a whole.
    """
    delivery, centre = tables.delivery.c, tables.centre.c
    ids = connection.execute(
        select(delivery.id)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(centre.challenge_id == challenge_id)
        .order_by(delivery.id)
    ).scalars()
    root = _read(connection, challenge_chain(challenge_id))
    broken = [root.broken] if root.broken else []
    anchored = {chain: (at, seq, digest) for at, chain, seq, digest in root.anchors}
    for delivery_id in ids.all():
        name = delivery_chain(delivery_id)
        chain = _read(connection, name)
        found = (
            chain.broken
            or _check_anchors(name, chain, root)
            or _check_shards(connection, delivery_id, chain)
            or _check_flows(connection, delivery_id, chain)
            or _check_files(connection, delivery_id, chain)
            or _check_receipts(connection, delivery_id)
            or _check_known(name, chain, known)
        )
        anchored.pop(name, None)
        broken += [found] if found else []
    for name, (at, _, _) in sorted(anchored.items()):
        broken.append(Broken(challenge_chain(challenge_id), at, f"{name}, anchored here, is gone with its delivery"))
    if not root.broken:
        found = _check_decisions(connection, challenge_id, root) or _check_known(
            challenge_chain(challenge_id), root, known
        )
        broken += [found] if found else []
    return broken


def verify_file(connection: Connection, file_id: int) -> Broken | None:
    """Where its delivery's chain does not lead one file to its state, its SHA-256 and that of its safe copy; None where
    it does.
    """
    file = tables.file.c
    columns = select(file.id, file.delivery_id, file.salt, file.state, file.sha256, file.safe_sha256)
    row = connection.execute(columns.where(file.id == file_id)).one()
    name = delivery_chain(row.delivery_id)
    chain = _read(connection, name)
    if chain.broken:
        return chain.broken
    pairs = [move.split(">") for move in chain.flows if not move.endswith(f">{ERASED}")]
    wrong = _wrong_file(row, pairs, chain)
    return Broken(name, *wrong) if wrong else None


def leaves_in(connection: Connection, challenge_id: str) -> Mapping[bytes, Sequence[int]] | Broken:
    """The leaves of a challenge's chain, with the events in which they stand; or where it is broken."""
    chain = _read(connection, challenge_chain(challenge_id))
    return chain.broken or chain.leaves


def _read(connection: Connection, name: str) -> _Chain:
    chain = _Chain()
    previous, seq = GENESIS, 0
    statement = select(tables.event).where(tables.event.c.chain == name).order_by(tables.event.c.seq)
    with connection.execute(statement.execution_options(yield_per=_EVENTS_AT_ONCE)) as events:
        for event in events:
            seq += 1
            if what := _wrong(event, seq, previous):
                chain.broken = Broken(name, seq, what)
                return chain
            previous = chain.hashes[seq] = event.hash
            _gather(chain, event)
    if head(connection, name) != (seq, previous):
        what = "the chain's head is not its last event: events were cut off or the head altered"
        chain.broken = Broken(name, seq, what)
    return chain


def _wrong(event: Row[*tuple[object, ...]], seq: int, previous: str) -> str | None:
    if event.seq != seq:
        return f"event {seq} is missing"
    if event.previous != previous:
        return "it does not follow the event before it"
    fields = {name: getattr(event, name) for name in ("chain", "seq", "at", "step", "shard", "attempt", "counts")}
    if event.hash != event_hash(previous, **fields, moves=event.moves, leaves=event.leaves):
        return "its content is not what was hashed"
    if event.step != ANCHOR and len(event.leaves) != LEAF_BYTES * sum(event.moves.values()):
        return "its leaves are not as many as its transitions"
    return None


def _gather(chain: _Chain, event: Row[*tuple[object, ...]]) -> None:
    if event.step == ANCHOR:
        chain.anchors.append((event.seq, event.shard, event.counts["seq"], event.leaves.hex()))
        return
    for start in range(0, len(event.leaves), LEAF_BYTES):
        chain.leaves[event.leaves[start : start + LEAF_BYTES]].append(event.seq)
    chain.flows.update(event.moves)
    chain.shards[event.shard] = event.counts


def _check_anchors(name: str, chain: _Chain, root: _Chain) -> Broken | None:
    for _, anchored, seq, digest in root.anchors:
        if anchored == name and chain.hashes.get(seq) != digest:
            return Broken(name, seq, "it is not the event that the challenge's chain anchored")
    return None


def _check_known(name: str, chain: _Chain, known: Sequence[Anchor]) -> Broken | None:
    for printed in known:
        if printed.chain == name and chain.hashes.get(printed.seq) != printed.hash:
            return Broken(name, printed.seq, "it is not the event whose hash the report shows")
    return None


def _check_decisions(connection: Connection, challenge_id: str, root: _Chain) -> Broken | None:
    """Every decision stands in the chain as it was given; a row that somebody wrote or changed has no leaf there."""
    of = tables.decision.c
    columns = select(of.id, of.salt, *(of[field.name] for field in fields(Decision)))
    for row in connection.execute(columns.where(of.challenge_id == challenge_id).order_by(of.id)).mappings():
        given = Decision(**{field.name: row[field.name] for field in fields(Decision)})
        if decision_leaf(row["salt"], given) not in root.leaves:
            what = f"decision {row['id']} about {given.about} is not the one that the chain holds"
            return Broken(challenge_chain(challenge_id), 0, what)
    return None


def _check_shards(connection: Connection, delivery_id: int, chain: _Chain) -> Broken | None:
    shard, delivery = tables.shard.c, tables.delivery.c
    rows = connection.execute(
        select(shard.step, shard.number, shard.done_at, shard.counts, delivery.number.label("delivery"))
        .join(tables.delivery, delivery.id == shard.delivery_id)
        .where(shard.delivery_id == delivery_id)
        .order_by(shard.id)
    )
    for row in rows:
        label = f"d{row.delivery:04d}/{row.step}/{row.number}"
        counts = chain.shards.get(label)
        if row.done_at is not None and counts != row.counts:
            return Broken(
                delivery_chain(delivery_id), 0, f"shard {label} is done, but its event does not hold its counts"
            )
        if row.done_at is None and counts:
            return Broken(delivery_chain(delivery_id), 0, f"shard {label} has its last event, but is not done")
    return None


def _check_flows(connection: Connection, delivery_id: int, chain: _Chain) -> Broken | None:
    expected: Counter[str] = Counter()
    for move, n in chain.flows.items():
        before, _, after = move.partition(">")
        expected[before] -= n
        expected[after] += n
    file = tables.file.c
    rows = connection.execute(
        select(file.state, func.count().label("n")).where(file.delivery_id == delivery_id).group_by(file.state)
    )
    found = {row.state: row.n for row in rows}
    for state in State:
        if found.get(state, 0) != expected[state]:
            what = f"{found.get(state, 0)} files are {state}, the events add up to {expected[state]}"
            return Broken(delivery_chain(delivery_id), 0, what)
    return None


def _check_files(connection: Connection, delivery_id: int, chain: _Chain) -> Broken | None:
    file = tables.file.c
    columns = (
        select(file.id, file.salt, file.state, file.sha256, file.safe_sha256)
        .where(file.delivery_id == delivery_id)
        .order_by(file.id)
        .execution_options(yield_per=_FILES_AT_ONCE)
    )
    pairs = [move.split(">") for move in chain.flows if not move.endswith(f">{ERASED}")]
    with connection.execute(columns) as rows:
        for row in rows:
            if wrong := _wrong_file(row, pairs, chain):
                return Broken(delivery_chain(delivery_id), *wrong)
    return None


def _wrong_file(row: Row[*tuple[object, ...]], pairs: Sequence[Sequence[str]], chain: _Chain) -> tuple[int, str] | None:
    """Follow a surviving file's leaves from its registration to its state; where they do not lead there, and why."""
    steps = sorted(
        (seq, before, after, sha256 or "", safe or "")
        for sha256 in {None, row.sha256}
        for safe in {None, row.safe_sha256}
        for before, after in pairs
        for seq in chain.leaves.get(leaf(row.salt, row.id, before, after, sha256, safe), ())
    )
    state, received, made, at = NEW, "", "", 0
    for at, before, after, sha256, safe in steps:
        # A leaf that moves nothing says where the file stood: a recall made its safe copy anew, and the leaves of the
        # one before are nobody's now.
        if before not in (state, after) or (received and sha256 != received):
            return at, f"file f{row.id} was {state}, not {before}, before it"
        state, received, made = after, sha256, safe
    if (state, received) != (row.state, row.sha256 or ""):
        return at, f"no event led file f{row.id} to its state {row.state} with its SHA-256"
    if state != State.WAITING and made != (row.safe_sha256 or ""):  # while it waits it is made safe, and then moves on
        return at, f"file f{row.id} came to its state {row.state} with another safe copy"
    return None


def _check_receipts(connection: Connection, delivery_id: int) -> Broken | None:
    """What was shipped is what was accepted: the files, held by the chain, hold the receipts."""
    file, receipt, delivery = tables.file.c, tables.receipt.c, tables.delivery.c
    mine = select(file.id).where(file.delivery_id == delivery_id).order_by(file.id).limit(1)
    same = and_(receipt.sha256 == file.safe_sha256, receipt.size == file.safe_size)
    other = connection.execute(mine.join(tables.receipt, receipt.file_id == file.id).where(not_(same))).scalar()
    proved = select(receipt.id).where(receipt.file_id == file.id).exists()
    shipped = mine.join(tables.delivery, delivery.id == file.delivery_id).where(delivery.state == "shipped")
    without = connection.execute(shipped.where(file.state == State.ACCEPTED.value, not_(proved))).scalar()
    if other is not None:
        return Broken(delivery_chain(delivery_id), 0, f"the receipt of file f{other} is of other bytes")
    if without is not None:
        return Broken(delivery_chain(delivery_id), 0, f"file f{without} was shipped and has no receipt")
    return None
