"""Real servers out of wheels, for the demonstration and the tests: SeaweedFS speaks S3, asyncssh speaks SFTP.

Every listener is on 127.0.0.1 and on a port chosen free beforehand. Each server can be had three ways: as a command
line for a launcher (:func:`s3_command`, :func:`sftp_command`), as a started process (:func:`start_s3`,
:func:`start_sftp`, ended by :func:`stop`), or as a context manager (:func:`s3_server`, :func:`sftp_server`).

As a program it is the SFTP server itself::

    python -m demo.servers sftp --root DIR --port N --user centre-a --authorized-key F --host-key F
"""

import argparse
import asyncio
import hmac
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import SystemRandom

import asyncssh
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

HOST = "127.0.0.1"
HOME = Path(__file__).resolve().parents[1]

#: SeaweedFS listens with gRPC on each of its ports + 10000. Both stay under Linux' range for outgoing ports
#: (32768-60999), so that no client's socket can sit on one that we found free a moment ago.
_PORTS = range(12_000, 22_000)
_GRPC = 10_000

#: Seconds. On a used folder, after a kill -9, SeaweedFS needs up to 18 before it answers.
_READY_S = 60.0
_STARTS = 3


class DidNotStart(RuntimeError):
    """A server ended, or did not answer in time; the message names its log."""


@dataclass(frozen=True)
class S3Server:
    """An S3 server: SeaweedFS with one identity that may do everything. ``pid`` is 0 as long as nobody started it."""

    data_dir: Path
    master_port: int
    volume_port: int
    filer_port: int
    s3_port: int
    access_key: str
    secret_key: str = field(repr=False)
    pid: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.s3_port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port that it listens on."""
        ports = (self.master_port, self.volume_port, self.filer_port, self.s3_port)
        return ports + tuple(port + _GRPC for port in ports)

    def client(self):  # type: ignore[no-untyped-def]  # boto3's clients are made at run time
        """A boto3 client with this server's keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1}),
        )

    def create_buckets(self, *names: str) -> None:
        """Create each bucket that is not there yet."""
        client = self.client()
        there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in names:
            if name not in there:
                client.create_bucket(Bucket=name)


@dataclass(frozen=True)
class SftpServer:
    """An SFTP server over one folder, for one user. ``host_key`` is its public key as a line, to be pinned."""

    root: Path
    port: int
    user: str
    host_key: str
    pid: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    @property
    def host(self) -> str:
        return HOST


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens, nor on the port 10000 above."""
    found: list[int] = []
    candidates = SystemRandom()
    while len(found) < count:
        port = candidates.choice(_PORTS)
        if port not in found and _is_free(port) and _is_free(port + _GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def plan_s3(
    data_dir: Path, *, access_key: str = "", secret_key: str = "", ports: Sequence[int] | None = None
) -> S3Server:
    """An S3 server that is yet to be started: its folder, ports (master, volume, filer, S3) and keys.

    The keys are written to the folder. A folder that was used before keeps its keys where none are given.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    identities = data_dir / "s3.json"
    if not access_key and identities.exists():
        known = json.loads(identities.read_text("utf-8"))["identities"][0]["credentials"][0]
        access_key, secret_key = known["accessKey"], known["secretKey"]
    access_key = access_key or f"demo{secrets.token_hex(6)}"
    secret_key = secret_key or secrets.token_urlsafe(24)
    identities.touch(mode=0o600)
    identities.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "demo",
                        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                    }
                ]
            }
        ),
        "utf-8",
    )
    master, volume, filer, s3 = ports or free_ports(4)
    return S3Server(data_dir, master, volume, filer, s3, access_key, secret_key)


def s3_command(server: S3Server) -> list[str]:
    """The command line that starts it. Two volumes a bucket instead of seven: many buckets fit on a small disk."""
    return [
        "/usr/bin/env",
        "WEED_MASTER_VOLUME_GROWTH_COPY_1=2",
        program("weed"),
        "-logtostderr=true",
        "server",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-dir={server.data_dir}",
        f"-master.port={server.master_port}",
        f"-master.port.grpc={server.master_port + _GRPC}",
        "-master.volumeSizeLimitMB=256",
        "-master.telemetry=false",
        f"-volume.port={server.volume_port}",
        f"-volume.port.grpc={server.volume_port + _GRPC}",
        "-volume.max=2000",
        "-filer",
        f"-filer.port={server.filer_port}",
        f"-filer.port.grpc={server.filer_port + _GRPC}",
        f"-filer.localSocket={_socket_path(server.data_dir, 'filer', server.filer_port)}",
        "-s3",
        f"-s3.port={server.s3_port}",
        f"-s3.port.grpc={server.s3_port + _GRPC}",
        f"-s3.localSocket={_socket_path(server.data_dir, 's3', server.s3_port)}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={server.data_dir / 's3.json'}",
    ]


def _socket_path(data_dir: Path, name: str, port: int) -> str:
    """A Unix socket beside the data, unless its path would be longer than the kernel takes (107 bytes)."""
    path = str(data_dir / f"{name}.sock")
    return path if len(os.fsencode(path)) < 100 else f"/tmp/seaweedfs-{name}-{port}.sock"  # noqa: S108 the port is ours


def start_s3(
    data_dir: Path, *, access_key: str = "", secret_key: str = "", ports: Sequence[int] | None = None
) -> S3Server:
    """Start an S3 server and wait until it lists its buckets.

    Raises:
        DidNotStart: it ended or did not answer; with ports of our own choice, three times.
    """
    for attempt in range(1, _STARTS + 1):
        server = plan_s3(data_dir, access_key=access_key, secret_key=secret_key, ports=ports)
        process = start(s3_command(server), data_dir / "server.log")
        try:
            wait_until(partial(lists_buckets, server), process, data_dir / "server.log")
        except DidNotStart:
            stop(process)
            if attempt == _STARTS or ports:
                raise
        else:
            return replace(server, pid=process.pid, process=process)
    raise AssertionError("the loop returns or raises")


def lists_buckets(server: S3Server) -> bool:
    """Whether it answers."""
    try:
        server.client().list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


@contextmanager
def s3_server(
    data_dir: Path, *, access_key: str = "", secret_key: str = "", ports: Sequence[int] | None = None
) -> Iterator[S3Server]:
    """A running S3 server; ended on leaving, its data kept."""
    server = start_s3(data_dir, access_key=access_key, secret_key=secret_key, ports=ports)
    try:
        yield server
    finally:
        stop(server.process, grace_s=0)  # type: ignore[arg-type]  # it was started
        remove_sockets(server)


def remove_sockets(server: S3Server) -> None:
    """Remove the Unix sockets in /tmp that bear one of its ports: a killed SeaweedFS leaves its own there, under names
    that are fixed in it, and perhaps an earlier one left some under a port that is now ours.
    """
    for port in server.ports:
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
            left.unlink(missing_ok=True)


def make_key(path: Path) -> str:
    """Write a new Ed25519 private key (OpenSSH form, mode 0600) and give its public key as a line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key("openssh"))
    return public_line(path)


def public_line(path: Path) -> str:
    """The public key of a private key file: ``ssh-ed25519 AAAA…``."""
    return str(asyncssh.read_private_key(path).export_public_key("openssh"), "ascii").strip()


def sftp_command(
    root: Path,
    port: int,
    host_key: Path,
    *,
    user: str = "centre-a",
    authorized_key: Path | None = None,
    password_env: str | None = None,
    max_connections: int | None = None,
) -> list[str]:
    """The command line of an SFTP server; to be run in the folder that holds ``demo/``.

    ``authorized_key``: a file with public keys; ``password_env``: name of the variable that holds the password;
    ``max_connections``: further ones are closed before the banner, as a hospital's firewall does.
    """
    options: dict[str, object] = {
        "--root": root,
        "--port": port,
        "--user": user,
        "--host-key": host_key,
        "--authorized-key": authorized_key,
        "--password-env": password_env,
        "--max-connections": max_connections,
    }
    given = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    return [sys.executable, "-m", "demo.servers", "sftp", *given]


def start_sftp(
    root: Path,
    state: Path,
    *,
    user: str = "centre-a",
    authorized_key: Path | None = None,
    password: str | None = None,
    port: int | None = None,
    max_connections: int | None = None,
) -> SftpServer:
    """Start an SFTP server over ``root`` and wait for its banner. ``state`` keeps its host key and log.

    Raises:
        DidNotStart: it ended or did not answer; with a port of our own choice, three times.
    """
    root.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    host_key, log = state / "host_key", state / "server.log"
    line = public_line(host_key) if host_key.exists() else make_key(host_key)
    password_env = None if password is None else "DEMO_SFTP_PASSWORD"
    environment = {**os.environ, **({} if password is None else {"DEMO_SFTP_PASSWORD": password})}
    for attempt in range(1, _STARTS + 1):
        listen = port or free_ports(1)[0]
        command = sftp_command(
            root,
            listen,
            host_key,
            user=user,
            authorized_key=authorized_key,
            password_env=password_env,
            max_connections=max_connections,
        )
        process = start(command, log, environment)
        try:
            wait_until(partial(shows_banner, listen), process, log)
        except DidNotStart:
            stop(process)
            if attempt == _STARTS or port:
                raise
        else:
            return SftpServer(root, listen, user, line, process.pid, process)
    raise AssertionError("the loop returns or raises")


def shows_banner(port: int) -> bool:
    """Whether an SSH server answers there."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False


@contextmanager
def sftp_server(root: Path, state: Path, **options: object) -> Iterator[SftpServer]:
    """A running SFTP server; ended on leaving, its files kept. Options as :func:`start_sftp`."""
    server = start_sftp(root, state, **options)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        stop(server.process, grace_s=0)  # type: ignore[arg-type]  # it was started


def program(name: str) -> str:
    """The full path of a program that a wheel brought, or of the machine's own.

    Raises:
        DidNotStart: it is nowhere.
    """
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return str(beside)
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    if found is None:
        raise DidNotStart(f"{name} is not installed: run `make setup`.")
    return found


def start(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start a server in a session of its own, its output going to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            cwd=HOME,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until ``ready()``.

    Raises:
        DidNotStart: the process ended first, or a minute went by.
    """
    end = time.monotonic() + _READY_S
    while not ready():
        if process.poll() is not None:
            raise DidNotStart(f"The server ended with {process.returncode}; its log: {log}")
        if time.monotonic() > end:
            raise DidNotStart(f"The server did not answer in {_READY_S:.0f} s; its log: {log}")
        time.sleep(0.05)


def stop(process: "subprocess.Popen[bytes]", grace_s: float = 10.0) -> None:
    """End a server: SIGTERM, then SIGKILL after ``grace_s`` seconds; with 0 SIGKILL at once."""
    if process.poll() is None:
        if grace_s:
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                process.kill()
        else:
            process.kill()
    process.wait()


def listeners(pid: int) -> set[tuple[str, int]]:
    """The TCP addresses (address, port) on which a process listens, from /proc. IPv6 addresses are given in hex."""
    inodes = {
        target.removeprefix("socket:[").removesuffix("]")
        for target in (str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
        if target.startswith("socket:[")
    }
    found: set[tuple[str, int]] = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            _, local, _, state, *_ = columns = line.split()
            if state == "0A" and columns[9] in inodes:
                address, port = local.split(":")
                found.add((_dotted(address), int(port, 16)))
    return found


def _dotted(address: str) -> str:
    """The kernel writes an IPv4 address as one little-endian number."""
    return socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address


class _OneUser(asyncssh.SSHServer):
    """Lets one user in, by one of the keys or by the password."""

    def __init__(self, user: str, keys: frozenset[bytes], password: str | None, gate: "_Gate") -> None:
        self._user, self._keys, self._password, self._gate = user, keys, password, gate
        self._counted = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._counted = self._gate.enter()
        if not self._counted:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted:
            self._gate.leave()

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return bool(self._keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._user and key.public_data in self._keys

    def password_auth_supported(self) -> bool:
        return self._password is not None

    def validate_password(self, username: str, password: str) -> bool:
        known = self._password or ""
        return username == self._user and hmac.compare_digest(password.encode(), known.encode())


class _Gate:
    """Counts the connections that are open, up to a limit (None: any number)."""

    def __init__(self, limit: int | None) -> None:
        self._limit, self._open = limit, 0

    def enter(self) -> bool:
        if self._limit is not None and self._open >= self._limit:
            return False
        self._open += 1
        return True

    def leave(self) -> None:
        self._open -= 1


async def listen_for_sftp(
    root: Path,
    port: int,
    host_key: Path,
    *,
    user: str,
    keys: frozenset[bytes] = frozenset(),
    password: str | None = None,
    max_connections: int | None = None,
) -> asyncssh.SSHAcceptor:
    """An SFTP server over ``root`` in the event loop that runs; port 0: on a free one. ``keys``: public ones."""
    gate, folder = _Gate(max_connections), os.fsencode(root.resolve())
    return await asyncssh.listen(
        HOST,
        port,
        server_factory=lambda: _OneUser(user, keys, password, gate),
        server_host_keys=[str(host_key)],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=folder),
        allow_scp=False,
        agent_forwarding=False,
    )


async def _serve_sftp(options: argparse.Namespace) -> None:
    keys = asyncssh.read_public_key_list(options.authorized_key) if options.authorized_key else []
    server = await listen_for_sftp(
        options.root,
        options.port,
        options.host_key,
        user=options.user,
        keys=frozenset(key.public_data for key in keys),
        password=os.environ[options.password_env] if options.password_env else None,
        max_connections=options.max_connections,
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The SFTP server as a program."""
    parser = argparse.ArgumentParser(prog="python -m demo.servers", description=main.__doc__)
    kinds = parser.add_subparsers(required=True)
    sftp = kinds.add_parser("sftp", help="serve one folder by SFTP on 127.0.0.1")
    sftp.add_argument("--root", type=Path, required=True, help="the folder; clients see nothing above it")
    sftp.add_argument("--port", type=int, required=True)
    sftp.add_argument("--user", required=True)
    sftp.add_argument("--host-key", type=Path, required=True, help="private key file of the server")
    sftp.add_argument("--authorized-key", type=Path, help="file of public keys that may log in")
    sftp.add_argument("--password-env", help="environment variable that holds the password")
    sftp.add_argument("--max-connections", type=int, help="close further connections at once")
    asyncio.run(_serve_sftp(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
