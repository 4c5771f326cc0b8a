"""The catalogue is locked by another writer, or its server is restarted in the middle of a run."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from collecte import steps
from collecte.catalogue import open_catalogue
from collecte.errors import Retry
from collecte.steps import Site
from demo.deliveries import MARCHEMALLE
from demo.postgres import FORGETFUL, postgres
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, image, images_in_bucket, lay


def _deliver(world: World) -> None:
    lay(drop(world) / "lot", {f"IM{n}": image(MARCHEMALLE, n) for n in range(1, 5)})


def _assert_complete(world: World, site: Site) -> None:
    assert by_delivery(site) == {"d0001": {"accepted": 4}}
    assert len(images_in_bucket(world, "d0001")) == 4
    assert len(bucket(world)) == 4 + 3
    assert_sound(site)


@pytest.mark.parametrize("step", ["receive", "make_safe", "accept", "ship", "commit_shipment"])
def test_a_catalogue_that_another_writer_holds_too_long_is_tried_again(world: World, step: str) -> None:
    _deliver(world)
    impatient = open_catalogue(world.settings.catalogue, lock_wait_s=0.2)
    site, other = replace(world.site("arvel"), catalogue=impatient), open_catalogue(world.settings.catalogue)
    holding = other.transaction()

    def hold(begun: str, _: str) -> None:
        if begun == step:
            holding.__enter__()

    with pytest.raises(Retry, match="locked by another process"):
        steps.run(site, tell=hold)
    holding.__exit__(None, None, None)
    steps.run(site)
    _assert_complete(world, site)


@pytest.mark.parametrize("again", [True, False], ids=["at once", "after a while"])
def test_postgresql_restarted_in_mid_run_loses_nothing(make_world: Callable[..., World], again: bool) -> None:
    with postgres(*FORGETFUL) as server:
        world = make_world(server.url)
        _deliver(world)
        site = world.site("arvel")

        def restart(step: str, _: str) -> None:
            if step == "make_safe":
                server.stop()
                if again:
                    server.start()

        if again:
            steps.run(site, tell=restart)  # its connections are tried before they are used
        else:
            with pytest.raises(Retry, match="lost the connection or was busy"):
                steps.run(site, tell=restart)
            server.start()
            steps.run(site)
        _assert_complete(world, site)
        site.catalogue.close()
