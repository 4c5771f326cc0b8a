"""What is a file, whom is it about, and what in it identifies? Asked of every file before the first is made safe."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from collecte.catalogue import DeliveryRow, FileRow, Moves, files_of_delivery, files_of_shard
from collecte.findings import Finding
from collecte.formats import Context
from collecte.formats.registry import FORMATS, recognise
from collecte.gates import kinds_covered
from collecte.receive import archive_kind, empty, kind_not_allowed, not_unpacked, type_unknown
from collecte.records import Harvest, Identifier, State
from collecte.residual import path_identifiers
from collecte.steps.moving import lease_of, paths_of, quarantine, working
from collecte.steps.site import Site
from collecte.steps.unpack import HARVESTED

#: The kind of a file that no format recognises.
OTHER = "other"


@dataclass(frozen=True)
class Examined:
    """One file's kind and harvest. IDENTIFYING (the harvest)."""

    kind: str
    harvest: Harvest


def examine(source: Path, relative: str, context: Context) -> Examined:
    """Recognise and harvest one file. ``relative`` is its path in the delivery, of which the words are harvested too.

    Everything that is wrong with the file comes back as findings of the harvest; only ``OSError`` is raised.
    """
    identifiers = path_identifiers(relative)
    kind = recognise(source, PurePosixPath(relative).suffix.lower()) if source.stat().st_size else None
    if finding := _refusal(source, kind, context):
        return Examined(kind or OTHER, Harvest(name="", identifiers=identifiers, findings=(finding,)))
    harvest = FORMATS[kind or OTHER].harvest(source, relative, context)
    return Examined(kind or OTHER, replace(harvest, identifiers=harvest.identifiers | identifiers))


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
        archives = files_of_delivery(connection, delivery.id, State.SUPERSEDED)
    context, received = site.context(), site.received(delivery)
    paths = paths_of(site.keys, files, archives)
    with working(lease):
        everything = [(file, _look(received, file, paths[file.id], context)) for file in files]
    looked = [(file, examined) for file, examined in everything if file.state is State.WAITING]
    identifiers = frozenset().union(*(examined.harvest.identifiers for _, examined in everything))
    counts = Counter(examined.kind for _, examined in looked) + Counter(files=len(looked))
    with lease.finish(counts) as moves:
        counts["quarantined"] = _record(site, delivery, moves, looked, identifiers)
    return dict(counts)


def _look(received: Path, file: FileRow, path: str, context: Context) -> Examined:
    """A link, or another entry that was never received, has its path alone."""
    if file.landing is None:
        return Examined(OTHER, Harvest(name="", identifiers=path_identifiers(path)))
    return examine(received / file.landing, path, context)


def _record(
    site: Site,
    delivery: DeliveryRow,
    moves: Moves,
    looked: Sequence[tuple[FileRow, Examined]],
    identifiers: frozenset[Identifier],
) -> int:
    digest = site.keys.digest
    keyed = {
        file.id: (examined.kind, digest("object", examined.kind, examined.harvest.object_key))
        for file, examined in looked
        if examined.harvest.object_key
    }
    objects = moves.objects(delivery.id, sorted(set(keyed.values())))
    subjects = moves.subjects(
        delivery.centre_id, sorted({subject for _, examined in looked for subject in examined.harvest.subjects})
    )
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
    moves.link_file_subjects(
        (file.id, subjects[subject]) for file, examined in looked for subject in examined.harvest.subjects
    )
    others = {identifier.subject for identifier in identifiers if identifier.subject} - set(subjects)
    subjects |= moves.subjects(delivery.centre_id, sorted(others))
    moves.add_identifiers(delivery.id, site.keys, identifiers, subjects)
    return quarantine(moves, "harvest", ((file.id, examined.harvest.findings) for file, examined in looked))
