"""What is a file, whom is it about, and what in it identifies? Asked of every file before the first is made safe."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from collecte.catalogue import DeliveryRow, FileRow, Lease, Moves, archives_of, files_of_shard
from collecte.catalogue.recalls import refused_digests
from collecte.findings import Finding, refused
from collecte.formats import Context
from collecte.gates import kinds_covered
from collecte.receive import archive_kind, empty, kind_not_allowed, not_unpacked, type_unknown
from collecte.records import Harvest, Identifier, Look, State
from collecte.steps.moving import lease_of, paths_of, quarantine, working
from collecte.steps.recall_disk import remove_paths
from collecte.steps.refusal import recalled, turn_away
from collecte.steps.site import Site
from collecte.steps.unpack import HARVESTED

#: The kind of a file that no format recognises.
OTHER = "other"

#: Identifiers that are written at once.
_BATCH = 5000


@dataclass(frozen=True)
class Examined:
    """One file's kind and harvest. IDENTIFYING (the harvest)."""

    kind: str
    harvest: Harvest
    in_path: frozenset[Identifier] = frozenset()

    def identifiers(self) -> Iterator[Identifier]:
        """What identifies in the file and in its path: of a table, read from the file again."""
        yield from self.in_path
        yield from self.harvest.identifiers

    def without_identifiers(self) -> "Examined":
        """All but these, which may be many."""
        return replace(self, harvest=replace(self.harvest, identifiers=frozenset()), in_path=frozenset())


def examine(source: Path, relative: str, context: Context) -> Examined:
    """Recognise and harvest one file. ``relative`` is its path in the delivery, of which the words are harvested too.

    Everything that is wrong with the file comes back as findings of the harvest; only ``OSError`` is raised.
    """
    from collecte.formats.registry import FORMATS, recognise  # pydicom and its dictionaries, which a step that only
    from collecte.residual import path_identifiers  # counts need not load

    in_path = path_identifiers(relative)
    kind = recognise(source, PurePosixPath(relative).suffix.lower()) if source.stat().st_size else None
    if finding := _refusal(source, kind, context):
        return Examined(kind or OTHER, Harvest(name="", findings=(finding,)), in_path)
    return Examined(kind or OTHER, FORMATS[kind or OTHER].harvest(source, relative, context), in_path)


def _refusal(source: Path, kind: str | None, context: Context) -> Finding | None:
    if source.stat().st_size == 0:
        return empty()
    if kind is None:
        return not_unpacked() if archive_kind(source) else type_unknown()
    if kind not in kinds_covered(context.challenge, context.centre):
        return kind_not_allowed(kind)
    return None


def harvest(site: Site, shard: str) -> dict[str, int]:
    """Examine the files of one shard; seal what identifies, and record kinds, objects and subjects.

    Of a file that is refused already, or repeats another, what identifies is kept and nothing else.
    """
    delivery, lease = lease_of(site, shard)
    if isinstance(lease, dict):
        return lease
    with site.catalogue.read() as connection:
        files = [file for file in files_of_shard(connection, lease) if file.state in HARVESTED]
        archives = archives_of(connection, files)
    context, received = site.context(), site.received(delivery)
    paths = paths_of(site.keys, files, archives)
    with working(lease):
        kept = _Kept(site, delivery, lease)
        everything = [(file, kept.keep(_look(received, file, paths[file.id], context))) for file in files]
        kept.flush()
    counts = Counter[str]()
    with lease.finish(counts) as moves:
        gone = _turn_away(site, moves, everything)
        left = {file.id for file in gone}
        looked = [(file, examined) for file, examined in everything if file.id not in left]
        waiting = [(file, examined) for file, examined in looked if file.state is State.WAITING]
        counts.update(examined.kind for _, examined in waiting)
        counts["files"] = len(waiting)
        _link(delivery, moves, looked)
        if looks := _looks(site, [examined.harvest for _, examined in waiting]):
            counts["looks_for_text"] = looks
        counts["quarantined"] = _record(site, delivery, moves, waiting)
        if gone:
            counts["refused"] = len(gone)
    remove_paths(received / file.landing for file in gone if file.landing)
    return dict(counts)


def _looks(site: Site, harvests: Sequence[Harvest]) -> int:
    """How many of these files will be looked at for text in their pixels, about: by it the next steps are cut."""
    dicom = site.challenge.kinds.dicom
    looked = [harvest for harvest in harvests if not refused(harvest.findings)]
    always = sum(harvest.look in (Look.ALWAYS, Look.DECLARED) for harvest in looked)
    samples = [harvest.object_key for harvest in looked if harvest.look is Look.SAMPLE]
    first = len(set(samples))
    return always + first + round((len(samples) - first) * (dicom.text_in_pixels.share if dicom else 0))


def _turn_away(site: Site, moves: Moves, everything: Sequence[tuple[FileRow, Examined]]) -> list[FileRow]:
    """Refuse what a recall took back before; those files, and the archives that hold them: no copy of them is kept."""
    refused = refused_digests(moves.connection, site.challenge.id)
    subjects = {file.id: examined.harvest.subjects for file, examined in everything}
    gone = recalled(site.keys, refused, (file for file, _ in everything), subjects)
    turn_away(moves, "harvest", gone)
    archives = [archive for archive in archives_of(moves.connection, gone) if archive.landing]
    moves.set_files({"id": archive.id, "landing": None} for archive in archives)
    return [*gone, *archives]


def _link(delivery: DeliveryRow, moves: Moves, looked: Sequence[tuple[FileRow, Examined]]) -> None:
    """Say whom each file is about, also of those in quarantine: a recall finds them by it. A duplicate has the bytes of
    another, which says it.
    """
    about = [(file.id, one.harvest.subjects) for file, one in looked if file.state is not State.DUPLICATE]
    ids = moves.subjects(delivery.centre_id, sorted({subject for _, subjects in about for subject in subjects}))
    moves.link_file_subjects((file_id, ids[subject]) for file_id, subjects in about for subject in subjects)


class _Kept:
    """Identifiers on their way into the catalogue, sealed, a batch at a time: each is there once however often it is
    kept, so that an attempt may be killed between two batches.
    """

    def __init__(self, site: Site, delivery: DeliveryRow, lease: Lease) -> None:
        self._site, self._delivery, self._lease = site, delivery, lease
        self._batch: set[Identifier] = set()

    def keep(self, examined: Examined) -> Examined:
        """Keep those of one file; the file without them."""
        for identifier in examined.identifiers():
            self._batch.add(identifier)
            if len(self._batch) >= _BATCH:
                self.flush()
        return examined.without_identifiers()

    def flush(self) -> None:
        """Write what was kept since."""
        with self._lease.progress() as moves:
            subjects = {identifier.subject for identifier in self._batch if identifier.subject}
            ids = moves.subjects(self._delivery.centre_id, sorted(subjects))
            moves.add_identifiers(self._delivery.id, self._site.keys, self._batch, ids)
        self._batch.clear()


def _look(received: Path, file: FileRow, path: str, context: Context) -> Examined:
    """A link, or another entry that was never received, has its path alone."""
    if file.landing is None:
        from collecte.residual import path_identifiers

        return Examined(OTHER, Harvest(name=""), path_identifiers(path))
    return examine(received / file.landing, path, context)


def _record(
    site: Site,
    delivery: DeliveryRow,
    moves: Moves,
    looked: Sequence[tuple[FileRow, Examined]],
) -> int:
    digest = site.keys.digest
    keyed = {
        file.id: (examined.kind, digest("object", examined.kind, examined.harvest.object_key))
        for file, examined in looked
        if examined.harvest.object_key
    }
    objects = moves.objects(delivery.id, sorted(set(keyed.values())))
    moves.set_files(
        {
            "id": file.id,
            "kind": examined.kind,
            "name": examined.harvest.name or None,
            "logical_digest": digest("logical", examined.harvest.logical_id) if examined.harvest.logical_id else None,
            "object_id": objects[keyed[file.id]] if file.id in keyed else None,
        }
        for file, examined in looked
    )
    return quarantine(moves, "harvest", ((file.id, examined.harvest.findings) for file, examined in looked))
