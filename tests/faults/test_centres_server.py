"""The centre's server in the middle of a run: cut off, silent, refusing, full. A retry completes; a person is told what
to do.

Wrong host keys, closed ports, MaxSessions and MaxStartups of a real OpenSSH server, and what each does to one transfer
are attacked in tests/transport/test_sftp_faults.py and tests/journey/test_arrival.py.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collecte import steps
from collecte.errors import NeedsPerson, Retry
from demo.deliveries import MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, image, images_in_bucket, lay, reconnect
from tests.stack.relay import Relay

#: Bytes after which the way is cut or falls silent: amid the second of four files.
_AFTER = 1_200_000


@pytest.fixture
def relay(world: World) -> Iterator[Relay]:
    """Stands between the installation and arvel's server."""
    there = json.loads((world.folder / "connections.json").read_text("utf-8"))["demo_sftp_arvel"]
    with Relay(there["port"]) as between:
        extra = {**there["extra"], "keepalive_interval": 1, "cmd_timeout": 3}
        reconnect(world, "demo_sftp_arvel", port=between.port, extra=extra)
        yield between


def _deliver(world: World) -> None:
    lay(drop(world) / "lot", {f"IM{n}": image(MARCHEMALLE, n, size=700) for n in range(1, 5)})


def _assert_complete(world: World) -> None:
    site = world.site("arvel")
    assert by_delivery(site) == {"d0001": {"accepted": 4}}
    assert len(images_in_bucket(world, "d0001")) == 4
    assert len(bucket(world)) == 4 + 3
    assert_sound(site)


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "silent"])
def test_a_way_that_breaks_in_mid_journey_is_tried_again_and_what_came_is_kept(
    world: World, relay: Relay, cut: bool
) -> None:
    _deliver(world)
    site = world.site("arvel")
    (shard,) = steps.find(site)
    relay.hold_after(_AFTER)
    if cut:
        threading.Thread(target=lambda: relay.held.wait(60) and relay.cut(), daemon=True).start()
    with pytest.raises(Retry, match="demo_sftp_arvel"):
        steps.receive(site, shard.shard)
    assert relay.held.is_set()
    came = sum(path.stat().st_size for path in site.received(site.delivery("d0001")).iterdir())
    assert came < 4 * 900_000
    assert came or cut  # a cut may come before the first block is on the disk
    relay.release()
    steps.run(site)
    _assert_complete(world)


def test_a_login_that_is_refused_says_what_to_do_and_once_it_is_right_the_run_completes(world: World) -> None:
    _deliver(world)
    site = world.site("arvel")
    (shard,) = steps.find(site)
    there = reconnect(world, "demo_sftp_arvel", password="another")
    with pytest.raises(NeedsPerson, match=r"demo_sftp_arvel.* refuses our login.* To do: "):
        steps.receive(site, shard.shard)
    reconnect(world, "demo_sftp_arvel", **there)
    steps.run(site)
    _assert_complete(world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_landing_without_room_says_so_and_with_room_the_run_completes(world: World) -> None:
    _deliver(world)
    with small_disk(world.folder / "landing", 2) as grow:
        site = world.site("arvel")
        with pytest.raises(NeedsPerson, match=r"no space is left on our disk.* To do: make room"):
            steps.run(site)
        grow(64)
        steps.run(site)
        _assert_complete(world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_curated_zone_without_room_says_so_and_with_room_the_run_completes(world: World) -> None:
    _deliver(world)
    with small_disk(world.folder / "curated", 2) as grow:
        site = world.site("arvel")
        with pytest.raises(NeedsPerson, match=r"disk of landing or curated is full.* To do: make room"):
            steps.run(site)
        grow(64)
        steps.run(site)
        _assert_complete(world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_drop_without_room_for_the_feedback_loses_nothing_else(world: World) -> None:
    _deliver(world)
    kept = world.folder / "kept"
    drop(world).rename(kept)
    with small_disk(drop(world), 8) as grow:
        shutil.copytree(kept, drop(world), dirs_exist_ok=True)
        (drop(world) / "retour").mkdir()
        free = os.statvfs(drop(world))
        (drop(world) / "retour" / "autre").write_bytes(b"0" * (free.f_bavail * free.f_frsize))
        site = world.site("arvel")
        with pytest.raises((NeedsPerson, Retry), match="demo_sftp_arvel"):
            steps.run(site)
        _assert_complete(world)
        grow(64)
        steps.run(site)
        assert sorted(path.suffix for path in (drop(world) / "retour" / "d0001").iterdir()) == [".csv", ".html"]


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Callable[[int], object]]:
    """A disk of so many megabytes under a folder; what comes back makes it larger."""
    folder.mkdir(exist_ok=True)
    mount, unmount = shutil.which("mount") or "mount", shutil.which("umount") or "umount"
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "collecte-test", folder], check=True)
    try:
        yield lambda size: subprocess.run([mount, "-o", f"remount,size={size}m", folder], check=True)
    finally:
        subprocess.run([unmount, "--lazy", folder], check=True)
