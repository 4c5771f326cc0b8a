"""The destination is busy, fails, or is slow in the middle of a shipment; a store's clock is a day off."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from collecte import steps
from collecte.errors import Retry
from demo.deliveries import MARCHEMALLE
from demo.servers import S3Server
from tests.faults.relays import HttpRelay, http_relay
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, image, images_in_bucket, lay, reconnect


@pytest.fixture
def relay(world: World, s3: S3Server) -> Iterator[HttpRelay]:
    """Stands between the installation and its object store."""
    with http_relay(s3.s3_port) as between:
        for connection in ("demo_hdh", "demo_s3_belcombe"):
            there = json.loads((world.folder / "connections.json").read_text("utf-8"))[connection]
            reconnect(world, connection, extra={**there["extra"], "endpoint_url": between.url})
        yield between


def _deliver(world: World) -> None:
    lay(drop(world) / "lot", {f"IM{n}": image(MARCHEMALLE, n) for n in range(1, 5)})


def test_a_store_that_is_busy_for_a_moment_and_slow_keeps_nobody_waiting(world: World, relay: HttpRelay) -> None:
    _deliver(world)
    relay.refuse, relay.delay = 2, 0.05
    site = world.site("arvel")
    steps.run(site)
    assert relay.refused == 2
    assert by_delivery(site) == {"d0001": {"accepted": 4}}
    assert len(images_in_bucket(world, "d0001")) == 4
    assert_sound(site)


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_that_fails_in_mid_shipment_is_tried_again_and_then_complete(
    world: World, relay: HttpRelay, s3: S3Server, status: int
) -> None:
    _deliver(world)
    client, name = s3.client(), world.challenge.hdh.path
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    site = world.site("arvel")
    relay.status = status

    def tell(step: str, _: str) -> None:
        relay.refuse = -1 if step == "commit_shipment" else 0

    with pytest.raises(Retry, match="demo_hdh"):
        steps.run(site, tell=tell)
    assert len(images_in_bucket(world, "d0001")) == 4
    assert not [key for key in bucket(world) if key.endswith("SHA256SUMS")]

    relay.refuse = 0
    steps.run(site)
    assert len(bucket(world)) == 4 + 3
    written = client.list_object_versions(Bucket=name, Prefix="demo/")["Versions"]
    assert len(written) == len({version["Key"] for version in written}), "something was sent twice"
    assert_sound(site)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_store_whose_clock_is_a_day_off_shows_its_deliveries_at_their_time(
    world: World, relay: HttpRelay, s3: S3Server, days: int
) -> None:
    """A store stamps its objects itself: quiet time is counted by its own clock, as far as that is from ours."""
    relay.shift = timedelta(days=days)
    client, name = s3.client(), world.challenge.centre("belcombe").drop.path.partition("/")[0]
    client.put_object(Bucket=name, Key="depot/lot/IM1", Body=image(MARCHEMALLE, 1))
    site = world.site("belcombe")
    steps.run(site)
    assert by_delivery(site) == {}, "an upload that may be under way was taken"
    client.put_object(Bucket=name, Key="depot/lot/.done", Body=b"")
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 1}}
    assert_sound(site)
