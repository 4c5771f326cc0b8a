"""A patient is taken back: asked in the drop, approved over a plan, gone from every place that we hold, and refused."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from collecte import catalogue, steps
from collecte.catalogue.recalls import recalls_of
from collecte.errors import NeedsPerson, Retry
from collecte.facts import open_facts
from collecte.findings import Finding
from collecte.package import read_sums
from collecte.records import PatientRef, State
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import answer
from collecte.steps.housekeeping.purge import purge
from collecte.steps.mails import Mail
from collecte.transport import open_destination
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, Patient
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, curated, drop, ends, findings, image, lay, reconnect
from tests.promises.builders import zipped

TABLE = f"ipp;age;diagnostic\n{MARCHEMALLE.ipp};50;1\n{ESTRUGAMOU.ipp};60;0\n".encode()
FILES = {
    "serie/IM1": image(MARCHEMALLE, 1),
    "serie/IM2": image(MARCHEMALLE, 2),
    "serie.zip": zipped({"IM3": image(MARCHEMALLE, 3), "IM4": image(ESTRUGAMOU, 4)}),
    "seul.zip": zipped({"IM6": image(MARCHEMALLE, 6, study=3)}),
    "tronque": image(MARCHEMALLE, 5, study=2)[:-200],
    "tous.csv": TABLE,
    "encore.csv": TABLE,  # the same bytes: a duplicate
    "MARCHEMALLE Odilon/une.csv": f"ipp;age\n{MARCHEMALLE.ipp};50\n".encode(),
    "liens.csv": b"fichier;diagnostic\nserie/IM1;1\nIM7;0\n",  # it speaks of images, and names nobody
    "note.csv": f"ipp;commentaire\n{MARCHEMALLE.ipp};vu\n{ESTRUGAMOU.ipp};rappeler le 06 12 34 56 78\n".encode(),
    "IM7": image(ESTRUGAMOU, 7),
}


@pytest.fixture
def shipped(world: World) -> World:
    """A delivery of two patients, at the HDH."""
    lay(drop(world) / "lot", FILES)
    steps.run(world.site("arvel"))
    steps.report(world.site("arvel"), "d0001")
    return world


def pseudonym(world: World, patient: Patient = MARCHEMALLE) -> str:
    found = world.site("arvel").context().pseudonyms.subject(PatientRef(patient.ipp))
    assert found
    return found


def ask(world: World, text: str, name: str = "demande.csv") -> list[int]:
    """Lay a list into ``recall/`` and have it read."""
    lay(drop(world) / "recall", {name: text.encode()}, marker="")
    return steps.find_recalls(world.challenge_site)


def returned(world: World) -> dict[str, str]:
    """What lies in ``retour/recall``, by name."""
    folder = drop(world) / "retour" / "recall"
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*"))}


def approve(site: ChallengeSite, number: int) -> None:
    steps.plan_recall(site, number)
    answer(site, steps.recall_question(site, number), "diane", "approve")


def carried_out(world: World, request: str) -> dict[str, int]:
    (number,) = ask(world, f"ipp;demande\n{MARCHEMALLE.ipp};{request}\n")
    approve(world.challenge_site, number)
    return steps.carry_out_recall(world.challenge_site, number)


def contents(world: World) -> dict[str, bytes]:
    """Everything in the HDH bucket."""
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        return {key: destination.read(key) for key in destination.list_keys()}


def in_facts_and_manifests(world: World) -> set[str]:
    """Every subject of the facts in curated, and of the manifests at the HDH that are no text."""
    with open_facts(world.folder / "curated", "demo") as facts:
        found = {str(row[0]) for row in facts.execute("SELECT DISTINCT subject FROM facts").fetchall()}
    manifests = (content for key, content in contents(world).items() if key.endswith("/manifest.parquet"))
    for manifest in manifests:
        found |= set(pq.read_table(io.BytesIO(manifest)).column("subject").to_pylist())
    return found


def holding(folder: Path, needle: bytes) -> list[str]:
    """The files below a folder in which something stands."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in files if needle in path.read_bytes()]


def assert_batch_holds(world: World) -> None:
    """The batch at the HDH is what its SHA256SUMS says, and what its receipts say; nothing else lies there."""
    prefix = "demo/arvel/d0001/"
    there = {key.removeprefix(prefix): digest for key, digest in bucket(world).items() if key.startswith(prefix)}
    sums = read_sums(contents(world)[f"{prefix}SHA256SUMS"])
    assert {name: digest for name, digest in there.items() if name != "SHA256SUMS"} == sums
    site = world.site("arvel")
    with site.catalogue.transaction() as connection:
        shipment = catalogue.ensure_shipment(connection, 1, "hdh")
        receipts = {row.key.removeprefix(prefix): row.sha256 for row in catalogue.receipts_of(connection, shipment.id)}
        assert receipts == there
        assert shipment.manifest_sha256 == there["SHA256SUMS"]


def test_an_opposition_takes_the_subject_out_of_use_and_leaves_what_was_received(shipped: World) -> None:
    name, site = pseudonym(shipped), shipped.site("arvel")
    # A correction: what it replaced stands in its own batch still.
    lay(drop(shipped) / "lot", {"serie/IM1": image(MARCHEMALLE, 1, size=32)})
    steps.run(site)
    assert {key.split("/")[2] for key in bucket(shipped) if name in key} == {"d0001", "d0002"}
    assert name in in_facts_and_manifests(shipped)
    carried_out(shipped, "opposition")

    assert not [key for key, content in contents(shipped).items() if name.encode() in content or name in key]
    assert holding(shipped.folder / "curated", name.encode()) == []
    assert not [path for path in curated(shipped) if name in path]
    assert name not in in_facts_and_manifests(shipped)
    links = next(content for content in contents(shipped).values() if content.startswith(b"file,"))
    assert len(links.splitlines()) == 2
    assert pseudonym(shipped, ESTRUGAMOU).encode() in contents(shipped)["demo/arvel/d0001/manifest.csv"]
    assert_batch_holds(shipped)
    assert_sound(site)
    # Landing keeps what was received until its retention ends.
    assert len(holding(shipped.folder / "landing", MARCHEMALLE.ipp.encode())) >= 4
    days = timedelta(days=shipped.challenge.retention.landing_days + 1)
    purge(site, datetime.now(UTC) + days)
    assert len(holding(shipped.folder / "landing", MARCHEMALLE.ipp.encode())) == 1, "a table in quarantine, for longer"
    assert_sound(site)
    states = ends(site)
    assert {
        states[f"lot/{path}"]
        for path in ("serie/IM1", "serie/IM2", "tronque", "MARCHEMALLE Odilon/une.csv", "seul.zip")
    } == {"recalled: FILE-TAKEN-BACK"}
    assert states["lot/note.csv"] == "quarantined: TABLE-IDENTIFIER-IN-TEXT"
    assert states["lot/encore.csv"] == states["lot/IM7"] == "accepted"


def test_an_erasure_leaves_no_copy_and_no_trace_in_the_catalogue(shipped: World) -> None:
    name, site = pseudonym(shipped), shipped.site("arvel")
    carried_out(shipped, "effacement")

    received = {hashlib.sha256(content).hexdigest() for path, content in FILES.items() if "zip" not in path}
    gone = received - {hashlib.sha256(FILES["IM7"]).hexdigest()}
    landing = [path for path in (shipped.folder / "landing").rglob("*") if path.is_file()]
    assert not [path for path in landing if hashlib.sha256(path.read_bytes()).hexdigest() in gone]
    for zone in ("landing", "curated", "reports", "release", "open"):
        for needle in (MARCHEMALLE.ipp, name):
            assert holding(shipped.folder / zone, needle.encode()) == []
    assert not [key for key, content in contents(shipped).items() if name.encode() in content or name in key]
    assert_batch_holds(shipped)
    assert_sound(site)
    with site.catalogue.read() as connection:
        text = "\n".join(catalogue.canonical_dump(connection, "demo"))
        words = {i.value for i in catalogue.identifiers_of(connection, site.keys, 1)}
    assert name not in text
    assert MARCHEMALLE.ipp not in words
    assert not any("MARCHEMALLE" in word.upper() for word in words)
    # The other patient's data are all there, out of the archive too.
    with site.catalogue.read() as connection:
        left = catalogue.totals(connection, 1)
    assert left[State.ACCEPTED] == 4
    # Of a table in quarantine only the bytes could be judged, and they spoke of the subject too.
    assert ends(site)["lot/note.csv"] == "recalled: FILE-TAKEN-BACK"
    assert name not in in_facts_and_manifests(shipped)


def test_who_was_taken_back_is_refused_from_then_on_and_no_copy_is_kept(shipped: World) -> None:
    carried_out(shipped, "effacement")
    site = shipped.site("arvel")
    again = {
        "IM1": FILES["serie/IM1"],
        "IM9": image(MARCHEMALLE, 9, study=9),
        "z.zip": zipped({"IM10": image(MARCHEMALLE, 10, study=9), "IM11": image(ESTRUGAMOU, 11)}),
        "t.csv": TABLE,
    }
    lay(drop(shipped) / "suite", again)
    steps.run(site)
    states = ends(site)
    # What still lies in the drop comes again, since nothing of it is on record; so a file may repeat a refused one.
    for path in (
        "suite/IM1",
        "suite/IM9",
        "suite/z.zip!/IM10",
        "suite/t.csv",
        "lot/serie/IM1",
        "lot/MARCHEMALLE Odilon/une.csv",
    ):
        assert states[path] in ("rejected: SUBJECT-RECALLED", "recalled: SUBJECT-RECALLED")
    assert states["suite/z.zip!/IM11"] == "accepted"
    assert findings(site, "d0003")["SUBJECT-RECALLED"] == 4
    assert holding(shipped.folder / "landing", MARCHEMALLE.ipp.encode()) == []
    with site.catalogue.read() as connection:
        words = {i.value for i in catalogue.identifiers_of(connection, site.keys, site.delivery("d0003").id)}
    assert MARCHEMALLE.ipp not in words
    assert_sound(site)


def test_nothing_is_removed_without_the_officers_approval_over_this_very_plan(shipped: World) -> None:
    before, zone = bucket(shipped), curated(shipped)
    (number,) = ask(shipped, f"ipp;demande\n{MARCHEMALLE.ipp};opposition\n")
    site = shipped.challenge_site
    with pytest.raises(NeedsPerson, match="no plan"):
        steps.carry_out_recall(site, number)
    steps.plan_recall(site, number)
    with pytest.raises(NeedsPerson, match="not approved"):
        steps.carry_out_recall(site, number)
    question = steps.recall_question(site, number)
    for login in ("claire", "admin", ""):
        with pytest.raises(NeedsPerson):
            answer(site, question, login, "approve")
    answer(site, question, "diane", "reject", reason="La demande n'est pas signée.")
    assert steps.carry_out_recall(site, number) == {"dismissed": 1}
    sent = list[Mail]()
    assert steps.notify_recall(site, number, sent.append)["mails"] == 1
    assert "refusé" in sent[0].text
    (number,) = ask(shipped, f"ipp;demande\n{MARCHEMALLE.ipp};opposition\n", "encore.csv")
    steps.plan_recall(site, number)
    approve(site, number)
    # One more file of the patient came since: another plan, another approval.
    lay(drop(shipped) / "suite", {"IM9": image(MARCHEMALLE, 9, study=9)})
    steps.run(shipped.site("arvel"))
    with pytest.raises(NeedsPerson, match="came or went"):
        steps.carry_out_recall(site, number)
    assert before.items() <= bucket(shipped).items()
    assert zone.items() <= curated(shipped).items()
    with site.catalogue.read() as connection:
        assert [row.state for row in recalls_of(connection, "demo")] == ["closed", "planned"]
    approve(site, number)
    assert steps.carry_out_recall(site, number)["recalled"] == 8
    assert_sound(shipped.site("arvel"))


def test_a_request_for_somebody_unknown_is_answered_in_the_drop_and_told_nobody_else(shipped: World) -> None:
    unknown = "9988776655"
    before, zone = bucket(shipped), curated(shipped)
    assert ask(shipped, f"ipp;demande\n{unknown};effacement\nANON;opposition\n") == []
    (said,) = returned(shipped).values()
    assert Finding("RECALL-UNKNOWN", "l. 2").text("fr") in said
    assert unknown not in said
    assert steps.list_recalls(shipped.challenge_site) == []
    assert (bucket(shipped), curated(shipped)) == (before, zone)
    for zone_name in ("landing", "curated", "reports"):
        assert holding(shipped.folder / zone_name, unknown.encode()) == []
    assert not any(unknown.encode() in path.read_bytes() for path in shipped.folder.glob("catalogue.db*"))
    # An opposition may come before the data.
    stranger = Patient("INCONNU^Jean", unknown, "19700101", "M")
    lay(drop(shipped) / "suite", {"IM1": image(stranger, 1)})
    steps.run(shipped.site("arvel"))
    assert ends(shipped.site("arvel"))["suite/IM1"] == "rejected: SUBJECT-RECALLED"


def test_a_patient_is_found_by_another_writing_of_the_identifier(shipped: World) -> None:
    spaced = f" {MARCHEMALLE.ipp[:3].lower()} {MARCHEMALLE.ipp[3:]}"
    assert ask(shipped, f"ipp;demande\n{spaced};opposition\n") == [1]


def test_a_list_is_read_once_and_a_corrected_one_anew(shipped: World) -> None:
    line = f"ipp;demande\n{MARCHEMALLE.ipp};opposition\n"
    assert ask(shipped, line) == [1]
    (said,) = returned(shipped).values()
    assert Finding("RECALL-REGISTERED", "l. 2", values={"recall": 1}).text("fr") in said
    assert MARCHEMALLE.ipp not in said
    assert steps.find_recalls(shipped.challenge_site) == [1]  # it is not closed, and not asked anew
    assert len(returned(shipped)) == 1
    assert ask(shipped, f"{line}{ESTRUGAMOU.ipp};effacement\n") == [1, 2]
    assert len(returned(shipped)) == 2
    # A mistake is taken back as it was made.
    assert ask(shipped, f"ipp;demande\n{ESTRUGAMOU.ipp};annulation\n77;annulation\n", "erreur.csv") == [1]
    cancelled = returned(shipped)
    said = next(text for name, text in cancelled.items() if name.startswith("erreur"))
    assert Finding("RECALL-CANCELLED", "l. 2").text("fr") in said
    assert Finding("RECALL-NOT-CANCELLED", "l. 3").text("fr") in said
    assert [row["state"] for row in steps.list_recalls(shipped.challenge_site)] == ["asked", "closed"]
    # Half an identifier is somebody else's: a line that is not ended waits.
    assert ask(shipped, f"ipp;demande\n{MARCHEMALLE.ipp[:4]}", "autre.csv") == [1]
    assert returned(shipped) == cancelled


def test_every_recipient_is_told_once_in_counts_alone_and_what_names_nothing_is_not_repeated(shipped: World) -> None:
    _name_nothing(shipped)
    carried_out(shipped, "opposition")
    site, sent = shipped.challenge_site, list[Mail]()
    assert steps.notify_recall(site, 1, sent.append)["mails"] == 2
    assert steps.notify_recall(site, 1, sent.append)["mails"] == 0
    assert {address for mail in sent for address in mail.to} == {
        "coordination@demo.example",
        "imagerie@arvel.example",
        "dpo@arvel.example",
    }
    for mail in sent:
        for needle in (MARCHEMALLE.ipp, "MARCHEMALLE", pseudonym(shipped), "lot/"):
            assert needle not in mail.text + mail.subject
    page = (shipped.folder / "reports" / "demo" / "_challenge" / "recall-1.html").read_text("utf-8")
    assert pseudonym(shipped) not in page
    assert steps.list_recalls(site)[0]["state"] == "closed"


def _name_nothing(shipped: World) -> None:
    for centre, target, request in (
        ("nowhere", "s1", "opposition"),
        ("arvel", MARCHEMALLE.ipp, "opposition"),
        ("arvel", "s999", "opposition"),
        ("belcombe", "s1", "opposition"),
        ("arvel", "s1", "delete it"),
        ("arvel", "d0009", "erasure"),
    ):
        with pytest.raises(NeedsPerson) as error:
            steps.ask_recall(shipped.challenge_site, centre, target, request)
        assert MARCHEMALLE.ipp not in str(error.value)
    assert steps.list_recalls(shipped.challenge_site) == []


@pytest.mark.parametrize("scope", ["object", "delivery"])
def test_an_object_and_a_whole_delivery_can_be_named(shipped: World, scope: str) -> None:
    site, chosen = shipped.challenge_site, shipped.site("arvel")
    with chosen.catalogue.read() as connection:
        (file, *_) = [f for f in catalogue.files_of_delivery(connection, 1) if pseudonym(shipped) in (f.name or "")]
    target = f"o{file.object_id}" if scope == "object" else "d0001"
    number = steps.ask_recall(site, "arvel", target, "erasure")
    assert steps.ask_recall(site, "arvel", f"f{file.id}" if scope == "object" else target, "erasure") == number
    approve(site, number)
    counts = steps.carry_out_recall(site, number)
    with chosen.catalogue.read() as connection:
        left = catalogue.files_of_delivery(connection, 1)
    if scope == "delivery":
        assert left == []
        assert [key for key in bucket(shipped) if "sub-" in key] == []
        assert list((shipped.folder / "landing" / "demo" / "arvel" / "d0001").glob("f*.a*")) == []
    else:
        assert counts["recalled"] == 3
        assert not [row for row in left if row.object_id == file.object_id]
        assert pseudonym(shipped).encode() in contents(shipped)["demo/arvel/d0001/manifest.csv"]
    assert_batch_holds(shipped)
    assert_sound(chosen)


def test_a_destination_that_is_away_leaves_nothing_by_halves(shipped: World) -> None:
    """Out of use at once, removed when the destination is there again: the same end."""
    (number,) = ask(shipped, f"ipp;demande\n{MARCHEMALLE.ipp};effacement\n")
    approve(shipped.challenge_site, number)
    before = reconnect(shipped, "demo_hdh", extra={"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"})
    with pytest.raises(Retry):
        steps.carry_out_recall(shipped.challenge_site, number)
    assert_sound(shipped.site("arvel"))
    with shipped.challenge_site.catalogue.read() as connection:
        assert not [f for f in catalogue.accepted_files(connection, "demo") if pseudonym(shipped) in f.subjects]
    reconnect(shipped, "demo_hdh", **before)
    steps.carry_out_recall(shipped.challenge_site, number)
    assert_batch_holds(shipped)
    assert_sound(shipped.site("arvel"))
