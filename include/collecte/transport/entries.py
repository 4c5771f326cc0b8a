"""What a drop holds, what we want of it, and what came of it; and what each kind of drop offers."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from collecte.errors import Retry

Kind = Literal["file", "symlink", "special"]
Outcome = Literal["ok", "changed", "vanished", "refused"]

#: A file that was cut off goes on where it stopped from this size on (bytes); a smaller one starts again.
RESUME_FROM = 64 * 1024 * 1024

#: A file that changes while it is read is taken this often before it is left alone.
TRIES = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a drop. IDENTIFYING: ``path`` (POSIX, relative to the drop, odd bytes by surrogateescape).

    ``size``: bytes. ``mtime_ns``: nanoseconds since 1970; an SFTP server tells whole seconds. ``special``: a device, a
    pipe, a socket, or a name that would lead out of the drop.
    """

    path: str
    size: int
    mtime_ns: int
    kind: Kind = "file"

    def __repr__(self) -> str:
        return f"Entry({self.kind}, {self.size} bytes, …)"


@dataclass(frozen=True)
class Want:
    """A file to be fetched: ``target`` is its final place of ours, ``part`` its place until it is whole (same disk)."""

    entry: Entry
    target: Path
    part: Path
    algorithms: tuple[str, ...] = ("sha256",)

    def __repr__(self) -> str:
        return f"Want({self.entry!r})"


@dataclass(frozen=True)
class Fetched:
    """What came of a want.

    ``ok``: ``target`` holds ``size`` bytes, written durably, with these ``digests`` (hex, by algorithm).
    ``changed``: it changed under our hands each time. ``vanished``: it is gone. ``refused``: it is no regular file.
    """

    want: Want
    outcome: Outcome
    size: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A drop, opened. Methods raise Retry or NeedsPerson (:mod:`collecte.errors`), without a path of the centre."""

    def entries(self) -> Iterator[Entry]:
        """Every file below the drop, in the order of its path's bytes. Symbolic links are reported, never followed."""
        ...

    def read_small(self, path: str, limit_bytes: int) -> bytes:
        """A small file, such as a manifest. Raises NeedsPerson if it is larger, or no regular file; Retry if gone."""
        ...

    def write(self, path: str, content: BinaryIO) -> None:
        """Write a file of ours, such as feedback, whole or not at all, and read it back: its SHA-256 must be ours.

        It replaces one of that name and creates its folder. ``content`` is seekable, at its start. Raises Retry if
        what stands there is something else.
        """
        ...

    def remove(self, entry: Entry) -> bool:
        """Remove a file, if it still has the size and time that were listed; whether it was removed.

        One that is gone already is no error.
        """
        ...

    def fetch(self, wants: Iterable[Want]) -> Iterator[Fetched]:
        """Copy files, hashing as they come; results as they finish, in no order.

        A file that may not be read does not keep the others back: NeedsPerson, with their number, comes at the end.
        """
        ...

    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours; None where it does not tell."""
        ...


def sha256_of_stream(content: BinaryIO) -> str:
    """The SHA-256 (hex) of what is to be written; ``content`` is at its start again then."""
    hashed = hashlib.sha256()
    while data := content.read(1024 * 1024):
        hashed.update(data)
    content.seek(0)
    return hashed.hexdigest()


def came_back_changed(conn_id: str) -> Retry:
    """What we wrote is not what is there: somebody else writes under our name, or the server fails."""
    return Retry(f"Connection {conn_id}: a file that we wrote was read back with other bytes.")


def sort_key(path: str) -> bytes:
    """The order of paths in every kind of drop: by their bytes."""
    return path.encode("utf-8", "surrogateescape")


def leads_out(path: str) -> bool:
    """Whether a path has a part that is empty, ``.`` or ``..``, or holds a NUL: no file of the drop has such a path."""
    return "\0" in path or any(part in ("", ".", "..") for part in path.split("/"))
