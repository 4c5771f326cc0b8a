"""What every package that leaves carries: a sorted tree of files and its ``SHA256SUMS``, written the same way each
time."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from collecte.errors import NeedsPerson

SUMS_NAME = "SHA256SUMS"
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file (hex), read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256sums(entries: Iterable[tuple[str, str]]) -> bytes:
    """The text of ``SHA256SUMS`` for (name, SHA-256 hex) pairs, sorted by name, as ``sha256sum --check`` reads it.

    Raises:
        ValueError: a name holds a newline or a backslash; ours never do.
    """
    lines = []
    for name, digest in sorted(entries):
        if "\n" in name or "\\" in name:
            raise ValueError("a name in a package holds a newline or a backslash")
        lines.append(f"{digest}  {name}\n")
    return "".join(lines).encode()


def read_sums(text: bytes) -> dict[str, str]:
    """Name → SHA-256 (hex) of a ``SHA256SUMS`` of ours.

    Raises:
        NeedsPerson: a line is not of the form ``<64 hex digits><two spaces><name>``.
    """
    sums = {}
    for number, line in enumerate(text.decode().splitlines(), 1):
        digest, separator, name = line.partition("  ")
        if len(digest) != 64 or not separator:
            raise NeedsPerson(f"Line {number} of {SUMS_NAME} is malformed.", "fetch the package again.")
        sums[name] = digest
    return sums


def differences(folder: Path) -> Iterator[str]:
    """What in a package's folder differs from its ``SHA256SUMS``, a sentence each; nothing where all agree."""
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {SUMS_NAME}
    for name in sorted(present - set(sums)):
        yield f"{name} is not listed"
    for name, digest in sums.items():
        if name not in present:
            yield f"{name} is missing"
        elif sha256_of(folder / name) != digest:
            yield f"{name} has other content"
