"""The members of a tar, plain, gzip or bzip2, in their order."""

import bz2
import gzip
import tarfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from collecte.findings import Finding
from collecte.receive.streams import CHUNK, HEADER_BYTES, Budget, Guarded, Item, Refused, member_path, reading

#: Bytes; tar's unit.
BLOCK = 512


def tar_items(archive: Path, budget: Budget) -> Generator[Item, None, None]:
    """The members of a tar; folders are none.

    Raises:
        Refused: it is damaged, hostile or over a limit; after its last member at the latest.
    """
    with _plain(archive) as stream:
        guarded = Guarded(stream, HEADER_BYTES)
        guarded.left = HEADER_BYTES
        with tarfile.TarFile(fileobj=guarded, encoding="utf-8", errors="surrogateescape") as opened:
            while (info := opened.next()) is not None:
                # tarfile remembers every member; a long archive must not fill the memory.
                cast(Any, opened).members.clear()
                budget.meet()
                guarded.left = None
                path = member_path(info.name)
                if info.isreg() and path and (content := opened.extractfile(info)) is not None:
                    with content:
                        yield Item(path, info.size, content)
                elif not info.isdir():
                    budget.take(max(info.size, 0))  # read over, but read
                    yield Item(path, info.size, None, Finding("ARCHIVE-LINK"))
                guarded.left = HEADER_BYTES
            guarded.left = None
            _check_end(guarded, opened.offset, budget)


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes is the header of a tar member: its sum of bytes is right."""
    if len(block) < BLOCK or not block[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def first_block(path: Path) -> bytes:
    try:
        with reading(), _plain(path) as stream:
            return stream.read(BLOCK)
    except Refused:
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


def _check_end(stream: Guarded, offset: int, budget: Budget) -> None:
    """A tar ends in zeros. Where a header is broken, tarfile stops as if it were the end, and the members after it
    would be lost in silence; reading on also proves the sum of a compressed one.
    """
    stream.seek(offset)
    first = True
    while chunk := stream.read(CHUNK):
        if not first:
            budget.take(len(chunk))
        if chunk.strip(b"\0") or (first and len(chunk) < BLOCK):
            raise Refused(Finding("ARCHIVE-DAMAGED"))
        first = False
    if first:
        raise Refused(Finding("ARCHIVE-DAMAGED"))
