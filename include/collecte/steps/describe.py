"""The facts of the safe copies: a row for each file, in Parquet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from collecte.catalogue import FileRow, files_of_shard, subjects_of_files
from collecte.records import Fact, State
from collecte.steps.moving import lease_of, working
from collecte.steps.site import Site


def describe(site: Site, shard: str) -> dict[str, int]:
    """Write the facts of one shard's safe copies to landing's ``facts/<shard>.parquet``."""
    from collecte.facts import write_facts  # pandas and Arrow, which the tasks of other steps need not load

    delivery, lease = lease_of(site, shard)
    if isinstance(lease, dict):
        return lease
    with site.catalogue.read() as connection:
        files = files_of_shard(connection, lease, State.WAITING)
        subjects = subjects_of_files(connection, [file.id for file in files])
    folder = site.received(delivery)
    rows = (facts_of(file, subjects.get(file.id, ()), folder / "safe" / f"f{file.id}") for file in files)
    with working(lease):
        (folder / "facts").mkdir(exist_ok=True)
        write_facts(folder / "facts" / f"{lease.number}.parquet", rows)
    counts = {"files": len(files)}
    with lease.finish(counts):
        return counts


def facts_of(file: FileRow, subjects: Sequence[str], safe: Path) -> Mapping[str, Fact]:
    """One file's facts: what the catalogue knows of it, and what its kind reads in the safe copy."""
    from collecte.formats.registry import FORMATS

    return {
        "file_id": file.id,
        "object_id": file.object_id,
        "kind": file.kind,
        "subject": subjects[0] if len(subjects) == 1 else None,
        "name": file.name,
        "size_bytes": file.safe_size,
        **FORMATS[str(file.kind)].describe(safe),
    }
