"""The board says of each centre what its reports say, and of the challenge what waits for somebody's word."""

import json
from collections.abc import Mapping
from typing import Any

from collecte import steps
from collecte.catalogue import keep_verdict, new_package
from collecte.catalogue.decisions import decide, new_decision
from collecte.steps.board import BOARD
from demo.deliveries import MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import drop, image, lay


def read(world: World) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((world.challenge_site.reported() / BOARD).read_bytes())
    return content


def test_a_centres_row_adds_up_as_its_report_does_and_names_nobody(world: World) -> None:
    files = {f"IM{n}": image(MARCHEMALLE, n) for n in (1, 2, 3)}
    lay(drop(world) / "MARCHEMALLE", {**files, "notes.xyz": b"MARCHEMALLE"})
    site = world.site("arvel")
    steps.run(site)
    steps.report(site, "d0001")

    content = read(world)
    row = next(centre for centre in content["centres"] if centre["id"] == "arvel")
    told = steps.summary(site, site.delivery("d0001"))

    figures = {name: row[name] for name in ("received", "refused", "valid", "at_hdh", "released")}
    assert figures == {"received": told.received, "refused": 1, "valid": 3, "at_hdh": 3, "released": 0}
    assert row["promised"] == sum(promise.files for promise in site.centre.promised)
    assert (row["last"]["label"], row["last"]["state"]) == ("d0001", "shipped")
    assert [centre["received"] for centre in content["centres"] if centre["id"] != "arvel"] == [0, 0]
    assert "MARCHEMALLE" not in json.dumps(content)


def test_a_red_verdict_waits_until_a_coordinator_has_decided(world: World) -> None:
    with world.challenge_site.catalogue.transaction() as connection:
        keep_verdict(connection, "demo", "a" * 64, "red", [])
    assert steps.write_board("demo", world.settings) == {"centres": 3}
    found = read(world)["homogeneity"]
    assert (found["verdict"], found["decided"]) == ("red", "")

    for login, role, shown in (("diane", "coordinator", ""), ("claire", "coordinator", "accept")):
        with world.challenge_site.catalogue.transaction() as connection:
            decision = new_decision("homogeneity", "a" * 64, role, login, "accept", "", "vu avec le centre")
            decide(connection, "demo", decision)
        steps.write_board("demo", world.settings)
        assert read(world)["homogeneity"]["decided"] == shown


def test_the_landing_page_of_a_package_is_laid_beside_the_board(world: World) -> None:
    site = world.challenge_site
    with site.catalogue.transaction() as connection:
        package = new_package(connection, "demo", "open", "b" * 64)
    site.folder(package).mkdir(parents=True)
    (site.folder(package) / "index.html").write_text("<p>landing</p>", "utf-8")

    steps.write_board("demo", world.settings)

    assert (site.reported() / "open-v1.html").read_text("utf-8") == "<p>landing</p>"
    assert [one["label"] for one in read(world)["open"]] == ["v1"]
