"""A small SFTP server that is as careless as some are: it alters bytes, drops the connection, is full."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from collecte.transport import Endpoint

_ROOM = 1 << 40


@dataclass
class CarelessSftp:
    """Its folder, and its habits, which a test may change while it runs.

    ``flips_a_bit``: of the first byte of each file; ``drops_after``: bytes written, once, after which the connection is
    cut; ``room``: bytes that still fit; ``tells_room``: whether it can say so.
    """

    root: Path
    flips_a_bit: bool = False
    drops_after: int | None = None
    room: int = _ROOM
    tells_room: bool = True
    keeps_what_is_removed: bool = False
    written: int = 0
    endpoint: Endpoint = field(default_factory=lambda: Endpoint("careless_sftp", "sftp"))


class _Sftp(asyncssh.SFTPServer):
    def __init__(self, chan: Any, careless: CarelessSftp) -> None:
        self._careless, self._chan = careless, chan
        super().__init__(chan, chroot=os.fsencode(careless.root))

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        careless = self._careless
        if careless.drops_after is not None and careless.written + len(data) > careless.drops_after:
            careless.drops_after = None
            self._chan.get_connection().abort()
            raise ConnectionResetError
        if len(data) > careless.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        careless.room -= len(data)
        careless.written += len(data)
        if careless.flips_a_bit and offset == 0:
            data = bytes([data[0] ^ 1]) + data[1:]
        return super().write(file_obj, offset, data)

    def statvfs(self, path: bytes) -> Any:
        if not self._careless.tells_room:
            raise asyncssh.SFTPOpUnsupported("unknown")
        return asyncssh.SFTPVFSAttrs(bsize=1, frsize=1, bavail=self._careless.room)

    def remove(self, path: bytes) -> Any:
        return None if self._careless.keeps_what_is_removed else super().remove(path)


@contextmanager
def careless_sftp(root: Path, **habits: Any) -> Iterator[CarelessSftp]:
    """One running on a free port of this machine, in a thread of its own."""
    root.mkdir(exist_ok=True)
    careless = CarelessSftp(root, **habits)
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_AnyPassword,
            server_host_keys=[key],
            sftp_factory=lambda chan: _Sftp(chan, careless),
            allow_scp=False,
        )

    async def end(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
    public = key.export_public_key().decode()
    careless.endpoint = Endpoint(
        "careless_sftp",
        "sftp",
        "127.0.0.1",
        server.get_port(),
        "host",
        "password",
        extra={"host_key": public, "keepalive_interval": 1},
    )
    try:
        yield careless
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _AnyPassword(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True
