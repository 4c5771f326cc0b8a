"""What reports count in the database: the same on both, and no list that grows with the delivery."""

from collections.abc import Callable

from collecte.catalogue import Catalogue, Change, DeliveryRow, Lease, NewFile, files_of_delivery
from collecte.catalogue.figures import (
    accepted_among,
    came_from,
    files_to_correct,
    findings_of_rule,
    kinds_of_centre,
    of_kind,
    rule_figures,
)
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import State

BURNED = Finding("DICOM-BURNED-IN", place="BurnedInAnnotation")
ABSENT = Finding("MANIFEST-FILE-ABSENT", place="1", count=3)


def _size(most: int) -> Finding:
    return Finding("QUALITY-IMAGE-SIZE", "rows", 1, {"min_value": 64, "max_value": most})


def _judged(catalogue: Catalogue, delivery: DeliveryRow, begin: Callable[..., Lease]) -> list[int]:
    """Twelve files: ten with text burned in (one of them replaced since), eight too large, two accepted."""
    with catalogue.read() as connection:
        ids = [file.id for file in files_of_delivery(connection, delivery.id)]
    with begin(delivery).finish({}) as moves:
        moves.set_files({"id": file_id, "kind": "dicom"} for file_id in ids)
        moves.add_findings("validate", [(None, ABSENT), *((file_id, BURNED) for file_id in ids[:10])])
        moves.add_findings("validate", [(file_id, _size(n % 4 + 100)) for n, file_id in enumerate(ids[:8])])
        moves.move(Change(file_id, State.QUARANTINED, BURNED.code) for file_id in ids[:9])
        moves.move([Change(ids[9], State.SUPERSEDED, "FILE-SUPERSEDED", ids[10])])
        moves.move(Change(file_id, State.ACCEPTED) for file_id in ids[10:])
    return ids


def test_rules_are_counted_in_full_and_listed_up_to_a_limit(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    delivery = deposit(12)
    ids = _judged(catalogue, delivery, begin)
    with catalogue.read() as connection:
        burned, absent, size = rule_figures(connection, delivery.id, listed=3, wordings=2)
        open_ = rule_figures(connection, delivery.id, 100, 100, open_only=True)
        to_correct = files_to_correct(connection, delivery.id, (State.QUARANTINED,))
    assert (burned.code, burned.count, burned.files, burned.listed) == (BURNED.code, 10, 10, tuple(ids[:3]))
    assert (absent.code, absent.count, absent.files, absent.listed) == (ABSENT.code, 3, 0, ())
    assert (size.count, size.files, [row.values["max_value"] for row in size.wordings]) == (8, 8, [100, 101])
    assert [(rule.files, len(rule.wordings)) for rule in open_] == [(9, 1), (0, 1), (8, 4)]
    assert to_correct == 9


def test_the_findings_of_a_rule_come_with_their_files_in_their_order(
    catalogue: Catalogue, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    delivery = deposit(12)
    ids = _judged(catalogue, delivery, begin)
    with catalogue.read() as connection:
        rows = [*findings_of_rule(connection, delivery.id, BURNED.code, open_only=True)]
        assert [(file and file.id, row.file_id) for file, row in rows] == [(n, n) for n in ids[:9]]
        ((file, row),) = findings_of_rule(connection, delivery.id, ABSENT.code)
        assert (file, row.count) == (None, 3)
        assert accepted_among(connection, ids) == frozenset(ids[10:])
        assert of_kind(connection, delivery.id, "dicom", State.ACCEPTED) == 2
        assert (("dicom", State.QUARANTINED, 9)) in kinds_of_centre(connection, delivery.centre_id)


def test_archives_and_members_are_told_apart(
    catalogue: Catalogue, keys: Keys, deposit: Callable[..., DeliveryRow], begin: Callable[..., Lease]
) -> None:
    delivery = deposit(3)
    with begin(delivery).finish({}) as moves:
        archive = files_of_delivery(moves.connection, delivery.id)[0].id
        moves.add_files(keys, [NewFile(f"IM{n}", 10, sha256=f"{n:064x}", origin=archive) for n in range(4)])
    with catalogue.read() as connection:
        assert came_from(connection, delivery.id) == (3, 1, 4)
