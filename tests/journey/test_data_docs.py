"""``validate`` leaves the delivery's Data Docs beside its reports: whole or not at all, and naming nobody."""

from collecte import steps
from demo.deliveries import deposit, planted
from demo.verify import search
from tests.journey.conftest import World


def test_data_docs_stand_beside_the_reports_and_name_nobody(world: World) -> None:
    laid = deposit(world.challenge, world.connect)
    for site in world.sites.values():
        steps.run(site)
    pages = sorted((world.folder / "reports").rglob("*data-docs*/*"))
    assert [str(page.relative_to(world.folder / "reports" / "demo")) for page in pages] == [
        f"{centre}/d0001/data-docs/index.html" for centre in world.sites
    ]
    for page in pages:
        content = page.read_bytes()
        assert b"expectations: " in content
        assert list(search(planted(laid), [(page.parts[-4], [content])])) == []
        assert not any(path.encode() in content for delivery in laid.values() for path in delivery.files)


def test_what_a_killed_attempt_left_half_written_gives_way_to_the_page(world: World) -> None:
    site = world.site("arvel")
    deposit(world.challenge, world.connect)
    folder = world.folder / "reports" / "demo" / "arvel" / "d0001" / "data-docs"
    folder.mkdir(parents=True)
    (folder / "index.html.7.part").write_text("<!doctype html><p>hal")
    steps.run(site)
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert (folder / "index.html").read_text("utf-8").rstrip().endswith("</html>")
