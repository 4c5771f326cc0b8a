"""Copies on disks of ours: looked for by size and hash, wherever in a zone they lie, and removed for good."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from collecte.errors import NeedsPerson
from collecte.package import sha256_of
from collecte.zones import fsync_folder

#: By size in bytes, the SHA-256 (hex) that are looked for.
Wanted = Mapping[int, frozenset[str]]


def wanted(copies: Iterable[tuple[int, str]]) -> Wanted:
    """What to look for, from (size in bytes, SHA-256); empty files are everybody's."""
    found: dict[int, set[str]] = {}
    for size, sha256 in copies:
        if size:
            found.setdefault(size, set()).add(sha256)
    return {size: frozenset(digests) for size, digests in found.items()}


def copies_in(folder: Path, looked_for: Wanted) -> Iterator[Path]:
    """Every file below a folder with these bytes, under whatever name. Only files of a size that is looked for are
    read; links are not followed.
    """
    if not looked_for:
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                size = path.lstat().st_size
                if size in looked_for and not path.is_symlink() and sha256_of(path) in looked_for[size]:
                    yield path
            except FileNotFoundError:
                continue  # purged, or moved by a step, since it was listed


def remove_paths(paths: Iterable[Path], keep: frozenset[Path] = frozenset()) -> int:
    """Remove files, and the folders that they leave empty up to one of ``keep``; brought to the disk. How many were
    there.

    Raises:
        NeedsPerson: one cannot be removed. No path is named: they may lie in landing.
    """
    removed = 0
    folders: set[Path] = set()
    try:
        for path in paths:
            if path.is_symlink() or path.exists():
                path.unlink()
                removed += 1
            folders.add(path.parent)
        for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
            _prune(folder, keep)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise NeedsPerson(
            f"A copy that was recalled cannot be removed from its zone ({name}).",
            "give the user that runs Collecte the right to write there, then clear the task: it goes on.",
        ) from None
    return removed


def _prune(folder: Path, keep: frozenset[Path]) -> None:
    """Remove a folder that is empty, and those above it; else bring it to the disk."""
    while folder not in keep and folder.is_dir():
        if any(folder.iterdir()):
            fsync_folder(folder)
            return
        folder.rmdir()
        folder = folder.parent
    if folder.is_dir():
        fsync_folder(folder)
