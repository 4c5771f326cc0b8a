"""A safe copy of each file, and an independent look at its bytes: the two together, or no copy at all."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from collecte.catalogue import (
    DeliveryRow,
    FileRow,
    Lease,
    deliveries_of,
    each_identifier,
    files_of_delivery,
    files_of_shard,
    identifiers_digest,
    subjects_of_files,
)
from collecte.catalogue.figures import files_by_id
from collecte.errors import CollecteError, NeedsPerson
from collecte.findings import Finding, refused
from collecte.formats import Context, nowhere
from collecte.package import sha256_of
from collecte.records import Look, Safe, State
from collecte.steps.moving import lease_of, paths_of, quarantine, require_as_received, require_received, working
from collecte.steps.pixel_text import Copy, first_of_each, hide_text, look_again, view_of
from collecte.steps.site import Site

if TYPE_CHECKING:
    from collecte.residual import Scanner

#: A lease is looked at again after so many files.
_CHECK_EVERY = 200
#: The kinds whose making says what was read of the source (``Safe.sha256_in``), unless it refuses it.
_HASHING = frozenset(("dicom",))


def make_file_safe(
    source: Path,
    target: Path,
    kind: str,
    name: str,
    subjects: Collection[str],
    context: Context,
    scanner: "Scanner",
    *,
    sampled: bool = True,
    view: Path | None = None,
) -> Safe:
    """Write the safe copy of ``source`` to ``target``, scan it for every identifier of the whole delivery, and look for
    text in its pixels: ``sampled`` and ``view`` are :class:`~collecte.steps.pixel_text.Copy`'s.

    Where the format, the scan or the look refuses, ``target`` is gone on return and the result carries the findings
    alone.
    """
    from collecte.formats.registry import FORMATS  # pydicom, which a step that only counts need not load

    safe = FORMATS[kind].make_safe(source, target, name, context)
    if not refused(safe.findings):
        safe = replace(safe, findings=(*safe.findings, *scanner.scan(target, subjects)))
        if tags := _tags_of(safe.findings):
            without = FORMATS[kind].make_safe(source, target, name, replace(context, withheld=tags))
            left = (*without.findings, *scanner.scan(target, subjects))
            if not refused(left):
                said = Finding("DICOM-TEXT-WITHHELD", place=_keywords(tags), count=len(tags))
                safe = replace(without, findings=(*left, said))
    dicom = context.challenge.kinds.dicom
    if dicom and safe.look is not Look.NEVER and not refused(safe.findings):
        copy = Copy(source, target, name, sampled, view)
        safe = hide_text(copy, safe, dicom.text_in_pixels, lambda path: scanner.scan(path, subjects))
    if refused(safe.findings):
        target.unlink(missing_ok=True)
        return replace(safe, sha256="", size=0)
    return safe


#: A standard attribute before the pixels, as a scan names its place.
_TAG = re.compile(r"\((?!7FE0)([0-9A-F]{3}[02468ACE]),([0-9A-F]{4})\)")


def _tags_of(findings: Iterable[Finding]) -> frozenset[int]:
    """The standard DICOM attributes in which a scan found something; none where it found something elsewhere, too: then
    to leave out their text would not help."""
    places = [_TAG.fullmatch(finding.place) for finding in findings if finding.refuses]
    return frozenset(int(place[1] + place[2], 16) for place in places if place) if all(places) else frozenset()


def _keywords(tags: Iterable[int]) -> str:
    from pydicom.datadict import keyword_for_tag

    return ", ".join(keyword_for_tag(tag) for tag in sorted(tags))


class References:
    """Where a file's name in a table leads: by its path in the delivery, or by its bare name where only one file has
    it."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names``: (path in the delivery, output name)."""
        self._outputs: dict[str, set[str]] = {}
        for path, name in names:
            for key in {_fold(path), _fold(PurePosixPath(path).name), _fold(PurePosixPath(path).stem)}:
                self._outputs.setdefault(key, set()).add(name)

    def __call__(self, name: str) -> str | None:
        """The output name, or None where no file or more than one is meant."""
        found = self._outputs.get(_fold(name.replace("\\", "/").removeprefix("./")), set())
        return next(iter(found)) if len(found) == 1 else None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def make_safe(site: Site, shard: str) -> dict[str, int]:
    """Make the files of one shard safe and scan them, in landing's scratch (``safe/f12``).

    Each attempt writes below a folder of its own and renames: the bytes are a function of input and keys, so that an
    orphan's late rename puts the same bytes under the name. Where *accept* met a damaged copy, only the damaged ones of
    the shard are made again.
    """
    delivery, lease = lease_of(site, shard)
    if isinstance(lease, dict):
        return lease
    with site.catalogue.read() as connection:
        files = files_of_shard(connection, lease, State.WAITING)
        sampled = _sampled(files)
        # Only a table names other files: the whole delivery is not read for every shard of images.
        everything = _named(connection, delivery) if any(f.kind == "table" for f in files) else []
        subjects = subjects_of_files(connection, [file.id for file in files])
    there = site.received(delivery) / "safe"
    files = [file for file in files if not (file.safe_sha256 and is_sound(there, file))]
    context = site.context(_references(site, everything) if everything else nowhere)
    with working(lease):
        make = _Maker(site.received(delivery), lease, subjects, sampled, context, scanner_of(site, delivery))
        made = make.all(files)
    counts = {"files": len(files), "bytes": sum(safe.size for safe in made.values())}
    with lease.finish(counts) as moves:
        moves.set_files(
            {"id": file_id, "safe_sha256": safe.sha256, "safe_size": safe.size}
            for file_id, safe in made.items()
            if safe.sha256
        )
        known = {file.id for file in files if file.safe_sha256}  # found before: their findings stand
        judged = [(i, safe.findings) for i, safe in made.items() if i not in known or refused(safe.findings)]
        counts["quarantined"] = quarantine(moves, "make_safe", judged)
    return counts


def is_sound(folder: Path, file: FileRow) -> bool:
    """Whether a file's safe copy in this folder is there and has the SHA-256 on record."""
    try:
        return sha256_of(folder / f"f{file.id}") == file.safe_sha256
    except OSError:
        return False


def scanner_of(site: Site, delivery: DeliveryRow) -> "Scanner":
    """The scanner for all that identifies in a delivery; what is compiled for it stays in landing until *accept*.

    Raises:
        OSError: the disk of landing is full, or refuses.
    """
    from collecte.residual import compile_scanner, key_of  # hyperscan and pydicom's dictionaries

    with site.catalogue.read() as connection:
        folder = scan_folder(site, delivery) / key_of(identifiers_digest(connection, delivery.id))
        return compile_scanner(each_identifier(connection, site.keys, delivery.id), folder)


def scan_folder(site: Site, delivery: DeliveryRow) -> Path:
    """Where the words of a delivery's identifiers stand for the scan. IDENTIFYING."""
    return site.received(delivery) / "scan"


def _sampled(files: Sequence[FileRow]) -> frozenset[int]:
    """The files that are looked at for text though only some of their class are: the first of each object in a shard,
    and those that are made again: whether they had been looked at is not on record."""
    first = first_of_each([file.object_id for file in files])
    return frozenset(file.id for file, is_first in zip(files, first, strict=True) if is_first or file.safe_sha256)


@dataclass(frozen=True)
class _Maker:
    """Makes the files of one shard safe in a folder of the attempt's own, and each goes under its name.

    An orphan may put the copy of a file back that was not looked at where now the one with its text masked stands. Then
    it is not the one on record, and *accept* has it made again.
    """

    received: Path
    lease: Lease
    subjects: Mapping[int, Sequence[str]]
    sampled: frozenset[int]
    context: Context
    scanner: "Scanner"

    def all(self, files: Sequence[FileRow]) -> Mapping[int, Safe]:
        self._own.mkdir(parents=True, exist_ok=True)
        made = {}
        for number, file in enumerate(files, 1):
            made[file.id] = self._one(file, sampled=file.id in self.sampled)
            if number % _CHECK_EVERY == 0:
                self.lease.check()
        for place in look_again([file.object_id for file in files], [made[file.id] for file in files]):
            made[files[place].id] = self._one(files[place], sampled=True)
        self._own.rmdir()
        return made

    @property
    def _own(self) -> Path:
        return self.received / "safe" / f"s{self.lease.number}.a{self.lease.attempt}"

    def _one(self, file: FileRow, *, sampled: bool) -> Safe:
        target, view = self._own / f"f{file.id}", view_of(self.received, file.id)
        try:
            safe = self._made(file, target, view, sampled=sampled)
        except NeedsPerson:  # what was made comes of other bytes
            target.unlink(missing_ok=True)
            view.unlink(missing_ok=True)
            raise
        named = self.received / "safe" / target.name
        if safe.sha256:
            target.replace(named)
        else:
            named.unlink(missing_ok=True)  # made before its series showed text
        return safe

    def _made(self, file: FileRow, target: Path, view: Path, *, sampled: bool) -> Safe:
        """The safe copy of the bytes that were received: where the format hashes the source as it reads it, they are
        compared by that, else (other formats, and files that are refused before their end) by reading them once more.

        Raises:
            NeedsPerson: its bytes are others than were received.
        """
        source, kind = self.received / str(file.landing), str(file.kind)
        if kind not in _HASHING:
            require_as_received(source, file)
        try:
            safe = make_file_safe(
                source,
                target,
                kind,
                str(file.name),
                self.subjects.get(file.id, ()),
                self.context,
                self.scanner,
                sampled=sampled,
                view=view,
            )
        except CollecteError:
            require_as_received(source, file)  # of other bytes, anything may be wrong
            raise
        if safe.sha256_in:
            require_received(safe.sha256_in, file)
        elif kind in _HASHING:
            require_as_received(source, file)
        return safe


def _named(connection: Connection, delivery: DeliveryRow) -> list[FileRow]:
    """What a table may name: files of its delivery, and those of the same folder that were accepted before: a table
    that was corrected or is judged anew comes without its images.
    """
    of_centre = deliveries_of(connection, delivery.centre_id)
    rows = [row for row in of_centre if row.folder_digest == delivery.folder_digest]
    before = [file for row in rows if row.id != delivery.id for file in files_of_delivery(connection, row.id)]
    mine = _with_first(connection, of_centre, files_of_delivery(connection, delivery.id))
    archives = [replace(file, name=None) for file in before if file.state is not State.ACCEPTED]
    return [*archives, *(file for file in before if file.state is State.ACCEPTED), *mine]


def _with_first(
    connection: Connection, deliveries: Iterable[DeliveryRow], files: Sequence[FileRow]
) -> Iterator[FileRow]:
    """The files; a duplicate has the output name of the first with its bytes, where that came in these deliveries."""
    ids = {file.id: file.points_to for file in files if file.state is State.DUPLICATE and file.points_to}
    first = files_by_id(connection, sorted(set(ids.values())))
    known = {delivery.id for delivery in deliveries}
    for file in files:
        of = first[ids[file.id]] if file.id in ids else file
        yield replace(file, name=of.name if of.delivery_id in known else None)


def _references(site: Site, files: Sequence[FileRow]) -> References:
    paths = paths_of(site.keys, files)
    return References((paths[file.id], str(file.name)) for file in files if file.name)
