"""A folder of files as somebody has it, the folder of their safe copies, and the scratch folder between the two."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.receive import unreadable

#: The scratch folder holds words that identify: nobody else may look into it.
_OWNER = 0o700


@dataclass(frozen=True)
class Listing:
    """What lies below a folder: paths relative to it, sorted; ``others`` are links, special files and folders that may
    not be looked into, each with its finding."""

    files: list[str]
    others: dict[str, Finding]


def listed(folder: Path) -> Listing:
    """Symbolic links are never followed."""
    files: list[str] = []
    others: dict[str, Finding] = {}

    def unlisted(error: OSError) -> None:
        others[os.path.relpath(os.fsdecode(error.filename), folder)] = unreadable()

    for root, folders, names in os.walk(folder, onerror=unlisted):
        for name in (*folders, *names):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                files.append(relative)
            elif not stat.S_ISDIR(mode):
                others[relative] = Finding("DROP-SYMLINK" if stat.S_ISLNK(mode) else "DROP-SPECIAL-FILE")
    return Listing(sorted(files), others)


def check_folders(source: Path, target: Path) -> None:
    """Neither folder may lie in the other.

    Raises:
        NeedsPerson: one does, or ``source`` is no folder.
    """
    if not source.is_dir():
        raise NeedsPerson(f"{source} is no folder.", "name the folder that holds the files to make safe.")
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise NeedsPerson("One of the two folders lies in the other.", "choose an output folder beside the source.")


def of_other_runs(target: Path, names: Iterable[str]) -> int:
    """How many files lie below ``target`` besides those of these names (paths relative to it)."""
    there = listed(target)
    return len({*there.files, *there.others} - set(names))


@contextmanager
def scratch_of(target: Path) -> Iterator[Path]:
    """A folder for copies that are not yet known to be accepted, beside the output and never in it; gone afterwards.

    Raises:
        NeedsPerson: a disk is full or refuses; or another run into the same output is under way.
    """
    folder = target.resolve().with_name(f".{target.resolve().name}.collecte-scratch")
    with _disk():
        folder.mkdir(mode=_OWNER, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _lock(handle)
            _empty(folder)  # a killed run's
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def _lock(handle: int) -> None:
    """The lock ends with the process, however that ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NeedsPerson(
            "Another run writes into this output folder.", "wait until it has ended, or choose another folder."
        ) from None


def _empty(folder: Path) -> None:
    folder.chmod(_OWNER)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def _disk() -> Iterator[None]:
    """Says what to do where the operating system refuses, without a path.

    Raises:
        NeedsPerson: it did.
    """
    try:
        yield
    except OSError as error:
        raise NeedsPerson(*_SAID.get(error.errno or 0, _refused(error.errno or 0))) from None


_FULL = ("The disk of the output folder is full.", "make room for as much as the source holds, then run it again.")
_FORBIDDEN = (
    "The operating system does not let the output folder, or the folder that holds it, be written.",
    "choose a folder that you may write, or have the right given to you.",
)
_SAID = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
}


def _refused(number: int) -> tuple[str, str]:
    name = errno.errorcode.get(number, "unknown")
    return (
        f"The operating system refused a file of the source or of the output ({name}).",
        "check the disks, and that the source may be read and the folder of the output written.",
    )
