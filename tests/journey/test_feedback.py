"""What goes back to a centre: its feedback in ``retour/`` of its own drop, by each protocol, and to nobody else."""

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collecte import steps
from collecte.errors import NeedsPerson, Retry
from collecte.steps import Mail
from demo.deliveries import MARCHEMALLE, TRIBOULOT
from demo.openssh import openssh
from demo.servers import make_key
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, drop, image, lay, reconnect, rewrite
from tests.journey.test_documents import retour

PAGE, TABLE = "retour/d0001/retour-d0001.html", "retour/d0001/retour-d0001.csv"
#: One file to accept, and one that ends too early, by names that only this centre may read.
FILES = {"MARCHEMALLE/IM1": image(MARCHEMALLE, 1), "TRIBOULOT/coupé.dcm": image(TRIBOULOT, 1)[:-100]}
COUNTS = {"received": 3, "accepted": 1, "quarantined": 1, "rejected": 1}


@pytest.fixture
def told(world: World) -> World:
    """Arvel's delivery, collected, shipped and told of."""
    lay(drop(world) / "lot 1", FILES)
    steps.run(world.site("arvel"))
    return world


def _as_folder(world: World) -> Path:
    """Arvel's drop as a folder that is mounted on this machine."""
    folder = drop(world)
    connections = json.loads((world.folder / "connections.json").read_text())
    connections["demo_sftp_arvel"] = {"conn_type": "file"}
    (world.folder / "connections.json").write_text(json.dumps(connections))
    rewrite(world, "path: /depot", f"path: {folder}")
    return folder


def test_the_end_of_a_run_leaves_report_and_feedback_each_for_its_own_reader_and_no_part(told: World) -> None:
    site = told.site("arvel")
    there = retour(told, "arvel")
    assert set(there) == {PAGE, TABLE}
    for text in (there[PAGE].decode(), there[TABLE].decode("utf-8-sig")):
        assert "lot 1/TRIBOULOT/coupé.dcm" in text
        assert "lot 1/MARCHEMALLE/IM1" not in text, "a file without a fault is not listed"
    folder = site.reported(site.delivery("d0001"))
    assert {path.name for path in folder.iterdir()} == {"report.html", "findings.csv", "data-docs"}
    links = set(re.findall('href="(.*?)"', (folder / "report.html").read_text("utf-8")))
    assert {"data-docs/index.html", "findings.csv"} <= links
    assert not re.search("TRIBOULOT|lot 1", (folder / "findings.csv").read_text("utf-8"))

    lay(drop(told, "corvane") / "lot 1", {"ESTRUGAMOU/coupé.dcm": image(TRIBOULOT, 2)[:-100]})
    steps.run(told.site("corvane"))
    for centre, own, other in (("arvel", "TRIBOULOT", "ESTRUGAMOU"), ("corvane", "ESTRUGAMOU", "TRIBOULOT")):
        text = b"".join(retour(told, centre).values()).decode()
        assert own in text
        assert other not in text, "a centre never sees another one's files"


def test_nothing_new_sends_nothing_and_the_verb_sends_it_again_where_no_link_leads(told: World) -> None:
    page, outside = drop(told) / PAGE, drop(told).parent / "elsewhere"
    page.unlink()
    (drop(told) / "retour" / "IM9").write_bytes(image(TRIBOULOT, 9))
    assert [figures.delivery for figures in steps.run(told.site("arvel"))] == ["d0001"], "retour/ is never collected"
    assert not page.exists()

    outside.write_text("theirs")
    (drop(told) / f"{PAGE}.part").symlink_to(outside)
    assert steps.feedback(told.site("arvel"), "d0001") == COUNTS
    assert outside.read_text() == "theirs"
    assert page.is_file()
    assert not page.is_symlink()
    assert_sound(told.site("arvel"))


def test_a_file_that_a_correction_replaced_is_no_longer_to_be_corrected(told: World) -> None:
    (drop(told) / "lot 1" / "TRIBOULOT" / "coupé.dcm").write_bytes(image(TRIBOULOT, 1))
    steps.run(told.site("arvel"))
    assert "coupé" not in retour(told, "arvel")[PAGE].decode()


def test_a_file_that_a_person_refused_for_good_is_no_longer_to_be_corrected(told: World) -> None:
    site = told.site("arvel")
    steps.reject_quarantine(site, "unusable", "d0001")
    steps.feedback(site, "d0001")
    page, table = (retour(told, "arvel")[name].decode("utf-8-sig") for name in (PAGE, TABLE))
    assert "coupé.dcm" in page, "what was decided is told"
    assert 'class="notice good"' in page, "nothing is to be mended"
    assert [row.rpartition(";")[2] for row in table.splitlines() if "coupé" in row] == ['"FILE-REJECTED"']
    told_centre = next(mail for mail in steps.mails(site, "d0001") if "Rien à corriger" in mail.text)
    assert "coupé" not in told_centre.text
    assert_sound(site)


@pytest.mark.needs("sshd")
def test_a_server_that_lets_us_only_read_is_said_with_its_remedy(told: World, tmp_path: Path) -> None:
    depot, key = drop(told), tmp_path / "client"
    (tmp_path / "client.pub").write_text(make_key(key) + "\n")
    before = retour(told, "arvel")
    rewrite(told, "path: /depot", f"path: {depot}")
    with openssh(tmp_path / "sshd", key, ForceCommand="internal-sftp -R") as server:
        end = server.endpoint(key)
        reconnect(told, "demo_sftp_arvel", port=end.port, login=end.login, password="", extra={**end.extra})
        with pytest.raises(NeedsPerson, match=r"may not do this.*To do: .*write in its folder retour"):
            steps.feedback(told.site("arvel"), "d0001")
    assert {path: (depot / path).read_bytes() for path in before} == before, "what was there stands"


def test_nobody_is_told_of_a_delivery_that_is_not_judged_yet(world: World) -> None:
    lay(drop(world) / "lot 1", FILES)
    site = world.site("arvel")
    steps.find(site)
    for tell in (steps.report, steps.feedback, lambda *of: steps.send_mails(*of, send=lambda mail: None)):
        with pytest.raises(NeedsPerson):
            tell(site, "d0001")
    assert retour(world, "arvel") == {}
    assert not site.reports.exists()


def test_retour_that_is_no_folder_names_the_remedy_and_the_next_run_makes_up_for_it(world: World) -> None:
    in_the_way = drop(world) / "retour"
    lay(drop(world) / "lot 1", FILES)
    in_the_way.symlink_to("lot 1")
    with pytest.raises(NeedsPerson, match="ask the centre to remove what stands in its place") as caught:
        steps.run(world.site("arvel"))
    assert not re.search("TRIBOULOT|lot 1", str(caught.value))
    in_the_way.unlink()
    steps.run(world.site("arvel"))
    assert set(retour(world, "arvel")) == {PAGE, TABLE}


@pytest.mark.parametrize("kind", ["sftp", "folder"])
def test_killed_in_the_middle_and_run_again_it_leaves_the_same_and_no_part(world: World, kind: str) -> None:
    folder = drop(world) if kind == "sftp" else _as_folder(world)
    lay(folder / "lot 1", FILES)
    steps.run(world.site("arvel"))
    undisturbed = _without_times(folder)

    assert any(_killed_in_the_middle(world, folder) for _ in range(10)), "it was never met in the middle"
    # What a kill at the worst moment leaves: a part, cut short.
    (folder / f"{PAGE}.part").write_bytes(b"<html>half")

    steps.feedback(world.site("arvel"), "d0001")
    left = {str(path.relative_to(folder)) for path in (folder / "retour").rglob("*") if path.is_file()}
    assert left == {PAGE, TABLE}
    assert _without_times(folder) == undisturbed
    assert_sound(world.site("arvel"))


def _killed_in_the_middle(world: World, folder: Path) -> bool:
    """Whether the verb was still at work when it was killed, something being written already."""
    for path in (PAGE, TABLE):
        (folder / path).unlink(missing_ok=True)
    process = world.command("feedback", "demo", "arvel", "d0001")
    end = time.monotonic() + 120
    while not any((folder / "retour").rglob("*.csv*")) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _without_times(folder: Path) -> list[str]:
    return [re.sub(r"Rédigé le [^<]*", "", (folder / path).read_text("utf-8")) for path in (PAGE, TABLE)]


# --- mails


def test_each_mail_is_sent_once_for_an_outcome_and_again_after_a_decision_changed_it(told: World) -> None:
    site = told.site("arvel")
    sent: list[Mail] = []

    with pytest.raises(Retry):
        steps.send_mails(site, "d0001", _busy_after_one(sent))
    assert steps.send_mails(site, "d0001", sent.append) == {"mails": 1}, "what was sent is not sent again"
    assert steps.send_mails(site, "d0001", sent.append) == {"mails": 0}
    contacts = tuple(contact.email for contact in site.centre.contacts)
    assert [mail.to for mail in sent] == [(site.challenge.coordinator.email,), contacts]
    for mail in sent:
        assert "\n" not in mail.subject
        assert "Fichiers reçus : 3" in mail.text.replace("\u00a0", " ")
        assert not re.search(r"TRIBOULOT|MARCHEMALLE|lot 1|\.dcm|\bf\d+\b", mail.subject + mail.text)

    before = retour(told, "arvel")[TABLE]
    steps.reject_quarantine(site, "unusable", "d0001")
    steps.run(site)
    assert b"FILE-REJECTED" in retour(told, "arvel")[TABLE]
    assert b"FILE-REJECTED" not in before
    assert steps.send_mails(site, "d0001", sent.append) == {"mails": 2}
    assert_sound(site)


def _busy_after_one(sent: list[Mail]) -> Callable[[Mail], None]:
    def send(mail: Mail) -> None:
        if sent:
            raise Retry("The mail server is busy.")
        sent.append(mail)

    return send
