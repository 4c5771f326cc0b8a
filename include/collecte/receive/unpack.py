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

import hashlib
import os
import re
import secrets
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

from collecte.challenge import ArchiveLimits
from collecte.findings import Finding
from collecte.receive.streams import CHUNK, Budget, Item, OverLimit, Refused, reading
from collecte.receive.tars import BLOCK, first_block, is_tar_header, tar_items
from collecte.receive.zips import is_document, zip_items

Kind = Literal["zip", "tar", "foreign"]

_TARGET = re.compile(r"m\d{6,}(\.[0-9a-f]{8}\.part)?")
#: Archives that we know and do not open.
_FOREIGN = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x1f\x9d", b"MSCF\0\0\0\0")


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
        head = file.read(BLOCK)
        if head[128:132] == b"DICM":
            return None
        # First of all by its sum: the first bytes of a tar are a name, which may look like any other sign.
        if is_tar_header(head):
            return "tar"
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return None if is_document(file) else "zip"
        if head.startswith((*_FOREIGN, b"PK\x07\x08PK")):
            return "foreign"
        if head.startswith((b"\x1f\x8b", b"BZh")):
            return "tar" if is_tar_header(first_block(path)) else None
        return None


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
    run = _Run(into, Budget(limits, archive.stat().st_size))
    try:
        _unpack(archive, run, depth=0, inside=None)
    except Refused as refused:
        _clear(into)
        return Unpacked((), (refused.finding,))
    _sync(into)
    findings = list(run.findings)
    if not run.members:
        findings.append(Finding("ARCHIVE-EMPTY"))
    return Unpacked(tuple(run.members), tuple(findings))


@dataclass
class _Run:
    """One call of :func:`unpack`: what came out so far."""

    into: Path
    budget: Budget
    members: list[Member] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def _unpack(archive: Path, run: _Run, depth: int, inside: int | None) -> None:
    kind = archive_kind(archive)
    if kind == "foreign":
        raise Refused(Finding("ARCHIVE-FORMAT-UNKNOWN"))
    first = len(run.members)
    items = zip_items(archive, run.budget) if kind == "zip" else tar_items(archive, run.budget)
    with reading(), closing(items):
        for item in items:
            member = _take(item, run, inside)
            run.members.append(member)
            _nested(member, run, depth)
    twice = Counter(member.path for member in run.members[first:] if member.archive == inside)
    if count := sum(times - 1 for times in twice.values()):
        _note(run, inside, Finding("ARCHIVE-MEMBER-TWICE", count=count))


def _take(item: Item, run: _Run, inside: int | None) -> Member:
    """Write one member, or say why not.

    Raises:
        Refused: its bytes are broken, and with them the whole archive.
    """
    number = len(run.members) + 1
    finding = item.finding
    if item.content is not None:
        target = run.into / f"m{number:06d}"
        try:
            with reading():
                sha256 = _write(item.content, item.size, target, run.budget)
            return Member(number, item.path, target, sha256, item.size, inside)
        except OverLimit:
            raise
        except Refused:
            if not item.independent:
                raise
            finding = Finding("ARCHIVE-MEMBER-DAMAGED")
    return Member(number, item.path, None, "", item.size, inside, findings=(finding,) if finding else ())


def _write(content: IO[bytes], announced: int, target: Path, budget: Budget) -> str:
    """The SHA-256 (hex) of one member, hashed while it is written.

    Raises:
        Refused: it has not as many bytes as its header announced.
    """
    # A name of its own for each attempt: an orphan of a killed run that still writes cannot mix its bytes with ours.
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    digest = hashlib.sha256()
    size = 0
    try:
        with part.open("xb") as file:
            while chunk := content.read(CHUNK):
                budget.take(len(chunk))
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if size != announced:
            raise Refused(Finding("ARCHIVE-DAMAGED"))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()


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
    except OverLimit:
        raise
    except Refused as refused:
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
