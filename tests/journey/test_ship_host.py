"""A release at two competition hosts: nothing leaves that two people did not approve, what arrives is proved, the list
comes last, and a recall leaves nothing behind.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from collecte import catalogue, steps
from collecte.errors import NeedsPerson
from collecte.package import sha256sums
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.host_way import MadeAnew, Way, require_same_digest, taken_back, way_to
from collecte.transport import open_destination
from demo import cohort
from demo.deliveries import deposit
from demo.servers import S3Server
from tests.journey.conftest import World

S3, SFTP = "host-s3", "host-sftp"


@dataclass(frozen=True)
class Hosts:
    """A frozen release ``v1`` and its two hosts."""

    world: World

    @property
    def sftp(self) -> Path:
        """The folder of one of them."""
        return self.world.folder / "sftp" / "host" / "challenge"

    @property
    def bucket(self) -> str:
        """The bucket of the other."""
        places = {one.id: one.place for one in steps.destinations_of(self.site)}
        return places[S3].path.partition("/")[0]

    @property
    def site(self) -> ChallengeSite:
        return self.world.challenge_site

    @property
    def release(self) -> Path:
        return self.site.folder(self.site.package("release", "v1"))

    def held(self, destination: str) -> dict[str, str]:
        """Key → SHA-256 of all that a host holds, read back."""
        (one,) = (d for d in steps.destinations_of(self.site) if d.id == destination)
        with open_destination(self.site.connect(one.place.connection), one.place.path) as store:
            return {key: store.digest(key)[0] for key in store.list_keys()}

    def approve(self) -> None:
        for question, login in zip(steps.release_questions(self.site, "v1"), ("claire", "diane"), strict=True):
            steps.answer(self.site, question, login, "approve")

    def change(self, before: str, after: str) -> None:
        """Change the challenge file."""
        path = self.world.settings.challenges / "demo.yaml"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")


@pytest.fixture
def hosts(world: World, s3: S3Server) -> Hosts:
    """Three centres' studies, frozen; nobody has approved them. The S3 host keeps versions."""
    hosts = Hosts(world)
    s3.client().put_bucket_versioning(Bucket=hosts.bucket, VersioningConfiguration={"Status": "Enabled"})
    deposit(world.challenge, world.connect, cohort.deposits())
    for centre in world.sites.values():
        steps.run(centre)
    site = hosts.site
    steps.judge_homogeneity(site)
    if question := steps.homogeneity_question(site):
        steps.answer(site, question, "claire", "accept", reason="vu avec le centre")
    assert steps.start_release(site) == "v1"
    steps.freeze_release(site, "v1")
    return hosts


def ship_all(site: ChallengeSite) -> None:
    for ref in steps.plan_host(site, "v1"):
        steps.ship_to_host(site, ref["shard"])
    for destination in (S3, SFTP):
        steps.commit_host(site, "v1", destination)


def test_a_release_goes_to_its_hosts_once_and_a_recall_leaves_nothing_of_it(hosts: Hosts) -> None:
    _nothing_leaves_before_its_time(hosts)
    _a_changed_file_is_named(hosts)
    _shipped_and_proved(hosts)
    _custody(hosts)
    _recalled(hosts)


def _nothing_leaves_before_its_time(hosts: Hosts) -> None:
    site = hosts.site
    for attempt in (
        lambda: steps.plan_host(site, "v1"),
        lambda: steps.ship_to_host(site, f"release/v1/ship/{SFTP}/1"),
        lambda: steps.commit_host(site, "v1", SFTP),
    ):
        with pytest.raises(NeedsPerson, match="release/v1 is not approved"):
            attempt()
    hosts.approve()
    hosts.change("      region: eu\n", "      region: world\n")
    for attempt in (
        lambda: steps.plan_host(hosts.site, "v1"),
        lambda: steps.ship_to_host(hosts.site, f"release/v1/ship/{S3}/1"),
        lambda: steps.commit_host(hosts.site, "v1", S3),
    ):
        with pytest.raises(NeedsPerson, match=r"Nothing is sent to host-s3.*`world`.*agreement of \w+ does not allow"):
            attempt()
    hosts.change("      region: world\n", "      region: eu\n")
    with pytest.raises(NeedsPerson, match="have no receipt of host-sftp yet"):
        steps.commit_host(hosts.site, "v1", SFTP)
    assert not hosts.held(SFTP)
    assert not hosts.held(S3)


def _a_changed_file_is_named(hosts: Hosts) -> None:
    """Changed before the plan, nothing leaves; changed after it, that file does not, and the release is never whole."""
    site, path = hosts.site, next(iter(sorted(hosts.release.glob("train/files/*/*/*"))))
    name, good = path.relative_to(hosts.release).as_posix(), path.read_bytes()
    shards = [ref["shard"] for ref in steps.plan_host(site, "v1") if SFTP in ref["shard"]]
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    for attempt in (lambda: steps.plan_host(site, "v1"), lambda: [steps.ship_to_host(site, one) for one in shards]):
        with pytest.raises(NeedsPerson, match=name):
            attempt()
    assert not any(key.endswith(("/SHA256SUMS", name)) for key in hosts.held(SFTP) if "/signed/" not in key)
    path.write_bytes(good)


def _shipped_and_proved(hosts: Hosts) -> None:
    site = hosts.site
    ship_all(site)
    ours = {
        path.relative_to(hosts.release).as_posix(): path
        for path in hosts.release.rglob("*")
        if path.is_file() and not path.name.startswith("SHA256SUMS")
    }
    trees = [hosts.held(SFTP), hosts.held(S3)]
    assert trees[0] == trees[1], "two hosts of one layout hold the same"
    assert {f"demo/v1/{name}" for name in ours} < set(trees[0])
    listed = {key.removeprefix("demo/v1/"): digest for key, digest in trees[0].items()}
    listed.pop("SHA256SUMS")
    assert (hosts.sftp / "demo/v1/SHA256SUMS").read_bytes() == sha256sums(listed.items())
    with site.catalogue.read() as connection:
        sent = catalogue.shipments_of_package(connection, site.package("release", "v1").id)
        dumped = catalogue.canonical_dump(connection, "demo")
    assert {one.destination: (one.done_at is not None, one.receipts) for one in sent} == {
        destination: (True, len(trees[0])) for destination in (S3, SFTP)
    }
    ship_all(site)
    with site.catalogue.read() as connection:
        assert catalogue.canonical_dump(connection, "demo") == dumped, "shipping it again changed something"


def _custody(hosts: Hosts) -> None:
    site = hosts.site
    with site.catalogue.read() as connection:
        held = catalogue.package_files(connection, site.package("release", "v1").id)
    image = next(one for one in held if one.file_id and one.path.startswith("test/files/"))
    table = next(one for one in held if one.file_id and one.path.endswith(".csv"))
    places = ["centre", "landing", "chain", "curated", "hdh", "release/v1", "host-s3/v1", "host-sftp/v1"]
    for file in (image, table):
        links = steps.custody(site, f"f{file.file_id}")
        assert not [link for link in links if link.holds is False]
        assert [link.place for link in links if link.place in places][:6] == places[:6]
        assert {"host-s3/v1", "host-sftp/v1"} <= {link.place for link in links}
        assert "sub-" not in json.dumps([link.said for link in links])
    (hosts.sftp / "demo/v1" / image.path).write_bytes(b"other")
    (broken,) = (link for link in steps.custody(site, f"f{image.file_id}") if link.holds is False)
    assert broken.place == "host-sftp/v1"
    with pytest.raises(NeedsPerson, match="no such file"):
        steps.custody(site, "f999999")
    process = hosts.world.command("custody", f"f{image.file_id}")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "BROKEN" in said
    (hosts.sftp / "demo/v1" / image.path).write_bytes((hosts.release / image.path).read_bytes())


def _recalled(hosts: Hosts) -> None:
    site = hosts.site
    before = hosts.held(SFTP)
    with site.catalogue.read() as connection:
        held = catalogue.package_files(connection, site.package("release", "v1").id)
    image = next(one for one in held if one.file_id and one.path.startswith("train/files/"))
    case = image.path.split("/")[2]
    gone = frozenset(one.file_id for one in held if f"/{case}/" in one.path and one.file_id)
    assert steps.withdraw(site, "v1", SFTP, []) == {"removed": 0, "locked": 0, "files": 0}
    with site.catalogue.read() as connection:
        subject = next(
            one.subjects[0] for one in catalogue.accepted_files(connection, "demo") if one.id == image.file_id
        )
    way = way_to(site, "v1", SFTP)
    steps.remake_release(site, "v1", gone, frozenset({subject}))
    _overtaken_by_the_recall(site, way, image.path)
    with pytest.raises(NeedsPerson, match="release/v1 is not approved"):
        steps.plan_host(site, "v1")

    _stopped_in_the_middle(hosts, image.path)
    counts = {host: steps.withdraw(site, "v1", host, [image.path]) for host in (SFTP, S3)}

    after = hosts.held(SFTP)
    assert after == hosts.held(S3)
    assert not [key for key in after if f"/{case}/" in key]
    assert (hosts.release / "SHA256SUMS").read_bytes() == (hosts.sftp / "demo/v1/signed/SHA256SUMS").read_bytes()
    unchanged = {key for key, digest in before.items() if after.get(key) == digest}
    assert counts[SFTP] == {
        "removed": len(before) - len(unchanged),
        "locked": 0,
        "files": len(after) - len(unchanged),
    }
    assert counts[SFTP] == counts[S3], "stopped in the middle, it came to another end"
    assert steps.withdraw(site, "v1", SFTP, [image.path]) == counts[SFTP], "done again, it is done"
    listed = {key.removeprefix("demo/v1/"): digest for key, digest in after.items() if key != "demo/v1/SHA256SUMS"}
    assert (hosts.sftp / "demo/v1/SHA256SUMS").read_bytes() == sha256sums(listed.items())
    client = hosts_client(hosts)
    versions = client.list_object_versions(Bucket=hosts.bucket)
    client.close()
    assert {each["Key"].removeprefix("challenge/") for each in versions["Versions"]} == set(after)
    assert not versions.get("DeleteMarkers")
    with site.catalogue.read() as connection:
        assert not catalogue.verify(connection, "demo")


def _overtaken_by_the_recall(site: ChallengeSite, way: Way, path: str) -> None:
    """A shard that was being sent when the release was made anew records nothing, and takes back what is gone."""
    kept = f"{way.prefix}files.csv"
    with (
        pytest.raises(MadeAnew, match="was made anew while it was sent"),
        taken_back(site, way, [kept, way.prefix + path]),
        site.catalogue.read() as connection,
    ):
        require_same_digest(connection, way)
    with open_destination(site.connect(way.destination.place.connection), way.destination.place.path) as store:
        assert list(store.list_keys(kept)) == [kept]
        assert not list(store.list_keys(way.prefix + path))


def _stopped_in_the_middle(hosts: Hosts, path: str) -> None:
    """What is to go is gone first, and without the list the release is not complete; the next attempt goes on."""
    listed = hosts.release / "files.csv"
    good = listed.read_bytes()
    listed.write_bytes(good[:-2] + b"x\n")
    with pytest.raises(NeedsPerson, match=r"demo/v1/files.csv no longer has the SHA-256"):
        steps.withdraw(hosts.site, "v1", SFTP, [path])
    listed.write_bytes(good)
    left = hosts.held(SFTP)
    assert "demo/v1/SHA256SUMS" not in left
    assert f"demo/v1/{path}" not in left


def hosts_client(hosts: Hosts):  # type: ignore[no-untyped-def]  # boto3's clients are made at run time
    from collecte.transport.s3 import s3_client

    return s3_client(hosts.site.connect("demo_host_s3"))
