"""Promise 3, for what leaves as a package: freeze, ship, publish and recall can be killed with -9 anywhere and run
again: same bytes, same receipts, same catalogue. And promises 1 and 6, over what all those blows left: nothing planted
is found in it, and nothing of whom was recalled.

The same catalogue, zones, drops and buckets are set back to where they were before the first release, and played again
under ten blows.
"""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pydicom
import pyrage
import pytest

from collecte import steps
from collecte.facts import open_facts
from collecte.formats.registry import FORMATS
from collecte.release import ensure_secret, read_assignment
from collecte.steps import ChallengeSite
from collecte.steps.housekeeping.hosts import hosts
from collecte.steps.housekeeping.uploads import uploads
from collecte.transport import open_destination
from demo import cohort
from demo.deliveries import deposit
from demo.line import SCORER_KEY
from demo.search import Content, contents, search
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, dump

#: Each of these dies once, and one of the others: ten in all.
STEPS = {
    "release": ("freeze_release", "ship_to_host", "commit_host"),
    "publish": ("make_open", "publish_open"),
    "recall": ("begin_removal", "remove_from_batches", "remake_packages", "erase"),
}
OTHERS = {"release": ("start_release", "plan_host"), "publish": ("start_open",), "recall": ("prove", "find_recalls")}
#: A red test is the same on the next day; another seed by COLLECTE_TEST_SEED.
SEED = 20_261_125

_ZONES = ("landing", "curated", "reports", "release", "vault", "open", "sftp")


@dataclass(frozen=True)
class Held:
    """All bytes of an installation, by place and name."""

    files: Mapping[str, bytes]
    objects: Mapping[str, Mapping[str, bytes]]


@pytest.fixture
def site(world: World) -> ChallengeSite:
    """Three centres' studies at the HDH; nothing of it is released."""
    deposit(world.challenge, world.connect, cohort.deposits())
    for centre in world.sites.values():
        steps.run(centre)
    site = world.challenge_site
    steps.judge_homogeneity(site)
    if question := steps.homogeneity_question(site):
        steps.answer(site, question, "claire", "accept", reason="vu avec le centre")
    for own in (world.folder / "vault" / "demo" / "v1", world.folder / "vault" / "demo" / "open" / "v1"):
        ensure_secret(site.keys, own)  # else each of two runs would have ids of its own
    return site


@pytest.mark.timeout(600)  # a dozen processes
def test_killed_at_ten_seeded_points_packages_and_recall_end_as_undisturbed(
    world: World, site: ChallengeSite, s3: S3Server
) -> None:
    seed = int(os.environ.get("COLLECTE_TEST_SEED") or SEED)
    before = _kept(world, site, s3)
    undisturbed = _played(world, [(act, "") for act in STEPS])
    assert not any(trouble for _, _, trouble in undisturbed), undisturbed
    wanted = _seen(world)

    _set_back(world, s3, before)
    plan = _plan(random.Random(seed), {act: points for act, (_, points, _) in zip(STEPS, undisturbed, strict=True)})
    told = f"COLLECTE_TEST_SEED={seed}: killed at {', '.join(blow for _, blow in plan if blow)}"
    for (act, blow), (code, _, trouble) in zip(plan, _played(world, plan), strict=True):
        assert not trouble, f"{told}; then {act} {blow}:\n{trouble}"
        assert code == (-signal.SIGKILL if blow else 0), f"{told}; {blow} was not reached"
    for night in (uploads, hosts):  # what killed probes left
        night(world.site("corvane"), datetime.now(UTC), abandoned=timedelta(0))
    found = _seen(world)
    for what, content in wanted.items():
        assert found[what] == content, f"{told}; another {what}: {_other(content, found[what])}"
    for centre in world.sites.values():
        assert_sound(centre)
    _nothing_identifies(world, found)
    _nothing_of_the_recalled(world, found, before)


def _nothing_identifies(world: World, found: Mapping[str, Mapping[str, object]]) -> None:
    """Neither identifiers in what leaves, is hidden, reported or catalogued, nor pseudonyms in what leaves."""
    planted = {word for laid in cohort.deposits().values() for word in laid.planted}
    zones = [world.folder / zone for zone in ("curated", "release", "vault", "open", "reports", "sftp/host")]
    database = [*world.folder.glob("catalogue.db*"), world.folder / "said.log"]
    places = chain(contents([*zones, *database]), _places(found), [("the assignment", [repr(found["vault"]).encode()])])
    assert _found(planted, places, at_least=300) == []
    assigned = found["vault"]["assignment"]
    assert isinstance(assigned, list)
    assert len(assigned) == 3 * cohort.PATIENTS - 1
    leaving = chain(
        contents(world.folder / zone for zone in ("release", "open", "sftp/host")),
        _places({name: objects for name, objects in found.items() if name != "demo_hdh"}),
    )
    assert _found({one.subject for one in assigned}, leaving, at_least=200) == []
    public = chain(contents([world.folder / "open"]), _places({"demo_open_s3": found["demo_open_s3"]}))
    assert _found({one.case for one in assigned}, public, at_least=80) == [], "public ids link to the competition's"


def _found(words: Iterable[str], places: Iterable[Content], at_least: int) -> list[str]:
    """Where words stand, of so many places at least: of a few, nothing would be proved."""
    looked = 0

    def each() -> Iterator[Content]:
        nonlocal looked
        for place in places:
            looked += 1
            yield place

    found = sorted(search(words, each()))
    assert looked >= at_least
    return found


def _nothing_of_the_recalled(world: World, found: Mapping[str, Mapping[str, object]], before: Held) -> None:
    """No copy of the image, none of its pixels, and of neither the SHA-256 as a text."""
    patient = cohort.recalled()
    (own,) = (
        content
        for content in cohort.deposits()["corvane"].files.values()
        if _pixels(content) and patient.ipp.encode() in content
    )
    copies = {
        hashlib.sha256(content).hexdigest() for content in before.files.values() if _pixels(content) == _pixels(own)
    }
    assert len(copies) == 2, "as received, and made safe"
    received = world.folder / "received.dcm"
    received.write_bytes(own)
    pixels = FORMATS["dicom"].describe(received)["pixel_sha256"]
    ours = [*(world.folder / zone for zone in _ZONES[:-1]), world.folder / "sftp" / "host"]
    here = {str(path): path.read_bytes() for zone in ours for path in _files(zone)}
    there = {place: b"".join(pieces) for place, pieces in _places(found)}
    for name, content in (here | there).items():
        assert hashlib.sha256(content).hexdigest() not in copies, f"{name} is a copy"
        assert _pixels(content) != _pixels(own), f"{name} holds the same pixels"
    tables = (place for place in contents([world.folder / "catalogue.db"]) if "(table " in place[0])
    assert _found({*copies, str(pixels)}, chain(contents(ours), tables, _places(found)), at_least=300) == []
    with open_facts(world.challenge_site.curated, "demo") as facts:  # Parquet, where a text search sees nothing
        hashes = [pixel_hash for (pixel_hash,) in facts.execute("SELECT pixel_sha256 FROM facts").fetchall()]
    assert len(set(hashes)) >= 3 * cohort.PATIENTS - 1
    assert pixels not in hashes


def _places(found: Mapping[str, Mapping[str, object]]) -> list[tuple[str, list[bytes]]]:
    """The objects of the buckets."""
    return [
        (f"{connection} {key}", [content])
        for connection, objects in found.items()
        if connection.startswith("demo_")
        for key, content in objects.items()
        if isinstance(content, bytes)
    ]


def _pixels(content: bytes) -> bytes:
    """Of a DICOM file; else nothing."""
    if content[128:132] != b"DICM":
        return b""
    return bytes(pydicom.dcmread(io.BytesIO(content)).PixelData)


def _plan(choose: random.Random, points: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    """Ten blows, each further on than the one before; after those of an act it is played to its end."""
    chosen_act = choose.choice(list(OTHERS))
    other = choose.choice(OTHERS[chosen_act])
    plan = []
    for act, steps_ in STEPS.items():
        assert not set(steps_) - set(points[act]), f"{act} did not go through all its steps: {points[act]}"
        names = {*steps_, other} if act == chosen_act else set(steps_)
        ordered = [name for name in points[act] if name in names]
        plan += [(act, f"{name}:{choose.randint(1, points[act][name])}") for name in ordered]
        plan.append((act, ""))
    return plan


def _played(world: World, plan: Sequence[tuple[str, str]]) -> list[tuple[int, Mapping[str, int], str]]:
    asked, told = world.folder / "plan.json", world.folder / "told.json"
    asked.write_text(json.dumps(plan), "utf-8")
    command = [sys.executable, "-m", "tests.promises.line", str(asked), str(told)]
    with (world.folder / "said.log").open("ab") as log:
        environment = {**os.environ, **world.environment}
        process = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=500)
    assert process.returncode == 0, (world.folder / "said.log").read_text("utf-8")
    results: list[tuple[int, Mapping[str, int], str]] = json.loads(told.read_text("utf-8"))
    return results


def _seen(world: World) -> dict[str, Mapping[str, object]]:
    """What two runs must have in common. Of the vault, what is in it: sealed anew, it has other bytes."""
    site = world.challenge_site
    zones = {
        zone: {str(path.relative_to(world.folder)): path.read_bytes() for path in _files(world.folder / zone)}
        for zone in ("curated", "release", "open", "sftp/host")
    }
    hidden = site.hidden(site.package("release", "v1"))
    scorer = pyrage.x25519.Identity.from_str(SCORER_KEY)
    labels = {path.name: pyrage.decrypt(path.read_bytes(), [scorer]) for path in hidden.glob("*.age")}
    names = {str(path.relative_to(world.folder)) for path in _files(world.folder / "vault")}
    vault = {"assignment": read_assignment(site.keys, hidden), "names": names, **labels}
    lines = {str(number): line for number, line in enumerate(dump(world.site("arvel")))}
    return {**zones, "vault": vault, **_buckets(site), "catalogue": lines}


def _buckets(site: ChallengeSite) -> dict[str, Mapping[str, object]]:
    found: dict[str, Mapping[str, object]] = {}
    public = site.challenge.open_data
    assert public
    hosts = [host.place for host in steps.destinations_of(site) if "s3" in host.place.connection]
    for place in (site.challenge.hdh, public.place, *hosts):
        with open_destination(site.connect(place.connection), place.path) as destination:
            found[place.connection] = {key: destination.read(key) for key in destination.list_keys()}
    return found


def _other(wanted: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    keys = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    if all(key.isdigit() for key in keys):  # lines of the catalogue
        return sorted(map(str, {*wanted.values()} ^ {*found.values()}))[:20]
    return sorted(keys)[:20]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _kept(world: World, site: ChallengeSite, s3: S3Server) -> Held:
    site.catalogue.close()
    files = {str(path.relative_to(world.folder)): path.read_bytes() for path in _installed(world)}
    return Held(files, {bucket: _objects(s3, bucket) for bucket in _bucket_names(site)})


def _set_back(world: World, s3: S3Server, held: Held) -> None:
    for path in _installed(world):
        path.unlink()
    for zone in ("release", "open"):
        shutil.rmtree(world.folder / zone, ignore_errors=True)
    for name, content in held.files.items():
        path = world.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    client = s3.client()
    for bucket, objects in held.objects.items():
        for key in _objects(s3, bucket):
            client.delete_object(Bucket=bucket, Key=key)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256")


def _installed(world: World) -> Iterator[Path]:
    yield from world.folder.glob("catalogue.db*")
    for zone in _ZONES:
        yield from _files(world.folder / zone)


def _objects(s3: S3Server, bucket: str) -> dict[str, bytes]:
    client = s3.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def _bucket_names(site: ChallengeSite) -> set[str]:
    public, belcombe = site.challenge.open_data, site.challenge.centre("belcombe")
    assert public
    hosts = [host.place for host in steps.destinations_of(site) if "s3" in host.place.connection]
    return {place.path.partition("/")[0] for place in (site.challenge.hdh, public.place, belcombe.drop, *hosts)}
