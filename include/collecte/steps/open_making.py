"""The tree of an Open Data package: the files and tables of a release under ids of its own, coarser, with documents."""

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from collecte import opendata
from collecte.catalogue import (
    Job,
    PackageFile,
    PackageRow,
    freeze_package,
    package_files,
)
from collecte.challenge import OpenData
from collecte.disclosure import Generalised, Step
from collecte.disclosure.generalise import banded
from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer
from collecte.formats.table import rekeyed_rows
from collecte.opendata import Contents, TableInfo
from collecte.package import SIGNATURE_NAME, SUMS_NAME, read_sums, sha256_of
from collecte.pseudonym import ReleaseIds
from collecte.release import Scratch, Written, ensure_secret, read_assignment, release_name, scratch
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.open_gate import generalised
from collecte.steps.release_making import (
    at_work,
    drop_replaced,
    put_in_place,
    rules_of,
    take_over,
)

_TABLE, _CASES, _FILES = "table", "cases", "files"


def make_package(site: ChallengeSite, package: PackageRow, release: PackageRow, job: Job) -> dict[str, int]:
    """Make the tree of a package beside its place, give it its name, and say in the catalogue what it holds; counts.

    Raises:
        NeedsPerson: it does not verify, or a disk refuses; nothing is visible then.
        LeaseLost: a newer attempt began.
    """
    final = site.folder(package)
    hidden = site.hidden(package)
    with at_work(job), scratch(hidden / f"scratch.{job.attempt}") as rows:
        making = take_over(final, job.attempt)
        shutil.rmtree(making, ignore_errors=True)  # what a killed attempt made is made anew
        ids = ReleaseIds(ensure_secret(site.keys, hidden))
        coarser = generalised(site, release)
        _write_files(site, release, ids, making, rows, job)
        tables = _write_tables(site, release, ids, coarser, making, rows)
        payload = {one.path: (one.sha256, one.size) for one in rows.files()}
        for table in tables:
            payload[table.path] = (table.sha256, table.size)
            payload[table.parquet] = (table.parquet_sha256, table.parquet_size)
        contents = _contents(site, package, release, coarser, tables, rows)
        digest = opendata.complete(making, contents, payload, site.keys.signing)
        if broken := opendata.verify(making, None):
            raise NeedsPerson(f"{package.about} does not verify: {broken[0]}.", "check the disk, then clear the task.")
        counts = {"cases": contents.subjects, "files": contents.files, "tables": len(tables)}
        job.check()
        put_in_place(final, making)
        with job.finish(counts, [bytes.fromhex(digest)[:16]]) as connection:
            freeze_package(connection, package, digest, _rows_of(final, rows))
        drop_replaced(final)
    return counts


def _write_files(
    site: ChallengeSite, release: PackageRow, ids: ReleaseIds, folder: Path, rows: Scratch, job: Job
) -> None:
    """Every image of the release under the package's ids."""
    from collecte.formats.registry import FORMATS  # pydicom, which most steps need not load

    with site.catalogue.read() as connection:
        origin = {file.path: file.file_id for file in package_files(connection, release.id)}
    source = site.folder(release)
    replace = _rekeyer(ids)
    for number, row in enumerate(_csv(source / "files.csv")):
        if row["kind"] not in FORMATS or row["kind"] == _TABLE or not row["case"]:
            continue
        if number % 1000 == 0:
            job.check()
        path = f"data/files/{_new_name(ids, row['path'].partition('/files/')[2])}"
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        safe = FORMATS[row["kind"]].rekey(source / row["path"], target, replace)
        rows.add_file(
            Written(
                path, row["part"], ids.case(row["case"]), row["kind"], row["object"], safe.size, safe.sha256,
                origin.get(row["path"]),
            )
        )  # fmt: skip


def _write_tables(
    site: ChallengeSite, release: PackageRow, ids: ReleaseIds, coarser: Generalised, folder: Path, rows: Scratch
) -> list[TableInfo]:
    """The release's tables of both parts together, coarser; the cases with their part and label; the list of files."""
    label = rules_of(site).label
    _read_tables(site, release, ids, coarser.steps, rows)
    parts = {one.case: one for one in read_assignment(site.keys, site.hidden(release))}
    cases = ((ids.case(case), [one.part, one.label]) for case, one in parts.items())
    rows.add_rows(_CASES, ["part", label], cases)
    part_of = {ids.case(case): one.part for case, one in parts.items()}
    tables = []
    for name in sorted(rows.columns):
        header = [column for column in rows.columns[name] if name == _CASES or column != label]
        found = ([case, *(cells.get(column, "") for column in header)] for case, cells in rows.rows(name))
        tables.append(opendata.write_table(folder, name, ["case", *header], found))
    listed = (
        [one.path, one.case, part_of.get(one.case, ""), one.kind, str(one.size), one.sha256] for one in rows.files()
    )
    header = ["path", "case", "part", "kind", "size", "sha256"]
    return [*tables, opendata.write_table(folder, _FILES, header, listed)]


def _read_tables(
    site: ChallengeSite, release: PackageRow, ids: ReleaseIds, steps: Iterable[Step], rows: Scratch
) -> None:
    cut = {step.column: _cut(step) for step in steps if step.band}
    dropped = {step.column for step in steps if step.band is None} | _free_texts(site)
    for path in sorted(site.folder(release).glob("*/tables/*.csv")):
        with rekeyed_rows(path, _rekeyer(ids), site.challenge.kinds.table, "case") as (header, lines):
            kept = [i for i, column in enumerate(header) if column not in dropped | {"case"}]
            whose = list(header).index("case")
            apply = [cut.get(column, str) for column in header]
            found = ((line[whose], [apply[i](line[i]) for i in kept]) for line in lines)
            rows.add_rows(path.stem, [header[i] for i in kept], found)


def _free_texts(site: ChallengeSite) -> set[str]:
    """Columns of free text: nobody can say of them how many persons share what they tell."""
    table = site.challenge.kinds.table
    return {column.names[0] for column in table.columns if column.action == "text"} if table else set()


def _cut(step: Step) -> Callable[[str], str]:
    return lambda cell: str(banded(cell, step.band or 1.0)) if cell else ""


def _rekeyer(ids: ReleaseIds) -> Rekeyer:
    """Headers keep nothing of a patient's characteristics: the tables tell them, as coarse as was decided."""
    return Rekeyer(ids.case, ids.uid, ids.reference, lambda name: _new_name(ids, name), characteristics=False)


def _new_name(ids: ReleaseIds, name: str) -> str:
    return release_name(ids, ids.case(name.partition("/")[0]), name)


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _contents(
    site: ChallengeSite,
    package: PackageRow,
    release: PackageRow,
    coarser: Generalised,
    tables: list[TableInfo],
    rows: Scratch,
) -> Contents:
    challenge, rules = site.challenge, open_rules(site)
    assigned = read_assignment(site.keys, site.hidden(release))
    files, size, ids = 0, 0, []
    for one in rows.files():
        files, size = files + 1, size + one.size
        ids += [one.file_id] if one.file_id else []
    return Contents(
        challenge=challenge.id,
        version=package.label,
        title_fr=challenge.title.fr,
        title_en=challenge.title.en,
        society=challenge.society,
        contact=rules.contact or challenge.coordinator.email,
        licence=str(challenge.licence),
        ethics=str(challenge.ethics),
        url=rules.url,
        publisher="Health Data Hub",
        published=package.created_at.year,
        release=str(release.digest),
        replaces=package.digest or "",
        centres=len({one.centre for one in assigned}),
        cases=Counter(one.part for one in assigned),
        files=files,
        bytes=size,
        label=rules_of(site).label,
        figures=_figures(site, ids),
        coarser=tuple((step.fr, step.en) for step in coarser.steps),
        k=coarser.after.k,
        tables=tuple(tables),
    )


def _figures(site: ChallengeSite, ids: list[int]) -> list[tuple[str, str, int]]:
    """How many images of each modality."""
    from collecte.facts import open_facts  # pandas, Arrow and DuckDB, which most steps need not load

    facts = open_facts(site.curated, site.challenge.id)
    try:
        found = facts.execute(
            "SELECT modality, count(*) FROM facts WHERE modality IS NOT NULL AND file_id IN (SELECT unnest(?)) "
            "GROUP BY modality ORDER BY modality",
            [ids],
        ).fetchall()
    finally:
        facts.close()
    return [(f"images {modality}", f"{modality} images", count) for modality, count in found]


def _rows_of(folder: Path, rows: Scratch) -> Iterator[PackageFile]:
    """What the catalogue keeps of a package: a row for each of its files."""
    written = {one.path: one for one in rows.files()}
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    for path in (SUMS_NAME, SIGNATURE_NAME):
        sums[path] = sha256_of(folder / path)
    for path, digest in sums.items():
        one = written.get(path)
        yield PackageFile(one.file_id if one else None, path, "", (folder / path).stat().st_size, digest)


def open_rules(site: ChallengeSite) -> OpenData:
    if site.challenge.open_data is None:
        raise NeedsPerson(
            f"The challenge file of {site.challenge.id} has no block open_data.",
            "add one: docs/challenge.md says what it holds.",
        )
    return site.challenge.open_data
