"""The report and the feedback after the demo's deliveries: what the coordinator reads, and what goes to the centre."""

from collecte import steps
from collecte.transport import open_source
from demo.deliveries import deposit, planted
from demo.verify import search
from tests.journey.conftest import World
from tests.journey.drops import rewrite


def test_the_coordinators_page_names_nobody_and_the_feedback_names_the_centres_own_files(world: World) -> None:
    laid = deposit(world.challenge, world.connect)
    for site in world.sites.values():
        steps.run(site)
    for centre, delivery in laid.items():
        site = world.site(centre)
        page = (site.reported(site.delivery("d0001")) / "report.html").read_bytes()
        mails = "".join(f"{mail.to}{mail.subject}{mail.text}" for mail in steps.mails(site, "d0001")).encode()
        assert list(search(planted(laid), [("report.html", [page]), ("mails", [mails])])) == []
        folders = {path.partition("/")[0].lower().encode() for path in delivery.files}
        assert not any(name in text.lower() for name in folders for text in (page, mails))
        feedback = retour(world, centre)["retour/d0001/retour-d0001.csv"].decode("utf-8-sig")
        refused = [path for path, expected in delivery.expected.items() if expected.state == "quarantined"]
        assert all(path in feedback for path in refused), "the centre is told of each refused file by its own name"
        others = {path for other, one in laid.items() if other != centre for path in one.files}
        assert not any(path in text.decode() for path in others for text in retour(world, centre).values())


def test_the_page_adds_up_and_says_what_was_promised(world: World) -> None:
    rewrite(world, "hdh:\n", "report: {smallest_cell: 7}\n\nhdh:\n")
    deposit(world.challenge, world.connect)
    (summary,) = steps.run(world.site("belcombe"))
    folder = world.folder / "elsewhere"
    process = world.command("report", "demo", "belcombe", "d0001", "--to", str(folder))
    assert process.communicate(timeout=120)[0].strip() == str(folder / "report.html")
    page = (folder / "report.html").read_text("utf-8")
    assert summary.head in page
    for code in summary.findings:
        assert code in page
    cohort = steps.delivery_report(world.site("belcombe"), "d0001").cohort
    assert cohort is not None
    assert cohort.threshold == 7


def retour(world: World, centre: str) -> dict[str, bytes]:
    """What lies in the centre's ``retour/``, read over its own protocol."""
    drop = world.challenge.centre(centre).drop
    with open_source(world.connect(drop.connection), drop.path) as source:
        there = [entry.path for entry in source.entries() if entry.path.startswith("retour/")]
        return {path: source.read_small(path, 10**7) for path in there}
