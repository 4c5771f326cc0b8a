"""Curated → HDH over a real S3 server: nothing twice, nothing overwritten, nothing left unfinished."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from collecte import steps
from collecte.catalogue import ensure_shipment, files_of_delivery, receipts_of
from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME
from collecte.records import State
from collecte.ship import key_of
from demo.deliveries import MARCHEMALLE
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, ends, image, lay

BATCH = "demo/arvel/d0001/"


@pytest.fixture
def accepted(world: World) -> World:
    """One delivery of three images, accepted and not shipped."""
    lay(drop(world) / "lot", {f"IM{n}": image(MARCHEMALLE, n) for n in (1, 2, 3)})
    _collect(world.site("arvel"))
    return world


def test_run_again_it_sends_nothing_twice(accepted: World, s3: S3Server) -> None:
    s3.client().put_bucket_versioning(Bucket=accepted.challenge.hdh.path, VersioningConfiguration={"Status": "Enabled"})
    site = accepted.site("arvel")
    steps.run(site)
    before = _versions(accepted, s3)
    assert len(before) == 3 + 3
    assert all(len(times) == 1 for times in before.values())
    steps.run(site)
    for ref in steps.plan_ship(site, "d0001"):
        steps.ship(site, ref.shard)
    steps.commit_shipment(site, "d0001")
    assert _versions(accepted, s3) == before


def test_every_object_has_a_receipt_and_the_sums_come_last(accepted: World, s3: S3Server) -> None:
    site = accepted.site("arvel")
    steps.run(site)
    delivery = site.delivery("d0001")
    with site.catalogue.transaction() as connection:
        receipts = {r.key: r for r in receipts_of(connection, ensure_shipment(connection, delivery.id, "hdh").id)}
    there = bucket(accepted)
    assert {key: receipt.sha256 for key, receipt in receipts.items()} == there
    assert {receipt.proof for receipt in receipts.values()} == {"server"}
    written = _written(accepted, s3)
    assert max(written, key=lambda key: (written[key], key == f"{BATCH}{SUMS_NAME}")) == f"{BATCH}{SUMS_NAME}"


def test_a_shipment_cut_in_half_completes_and_keeps_what_arrived(accepted: World, s3: S3Server) -> None:
    """Half the objects arrived, without a receipt: the attempt was killed before it could write them."""
    site = accepted.site("arvel")
    first, second, third = _keys(site)
    for key in (first, second):
        s3.client().put_object(Bucket=accepted.challenge.hdh.path, Key=key, Body=_safe(site, key))
    before = _written(accepted, s3)
    with pytest.raises(NeedsPerson, match="3 files of d0001 have no receipt yet"):
        steps.commit_shipment(site, "d0001")
    steps.run(site)
    after = _written(accepted, s3)
    assert {key: after[key] for key in before} == before
    assert third in after
    assert f"{BATCH}{SUMS_NAME}" in after
    assert_sound(site)


def test_another_object_at_the_destination_is_reported_and_left(accepted: World, s3: S3Server) -> None:
    site = accepted.site("arvel")
    altered, *others = _keys(site)
    client, name = s3.client(), accepted.challenge.hdh.path
    client.put_object(Bucket=name, Key=altered, Body=b"somebody else's")
    with pytest.raises(NeedsPerson, match="another object under") as caught:
        steps.run(site)
    assert altered in str(caught.value)
    assert client.get_object(Bucket=name, Key=altered)["Body"].read() == b"somebody else's"
    assert f"{BATCH}{SUMS_NAME}" not in bucket(accepted)
    assert set(others) <= set(bucket(accepted))

    client.delete_object(Bucket=name, Key=altered)
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 3}}
    assert f"{BATCH}{SUMS_NAME}" in bucket(accepted)


def test_an_object_altered_after_its_receipt_is_reported_when_it_is_shipped_again(
    accepted: World, s3: S3Server
) -> None:
    site = accepted.site("arvel")
    (ref,) = steps.plan_ship(site, "d0001")
    key = _keys(site)[0]
    content = bytearray(_safe(site, key))
    content[-1] ^= 1
    s3.client().put_object(Bucket=accepted.challenge.hdh.path, Key=key, Body=bytes(content))
    with pytest.raises(NeedsPerson, match="it was left as it is"):
        steps.ship(site, ref.shard)


def test_uploads_that_were_begun_long_ago_and_never_finished_are_ended(accepted: World, s3: S3Server) -> None:
    client, name = s3.client(), accepted.challenge.hdh.path
    client.create_multipart_upload(Bucket=name, Key=f"{BATCH}half.dcm")
    site = accepted.site("arvel")
    for ref in steps.plan_ship(site, "d0001"):
        steps.ship(site, ref.shard)
    assert client.list_multipart_uploads(Bucket=name).get("Uploads")
    assert steps.commit_shipment(site, "d0001", abandoned=timedelta(0))["uploads_aborted"] == 1
    assert not client.list_multipart_uploads(Bucket=name).get("Uploads")


def test_an_upload_that_may_still_be_under_way_is_not_ended(accepted: World, s3: S3Server) -> None:
    client, name = s3.client(), accepted.challenge.hdh.path
    client.create_multipart_upload(Bucket=name, Key="demo/corvane/d0001/under-way.dcm")
    steps.run(accepted.site("arvel"))
    assert client.list_multipart_uploads(Bucket=name).get("Uploads")


def test_a_delivery_that_is_not_accepted_is_not_shipped(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.find(site)
    with pytest.raises(NeedsPerson, match="d0001 is collecting, not accepted"):
        steps.plan_ship(site, "d0001")


def test_odd_keys_of_an_object_store_arrive(world: World, s3: S3Server) -> None:
    odd = (
        "deux mots.dcm",
        unicodedata.normalize("NFC", "été/ça.dcm"),
        unicodedata.normalize("NFD", "été/ça.dcm"),
        "-tiret",
        "plus+et&=?#.dcm",
        "100%25.dcm",
        "guillemets'\".dcm",
    )
    name = world.challenge.centre("belcombe").drop.path.partition("/")[0]
    client = s3.client()
    for number, key in enumerate(odd, 1):
        client.put_object(Bucket=name, Key=f"depot/lot/{key}", Body=image(MARCHEMALLE, number))
    client.put_object(Bucket=name, Key="depot/lot/", Body=b"")
    client.put_object(Bucket=name, Key="depot/lot/.done", Body=b"")
    client.put_object(Bucket=name, Key="autre/lot/x", Body=image(MARCHEMALLE, 99))
    site = world.site("belcombe")
    steps.run(site)
    assert ends(site) == {f"lot/{key}": "accepted" for key in odd}
    assert sum(key.endswith(".dcm") for key in bucket(world)) == len(odd)
    assert_sound(site)


def _collect(site: steps.Site) -> None:
    refs = steps.find(site)
    for ref in refs:
        steps.receive(site, ref.shard)
    for ref in steps.unpack(site, ["d0001"]):
        steps.harvest(site, ref.shard)
    for ref in steps.group(site, ["d0001"]):
        steps.make_safe(site, ref.shard)
    for ref in steps.describe_shards(site, ["d0001"]):
        steps.describe(site, ref.shard)
    steps.validate(site, "d0001")
    steps.accept(site, "d0001")


def _keys(site: steps.Site) -> list[str]:
    """The keys under which the accepted files belong."""
    with site.catalogue.read() as connection:
        files = files_of_delivery(connection, site.delivery("d0001").id, State.ACCEPTED)
    return sorted(key_of("demo", "arvel", "d0001", str(file.name)) for file in files)


def _safe(site: steps.Site, key: str) -> bytes:
    return (site.curated / key).read_bytes()


def _written(world: World, s3: S3Server) -> Mapping[str, datetime]:
    found = s3.client().list_objects_v2(Bucket=world.challenge.hdh.path).get("Contents", [])
    return {item["Key"]: item["LastModified"] for item in found}


def _versions(world: World, s3: S3Server) -> Mapping[str, list[str]]:
    """Every version of every key, the deleted ones too: what was sent twice has two."""
    found = s3.client().list_object_versions(Bucket=world.challenge.hdh.path)
    versions: dict[str, list[str]] = {}
    for item in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
        if item["Key"].startswith(BATCH):
            versions.setdefault(item["Key"], []).append(item["VersionId"])
    return versions
