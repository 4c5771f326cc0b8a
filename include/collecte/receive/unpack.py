"""Archives, unpacked without trusting them: zip, tar, tar.gz, tar.bz2, and the archives inside them, one level deep.

What an archive is, its first bytes say, not its name. A document that happens to be a zip (OOXML, OpenDocument, a Java
archive) is no archive; neither is a lone ``.gz`` (``brain.nii.gz``).

====================================  =================================================================================
met                                   becomes
====================================  =================================================================================
a path that leaves the archive        the whole archive is refused: whoever wrote it meant harm, or the tool is broken
a link, device, pipe                  that member is refused, the others go on
a member whose bytes do not agree     that member is refused, the others go on (zip; a tar breaks as a whole)
more members, bytes or growth than    the whole archive is refused, as soon as the stream passes the limit: what headers
the challenge allows                  announce is not believed
encrypted, damaged, overlapping       the whole archive is refused
an archive in an archive's archive    the innermost is refused
====================================  =================================================================================

Members are written as ``m000001``, ``m000002``… in the order of the archive: never under a name that stands in it. Run
again, the same archive gives the same numbers and the same bytes, so that a run that was killed is simply repeated.
"""

import bz2
import gzip
import hashlib
import io
import os
import re
import secrets
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from collecte.challenge import ArchiveLimits
from collecte.findings import Finding

Kind = Literal["zip", "tar", "foreign"]

_CHUNK = 1024 * 1024
_BLOCK = 512  # bytes; tar's unit
#: What the headers of one member may take; a zip's directory may be larger by so much for each member allowed.
_HEADER_BYTES = 4 * 1024 * 1024
_DIRECTORY_BYTES_A_MEMBER = 512
_ZIP_ENTRY = b"PK\x01\x02"
#: Stored, deflated, bzip2. Not LZMA: a few bytes of it can ask for gigabytes of memory.
_ZIP_METHODS = frozenset({0, 8, 12})
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_TARGET = re.compile(r"m\d{6,}(\.[0-9a-f]{8}\.part)?")
#: Archives that we know and do not open.
_FOREIGN = (
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x1f\x9d",
    b"MSCF\x00\x00\x00\x00",
)
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


@dataclass(frozen=True)
class Member:
    """One member of an archive, in the archive's order. IDENTIFYING: ``path``, ``target``'s bytes.

    ``number``: from 1. ``path``: within its archive, ``str`` with surrogateescape, ``/`` between folders.
    ``archive``: the number of the nested archive that holds it, None where the outer one does. ``target``: where its
    bytes are, None (and no ``sha256``) where ``findings`` refuse it before any was kept. ``sha256``: hex; ``size``:
    bytes. ``is_archive``: an archive that was unpacked in turn: it counts by its members.
    """

    number: int
    path: str
    target: Path | None
    sha256: str
    size: int
    archive: int | None = None
    is_archive: bool = False
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"Member({self.number}, …, {self.size} bytes)"


@dataclass(frozen=True)
class Unpacked:
    """An archive's members, refused ones among them, and the findings on the archive itself: where one of these
    refuses, there is no member and nothing was left behind.
    """

    members: tuple[Member, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def counted(self) -> Finding | None:
        """What to say of an archive that counts by its members now; None where it was refused."""
        return counted_by(len(self.members)) if self.members else None

    def __repr__(self) -> str:
        return f"Unpacked({len(self.members)} members, {len(self.findings)} findings)"


class _Refused(Exception):
    """The archive as a whole is refused. Never leaves this module."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class _OverLimit(_Refused):
    """A limit of the outermost archive is passed: refused as a whole, at any depth."""


def counted_by(members: int) -> Finding:
    """What to say of an archive, an outer or a nested one, that counts by so many members."""
    return Finding("ARCHIVE-UNPACKED", count=members)


def archive_kind(path: Path) -> Kind | None:
    """Whether a file is an archive to unpack, by its content: ``zip`` or ``tar`` (compressed or not); ``foreign`` for
    those that we know and do not open (7z, rar, xz, zstd, cab); None for anything else.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_BLOCK)
        if head[128:132] == b"DICM":
            return None
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return None if _is_document(file) else "zip"
        if head.startswith((*_FOREIGN, b"PK\x07\x08PK")):
            return "foreign"
        if head.startswith((b"\x1f\x8b", b"BZh")):
            return "tar" if _is_tar(_first_block(path)) else None
        return "tar" if _is_tar(head) else None


def unpack(archive: Path, into: Path, limits: ArchiveLimits) -> Unpacked:
    """Unpack an archive into a folder of its own, which is made if need be; what a killed run left there is removed.

    Args:
        archive: an archive, as :func:`archive_kind` recognises it. It is not changed.
        into: no other file may live there under a name like ours (``m000001``).
        limits: of the challenge; they hold for everything that comes out of it, nested archives included.

    Raises:
        OSError: the disk is full, or a path may not be read or written. Never for what the archive contains.
    """
    into.mkdir(parents=True, exist_ok=True)
    _clear(into)
    run = _Run(into, limits, packed=archive.stat().st_size)
    try:
        _unpack(archive, run, depth=0, inside=None)
    except _Refused as refused:
        _clear(into)
        return Unpacked((), (refused.finding,))
    _sync(into)
    findings = list(run.findings)
    if not run.members:
        findings.append(Finding("ARCHIVE-EMPTY"))
    return Unpacked(tuple(run.members), tuple(findings))


@dataclass
class _Run:
    """One call of :func:`unpack`: what came out so far, against the limits."""

    into: Path
    limits: ArchiveLimits
    packed: int
    met: int = 0
    unpacked: int = 0
    members: list[Member] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def meet(self, entries: int = 1) -> None:
        """More entries of any sort, folders included: each costs time."""
        self.met += entries
        if self.met > self.limits.members:
            raise _OverLimit(Finding("ARCHIVE-TOO-MANY-MEMBERS", values={"limit": self.limits.members}))

    def take(self, size: int) -> None:
        """``size`` more bytes, before they are written."""
        self.unpacked += size
        if self.unpacked > self.limits.bytes:
            raise _OverLimit(Finding("ARCHIVE-TOO-LARGE", values={"limit": self.limits.bytes}))
        if self.unpacked > self.limits.ratio * self.packed:
            raise _OverLimit(Finding("ARCHIVE-RATIO", values={"limit": self.limits.ratio}))

    def keep(self, path: str, inside: int | None, content: IO[bytes], announced: int) -> Member:
        """Write one member, which must have as many bytes as its header announced, and remember it."""
        number = len(self.members) + 1
        target = self.into / f"m{number:06d}"
        # A name of its own for each attempt: an orphan of a killed run that still writes cannot mix its bytes with
        # ours.
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        digest = hashlib.sha256()
        size = 0
        try:
            with part.open("xb") as file:
                while chunk := content.read(_CHUNK):
                    self.take(len(chunk))
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if size != announced:
                raise _Refused(Finding("ARCHIVE-DAMAGED"))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        member = Member(number, path, target, digest.hexdigest(), size, inside)
        self.members.append(member)
        return member

    def refuse(self, path: str, inside: int | None, finding: Finding, size: int = 0) -> None:
        """Remember one member that is not taken."""
        self.members.append(Member(len(self.members) + 1, path, None, "", size, inside, findings=(finding,)))


def _unpack(archive: Path, run: _Run, depth: int, inside: int | None) -> None:
    kind = archive_kind(archive)
    first = len(run.members)
    if kind == "foreign":
        raise _Refused(Finding("ARCHIVE-FORMAT-UNKNOWN"))
    with _reading():
        if kind == "zip":
            _unpack_zip(archive, run, depth, inside)
        else:
            _unpack_tar(archive, run, depth, inside)
    twice = Counter(member.path for member in run.members[first:] if member.archive == inside)
    if count := sum(times - 1 for times in twice.values()):
        _note(run, inside, Finding("ARCHIVE-MEMBER-TWICE", count=count))


@contextmanager
def _reading() -> Iterator[None]:
    """Make one refusal of whatever the libraries raise over broken bytes; errors of the disk go through."""
    try:
        yield
    except _DAMAGE:
        raise _Refused(Finding("ARCHIVE-DAMAGED")) from None
    except OSError as error:
        if error.errno is not None:  # bz2 says of broken bytes that they are an OSError without a number
            raise
        raise _Refused(Finding("ARCHIVE-DAMAGED")) from None


def _note(run: _Run, inside: int | None, finding: Finding) -> None:
    """A finding on the archive itself: the outer one, or the member that it is."""
    if inside is None:
        run.findings.append(finding)
    else:
        _amend(run, inside, finding)


def _amend(run: _Run, number: int, *findings: Finding, is_archive: bool | None = None) -> None:
    member = run.members[number - 1]
    run.members[number - 1] = replace(
        member,
        findings=(*member.findings, *findings),
        is_archive=member.is_archive if is_archive is None else is_archive,
    )


def _nested(member: Member, run: _Run, depth: int) -> None:
    """Unpack a member that is an archive itself; where that fails, the member is refused and nothing of it remains."""
    if member.target is None or (kind := archive_kind(member.target)) is None:
        return
    if depth > 0:
        _amend(run, member.number, Finding("ARCHIVE-NESTED-TOO-DEEP"))
        return
    if kind == "foreign":
        _amend(run, member.number, Finding("ARCHIVE-FORMAT-UNKNOWN"))
        return
    try:
        _unpack(member.target, run, depth + 1, member.number)
    except _OverLimit:
        raise
    except _Refused as refused:
        _forget(run, member.number)
        # A warning on what was in it says nothing any more.
        run.members[member.number - 1] = replace(member, findings=(refused.finding,))
    else:
        empty = len(run.members) == member.number
        _amend(run, member.number, *((Finding("ARCHIVE-EMPTY"),) if empty else ()), is_archive=not empty)


def _forget(run: _Run, kept: int) -> None:
    """Remove all but the first members, and their bytes."""
    for member in run.members[kept:]:
        if member.target is not None:
            member.target.unlink()
    del run.members[kept:]


# Paths


def _member_path(name: str) -> str:
    """A member's path, without empty parts and ``.``.

    Raises:
        _Refused: it leaves the archive.
    """
    both = name.replace("\\", "/")
    if "\0" in name or both.startswith("/") or _DRIVE.match(name) or ".." in both.split("/"):
        raise _Refused(Finding("ARCHIVE-PATH-ESCAPE"))
    return "/".join(part for part in name.split("/") if part not in ("", "."))


# Zip


def _is_document(file: BinaryIO) -> bool:
    """Whether a zip is a document: OOXML by its list of parts, OpenDocument and EPUB by their first member, Java."""
    file.seek(0)
    head = file.read(128)
    if head[30:].startswith((b"[Content_Types].xml", b"mimetypeapplication/", b"META-INF/MANIFEST.MF")):
        return True
    try:
        with _reading(), zipfile.ZipFile(_Guarded(file, 1000 * _DIRECTORY_BYTES_A_MEMBER)) as opened:
            return not {"[Content_Types].xml", "META-INF/MANIFEST.MF"}.isdisjoint(opened.namelist())
    except _Refused:
        return False  # broken, or of more parts than a document has: unpacking says what is wrong with it


def _unpack_zip(archive: Path, run: _Run, depth: int, inside: int | None) -> None:
    room = _HEADER_BYTES + run.limits.members * _DIRECTORY_BYTES_A_MEMBER
    with archive.open("rb") as file, zipfile.ZipFile(_Guarded(file, room, run.limits)) as opened:
        infos = opened.infolist()
        run.meet(len(infos))
        _check_directory(infos, opened.start_dir)
        paths = [_member_path(_zip_name(info)) for info in infos]
        for info, path in zip(infos, paths, strict=True):
            if info.is_dir() and not info.file_size:
                continue
            mode = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
            if mode in (0, stat.S_IFREG) and path:
                _zip_member(opened, info, path, run, depth, inside)
            else:
                run.refuse(path, inside, Finding("ARCHIVE-LINK"), info.file_size)


def _zip_member(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, run: _Run, depth: int, inside: int | None
) -> None:
    try:
        with _reading(), opened.open(info) as content:
            member = run.keep(path, inside, content, info.file_size)
    except _OverLimit:
        raise
    except _Refused:
        run.refuse(path, inside, Finding("ARCHIVE-MEMBER-DAMAGED"), info.file_size)
    else:
        _nested(member, run, depth)


def _check_directory(infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse what shows before a byte is unpacked: encryption, methods that we do not read, parts that share bytes
    (the trick of bombs), members hidden before the first one."""
    if any(info.flag_bits & (0x1 | 0x40 | 0x2000) for info in infos):
        raise _Refused(Finding("ARCHIVE-ENCRYPTED"))
    if unread := {info.compress_type for info in infos} - _ZIP_METHODS:
        raise _Refused(Finding("ARCHIVE-METHOD", values={"method": min(unread)}))
    end = 0
    for index, info in enumerate(sorted(infos, key=lambda info: info.header_offset)):
        if info.header_offset < end or (index == 0 and info.header_offset != 0):
            raise _Refused(Finding("ARCHIVE-OVERLAPS"))
        end = info.header_offset + 30 + info.compress_size
    if end > directory:
        raise _Refused(Finding("ARCHIVE-OVERLAPS"))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name that was meant: UTF-8 where it is flagged or its bytes are, else what DOS and Windows in France
    write."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("cp850") if info.create_system == 0 else raw.decode("utf-8", "surrogateescape")
    return name.replace("\\", "/") if info.create_system == 0 else name


# Tar


def _is_tar(block: bytes) -> bool:
    """Whether a block of 512 bytes is the header of a tar member: its sum of bytes is right."""
    if len(block) < _BLOCK or not block[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _first_block(path: Path) -> bytes:
    try:
        with _reading(), _plain(path) as stream:
            return stream.read(_BLOCK)
    except _Refused:
        return b""


@contextmanager
def _plain(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a tar, decompressed if need be."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        head = file.read(3)
        file.seek(0)
        if head.startswith(b"\x1f\x8b"):
            yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif head == b"BZh":
            yield stack.enter_context(bz2.BZ2File(file))
        else:
            yield file


def _unpack_tar(archive: Path, run: _Run, depth: int, inside: int | None) -> None:
    with _plain(archive) as stream:
        guarded = _Guarded(stream, _HEADER_BYTES)
        guarded.left = _HEADER_BYTES
        with tarfile.TarFile(fileobj=guarded, encoding="utf-8", errors="surrogateescape") as opened:
            while (info := opened.next()) is not None:
                # tarfile remembers every member; a long archive must not fill the memory.
                cast(Any, opened).members.clear()
                run.meet()
                guarded.left = None
                _tar_member(opened, info, run, depth, inside)
                guarded.left = _HEADER_BYTES
            guarded.left = None
            _check_end(guarded, opened.offset, run)


def _tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo, run: _Run, depth: int, inside: int | None) -> None:
    path = _member_path(info.name)
    if info.isdir():
        return
    content = opened.extractfile(info) if info.isreg() and path else None
    if content is None:
        run.take(max(info.size, 0))  # read over, but read
        run.refuse(path, inside, Finding("ARCHIVE-LINK"))
        return
    with content:
        member = run.keep(path, inside, content, info.size)
    _nested(member, run, depth)


def _check_end(stream: "_Guarded", offset: int, run: _Run) -> None:
    """A tar ends in zeros. Where a header is broken, tarfile stops as if it were the end, and the members after it
    would be lost in silence; reading on also proves the sum of a compressed one.
    """
    stream.seek(offset)
    first = True
    while chunk := stream.read(_CHUNK):
        if not first:
            run.take(len(chunk))
        if chunk.strip(b"\0") or (first and len(chunk) < _BLOCK):
            raise _Refused(Finding("ARCHIVE-DAMAGED"))
        first = False
    if first:
        raise _Refused(Finding("ARCHIVE-DAMAGED"))


class _Guarded(io.RawIOBase):
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
            raise _Refused(Finding("ARCHIVE-DAMAGED"))
        if self.left is not None:
            self.left -= len(data)
        if self._limits is not None and len(data) > _CHUNK and data.count(_ZIP_ENTRY) > 2 * self._limits.members:
            raise _OverLimit(Finding("ARCHIVE-TOO-MANY-MEMBERS", values={"limit": self._limits.members}))
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if _TARGET.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
