"""Files being received: bytes go to a ``.part``, are hashed on the way, and get their final name when they are whole.

Beside a large part stands a note (``.resume``) of which version of the remote file it belongs to and up to where it is
safe on the disk: after a cut, or a kill, only what the note vouches for is kept.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from collecte.transport.entries import RESUME_FROM, Want

#: Bytes between two points from which a cut file goes on.
_CHECKPOINT = 64 * 1024 * 1024
_READ = 1024 * 1024


class PartFile:
    """One file on its way. ``stamp`` identifies the version of the remote file, ``size`` is its length in bytes."""

    def __init__(self, want: Want, stamp: str, size: int) -> None:
        self._want, self._stamp, self._size = want, stamp, size
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in want.algorithms]
        saved = resume_point(want.part)
        keep = saved[1] if saved is not None and saved[0] == stamp and saved[1] <= size else 0
        want.part.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(want.part, flags, 0o640)
        self.offset = 0
        self._synced = 0
        try:
            self._restore(keep)
        except BaseException:
            self.keep()
            raise

    def _restore(self, keep: int) -> None:
        """Hash the first ``keep`` bytes again and cut off what follows them."""
        while self.offset < keep:
            data = os.pread(self._fd, min(_READ, keep - self.offset), self.offset)
            if not data:  # shorter than its note says: of no use
                self._hashes = [hashlib.new(name, usedforsecurity=False) for name in self._want.algorithms]
                self.offset = 0
                break
            self._update(data)
            self.offset += len(data)
        if os.fstat(self._fd).st_size != self.offset:
            os.ftruncate(self._fd, self.offset)
        self._synced = self.offset
        if not self.offset:
            _note(self._want.part).unlink(missing_ok=True)

    def _update(self, data: bytes) -> None:
        for running in self._hashes:
            running.update(data)

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        self._update(data)
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, self.offset)
            self.offset += written
            view = view[written:]

    @property
    def checkpoint_due(self) -> bool:
        """Whether enough came since the last point to go on from."""
        return self._size >= RESUME_FROM and self.offset - self._synced >= _CHECKPOINT

    def checkpoint(self) -> None:
        """Bring what came to the disk and note it as a point to go on from."""
        os.fdatasync(self._fd)
        self._synced = self.offset
        _write_note(self._want.part, self._stamp, self._synced)

    def finish(self) -> Mapping[str, str]:
        """Bring the file to the disk and give it its final name; its digests (hex). The batch syncs its folder."""
        os.fsync(self._fd)
        self.keep()
        self._want.target.parent.mkdir(parents=True, exist_ok=True)
        self._want.part.replace(self._want.target)
        _note(self._want.part).unlink(missing_ok=True)
        return {name: running.hexdigest() for name, running in zip(self._want.algorithms, self._hashes, strict=True)}

    def keep(self) -> None:
        """Close it and leave it for another attempt."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close and remove it: its bytes belong to no version of the file."""
        self.keep()
        self._want.part.unlink(missing_ok=True)
        _note(self._want.part).unlink(missing_ok=True)


def resume_point(part: Path) -> tuple[str, int] | None:
    """Version and length (bytes) of what an earlier attempt left safely in ``part``; None where there is nothing."""
    try:
        note = json.loads(_note(part).read_text("utf-8"))
        return (str(note["stamp"]), int(note["synced"])) if part.stat().st_size >= int(note["synced"]) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def carry_over(part: Path, other: Path) -> None:
    """Give another attempt a copy of what ``part`` holds for certain, which whoever still writes ``part`` cannot touch.

    Nothing happens where nothing is certain, or where the other writer began another version meanwhile. A copy that a
    kill cuts short has no note, or is shorter than its note says, and is not used.
    """
    before = resume_point(part)
    if before is None:
        return
    shutil.copyfile(part, other)
    after = resume_point(part)
    if after is not None and after[0] == before[0]:
        _write_note(other, *before)


def _write_note(part: Path, stamp: str, synced: int) -> None:
    note = _note(part)
    fresh = note.with_name(f"{note.name}.new")
    fresh.write_text(json.dumps({"stamp": stamp, "synced": synced}), "utf-8")
    fresh.replace(note)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.resume")


def sync_folders(files: Iterable[Path]) -> None:
    """Make the names of ``files`` durable: sync each folder once, and the two above it, which may be new."""
    folders = {folder for file in files for folder in (file.parent, *list(file.parent.parents)[:2])}
    for folder in folders:
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError:  # a folder above ours that we may not read is not ours: it is not new
            continue
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system without synced folders
                raise
        finally:
            os.close(fd)
