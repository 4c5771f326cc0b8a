"""What a layout is given, and what it answers."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME


@dataclass(frozen=True)
class Release:
    """A frozen release in its folder; read a line at a time, however many files it has."""

    folder: Path

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What ``release.json`` says: challenge, version, title, label…

        Raises:
            NeedsPerson: it is absent or damaged.
        """
        try:
            about: Mapping[str, Any] = json.loads((self.folder / "release.json").read_bytes())
        except (OSError, ValueError):
            raise NeedsPerson(
                "release.json of the release cannot be read.", "put its folder back from the backup."
            ) from None
        return about

    def files(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256 in hex) of every file that ``SHA256SUMS`` lists, sorted by path."""
        with (self.folder / SUMS_NAME).open(encoding="utf-8") as lines:
            for line in lines:
                digest, _, path = line.rstrip("\n").partition("  ")
                yield path, digest

    def size(self, path: str) -> int:
        """The size (bytes) of one of its files.

        Raises:
            NeedsPerson: it is not there.
        """
        try:
            return (self.folder / path).stat().st_size
        except FileNotFoundError:
            raise NeedsPerson(f"{path} is missing in the release.", "put its folder back from the backup.") from None

    def rows(self, path: str) -> Iterator[dict[str, str]]:
        """The rows of one of its CSV files, such as ``files.csv`` or ``train/labels.csv``."""
        with (self.folder / path).open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text, restval="")

    def tables(self, part: str) -> list[str]:
        """The paths of the tables of a part (``train``, ``test``)."""
        return sorted(
            path.relative_to(self.folder).as_posix() for path in (self.folder / part / "tables").glob("*.csv")
        )

    def cases(self, part: str) -> list[str]:
        """The cases of a part, sorted: those that have a file, or a row in a table."""
        found = {row["case"] for row in self.rows("files.csv") if row["part"] == part and row["case"]}
        for table in self.tables(part):
            found |= {row["case"] for row in self.rows(table)}
        return sorted(found)


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file as the host gets it, under ``key``. ``path``: in the release, whose bytes it has then, with their
    ``sha256`` (hex); empty where the layout makes it, and ``size`` (bytes) is a guess then.
    """

    key: str
    path: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Limits:
    """What a host takes at most; None: it names no limit. Bytes, and characters of a key."""

    files: int | None = None
    bytes: int | None = None
    file_bytes: int | None = None
    key_length: int | None = None


class Layout(Protocol):
    """A way of laying out a release."""

    @property
    def limits(self) -> Limits:
        """What the host takes."""
        ...

    def lay_out(self, release: Release) -> Iterator[HostFile]:
        """Every file that the host gets, always in the same order. Nothing is made or read whole for it."""
        ...

    def make(self, release: Release, key: str, into: Path) -> Path:
        """Make one file of the layout's own in the folder ``into``; the same bytes each time."""
        ...

    def validate(self, release: Release) -> Iterator[str]:
        """What this host would refuse of the release, a sentence each."""
        ...


def exceeded(files: Iterable[HostFile], limits: Limits) -> Iterator[str]:
    """Which limits of a host a release exceeds, a sentence each; of single files the first of a kind."""
    count = total = 0
    large = long = ""
    for file in files:
        count, total = count + 1, total + file.size
        if limits.file_bytes is not None and file.size > limits.file_bytes:
            large = large or f"{file.key} has {file.size} bytes, the host takes {limits.file_bytes}"
        if limits.key_length is not None and len(file.key) > limits.key_length:
            long = long or f"{file.key} has a name of {len(file.key)} characters, the host takes {limits.key_length}"
    if limits.files is not None and count > limits.files:
        yield f"there are {count} files, the host takes {limits.files}"
    if limits.bytes is not None and total > limits.bytes:
        yield f"there are {total} bytes, the host takes {limits.bytes}"
    yield from filter(None, (large, long))
