"""The demo's three deliveries, all steps in one process: each planted trouble ends where it should."""

from collections.abc import Callable

from collecte import steps
from demo.deliveries import deposit
from demo.postgres import FORGETFUL, postgres_server
from demo.verify import verify
from tests.journey.conftest import World


def test_every_planted_trouble_ends_where_it_should_and_nothing_identifying_leaves(world: World) -> None:
    laid = deposit(world.challenge, world.connect)
    for site in world.sites.values():
        steps.run(site)
    places = [world.folder / "catalogue.db", world.folder / "curated"]
    checks = verify(world.sites, laid, places)
    assert not [f"{check.what}: {check.trouble}" for check in checks if not check.passed]


def test_the_same_on_postgresql(make_world: Callable[..., World]) -> None:
    with postgres_server(*FORGETFUL) as url:
        world = make_world(url)
        laid = deposit(world.challenge, world.connect)
        sites = world.sites
        for site in sites.values():
            steps.run(site)
        checks = verify(sites, laid, [world.folder / "curated"])
        for site in sites.values():
            site.catalogue.close()
    assert not [f"{check.what}: {check.trouble}" for check in checks if not check.passed]


def test_a_second_run_changes_nothing(world: World) -> None:
    deposit(world.challenge, world.connect)
    first = {centre: steps.run(site) for centre, site in world.sites.items()}
    assert {centre: steps.run(site) for centre, site in world.sites.items()} == first
