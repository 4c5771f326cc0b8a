"""Zones as URLs: landing and curated are folders that every worker sees (``file://``), by challenge and centre.

``landing``, IDENTIFYING: ``<challenge>/<centre>/<d0001>/`` holds what was received (``f12.a1``: file 12, taken by
attempt 1), ``safe/``, the safe copies, and ``scan/``, the words to look for, both until *accept*, and ``facts/``.
``curated``: the same path holds a batch. ``_facts/challenge=…/centre=…/delivery=…/`` holds the facts of accepted files.
``reports``: what coordinators read of it.
``release``: ``<challenge>/<v1>/`` is a frozen release, ``vault``: the same path holds what of it stays hidden, SECRET.
``open``: the same path holds an Open Data package.
"""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from collecte.errors import NeedsPerson
from collecte.package import sha256_of


def zone_folder(url: str, setting: str) -> Path:
    """The folder of a zone.

    Raises:
        NeedsPerson: the URL is of another scheme than ``file``.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise NeedsPerson(
            f"{setting} is no file:// URL.",
            "give a folder that every worker sees, such as file:///srv/collecte/landing.",
        )
    return Path(unquote(parts.path))


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable (renames live in the folder, not in the file)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(target: Path, content: BinaryIO) -> None:
    """Write a file, from ``content``'s place on, at once or not at all, durably; its folder is made where it is absent.

    One writer of a folder at a time: a second one waits, and a killed one's part is the next one's to write over.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        part = target.with_name(f"{target.name}.part")
        with part.open("wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        os.fsync(folder)
    finally:
        os.close(folder)


def place(source: Path, target: Path, sha256: str) -> None:
    """Give ``source``'s bytes the name ``target``, at once or not at all: by a hard link, or across file systems by a
    copy.

    Raises:
        NeedsPerson: the copy's SHA-256 (hex) is not ``sha256``; nothing then stands under the name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)  # a killed attempt's
    try:
        part.hardlink_to(source)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, part)
        if sha256_of(part) != sha256:
            part.unlink()
            raise NeedsPerson(
                "A file changed while it was copied between the zones' disks.",
                "check the disks, then run the step again.",
            ) from None
        with part.open("rb") as copy:
            os.fsync(copy.fileno())
    part.replace(target)
    part.unlink(missing_ok=True)  # a rename between two links of one file does nothing: a killed attempt's target
