"""The drill: catalogue and keys are lost, and put back from their copies; what came in between is found again."""

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest

from collecte import catalogue, steps
from collecte.catalogue import files_of_delivery, subjects_of
from collecte.errors import NeedsPerson
from collecte.steps import Site
from collecte.steps.feedback import write_feedback
from collecte.steps.housekeeping.watch import watch
from demo.deliveries import MARCHEMALLE, TRIBOULOT
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, dump, ends, image, lay


def versions(world: World, s3: S3Server) -> Mapping[str, int]:
    """How often each key of the bucket was written, deletions counted too."""
    found = s3.client().list_object_versions(Bucket=world.challenge.hdh.path)
    written: dict[str, int] = {}
    for item in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
        if ".collecte-probe" not in item["Key"]:
            written[item["Key"]] = written.get(item["Key"], 0) + 1
    return written


def pseudonyms(site: Site, label: str) -> set[str]:
    with site.catalogue.read() as connection:
        found = subjects_of(connection, site.delivery(label).id).values()
    return {pseudonym for several in found for pseudonym in several}


def command(world: World, *arguments: str) -> str:
    process = world.command(*arguments)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def keys_of(world: World) -> Path:
    return Path(world.environment["COLLECTE_KEYS_DEMO"])


def lose(world: World) -> None:
    """The catalogue, with what SQLite keeps beside it, and the keys."""
    for path in world.folder.glob("catalogue.db*"):
        path.unlink()
    keys_of(world).unlink(missing_ok=True)


@pytest.fixture
def versioned(world: World, s3: S3Server) -> World:
    s3.client().put_bucket_versioning(Bucket=world.challenge.hdh.path, VersioningConfiguration={"Status": "Enabled"})
    return world


def test_lost_and_restored_nothing_is_lost_and_nothing_is_done_twice(versioned: World, s3: S3Server) -> None:
    world, kept = versioned, versioned.folder / "kept"
    kept.mkdir()
    lay(drop(world) / "lot 1", {"IM1": image(MARCHEMALLE, 1), "notes.xyz": b"of no known type"})
    steps.run(world.site("arvel"))
    said = command(world, "catalogue", "backup", str(kept / "catalogue.db"))
    assert "demo: audit head " in said
    shutil.copy(keys_of(world), kept / "keys.json")
    lay(drop(world) / "lot 2", {"IM2": image(MARCHEMALLE, 2), "IM3": image(TRIBOULOT, 3)})
    steps.run(world.site("arvel"))
    before, shipped = dump(world.site("arvel")), versions(world, s3)
    first = pseudonyms(world.site("arvel"), "d0001")

    lose(world)
    shutil.copy(kept / "keys.json", keys_of(world))
    said = command(world, "catalogue", "restore", str(kept / "catalogue.db"))

    assert "sealed cells open" in said
    assert "Wrong" not in said
    assert said.count("Set aside: ") == 2
    site = world.site("arvel")
    assert by_delivery(site) == {"d0001": {"accepted": 1, "quarantined": 1}}
    (aside,) = site.landing.glob("demo/arvel/lost/*/d0002")
    assert sum(path.name.startswith("f") for path in aside.iterdir() if path.is_file()) == 3
    facts = sorted(path.parent.name for path in site.curated.rglob("*.parquet"))
    assert facts == ["d0002.facts", "delivery=d0001"], "numbers that are given again have no facts of others"
    assert_sound(site)
    steps.run(site)
    assert dump(site) == before, "the same files, names, bytes and proofs as if nothing had been lost"
    assert versions(world, s3) == shipped, "what was shipped was compared, and not sent again"
    assert set(shipped.values()) == {1}
    assert_sound(site)
    lay(drop(world) / "lot 3", {"IM4": image(MARCHEMALLE, 4)})
    steps.run(site)
    assert pseudonyms(site, "d0003") == first
    assert set(versions(world, s3).values()) == {1}
    assert "LANDING-SET-ASIDE" in [each.finding.code for each in watch(site, datetime.now(UTC)).notices]


def test_what_was_being_collected_goes_on_from_landing_though_the_drop_is_empty(versioned: World, s3: S3Server) -> None:
    """The backup fell between receipt and acceptance; what it knows of is still in landing under an older attempt."""
    world = versioned
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    steps.find(world.site("arvel"))
    backup = world.folder / "backup.db"
    command(world, "catalogue", "backup", str(backup))
    steps.run(world.site("arvel"))
    before, shipped = dump(world.site("arvel")), versions(world, s3)
    shutil.rmtree(drop(world) / "lot")
    keys = keys_of(world).read_text()
    lose(world)
    keys_of(world).write_text(keys)
    command(world, "catalogue", "restore", str(backup))
    site = world.site("arvel")
    steps.run(site)
    assert dump(site) == before
    assert versions(world, s3) == shipped
    assert_sound(site)


@pytest.mark.parametrize("times", ["kept", "changed since"])
def test_deliveries_get_their_numbers_again_by_their_times_or_are_stopped_and_overwrite_nothing(
    versioned: World, s3: S3Server, times: str
) -> None:
    """Two came after the backup, and the names of their folders do not sort as they came."""
    world = versioned
    backup = world.folder / "backup.db"
    command(world, "catalogue", "backup", str(backup))
    for number, folder in enumerate(("b", "a"), 1):
        lay(drop(world) / folder, {f"IM{number}": image(MARCHEMALLE, number)})
        for path in (drop(world) / folder).iterdir():
            os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        steps.run(world.site("arvel"))
    shipped = versions(world, s3)
    for path in world.folder.glob("catalogue.db*"):
        path.unlink()
    command(world, "catalogue", "restore", str(backup))
    if times == "kept":
        steps.run(world.site("arvel"))
        assert versions(world, s3) == shipped
        return
    os.utime(drop(world) / "b" / "IM1", (1_800_000_000, 1_800_000_000))
    with pytest.raises(NeedsPerson, match="another object"):
        steps.run(world.site("arvel"))
    after = versions(world, s3)
    assert {key: after[key] for key in shipped} == shipped


def test_without_its_keys_a_restored_catalogue_says_what_does_not_open(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    steps.find(world.site("arvel"))
    backup = world.folder / "backup.db"
    command(world, "catalogue", "backup", str(backup))
    lose(world)
    process = world.command("catalogue", "restore", str(backup))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "Wrong: demo: There is no key file" in said
    assert "To do: make one" in said


def test_a_rotated_sealing_key_changes_no_pseudonym_uid_or_date_and_opens_what_was_sealed_before(
    world: World,
) -> None:
    lay(drop(world) / "lot 1", {"Dossier 1/IM1": image(MARCHEMALLE, 1), "Dossier 1/notes.xyz": b"of no known type"})
    steps.run(world.site("arvel"))
    said = command(world, "key", "rotate", str(keys_of(world)), "--challenge", "demo")
    assert "k2 seals from now on" in said
    site = world.site("arvel")
    lay(drop(world) / "lot 2", {"Dossier 2/IM2": image(MARCHEMALLE, 2)})
    steps.run(site)
    assert len(pseudonyms(site, "d0001") | pseudonyms(site, "d0002")) == 1
    one, two = (pydicom.dcmread(path) for path in sorted(site.curated.glob("demo/arvel/*/**/*.dcm")))
    for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "StudyDate"):
        assert one[name].value == two[name].value, name
    assert one.SOPInstanceUID != two.SOPInstanceUID
    told = write_feedback(site, "d0001", world.folder / "told")
    assert any("Dossier 1/notes.xyz" in path.read_text("utf-8") for path in told)
    with site.catalogue.read() as connection:
        rows = [*files_of_delivery(connection, 1), *files_of_delivery(connection, 2)]
        assert {row.key_id for row in rows} == {"k2"}
        assert catalogue.verify(connection, "demo") == []
    assert ends(site)["lot 2/Dossier 2/IM2"] == "accepted"
    assert bucket(world)
