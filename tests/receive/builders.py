"""Listings and archives made by hand, the hostile ones too."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collecte.receive import Deposit, deliveries

#: 2026-11-24 12:00 UTC.
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 10**9


@dataclass(frozen=True)
class Item:
    """An entry of a listing."""

    path: str
    size: int = 10
    mtime_ns: int = NOON_NS
    kind: str = "file"


def deposit(*items: Item | str, folder: str = "envoi") -> Deposit:
    """One delivery that holds these, by their paths within it."""
    entries = (item if isinstance(item, Item) else Item(item) for item in items)
    listed = [Item(f"{folder}/{e.path}", e.size, e.mtime_ns, e.kind) for e in entries]
    (one,) = deliveries(listed)
    return one


def zip_of(path: Path, members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return path


def tar_of(path: Path, members: Iterable[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode, errors="surrogateescape") as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
