"""A drop behind SFTP, read by asyncssh with a loop of our own: many files and many blocks in flight on one connection.

Why so: a file costs four to five round trips, so far away the number of files in flight decides, not the cipher; and no
library notices that a file shrank, grew or was overwritten while it was read. Here each file is looked at before it is
opened, on its handle, and again after the last block.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, BinaryIO, cast

import asyncssh

from collecte.errors import NeedsPerson, Retry
from collecte.transport.connections import Endpoint
from collecte.transport.entries import (
    TRIES,
    Entry,
    Fetched,
    Source,
    Want,
    came_back_changed,
    leads_out,
    sha256_of_stream,
    sort_key,
)
from collecte.transport.errors import DROP
from collecte.transport.parts import PartFile, sync_folders
from collecte.transport.sftp_link import GONE, Look, SftpLink, cancelled, closed_quietly, look_at, sftp_link

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


@contextmanager
def open_sftp(endpoint: Endpoint, path: str, connections: int) -> Iterator[Source]:
    """Log in and open the folder ``path``.

    Raises:
        NeedsPerson: no key is pinned, the server shows another, it refuses the login, the folder is not there.
        Retry: it cannot be reached.
    """
    with sftp_link(endpoint, path, DROP) as link:
        yield _SftpSource(link, connections)


class _Short(Exception):
    """The file ended before the size that it had when it was opened."""


class _SftpSource:
    def __init__(self, link: SftpLink, connections: int) -> None:
        self._link, self._connections = link, connections
        self._turn = 0
        self._reads = asyncio.Semaphore(_READS)

    @property
    def _client(self) -> asyncssh.SFTPClient:
        return self._link.client

    def _path(self, path: str) -> bytes:
        if leads_out(path):
            raise NeedsPerson(f"Connection {self._link.id}: a path leads out of the drop.", "report it to us.")
        return self._link.path(path)

    # -- list, read, write --

    def entries(self) -> Iterator[Entry]:
        """See :class:`~collecte.transport.entries.Source`."""
        yield from self._below("", 0)

    def _below(self, folder: str, depth: int) -> Iterator[Entry]:
        with self._link.errors():
            found = self._link.run(self._list(folder))
        for path, look in found:
            if look.kind is not None or leads_out(path) or depth == _DEPTH:
                kind = "special" if look.kind is None or leads_out(path) else look.kind
                yield Entry(path, look.size, look.mtime_ns, kind)
            else:
                yield from self._below(path, depth + 1)

    async def _list(self, folder: str) -> list[tuple[str, Look]]:
        remote = self._path(folder) if folder else self._link.root
        found = []
        try:
            async for name in self._client.scandir(remote):
                self._link.heard_one()
                raw = name.filename if isinstance(name.filename, bytes) else name.filename.encode()
                if raw in (b".", b".."):
                    continue
                path = (f"{folder}/" if folder else "") + raw.decode("utf-8", "surrogateescape")
                look = look_at(name.attrs)
                if name.attrs.permissions is None and not leads_out(path):
                    look = look_at(await self._client.lstat(self._path(path)))
                found.append((path, look))
        except GONE:
            if not folder:
                raise
            return []  # removed since its parent was listed
        return sorted(found, key=lambda item: sort_key(item[0] + ("/" if item[1].kind is None else "")))

    def read_small(self, path: str, limit_bytes: int) -> bytes:
        """See :class:`~collecte.transport.entries.Source`."""
        with self._link.errors():
            data = self._link.run(self._read_small(self._path(path), limit_bytes))
        if data is None:
            raise Retry(f"Connection {self._link.id}: a file was removed or changed while it was read.")
        return data

    async def _read_small(self, remote: bytes, limit_bytes: int) -> bytes | None:
        try:
            look = look_at(await self._client.lstat(remote))
            if look.kind != "file" or look.size > limit_bytes:
                raise NeedsPerson(
                    f"Connection {self._link.id}: a file to be read whole is none, or over {limit_bytes} bytes.",
                    "ask the centre to replace it.",
                )
            async with await self._client.open(remote, "rb") as file:
                data: bytes = await self._link.heard(cast("Awaitable[bytes]", file.read(look.size + 1, 0)))
        except GONE:
            return None
        return data if len(data) == look.size else None

    def write(self, path: str, content: BinaryIO) -> None:
        """See :class:`~collecte.transport.entries.Source`."""
        remote, sha256 = self._path(path), sha256_of_stream(content)
        with self._link.errors():
            self._link.run(self._write(remote, content))
            if self._link.run(self._digest(remote)) != sha256:
                raise came_back_changed(self._link.id)

    async def _write(self, remote: bytes, content: BinaryIO) -> None:
        part = remote + b".part"
        await self._link.make_folder(remote.rpartition(b"/")[0])
        with suppress(*GONE):  # a killed attempt's, or a link that would lead our bytes elsewhere
            await self._link.heard(self._client.remove(part))
        async with await self._link.heard(self._client.open(part, "xb")) as file:
            while data := content.read(_CHUNK):
                await self._link.heard(cast("Awaitable[int]", file.write(data)))
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()
        if look_at(await self._link.heard(self._client.lstat(part))).size != content.tell():
            raise came_back_changed(self._link.id)
        try:
            await self._client.posix_rename(part, remote)
        except asyncssh.SFTPOpUnsupported:
            with suppress(*GONE):
                await self._client.remove(remote)
            await self._client.rename(part, remote)

    async def _digest(self, remote: bytes) -> str:
        hashed = hashlib.sha256()
        async with await self._link.heard(self._client.open(remote, "rb")) as file:
            while data := await self._link.heard(cast("Awaitable[bytes]", file.read(_CHUNK))):
                hashed.update(data)
        return hashed.hexdigest()

    def remove(self, entry: Entry) -> bool:
        """See :class:`~collecte.transport.entries.Source`."""
        remote = self._path(entry.path)
        with self._link.errors(), suppress(*GONE):
            look = look_at(self._link.run(self._client.lstat(remote)))
            if (look.size, look.mtime_ns) == (entry.size, entry.mtime_ns):
                self._link.run(self._client.remove(remote))
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
        with self._link.errors():
            while len(self._link.clients) < self._connections:
                self._link.connect()
        try:
            while True:
                flight.stock_up()
                with self._link.errors():
                    results = self._link.step(self._advance(flight))
                    sync_folders(result.want.target for result in results if result and result.outcome == "ok")
                for result in results:
                    if result is None:
                        denied += 1
                    else:
                        yield result
                if flight.failure is not None:
                    with self._link.errors():
                        raise flight.failure
                if not results:
                    break
        finally:
            if isinstance(flight.failure, TimeoutError):  # whoever does not answer would not answer to `close` either
                self._link.abort()
            self._link.step(cancelled(flight.tasks))
        if denied:
            raise NeedsPerson(
                f"Connection {self._link.id}: {denied} files of the drop may not be read by our account.",
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
                done = await self._link.first(flight.tasks)
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
        client = self._link.clients[self._turn % len(self._link.clients)]
        try:
            for _ in range(TRIES):
                result = await self._copy(client, want)
                if result is not None:
                    return result
        except GONE:
            return Fetched(want, "vanished")
        except asyncssh.SFTPPermissionDenied:
            return None
        return Fetched(want, "changed")

    async def _copy(self, client: asyncssh.SFTPClient, want: Want) -> Fetched | None:
        """One attempt; None where the file changed meanwhile. Looked at first: to open a pipe would wait for ever."""
        remote = self._path(want.entry.path)
        before = look_at(await self._link.heard(client.lstat(remote)))
        if before.kind != "file":
            return Fetched(want, "refused")
        file = await self._link.heard(client.open(remote, "rb", block_size=0))
        part = None
        try:
            part = await asyncio.to_thread(PartFile, want, f"{before.size} {before.mtime_ns}", before.size)
            opened, whole = await self._read(client, file, part, before.size)
            _, after = await asyncio.gather(closed_quietly(file), self._link.heard(client.lstat(remote)))
            if whole and before == look_at(opened) == look_at(after):
                return Fetched(want, "ok", before.size, await asyncio.to_thread(part.finish))
            part.discard()
            return Fetched(want, "refused") if look_at(after).kind != "file" else None
        finally:
            if part is not None:
                part.keep()
            await closed_quietly(file)

    async def _read(
        self, client: asyncssh.SFTPClient, file: Any, part: PartFile, size: int
    ) -> tuple[asyncssh.SFTPAttrs, bool]:
        """The handle's attributes, and whether all of it came. Asked for together, to save a round trip."""
        blocks = asyncio.create_task(self._blocks(client, file, part, size))
        try:
            return await self._link.heard(file.stat()), await blocks
        finally:
            await cancelled([blocks])

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
            await cancelled(set(waiting))
        return True

    async def _block(self, file: Any, length: int, offset: int) -> bytes:
        """``length`` bytes: a server may answer fewer than it was asked for; only an empty answer is the end."""
        async with self._reads:
            data: bytes = await self._link.heard(file.read(length, offset))
            while len(data) < length:
                more = await self._link.heard(file.read(length - len(data), offset + len(data)))
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
