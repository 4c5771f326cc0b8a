"""What goes wrong with a centre's SFTP server, provoked for real: retried where it may help, else told to a person."""

import hashlib
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from collecte.errors import CollecteError, NeedsPerson, Retry
from collecte.transport import Endpoint, Want, open_source
from demo.openssh import Sshd, sftp_program
from demo.servers import HOST, SftpServer, free_ports, make_key
from tests.processes import freeze
from tests.transport.conftest import MIB, Centre, collect, holds, meanwhile, noise, sftp_endpoint, wants

BIG = 300 * MIB
SECRET_NAME = "DUPONT Jean 1956"


@contextmanager
def raises(kind: type[CollecteError], *says: str) -> Iterator[None]:
    """As pytest.raises; the message must say so, show no name, and carry no other exception along."""
    with pytest.raises(kind) as raised:
        yield
    for words in says:
        assert words in str(raised.value)
    assert "DUPONT" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert kind is Retry or "To do: " in str(raised.value)


def _deposit(centre: Centre, size: int) -> Path:
    """A file of ``size`` bytes, quickly: random, then repeated."""
    path = centre.root / SECRET_NAME
    block = noise(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- logging in --


def test_a_server_with_another_host_key_gets_no_password(centre: Centre, tmp_path: Path) -> None:
    other = replace(centre.endpoint, extra={**centre.endpoint.extra, "host_key": make_key(tmp_path / "other")})

    with raises(NeedsPerson, "Connection chu_test", "another key", "host_key"), open_source(other, "/"):
        pass


def test_a_server_whose_key_is_not_pinned_is_never_connected_to(centre: Centre) -> None:
    unpinned = replace(centre.endpoint, extra={**centre.endpoint.extra, "host_key": ""})

    with raises(NeedsPerson, "Connection chu_test", "extra host_key is empty"), open_source(unpinned, "/"):
        pass


def test_one_of_several_pinned_keys_is_enough_in_any_spelling(centre: Centre, tmp_path: Path) -> None:
    line = centre.endpoint.text("host_key")
    for pinned in (f"{make_key(tmp_path / 'old')}\n{line}", line.split()[1], f"sftp.example.org {line} comment"):
        endpoint = replace(centre.endpoint, extra={**centre.endpoint.extra, "host_key": pinned})
        with open_source(endpoint, "/") as source:
            assert list(source.entries()) == []


@pytest.mark.parametrize("garbage", ["AAAAgarbage", "not-base64!", "ssh-ed25519 AAAA"])
def test_a_pinned_key_that_is_none_is_told(centre: Centre, garbage: str) -> None:
    endpoint = replace(centre.endpoint, extra={**centre.endpoint.extra, "host_key": garbage})

    with raises(NeedsPerson, "Connection chu_test", "cannot be read", "host_key"), open_source(endpoint, "/"):
        pass


def test_a_refused_key_is_told_with_its_connection(centre: Centre, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    stranger = replace(centre.endpoint, extra={**centre.endpoint.extra, "key_file": str(tmp_path / "stranger")})

    with raises(NeedsPerson, "Connection chu_test", "refuses our login", "private_key"), open_source(stranger, "/"):
        pass


def test_a_key_file_that_is_not_there_is_told(centre: Centre) -> None:
    endpoint = replace(centre.endpoint, extra={**centre.endpoint.extra, "key_file": "/nowhere"})

    with raises(NeedsPerson, "extra key_file"), open_source(endpoint, "/"):
        pass


def test_a_connection_without_any_credential_is_told(centre: Centre) -> None:
    endpoint = replace(centre.endpoint, extra={"host_key": centre.endpoint.text("host_key")})

    with raises(NeedsPerson, "there is no private_key nor key_file"), open_source(endpoint, "/"):
        pass


def test_a_password_opens_and_a_wrong_one_does_not(sftp: Callable[..., SftpServer], tmp_path: Path) -> None:
    server = sftp(tmp_path / "drop", password="right")
    right = Endpoint("chu_test", "sftp", HOST, server.port, server.user, "right", {"host_key": server.host_key})

    with open_source(right, "/") as source:
        assert list(source.entries()) == []
    with raises(NeedsPerson, "refuses our login"), open_source(replace(right, password="wrong"), "/"):
        pass


def test_a_private_key_with_a_passphrase_opens(centre: Centre, tmp_path: Path, client_key: Path) -> None:
    import asyncssh

    text = asyncssh.read_private_key(client_key).export_private_key("openssh", "phrase").decode()
    extra = {"host_key": centre.endpoint.text("host_key"), "private_key": text}

    good = replace(centre.endpoint, extra={**extra, "private_key_passphrase": "phrase"})
    with open_source(good, "/") as source:
        assert list(source.entries()) == []
    bad = replace(centre.endpoint, extra={**extra, "private_key_passphrase": "wrong"})
    with raises(NeedsPerson, "private_key_passphrase"), open_source(bad, "/"):
        pass


def test_a_folder_that_is_not_there_is_told(centre: Centre) -> None:
    with raises(NeedsPerson, "the folder of the drop is not there"), open_source(centre.endpoint, f"/{SECRET_NAME}"):
        pass


def test_a_closed_port_is_tried_again(centre: Centre) -> None:
    closed = replace(centre.endpoint, port=free_ports(1)[0])

    with raises(Retry, "Connection chu_test"), open_source(closed, "/"):
        pass


def test_a_server_that_says_nothing_is_given_up_and_tried_again(centre: Centre) -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        extra = {**centre.endpoint.extra, "conn_timeout": 0.5}
        with raises(Retry), open_source(replace(centre.endpoint, port=port, extra=extra), "/"):
            pass


def test_one_connection_too_many_is_tried_again(
    sftp: Callable[..., SftpServer], tmp_path: Path, client_key: Path
) -> None:
    server = sftp(tmp_path / "drop", authorized_key=client_key.with_suffix(".pub"), max_connections=1)
    endpoint = sftp_endpoint(server, client_key)

    with open_source(endpoint, "/") as source:
        with raises(Retry), open_source(endpoint, "/"):
            pass
        assert list(source.entries()) == []


def test_no_more_connections_are_opened_than_allowed(
    sftp: Callable[..., SftpServer], tmp_path: Path, client_key: Path
) -> None:
    server = sftp(tmp_path / "drop", authorized_key=client_key.with_suffix(".pub"), max_connections=2)
    for number in range(100):
        (server.root / str(number)).write_bytes(noise(1000))

    with open_source(sftp_endpoint(server, client_key), "/", connections=2) as source:
        results = list(source.fetch(wants(source, tmp_path)))

    assert [result.outcome for result in results] == ["ok"] * 100


# -- in the middle of a transfer --


def test_a_server_killed_in_the_middle_is_tried_again_and_leaves_no_file(centre: Centre, tmp_path: Path) -> None:
    _deposit(centre, BIG)
    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with (
            raises(Retry, "Connection chu_test", "lost"),
            meanwhile(holds(one.part, 10 * MIB), lambda: os.kill(centre.pid, signal.SIGKILL)),
        ):
            list(source.fetch([one]))

    assert not one.target.exists()


def test_what_came_before_the_cut_is_reported_and_kept(centre: Centre, tmp_path: Path) -> None:
    for number in range(40):
        (centre.root / f"{number:03}").write_bytes(noise(1000))
    _deposit(centre, BIG)
    done: list[Want] = []
    with open_source(centre.endpoint, "/") as source:
        ordered = wants(source, tmp_path)
        with (
            raises(Retry),
            meanwhile(holds(ordered[-1].part, 50 * MIB), lambda: os.kill(centre.pid, signal.SIGKILL)),
        ):
            collect((result.want for result in source.fetch(ordered)), done)

    assert sorted(done, key=ordered.index) == ordered[:-1]
    assert all(one.target.exists() for one in done)


def test_a_silent_server_is_given_up_and_tried_again(centre: Centre, tmp_path: Path) -> None:
    _deposit(centre, BIG)
    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with (
            raises(Retry, "Connection chu_test"),
            meanwhile(holds(one.part, 10 * MIB), lambda: freeze(centre.pid)),
        ):
            list(source.fetch([one]))

    assert not one.target.exists()


def test_a_file_that_shrinks_while_it_is_read_is_taken_again_as_it_is_then(centre: Centre, tmp_path: Path) -> None:
    path = _deposit(centre, BIG)
    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with meanwhile(holds(one.part, 10 * MIB), lambda: os.truncate(path, 20 * MIB)):
            (result,) = source.fetch([one])

    assert (result.outcome, result.size) == ("ok", 20 * MIB)
    assert result.digests["sha256"] == _sha256(path) == _sha256(one.target)


def test_a_file_that_grows_while_it_is_read_is_taken_again_whole(centre: Centre, tmp_path: Path) -> None:
    path = _deposit(centre, BIG)

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"the tail")

    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with meanwhile(holds(one.part, 10 * MIB), grow):
            (result,) = source.fetch([one])

    assert (result.outcome, result.size) == ("ok", BIG + 8)
    assert _sha256(one.target) == _sha256(path)


def test_a_file_overwritten_in_place_while_it_is_read_is_never_a_mixture(centre: Centre, tmp_path: Path) -> None:
    path = _deposit(centre, BIG)

    def overwrite() -> None:
        with path.open("r+b") as file:
            for _ in range(BIG // MIB):
                file.write(b"\1" * MIB)
        os.utime(path, (2_000_000_000, 2_000_000_000))  # an SFTP server tells whole seconds: be sure that it is another

    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with meanwhile(holds(one.part, 10 * MIB), overwrite):
            (result,) = source.fetch([one])

    assert result.outcome == "ok"
    assert _sha256(one.target) == _sha256(path)


def test_a_file_that_changes_each_time_is_left_alone_and_leaves_nothing(centre: Centre, tmp_path: Path) -> None:
    path = _deposit(centre, BIG)
    over = threading.Event()

    def touch_on_and_on() -> None:
        second = 1_000_000_000
        while not over.wait(0.001):
            second += 1
            os.utime(path, (second, second))

    toucher = threading.Thread(target=touch_on_and_on)
    toucher.start()
    try:
        with open_source(centre.endpoint, "/") as source:
            (one,) = wants(source, tmp_path)
            (result,) = source.fetch([one])
    finally:
        over.set()
        toucher.join()

    assert result.outcome == "changed"
    assert not one.target.exists()
    assert not one.part.exists()


def test_a_folder_of_ours_that_cannot_be_written_is_told(centre: Centre, tmp_path: Path) -> None:
    (centre.root / SECRET_NAME).write_bytes(b"1")
    (tmp_path / "part").write_bytes(b"a file where a folder should be")

    with open_source(centre.endpoint, "/") as source, raises(NeedsPerson, "Connection chu_test"):
        list(source.fetch(wants(source, tmp_path)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_full_disk_of_ours_is_told(centre: Centre, tmp_path: Path) -> None:
    """/dev/full answers each write as a full disk does."""
    (centre.root / SECRET_NAME).write_bytes(b"1")
    (tmp_path / "part").mkdir()
    os.mknod(tmp_path / "part" / "0", 0o600 | stat.S_IFCHR, os.makedev(1, 7))

    with open_source(centre.endpoint, "/") as source, raises(NeedsPerson, "no space is left on our disk"):
        list(source.fetch(wants(source, tmp_path)))


# -- resume --


def _cut(centre: Centre, tmp_path: Path) -> tuple[SftpServer, Path]:
    """A transfer of 300 MiB, cut after 100: its part, of which 64 are noted as safe."""
    _deposit(centre, BIG)
    with open_source(centre.endpoint, "/") as source:
        (one,) = wants(source, tmp_path)
        with (
            raises(Retry),
            meanwhile(holds(one.part, 100 * MIB), lambda: os.kill(centre.pid, signal.SIGKILL)),
        ):
            list(source.fetch([one]))
    return one.part


def _again(centre: Centre, tmp_path: Path, sftp: Callable[..., SftpServer], client_key: Path) -> str:
    server = sftp(centre.root, authorized_key=client_key.with_suffix(".pub"))
    with open_source(sftp_endpoint(server, client_key), "/") as source:
        (result,) = source.fetch(wants(source, tmp_path))
    assert result.outcome == "ok"
    assert result.digests["sha256"] == _sha256(result.want.target)
    assert not list((tmp_path / "part").iterdir())
    return result.digests["sha256"]


def test_a_cut_file_goes_on_where_it_was_safe(
    centre: Centre, tmp_path: Path, sftp: Callable[..., SftpServer], client_key: Path
) -> None:
    part = _cut(centre, tmp_path)
    with part.open("r+b") as file:  # what follows the note may be anything after a power cut
        file.seek(100 * MIB)
        file.write(b"\0" * MIB)

    assert _again(centre, tmp_path, sftp, client_key) == _sha256(centre.root / SECRET_NAME)


def test_a_cut_file_is_hashed_from_the_bytes_that_are_really_there(
    centre: Centre, tmp_path: Path, sftp: Callable[..., SftpServer], client_key: Path
) -> None:
    """A flipped byte in the part shows in the digest: so it was gone on with, and hashed again from the disk."""
    part = _cut(centre, tmp_path)
    with part.open("r+b") as file:
        byte = file.read(1)[0]
        file.seek(0)
        file.write(bytes([byte ^ 1]))

    assert _again(centre, tmp_path, sftp, client_key) != _sha256(centre.root / SECRET_NAME)


def test_a_cut_file_that_changed_meanwhile_starts_again(
    centre: Centre, tmp_path: Path, sftp: Callable[..., SftpServer], client_key: Path
) -> None:
    _cut(centre, tmp_path)
    path = _deposit(centre, BIG)
    os.utime(path, (2_000_000_000, 2_000_000_000))

    assert _again(centre, tmp_path, sftp, client_key) == _sha256(path)


def test_a_part_without_a_note_is_not_trusted(
    centre: Centre, tmp_path: Path, sftp: Callable[..., SftpServer], client_key: Path
) -> None:
    part = _cut(centre, tmp_path)
    part.with_name(f"{part.name}.resume").write_text("{broken")

    assert _again(centre, tmp_path, sftp, client_key) == _sha256(centre.root / SECRET_NAME)


# -- OpenSSH --


@pytest.mark.needs("sshd")
def test_openssh_is_read_exactly(sshd: Callable[..., Sshd], tmp_path: Path, client_key: Path) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    names = [b"Zo\xe9", b"-rf", b"a\nb", "é".encode() * 127, b"IM1", b"im1"]
    content = {os.fsdecode(name): noise(700_000) for name in names}
    for name, data in content.items():
        (root / name).write_bytes(data)

    with open_source(sshd().endpoint(client_key), str(root)) as source:
        results = list(source.fetch(wants(source, tmp_path)))
        source.write("retour/a.txt", BytesIO(b"1"))
        source.write("retour/a.txt", BytesIO(b"2"))
        assert source.read_small("retour/a.txt", 10) == b"2"

    assert {result.want.entry.path: result.want.target.read_bytes() for result in results} == content


@pytest.mark.needs("sshd")
def test_openssh_that_answers_keepalives_and_nothing_else_is_given_up(
    sshd: Callable[..., Sshd], tmp_path: Path, client_key: Path
) -> None:
    server = sshd()
    root = tmp_path / "drop"
    root.mkdir()
    (root / "big").write_bytes(noise(MIB) * 300)

    with open_source(server.endpoint(client_key, cmd_timeout=2), str(root)) as source:
        (one,) = wants(source, tmp_path)
        stopped: list[int] = []

        def stop_the_sftp_server() -> None:
            stopped.extend(_below(server.pid, b"sftp-server"))
            for pid in stopped:
                freeze(pid)

        try:
            with raises(Retry, "does not answer"), meanwhile(holds(one.part, 10 * MIB), stop_the_sftp_server):
                list(source.fetch([one]))
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGKILL)
    assert stopped


def _below(pid: int, name: bytes) -> list[int]:
    """The processes of that name below ``pid``."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text("ascii").split()
    ]
    found = [child for child in children if name in Path(f"/proc/{child}/cmdline").read_bytes()]
    return found + [pid for child in children for pid in _below(child, name)]


@pytest.mark.needs("sshd")
def test_openssh_that_drops_connections_at_the_start_is_tried_again(
    sshd: Callable[..., Sshd], client_key: Path
) -> None:
    server = sshd(MaxStartups="1:100:1")
    with socket.create_connection((HOST, server.port)) as occupier:
        assert occupier.recv(4) == b"SSH-"
        with raises(Retry, "Connection chu_openssh"), open_source(server.endpoint(client_key), "/"):
            pass


@pytest.mark.needs("sshd")
def test_openssh_that_allows_no_session_is_tried_again(sshd: Callable[..., Sshd], client_key: Path) -> None:
    with raises(Retry, "no further session"), open_source(sshd(MaxSessions="0").endpoint(client_key), "/"):
        pass


@pytest.mark.needs("sshd")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can log in as an account that may not read")
def test_a_file_that_may_not_be_read_is_told_and_the_others_come(
    sshd: Callable[..., Sshd], tmp_path: Path, client_key: Path
) -> None:
    with TemporaryDirectory() as outside:  # pytest's own folders may be entered by their owner alone
        root = Path(outside)
        root.chmod(0o755)
        _one_closed_and_one_open(root, sshd, tmp_path, client_key)


def _one_closed_and_one_open(root: Path, sshd: Callable[..., Sshd], tmp_path: Path, client_key: Path) -> None:
    (root / SECRET_NAME).write_bytes(b"1")
    (root / SECRET_NAME).chmod(0)
    (root / "open").write_bytes(b"2")
    server = sshd(ForceCommand="/usr/bin/setpriv --reuid=nobody --regid=nogroup --clear-groups " + sftp_program())

    with open_source(server.endpoint(client_key), str(root)) as source:
        results = source.fetch(wants(source, tmp_path))
        assert next(results).want.entry.path == "open"
        with raises(NeedsPerson, "1 files of the drop may not be read"):
            next(results)
