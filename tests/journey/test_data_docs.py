"""``validate`` leaves the delivery's Data Docs beside its reports: whole or not at all, and naming nobody."""

from collecte import steps
from demo.deliveries import deposit, planted
from demo.verify import search
from tests.journey.conftest import World


def test_data_docs_stand_whole_beside_the_reports_and_name_nobody(world: World) -> None:
    laid = deposit(world.challenge, world.connect)
    reports = world.folder / "reports" / "demo"
    killed = reports / "arvel" / "d0001" / "data-docs" / "index.html.7.part"
    killed.parent.mkdir(parents=True)
    killed.write_text("<!doctype html><p>hal")  # what a killed attempt left
    for site in world.sites.values():
        steps.run(site)
    pages = sorted(reports.rglob("*data-docs*/*"))
    assert [str(page.relative_to(reports)) for page in pages] == [
        f"{centre}/d0001/data-docs/index.html" for centre in world.sites
    ]
    for page in pages:
        content = page.read_bytes()
        assert b"expectations: " in content
        assert content.rstrip().endswith(b"</html>")
        assert list(search(planted(laid), [(page.parts[-4], [content])])) == []
        assert not any(path.encode() in content for delivery in laid.values() for path in delivery.files)
