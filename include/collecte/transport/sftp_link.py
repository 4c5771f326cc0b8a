"""A connection to an SFTP server, for who reads a drop and who writes to a destination: one event loop, in steps.

Nothing of the machine's own is used: no ssh_config, no agent, no known_hosts. A server that stops answering is noticed,
also where it still sends keepalives.
"""

import asyncio
import base64
import stat
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from random import SystemRandom
from typing import Any, TypeVar

import asyncssh

from collecte.errors import NeedsPerson
from collecte.transport.connections import Endpoint, broken
from collecte.transport.entries import Kind
from collecte.transport.errors import Peer, sftp_errors

T = TypeVar("T")

#: Tries to connect: a server drops some of many connections that come at once (MaxStartups).
_CONNECTS = 3
#: GCM first: by far the cheapest with AES instructions. The rest as asyncssh ranks them.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)

#: What a server answers where there is nothing of that name.
GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


@dataclass(frozen=True)
class Look:
    """What can be seen of a remote file: whether it is the same as before shows in these."""

    kind: Kind | None  # None: a folder
    size: int
    mtime_ns: int


def look_at(attrs: asyncssh.SFTPAttrs) -> Look:
    """What a server says of a file."""
    mode = stat.S_IFMT(attrs.permissions or stat.S_IFREG)
    kinds: dict[int, Kind | None] = {stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFDIR: None}
    mtime_ns = (attrs.mtime or 0) * 1_000_000_000 + (attrs.mtime_ns or 0)
    return Look(kinds.get(mode, "special"), attrs.size or 0, mtime_ns)


@contextmanager
def sftp_link(endpoint: Endpoint, path: str, peer: Peer) -> Iterator["SftpLink"]:
    """Log in and see that the folder ``path`` is there.

    Raises:
        NeedsPerson: no key is pinned, the server shows another, it refuses the login, the folder is not there.
        Retry: it cannot be reached.
    """
    with asyncio.Runner() as runner:
        link = SftpLink(runner, endpoint, path, peer)
        try:
            with link.errors():
                link.connect()
                look = look_at(link.run(link.client.stat(link.root)))
            if look.kind is not None:
                raise NeedsPerson(f"Connection {link.id}: {peer.place} is no folder.", f"correct {peer.path}.")
            yield link
        finally:
            link.close()


class SftpLink:
    """One server, with one or more connections to it, and a folder there. Made by :func:`sftp_link`."""

    def __init__(self, runner: asyncio.Runner, endpoint: Endpoint, path: str, peer: Peer) -> None:
        self._runner, self._endpoint, self._peer = runner, endpoint, peer
        self._patience_s = endpoint.seconds("cmd_timeout", 120.0)
        self._links: list[asyncssh.SSHClientConnection] = []
        self._replies = 0
        self.root = path.encode("utf-8", "surrogateescape").rstrip(b"/") or (b"/" if path else b".")
        self.clients: list[asyncssh.SFTPClient] = []

    @property
    def id(self) -> str:
        return self._endpoint.id

    @property
    def client(self) -> asyncssh.SFTPClient:
        return self.clients[0]

    def path(self, path: str) -> bytes:
        """A path below the folder, as the server is given it."""
        return self.root + b"/" + path.encode("utf-8", "surrogateescape")

    def errors(self) -> AbstractContextManager[None]:
        """What goes wrong in the block, by what happens next."""
        return sftp_errors(self._endpoint.id, self._peer)

    def connect(self) -> None:
        """One connection more. Each waits for the one before: servers drop what comes all at once."""
        self.run(self._connect(connect_options(self._endpoint)))

    async def _connect(self, options: dict[str, Any]) -> None:
        for attempt in range(1, _CONNECTS + 1):
            try:
                link = await asyncssh.connect(**options)
            except (asyncssh.ConnectionLost, ConnectionResetError):
                if attempt == _CONNECTS:
                    raise
                await asyncio.sleep(attempt * SystemRandom().uniform(0.2, 1.0))
            else:
                self._links.append(link)
                self.clients.append(await link.start_sftp_client(path_encoding=None))
                return

    def abort(self) -> None:
        """Cut all connections."""
        for link in self._links:
            link.abort()

    def close(self) -> None:
        """Cut all connections, and see them end."""
        self.abort()
        with suppress(asyncssh.Error, OSError):
            self._runner.run(self._closed())

    async def _closed(self) -> None:
        for link in self._links:
            await link.wait_closed()

    def step(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` here and now; whoever waits in it does so with :meth:`first`."""
        return self._runner.run(work)

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Have ``work`` go on during the coming steps."""
        return self._runner.get_loop().create_task(work)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` here and now; TimeoutError when the server answers nothing for the time of ``cmd_timeout``."""
        return self._runner.run(self._watched(work))

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        try:
            await self.first({task})
            return task.result()
        finally:
            task.cancel()

    async def first(self, tasks: "set[asyncio.Task[T]]") -> "set[asyncio.Task[T]]":
        """Those that finished first. A server that sends keepalives but answers nothing is as dead as a silent one."""
        while True:
            seen = self._replies
            done, _ = await asyncio.wait(tasks, timeout=self._patience_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return done
            if self._replies == seen:
                raise TimeoutError

    async def heard(self, reply: Awaitable[T]) -> T:
        """A reply, counted: the server is alive."""
        result = await reply
        self.heard_one()
        return result

    def heard_one(self) -> None:
        """Count a reply that came by itself."""
        self._replies += 1

    async def make_folder(self, folder: bytes) -> None:
        """Create a folder below ours, and those above it; a symbolic link put in its place is not followed."""
        if folder == self.root:
            return
        await self.make_folder(folder.rpartition(b"/")[0])
        try:
            kind = look_at(await self.client.lstat(folder)).kind
        except GONE:
            await self.client.mkdir(folder)
            return
        if kind is not None:
            raise NeedsPerson(
                f"Connection {self.id}: a folder of {self._peer.place} that we write in is none.",
                f"ask {self._peer.whom} to remove what stands in its place.",
            )


async def cancelled(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    """End tasks, and see them end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def closed_quietly(file: Any) -> None:
    """Close a remote file that was only read: where that fails the connection is gone, and the next call says so."""
    with suppress(asyncssh.Error, OSError):
        await file.close()  # a second time it does nothing


# -- what the connection says, as asyncssh wants it --


def connect_options(endpoint: Endpoint) -> dict[str, Any]:
    """asyncssh's options. Nothing of the machine's own is read: no ssh_config, no agent, no known_hosts.

    Raises:
        NeedsPerson: something is missing in the connection.
        asyncssh.KeyImportError: a key cannot be read.
    """
    for key in ("host", "login"):
        if not getattr(endpoint, key):
            raise broken(endpoint.id, key, "is empty", "fill it in")
    keys = _private_keys(endpoint)
    if not keys and not endpoint.password:
        raise broken(endpoint.id, "password", "is empty, and there is no private_key nor key_file", "fill in one")
    return {
        "host": endpoint.host,
        "port": endpoint.port or 22,
        "username": endpoint.login,
        "password": endpoint.password or None,
        "client_keys": keys or None,
        "known_hosts": (_host_keys(endpoint), [], []),
        "config": None,
        "agent_path": None,
        "encryption_algs": list(_CIPHERS),
        "connect_timeout": endpoint.seconds("conn_timeout", 15.0),
        "login_timeout": endpoint.seconds("conn_timeout", 15.0) * 2,
        "keepalive_interval": endpoint.seconds("keepalive_interval", 15.0),
        "keepalive_count_max": 3,
    }


def _host_keys(endpoint: Endpoint) -> list[asyncssh.SSHKey]:
    lines = [line.strip() for line in endpoint.text("host_key").splitlines() if line.strip()]
    if not lines:
        raise broken(
            endpoint.id,
            "extra host_key",
            "is empty: the server could be anybody",
            "put the server's public key there (a line of `ssh-keyscan`, compared with its operator by telephone)",
        )
    return [asyncssh.import_public_key(_key_line(line)) for line in lines]


def _key_line(line: str) -> str:
    """``type base64``, out of that, of a line of known_hosts, or of the base64 alone, which begins with its type."""
    parts = line.split()
    for kind, text in pairwise(parts):
        if text.startswith("AAAA"):
            return f"{kind} {text}"
    try:
        blob = base64.b64decode(parts[0], validate=True)
    except ValueError:
        raise asyncssh.KeyImportError("no base64") from None
    return f"{blob[4 : 4 + int.from_bytes(blob[:4], 'big')].decode('ascii', 'replace')} {parts[0]}"


def _private_keys(endpoint: Endpoint) -> Sequence[asyncssh.SSHKey]:
    passphrase = endpoint.text("private_key_passphrase") or None
    if text := endpoint.text("private_key"):
        return [asyncssh.import_private_key(text.replace("\\n", "\n"), passphrase)]
    if file := endpoint.text("key_file"):
        try:
            return [asyncssh.read_private_key(file, passphrase)]
        except OSError:
            raise broken(endpoint.id, "extra key_file", "names no file that can be read", "correct it") from None
    return []
