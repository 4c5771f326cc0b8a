"""Two runs over the same input with the same keys give one text, whatever their ids, times and attempts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from collecte.catalogue import (
    Catalogue,
    Change,
    DeliveryRow,
    Lease,
    anchor,
    canonical_dump,
    ensure_shipment,
    files_of_delivery,
    open_catalogue,
    take,
    take_ids,
)
from collecte.findings import Finding, registry
from collecte.keys import Keys
from collecte.records import Identifier, IdentifierKind, State


@pytest.fixture
def run(deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease], keys: Keys) -> Callable[..., list[str]]:
    """One small journey through a catalogue; ``disturbed``: with lost attempts and ids that others took."""

    def journey(catalogue: Catalogue, finding: Finding, *, disturbed: bool = False) -> list[str]:
        if disturbed:
            with catalogue.transaction() as connection:
                for table in ("file", "delivery", "subject", "object", "identifier", "centre"):
                    take_ids(connection, table, 10)
        delivery = deposit(3, into=catalogue)
        lease = begin(delivery, "accept", into=catalogue)
        if disturbed:
            with lease.progress() as moves:
                moves.subjects(lease.centre_id, ["sub-b"])
                first = files_of_delivery(moves.connection, delivery.id)[0]
                moves.set_files([{"id": first.id, "sha256": "a" * 64}])
            second = take(catalogue, delivery.id, "accept", 1)
            assert isinstance(second, Lease)
            lease = second
        with lease.finish({"files": 3}) as moves:
            ids = [row.id for row in files_of_delivery(moves.connection, delivery.id)]
            subjects = moves.subjects(lease.centre_id, ["sub-a", "sub-b"])
            objects = moves.objects(delivery.id, [("dicom", "k1")])
            moves.set_files({"id": i, "sha256": "a" * 64, "object_id": objects["dicom", "k1"]} for i in ids)
            moves.link_file_subjects((i, s) for i in ids for s in subjects.values())
            moves.link_object_subjects((objects["dicom", "k1"], s) for s in subjects.values())
            moves.add_identifiers(delivery.id, keys, [Identifier(IdentifierKind.ID, "12345678", "sub-a")], subjects)
            moves.move([Change(ids[0], State.ACCEPTED), Change(ids[1], State.DUPLICATE, points_to=ids[0])])
            moves.move([Change(ids[2], State.QUARANTINED, finding.code)])
            moves.add_findings("accept", [(ids[2], finding)])
            shipment = ensure_shipment(moves.connection, delivery.id, "hdh").id
            receipt = {"key": "a", "size": 1, "sha256": "a" * 64, "proof": "server", "version_id": str(shipment)}
            moves.add_receipts([{**receipt, "shipment_id": shipment, "file_id": ids[0]}])
        with catalogue.transaction() as connection:
            anchor(connection, "demo", delivery.id)
        with catalogue.read() as connection:
            return canonical_dump(connection, "demo")

    return journey


@pytest.fixture
def second(tmp_path: Path) -> Catalogue:
    return open_catalogue(f"sqlite:///{tmp_path / 'second.db'}", upgrade=True)


def test_two_runs_give_one_text_on_either_database(
    catalogue: Catalogue, second: Catalogue, run: Callable[..., list[str]], finding: Finding
) -> None:
    undisturbed = run(second, finding)
    assert run(catalogue, finding, disturbed=True) == undisturbed
    assert len(undisturbed) == 20


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE file SET state = 'quarantined' WHERE state = 'accepted'",
        "UPDATE file SET points_to = NULL WHERE points_to IS NOT NULL",
        "UPDATE file SET sha256 = 'b' WHERE state = 'accepted'",
        "UPDATE finding SET count = 9",
        "UPDATE shard SET counts = '{}'",
        "UPDATE receipt SET sha256 = 'b'",
        "UPDATE shipment SET manifest_sha256 = 'b'",
        "UPDATE delivery SET state = 'shipped'",
        "DELETE FROM identifier",
        "DELETE FROM object_subject",
        "DELETE FROM file_subject",
    ],
)
def test_whatever_else_differs_shows(
    catalogue: Catalogue, run: Callable[..., list[str]], finding: Finding, change: str
) -> None:
    before = run(catalogue, finding)
    with catalogue.transaction() as connection:
        connection.execute(text(change))
    with catalogue.read() as connection:
        assert canonical_dump(connection, "demo") != before
        assert canonical_dump(connection, "other") == []


def test_ids_inside_a_finding_are_named_like_all_others(
    catalogue: Catalogue, second: Catalogue, run: Callable[..., list[str]]
) -> None:
    rules = (rule for rule in registry().values() if list(rule.placeholders.values()) == ["id"])
    rule = next(rules)
    (name,) = rule.placeholders
    undisturbed = run(second, Finding(rule.code, values={name: "f1"}))
    assert run(catalogue, Finding(rule.code, values={name: "f11"}), disturbed=True) == undisturbed
