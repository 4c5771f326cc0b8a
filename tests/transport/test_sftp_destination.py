"""A competition host behind SFTP: whatever it does, what it holds under our names is proved, or said not to be."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson, Retry
from collecte.transport import Endpoint, Item, Removed, open_destination
from demo.openssh import Sshd
from demo.servers import HOME
from tests.transport.careless_sftp import CarelessSftp, careless_sftp
from tests.transport.conftest import MIB, Centre, holds, meanwhile, noise
from tests.transport.test_destinations import item


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[CarelessSftp]:
    with careless_sftp(tmp_path / "host") as server:
        yield server


def put(endpoint: Endpoint, *items: Item, path: str = "/") -> list[str]:
    with open_destination(endpoint, path) as destination:
        return [stored.item.key for stored in destination.put(items)]


# -- a host that lies, drops, is full --


def test_a_host_that_stores_other_bytes_is_found_out(careless: CarelessSftp, tmp_path: Path) -> None:
    careless.flips_a_bit = True

    with pytest.raises(
        NeedsPerson, match=r"gives back other bytes under s1/x than were written.*To do: have its operator check"
    ):
        put(careless.endpoint, item(tmp_path, "s1/x", b"content"))


def test_a_file_that_is_there_is_believed_of_nothing_but_its_bytes(careless: CarelessSftp, tmp_path: Path) -> None:
    ours = item(tmp_path, "x", b"content")
    (careless.root / "x").write_bytes(b"c0ntent")

    with pytest.raises(NeedsPerson, match="another object under x; it was left as it is"):
        put(careless.endpoint, ours)
    assert (careless.root / "x").read_bytes() == b"c0ntent"


def test_a_host_that_drops_the_connection_is_tried_again_and_what_is_there_is_not_sent_again(
    careless: CarelessSftp, tmp_path: Path
) -> None:
    items = [item(tmp_path, f"s1/{number}", noise(300_000)) for number in range(20)]
    careless.drops_after = 2_000_000

    with pytest.raises(Retry, match="Connection careless_sftp"):
        put(careless.endpoint, *items)
    there = {path.name for path in (careless.root / "s1").iterdir() if path.suffix != ".part"}
    before = careless.written
    assert len(put(careless.endpoint, *items)) == 20

    assert careless.written - before == 300_000 * (20 - len(there))
    assert sorted(path.name for path in (careless.root / "s1").iterdir()) == sorted(str(n) for n in range(20))


@pytest.mark.parametrize(("tells", "says"), [(True, r"no space left \(500 bytes, for 1000\)"), (False, "does not say")])
def test_a_host_that_is_full_is_told_and_goes_on_once_it_has_room(
    careless: CarelessSftp, tmp_path: Path, tells: bool, says: str
) -> None:
    careless.room, careless.tells_room = 500, tells
    ours = item(tmp_path, "s1/x", b"x" * 1000)

    with pytest.raises(NeedsPerson, match=rf"Connection careless_sftp: .*{says}.*To do: ask the host"):
        put(careless.endpoint, ours)
    assert not (careless.root / "s1" / "x").exists()

    careless.room = 5000
    assert put(careless.endpoint, ours) == ["s1/x"]


def test_a_host_that_says_removed_and_keeps_it_is_found_out(careless: CarelessSftp, tmp_path: Path) -> None:
    put(careless.endpoint, item(tmp_path, "x", b"1"))
    careless.keeps_what_is_removed = True

    with (
        open_destination(careless.endpoint, "/") as destination,
        pytest.raises(NeedsPerson, match="still holds x after it was removed"),
    ):
        list(destination.remove(["x"]))


def test_a_folder_that_is_not_there_is_a_matter_for_the_host(careless: CarelessSftp) -> None:
    with (
        pytest.raises(NeedsPerson, match=r"the folder of the destination is not there.*ask the host to create"),
        open_destination(careless.endpoint, "/nowhere"),
    ):
        pass


def test_a_link_that_stands_in_the_place_of_a_folder_is_not_followed(careless: CarelessSftp, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (careless.root / "s1").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NeedsPerson, match="a folder of the destination that we write in is none"):
        put(careless.endpoint, item(tmp_path, "s1/x", b"1"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- going on --


def large(folder: Path, size: int = 96 * MIB) -> Item:
    return item(folder, "slide", noise(MIB) * (size // MIB - 1) + noise(MIB))


def test_a_part_goes_on_as_far_as_its_bytes_are_the_files_own(careless: CarelessSftp, tmp_path: Path) -> None:
    slide = large(tmp_path)
    begun = bytearray(slide.source.read_bytes()[: 80 * MIB])
    begun[61 * MIB] ^= 1  # a write that never came, as pipelined ones may be cut
    (careless.root / "slide.part").write_bytes(begun)

    assert put(careless.endpoint, slide) == ["slide"]

    assert careless.written == (96 - 60) * MIB
    assert _sha256(careless.root / "slide") == slide.sha256


def test_a_part_of_something_else_or_too_long_is_begun_anew(careless: CarelessSftp, tmp_path: Path) -> None:
    slide = large(tmp_path)
    for left in (noise(80 * MIB), slide.source.read_bytes() + b"and more"):
        (careless.root / "slide").unlink(missing_ok=True)
        (careless.root / "slide.part").write_bytes(left)

        assert put(careless.endpoint, slide) == ["slide"]
        assert _sha256(careless.root / "slide") == slide.sha256
        assert not (careless.root / "slide.part").exists()


def test_a_link_in_the_place_of_a_part_leads_our_bytes_nowhere(careless: CarelessSftp, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (careless.root / "x.part").symlink_to(tmp_path / "theirs")

    assert put(careless.endpoint, item(tmp_path, "x", b"ours")) == ["x"]

    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert (careless.root / "x").read_bytes() == b"ours"


_SHIP = """
import json, sys
from pathlib import Path
from collecte.transport import Item, endpoint_from_json, open_destination
connection, path, source, sha256, size = sys.argv[1:]
with open_destination(endpoint_from_json("killed", connection), path) as destination:
    list(destination.put([Item(Path(source), "slide", sha256, int(size))]))
"""


@pytest.mark.needs("sshd")
def test_killed_in_the_middle_of_a_large_file_and_run_again_is_whole(
    sshd: Callable[..., Sshd], client_key: Path, tmp_path: Path
) -> None:
    host, slide = tmp_path / "host", large(tmp_path, 300 * MIB)
    host.mkdir()
    endpoint = sshd().endpoint(client_key)
    process = subprocess.Popen(
        [sys.executable, "-c", _SHIP, _as_uri(endpoint), str(host), str(slide.source), slide.sha256, str(slide.size)],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": "include"},
    )
    with meanwhile(holds(host / "slide.part", 40 * MIB), process.kill):
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (host / "slide").exists()

    with open_destination(endpoint, str(host)) as destination:
        assert list(destination.list_keys()) == []
        (stored,) = destination.put([slide])
        assert destination.digest("slide") == (slide.sha256, slide.size)
        assert stored.proof == "readback"
        assert destination.abort_unfinished() == 0


def test_a_part_that_nobody_goes_on_with_is_swept(careless: CarelessSftp) -> None:
    (careless.root / "v1").mkdir()
    for name in ("v1/slide.part", "v2.part"):
        (careless.root / name).write_bytes(b"half")

    with open_destination(careless.endpoint, "/") as destination:
        assert destination.abort_unfinished(prefix="v1/") == 1
        assert destination.abort_unfinished() == 1


# -- removing --


def test_what_is_removed_leaves_no_file_no_part_and_no_empty_folder(centre: Centre, tmp_path: Path) -> None:
    put(centre.endpoint, item(tmp_path, "a/b/c/x", b"1"), item(tmp_path, "a/y", b"2"))
    (centre.root / "a/b/c/x.part").write_bytes(b"half")

    with open_destination(centre.endpoint, "/") as destination:
        removed = set(destination.remove(["a/b/c/x", "a/b/never"]))
        assert list(destination.list_keys("a/")) == ["a/y"]
        assert put(centre.endpoint, item(tmp_path, "a/b/c/x", b"again")) == ["a/b/c/x"]

    assert removed == {Removed("a/b/c/x", 1), Removed("a/b/never", 0)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_uri(endpoint: Endpoint) -> str:
    import json

    connection = {"conn_type": "sftp", "host": endpoint.host, "port": endpoint.port, "login": endpoint.login}
    return json.dumps({**connection, "extra": dict(endpoint.extra)})
