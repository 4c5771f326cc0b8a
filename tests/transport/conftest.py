"""Drops of each kind, connections to them, and a hand that acts on a server in the middle of a transfer."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from collecte.errors import Retry
from collecte.transport import Endpoint, Entry, Source, Want
from demo.openssh import Sshd, openssh
from demo.servers import HOST, S3Server, SftpServer, make_key

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


@pytest.fixture
def sshd(tmp_path: Path, client_key: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts OpenSSH servers: ``sshd()`` or ``sshd(MaxStartups="1:100:1")``."""
    with ExitStack() as running:
        count = itertools.count()

        def begin(**options: str) -> Sshd:
            return running.enter_context(openssh(tmp_path / f"sshd-{next(count)}", client_key, **options))

        yield begin


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
