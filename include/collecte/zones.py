"""Zones as URLs: landing and curated are folders that every worker sees (``file://``), by challenge and centre.

``landing``, IDENTIFYING: ``<challenge>/<centre>/<d0001>/`` holds what was received (``f12.a1``: file 12, taken by
attempt 1), ``safe/``, the safe copies that wait for *accept*, and ``facts/``. ``curated``: the same path holds a batch.
``reports``: what coordinators read of it.
"""

import errno
import os
import shutil
from pathlib import Path
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
