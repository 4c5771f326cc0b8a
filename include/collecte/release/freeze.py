"""The tree of a release: files by part and case, tables merged and cut, documents, sums and a signature.

A function of what it is given: made twice, it has the same bytes, names and times. It is made beside its place, by a
name that no reader looks for; what a killed attempt left there goes on, file by file.
"""

import csv
import io
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collecte.package import (
    KEY_NAME,
    SIGNATURE_NAME,
    SUMS_NAME,
    TIME,
    as_json,
    public_key_text,
    sha256_of,
    sha256sums,
    signature_of,
)
from collecte.release.scratch import Scratch, Written
from collecte.release.vault import Assigned
from collecte.zones import fsync_folder, write_whole

FILES_COLUMNS = ("path", "part", "case", "kind", "object", "size", "sha256")


@dataclass(frozen=True)
class Source:
    """A file that goes into a release. ``case``: whose; ``name``: below ``files/``, its first folder is the case;
    ``object``: what makes it one with others; ``origin``: where the copy to start from lies, with its SHA-256 (hex);
    ``file_id``: of the catalogue.
    """

    file_id: int
    case: str
    kind: str
    object: str
    name: str
    origin: Path
    sha256: str


#: Writes a source's copy under other ids, whole or not at all; its SHA-256 (hex), hashed as it was written.
Copy = Callable[[Source, Path], str]


@dataclass(frozen=True)
class Tables:
    """How tables are cut. ``label``: the column with the ground truth; ``hidden``: columns that the test sets do not
    have; ``order``: of columns; ``subject``: the column that says whose row it is, ``case`` in the release.
    """

    label: str
    subject: str
    hidden: Collection[str]
    order: Sequence[str]
    sources: Mapping[str, Sequence[int]] = field(default_factory=dict)


def write_tree(
    folder: Path,
    about: Mapping[str, object],
    assigned: Iterable[Assigned],
    sources: Iterable[Source],
    copy: Copy,
    scratch: Scratch,
    tables: Tables,
) -> None:
    """Write the files, tables, labels and ``release.json`` of a release, and ``files.csv`` over them. What is in no
    case of ``assigned`` stays out. ``about`` is what ``release.json`` says.

    A tree that was begun with another ``release.json`` is begun anew.
    """
    cases = {one.case: one for one in assigned}
    document = as_json(about)
    begun = folder / "release.json"
    if folder.exists() and not (begun.exists() and begun.read_bytes() == document):
        shutil.rmtree(folder)
    write_whole(begun, io.BytesIO(document))
    for source in sources:
        if source.case in cases:
            _write_file(folder, source, cases[source.case], copy, scratch)
    for name in sorted(scratch.columns):
        for part in ("train", "test"):
            _write_table(folder, name, part, cases, scratch, tables)
    _write_labels(folder, cases.values(), tables.label, scratch)
    _write_list(folder, scratch)


def seal_tree(folder: Path, scratch: Scratch, signing: Ed25519PrivateKey) -> str:
    """Write ``SHA256SUMS`` over all that was written, and sign it; whatever else lies there goes. The digest (hex)."""
    _document(folder / KEY_NAME, public_key_text(signing).encode() + b"\n", scratch)
    sums = folder / SUMS_NAME
    with io.BytesIO() as text:
        for written in scratch.files():
            text.write(sha256sums([(written.path, written.sha256)]))
        content = text.getvalue()
    write_whole(sums, io.BytesIO(content))
    write_whole(folder / SIGNATURE_NAME, io.BytesIO(signature_of(content, signing)))
    _prune(folder, scratch)
    return sha256_of(sums)


def add_document(folder: Path, name: str, content: bytes, scratch: Scratch) -> None:
    """Add a document to a tree that is not sealed yet."""
    _document(folder / name, content, scratch)


def _write_file(folder: Path, source: Source, case: Assigned, copy: Copy, scratch: Scratch) -> None:
    part = "train" if case.part == "train" else "test"
    path = f"{part}/files/{source.name}"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256_of(target) if target.exists() else copy(source, target)  # a killed attempt wrote it whole
    size = target.stat().st_size
    written = Written(path, part, case.case, source.kind, source.object, size, digest, source.file_id)
    scratch.add_file(written)


def _write_table(
    folder: Path, name: str, part: str, cases: Mapping[str, Assigned], scratch: Scratch, tables: Tables
) -> None:
    """One merged table of one part; the order of rows is that of the new ids."""
    hidden = set(tables.hidden) if part == "test" else set()
    known = [column for column in scratch.columns[name] if column not in hidden | {tables.subject}]
    columns = sorted(known, key=lambda column: (_place(column, tables.order), column))
    path = folder / part / "tables" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.part")
    count = 0
    with beside.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["case", *columns])
        for case, cells in scratch.rows(name):
            if case in cases and (cases[case].part == "train") == (part == "train"):
                writer.writerow([case, *(cells.get(column, "") for column in columns)])
                count += 1
        text.flush()
        os.fsync(text.fileno())
    if not count:
        beside.unlink()
        path.unlink(missing_ok=True)
        return
    beside.replace(path)
    scratch.add_file(_written(folder, path, part, "table"))


def _write_labels(folder: Path, cases: Iterable[Assigned], label: str, scratch: Scratch) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", label])
    writer.writerows(sorted((one.case, one.label) for one in cases if one.part == "train" and one.label))
    path = folder / "train" / "labels.csv"
    write_whole(path, io.BytesIO(text.getvalue().encode()))
    scratch.add_file(_written(folder, path, "train", "labels"))


def _write_list(folder: Path, scratch: Scratch) -> None:
    """``files.csv``: objects numbered in the order of their paths, which the new ids make."""
    numbers: dict[str, int] = {}
    path = folder / "files.csv"
    beside = path.with_name("files.csv.part")
    with beside.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(FILES_COLUMNS)
        for row in scratch.files():
            number = numbers.setdefault(row.object, len(numbers) + 1) if row.object else ""
            writer.writerow([row.path, row.part, row.case, row.kind, number, row.size, row.sha256])
        text.flush()
        os.fsync(text.fileno())
    beside.replace(path)
    for name in ("files.csv", "release.json"):
        scratch.add_file(_written(folder, folder / name, "", "document"))


def _document(path: Path, content: bytes, scratch: Scratch) -> None:
    write_whole(path, io.BytesIO(content))
    scratch.add_file(_written(path.parent, path, "", "document"))


def _written(folder: Path, path: Path, part: str, kind: str) -> Written:
    name = path.relative_to(folder).as_posix()
    return Written(name, part, "", kind, "", path.stat().st_size, sha256_of(path), None)


def _place(column: str, order: Sequence[str]) -> int:
    return order.index(column) if column in order else len(order)


def _prune(folder: Path, scratch: Scratch) -> None:
    """Remove what was not written now, give everything one time, and make the names durable."""
    for parent in [*_folders_inside(folder), folder]:
        for path in parent.iterdir():
            if path.is_dir() and not path.is_symlink():
                continue
            name = path.relative_to(folder).as_posix()
            if name in (SUMS_NAME, SIGNATURE_NAME) or scratch.wrote(name):
                os.utime(path, (TIME, TIME))
            else:
                path.unlink()
        if parent != folder and not any(parent.iterdir()):
            parent.rmdir()
        else:
            fsync_folder(parent)
    for parent in [*_folders_inside(folder), folder]:
        os.utime(parent, (TIME, TIME))


def _folders_inside(folder: Path) -> Iterator[Path]:
    """Every folder below, the deepest first."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if Path(parent) != folder:
            yield Path(parent)
