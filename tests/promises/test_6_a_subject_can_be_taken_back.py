"""Promise 6: from one identifier at one centre to every copy of the subject's data, their removal, the notice.

Three centres' studies go the whole line, then one patient is erased. Afterwards nothing of theirs is found by hash, by
the hash of their pixels, or by any identifier, at any place of ours or at a host; what the others sent is all there,
and every document, receipt and signature holds. How a centre asks, and what else may be recalled: tests/journey.
"""

import hashlib
import io
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pydicom
import pytest

from collecte import catalogue, steps
from collecte.facts import open_facts
from collecte.package import public_key_text, read_sums
from collecte.records import PatientRef, State
from collecte.release import read_assignment
from collecte.steps import open_data, ship_host
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import answer
from collecte.steps.homogeneity import homogeneity_question, judge_homogeneity
from collecte.steps.mails import Mail
from collecte.steps.open_gate import open_questions
from collecte.transport import open_destination, open_source
from demo import cohort
from demo.deliveries import deposit
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound

HOSTS = ("host-sftp", "host-s3")


@pytest.fixture
def site(world: World, s3: S3Server) -> ChallengeSite:
    """Three centres' studies, released and at two hosts: one is a folder here, the other a bucket."""
    _add_hosts(world, s3)
    deposit(world.challenge, world.connect, cohort.deposits())
    for centre in world.sites.values():
        steps.run(centre)
    site = world.challenge_site
    _decide_homogeneity(site)
    _release(site, "v1")
    _publish(site)
    return site


def _add_hosts(world: World, s3: S3Server) -> None:
    bucket, public = (f"{name}-{uuid.uuid4().hex[:12]}" for name in ("host", "open"))
    s3.create_buckets(bucket, public)
    path = world.folder / "connections.json"
    connections = json.loads(path.read_text("utf-8"))
    store = connections["demo_hdh"]
    connections |= {"demo_host_s3": store, "demo_open_s3": store, "demo_host_sftp": {"conn_type": "file"}}
    path.write_text(json.dumps(connections), "utf-8")
    challenge = world.settings.challenges / "demo.yaml"
    text = challenge.read_text("utf-8").replace("path: host-demo/challenge", f"path: {bucket}/challenge")
    text = text.replace("path: open-demo/donnees", f"path: {public}/donnees")
    challenge.write_text(text.replace("path: /challenge", f"path: {world.folder / 'host'}"), "utf-8")


def _decide_homogeneity(site: ChallengeSite) -> None:
    judge_homogeneity(site)
    if question := homogeneity_question(site):
        answer(site, question, "claire", "accept", reason="vu avec le centre")


def _release(site: ChallengeSite, label: str) -> None:
    assert steps.start_release(site) == label
    steps.freeze_release(site, label)
    coordinator, officer = steps.release_questions(site, label)
    answer(site, coordinator, "claire", "approve")
    answer(site, officer, "diane", "approve")
    for ref in ship_host.plan_host(site, label):
        ship_host.ship_to_host(site, ref["shard"])
    for host in HOSTS:
        ship_host.commit_host(site, label, host)


def _publish(site: ChallengeSite) -> None:
    label = open_data.start_open(site)
    open_data.make_open(site, label)
    coordinator, officer = open_questions(site, label)
    answer(site, coordinator, "claire", "approve")
    answer(site, officer, "diane", "approve")
    open_data.publish_open(site, label)


def _recall(world: World, site: ChallengeSite) -> Mapping[str, int]:
    path, content = cohort.recall_request(cohort.recalled())
    drop = world.challenge.centre("corvane").drop
    with open_source(world.connect(drop.connection), drop.path) as source:
        source.write(path, io.BytesIO(content))
    (number,) = steps.find_recalls(site)
    steps.plan_recall(site, number)
    answer(site, steps.recall_question(site, number), "diane", "approve")
    return steps.carry_out_recall(site, number)


def _places(world: World, site: ChallengeSite) -> Iterator[tuple[str, bytes]]:
    """Everything that is held of the challenge: zones of ours, the HDH, the hosts."""
    for zone in ("landing", "curated", "reports", "release", "vault", "open"):
        for path in sorted((world.folder / zone).rglob("*")):
            if path.is_file():
                yield f"{zone}: {path.relative_to(world.folder)}", path.read_bytes()
    release, public = site.challenge.release, site.challenge.open_data
    assert release
    assert public
    for place in (site.challenge.hdh, public.place, *(host.place for host in release.destinations)):
        with open_destination(world.connect(place.connection), place.path) as destination:
            for key in destination.list_keys():
                yield f"{place.connection}: {key}", destination.read(key)


def _pixels(content: bytes) -> str:
    if content[128:132] != b"DICM":
        return ""
    return hashlib.sha256(pydicom.dcmread(io.BytesIO(content)).PixelData).hexdigest()


def test_after_a_recall_no_copy_is_found_anywhere_and_everything_else_holds(
    world: World, site: ChallengeSite, tmp_path: Path
) -> None:
    patient, centre = cohort.recalled(), world.site("corvane")
    pseudonym = str(centre.context().pseudonyms.subject(PatientRef(patient.ipp)))
    hidden = site.hidden(site.package("release", "v1"))
    assigned = {one.subject: one for one in read_assignment(site.keys, hidden)}
    case = assigned.pop(pseudonym).case
    laid = cohort.deposits()["corvane"].files
    (own,) = [content for content in laid.values() if patient.ipp.encode() in content and content[128:132] == b"DICM"]
    before = dict(_places(world, site))
    gone = {
        hashlib.sha256(content).hexdigest() for name, content in before.items() if case in name or pseudonym in name
    }
    gone.add(hashlib.sha256(own).hexdigest())
    holding = [name for name, content in before.items() if _pixels(content) == _pixels(own)]
    assert len(holding) == 8, "landing, curated, HDH, release, two hosts, the package and the public place"
    digest = site.package("release", "v1").digest

    _recall(world, site)

    after = dict(_places(world, site))
    needles = [needle.encode() for needle in (patient.ipp, patient.name.partition("^")[0], pseudonym, case)]
    assert [name for name, content in after.items() if hashlib.sha256(content).hexdigest() in gone] == []
    assert [name for name, content in after.items() if _pixels(content) == _pixels(own)] == []
    assert [name for name, content in after.items() if any(needle in content for needle in needles)] == []
    assert [name for name in after if case in name or pseudonym in name] == []
    with open_facts(site.curated, "demo") as facts:
        assert pseudonym not in {row[0] for row in facts.execute("SELECT DISTINCT subject FROM facts").fetchall()}
    with site.catalogue.read() as connection:
        assert pseudonym not in "\n".join(catalogue.canonical_dump(connection, "demo"))
        accepted = list(catalogue.accepted_files(connection, "demo"))
    assert len(accepted) == 3 * (cohort.PATIENTS + 1) - 1
    assert {subject for file in accepted for subject in file.subjects} == set(assigned)

    _made_anew(site, tmp_path, digest)
    assert {one.subject: one for one in read_assignment(site.keys, hidden)} == assigned
    for one in world.sites.values():
        assert_sound(one)
    sent: list[Mail] = []
    steps.notify_recall(site, 1, sent.append)
    told = {address for mail in sent for address in mail.to}
    assert {
        "plateforme@host-sftp.example",
        "plateforme@host-s3.example",
        "contact@donnees.demo.example",
        "donnees@corvane.example",
    } <= told
    assert not [mail for mail in sent if any(needle.decode() in mail.text for needle in needles)]
    _comes_again(world, site)


def _made_anew(site: ChallengeSite, tmp_path: Path, digest: str | None) -> None:
    """Release and package are signed again, name what they replace, and are what stands at both hosts and in public."""
    package = site.package("release", "v1")
    folder = site.folder(package)
    key = tmp_path / "key.pub"
    key.write_text(public_key_text(site.keys.signing))
    assert steps.verify_release(folder, key) == []
    assert package.digest != digest == package.replaces
    assert json.loads((folder / "release.json").read_bytes())["replaces"] == digest
    package = site.package("open", "v1")
    assert open_data.verify_open(site.folder(package), key) == []
    assert package.replaces not in (None, package.digest)
    release, public = site.challenge.release, site.challenge.open_data
    assert release
    assert public
    for place in (public.place, *(host.place for host in release.destinations)):
        with open_destination(site.connect(place.connection), place.path) as destination:
            keys = list(destination.list_keys())
            sums = min((key for key in keys if key.endswith("SHA256SUMS")), key=len)
            prefix = sums.removesuffix("SHA256SUMS")
            listed = read_sums(destination.read(sums))
            assert {prefix + name for name in listed} == set(keys) - {sums, f"{sums}.sig"}
            assert all(destination.digest(prefix + name)[0] == sum_ for name, sum_ in listed.items())


def _comes_again(world: World, site: ChallengeSite) -> None:
    """What the centre deposits of them again is refused; the next release is made without, and verifies."""
    steps.run(world.site("corvane"))
    with site.catalogue.read() as connection:
        states = [
            file.state
            for row in catalogue.deliveries_of(connection, world.site("corvane").delivery("d0001").centre_id)
            for file in catalogue.files_of_delivery(connection, row.id)
            if file.reason == "SUBJECT-RECALLED"
        ]
    assert states == [State.REJECTED]
    _decide_homogeneity(site)
    assert steps.start_release(site) == "v2"
    steps.freeze_release(site, "v2")
    assert steps.verify_release(site.folder(site.package("release", "v2")), None) == []
