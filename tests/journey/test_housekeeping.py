"""What is removed at night, when, with which proof; what is read again; what somebody is told."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from collecte import catalogue, steps
from collecte.catalogue import tables
from collecte.errors import NeedsPerson, Retry
from collecte.records import State
from collecte.report import coordinator_page
from collecte.report.records import today_in_paris
from collecte.steps import Site
from collecte.steps.documents import delivery_report
from collecte.steps.housekeeping import CHORES, do_chore, space
from collecte.steps.housekeeping.fixity import fixity
from collecte.steps.housekeeping.hosts import hosts
from collecte.steps.housekeeping.purge import purge
from collecte.steps.housekeeping.uploads import uploads
from collecte.steps.housekeeping.watch import watch
from demo.deliveries import MARCHEMALLE
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, ends, findings, image, lay, reconnect, rewrite

LANDING_DAYS, QUARANTINE_DAYS = 90, 180
REFUSED = b"of a type that no rule covers"


def after(days: float) -> datetime:
    """The night that many days from now."""
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def shipped(world: World) -> World:
    """Two images and a file that is refused: shipped."""
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2), "notes.xyz": REFUSED})
    steps.run(world.site("arvel"))
    return world


def landed(site: Site, label: str = "d0001") -> list[str]:
    """What lies in landing of a delivery, its facts left out."""
    folder = site.received(site.delivery(label))
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if not name.startswith("facts/"))


def events(site: Site, step: str, label: str = "d0001") -> list[Mapping[str, int]]:
    """The counts of a delivery's events of one step."""
    event = tables.event.c
    chain = catalogue.delivery_chain(site.delivery(label).id)
    with site.catalogue.read() as connection:
        mine = select(event.counts).where(event.chain == chain, event.step == step).order_by(event.seq)
        return list(connection.execute(mine).scalars())


def test_landing_goes_after_its_days_and_what_was_made_of_it_stays(shipped: World) -> None:
    site = shipped.site("arvel")
    before, there = bucket(shipped), landed(site)
    with site.catalogue.read() as connection:
        identifiers = catalogue.identifiers_of(connection, site.keys, site.delivery("d0001").id)
    assert purge(site, after(LANDING_DAYS - 1)).counts["files"] == 0
    with site.catalogue.transaction() as connection:
        of = tables.receipt.c
        proof = connection.execute(select(tables.receipt).where(of.file_id.is_not(None))).mappings().first()
        assert proof
        connection.execute(delete(tables.receipt).where(of.id == proof["id"]))
    assert purge(site, after(LANDING_DAYS + 1)).counts["files"] == 0, "it stays while a single proof is missing"
    assert landed(site) == there
    with site.catalogue.transaction() as connection:
        connection.execute(insert(tables.receipt), dict(proof))

    done = purge(site, after(LANDING_DAYS + 1))

    assert done.counts["files"] == 3, "two images and the marker; the refused file has a retention of its own"
    assert len(landed(site)) == 1
    assert list((site.received(site.delivery("d0001")) / "facts").iterdir()), "the centres are compared by them"
    (event,) = events(site, "purge")
    assert event == {"files": 3, "bytes": done.counts["bytes"], "leftovers": 0, "already_gone": 0}
    assert ends(site) == {
        "lot/IM1": "accepted",
        "lot/IM2": "accepted",
        "lot/notes.xyz": "quarantined: FILE-TYPE-UNKNOWN",
    }
    assert bucket(shipped) == before
    with site.catalogue.read() as connection:
        again = catalogue.identifiers_of(connection, site.keys, site.delivery("d0001").id)
    assert again == identifiers != [], "later deliveries are scanned for them"
    assert_sound(site)
    assert purge(site, after(LANDING_DAYS + 2)).counts["files"] == 0
    assert len(events(site, "purge")) == 1


def test_a_refused_file_expires_after_its_own_days_and_is_told_of_before(shipped: World) -> None:
    site = shipped.site("arvel")
    assert watch(site, after(QUARANTINE_DAYS - 15)).counts["expire_soon"] == 0
    soon = watch(site, after(QUARANTINE_DAYS - 13))
    assert soon.counts["expire_soon"] == 1
    told = next(str(notice) for notice in soon.notices if notice.finding.code == "QUARANTINE-EXPIRES-SOON")
    assert told.startswith("demo/arvel/d0001: QUARANTINE-EXPIRES-SOON: Files in quarantine")
    rewrite(shipped, "quarantine_days: 180", "quarantine_days: 10")
    page = coordinator_page(delivery_report(shipped.site("arvel"), "d0001"))
    assert f"1 file in quarantine is erased by {today_in_paris(after(14)):%-d %B %Y}" in page
    dry = purge(site, after(QUARANTINE_DAYS + 1), dry_run=True)
    assert (dry.counts["expired"], dry.counts["files"]) == (1, 4)
    assert ends(site)["lot/notes.xyz"] == "quarantined: FILE-TYPE-UNKNOWN"
    assert len(landed(site)) == 4

    assert purge(site, after(QUARANTINE_DAYS + 1)).counts == dry.counts

    assert landed(site) == []
    assert by_delivery(site) == {"d0001": {"accepted": 2, "expired": 1}}
    assert ends(site)["lot/notes.xyz"] == "expired: FILE-EXPIRED"
    assert findings(site)["FILE-EXPIRED"] == 1
    assert events(site, "expire") == [{"files": 1}]
    assert_sound(site)
    with pytest.raises(NeedsPerson, match="not in quarantine"):
        steps.retry_quarantine(site, files=[4])
    lay(drop(shipped) / "again", {"notes.xyz": REFUSED, "IM1": image(MARCHEMALLE, 1)})
    steps.run(site)
    assert by_delivery(site)["d0002"] == {"quarantined": 1, "duplicate": 1}, "the same bytes are judged again"


def test_bytes_that_expired_go_under_every_name(world: World) -> None:
    """Out of the archive that they came in, and where a retry had linked them; landing itself is not due yet."""
    rewrite(world, "retention: {landing_days: 90", "retention: {landing_days: 900")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("IM1", image(MARCHEMALLE, 1))
        archive.writestr("notes.xyz", REFUSED)
    lay(drop(world) / "lot", {"all.zip": packed.getvalue()})
    site = world.site("arvel")
    steps.run(site)
    steps.retry_quarantine(site, "d0001")
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 1, "superseded": 1}, "d0002": {"quarantined": 1}}
    assert purge(site, after(QUARANTINE_DAYS + 1)).counts["expired"] == 1
    (kept,) = [name for name in landed(site) if name.startswith("x")]
    assert (site.received(site.delivery("d0001")) / kept).read_bytes() == image(MARCHEMALLE, 1)
    assert not any(REFUSED in path.read_bytes() for path in site.landing.rglob("*") if path.is_file())
    assert purge(site, after(QUARANTINE_DAYS + 1)).counts["files"] == 0
    assert_sound(site)


def test_leftovers_of_dead_attempts_go_and_what_a_run_may_be_writing_stays(shipped: World) -> None:
    site = shipped.site("arvel")
    there = landed(site)
    lay(drop(shipped) / "next", {"IM3": image(MARCHEMALLE, 3)})
    steps.find(site)  # d0002 is being collected
    centre = site.received(site.delivery("d0001")).parent
    dead = ("f1.a0", "f1.a0.part", "f1.a0.part.resume", "x9.a1/0", "safe/s1.a1/f1")
    live = [f"d0002/{name}" for name in dead] + ["d0003/q4.0123"]
    for name in [*(f"d0001/{name}" for name in dead), *live]:
        (centre / name).parent.mkdir(parents=True, exist_ok=True)
        (centre / name).write_bytes(b"half")
    assert purge(site, after(0)).counts == {"expired": 0, "files": 0, "bytes": 0, "leftovers": len(dead)}
    assert landed(site) == there
    assert all((centre / name).exists() for name in live)
    assert not (centre / "d0001" / "x9.a1").exists()


#: Ends the process at the n-th time that it removes a file, or as it looks whether all are gone, with SIGKILL.
KILLED = """
import os, signal, sys
from datetime import datetime
from collecte.steps.housekeeping import do_chore
where, at, seen = sys.argv[1], datetime.fromisoformat(sys.argv[2]), 0
def hook(event, arguments):
    global seen, where
    if event == "os.remove" and "/landing/" in str(arguments[0]):
        seen += 1
    if (where == "look" and seen and event == "os.scandir") or str(seen) == where:
        seen, where = 0, ""
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
do_chore("purge", "demo", "arvel", at=at)
"""


def test_killed_while_it_removes_it_goes_on_the_next_night(shipped: World) -> None:
    """Before the first file goes, before the third of those that are left, and as it looks whether all are gone."""
    site, at = shipped.site("arvel"), after(QUARANTINE_DAYS + 1)
    for where, left in (("1", 4), ("3", 2), ("look", 0)):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, where, at.isoformat()],
            env={**os.environ, **shipped.environment},
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(landed(site)) == left
        assert events(site, "purge") == [], "nothing is said to be gone before it was seen to be gone"

    purge(site, at)

    (event,) = events(site, "purge")
    assert (event["files"], event["already_gone"]) == (4, 4)
    assert by_delivery(site) == {"d0001": {"accepted": 2, "expired": 1}}
    assert_sound(site)


def test_two_nights_at_once_record_a_removal_once(shipped: World) -> None:
    text = "import sys; from datetime import datetime; from collecte.steps.housekeeping import do_chore\n"
    text += "do_chore('purge', 'demo', 'arvel', at=datetime.fromisoformat(sys.argv[1]))"
    call = [sys.executable, "-c", text, after(QUARANTINE_DAYS + 1).isoformat()]
    both = [subprocess.Popen(call, env={**os.environ, **shipped.environment}) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    site = shipped.site("arvel")
    assert sum(event["files"] for event in events(site, "purge")) == 4
    assert events(site, "expire") == [{"files": 1}]
    assert_sound(site)


def test_a_disk_that_is_not_mounted_is_said_and_nothing_of_it_is_recorded_as_gone_or_damaged(shipped: World) -> None:
    site, landing, away = shipped.site("arvel"), shipped.folder / "landing", shipped.folder / "away"
    before = landed(site)
    landing.rename(away)
    landing.mkdir()
    with pytest.raises(NeedsPerson, match=r"Landing has no folder of d0001.* mount the disk"):
        purge(site, after(LANDING_DAYS + 1))
    with pytest.raises(NeedsPerson, match=r"The zone landing holds nothing of demo.* mount the disk"):
        fixity(site, after(1))
    assert "COPY-DAMAGED" not in findings(site)
    landing.rmdir()
    away.rename(landing)
    assert landed(site) == before
    assert purge(site, after(LANDING_DAYS + 1)).counts["files"] == 3
    assert_sound(site)


def test_a_damaged_copy_is_named_each_night_until_it_is_mended_and_never_overwritten(shipped: World) -> None:
    site = shipped.site("arvel")
    nights = [fixity(site, after(0), night_bytes=1).counts["files"] for _ in range(3)]
    assert nights == [1, 1, 1], "a night of one byte is one file"
    there = (site.received(site.delivery("d0001")) / landed(site)[-1]).read_bytes()
    (site.received(site.delivery("d0001")) / landed(site)[-1]).write_bytes(b"altered")
    met = 0
    for _ in range(4):
        try:
            fixity(site, after(0), night_bytes=1)
        except NeedsPerson:
            met += 1
    assert met, "each copy is read in its turn"
    (site.received(site.delivery("d0001")) / landed(site)[-1]).write_bytes(there)
    assert fixity(site, after(0)).counts["files"] >= 1
    (batch,) = {path.parent for path in site.curated.rglob("*.dcm")}
    copy = sorted(batch.iterdir())[0]
    content = copy.read_bytes()
    copy.chmod(0o640)
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    copy.unlink()  # landing's scratch had the same bytes by a link
    copy.write_bytes(damaged)
    for _ in range(2):
        with pytest.raises(NeedsPerson, match=r"1 copies .* on record: f\d+ in curated\. To do: check"):
            fixity(site, after(1))
    assert findings(site)["COPY-DAMAGED"] == 2, "one for each file"
    assert copy.read_bytes() == damaged
    copy.write_bytes(content)
    fixity(site, after(2))
    landing = site.received(site.delivery("d0001")) / landed(site)[0]
    landing.unlink()
    with pytest.raises(NeedsPerson, match="in landing"):
        fixity(site, after(3))
    purge(site, after(QUARANTINE_DAYS + 1))
    fixity(site, after(QUARANTINE_DAYS + 1))
    assert_sound(site)


def test_what_is_late_ends_or_has_stopped_is_told_with_its_remedy(world: World) -> None:
    day = after(20).date()
    rewrite(world, "by: 2027-03-31", f"by: {day}")
    rewrite(world, "ends: 2099-12-31", f"ends: {day}")
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.find(site)
    told = watch(site, after(0)).notices
    assert [notice.finding.code for notice in told] == ["AGREEMENT-ENDS-SOON"]
    late = max(promise.by for promise in site.centre.promised)
    night = datetime(late.year, late.month, late.day, 4, tzinfo=UTC) + timedelta(days=1)
    codes = [notice.finding.code for notice in watch(site, max(night, after(3))).notices]
    assert codes.count("CENTRE-LATE") == len(site.centre.promised)
    assert "DELIVERY-STOPPED" in codes
    assert space(world.settings).counts["warnings"] == 0
    with site.catalogue.transaction() as connection:
        connection.execute(update(tables.file).values(size=10**15))
    short = space(world.settings)
    assert [notice.about for notice in short.notices] == ["landing", "curated"]
    assert all("ZONE-SPACE-SHORT" in str(notice) and "4000000.0 are needed" in str(notice) for notice in short.notices)


def test_unfinished_uploads_of_ours_are_ended_and_a_centres_own_are_left(shipped: World, s3: S3Server) -> None:
    site, name = shipped.site("arvel"), shipped.challenge.hdh.path
    s3.client().create_multipart_upload(Bucket=name, Key="demo/arvel/d0009/half.dcm")
    s3.client().create_multipart_upload(Bucket=name, Key="demo/corvane/d0009/half.dcm")
    retour = drop(shipped) / "retour" / "d0001"
    retour.mkdir(parents=True, exist_ok=True)
    for path in (retour / "retour.csv.part", retour / "fresh.csv.part", drop(shipped) / "lot" / "theirs.part"):
        path.write_bytes(b"half")
        if path.name != "fresh.csv.part":
            os.utime(path, (1_600_000_000, 1_600_000_000))
    s3.client().put_object(Bucket=name, Key=".collecte-probe/killed", Body=b"probe")
    s3.client().create_multipart_upload(Bucket=name, Key=".collecte-probe/killed-too")
    assert uploads(site, after(0)).counts == {"aborted": 0, "removed": 1}
    assert (retour / "fresh.csv.part").exists()
    assert (drop(shipped) / "lot" / "theirs.part").exists()
    assert uploads(site, after(0), abandoned=timedelta(0)).counts["aborted"] == 3
    assert not [key for key in bucket(shipped) if "probe" in key]
    left = s3.client().list_multipart_uploads(Bucket=name).get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["demo/corvane/d0009/half.dcm"]


def test_what_was_left_at_hosts_is_ended_while_a_package_is_on_its_way_and_a_week_longer(
    world: World, s3: S3Server
) -> None:
    site, rules, public = world.site("arvel"), world.challenge.release, world.challenge.open_data
    assert rules
    assert public
    s3_hosts = [host.place for host in rules.destinations if host.place.connection.endswith("s3")]
    places = [place.path.partition("/") for place in (public.place, *s3_hosts)]

    def leave() -> None:
        for name, slash, prefix in places:
            s3.client().put_object(Bucket=name, Key=f"{prefix}{slash}.collecte-probe/killed", Body=b"probe")
            s3.client().create_multipart_upload(Bucket=name, Key=f"{prefix}{slash}demo/v1/half.dcm")
            s3.client().create_multipart_upload(Bucket=name, Key="theirs/half.dcm")

    leave()
    assert hosts(site, after(0), abandoned=timedelta(0)).counts == {"aborted": 0}, "nothing was ever sent there"
    shipments = []
    with site.catalogue.transaction() as connection:
        for kind, destinations in (("release", [one.id for one in rules.destinations]), ("open", ["open"])):
            package = catalogue.new_package(connection, "demo", kind, "of these")  # type: ignore[arg-type]
            catalogue.freeze_package(connection, package, "ab" * 32, [])
            frozen = catalogue.package_by_label(connection, "demo", package.kind, package.label)
            shipments += [catalogue.ensure_package_shipment(connection, frozen, one) for one in destinations]
    assert hosts(site, after(0)).counts == {"aborted": 0}, "too young"
    assert hosts(site, after(0), dry_run=True, abandoned=timedelta(0)).counts == {"aborted": 0}
    assert hosts(site, after(30), abandoned=timedelta(0)).counts == {"aborted": 2 * len(places)}
    for name, *_ in places:
        assert "Contents" not in s3.client().list_objects_v2(Bucket=name)
        assert [one["Key"] for one in s3.client().list_multipart_uploads(Bucket=name)["Uploads"]] == ["theirs/half.dcm"]
    with site.catalogue.transaction() as connection:
        for shipment in shipments:
            catalogue.close_package_shipment(connection, shipment)
    leave()
    assert hosts(site, after(8), abandoned=timedelta(0)).counts == {"aborted": 0}, "who may let us in no more"
    assert do_chore("hosts", "demo", settings=world.settings)["aborted"] == 0
    assert hosts(site, after(6), abandoned=timedelta(0)).counts == {"aborted": 2 * len(places)}


def test_what_fails_at_one_centre_keeps_no_other_and_a_broken_chain_is_named(shipped: World) -> None:
    before = reconnect(shipped, "demo_sftp_arvel", port=1)
    done: list[str] = []
    with pytest.raises(Retry, match="demo_sftp_arvel"):
        do_chore("uploads", "demo", settings=shipped.settings, tell=lambda about, _: done.append(about))
    assert done == ["demo/belcombe", "demo/corvane"]
    process = shipped.command("housekeeping", "--json")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    printed = json.loads(output.partition("\n}\n")[0] + "\n}")
    assert [line.partition(":")[0] for line in printed["failed"]] == ["uploads demo"]
    assert {piece["chore"] for piece in printed["done"]} == {*CHORES, "space"}
    reconnect(shipped, "demo_sftp_arvel", **before)
    said: list[str] = []
    do_chore("audit", "demo", settings=shipped.settings, tell=lambda about, what: said.append(f"{about} {what.said}"))
    with shipped.site("arvel").catalogue.transaction() as connection:
        seq, digest = catalogue.head(connection, catalogue.challenge_chain("demo"))
        assert said == [f"demo head {seq}:{digest}"]
        connection.execute(
            update(tables.file).where(tables.file.c.state == "accepted").values(state=State.REJECTED.value)
        )
    with pytest.raises(NeedsPerson, match="1 audit chains of demo do not hold"):
        do_chore("audit", "demo", settings=shipped.settings)
