"""A release out of what three centres sent: frozen, verified, gated, asked about, made anew; and what stands against it."""

import json
from pathlib import Path

import pyrage
import pytest

from collecte import catalogue, steps
from collecte.gates import refusals
from collecte.package import digest_of, public_key_text
from collecte.release import read_assignment
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import answer
from collecte.steps.homogeneity import homogeneity_question, judge_homogeneity
from demo import cohort
from demo.deliveries import deposit
from tests.journey.conftest import World


@pytest.fixture
def site(world: World) -> ChallengeSite:
    """Three centres' studies at the HDH, and what a coordinator decided of them."""
    deposit(world.challenge, world.connect, cohort.deposits())
    for centre in world.sites.values():
        steps.run(centre)
    site = world.challenge_site
    judge_homogeneity(site)
    if question := homogeneity_question(site):
        answer(site, question, "claire", "accept", reason="vu avec le centre")
    return site


def _held(site: ChallengeSite) -> dict[str, tuple[str, int]]:
    folder = site.folder(site.package("release", "v1"))
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes().hex(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_release_is_frozen_once_verifies_and_is_the_same_when_it_is_made_again(
    site: ChallengeSite, tmp_path: Path
) -> None:
    label = steps.start_release(site)
    assert (label, steps.start_release(site)) == ("v1", "v1")
    counts = steps.freeze_release(site, label)
    package = site.package("release", label)
    folder = site.folder(package)
    key = tmp_path / "key.pub"
    key.write_text(public_key_text(site.keys.signing))
    assert steps.verify_release(folder, key) == []
    assert package.digest == digest_of(folder)
    assert steps.freeze_release(site, label) == counts
    assert steps.start_release(site) == "v1", "of the same, another version was begun"
    _gate_and_questions(site)
    _vault(site)
    _made_again(site)
    _recalled(site, key)


def _gate_and_questions(site: ChallengeSite) -> None:
    checks = steps.release_gate(site, "v1")
    assert refusals(checks) == (), [f.text("en") for f in refusals(checks)]
    coordinator, officer = steps.release_questions(site, "v1")
    assert coordinator.digest == officer.digest == site.package("release", "v1").digest
    assert {coordinator.role, officer.role} == {"coordinator", "data_protection_officer"}
    assert "AUC" in officer.text
    for secret in ("sub-", "Dupont"):
        assert secret not in officer.text


def _vault(site: ChallengeSite) -> None:
    hidden = site.hidden(site.package("release", "v1"))
    assigned = read_assignment(site.keys, hidden)
    assert {one.part for one in assigned} == {"train", "public_test", "private_test"}
    folder = site.folder(site.package("release", "v1"))
    shipped = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for one in assigned:
        assert one.subject.encode() not in shipped
        assert (one.case.encode() in shipped) is True
    names = sorted(path.name for path in hidden.iterdir())
    assert names == ["assignment", "labels-host-s3.age", "labels-host-sftp.age", "secret"]
    for name in names:
        assert b"sub-" not in (hidden / name).read_bytes()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt((hidden / "labels-host-s3.age").read_bytes(), [pyrage.x25519.Identity.generate()])


def _made_again(site: ChallengeSite) -> None:
    """As after a kill before the catalogue knew: the same bytes and times."""
    before = _held(site)
    with site.catalogue.transaction() as connection:
        connection.exec_driver_sql("UPDATE job SET done_at = NULL WHERE name = 'release/v1/freeze'")
        connection.exec_driver_sql("UPDATE package SET state = 'making', digest = NULL WHERE kind = 'release'")
    steps.freeze_release(site, "v1")
    assert _held(site) == before
    assert [path.name for path in site.folder(site.package("release", "v1")).parent.iterdir()] == ["v1"]


def _recalled(site: ChallengeSite, key: Path) -> None:
    package = site.package("release", "v1")
    folder, hidden = site.folder(package), site.hidden(package)
    before = {one.subject: one for one in read_assignment(site.keys, hidden)}
    gone = next(one for one in before.values() if one.part == "train")
    files = {row.path for row in _files(site) if f"/{gone.case}/" in row.path}
    counts = steps.remake_release(site, "v1", frozenset(), frozenset({gone.subject}))
    assert counts == {"files_removed": len(files), "cases_removed": 1}
    again = site.package("release", "v1")
    assert again.replaces == package.digest
    assert json.loads((folder / "release.json").read_bytes())["replaces"] == package.digest
    assert steps.verify_release(folder, key) == []
    assert gone.case.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*.csv"))
    after = {one.subject: one for one in read_assignment(site.keys, hidden)}
    assert after == {who: one for who, one in before.items() if who != gone.subject}
    assert steps.remake_release(site, "v1", frozenset(), frozenset({gone.subject})) == {
        "files_removed": 0,
        "cases_removed": 0,
    }
    assert site.package("release", "v1").digest == again.digest
    with site.catalogue.transaction() as connection:
        assert not catalogue.verify(connection, site.challenge.id)


def _files(site: ChallengeSite) -> list[catalogue.PackageFile]:
    with site.catalogue.read() as connection:
        return catalogue.package_files(connection, site.package("release", "v1").id)
