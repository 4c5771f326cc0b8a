"""Shipping to a folder.

A file is checked while it is copied to a ``.part``, linked to its name only if nothing stands there, and read back.
"""

import errno
import glob
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from collecte.errors import NeedsPerson
from collecte.package import sha256_of
from collecte.transport.connections import Endpoint
from collecte.transport.errors import disk_errors
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
from collecte.transport.parts import sync_folders

_READ = 1024 * 1024
_PART = ".part"


@contextmanager
def open_folder_destination(endpoint: Endpoint, path: str) -> Iterator[Destination]:
    """Open the folder ``path`` for writing; it is created where it is not there.

    Raises:
        NeedsPerson: it cannot be.
    """
    root = Path(path)
    with disk_errors(endpoint.id):
        root.mkdir(parents=True, exist_ok=True)
    yield _FolderDestination(endpoint.id, root)


class _FolderDestination:
    def __init__(self, conn_id: str, root: Path) -> None:
        self._id, self._root = conn_id, root

    def _at(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def probe(self) -> Proof:
        """A disk checks nothing for us."""
        return "readback"

    def put(self, items: Iterable[Item]) -> Iterator[Stored]:
        """See :class:`~collecte.transport.items.Destination`."""
        differing: list[Differs] = []
        for item in items:
            with disk_errors(self._id):
                try:
                    stored = self._store(item)
                except Differs as error:
                    differing.append(error)
                    continue
            yield stored
        raise_differing(differing)

    def _store(self, item: Item) -> Stored:
        target, ours = self._at(item.key), False
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.{os.getpid()}{_PART}")
            try:
                _copy(item, part)
                os.link(part, target)  # fails where something came to stand there meanwhile
                ours = True
            except FileExistsError:
                pass  # compared below
            finally:
                part.unlink(missing_ok=True)
            sync_folders([target])
        if sha256_of(target) != item.sha256:
            raise came_back_other(item.key) if ours else Differs(item.key)
        return Stored(item, None, item.sha256, "readback")

    def remove(self, keys: Iterable[str]) -> Iterator[Removed]:
        """See :class:`~collecte.transport.items.Destination`. Folders that are empty then go too."""
        for key in keys:
            with disk_errors(self._id):
                yield self._remove(key)

    def _remove(self, key: str) -> Removed:
        target = self._at(key)
        found = int(target.is_symlink() or target.exists())
        for path in (target, *target.parent.glob(f"{glob.escape(target.name)}.*{_PART}")):
            path.unlink(missing_ok=True)
        if target.is_symlink() or target.exists():
            raise still_there(key)
        self._remove_empty(target.parent)
        return Removed(key, found)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._root and folder.is_dir() and not any(folder.iterdir()):
            try:
                folder.rmdir()
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # somebody wrote into it meanwhile
                    raise
                return
            folder = folder.parent

    def abort_unfinished(self, older_than: timedelta | None = None, prefix: str = "") -> int:
        """See :class:`~collecte.transport.items.Destination`."""
        before = time.time() - (older_than.total_seconds() if older_than else 0)
        with disk_errors(self._id):
            old = [
                part
                for part in self._root.rglob(f"*{_PART}")
                if part.relative_to(self._root).as_posix().startswith(prefix)
                and part.is_file()
                and (older_than is None or part.stat().st_mtime < before)
            ]
            for part in old:
                part.unlink(missing_ok=True)
        return len(old)

    def sweep_probes(self, older_than: timedelta) -> int:
        """See :class:`~collecte.transport.items.Destination`: a probe of a folder writes nothing."""
        return 0

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See :class:`~collecte.transport.items.Destination`."""
        with disk_errors(self._id):
            keys = [path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file()]
        yield from sorted(key for key in keys if key.startswith(prefix) and not key.endswith(_PART))

    def read(self, key: str) -> bytes:
        """See :class:`~collecte.transport.items.Destination`."""
        with disk_errors(self._id):
            return self._present(key).read_bytes()

    def digest(self, key: str) -> tuple[str, int]:
        """See :class:`~collecte.transport.items.Destination`."""
        with disk_errors(self._id):
            path = self._present(key)
            return sha256_of(path), path.stat().st_size

    def _present(self, key: str) -> Path:
        path = self._at(key)
        if not path.is_file():
            raise NeedsPerson(
                f"Connection {self._id}: there is no object {key}.", "ship again; if it was there, ask who removed it."
            )
        return path


def _copy(item: Item, part: Path) -> None:
    hashed, size = hashlib.sha256(), 0
    with item.source.open("rb") as source, part.open("wb") as copy:
        while data := source.read(_READ):
            hashed.update(data)
            size += len(data)
            copy.write(data)
        copy.flush()
        os.fsync(copy.fileno())
    if (hashed.hexdigest(), size) != (item.sha256, item.size):
        raise altered(item)
