"""The members of a zip, in the order of its directory."""

import stat
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from collecte.findings import Finding
from collecte.receive.streams import HEADER_BYTES, Budget, Guarded, Item, Refused, member_path, reading

#: What a directory may take for each member allowed. Bytes.
_DIRECTORY_BYTES_A_MEMBER = 512
#: Stored, deflated, bzip2. Not LZMA: a few bytes of it can ask for gigabytes of memory.
_METHODS = frozenset({0, 8, 12})


def zip_items(archive: Path, budget: Budget) -> Generator[Item, None, None]:
    """The members of a zip; folders are none.

    Raises:
        Refused: it is encrypted, damaged, hostile or over a limit. But for what only reading shows, that is known
            before its first member.
    """
    room = HEADER_BYTES + budget.limits.members * _DIRECTORY_BYTES_A_MEMBER
    with archive.open("rb") as file, zipfile.ZipFile(Guarded(file, room, budget.limits)) as opened:
        infos = opened.infolist()
        budget.meet(len(infos))
        _check_directory(infos, opened.start_dir)
        paths = [member_path(_name(info)) for info in infos]
        for info, path in zip(infos, paths, strict=True):
            if info.is_dir() and not info.file_size:
                continue
            mode = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
            if mode not in (0, stat.S_IFREG) or not path:
                yield Item(path, info.file_size, None, Finding("ARCHIVE-LINK"))
                continue
            try:
                with reading():
                    content = opened.open(info)
            except Refused:
                yield Item(path, info.file_size, None, Finding("ARCHIVE-MEMBER-DAMAGED"))
                continue
            with content:
                yield Item(path, info.file_size, content, independent=True)


def is_document(file: BinaryIO) -> bool:
    """Whether a zip is a document: OOXML by its list of parts, OpenDocument and EPUB by their first member, Java."""
    file.seek(0)
    head = file.read(128)
    if head[30:].startswith((b"[Content_Types].xml", b"mimetypeapplication/", b"META-INF/MANIFEST.MF")):
        return True
    try:
        with reading(), zipfile.ZipFile(Guarded(file, 1000 * _DIRECTORY_BYTES_A_MEMBER)) as opened:
            return not {"[Content_Types].xml", "META-INF/MANIFEST.MF"}.isdisjoint(opened.namelist())
    except Refused:
        return False  # broken, or of more parts than a document has: unpacking says what is wrong with it


def _check_directory(infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse what shows before a byte is unpacked: encryption, methods that we do not read, parts that share bytes
    (the trick of bombs), members hidden before the first one."""
    if any(info.flag_bits & (0x1 | 0x40 | 0x2000) for info in infos):
        raise Refused(Finding("ARCHIVE-ENCRYPTED"))
    if unread := {info.compress_type for info in infos} - _METHODS:
        raise Refused(Finding("ARCHIVE-METHOD", values={"method": min(unread)}))
    end = 0
    for index, info in enumerate(sorted(infos, key=lambda info: info.header_offset)):
        if info.header_offset < end or (index == 0 and info.header_offset != 0):
            raise Refused(Finding("ARCHIVE-OVERLAPS"))
        end = info.header_offset + 30 + info.compress_size
    if end > directory:
        raise Refused(Finding("ARCHIVE-OVERLAPS"))


def _name(info: zipfile.ZipInfo) -> str:
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
