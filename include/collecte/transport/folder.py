"""A drop in a folder of this machine (or mounted there). No symbolic link is followed, on no level below the folder."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from collecte.errors import NeedsPerson, Retry
from collecte.transport.connections import Endpoint
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
from collecte.transport.errors import disk_errors
from collecte.transport.parts import PartFile, sync_folders

_READ = 1024 * 1024
_BATCH = 256
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_folder(endpoint: Endpoint, path: str) -> Iterator[Source]:
    """Open the folder ``path``.

    Raises:
        NeedsPerson: it is not there.
    """
    root = Path(path)
    if not root.is_dir():
        raise NeedsPerson(f"Connection {endpoint.id}: the drop is no folder.", "correct drop.path, or mount the disk.")
    yield _FolderSource(endpoint.id, root)


class _FolderSource:
    def __init__(self, conn_id: str, root: Path) -> None:
        self._id, self._root = conn_id, root

    def entries(self) -> Iterator[Entry]:
        """See :class:`~collecte.transport.entries.Source`."""
        yield from self._below("")

    def _below(self, folder: str) -> Iterator[Entry]:
        with disk_errors(self._id):
            found = self._list(folder)
        for path, look in found:
            if (kind := _kind(look)) is None:
                yield from self._below(path)
            else:
                yield Entry(path, look.st_size, look.st_mtime_ns, kind)

    def _list(self, folder: str) -> list[tuple[str, os.stat_result]]:
        found = []
        try:
            with os.scandir(self._root / folder) as names:
                for name in names:
                    path = f"{folder}/{name.name}" if folder else name.name
                    found.append((path, name.stat(follow_symlinks=False)))
        except FileNotFoundError:
            if not folder:
                raise
            return []  # removed since its parent was listed
        return sorted(found, key=lambda item: sort_key(item[0] + ("/" if _kind(item[1]) is None else "")))

    def _folder(self, path: str, *, create: bool = False) -> tuple[int, str]:
        """A descriptor of the folder that holds ``path``, reached folder by folder without links, and the last name.

        Raises:
            OSError: ELOOP or ENOTDIR where a part is no folder.
        """
        if leads_out(path):
            raise NeedsPerson(f"Connection {self._id}: a path leads out of the drop.", "report it to us.")
        *folders, name = path.split("/")
        here = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for folder in folders:
            try:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(folder, 0o750, dir_fd=here)
                inside = os.open(folder, _READ_ONLY | os.O_DIRECTORY, dir_fd=here)
            finally:
                os.close(here)
            here = inside
        return here, name

    def _open(self, path: str) -> int | None:
        """A descriptor of the regular file ``path``; None where it, or a folder above it, is no such thing."""
        try:
            here, name = self._folder(path)
            try:
                if not stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    return None
                fd = os.open(name, _READ_ONLY | os.O_NONBLOCK, dir_fd=here)  # a pipe put there just now does not block
            finally:
                os.close(here)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                return None
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return None
        return fd

    def read_small(self, path: str, limit_bytes: int) -> bytes:
        """See :class:`~collecte.transport.entries.Source`."""
        with disk_errors(self._id):
            try:
                fd = self._open(path)
            except FileNotFoundError:
                raise Retry(f"Connection {self._id}: a file was removed while it was read.") from None
            if fd is not None:
                with open(fd, "rb") as file:  # noqa: PTH123 a descriptor
                    data = file.read(limit_bytes + 1)
                if len(data) <= limit_bytes:
                    return data
        raise NeedsPerson(
            f"Connection {self._id}: a file to be read whole is no regular file of at most {limit_bytes} bytes.",
            "ask the centre to replace it.",
        )

    def write(self, path: str, content: BinaryIO) -> None:
        """See :class:`~collecte.transport.entries.Source`."""
        sha256 = sha256_of_stream(content)
        with disk_errors(self._id):
            here, name = self._folder(path, create=True)
            try:
                part = f"{name}.part"
                with suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=here)
                fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=here)
                with open(fd, "wb") as file:  # noqa: PTH123 a descriptor
                    shutil.copyfileobj(content, file, _READ)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, name, src_dir_fd=here, dst_dir_fd=here)
                os.fsync(here)
            finally:
                os.close(here)
            fd_back = self._open(path)
            if fd_back is None:
                raise came_back_changed(self._id)
            with open(fd_back, "rb") as file:  # noqa: PTH123 a descriptor
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise came_back_changed(self._id)

    def remove(self, entry: Entry) -> bool:
        """See :class:`~collecte.transport.entries.Source`."""
        with disk_errors(self._id), suppress(FileNotFoundError):
            here, name = self._folder(entry.path)
            try:
                look = os.stat(name, dir_fd=here, follow_symlinks=False)
                if (look.st_size, look.st_mtime_ns) == (entry.size, entry.mtime_ns):
                    os.unlink(name, dir_fd=here)
                    return True
            finally:
                os.close(here)
        return False

    def clock_offset(self) -> float | None:
        """It is our own clock."""
        return 0.0

    def fetch(self, wants: Iterable[Want]) -> Iterator[Fetched]:
        """See :class:`~collecte.transport.entries.Source`."""
        batch: list[Fetched] = []
        denied = 0
        for want in wants:
            with disk_errors(self._id):
                result = self._take(want)
            if result is None:
                denied += 1
                continue
            batch.append(result)
            if len(batch) >= _BATCH:
                yield from self._settled(batch)
                batch = []
        yield from self._settled(batch)
        if denied:
            raise NeedsPerson(
                f"Connection {self._id}: {denied} files of the drop may not be read by our account.",
                "give the account that runs Collecte the right to read them; the others were received.",
            )

    def _settled(self, batch: list[Fetched]) -> list[Fetched]:
        with disk_errors(self._id):
            sync_folders(result.want.target for result in batch if result.outcome == "ok")
        return batch

    def _take(self, want: Want) -> Fetched | None:
        if want.entry.kind != "file":
            return Fetched(want, "refused")
        for _ in range(TRIES):
            try:
                fd = self._open(want.entry.path)
            except FileNotFoundError:
                return Fetched(want, "vanished")
            except PermissionError:
                return None
            if fd is None:
                return Fetched(want, "refused")
            try:
                result = _copy(fd, want)
            finally:
                os.close(fd)
            if result is not None:
                return result
        return Fetched(want, "changed")


def _copy(fd: int, want: Want) -> Fetched | None:
    """One attempt; None where the file changed meanwhile."""
    before = os.fstat(fd)
    part = PartFile(want, f"{before.st_size} {before.st_mtime_ns} {before.st_ino}", before.st_size)
    try:
        while part.offset < before.st_size:
            data = os.pread(fd, min(_READ, before.st_size - part.offset), part.offset)
            if not data:
                break
            part.write(data)
            if part.checkpoint_due:
                part.checkpoint()
        after = os.fstat(fd)
        if part.offset != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            part.discard()
            return None
        return Fetched(want, "ok", before.st_size, part.finish())
    finally:
        part.keep()


def _kind(look: os.stat_result) -> Kind | None:
    """None: a folder."""
    if stat.S_ISDIR(look.st_mode):
        return None
    if stat.S_ISLNK(look.st_mode):
        return "symlink"
    return "file" if stat.S_ISREG(look.st_mode) else "special"
