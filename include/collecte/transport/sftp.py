"""A drop behind SFTP, read by asyncssh with a loop of our own: many files and many blocks in flight on one connection.

Why so: a file costs four to five round trips, so far away the number of files in flight decides, not the cipher; and no
library notices that a file shrank, grew or was overwritten while it was read. Here each file is looked at before it is
opened, on its handle, and again after the last block.
"""

import asyncio
import base64
import hashlib
import logging
import stat
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from random import SystemRandom
from typing import Any, BinaryIO, TypeVar, cast

import asyncssh

from collecte.errors import NeedsPerson, Retry
from collecte.transport.connections import Endpoint, broken
from collecte.transport.entries import (
    TRIES,
    Entry,
    Fetched,
    Kind,
    Source,
    Want,
    came_back_changed,
    leads_out,
    sha256_of_stream,
    sort_key,
)
from collecte.transport.errors import sftp_errors
from collecte.transport.parts import PartFile, sync_folders

T = TypeVar("T")

#: Bytes of one read: what OpenSSH's server answers at most (its limits@openssh.com).
_BLOCK = 261_120
#: Bytes that every server must answer (draft-ietf-secsh-filexfer-02, section 3), for those that tell no limit.
_BLOCK_ANY = 32_768
#: Bytes of a file of ours that are on their way at once.
_CHUNK = 1024 * 1024
#: Reads in flight of one file, and of all files of a connection.
_READS_FILE, _READS = 16, 64
#: Weights: 16 files in flight, or 64 small ones.
_IN_FLIGHT, _HEAVY, _SMALL = 64, 4, 65_536
#: Files whose names become durable together, and the seconds after which they do anyway.
_BATCH, _BATCH_S = 256, 5.0
#: Folders in folders; deeper ones are reported as special.
_DEPTH = 128
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

_GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

log = logging.getLogger(__name__)


@contextmanager
def open_sftp(endpoint: Endpoint, path: str, connections: int) -> Iterator[Source]:
    """Log in and open the folder ``path``.

    Raises:
        NeedsPerson: no key is pinned, the server shows another, it refuses the login, the folder is not there.
        Retry: it cannot be reached.
    """
    with asyncio.Runner() as runner:
        source = _SftpSource(runner, endpoint, path, connections)
        try:
            source.connect()
            yield source
        finally:
            source.close()


@dataclass(frozen=True)
class _Look:
    """What can be seen of a remote file: whether it is the same as before shows in these."""

    kind: Kind | None  # None: a folder
    size: int
    mtime_ns: int


class _Short(Exception):
    """The file ended before the size that it had when it was opened."""


class _SftpSource:
    def __init__(self, runner: asyncio.Runner, endpoint: Endpoint, path: str, connections: int) -> None:
        self._runner, self._endpoint, self._connections = runner, endpoint, connections
        self._root = path.encode("utf-8", "surrogateescape").rstrip(b"/") or (b"/" if path else b".")
        self._patience_s = endpoint.seconds("cmd_timeout", 120.0)
        self._links: list[asyncssh.SSHClientConnection] = []
        self._clients: list[asyncssh.SFTPClient] = []
        self._replies = 0
        self._turn = 0
        self._reads = asyncio.Semaphore(_READS)

    # -- connection --

    def connect(self) -> None:
        with sftp_errors(self._endpoint.id):
            options = connect_options(self._endpoint)
            self._run(self._connect(options))
            look = self._run(self._stat_root())
        if look.kind is not None:
            raise NeedsPerson(f"Connection {self._endpoint.id}: the drop is no folder.", "correct drop.path.")

    async def _connect(self, options: dict[str, Any]) -> None:
        """One connection more. Each waits for the one before: servers drop what comes all at once."""
        for attempt in range(1, _CONNECTS + 1):
            try:
                link = await asyncssh.connect(**options)
            except (asyncssh.ConnectionLost, ConnectionResetError):
                if attempt == _CONNECTS:
                    raise
                await asyncio.sleep(attempt * SystemRandom().uniform(0.2, 1.0))
            else:
                self._links.append(link)
                self._clients.append(await link.start_sftp_client(path_encoding=None))
                return

    async def _stat_root(self) -> _Look:
        return _look(await self._client.stat(self._root))

    def _abort(self) -> None:
        for link in self._links:
            link.abort()

    def close(self) -> None:
        self._abort()
        with suppress(asyncssh.Error, OSError):
            self._runner.run(self._closed())

    async def _closed(self) -> None:
        for link in self._links:
            await link.wait_closed()

    @property
    def _client(self) -> asyncssh.SFTPClient:
        return self._clients[0]

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` here and now; TimeoutError when the server answers nothing for the time of ``cmd_timeout``."""
        return self._runner.run(self._watched(work))

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        try:
            await self._first({task})
            return task.result()
        finally:
            task.cancel()

    async def _first(self, tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
        """Those that finished first. A server that sends keepalives but answers nothing is as dead as a silent one."""
        while True:
            seen = self._replies
            done, _ = await asyncio.wait(tasks, timeout=self._patience_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return done
            if self._replies == seen:
                raise TimeoutError

    async def _heard(self, reply: Awaitable[T]) -> T:
        result = await reply
        self._replies += 1
        return result

    def _path(self, path: str) -> bytes:
        if leads_out(path):
            raise NeedsPerson(f"Connection {self._endpoint.id}: a path leads out of the drop.", "report it to us.")
        return self._root + b"/" + path.encode("utf-8", "surrogateescape")

    # -- list, read, write --

    def entries(self) -> Iterator[Entry]:
        """See :class:`~collecte.transport.entries.Source`."""
        yield from self._below("", 0)

    def _below(self, folder: str, depth: int) -> Iterator[Entry]:
        with sftp_errors(self._endpoint.id):
            found = self._run(self._list(folder))
        for path, look in found:
            if look.kind is not None or leads_out(path) or depth == _DEPTH:
                kind = "special" if look.kind is None or leads_out(path) else look.kind
                yield Entry(path, look.size, look.mtime_ns, kind)
            else:
                yield from self._below(path, depth + 1)

    async def _list(self, folder: str) -> list[tuple[str, _Look]]:
        remote = self._path(folder) if folder else self._root
        found = []
        try:
            async for name in self._client.scandir(remote):
                self._replies += 1
                raw = name.filename if isinstance(name.filename, bytes) else name.filename.encode()
                if raw in (b".", b".."):
                    continue
                path = (f"{folder}/" if folder else "") + raw.decode("utf-8", "surrogateescape")
                look = _look(name.attrs)
                if name.attrs.permissions is None and not leads_out(path):
                    look = _look(await self._client.lstat(self._path(path)))
                found.append((path, look))
        except _GONE:
            if not folder:
                raise
            return []  # removed since its parent was listed
        return sorted(found, key=lambda item: sort_key(item[0] + ("/" if item[1].kind is None else "")))

    def read_small(self, path: str, limit_bytes: int) -> bytes:
        """See :class:`~collecte.transport.entries.Source`."""
        with sftp_errors(self._endpoint.id):
            data = self._run(self._read_small(self._path(path), limit_bytes))
        if data is None:
            raise Retry(f"Connection {self._endpoint.id}: a file was removed or changed while it was read.")
        return data

    async def _read_small(self, remote: bytes, limit_bytes: int) -> bytes | None:
        try:
            look = _look(await self._client.lstat(remote))
            if look.kind != "file" or look.size > limit_bytes:
                raise NeedsPerson(
                    f"Connection {self._endpoint.id}: a file to be read whole is none, or over {limit_bytes} bytes.",
                    "ask the centre to replace it.",
                )
            async with await self._client.open(remote, "rb") as file:
                data: bytes = await self._heard(cast("Awaitable[bytes]", file.read(look.size + 1, 0)))
        except _GONE:
            return None
        return data if len(data) == look.size else None

    def write(self, path: str, content: BinaryIO) -> None:
        """See :class:`~collecte.transport.entries.Source`."""
        remote, sha256 = self._path(path), sha256_of_stream(content)
        with sftp_errors(self._endpoint.id):
            self._run(self._write(remote, content))
            if self._run(self._digest(remote)) != sha256:
                raise came_back_changed(self._endpoint.id)

    async def _write(self, remote: bytes, content: BinaryIO) -> None:
        part = remote + b".part"
        await self._make_folder(remote.rpartition(b"/")[0])
        with suppress(*_GONE):  # a killed attempt's, or a link that would lead our bytes elsewhere
            await self._heard(self._client.remove(part))
        async with await self._heard(self._client.open(part, "xb")) as file:
            while data := content.read(_CHUNK):
                await self._heard(cast("Awaitable[int]", file.write(data)))
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()
        if _look(await self._heard(self._client.lstat(part))).size != content.tell():
            raise came_back_changed(self._endpoint.id)
        try:
            await self._client.posix_rename(part, remote)
        except asyncssh.SFTPOpUnsupported:
            with suppress(*_GONE):
                await self._client.remove(remote)
            await self._client.rename(part, remote)

    async def _digest(self, remote: bytes) -> str:
        hashed = hashlib.sha256()
        async with await self._heard(self._client.open(remote, "rb")) as file:
            while data := await self._heard(cast("Awaitable[bytes]", file.read(_CHUNK))):
                hashed.update(data)
        return hashed.hexdigest()

    async def _make_folder(self, folder: bytes) -> None:
        """Create it, and those above it; a symbolic link put in its place by the centre is not followed."""
        if folder == self._root:
            return
        await self._make_folder(folder.rpartition(b"/")[0])
        try:
            kind = _look(await self._client.lstat(folder)).kind
        except _GONE:
            await self._client.mkdir(folder)
            return
        if kind is not None:
            raise NeedsPerson(
                f"Connection {self._endpoint.id}: a folder of the drop that we write in is none.",
                "ask the centre to remove what stands in its place.",
            )

    def remove(self, entry: Entry) -> bool:
        """See :class:`~collecte.transport.entries.Source`."""
        remote = self._path(entry.path)
        with sftp_errors(self._endpoint.id), suppress(*_GONE):
            look = _look(self._run(self._client.lstat(remote)))
            if (look.size, look.mtime_ns) == (entry.size, entry.mtime_ns):
                self._run(self._client.remove(remote))
                return True
        return False

    def clock_offset(self) -> float | None:
        """SFTP has no way to ask for the time."""
        return None

    # -- fetch --

    def fetch(self, wants: Iterable[Want]) -> Iterator[Fetched]:
        """See :class:`~collecte.transport.entries.Source`."""
        flight = _Flight(iter(wants))
        denied = 0
        with sftp_errors(self._endpoint.id):
            while len(self._links) < self._connections:
                self._run(self._connect(connect_options(self._endpoint)))
        try:
            while True:
                flight.stock_up()
                with sftp_errors(self._endpoint.id):
                    results = self._runner.run(self._advance(flight))
                    sync_folders(result.want.target for result in results if result and result.outcome == "ok")
                for result in results:
                    if result is None:
                        denied += 1
                    else:
                        yield result
                if flight.failure is not None:
                    with sftp_errors(self._endpoint.id):
                        raise flight.failure
                if not results:
                    break
        finally:
            if isinstance(flight.failure, TimeoutError):  # whoever does not answer would not answer to `close` either
                self._abort()
            self._runner.run(_cancelled(flight.tasks))
        if denied:
            raise NeedsPerson(
                f"Connection {self._endpoint.id}: {denied} files of the drop may not be read by our account.",
                "ask the centre to give the account the right to read them; the others were received.",
            )

    async def _advance(self, flight: "_Flight") -> list[Fetched | None]:
        """Go on until a batch of files is done, or some are and time has passed; None for each that may not be read."""
        results: list[Fetched | None] = []
        end = asyncio.get_running_loop().time() + _BATCH_S
        while len(results) < _BATCH and flight.failure is None:
            for want in flight.take():
                flight.add(asyncio.create_task(self._take(want)), want)
            if not flight.tasks or (results and asyncio.get_running_loop().time() > end):
                break
            try:
                done = await self._first(flight.tasks)
            except TimeoutError as error:
                flight.failure = error
                break
            for task in done:
                flight.land(task, results)
        return results

    async def _take(self, want: Want) -> Fetched | None:
        if want.entry.kind != "file":
            return Fetched(want, "refused")
        self._turn += 1
        client = self._clients[self._turn % len(self._clients)]
        try:
            for _ in range(TRIES):
                result = await self._copy(client, want)
                if result is not None:
                    return result
        except _GONE:
            return Fetched(want, "vanished")
        except asyncssh.SFTPPermissionDenied:
            return None
        return Fetched(want, "changed")

    async def _copy(self, client: asyncssh.SFTPClient, want: Want) -> Fetched | None:
        """One attempt; None where the file changed meanwhile. Looked at first: to open a pipe would wait for ever."""
        remote = self._path(want.entry.path)
        before = _look(await self._heard(client.lstat(remote)))
        if before.kind != "file":
            return Fetched(want, "refused")
        file = await self._heard(client.open(remote, "rb", block_size=0))
        part = None
        try:
            part = await asyncio.to_thread(PartFile, want, f"{before.size} {before.mtime_ns}", before.size)
            opened, whole = await self._read(client, file, part, before.size)
            _, after = await asyncio.gather(_closed_quietly(file), self._heard(client.lstat(remote)))
            if whole and before == _look(opened) == _look(after):
                return Fetched(want, "ok", before.size, await asyncio.to_thread(part.finish))
            part.discard()
            return Fetched(want, "refused") if _look(after).kind != "file" else None
        finally:
            if part is not None:
                part.keep()
            await _closed_quietly(file)

    async def _read(
        self, client: asyncssh.SFTPClient, file: Any, part: PartFile, size: int
    ) -> tuple[asyncssh.SFTPAttrs, bool]:
        """The handle's attributes, and whether all of it came. Asked for together, to save a round trip."""
        blocks = asyncio.create_task(self._blocks(client, file, part, size))
        try:
            return await self._heard(file.stat()), await blocks
        finally:
            await _cancelled([blocks])

    async def _blocks(self, client: asyncssh.SFTPClient, file: Any, part: PartFile, size: int) -> bool:
        """Read to ``size``, several blocks in flight, written in order. False where the file ended before."""
        length = min(_BLOCK, max(client.limits.max_read_len, _BLOCK_ANY))
        waiting: deque[asyncio.Task[bytes]] = deque()
        offset = part.offset
        try:
            while offset < size or waiting:
                while offset < size and len(waiting) < _READS_FILE:
                    step = min(length, size - offset)
                    waiting.append(asyncio.create_task(self._block(file, step, offset)))
                    offset += step
                part.write(await waiting.popleft())
                if part.checkpoint_due:
                    await asyncio.to_thread(part.checkpoint)
        except _Short:
            return False
        finally:
            await _cancelled(set(waiting))
        return True

    async def _block(self, file: Any, length: int, offset: int) -> bytes:
        """``length`` bytes: a server may answer fewer than it was asked for; only an empty answer is the end."""
        async with self._reads:
            data: bytes = await self._heard(file.read(length, offset))
            while len(data) < length:
                more = await self._heard(file.read(length - len(data), offset + len(data)))
                if not more:
                    raise _Short
                data += more
            return data


class _Flight:
    """The wants that are under way, weighed: as many as fit, from wants that may be made one by one."""

    def __init__(self, wants: Iterator[Want]) -> None:
        self._wants = wants
        self._stock: deque[Want] = deque()
        self._weights: dict[asyncio.Task[Fetched | None], int] = {}
        self.failure: BaseException | None = None

    @property
    def tasks(self) -> set[asyncio.Task[Fetched | None]]:
        return set(self._weights)

    def stock_up(self) -> None:
        """Take more wants than one batch can use up. Outside the event loop, since they may come from ``entries()``."""
        self._stock.extend(islice(self._wants, 2 * _BATCH + _IN_FLIGHT - len(self._stock)))

    def take(self) -> Iterator[Want]:
        while self._stock and sum(self._weights.values()) < _IN_FLIGHT:
            yield self._stock.popleft()

    def add(self, task: asyncio.Task[Fetched | None], want: Want) -> None:
        self._weights[task] = 1 if want.entry.size <= _SMALL else _HEAVY

    def land(self, task: asyncio.Task[Fetched | None], results: list[Fetched | None]) -> None:
        del self._weights[task]
        if (error := task.exception()) is not None:
            self.failure = self.failure or error
        else:
            results.append(task.result())


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def _closed_quietly(file: Any) -> None:
    """Close a remote file that was only read: where that fails the connection is gone, and the next call says so."""
    with suppress(asyncssh.Error, OSError):
        await file.close()  # a second time it does nothing


def _look(attrs: asyncssh.SFTPAttrs) -> _Look:
    mode = stat.S_IFMT(attrs.permissions or stat.S_IFREG)
    kinds: dict[int, Kind | None] = {stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFDIR: None}
    mtime_ns = (attrs.mtime or 0) * 1_000_000_000 + (attrs.mtime_ns or 0)
    return _Look(kinds.get(mode, "special"), attrs.size or 0, mtime_ns)


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
            "put the server's public key there (a line of `ssh-keyscan`, compared with the centre by telephone)",
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
