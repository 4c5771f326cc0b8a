"""What leaves the catalogue, and what is sealed anew: neither breaks the chain, nor changes a pseudonym."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    NewFile,
    anchor,
    canonical_dump,
    deliveries_of,
    ensure_centre,
    ensure_shipment,
    erase_files,
    files_of_delivery,
    identifiers_of,
    open_catalogue,
    open_folder,
    open_path,
    reseal,
    tables,
    verify,
)
from collecte.errors import Bug, NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State

Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]


@pytest.fixture
def judged(catalogue: Catalogue, deposit: Deposit, begin: Begin, keys: Keys, finding: Finding) -> DeliveryRow:
    """Four files: two of subject a, one of b that points at the second, one of nobody; all with receipts."""
    delivery = deposit(4)
    lease = begin(delivery, "accept")
    with lease.finish({"files": 4}) as moves:
        ids = [row.id for row in files_of_delivery(moves.connection, delivery.id)]
        a, b = (moves.subjects(lease.centre_id, ["sub-a", "sub-b"])[name] for name in ("sub-a", "sub-b"))
        objects = moves.objects(delivery.id, [("dicom", "k1"), ("dicom", "k2")])
        moves.set_files({"id": i, "sha256": f"{i:064x}", "name": f"sub/{i}"} for i in ids)
        moves.set_files([{"id": i, "object_id": objects["dicom", "k1"]} for i in ids[:2]])
        moves.set_files([{"id": ids[2], "object_id": objects["dicom", "k2"]}])
        moves.link_file_subjects([(ids[0], a), (ids[1], a), (ids[2], b)])
        moves.link_object_subjects([(objects["dicom", "k1"], a), (objects["dicom", "k2"], b)])
        named = [Identifier(IdentifierKind.NAME, f"NAME-{s}", s) for s in ("sub-a", "sub-b")]
        moves.add_identifiers(delivery.id, keys, named, {"sub-a": a, "sub-b": b})
        moves.add_findings("accept", [(i, finding) for i in ids])
        moves.move([Change(ids[0], State.ACCEPTED), Change(ids[1], State.QUARANTINED, "SOME-CODE")])
        moves.move([Change(ids[2], State.DUPLICATE, points_to=ids[1]), Change(ids[3], State.ACCEPTED)])
        shipment = ensure_shipment(moves.connection, delivery.id, "hdh").id
        receipt = {"shipment_id": shipment, "size": 1, "sha256": "a" * 64, "proof": "server"}
        moves.add_receipts([{**receipt, "file_id": i, "key": f"sub/{i}"} for i in ids])
    with catalogue.transaction() as connection:
        anchor(connection, "demo", delivery.id)
    return delivery


def test_erasing_a_subject_leaves_no_row_of_theirs_and_a_whole_chain(
    catalogue: Catalogue, judged: DeliveryRow, keys: Keys
) -> None:
    with catalogue.transaction() as connection:
        ids = [row.id for row in files_of_delivery(connection, judged.id)]
        assert erase_files(connection, ids[:2]) == {"files": 2, "objects": 1, "subjects": 1}
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []
        left = files_of_delivery(connection, judged.id)
        assert [(row.id, row.points_to) for row in left] == [(ids[2], None), (ids[3], None)]
        assert [i.value for i in identifiers_of(connection, keys, judged.id)] == ["NAME-sub-b"]
        counted = [("finding", 2), ("receipt", 2), ("file_subject", 1), ("object_subject", 1), ("subject", 1)]
        for name, n in counted:
            table = tables.metadata.tables[name]
            assert connection.execute(select(func.count()).select_from(table)).scalar() == n, name


def test_rows_erased_behind_the_chains_back_are_missed(catalogue: Catalogue, judged: DeliveryRow) -> None:
    with catalogue.transaction() as connection:
        last = files_of_delivery(connection, judged.id)[3].id
        connection.execute(text("DELETE FROM finding"))
        connection.execute(text("DELETE FROM receipt"))
        connection.execute(tables.file.delete().where(tables.file.c.id == last))
    with catalogue.read() as connection:
        (broken,) = verify(connection, "demo")
    assert "1 files are accepted, the events add up to 2" in broken.what


def test_erasing_what_is_not_there_or_an_archive_under_its_members_is_a_bug(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, keys: Keys
) -> None:
    delivery = deposit(1)
    with begin(delivery).finish({}) as moves:
        (archive,) = files_of_delivery(moves.connection, delivery.id)
        (member,) = moves.add_files(keys, [NewFile("x", 1, origin=archive.id)])
    with pytest.raises(Bug, match="1 of 1 files to erase"), catalogue.transaction() as connection:
        erase_files(connection, [999])
    with pytest.raises(Bug, match="refused a statement"), catalogue.transaction() as connection:
        erase_files(connection, [archive.id])
    with catalogue.transaction() as connection:
        assert erase_files(connection, [archive.id, member])["files"] == 2
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []


def test_rotation_seals_everything_anew_and_touches_nothing_else(
    catalogue: Catalogue, judged: DeliveryRow, keys: Keys
) -> None:
    rotated = keys.rotated()
    with catalogue.read() as connection:
        before = canonical_dump(connection, "demo")
    assert reseal(catalogue, "demo", rotated) == {"delivery": 1, "file": 4, "identifier": 2}
    assert reseal(catalogue, "demo", rotated) == {"delivery": 0, "file": 0, "identifier": 0}

    new_alone = Keys(rotated.challenge_secret, {"k2": rotated.sealing["k2"]}, "k2", rotated.signing_seed)
    with catalogue.transaction() as connection:
        assert canonical_dump(connection, "demo") == before
        assert verify(connection, "demo") == []
        paths = [open_path(new_alone, row) for row in files_of_delivery(connection, judged.id)]
        assert paths == [f"Lot 1/IM{n:04d}" for n in range(4)]
        (delivery,) = deliveries_of(connection, ensure_centre(connection, "demo", "lyon"))
        assert open_folder(new_alone, delivery) == "Lot 1"
        assert len(identifiers_of(connection, new_alone, judged.id)) == 2
        with pytest.raises(NeedsPerson, match="does not open with key k2"):
            open_path(keys, files_of_delivery(connection, judged.id)[0])


def test_rotation_leaves_another_challenge_with_other_keys_alone(catalogue: Catalogue, judged: DeliveryRow) -> None:
    assert judged.number == 1
    assert reseal(catalogue, "other", Keys.new().rotated()) == {"delivery": 0, "file": 0, "identifier": 0}


def test_rotation_refuses_a_cell_that_was_altered(catalogue: Catalogue, judged: DeliveryRow, keys: Keys) -> None:
    with catalogue.transaction() as connection:
        connection.execute(
            update(tables.file).where(tables.file.c.delivery_id == judged.id).values(path_sealed=b"x" * 40)
        )
    with pytest.raises(NeedsPerson, match=r"sealed file\.path_sealed"):
        reseal(catalogue, "demo", keys.rotated())


ROTATE = """
import sys
from collecte.catalogue import open_catalogue, reseal
from collecte.keys import Keys
from pathlib import Path
print("begun", flush=True)
reseal(open_catalogue(sys.argv[1]), "demo", Keys.load(Path(sys.argv[2])))
print("done", flush=True)
"""


def test_a_killed_rotation_goes_on_where_it_stopped(
    catalogue: Catalogue, url: str, deposit: Deposit, keys: Keys, tmp_path: Path
) -> None:
    delivery = deposit(6000)
    rotated, path = keys.rotated(), tmp_path / "keys.json"
    rotated.save(path)
    stale = select(func.count()).select_from(tables.file).where(tables.file.c.key_id == "k1")
    child = subprocess.Popen([sys.executable, "-c", ROTATE, url, path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    while _scalar(catalogue, stale) == 6000:
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    left = _scalar(catalogue, stale)

    other = open_catalogue(url)
    assert reseal(other, "demo", rotated)["file"] == left
    with other.read() as connection:
        rows = files_of_delivery(connection, delivery.id)
        assert {row.key_id for row in rows} == {"k2"}
        assert open_path(rotated, rows[-1]) == "Lot 1/IM5999"
    other.close()


def _scalar(catalogue: Catalogue, statement: object) -> int:
    with catalogue.read() as connection:
        found = connection.execute(statement).scalar_one()  # type: ignore[call-overload]
    assert isinstance(found, int)
    return found
