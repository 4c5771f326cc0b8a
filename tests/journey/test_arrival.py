"""What a drop may hold, and when a delivery in it is complete: over a real SFTP server, all steps."""

import asyncio
import hashlib
import os
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest
from sqlalchemy import update

from collecte import steps
from collecte.catalogue import DeliveryRow, deliveries_of, ensure_centre, open_folder, tables
from collecte.errors import NeedsPerson, Retry
from collecte.steps import Site
from collecte.transport import Endpoint
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT
from demo.servers import make_key
from tests.journey.conftest import World
from tests.journey.drops import (
    assert_sound,
    bucket,
    by_delivery,
    drop,
    ends,
    findings,
    image,
    images_in_bucket,
    lay,
    reconnect,
    rewrite,
)
from tests.receive.builders import tar_of, zip_of

ODD = (
    "deux mots.dcm",
    "-rf",
    "new\nline",
    unicodedata.normalize("NFC", "été"),
    unicodedata.normalize("NFD", "été"),
    os.fsdecode("h\u00f4pital".encode("latin-1")),
    "a" * 255,
    "Casse",
    "casse",
    "100%.dcm",
    "$(id);'\"",
)


def test_a_folder_that_grows_after_its_collection_makes_a_second_delivery(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.run(site)
    lay(drop(world) / "lot", {"IM2": image(MARCHEMALLE, 2)})
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 1}, "d0002": {"accepted": 1}}
    assert len(images_in_bucket(world, "d0002")) == 1
    assert_sound(site)


def test_deliveries_get_their_numbers_in_the_order_in_which_they_came_whatever_their_names(world: World) -> None:
    """So that found again, after the catalogue was lost and put back, they get the numbers that they had."""
    for day, folder in enumerate(("lot c", "lot a", "lot b"), 1):
        lay(drop(world) / folder, {f"IM{n}": image(MARCHEMALLE, 10 * day + n) for n in (1, 2)})
        times = (1_600_000_000 - day * 86_400, 1_700_000_000 + day * 86_400)  # one older than all, one of the day
        for path, at in zip(sorted((drop(world) / folder).iterdir()), (times[1], times[0], times[1]), strict=True):
            os.utime(path, (at, at))
    site = world.site("arvel")
    steps.find(site)
    with site.catalogue.transaction() as connection:
        rows = deliveries_of(connection, ensure_centre(connection, "demo", "arvel"))
    assert [open_folder(site.keys, row) for row in rows] == ["lot c", "lot a", "lot b"]


def test_loose_files_make_one_delivery_a_day_and_what_we_wrote_is_never_collected(world: World) -> None:
    rewrite(world, "quiet_minutes: 30", "quiet_minutes: 0")
    lay(drop(world), {"IM1": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2), "hier": image(MARCHEMALLE, 3)}, "")
    os.utime(drop(world) / "hier", (1_700_000_000, 1_700_000_000))
    ours = {name: image(ESTRUGAMOU, 1) for name in ("retour/x", "Retour/x", "recall/x", "RECALL/deep/x")}
    lay(drop(world), ours, "")
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == dict.fromkeys(("IM1", "IM2", "hier"), "accepted")
    assert sorted(map(sum, (counts.values() for counts in by_delivery(site).values()))) == [1, 2]
    assert all((drop(world) / name).exists() for name in ours)


def test_a_half_uploaded_delivery_is_left_alone_and_says_that_it_waits(world: World) -> None:
    lot = drop(world) / "lot"
    lay(lot, {"IM1": image(MARCHEMALLE, 1), "IM2.filepart": image(MARCHEMALLE, 2)[:500]})
    site = world.site("arvel")
    (waits,) = steps.run(site)
    assert waits.waits is not None
    assert (waits.state, waits.received, waits.waits.code) == ("waiting", 0, "DELIVERY-WAITING-UPLOAD")
    assert steps.waiting(site) == [waits]
    assert not list((world.folder / "landing").rglob("f*"))

    command = world.command("status", "demo", "arvel")
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 0
    assert "d0001 waits: DELIVERY-WAITING-UPLOAD: " in said
    assert "lot" not in said.partition("waits:")[2]

    (lot / "IM2.filepart").unlink()
    lay(lot, {"IM2": image(MARCHEMALLE, 2)})
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 2}}
    assert steps.waiting(site) == []


@pytest.mark.parametrize(
    ("code", "sums"),
    [("DELIVERY-WAITING-ABSENT", "{0}  IM1\n{0}  absent\n"), ("DELIVERY-WAITING-QUIET", "")],
)
def test_a_delivery_without_its_last_files_waits_with_the_reason(world: World, code: str, sums: str) -> None:
    files = {"IM1": image(MARCHEMALLE, 1)}
    if sums:
        files["SHA256SUMS"] = sums.format(hashlib.sha256(files["IM1"]).hexdigest()).encode()
    lay(drop(world) / "lot", files, marker="")
    site = world.site("arvel")
    steps.find(site)
    (waits,) = steps.waiting(site)
    assert waits.waits is not None
    assert waits.waits.code == code
    for language in ("fr", "en"):
        assert waits.waits.text(language)  # type: ignore[arg-type]  # a literal


def test_a_folder_that_waited_and_was_taken_away_waits_no_longer(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)}, marker="")
    site = world.site("arvel")
    assert len(steps.run(site)) == 1
    (drop(world) / "lot").rename(drop(world) / "envoi")
    (drop(world) / "envoi" / ".done").touch()
    (figures,) = steps.run(site)
    assert (figures.state, figures.states["accepted"]) == ("shipped", 1)
    assert steps.waiting(site) == []


def test_what_is_complete_is_announced_by_our_id_alone_and_registers_nothing(world: World) -> None:
    lay(drop(world) / "Quibremont", {"IM1": image(MARCHEMALLE, 1)})
    lay(drop(world) / "autre", {"IM1": image(MARCHEMALLE, 2)}, marker="")
    site = world.site("arvel")
    (first,) = steps.arrived(site)
    assert steps.arrived(site) == [first]
    assert (first.delivery, "Quibremont" in repr(first)) == ("d0001", False)
    assert {row.state for row in _deliveries(site)} == {"waiting"}
    assert [w.delivery for w in steps.waiting(site)] == ["d0002"]

    lay(drop(world) / "Quibremont", {"IM2": image(MARCHEMALLE, 3)})
    (grown,) = steps.arrived(site)
    assert (grown.delivery, grown.digest == first.digest) == ("d0001", False)

    said, _ = world.command("arrived", "demo", "arvel").communicate(timeout=60)
    assert said.startswith("Complete: d0001.\nd0002 waits: DELIVERY-WAITING-QUIET: ")
    assert not any(word in said for word in ("Quibremont", "autre", "IM1"))

    steps.run(site)
    assert steps.arrived(site) == []
    assert by_delivery(site) == {"d0001": {"accepted": 2}}


def test_the_looks_of_a_watcher_let_the_quiet_time_pass_and_a_change_begins_it_anew(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)}, marker="")
    site = world.site("arvel")
    assert steps.arrived(site) == []
    _an_hour_passes(site)
    (announced,) = steps.arrived(site)
    lay(drop(world) / "lot", {"IM2": image(MARCHEMALLE, 2)}, marker="")
    assert steps.arrived(site) == []
    _an_hour_passes(site)
    (again,) = steps.arrived(site)
    assert (again.delivery, again.digest == announced.digest) == (announced.delivery, False)
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 2}}
    assert findings(site)["DELIVERY-BY-QUIET"] == 1


def test_what_a_run_registers_during_a_look_is_not_announced_by_it(world: World, tmp_path: Path) -> None:
    """The watcher's listing is of yesterday by then: the delivery is collected once, and no ghost of it waits."""
    _lay_listed(world, "lot", 1)
    site = world.site("arvel")

    def a_run_begins(path: bytes) -> None:
        assert len(steps.find(site)) == 1

    with _server(world, tmp_path, a_run_begins) as endpoint:
        assert steps.arrived(replace(site, connect=lambda name: endpoint)) == []
    assert [(row.label, row.state) for row in _deliveries(site)] == [("d0001", "collecting")]


def test_a_drop_without_an_agreement_in_force_is_not_looked_at(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    rewrite(world, "ends: 2099-12-31", "ends: 2021-12-31")
    rewrite(world, "promised: [{kind: dicom, files: 40, by: 2027-03-31}]", "promised: []")
    site = world.site("arvel")
    with pytest.raises(steps.GateClosed):
        steps.arrived(site)
    assert _deliveries(site) == []


def test_a_manifest_that_cannot_be_read_keeps_back_its_own_delivery_alone(world: World, tmp_path: Path) -> None:
    refusals: Mapping[bytes, type[asyncssh.SFTPError]] = {
        b"/lot 1/": asyncssh.SFTPPermissionDenied,
        b"/lot 2/": asyncssh.SFTPFailure,
        b"/lot 3/": asyncssh.SFTPNoSuchFile,
    }
    for number, name in enumerate(("avant", "lot 1", "lot 2", "lot 3", "suite")):
        _lay_listed(world, name, number)

    def refuse(path: bytes) -> None:
        for folder, refusal in refusals.items():
            if folder in path:
                raise refusal("Quibremont")

    with _server(world, tmp_path, refuse) as endpoint:
        site = replace(world.site("arvel"), connect=lambda name: endpoint)
        steps.find(site)
    waiting = steps.waiting(site)
    assert [each.delivery for each in waiting] == ["d0002", "d0003", "d0004"]
    assert {each.waits.code for each in waiting if each.waits} == {"DELIVERY-WAITING-MANIFEST"}
    assert [row.state for row in _deliveries(site)] == ["collecting", *["waiting"] * 3, "collecting"]
    steps.find(world.site("arvel"))
    assert {row.state for row in _deliveries(site)} == {"collecting"}


def test_a_file_deposited_again_after_the_drop_was_emptied_is_looked_at_again(world: World) -> None:
    """The same path, size and time: only that it was gone tells that it came again."""
    rewrite(world, "    schedule:", "    empty_after_receipt: true\n    schedule:")
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    os.utime(drop(world) / "lot" / "IM1", (1_700_000_000, 1_700_000_000))
    site = world.site("arvel")
    steps.run(site)
    assert list(drop(world).rglob("IM1")) == []
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 2)})
    os.utime(drop(world) / "lot" / "IM1", (1_700_000_000, 1_700_000_000))
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"superseded": 1}, "d0002": {"accepted": 1}}
    assert list(drop(world).rglob("IM1")) == []
    assert_sound(site)


def test_a_manifest_that_does_not_hold_is_told_file_by_file(world: World) -> None:
    files = {f"IM{n}": image(MARCHEMALLE, n) for n in (1, 2, 3)}
    good = hashlib.sha256(files["IM1"]).hexdigest()
    files["SHA256SUMS"] = f"{good}  IM1\n{'0' * 64}  IM2\n{'1' * 64}  absent\n".encode()
    lay(drop(world) / "lot", files)
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot/IM1": "accepted",
        "lot/IM2": "quarantined: MANIFEST-HASH-DIFFERS",
        "lot/IM3": "accepted",
        "lot/SHA256SUMS": "rejected: DELIVERY-ADMINISTRATIVE",
    }
    assert findings(site).keys() >= {"MANIFEST-FILE-ABSENT", "MANIFEST-FILE-UNLISTED", "MANIFEST-HASH-DIFFERS"}
    assert_sound(site)


def test_an_archive_counts_by_its_members_one_level_deep_and_an_encrypted_one_is_refused(
    world: World, tmp_path: Path
) -> None:
    inner = tar_of(tmp_path / "inner", [("IM2", image(MARCHEMALLE, 2))], "w:gz").read_bytes()
    outer = zip_of(tmp_path / "outer", [("IM1", image(MARCHEMALLE, 1)), ("in.tar.gz", inner)]).read_bytes()
    locked = bytearray(zip_of(tmp_path / "locked", [("IM3", image(MARCHEMALLE, 3))]).read_bytes())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    lay(drop(world) / "lot", {"tout.zip": outer, "secret.zip": bytes(locked)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot/tout.zip": "superseded: ARCHIVE-UNPACKED",
        "lot/tout.zip!/IM1": "accepted",
        "lot/tout.zip!/in.tar.gz": "superseded: ARCHIVE-UNPACKED",
        "lot/tout.zip!/in.tar.gz!/IM2": "accepted",
        "lot/secret.zip": "quarantined: ARCHIVE-ENCRYPTED",
    }
    assert by_delivery(site) == {"d0001": {"accepted": 2, "quarantined": 1}}
    assert_sound(site)


def test_odd_names_arrive_and_the_drop_is_emptied_of_what_was_received_and_nothing_else(world: World) -> None:
    rewrite(world, "    schedule:", "    empty_after_receipt: true\n    schedule:")
    lot = drop(world) / "lot"
    lay(lot, {name: image(MARCHEMALLE, n) for n, name in enumerate(ODD, 1)})
    (lot / "lien").symlink_to("/etc/passwd")
    lay(drop(world), {"retour/rapport.txt": b"ours"}, "")
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {f"lot/{name}": "accepted" for name in ODD} | {"lot/lien": "quarantined: DROP-SYMLINK"}
    assert len(images_in_bucket(world, "d0001")) == len(ODD)
    left = {str(p.relative_to(drop(world))) for p in drop(world).rglob("*") if not p.is_dir()}
    assert {path for path in left if not path.startswith("retour/d0001/")} == {"lot/lien", "retour/rapport.txt"}
    assert_sound(site)
    steps.run(site)
    assert len(by_delivery(site)) == 1


def test_a_file_that_was_replaced_after_its_receipt_is_not_removed_from_the_drop(world: World) -> None:
    rewrite(world, "    schedule:", "    empty_after_receipt: true\n    schedule:")
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")

    def replace_it(step: str, _: str) -> None:
        if step == "accept":
            (drop(world) / "lot" / "IM1").write_bytes(image(MARCHEMALLE, 1, size=18))

    steps.run(site, tell=replace_it)
    assert not (drop(world) / "lot" / ".done").exists()
    assert (drop(world) / "lot" / "IM1").exists()


def test_a_delivery_of_links_alone_is_judged_and_reported(world: World) -> None:
    lot = drop(world) / "lot"
    lot.mkdir()
    (lot / "lien").symlink_to("/etc/passwd")
    rewrite(world, "quiet_minutes: 30", "quiet_minutes: 0")
    site = world.site("arvel")
    (figures,) = steps.run(site)
    assert (figures.state, figures.states["quarantined"]) == ("shipped", 1)
    assert findings(site)["DROP-SYMLINK"] == 1
    assert_sound(site)


def test_a_file_that_changed_since_the_listing_is_collected_by_the_next_run(world: World) -> None:
    lot = drop(world) / "lot"
    lay(lot, {"IM1": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2), "IM3": image(MARCHEMALLE, 3)})
    site = world.site("arvel")
    (shard,) = steps.find(site)
    (lot / "IM1").write_bytes(image(MARCHEMALLE, 1, size=18))
    (lot / "IM2").unlink()
    assert steps.receive(site, shard.shard)["not_taken"] == 2
    assert ends(site)["lot/IM1"] == "rejected: FILE-CHANGED-WHILE-READ"
    assert ends(site)["lot/IM2"] == "rejected: FILE-VANISHED"
    assert findings(site) == {"DELIVERY-ADMINISTRATIVE": 1, "FILE-CHANGED-WHILE-READ": 1, "FILE-VANISHED": 1}
    steps.run(site)
    assert ends(site)["lot/IM1"] == "accepted"
    assert by_delivery(site) == {"d0001": {"accepted": 1}, "d0002": {"accepted": 1}}
    assert len([key for key in bucket(world) if key.endswith(".dcm")]) == 2
    assert_sound(site)


def test_a_server_that_is_down_is_tried_again_and_the_next_run_completes(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    (shard,) = steps.find(site)
    there = reconnect(world, "demo_sftp_arvel", port=1)
    with pytest.raises(Retry, match="demo_sftp_arvel"):
        steps.receive(site, shard.shard)
    with pytest.raises(Retry, match="demo_sftp_arvel"):
        steps.run(site)
    reconnect(world, "demo_sftp_arvel", **there)
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 1}}
    assert_sound(site)


def test_a_server_with_another_host_key_is_refused_at_once_with_the_remedy(make_world) -> None:  # type: ignore[no-untyped-def]
    world, other = make_world(), make_world()
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    theirs = reconnect(other, "demo_sftp_arvel")
    reconnect(world, "demo_sftp_arvel", port=theirs["port"])
    with pytest.raises(NeedsPerson, match="host key") as caught:
        steps.run(world.site("arvel"))
    assert "demo_sftp_arvel" in str(caught.value)
    assert "To do: " in str(caught.value)
    assert steps.status(world.site("arvel")) == []


def test_the_words_of_a_refused_files_path_are_looked_for_in_all_others(world: World) -> None:
    """The whole delivery identifies, also the part of it that is refused before anybody looks into it."""
    table = f"ipp;commentaire\n{ESTRUGAMOU.ipp};vue avec Quibremont\n".encode()
    wrong = f"{'0' * 64}  Quibremont/IM1\n".encode()
    files = {"Quibremont/IM1": image(TRIBOULOT, 1), "suivi.csv": table, "SHA256SUMS": wrong}
    lay(drop(world) / "lot", files)
    site = world.site("arvel")
    steps.run(site)
    assert ends(site)["lot/Quibremont/IM1"] == "quarantined: MANIFEST-HASH-DIFFERS"
    assert ends(site)["lot/suivi.csv"].startswith("quarantined: ")
    assert not [key for key in bucket(world) if "tables/" in key]


def _deliveries(site: Site) -> list[DeliveryRow]:
    with site.catalogue.transaction() as connection:
        return deliveries_of(connection, ensure_centre(connection, site.challenge.id, site.centre.id))


def _an_hour_passes(site: Site) -> None:
    """What was seen to be quiet has been so for an hour longer."""
    with site.catalogue.transaction() as connection:
        for row in deliveries_of(connection, ensure_centre(connection, site.challenge.id, site.centre.id)):
            earlier = (row.unchanged_since or row.created_at) - timedelta(hours=1)
            mine = tables.delivery.c.id == row.id
            connection.execute(update(tables.delivery).where(mine).values(unchanged_since=earlier))


def _lay_listed(world: World, name: str, number: int) -> None:
    """A delivery that is complete by its manifest."""
    content = image(MARCHEMALLE, number)
    sums = f"{hashlib.sha256(content).hexdigest()}  IM{number}\n".encode()
    lay(drop(world) / name, {f"IM{number}": content, "SHA256SUMS": sums}, marker="")


@contextmanager
def _server(world: World, folder: Path, on_manifest: Callable[[bytes], None]) -> Iterator[Endpoint]:
    """Another SFTP server before arvel's drop, which does something as a manifest is opened."""
    key = folder / "watcher_key"
    host_key = make_key(key)
    root = os.fsencode(world.folder / "sftp" / "arvel")

    class Hooked(asyncssh.SFTPServer):
        async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:  # type: ignore[override]
            if path.endswith(b"SHA256SUMS"):
                await asyncio.to_thread(on_manifest, path)
            return super().open(path, pflags, attrs)

    class AnyPassword(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return True

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=AnyPassword,
            server_host_keys=[str(key)],
            sftp_factory=lambda channel: Hooked(channel, chroot=root),
        )

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    try:
        extra = {"host_key": host_key}
        yield Endpoint("watched", "sftp", "127.0.0.1", server.get_port(), "arvel", "drop", extra=extra)
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
