"""No agreement in force, no collection: the run ends with a finding that names the missing clause."""

import re
from collections.abc import Callable

import pytest

from collecte import steps
from collecte.catalogue import deliveries_of, ensure_centre
from collecte.steps import GateClosed
from demo.deliveries import deposit
from tests.journey.conftest import World


def _rewrite(world: World, pattern: str, by: str) -> None:
    path = world.settings.challenges / "demo.yaml"
    head, centre, rest = path.read_text("utf-8").partition("  - id: arvel")
    path.write_text(head + centre + re.sub(pattern, by, rest, count=1), "utf-8")


@pytest.mark.parametrize(
    ("pattern", "by", "code"),
    [
        (r"ends: 2099-12-31", "ends: 2021-12-31", "AGREEMENT-ENDED"),
        (r"signed: 2020-01-01", "signed: 2098-01-01", "AGREEMENT-NOT-IN-FORCE"),
        (r"authorisation: AIPD-DEMO-01", "authorisation: null", "AGREEMENT-CLAUSE-MISSING"),
    ],
)
def test_nothing_is_collected_without_an_agreement_in_force(world: World, pattern: str, by: str, code: str) -> None:
    deposit(world.challenge, world.connect)
    _rewrite(world, r"by: 2027-03-31", "by: 2020-02-01")
    _rewrite(world, pattern, by)
    site = world.site("arvel")
    with pytest.raises(GateClosed, match=code):
        steps.run(site)
    with site.catalogue.transaction() as connection:
        assert deliveries_of(connection, ensure_centre(connection, "demo", "arvel")) == []
    assert not list((world.folder / "landing").rglob("*"))


def test_a_kind_outside_the_agreement_is_quarantined_and_the_rest_goes_on(world: World) -> None:
    deposit(world.challenge, world.connect)
    path = world.settings.challenges / "demo.yaml"
    head, centre, rest = path.read_text("utf-8").partition("  - id: corvane")
    rest = rest.replace("kinds: [dicom, table]", "kinds: [dicom]")
    rest = rest.replace("      - {kind: table, files: 2, by: 2027-03-31}\n", "")
    path.write_text(head + centre + rest, "utf-8")
    (summary,) = steps.run(world.site("corvane"))
    assert summary.findings["FILE-KIND-NOT-ALLOWED"] == 2
    assert summary.states["accepted"] == 3


def test_the_finding_survives_the_way_between_processes(make_world: Callable[[], World]) -> None:
    world = make_world()
    _rewrite(world, r"by: 2027-03-31", "by: 2020-02-01")
    _rewrite(world, r"ends: 2099-12-31", "ends: 2021-12-31")
    process = world.command("run", "demo", "arvel")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "AGREEMENT-ENDED" in said
    assert "To do:" in said
