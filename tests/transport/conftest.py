"""Drops of each kind, connections to them, and a hand that acts on a server in the middle of a transfer."""

import getpass
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from collecte.errors import Retry
from collecte.transport import Endpoint, Entry, Source, Want
from demo.servers import HOST, S3Server, SftpServer, free_ports, make_key, start, stop, wait_until

MIB = 1024 * 1024


@dataclass(frozen=True)
class Centre:
    """A hospital's SFTP server, the folder that it serves, and the connection to it."""

    root: Path
    endpoint: Endpoint
    pid: int
    path: str = "/"


@pytest.fixture
def client_key(tmp_path: Path) -> Path:
    """A private key file; its public half is beside it, ``.pub``."""
    key = tmp_path / "client_key"
    key.with_suffix(".pub").write_text(make_key(key), "ascii")
    return key


@pytest.fixture
def centre(sftp: Callable[..., SftpServer], tmp_path: Path, client_key: Path) -> Centre:
    """A centre whose server answers; keepalives are quick, so that tests of silence are."""
    server = sftp(tmp_path / "drop", authorized_key=client_key.with_suffix(".pub"))
    return Centre(server.root, sftp_endpoint(server, client_key), server.pid)


def sftp_endpoint(server: SftpServer, client_key: Path, **extra: object) -> Endpoint:
    extras = {"host_key": server.host_key, "key_file": str(client_key), "keepalive_interval": 1, **extra}
    return Endpoint("chu_test", "sftp", HOST, server.port, server.user, extra=extras)


def s3_endpoint(server: S3Server, **extra: object) -> Endpoint:
    extras = {"endpoint_url": server.endpoint_url, **extra}
    return Endpoint("bucket_test", "aws", login=server.access_key, password=server.secret_key, extra=extras)


@dataclass(frozen=True)
class Sshd:
    """A real OpenSSH server for the user who runs the tests."""

    port: int
    host_key: str
    pid: int

    def endpoint(self, client_key: Path, **extra: object) -> Endpoint:
        extras = {"host_key": self.host_key, "key_file": str(client_key), "keepalive_interval": 1, **extra}
        return Endpoint("chu_openssh", "sftp", HOST, self.port, getpass.getuser(), extra=extras)


@pytest.fixture
def sshd(tmp_path: Path, client_key: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts OpenSSH servers: ``sshd()`` or ``sshd(MaxStartups="1:100:1")``."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(**options: str) -> Sshd:
        running.append(process := _start_sshd(tmp_path / f"sshd-{len(running)}", client_key, options))
        return Sshd(*process.args_of_test, process.pid)  # type: ignore[attr-defined]

    yield begin
    for process in running:
        stop(process, grace_s=5)


def _start_sshd(state: Path, client_key: Path, options: dict[str, str]) -> "subprocess.Popen[bytes]":
    state.mkdir()
    host_key = make_key(state / "host_key")
    port = free_ports(1)[0]
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it drops its privileges
    server = next(str(p) for p in map(Path, _SFTP_SERVERS) if p.exists())
    settings = {
        "Port": str(port),
        "ListenAddress": HOST,
        "HostKey": str(state / "host_key"),
        "PidFile": "none",
        "AuthorizedKeysFile": str(client_key.with_suffix(".pub")),
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "Subsystem": f"sftp {server}",
        **options,
    }
    config = state / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), "utf-8")
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    process = start([program, "-D", "-e", "-f", str(config)], state / "log")
    wait_until(lambda: b"listening" in (state / "log").read_bytes(), process, state / "log")
    process.args_of_test = (port, host_key)  # type: ignore[attr-defined]
    return process


_SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")


def wants(source: Source, folder: Path, *algorithms: str) -> list[Want]:
    """A want for everything that the drop holds, into ``folder`` by its number."""
    return [want(entry, folder, str(number), *algorithms) for number, entry in enumerate(source.entries())]


def want(entry: Entry, folder: Path, name: str = "0", *algorithms: str) -> Want:
    return Want(entry, folder / "in" / name, folder / "part" / name, algorithms or ("sha256",))


T = TypeVar("T")


def collect(results: Iterable[T], into: list[T], act: Callable[[], object] = lambda: None, after: int = -1) -> None:
    """Add each result as it comes, so that those before an error count; ``act`` once there are ``after`` of them."""
    for result in results:
        into.append(result)
        if len(into) == after:
            act()


def as_a_task_does(work: Callable[[], T], seconds: float = 60) -> T:
    """Do it again while it asks to be tried again, as the retries of a task do."""
    end = time.monotonic() + seconds
    while True:
        try:
            return work()
        except Retry:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def meanwhile(ready: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Run ``act`` in the middle of the block, as soon as ``ready()``; the block fails where that never came."""
    ended, acted = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if ready():
                acted.set()
                act()
                return
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    assert acted.is_set(), "the transfer was over before anybody could disturb it"


def holds(part: Path, size: int) -> Callable[[], bool]:
    """Whether so many bytes arrived."""

    def ready() -> bool:
        try:
            return part.stat().st_size >= size
        except FileNotFoundError:
            return False

    return ready


def noise(size: int) -> bytes:
    return os.urandom(size)
