"""What waits in quarantine for a person, in words that identify nobody."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from collecte.catalogue import tables
from collecte.records import State


@dataclass(frozen=True)
class Quarantined:
    """A file in quarantine: ``code`` and ``severity`` of the finding that put it there, ``since`` when (UTC)."""

    file_id: int
    delivery: str
    code: str
    severity: str
    since: datetime


def quarantined(connection: Connection, centre_id: int) -> list[Quarantined]:
    """A centre's files in quarantine, by their ids."""
    file, delivery, finding = tables.file.c, tables.delivery.c, tables.finding.c
    decided = and_(finding.file_id == file.id, finding.code == file.reason)
    rows = connection.execute(
        select(file.id, delivery.number, file.reason, finding.severity, func.min(finding.at).label("since"))
        .join(tables.delivery, delivery.id == file.delivery_id)
        .join(tables.finding, decided)
        .where(delivery.centre_id == centre_id, file.state == State.QUARANTINED.value)
        .group_by(file.id, delivery.number, file.reason, finding.severity)
        .order_by(file.id)
    )
    return [Quarantined(row.id, f"d{row.number:04d}", row.reason, row.severity, row.since) for row in rows]
