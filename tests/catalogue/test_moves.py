"""What a step may write, and what it may not."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    close_shipment,
    ensure_shipment,
    files_of_delivery,
    findings_of,
    identifiers_of,
    receipts_of,
    subjects_of,
    tables,
    verify,
)
from collecte.errors import Bug
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State

Deposit = Callable[..., DeliveryRow]
Begin = Callable[..., Lease]


@pytest.mark.parametrize(
    "column", ["state", "reason", "points_to", "delivery_id", "path_sealed", "path_digest", "salt"]
)
def test_what_the_chain_stands_on_cannot_be_set(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, column: str
) -> None:
    delivery = deposit(1)
    with catalogue.read() as connection:
        (row,) = files_of_delivery(connection, delivery.id)
    with pytest.raises(Bug, match="cannot be set"), begin(delivery).finish({}) as moves:
        moves.set_files([{"id": row.id, column: "accepted"}])


def test_a_file_has_one_sha256_for_life(catalogue: Catalogue, deposit: Deposit, begin: Begin) -> None:
    delivery = deposit(1)
    lease = begin(delivery)
    with lease.progress() as moves:
        (row,) = files_of_delivery(moves.connection, delivery.id)
        moves.set_files([{"id": row.id, "sha256": "a" * 64}])
    with lease.progress() as moves:
        moves.set_files([{"id": row.id, "sha256": "a" * 64, "kind": "dicom"}])
    with pytest.raises(Bug, match="another SHA-256"), lease.progress() as moves:
        moves.set_files([{"id": row.id, "sha256": "b" * 64}])
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []


def test_a_step_does_not_write_to_files_of_another_delivery(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    mine, other = deposit(1), deposit(1, folder="Lot 2")
    with catalogue.read() as connection:
        (row,) = files_of_delivery(connection, other.id)
    with pytest.raises(Bug, match="d0001"), begin(mine).finish({}) as moves:
        moves.set_files([{"id": row.id, "kind": "dicom"}])


def test_columns_are_set_row_by_row_even_if_rows_differ_in_theirs(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(3)
    with begin(delivery).finish({}) as moves:
        ids = [row.id for row in files_of_delivery(moves.connection, delivery.id)]
        moves.set_files([{"id": ids[0], "kind": "dicom", "name": "a"}, {"id": ids[1], "kind": "table"}])
    with catalogue.read() as connection:
        rows = files_of_delivery(connection, delivery.id)
    assert [(row.kind, row.name) for row in rows] == [("dicom", "a"), ("table", None), (None, None)]


def test_a_file_that_is_judged_anew_points_nowhere_and_has_no_reason(
    catalogue: Catalogue, deposit: Deposit, begin: Begin
) -> None:
    delivery = deposit(2)
    lease = begin(delivery)
    with lease.progress() as moves:
        first, second = (row.id for row in files_of_delivery(moves.connection, delivery.id))
        moves.move([Change(second, State.DUPLICATE, "SAME-BYTES", points_to=first)])
        assert files_of_delivery(moves.connection, delivery.id, State.DUPLICATE)[0].points_to == first
    with lease.finish({}) as moves:
        moves.move([Change(second, State.WAITING)])
    with catalogue.read() as connection:
        rows = files_of_delivery(connection, delivery.id, State.WAITING)
    assert [(row.points_to, row.reason) for row in rows] == [(None, None), (None, None)]


def test_findings_are_kept_with_their_file_or_delivery(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, finding: Finding
) -> None:
    delivery = deposit(1)
    with begin(delivery).finish({}) as moves:
        (row,) = files_of_delivery(moves.connection, delivery.id)
        moves.add_findings("receive", [(row.id, finding), (None, finding)])
    with catalogue.read() as connection:
        kept = findings_of(connection, delivery.id)
    assert [(k.file_id, k.step, k.code, k.severity) for k in kept] == [
        (row.id, "receive", finding.code, "refused"),
        (None, "receive", finding.code, "refused"),
    ]
    assert [Finding(k.code, k.place, k.count, k.values) for k in kept] == [finding, finding]


def test_identifiers_are_sealed_kept_once_and_come_back(
    catalogue: Catalogue, deposit: Deposit, begin: Begin, keys: Keys
) -> None:
    delivery, other = deposit(1), deposit(1, folder="Lot 2")
    found = [
        Identifier(IdentifierKind.NAME, "DUPONT^Jéan", "sub-a"),
        Identifier(IdentifierKind.BIRTH_DATE, "19560412", "sub-a"),
        Identifier(IdentifierKind.BIRTH_DATE, "19560412", "sub-b"),
        Identifier(IdentifierKind.PATH, "caf\udce9"),
    ]
    for where in (delivery, other):
        lease = begin(where, "harvest")
        with lease.progress() as moves:
            ids = moves.subjects(lease.centre_id, ["sub-a", "sub-b"])
            moves.add_identifiers(where.id, keys, found + found, ids)
        with lease.finish({}) as moves:  # a second attempt meets the same ones again
            moves.add_identifiers(where.id, keys, found, ids)
    with catalogue.read() as connection:
        assert set(identifiers_of(connection, keys, delivery.id)) == set(found)
        assert len(identifiers_of(connection, keys, delivery.id)) == len(found)
        assert connection.execute(select(func.count()).select_from(tables.identifier)).scalar() == 8
        cells = b"".join(connection.execute(select(tables.identifier.c.sealed)).scalars())
    assert b"DUPONT" not in cells
    assert b"19560412" not in cells


def test_files_know_their_subjects(catalogue: Catalogue, deposit: Deposit, begin: Begin) -> None:
    delivery = deposit(2)
    lease = begin(delivery, "harvest")
    with lease.finish({}) as moves:
        first, _ = (row.id for row in files_of_delivery(moves.connection, delivery.id))
        ids = moves.subjects(lease.centre_id, ["sub-b", "sub-a"])
        moves.link_file_subjects([(first, ids["sub-b"]), (first, ids["sub-a"]), (first, ids["sub-a"])])
        objects = moves.objects(delivery.id, [("dicom", "k1"), ("table", "k1"), ("dicom", "k1")])
        assert moves.objects(delivery.id, [("dicom", "k1")]) == {("dicom", "k1"): objects["dicom", "k1"]}
        moves.link_object_subjects([(objects["dicom", "k1"], ids["sub-a"])])
        moves.set_files([{"id": first, "object_id": objects["dicom", "k1"]}])
    with catalogue.read() as connection:
        assert subjects_of(connection, delivery.id) == {first: ("sub-a", "sub-b")}
    assert len(objects) == 2


def test_the_first_receipt_of_a_key_stands(catalogue: Catalogue, deposit: Deposit, begin: Begin) -> None:
    delivery = deposit(1)
    lease = begin(delivery, "ship")
    receipt = {"key": "demo/lyon/d0001/a", "size": 5, "sha256": "a" * 64, "proof": "server", "etag": "e1"}
    with lease.progress() as moves:
        shipment = ensure_shipment(moves.connection, delivery.id, "hdh")
        assert ensure_shipment(moves.connection, delivery.id, "hdh") == shipment
        moves.add_receipts([{**receipt, "shipment_id": shipment.id}])
    with lease.finish({}) as moves:
        moves.add_receipts([{**receipt, "shipment_id": shipment.id, "sha256": "b" * 64}])
        close_shipment(moves.connection, shipment.id, "c" * 64)
    with catalogue.transaction() as connection:
        (kept,) = receipts_of(connection, shipment.id)
        closed = ensure_shipment(connection, delivery.id, "hdh")
    assert (kept.sha256, kept.etag, kept.version_id, kept.file_id) == ("a" * 64, "e1", None, None)
    assert closed.manifest_sha256 == "c" * 64
    assert closed.done_at is not None
