"""A frozen release without what was recalled: the same ids, the same parts, another digest that names the old one."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from collecte.catalogue import (
    AcceptedFile,
    PackageFile,
    PackageRow,
    accepted_files,
    begin,
    freeze_package,
    package_files,
)
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.package import sha256_of
from collecte.pseudonym import ReleaseIds
from collecte.records import State
from collecte.release import Assigned, Scratch, Source, ensure_secret, read_assignment, scratch
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.release_freeze import TABLE, read_tables
from collecte.steps.release_making import (
    Plan,
    at_work,
    drop_remains,
    drop_replaced,
    make,
    package_rows,
    require_unchanged,
    stands,
    tables_of,
)
from collecte.zones import place


def remake_release(
    site: ChallengeSite, label: str, without: frozenset[int], subjects: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Make a frozen release anew without some files of the catalogue and all rows of some subjects (pseudonyms), under
    the same ids and in the same parts. The digest that it had stands in ``release.json`` as ``replaces``.

    Tables are merged anew from curated: what was taken out of a table there is gone here too. Where nothing of it is in
    the release, nothing changes.

    Raises:
        NeedsPerson: it is not frozen, or its folder is no longer what was frozen.
    """
    package = site.package("release", label)
    final = site.folder(package)
    with site.catalogue.read() as connection:
        held = package_files(connection, package.id)
    hidden = site.hidden(package)
    secret = ensure_secret(site.keys, hidden)
    gone = {ReleaseIds(secret).case(subject) for subject in subjects}
    here = {one.case for one in read_assignment(site.keys, hidden)} | _cases(held)
    if not (gone & here or without & {file.file_id for file in held}) and stands(site, package):
        drop_remains(site, package)
        return {"files_removed": 0, "cases_removed": 0}
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/remake/{str(package.digest)[:16]}")
    if isinstance(job, dict):
        return job
    with at_work(job), scratch(hidden / f"scratch.{job.attempt}") as rows:
        folder = require_unchanged(site, package)
        about = {**json.loads((folder / "release.json").read_bytes()), "replaces": package.digest}
        ids = ReleaseIds(secret)
        kept_tables = [file for file in _tables(site, held) if file.id not in without]
        left_out = about["homogeneity"]["left_out_facts"]
        tables = tables_of(site, read_tables(site, ids, kept_tables, left_out, rows))
        sources = [one for one in _sources(folder, held) if one.file_id not in without and one.case not in gone]
        kept = _kept(site, package, gone, {source.case for source in sources}, rows)
        plan = Plan(about, kept, secret, sources, _take_over, rows, tables, _findings(folder))
        made = make(site, package, plan, job)
        counts = {
            "files_removed": sum(bool(file.file_id) and "/files/" in file.path for file in held) - len(sources),
            "cases_removed": len(here) - len(kept),
        }
        with job.finish(counts, [bytes.fromhex(made.digest)[:16]]) as connection:
            freeze_package(connection, package, made.digest, package_rows(rows, tables, final))
        drop_replaced(final)
    return counts


def _cases(held: list[PackageFile]) -> set[str]:
    """The cases that have files: the folder below ``files/``."""
    return {file.path.split("/")[2] for file in held if file.path.startswith(("train/files/", "test/files/"))}


def _tables(site: ChallengeSite, held: list[PackageFile]) -> list[AcceptedFile]:
    """The tables that a release was merged from; one that a correction has since superseded is still in it."""
    ids = {file.file_id for file in held if "/tables/" in file.path}
    with site.catalogue.read() as connection:
        files = accepted_files(connection, site.challenge.id, (State.ACCEPTED, State.SUPERSEDED))
        return [file for file in files if file.kind == TABLE and file.id in ids]


def _sources(folder: Path, held: list[PackageFile]) -> Iterator[Source]:
    """The files of the release as it is, with the sums that the catalogue has of them."""
    known = {file.path: file for file in held}
    with (folder / "files.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["case"]:
                file = known[row["path"]]
                name = row["path"].split("/files/", 1)[1]
                yield Source(
                    file.file_id or 0, row["case"], row["kind"], row["object"], name, folder / row["path"], file.sha256
                )


def _take_over(source: Source, target: Path) -> str:
    """Put a file of the release as it was into the new tree, without copying it."""
    if sha256_of(source.origin) != source.sha256:
        raise NeedsPerson(
            f"A file of the release made from f{source.file_id} is not what was frozen.",
            "put the release's folder back from its backup, then run the step again.",
        )
    place(source.origin, target, source.sha256)
    return source.sha256


def _kept(
    site: ChallengeSite, package: PackageRow, gone: set[str], with_files: set[str], rows: Scratch
) -> list[Assigned]:
    """The cases that still have a file or a row."""
    there = with_files | {case for case, _ in rows.rows()}
    return [
        one for one in read_assignment(site.keys, site.hidden(package)) if one.case in there and one.case not in gone
    ]


def _findings(folder: Path) -> list[Finding]:
    """What there was to say of the release."""
    said = json.loads((folder / "certificate.json").read_bytes())["findings"]
    return [Finding(one["code"], one["place"], one["count"]) for one in said]
