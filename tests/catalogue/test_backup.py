"""A catalogue copied while others write, put back, and the same: out of each database, into each."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    canonical_dump,
    deliveries_of,
    files_of_delivery,
    open_catalogue,
    tables,
    verify,
)
from collecte.catalogue.backup import back_up, open_all, open_backup, put_back
from collecte.errors import LeaseLost, NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State

Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]


@pytest.fixture
def filled(deposit: Deposit, begin: Begin, keys: Keys, finding: Finding) -> Lease:
    """Two deliveries; the first has a duplicate that points at a later file, an identifier, findings."""
    deposit(3, folder="Lot 2")
    lease = begin(deposit(4), "receive")
    with lease.finish({"files": 4}) as moves:
        ids = [row.id for row in files_of_delivery(moves.connection, lease.delivery_id)]
        moves.set_files({"id": i, "sha256": f"{i:064x}", "landing": f"f{i}.a1"} for i in ids)
        moves.add_identifiers(lease.delivery_id, keys, [Identifier(IdentifierKind.NAME, "DUPONT", None)], {})
        moves.add_findings("receive", [(ids[0], finding)])
        moves.move([Change(ids[0], State.DUPLICATE, points_to=ids[3]), Change(ids[1], State.QUARANTINED, "SOME-CODE")])
    return begin(deposit(2, folder="Lot 3"), "receive")


def _all(catalogue: Catalogue) -> list[object]:
    """Every row of every table but the attempts of shards."""
    with catalogue.read() as connection:
        return [
            {**row, "attempt": None} if table is tables.shard else dict(row)
            for table in tables.metadata.sorted_tables
            for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        ]


def test_what_is_put_back_is_what_was_there_and_goes_on(
    catalogue: Catalogue, filled: Lease, empty_url: str, tmp_path: Path, keys: Keys, deposit: Deposit
) -> None:
    file, before = tmp_path / "backup.db", _all(catalogue)
    assert sum(back_up(catalogue, file).values()) == len(before)
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]
    assert file.stat().st_mode & 0o777 == 0o600
    restored = open_catalogue(empty_url, upgrade=True)
    put_back(open_backup(file), restored)
    assert _all(restored) == before
    with restored.read() as connection:
        assert verify(connection, "demo") == []
        assert open_all(connection, "demo", keys) == 3 + 9 + 1
        with pytest.raises(NeedsPerson, match="does not open"):
            open_all(connection, "demo", Keys.new())
    deposit(2, folder="Lot 4", into=restored)  # with ids that nobody has
    with restored.read() as connection:
        assert verify(connection, "demo") == []
        canonical_dump(connection, "demo")
    orphan = Lease(**{**vars(filled), "catalogue": restored})
    with pytest.raises(LeaseLost):
        orphan.check()
    with pytest.raises(NeedsPerson, match="not empty"):
        put_back(open_backup(file), restored)
    restored.close()


def test_it_is_one_moment_while_others_write(catalogue: Catalogue, deposit: Deposit, tmp_path: Path) -> None:
    deposit(3)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            deposit(50, folder=f"Lot {number}", centre=f"centre-{number % 7}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            back_up(catalogue, tmp_path / f"{number}.db")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with open_backup(tmp_path / f"{number}.db").read() as connection:
            assert verify(connection, "demo") == []
            for centre in connection.execute(select(tables.centre.c.code)).scalars().all():
                found = deliveries_of(connection, _centre(connection, centre))
                assert all(len(files_of_delivery(connection, row.id)) in (3, 50) for row in found)


def _centre(connection: object, code: str) -> int:
    of = tables.centre.c
    found: int = connection.execute(select(of.id).where(of.code == code)).scalar_one()  # type: ignore[attr-defined]
    return found


#: Ends itself before the backup gets its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from collecte.catalogue import open_catalogue
from collecte.catalogue.backup import back_up
sys.addaudithook(lambda event, _: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
back_up(open_catalogue(sys.argv[1]), Path(sys.argv[2]))
"""


def test_killed_while_it_is_made_there_is_none_and_the_next_one_is_whole(
    catalogue: Catalogue, url: str, filled: Lease, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, url, str(file)], env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not file.exists()
    back_up(catalogue, file)
    assert len(_all(open_backup(file))) == len(_all(catalogue))
    with pytest.raises(NeedsPerson, match="never overwritten"):
        back_up(catalogue, file)
    with pytest.raises(NeedsPerson, match="There is no file"):
        open_backup(tmp_path / "other.db")
