"""What reports count and list of a delivery, computed in the database: no answer grows with the number of its files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, or_, select

from collecte.catalogue import tables
from collecte.catalogue.deliveries import FindingRow
from collecte.catalogue.engine import chunks
from collecte.catalogue.files import FileRow, file_rows, select_files
from collecte.records import State

_ROWS_AT_ONCE = 1000
#: Files of which a centre is told nothing more: a correction has come, or a patient wanted them back.
_SETTLED = (State.SUPERSEDED.value, State.RECALLED.value)
#: Why a person refused a file for good: the one thing that is still told of it.
_REJECTED = "FILE-REJECTED"
_FINDING = [tables.finding.c[column.name] for column in fields(FindingRow)]


@dataclass(frozen=True)
class RuleFigures:
    """The findings of one rule in one delivery.

    ``count``: how many, one of the delivery itself as often as it says; ``files``: the distinct files that they name;
    ``wordings``: one for each place, count and values, the first of them; ``listed``: ids of the first files.
    """

    code: str
    count: int
    files: int
    wordings: tuple[FindingRow, ...]
    listed: tuple[int, ...]


def came_from(connection: Connection, delivery_id: int) -> tuple[int, int, int]:
    """Files of a delivery as they lay in the drop, archives that were opened, and members that came out."""
    file = tables.file.c
    found = select(func.count(), func.count(file.origin_id), func.count(file.origin_id.distinct()))
    row = connection.execute(found.where(file.delivery_id == delivery_id)).one()
    return row[0] - row[1], row[2], row[1]


def kinds_of_centre(connection: Connection, centre_id: int) -> list[tuple[str | None, State, int]]:
    """Kind, state, and how many files of them there are in all deliveries of a centre."""
    file, delivery = tables.file.c, tables.delivery.c
    rows = connection.execute(
        select(file.kind, file.state, func.count().label("n"))
        .join(tables.delivery, delivery.id == file.delivery_id)
        .where(delivery.centre_id == centre_id)
        .group_by(file.kind, file.state)
    )
    return [(row.kind, State(row.state), row.n) for row in rows]


def of_kind(connection: Connection, delivery_id: int, kind: str, state: State) -> int:
    """How many files of a delivery are of a kind and in a state."""
    file = tables.file.c
    mine = (file.delivery_id == delivery_id, file.kind == kind, file.state == state.value)
    return int(connection.execute(select(func.count()).select_from(tables.file).where(*mine)).scalar_one())


def rule_figures(
    connection: Connection, delivery_id: int, listed: int, wordings: int, *, open_only: bool = False
) -> list[RuleFigures]:
    """The findings of a delivery by rule, in the order of their codes; at most so many files and wordings of each.

    ``open_only``: without what was settled since: of files that gave way to a correction or were recalled, nothing is
    counted, and of one that a person refused for good only that.
    """
    finding = tables.finding.c
    whole = finding.file_id.is_(None)
    counted = (
        select(
            finding.code,
            (func.count(finding.file_id) + func.coalesce(func.sum(finding.count).filter(whole), 0)).label("n"),
            func.count(finding.file_id.distinct()).label("files"),
        )
        .select_from(_FINDINGS)
        .where(_of(delivery_id, open_only))
        .group_by(finding.code)
        .order_by(finding.code)
    )
    texts = _wordings(connection, delivery_id, wordings, open_only)
    ids = _listed(connection, delivery_id, listed, open_only)
    return [
        RuleFigures(row.code, int(row.n), row.files, tuple(texts[row.code]), tuple(ids.get(row.code, ())))
        for row in connection.execute(counted)
    ]


def files_to_correct(connection: Connection, delivery_id: int, states: Sequence[State]) -> int:
    """Files in one of these states that a finding refuses; none that a person refused for good."""
    file, finding = tables.file.c, tables.finding.c
    refused = select(finding.id).where(finding.file_id == file.id, finding.severity.in_(("refused", "incident")))
    among = (file.delivery_id == delivery_id, file.state.in_([state.value for state in states]))
    mine = (*among, file.reason.is_distinct_from(_REJECTED), refused.exists())
    return int(connection.execute(select(func.count()).select_from(tables.file).where(*mine)).scalar_one())


def findings_of_rule(
    connection: Connection, delivery_id: int, code: str, *, open_only: bool = False
) -> Iterator[tuple[FileRow | None, FindingRow]]:
    """Each finding of a rule with its file (None: of the delivery itself), by the files' ids, as the rows come;
    ``open_only`` as for :func:`rule_figures`.
    """
    finding = tables.finding.c
    statement = (
        select(*_FINDING)
        .select_from(_FINDINGS)
        .where(_of(delivery_id, open_only), finding.code == code)
        .order_by(finding.file_id, finding.id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    with connection.execute(statement) as rows:
        for part in rows.mappings().partitions():
            found = [FindingRow(**row) for row in part]
            files = files_by_id(connection, [row.file_id for row in found if row.file_id is not None])
            yield from ((files[row.file_id] if row.file_id is not None else None, row) for row in found)


def accepted_among(connection: Connection, ids: Sequence[int]) -> frozenset[int]:
    """Which of these files, a few thousand at most, are accepted."""
    file = tables.file.c
    mine = (file.id.in_(ids), file.state == State.ACCEPTED.value)
    return frozenset(connection.execute(select(file.id).where(*mine)).scalars())


def files_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, FileRow]:
    """Files by their ids."""
    statement, of = select_files(), tables.file.c
    found = (row for chunk in chunks(ids) for row in file_rows(connection, statement.where(of.id.in_(chunk))))
    return {row.id: row for row in found}


_FINDINGS = tables.finding.outerjoin(tables.file, tables.file.c.id == tables.finding.c.file_id)


def _of(delivery_id: int, open_only: bool) -> ColumnElement[bool]:
    finding, file = tables.finding.c, tables.file.c
    mine = finding.delivery_id == delivery_id
    if not open_only:
        return mine
    told = or_(file.reason.is_distinct_from(_REJECTED), finding.code == _REJECTED)
    return and_(mine, or_(finding.file_id.is_(None), and_(file.state.not_in(_SETTLED), told)))


def _wordings(connection: Connection, delivery_id: int, wordings: int, open_only: bool) -> dict[str, list[FindingRow]]:
    finding = tables.finding.c
    first = func.min(finding.id)
    distinct = (
        select(
            first.label("id"),
            func.row_number().over(partition_by=finding.code, order_by=first).label("place"),
        )
        .select_from(_FINDINGS)
        .where(_of(delivery_id, open_only))
        .group_by(finding.code, finding.place, finding.count, cast(finding["values"], Text))
        .subquery()
    )
    kept = select(distinct.c.id).where(distinct.c.place <= wordings)
    found: dict[str, list[FindingRow]] = {}
    for row in connection.execute(select(*_FINDING).where(finding.id.in_(kept)).order_by(finding.id)).mappings():
        found.setdefault(row["code"], []).append(FindingRow(**row))
    return found


def _listed(connection: Connection, delivery_id: int, listed: int, open_only: bool) -> dict[str, list[int]]:
    finding = tables.finding.c
    distinct = (
        select(
            finding.code,
            finding.file_id,
            func.row_number().over(partition_by=finding.code, order_by=finding.file_id).label("place"),
        )
        .select_from(_FINDINGS)
        .where(_of(delivery_id, open_only), finding.file_id.is_not(None))
        .group_by(finding.code, finding.file_id)
        .subquery()
    )
    rows = connection.execute(
        select(distinct.c.code, distinct.c.file_id).where(distinct.c.place <= listed).order_by(distinct.c.file_id)
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.code, []).append(row.file_id)
    return found
