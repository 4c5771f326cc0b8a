"""Open Data out of what three centres sent: gated, made, approved by two, published, made anew after a recall."""

import json
from pathlib import Path

import pytest

from collecte import catalogue, steps
from collecte.catalogue.recalls import new_recall
from collecte.errors import NeedsPerson
from collecte.package import digest_of, public_key_text, sha256_of
from collecte.release import Assigned, read_assignment
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import BadAnswer, answer
from collecte.steps.homogeneity import homogeneity_question, judge_homogeneity
from collecte.transport import Item, open_destination
from demo import cohort
from demo.deliveries import deposit
from tests.journey.conftest import World
from tests.journey.drops import rewrite
from tests.opendata.judges import require_standards


@pytest.fixture
def site(world: World) -> ChallengeSite:
    """Three centres' studies at the HDH, what a coordinator decided of them, and a frozen release."""
    deposit(world.challenge, world.connect, cohort.deposits())
    for centre in world.sites.values():
        steps.run(centre)
    site = world.challenge_site
    judge_homogeneity(site)
    if question := homogeneity_question(site):
        answer(site, question, "claire", "accept", reason="vu avec le centre")
    steps.freeze_release(site, steps.start_release(site))
    return site


def test_a_release_becomes_public_with_two_approvals_and_less_of_it_after_a_recall(
    site: ChallengeSite, world: World, tmp_path: Path
) -> None:
    _closed(site, world)
    label = steps.start_open(site)
    counts = steps.make_open(site, label)
    assert steps.make_open(site, label) == counts
    assert steps.start_open(site) == label, "of the same release, another package was begun"
    key = tmp_path / "key.pub"
    key.write_text(public_key_text(site.keys.signing))
    folder = site.folder(site.package("open", label))
    assert steps.verify_open(folder, key) == []
    _standards(site, folder)
    _made_again(site, folder)
    _approved_and_published(site, folder)
    _recalled(site, folder, key)
    with site.catalogue.transaction() as connection:
        assert not catalogue.verify(connection, site.challenge.id)


def _codes(site: ChallengeSite) -> set[str]:
    return {finding.code for check in steps.open_gate(site, "v1") for finding in check.findings if finding.refuses}


def _closed(site: ChallengeSite, world: World) -> None:
    """Each thing that keeps the gate closed, alone."""
    assert _codes(site) == set()
    for old, new, code in (
        ("embargo: 2020-07-01", "embargo: 2099-07-01", "OPEN-EMBARGO"),
        ("purposes: [challenge, open_data]", "purposes: [challenge]", "OPEN-PURPOSE-NOT-COVERED"),
        ("signed: 2020-01-01", "signed: 2099-01-01", "OPEN-PURPOSE-NOT-COVERED"),
        ("licence: CC-BY-4.0\n", "", "OPEN-LICENCE-MISSING"),
        ("ethics: Avis imaginaire 2026-00\n", "", "OPEN-ETHICS-MISSING"),
        ("age_cap: 89", "age_cap: 88", "GATE-SCAN-OLDER-THAN-RULES"),
        ("k: 5 #", "k: 1 #", "DISCLOSURE-K-IS-ONE"),
    ):
        before = (world.settings.challenges / "demo.yaml").read_text("utf-8")
        rewrite(world, old, new)
        closed = world.challenge_site
        assert _codes(closed) == {code}
        with pytest.raises(NeedsPerson, match=code):
            steps.start_open(closed)
        (world.settings.challenges / "demo.yaml").write_text(before, "utf-8")
    with site.catalogue.transaction() as connection:
        new_recall(connection, site.challenge.id, "arvel", "opposition", "subject", 1)
    assert _codes(site) == {"GATE-RECALL-PENDING"}
    with site.catalogue.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM recall")


def _standards(site: ChallengeSite, folder: Path) -> None:
    """The standards' own tools load it; no id of the competition, no pseudonym and no centre stands in it."""
    records = require_standards(folder)
    assigned = read_assignment(site.keys, site.hidden(site.package("release", "v1")))
    assert len(records["cases"]) == len(assigned)
    everything = b"".join(_files(folder).values()) + "".join(_files(folder)).encode()
    for one in assigned:
        assert one.case.encode() not in everything, "an id of the competition is public"
        assert one.subject.encode() not in everything
    assert b"sub-" not in everything
    for centre in site.challenge.centres:
        assert centre.id.encode() not in everything
    release = json.loads((site.folder(site.package("release", "v1")) / "release.json").read_bytes())
    assert release["version"] == "v1"


def _made_again(site: ChallengeSite, folder: Path) -> None:
    """As after a kill before the catalogue knew: the same bytes and times."""
    before, times = _files(folder), {path: path.stat().st_mtime_ns for path in _paths(folder)}
    with site.catalogue.transaction() as connection:
        connection.exec_driver_sql("UPDATE job SET done_at = NULL WHERE name = 'open/v1/make'")
        connection.exec_driver_sql("UPDATE package SET state = 'making', digest = NULL WHERE kind = 'open'")
    steps.make_open(site, "v1")
    assert _files(folder) == before
    assert {path: path.stat().st_mtime_ns for path in _paths(folder)} == times
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


def _approved_and_published(site: ChallengeSite, folder: Path) -> None:
    coordinator, officer = steps.open_questions(site, "v1")
    with pytest.raises(NeedsPerson):
        steps.publish_open(site, "v1")
    answer(site, coordinator, "claire", "approve")
    with pytest.raises(BadAnswer):
        answer(site, officer, "claire", "approve")
    with pytest.raises(NeedsPerson):
        steps.publish_open(site, "v1")
    answer(site, officer, "diane", "approve")
    image = next(path for path in _paths(folder) if path.suffix == ".dcm")
    before, time = image.read_bytes(), image.stat()
    image.write_bytes(before + b" ")
    with pytest.raises(NeedsPerson, match=image.name):
        steps.publish_open(site, "v1")
    assert steps.dry_run_open(site, "v1")["there"] == 0, "something of a changed package is public"
    image.write_bytes(before)
    assert time.st_size == image.stat().st_size
    counts = steps.publish_open(site, "v1")
    assert counts["files"] == len(_paths(folder))
    assert steps.publish_open(site, "v1") == counts
    assert steps.verify_public(site, "v1") == []


def _recalled(site: ChallengeSite, folder: Path, key: Path) -> None:
    before = site.package("open", "v1")
    assert steps.remake_open(site, "v1", frozenset()).get("withdrawn", 0) == 0
    assert site.package("open", "v1").digest == before.digest, "its release did not change, and it did"
    images = {path.name for path in _paths(folder) if path.suffix == ".dcm"}
    gone = read_assignment(site.keys, site.hidden(site.package("release", "v1")))[0]
    steps.remake_release(site, "v1", frozenset(), frozenset({gone.subject}))
    _left_without_receipt(site, folder)
    steps.remake_open(site, "v1", frozenset(), frozenset({gone.subject}))
    after = site.package("open", "v1")
    assert after.digest == digest_of(folder) != before.digest
    assert (after.replaces, steps.verify_open(folder, key)) == (before.digest, [])
    assert str(before.digest) in (folder / "README.fr.md").read_text("utf-8")
    assert {path.name for path in _paths(folder) if path.suffix == ".dcm"} < images
    assert steps.verify_public(site, "v1") == []
    assert steps.dry_run_open(site, "v1")["stray"] == 0
    vaults = [site.hidden(site.package("release", "v1")), site.hidden(after)]
    for redo in (lambda: (steps.freeze_release(site, "v1"), steps.make_open(site, "v1")), lambda: _again(site, gone)):
        for vault in vaults:
            (vault / "scratch.9").write_bytes(b"left by an attempt that was killed after its job was done")
        redo()
        assert not [left for vault in vaults for left in vault.glob("scratch.*")], "pseudonyms stand in it"
    assert steps.verify_public(site, "v1") == [], "done again, it took back what it had just published"


def _again(site: ChallengeSite, gone: Assigned) -> None:
    steps.remake_release(site, "v1", frozenset(), frozenset({gone.subject}))
    steps.remake_open(site, "v1", frozenset(), frozenset({gone.subject}))


def _left_without_receipt(site: ChallengeSite, folder: Path) -> None:
    """What a publishing that was killed has sent: it stands in public, and no catalogue knows of it."""
    public, source = site.challenge.open_data, folder / "SHA256SUMS"
    assert public
    with open_destination(site.connect(public.place.connection), public.place.path) as destination:
        list(destination.put([Item(source, "demo/v1/data/files/old.dcm", sha256_of(source), source.stat().st_size)]))


def _paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _paths(folder)}
