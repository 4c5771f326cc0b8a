"""The other side of a ratio: what reads DICOM files and writes a changed copy of each beside it, one after the other.

Those that are no part of Collecte are installed for development alone; where one is not there, its rows say so.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pydicom

#: Bytes at a time of a plain copy: they stay in the processor's cache while they are hashed twice.
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Peer:
    """One of them. ``work`` writes the copies under the names of :func:`copy_of`; ``what`` says what it does."""

    package: str
    what: str
    work: Callable[[Sequence[Path]], None]

    @cached_property
    def version(self) -> str | None:
        """None where it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def __str__(self) -> str:
        return f"{self.package} {self.version}{self.what}"

    def manages(self, path: Path) -> bool:
        """Whether it writes a copy of a file at all. Each has errors of its own."""
        try:
            self.work([path])
        except Exception:  # noqa: BLE001
            return False
        return True


def copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.copy")


def clear(paths: Sequence[Path]) -> None:
    """Remove the copies of before: nobody writes over another's file."""
    for path in paths:
        copy_of(path).unlink(missing_ok=True)


def hashed_copy(path: Path) -> None:
    """A plain copy that hashes what it reads and what it writes, and flushes, as ours does: what no tool can save."""
    read, written = hashlib.sha256(), hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as source, copy_of(path).open("wb", buffering=0) as target:
        while count := source.readinto(buffer):
            read.update(buffer[:count])
            target.write(buffer[:count])
            written.update(buffer[:count])
        os.fsync(target.fileno())
    if read.digest() != written.digest():
        raise RuntimeError("the copy differs")


def _read_and_write(paths: Sequence[Path]) -> None:
    for path in paths:
        pydicom.dcmread(path).save_as(copy_of(path))


def _dcmanon(paths: Sequence[Path]) -> None:
    from dcmanon import Anonymizer

    anonymizer = Anonymizer()
    for path in paths:
        copy_of(path).write_bytes(anonymizer.anonymize(str(path)))


def _dicom_anonymizer(paths: Sequence[Path]) -> None:
    from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file

    for path in paths:
        anonymize_dicom_file(str(path), str(copy_of(path)), {}, True)


#: Nothing changed: what every tool does that is built upon it, and no more.
PYDICOM = Peer("pydicom", " read + write, no SHA-256", _read_and_write)
#: Rust (MIT or Apache-2.0), by its Python package; its default rules.
DCMANON = Peer("dcmanon", "", _dcmanon)
#: Python (BSD), as its command goes through a folder; its default rules.
DICOM_ANONYMIZER = Peer("dicom-anonymizer", "", _dicom_anonymizer)
