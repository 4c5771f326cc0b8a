"""Shipping to an SFTP server with proof: written to a ``.part``, its size looked at, renamed, and read back whole.

An SFTP server checks nothing for us and keeps no sums, so every file is read back and hashed: also one that was there
already. Writes and reads are pipelined: many files at once, and many blocks of each. A rename never overwrites. A large
``.part`` that a cut left goes on as far as the server gives back the bytes of the file; nothing is believed of it.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, BinaryIO, TypeVar, cast

import asyncssh

from collecte.errors import NeedsPerson, Retry
from collecte.transport.connections import Endpoint
from collecte.transport.entries import RESUME_FROM
from collecte.transport.errors import HOST
from collecte.transport.items import (
    Destination,
    Differs,
    Item,
    Proof,
    Removed,
    Stored,
    altered,
    came_back_other,
    check_key,
    raise_differing,
    still_there,
)
from collecte.transport.sftp_link import GONE, Look, SftpLink, cancelled, closed_quietly, look_at, sftp_link

T = TypeVar("T")
R = TypeVar("R")

#: Files on their way at once on the one connection; far away their number decides, since each costs ten round trips.
_IN_FLIGHT = 16
#: Bytes of a file that are asked for, or sent, together: asyncssh cuts them into blocks that are all in flight at once.
_CHUNK = 4 * 1024 * 1024
_PART = b".part"


@contextmanager
def open_sftp_destination(endpoint: Endpoint, path: str) -> Iterator[Destination]:
    """Log in and open the folder ``path`` for writing. It must be there.

    Raises:
        NeedsPerson: no key is pinned, the server shows another, it refuses the login, the folder is not there.
        Retry: it cannot be reached.
    """
    with sftp_link(endpoint, path, HOST) as link:
        yield _SftpDestination(link)


class _SftpDestination:
    def __init__(self, link: SftpLink) -> None:
        self._link = link
        self._folders: set[bytes] = set()
        self._making = asyncio.Lock()

    def _at(self, key: str) -> bytes:
        check_key(key)
        return self._link.path(key)

    def probe(self) -> Proof:
        """No SFTP server checks a SHA-256 for us."""
        return "readback"

    # -- put --

    def put(self, items: Iterable[Item]) -> Iterator[Stored]:
        """See :class:`~collecte.transport.items.Destination`."""
        differing: list[Differs] = []
        for result in self._each(self._store, items):
            if isinstance(result, Differs):
                differing.append(result)
            else:
                yield result
        raise_differing(differing)

    def _each(self, work: Callable[[T], Coroutine[Any, Any, R]], queue: Iterable[T]) -> Iterator[R]:
        """``work`` for each, some at once; results as they come. After a failure nothing more is begun."""
        waiting, running = iter(queue), set[asyncio.Task[R]]()
        failure: BaseException | None = None
        try:
            while True:
                while failure is None and len(running) < _IN_FLIGHT and (one := next(waiting, None)) is not None:
                    running.add(self._link.start(work(one)))
                if not running:
                    break
                with self._link.errors():
                    done = self._link.step(self._link.first(running))
                running -= done
                for task in done:
                    if (error := task.exception()) is not None:
                        failure = failure or error
                    else:
                        yield task.result()
        except Retry:
            self._link.abort()  # whoever does not answer would not answer to `close` either
            raise
        finally:
            self._link.step(cancelled(running))
        if failure is not None:
            with self._link.errors():
                raise failure

    async def _store(self, item: Item) -> Stored | Differs:
        target = self._at(item.key)
        if await self._look(target) is None:
            await self._send(item, target)
            if await self._digest(target) != (item.sha256, item.size):
                return came_back_other(item.key)
        elif await self._digest(target) != (item.sha256, item.size):
            return Differs(item.key)
        return Stored(item, None, item.sha256, "readback")

    async def _send(self, item: Item, target: bytes) -> None:
        part = target + _PART
        try:
            await self._make_folder(target.rpartition(b"/")[0])
            await self._write(item, part)
            if (look := await self._look(part)) is None or look.size != item.size:
                raise came_back_other(item.key)
            await self._rename(part, target)
        except asyncssh.SFTPFailure:  # all that version 3 of the protocol can say of a full disk
            raise await self._refused(item) from None

    async def _write(self, item: Item, part: bytes) -> None:
        with item.source.open("rb") as source:
            hashed = hashlib.sha256()
            offset = await self._proved_prefix(item, part, source, hashed)
            if not offset:
                with suppress(*GONE):  # a killed attempt's, or a link that would lead our bytes elsewhere
                    await self._link.heard(self._link.client.remove(part))
            file = await self._link.heard(self._link.client.open(part, "r+b" if offset else "xb"))
            try:
                if offset:
                    await self._link.heard(file.truncate(offset))
                while data := await asyncio.to_thread(_read, source, hashed):
                    await self._link.heard(file.write(data, offset))
                    offset += len(data)
                with suppress(asyncssh.SFTPOpUnsupported):
                    await self._link.heard(file.fsync())
            finally:
                await closed_quietly(file)
        if (hashed.hexdigest(), offset) != (item.sha256, item.size):
            await self._link.heard(self._link.client.remove(part))
            raise altered(item)

    async def _proved_prefix(self, item: Item, part: bytes, source: BinaryIO, hashed: Any) -> int:
        """How many bytes of a ``.part`` are the file's own first ones, in whole chunks: they are read back.
        ``source`` and ``hashed`` stand behind them then.
        """
        look = await self._look(part) if item.size >= RESUME_FROM else None
        if look is None or look.kind != "file" or look.size < _CHUNK:
            return 0
        offset = 0
        file = await self._link.heard(self._link.client.open(part, "rb"))
        try:
            while offset + _CHUNK <= min(look.size, item.size):
                theirs = await self._link.heard(cast("Coroutine[Any, Any, bytes]", file.read(_CHUNK, offset)))
                ours = source.read(_CHUNK)
                if theirs != ours:
                    break
                hashed.update(ours)
                offset += _CHUNK
        finally:
            await closed_quietly(file)
        source.seek(offset)
        return offset

    async def _rename(self, part: bytes, target: bytes) -> None:
        """Give it its name, unless something stands there: then it is compared by whoever reads it back."""
        try:
            await self._link.heard(self._link.client.rename(part, target))
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists, *GONE):
            if await self._look(target) is None:
                raise
            with suppress(*GONE):
                await self._link.heard(self._link.client.remove(part))

    async def _refused(self, item: Item) -> NeedsPerson:
        """Why did it fail? A server that can tell its free space is asked."""
        free: int | None = None
        with suppress(asyncssh.SFTPError):
            space = await self._link.heard(self._link.client.statvfs(self._link.root))
            free = space.bavail * (space.frsize or space.bsize)
        if free is not None and free < item.size:
            return NeedsPerson(
                f"Connection {self._link.id}: the server has no space left ({free} bytes, for {item.size}).",
                "ask the host to make room, then clear the task: what is there already is not sent again.",
            )
        return NeedsPerson(
            f"Connection {self._link.id}: the server failed to write {item.key}, and does not say why.",
            "ask the host whether its disk or the account's quota is full, then clear the task.",
        )

    async def _make_folder(self, folder: bytes) -> None:
        async with self._making:
            if folder not in self._folders:
                await self._link.make_folder(folder)
                self._folders.add(folder)

    async def _look(self, remote: bytes) -> Look | None:
        try:
            return look_at(await self._link.heard(self._link.client.lstat(remote)))
        except GONE:
            return None

    async def _digest(self, remote: bytes) -> tuple[str, int] | None:
        """SHA-256 (hex) and size (bytes) of a regular file; None of anything else, and where nothing is."""
        look = await self._look(remote)
        if look is None or look.kind != "file":
            return None
        hashed, offset = hashlib.sha256(), 0
        file = await self._link.heard(self._link.client.open(remote, "rb"))
        try:
            while data := await self._link.heard(cast("Coroutine[Any, Any, bytes]", file.read(_CHUNK, offset))):
                await asyncio.to_thread(hashed.update, data)
                offset += len(data)
        finally:
            await closed_quietly(file)
        return hashed.hexdigest(), offset

    # -- remove --

    def remove(self, keys: Iterable[str]) -> Iterator[Removed]:
        """See :class:`~collecte.transport.items.Destination`. Folders that are empty then go too."""
        parents: set[bytes] = set()
        for key, removed in self._each(self._remove, keys):
            parents.add(self._at(key).rpartition(b"/")[0])
            yield removed
        with self._link.errors():
            for folder in sorted(parents, key=lambda folder: -len(folder)):
                self._link.run(self._remove_empty(folder))

    async def _remove(self, key: str) -> tuple[str, Removed]:
        target = self._at(key)
        there = await self._look(target) is not None
        for remote in (target, target + _PART):
            with suppress(*GONE):
                await self._link.heard(self._link.client.remove(remote))
        if await self._look(target) is not None:
            raise still_there(key)
        return key, Removed(key, int(there))

    async def _remove_empty(self, folder: bytes) -> None:
        self._folders.clear()
        while folder != self._link.root:
            try:
                await self._link.heard(self._link.client.rmdir(folder))
            except GONE:
                pass
            except (asyncssh.SFTPFailure, asyncssh.SFTPDirNotEmpty):
                return
            folder = folder.rpartition(b"/")[0]

    # -- look and clean --

    def abort_unfinished(self, older_than: timedelta | None = None, prefix: str = "") -> int:
        """See :class:`~collecte.transport.items.Destination`."""
        before_ns = (time.time() - older_than.total_seconds() if older_than else float("inf")) * 1e9
        found = [(path, look) for path, look in self._files(prefix.rpartition("/")[0]) if path.startswith(prefix)]
        old = [self._link.path(path) for path, look in found if _is_part(path) and look.mtime_ns < before_ns]
        with self._link.errors():
            for part in old:
                with suppress(*GONE):
                    self._link.run(self._link.client.remove(part))
        return len(old)

    def sweep_probes(self, older_than: timedelta) -> int:
        """See :class:`~collecte.transport.items.Destination`: a probe writes nothing here."""
        return 0

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See :class:`~collecte.transport.items.Destination`."""
        found = self._files(prefix.rpartition("/")[0])
        yield from sorted(path for path, _ in found if path.startswith(prefix) and not _is_part(path))

    def _files(self, below: str = "") -> Iterator[tuple[str, Look]]:
        """All but folders, with their paths, below a folder of ours."""
        with self._link.errors():
            found = self._link.run(self._list(below))
        for path, look in found:
            if look.kind is None:
                yield from self._files(path)
            else:
                yield path, look

    async def _list(self, folder: str) -> list[tuple[str, Look]]:
        remote = self._link.path(folder) if folder else self._link.root
        found = []
        with suppress(*GONE):
            async for name in self._link.client.scandir(remote):
                self._link.heard_one()
                raw = name.filename if isinstance(name.filename, bytes) else name.filename.encode()
                if raw not in (b".", b".."):
                    path = (f"{folder}/" if folder else "") + raw.decode("utf-8", "surrogateescape")
                    found.append((path, look_at(name.attrs)))
        return found

    def read(self, key: str) -> bytes:
        """See :class:`~collecte.transport.items.Destination`."""
        with self._link.errors():
            data = self._link.run(self._read(self._at(key)))
        if data is None:
            raise self._absent(key)
        return data

    async def _read(self, remote: bytes) -> bytes | None:
        look = await self._look(remote)
        if look is None or look.kind != "file":
            return None
        async with await self._link.heard(self._link.client.open(remote, "rb")) as file:
            data: bytes = await self._link.heard(cast("Coroutine[Any, Any, bytes]", file.read()))
        return data

    def digest(self, key: str) -> tuple[str, int]:
        """See :class:`~collecte.transport.items.Destination`."""
        with self._link.errors():
            found = self._link.run(self._digest(self._at(key)))
        if found is None:
            raise self._absent(key)
        return found

    def _absent(self, key: str) -> NeedsPerson:
        return NeedsPerson(
            f"Connection {self._link.id}: there is no object {key}.",
            "ship again; if it was there, ask who removed it.",
        )


def _read(source: BinaryIO, hashed: Any) -> bytes:
    data = source.read(_CHUNK)
    hashed.update(data)
    return data


def _is_part(path: str) -> bool:
    return path.encode("utf-8", "surrogateescape").endswith(_PART)
