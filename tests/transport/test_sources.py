"""Whatever a drop speaks, it is listed whole, read exactly, written whole or not at all, and never followed outside."""

import hashlib
import os
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson, Retry
from collecte.transport import Endpoint, Entry, Source, open_source
from demo.servers import S3Server
from tests.transport.conftest import Centre, noise, s3_endpoint, want, wants


@dataclass(frozen=True)
class Drop:
    """A drop that a test fills: ``put`` as the centre would."""

    put: Callable[[str, bytes], None]
    open: Callable[[], AbstractContextManager[Source]]
    root: Path  # the folder behind the server; S3 has none


@pytest.fixture(params=["sftp", "s3", "file"])
def drop(request: pytest.FixtureRequest) -> Drop:
    """A drop of each kind."""
    return request.getfixturevalue(f"{request.param}_drop")


@pytest.fixture(params=["sftp", "file"])
def folder_drop(request: pytest.FixtureRequest) -> Drop:
    """A drop of each kind that knows links, pipes and names that are no UTF-8; S3 does not."""
    return request.getfixturevalue(f"{request.param}_drop")


@pytest.fixture
def sftp_drop(centre: Centre) -> Drop:
    return Drop(partial(_write, centre.root), lambda: open_source(centre.endpoint, "/"), centre.root)


@pytest.fixture
def file_drop(tmp_path: Path) -> Drop:
    root = tmp_path / "drop"
    root.mkdir()
    return Drop(partial(_write, root), lambda: open_source(Endpoint("folder_test", "file"), str(root)), root)


@pytest.fixture
def s3_drop(s3: S3Server, bucket: str) -> Drop:
    client = s3.client()
    return Drop(
        lambda path, data: client.put_object(Bucket=bucket, Key=f"centre/{path}", Body=data),
        lambda: open_source(s3_endpoint(s3), f"{bucket}/centre"),
        Path(),
    )


def _write(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


ODD_NAMES = [
    "with some spaces.dcm",
    " leading and trailing ",
    unicodedata.normalize("NFC", "échographie/Zoé.dcm"),
    unicodedata.normalize("NFD", "échographie/Zoé.dcm"),
    "-rf",
    "--help/--help",
    "IM0001",
    "im0001",
    "a\nnewline",
    "a\ttab",
    "x" * 255,
    "é" * 127 + "x",
    "%2e%2e%2fpercent",
    "quo'te and $(dollar) `tick`",
    "*?[a-z]{1,2}",
    "..dots",
    ".hidden",
    "日本語.dcm",
    "emoji 🫀.dcm",
    "deep/" * 40 + "file",
]


def test_odd_names_survive(drop: Drop, tmp_path: Path) -> None:
    content = {name: name.encode() for name in ODD_NAMES}
    for name, data in content.items():
        drop.put(name, data)

    with drop.open() as source:
        fetched = list(source.fetch(wants(source, tmp_path)))

    assert {result.want.entry.path: result.want.target.read_bytes() for result in fetched} == content
    assert {result.outcome for result in fetched} == {"ok"}


def test_names_in_latin_1_survive(folder_drop: Drop, tmp_path: Path) -> None:
    name = "Zoé".encode("latin-1").decode("utf-8", "surrogateescape")
    folder_drop.put(name, b"content")

    with folder_drop.open() as source:
        (entry,) = source.entries()
        (result,) = source.fetch([want(entry, tmp_path)])

        assert entry.path == name
        assert os.fsencode(entry.path) == b"Zo\xe9"
        assert result.want.target.read_bytes() == b"content"
        assert source.read_small(name, 100) == b"content"


def test_a_backslash_is_no_slash(folder_drop: Drop) -> None:
    folder_drop.put("a\\b", b"1")  # SeaweedFS makes a slash of it

    with folder_drop.open() as source:
        assert [entry.path for entry in source.entries()] == ["a\\b"]


def test_all_kinds_of_drop_list_in_the_same_order(drop: Drop) -> None:
    for name in ("b", "a/b", "a-b", "a.b", "a/b-c", "A", "a/c/d", "é"):
        drop.put(name, b"1")

    with drop.open() as source:
        listed = [entry.path for entry in source.entries()]

    assert listed == ["A", "a-b", "a.b", "a/b", "a/b-c", "a/c/d", "b", "é"]


def test_size_and_digests_are_those_of_the_bytes(drop: Drop, tmp_path: Path) -> None:
    data = noise(3_000_001)
    drop.put("slide", data)

    with drop.open() as source:
        (result,) = source.fetch(wants(source, tmp_path, "sha256", "md5", "sha1"))

    assert result.want.target.read_bytes() == data
    assert result.size == len(data)
    assert result.digests == {name: hashlib.new(name, data).hexdigest() for name in ("sha256", "md5", "sha1")}
    assert not list((tmp_path / "part").iterdir())


def test_an_empty_file_is_a_file(drop: Drop, tmp_path: Path) -> None:
    drop.put("empty", b"")

    with drop.open() as source:
        (result,) = source.fetch(wants(source, tmp_path))

    assert (result.outcome, result.size) == ("ok", 0)
    assert result.want.target.read_bytes() == b""


def test_wants_may_be_made_while_the_drop_is_listed(drop: Drop, tmp_path: Path) -> None:
    for number in range(700):
        drop.put(f"{number % 7}/{number}", str(number).encode())

    with drop.open() as source:
        made = (want(entry, tmp_path, entry.path) for entry in source.entries())
        assert all(result.want.target.read_text() == result.want.target.name for result in source.fetch(made))
    assert sum(path.is_file() for path in (tmp_path / "in").rglob("*")) == 700


def test_an_empty_drop_lists_nothing(drop: Drop) -> None:
    with drop.open() as source:
        assert list(source.entries()) == []
        assert list(source.fetch([])) == []


def test_links_pipes_and_devices_are_reported_and_refused(folder_drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of another centre")
    folder_drop.root.joinpath("link").symlink_to(tmp_path / "secret")
    folder_drop.root.joinpath("folder").symlink_to(tmp_path)
    os.mkfifo(folder_drop.root / "pipe")
    folder_drop.put("good", b"good")

    with folder_drop.open() as source:
        found = {entry.path: entry.kind for entry in source.entries()}
        results = {result.want.entry.path: result.outcome for result in source.fetch(wants(source, tmp_path))}

    assert found == {"folder": "symlink", "link": "symlink", "pipe": "special", "good": "file"}
    assert results == {"folder": "refused", "link": "refused", "pipe": "refused", "good": "ok"}


def test_a_file_that_became_a_link_or_a_pipe_since_it_was_listed_is_refused(folder_drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of another centre")
    folder_drop.root.joinpath("link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder_drop.root / "pipe")
    listed = [Entry("link", 17, 0), Entry("pipe", 0, 0)]

    with folder_drop.open() as source:
        results = list(source.fetch(want(entry, tmp_path, entry.path) for entry in listed))

    assert {result.outcome for result in results} == {"refused"}
    assert not (tmp_path / "in").exists()


def test_a_file_that_is_gone_is_vanished_and_the_others_come(drop: Drop, tmp_path: Path) -> None:
    drop.put("there", b"1")

    with drop.open() as source:
        listed = [Entry("gone", 1, 0), Entry("there", 1, 0)]
        results = source.fetch(want(entry, tmp_path, entry.path) for entry in listed)

        assert {result.want.entry.path: result.outcome for result in results} == {"gone": "vanished", "there": "ok"}


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd", "a//b", "./a", "nul\0"])
def test_a_path_that_leads_out_is_refused_before_it_is_asked_for(drop: Drop, tmp_path: Path, path: str) -> None:
    with drop.open() as source:
        with pytest.raises(NeedsPerson, match="leads out of the drop"):
            list(source.fetch([want(Entry(path, 1, 0), tmp_path)]))
        with pytest.raises(NeedsPerson, match="leads out of the drop"):
            source.read_small(path, 10)
        with pytest.raises(NeedsPerson, match="leads out of the drop"):
            source.write(path, BytesIO(b""))
        with pytest.raises(NeedsPerson, match="leads out of the drop"):
            source.remove(Entry(path, 1, 0))


def test_feedback_is_written_whole_and_replaces_the_one_before(drop: Drop) -> None:
    with drop.open() as source:
        source.write("retour/d0001/rapport.txt", BytesIO(b"un"))
        source.write("retour/d0001/rapport.txt", BytesIO("deuxième".encode()))

        assert source.read_small("retour/d0001/rapport.txt", 100) == "deuxième".encode()
        assert [entry.path for entry in source.entries()] == ["retour/d0001/rapport.txt"]


def test_feedback_does_not_follow_a_link_that_the_centre_put(folder_drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder_drop.root.joinpath("retour").symlink_to(tmp_path / "elsewhere")

    with folder_drop.open() as source, pytest.raises(NeedsPerson, match="To do"):
        source.write("retour/rapport.txt", BytesIO(b"un"))

    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_can_be_removed_twice(drop: Drop) -> None:
    drop.put("a/b", b"1")
    with drop.open() as source:
        (entry,) = source.entries()
        assert source.remove(entry)
        assert not source.remove(entry)

        assert list(source.entries()) == []


def test_a_file_that_was_replaced_since_it_was_listed_is_not_removed(drop: Drop) -> None:
    drop.put("a/b", b"1")
    with drop.open() as source:
        (entry,) = source.entries()
        drop.put("a/b", b"replaced")

        assert not source.remove(entry)
        assert [left.size for left in source.entries()] == [len(b"replaced")]


def test_a_small_file_that_is_too_large_is_not_read(drop: Drop) -> None:
    drop.put("manifest", b"12345")
    with drop.open() as source:
        assert source.read_small("manifest", 5) == b"12345"
        with pytest.raises(NeedsPerson, match="4 bytes"):
            source.read_small("manifest", 4)


def test_a_small_file_that_is_gone_is_a_matter_of_trying_again(drop: Drop) -> None:
    with drop.open() as source, pytest.raises(Retry):
        source.read_small("manifest", 5)


def test_neither_entries_nor_errors_show_a_name(drop: Drop, tmp_path: Path) -> None:
    drop.put("DUPONT Jean/IM1", b"12345")
    with drop.open() as source:
        (entry,) = source.entries()
        (result,) = source.fetch([want(entry, tmp_path)])
        with pytest.raises(NeedsPerson) as raised:
            source.read_small("DUPONT Jean/IM1", 1)

    assert "DUPONT" not in f"{entry!r} {result!r} {raised.value}"


def test_the_clock_of_a_server_is_compared_where_it_tells(drop: Drop) -> None:
    with drop.open() as source:
        offset = source.clock_offset()

    assert offset is None or abs(offset) < 5
