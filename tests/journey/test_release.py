"""A release out of what three centres sent: frozen, verified, gated, asked about, made anew; what stands in its way."""

import json
import os
from pathlib import Path

import pyrage
import pytest

from collecte import catalogue, steps
from collecte.catalogue.recalls import new_recall
from collecte.errors import NeedsPerson
from collecte.gates import refusals
from collecte.package import digest_of, public_key_text
from collecte.release import read_assignment
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import answer
from collecte.steps.homogeneity import homogeneity_question, judge_homogeneity
from demo import cohort
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, deposit
from tests.journey.conftest import World
from tests.journey.drops import drop, findings, image, lay, rewrite

#: Beside the studies: somebody with two labels, somebody with none, a table that names nobody.
HARD = {
    "IM1": image(MARCHEMALLE, 1),
    "IM2": image(ESTRUGAMOU, 2),
    "un.csv": f"ipp;diagnostic\n{MARCHEMALLE.ipp};1\n".encode(),
    "deux.csv": f"ipp;diagnostic\n{MARCHEMALLE.ipp};0\n".encode(),
    "liens.csv": b"fichier;qualite\nIM1;2\n",
}


@pytest.fixture
def site(world: World) -> ChallengeSite:
    """Three centres' studies at the HDH, and what a coordinator decided of them."""
    rewrite(world, "diag], action: label}", 'diag], action: label, values: ["0", "1", "2"]}')
    lay(drop(world) / "encore", HARD)
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
    site: ChallengeSite, world: World, tmp_path: Path
) -> None:
    label = steps.start_release(site)
    assert (label, steps.start_release(site)) == ("v1", "v1")
    _two_at_once(world)
    _damaged_in_curated(site)
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
    _closed(site, world)
    _command(world, folder, key)
    _recalled(site, key)
    _another_version(world)
    _corrected(world)


def _two_at_once(world: World) -> None:
    """Another version, by other rules, while one is in the making: refused, and nothing of either is visible."""
    rewrite(world, "train: 0.6, public_test: 0.2", "train: 0.5, public_test: 0.3")
    other = world.challenge_site
    with pytest.raises(NeedsPerson, match="still being made"):
        steps.start_release(other)
    with pytest.raises(NeedsPerson, match="changed since"):
        steps.freeze_release(other, "v1")
    steps.discard_release(other, "v1")
    assert steps.start_release(other) == "v1", "what is discarded gives its number back"
    steps.discard_release(other, "v1")
    rewrite(world, "train: 0.5, public_test: 0.3", "train: 0.6, public_test: 0.2")
    assert steps.start_release(world.challenge_site) == "v1"


def _damaged_in_curated(site: ChallengeSite) -> None:
    """A safe copy that is no longer what was accepted stops the freeze; the next try goes on."""
    one = sorted((site.curated / site.challenge.id).rglob("*.dcm"))[0]
    before = one.read_bytes()
    one.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(NeedsPerson, match="is not what was accepted"):
        steps.freeze_release(site, "v1")
    assert not site.folder(site.package("release", "v1")).exists()
    with pytest.raises(NeedsPerson, match="not frozen"):
        steps.release_gate(site, "v1")
    one.write_bytes(before)


def _codes(site: ChallengeSite) -> set[str]:
    return {finding.code for check in steps.release_gate(site, "v1") for finding in check.findings if finding.refuses}


def _closed(site: ChallengeSite, world: World) -> None:
    """Each thing that keeps the gate closed, alone."""
    image = next(site.folder(site.package("release", "v1")).glob("test/files/*/*/*.dcm"))
    before, time = image.read_bytes(), image.stat().st_mtime_ns
    image.write_bytes(before + b" ")
    (changed,) = refusals(steps.release_gate(site, "v1"))
    assert changed.code == "GATE-RELEASE-CHANGED"
    assert image.name in changed.place
    image.write_bytes(before)
    os.utime(image, ns=(time, time))
    for old, new, code in (
        ("signed: 2020-01-01", "signed: 2099-01-01", "GATE-AGREEMENT-COMPETITION"),
        ("age_cap: 89", "age_cap: 88", "GATE-SCAN-OLDER-THAN-RULES"),
    ):
        rewrite(world, old, new)
        assert _codes(world.challenge_site) == {code}
        rewrite(world, new, old)
    with site.catalogue.transaction() as connection:
        new_recall(connection, site.challenge.id, "arvel", "opposition", "subject", 1)
    assert _codes(site) == {"GATE-RECALL-PENDING"}
    with site.catalogue.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM recall")
    assert _codes(site) == set()


def _command(world: World, folder: Path, key: Path) -> None:
    """``collecte release verify`` needs the folder alone, and says what it proves."""
    process = world.command("release", "verify", str(folder), "--public-key", str(key))
    said, _ = process.communicate()
    assert (process.returncode, said) == (0, "It is whole, and signed by that key.\n")
    process = world.command("release", "verify", str(folder))
    said, _ = process.communicate()
    assert process.returncode == 0
    assert "does not prove where it comes from" in said


def _gate_and_questions(site: ChallengeSite) -> None:
    checks = steps.release_gate(site, "v1")
    assert refusals(checks) == (), [f.text("en") for f in refusals(checks)]
    said = {finding.code: finding.count for check in checks for finding in check.findings}
    assert {code: count for code, count in said.items() if code.startswith("RELEASE-")} == {
        "RELEASE-LABEL-CONFLICT": 1,
        "RELEASE-SUBJECT-WITHOUT-LABEL": 2,
        "RELEASE-FILE-WITHOUT-SUBJECT": 1,
        "RELEASE-CLASS-EMPTY": 1,
    }
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


def _another_version(world: World) -> None:
    """By other rules: other ids, and who had a part keeps it."""
    rewrite(world, "train: 0.6, public_test: 0.2", "train: 0.5, public_test: 0.3")
    site = world.challenge_site
    assert steps.start_release(site) == "v2"
    steps.freeze_release(site, "v2")
    first, second = (
        {one.subject: one for one in read_assignment(site.keys, site.hidden(site.package("release", label)))}
        for label in ("v1", "v2")
    )
    assert {who: second[who].part for who in first} == {who: one.part for who, one in first.items()}
    assert not {one.case for one in first.values()} & {one.case for one in second.values()}
    folders = [site.folder(site.package("release", label)) for label in ("v1", "v2")]
    assert "version: v1 → v2" in steps.diff_releases(*folders)


def _corrected(world: World) -> None:
    """A correction of what a release holds: the release stays as it is, and that is said once."""
    site = world.site("arvel")
    lay(drop(world) / "apres", {"IM1": image(MARCHEMALLE, 1, size=18)})
    steps.run(site)
    said = findings(site, steps.status(site)[-1].delivery)
    assert said["FILE-SUPERSEDED"] == said["FILE-CORRECTED-AFTER-RELEASE"] == 1


def _files(site: ChallengeSite) -> list[catalogue.PackageFile]:
    with site.catalogue.read() as connection:
        return catalogue.package_files(connection, site.package("release", "v1").id)
