"""``collecte report`` after the demo's deliveries: what the coordinator reads, and what goes back to the centre."""

from pathlib import Path

from collecte import steps
from demo.deliveries import deposit, planted
from demo.verify import search
from tests.journey.conftest import World


def _report(world: World, centre: str, to: Path) -> None:
    process = world.command("report", "demo", centre, "d0001", "--to", str(to))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def test_the_coordinators_page_names_nobody_and_the_feedback_names_the_centres_own_files(world: World) -> None:
    laid = deposit(world.challenge, world.connect)
    for site in world.sites.values():
        steps.run(site)
    for centre, delivery in laid.items():
        folder = world.folder / centre
        _report(world, centre, folder)
        page = (folder / "report.html").read_bytes()
        assert list(search(planted(laid), [("report.html", [page])])) == []
        folders = {path.partition("/")[0].lower().encode() for path in delivery.files}
        assert not any(name in page.lower() for name in folders)
        feedback = (folder / "retour" / "feedback.csv").read_text("utf-8-sig")
        refused = [path for path, expected in delivery.expected.items() if expected.state == "quarantined"]
        assert all(path in feedback for path in refused), "the centre is told of each refused file by its own name"
        others = {path for other, one in laid.items() if other != centre for path in one.files}
        assert not any(path in feedback for path in others), "a centre never sees another one's files"


def test_the_page_adds_up_and_says_what_was_promised(world: World) -> None:
    deposit(world.challenge, world.connect)
    (summary,) = steps.run(world.site("belcombe"))
    page = steps.documents(world.site("belcombe"), "d0001").coordinator
    assert summary.head in page
    for code in summary.findings:
        assert code in page
