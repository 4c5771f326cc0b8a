"""What the readers of archives share: refusals, limits, and a stream that hostile headers cannot make read too much."""

import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from collecte.challenge import ArchiveLimits
from collecte.findings import Finding

#: Bytes read at once.
CHUNK = 1024 * 1024
#: What the headers of one member may take; a zip's directory may be larger by so much for each member allowed. Bytes.
HEADER_BYTES = 4 * 1024 * 1024

_ZIP_ENTRY = b"PK\x01\x02"
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
#: What the libraries raise over broken bytes, among them a name that is not what it says it is (ValueError), a tar
#: that nests headers without end (RuntimeError) and a zip that wants a newer reader (NotImplementedError, a
#: RuntimeError).
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
    IndexError,
    RuntimeError,
)


class Refused(Exception):
    """An archive as a whole is refused. Never leaves this room's code for archives."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class OverLimit(Refused):
    """A limit is passed: the outermost archive is refused as a whole, however deep it happened."""


@dataclass
class Budget:
    """What came out of an archive of ``packed`` bytes so far, nested ones included, against the challenge's limits."""

    limits: ArchiveLimits
    packed: int
    entries: int = 0
    unpacked: int = 0

    def meet(self, entries: int = 1) -> None:
        """Count entries of any sort, folders included: each costs time.

        Raises:
            OverLimit: there are more than the challenge allows.
        """
        self.entries += entries
        if self.entries > self.limits.members:
            raise OverLimit(Finding("ARCHIVE-TOO-MANY-MEMBERS", values={"limit": self.limits.members}))

    def take(self, size: int) -> None:
        """Count ``size`` bytes, before they are written.

        Raises:
            OverLimit: they are more than the challenge allows, or too many for each packed byte.
        """
        self.unpacked += size
        if self.unpacked > self.limits.bytes:
            raise OverLimit(Finding("ARCHIVE-TOO-LARGE", values={"limit": self.limits.bytes}))
        if self.unpacked > self.limits.ratio * self.packed:
            raise OverLimit(Finding("ARCHIVE-RATIO", values={"limit": self.limits.ratio}))


@dataclass(frozen=True)
class Item:
    """One entry that is to be a member. IDENTIFYING: ``path``. ``size``: bytes, as announced. ``content``: open until
    the next item is asked for; None where ``finding`` refuses it. ``independent``: whether others are readable where
    this one is broken.
    """

    path: str
    size: int
    content: IO[bytes] | None
    finding: Finding | None = None
    independent: bool = False

    def __repr__(self) -> str:
        return f"Item(…, {self.size} bytes)"


@contextmanager
def reading() -> Iterator[None]:
    """Make one refusal of whatever the libraries raise over broken bytes; errors of the disk go through."""
    try:
        yield
    except _DAMAGE:
        raise Refused(Finding("ARCHIVE-DAMAGED")) from None
    except OSError as error:
        if error.errno is not None:  # bz2 says of broken bytes that they are an OSError without a number
            raise
        raise Refused(Finding("ARCHIVE-DAMAGED")) from None


def member_path(name: str) -> str:
    """A member's path, without empty parts and ``.``.

    Raises:
        Refused: it leaves the archive.
    """
    both = name.replace("\\", "/")
    if "\0" in name or both.startswith("/") or _DRIVE.match(name) or ".." in both.split("/"):
        raise Refused(Finding("ARCHIVE-PATH-ESCAPE"))
    return "/".join(part for part in name.split("/") if part not in ("", "."))


class Guarded(io.RawIOBase):
    """A stream that answers no read larger than ``room`` bytes: the libraries read what headers announce in one
    piece, and a header can announce anything. ``left``: bytes that may be read until it is set anew, None for any
    number. ``limits`` also counts the entries of a zip's directory before it is parsed.
    """

    def __init__(self, stream: IO[bytes], room: int, limits: ArchiveLimits | None = None) -> None:
        super().__init__()
        self.left: int | None = None
        self._stream = stream
        self._room = room
        self._limits = limits

    def read(self, size: int = -1, /) -> bytes:
        most = self._room if self.left is None else min(self._room, self.left)
        data = self._stream.read(size if 0 <= size <= most else most + 1)
        if len(data) > most:
            raise Refused(Finding("ARCHIVE-DAMAGED"))
        if self.left is not None:
            self.left -= len(data)
        if self._limits is not None and len(data) > CHUNK and data.count(_ZIP_ENTRY) > 2 * self._limits.members:
            raise OverLimit(Finding("ARCHIVE-TOO-MANY-MEMBERS", values={"limit": self._limits.members}))
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
