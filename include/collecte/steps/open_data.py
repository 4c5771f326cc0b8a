"""Release → open: a package under ids of its own, approved by two people, made public, proved there.

``start_open → make_open → two answers → publish_open``; after a recall ``remake_open``.
"""

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from collecte import opendata
from collecte.catalogue import (
    Job,
    PackageFile,
    PackageReceipt,
    PackageRow,
    add_package_receipts,
    begin,
    close_package_shipment,
    ensure_package_shipment,
    freeze_package,
    new_package,
    package_files,
    package_receipts,
    packages_of,
    shipments_of_package,
)
from collecte.challenge import OpenData
from collecte.disclosure import Generalised, Step
from collecte.disclosure.generalise import banded
from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer
from collecte.formats.table import rekeyed_rows
from collecte.gates import refusals
from collecte.opendata import Contents, TableInfo
from collecte.opendata.publishers import Publication, publisher
from collecte.package import SIGNATURE_NAME, SUMS_NAME, read_sums, sha256_of
from collecte.pseudonym import ReleaseIds
from collecte.release import Scratch, Written, ensure_secret, read_assignment, release_name, scratch
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import require_approved
from collecte.steps.host_way import leaves_of
from collecte.steps.open_gate import generalised, open_gate, release_of, require_unchanged
from collecte.steps.release_making import (
    at_work,
    drop_remains,
    drop_replaced,
    put_in_place,
    rules_of,
    take_over,
)
from collecte.transport import Stored

#: Where the package goes, as shipments call it.
DESTINATION = "open"

_TABLE, _CASES, _FILES = "table", "cases", "files"


def start_open(site: ChallengeSite, release: str | None = None) -> str:
    """Begin a package of a release (the newest, where none is named), such as ``v1``; or the one that was begun of it.

    Raises:
        NeedsPerson: the challenge has no ``open_data``, there is no frozen release, or the gate is closed.
    """
    _rules(site)
    with site.catalogue.read() as connection:
        made = [row for row in packages_of(connection, site.challenge.id, "release") if row.state == "frozen"]
    if not made:
        raise NeedsPerson(f"Challenge {site.challenge.id} has no frozen release.", "make one: the release DAG.")
    of = site.package("release", release) if release else made[-1]
    if found := refusals(open_gate(site, of.label)):
        said = " ".join(f"{finding.code}: {finding.text('en')} {finding.remedy('en')}" for finding in found)
        raise NeedsPerson(f"release/{of.label} cannot become public. {said}", "meet each of these, then start again.")
    inputs = _inputs(site, of)
    with site.catalogue.transaction() as connection:
        for row in packages_of(connection, site.challenge.id, "open"):
            if row.release_id == of.id and row.inputs == inputs:
                return row.label
        return new_package(connection, site.challenge.id, "open", inputs, of.id).label


def make_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """Make the tree of a package, with its documents and signature, and say in the catalogue what it holds.

    Raises:
        NeedsPerson: the release changed, the gate is closed, or a disk refuses; nothing is visible then.
    """
    package = site.package("open", label)
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/make")
    if isinstance(job, dict):
        drop_remains(site, package)
        return job
    release = release_of(site, package)
    if found := refusals(open_gate(site, release.label)):
        raise NeedsPerson(
            f"release/{release.label} cannot become public: {', '.join(one.code for one in found)}.",
            "the log of the task `start` says what to do; start again then.",
        )
    return _make(site, package, release, job)


def remake_open(
    site: ChallengeSite, label: str, without: frozenset[int], subjects: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Make a package anew of its release, which was made anew before without what was recalled; then take back what is
    public of it and no longer in it, and publish what changed. Where its release did not change, nothing does.

    The digest that it had stands in its data card as the one that it replaces. No approval is asked for: what is
    published is less than was approved before.

    Raises:
        NeedsPerson: the public place refuses.
        Retry: the connection was lost.
    """
    package = site.package("open", label)
    release = release_of(site, package)
    if package.state != "frozen":
        return {}
    counts: dict[str, int] = {}
    if not _is_of(site, package, release):
        job = begin(site.catalogue, site.challenge.id, f"{package.about}/remake/{str(release.digest)[:16]}")
        counts = job if isinstance(job, dict) else _make(site, package, release, job)
    package = site.package("open", label)
    drop_remains(site, package)
    with site.catalogue.read() as connection:
        sent = shipments_of_package(connection, package.id)
    if any(shipment.digest != package.digest for shipment in sent):
        counts |= _publish_again(site, package)
    return counts


def publish_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """Publish a package: every file proved, ``SHA256SUMS`` last. What is there is not sent again.

    Raises:
        NeedsPerson: it is not approved by two people over exactly these bytes, a file changed, the gate is closed, or
            the public place refuses us or holds something else.
        Retry: the connection was lost.
    """
    package = site.package("open", label)
    require_approved(site, package.about, str(package.digest))
    if found := refusals(open_gate(site, release_of(site, package).label)):
        raise NeedsPerson(
            f"{package.about} may not be published any more: {', '.join(one.code for one in found)}.",
            "meet what the gate asks; nothing was sent.",
        )
    require_unchanged(site, package)
    return _publish(site, package)


def verify_open(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a package, a sentence each, with the file named; empty where all holds.

    ``public_key`` None: the folder's own copy is taken, which proves that it is whole, not where it comes from.
    """
    return opendata.verify(folder, public_key)


def verify_public(site: ChallengeSite, label: str) -> list[str]:
    """Read back what is public of a package; what is wrong with it, a sentence each."""
    package = site.package("open", label)
    return publisher(_rules(site).publisher).verify(_publication(site, package))


def dry_run_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """What publishing a package would do, without doing it."""
    package = site.package("open", label)
    return dict(publisher(_rules(site).publisher).dry_run(_publication(site, package)))


# --- the tree


def _make(site: ChallengeSite, package: PackageRow, release: PackageRow, job: Job) -> dict[str, int]:
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
    challenge, rules = site.challenge, _rules(site)
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


def _is_of(site: ChallengeSite, package: PackageRow, release: PackageRow) -> bool:
    """Whether a package is whole, and made of its release as that is now."""
    folder = site.folder(package)
    return (
        (folder / SUMS_NAME).is_file()
        and sha256_of(folder / SUMS_NAME) == package.digest
        and str(release.digest) in (folder / "CITATION.cff").read_text("utf-8")
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


def _inputs(site: ChallengeSite, release: PackageRow) -> str:
    """A digest over what a package is made of: the release as it was frozen, and the rules."""
    rules = site.challenge.model_dump_json(include={"release", "open_data", "licence", "ethics"})
    return hashlib.sha256(f"{release.inputs}\n{release.label}\n{rules}".encode()).hexdigest()


# --- the public place


def _rules(site: ChallengeSite) -> OpenData:
    if site.challenge.open_data is None:
        raise NeedsPerson(
            f"The challenge file of {site.challenge.id} has no block open_data.",
            "add one: docs/challenge.md says what it holds.",
        )
    return site.challenge.open_data


def _publication(site: ChallengeSite, package: PackageRow) -> Publication:
    rules, folder = _rules(site), site.folder(package)
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    sums |= {name: sha256_of(folder / name) for name in (SIGNATURE_NAME, SUMS_NAME)}
    prefix = f"{site.challenge.id}/{package.label}"
    return Publication(site.connect(rules.place.connection), rules.place.path, prefix, folder, sums)


def _publish(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    publication = _publication(site, package)
    with site.catalogue.transaction() as connection:
        shipment = ensure_package_shipment(connection, package, DESTINATION)
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/publish/{str(package.digest)[:16]}")
    if isinstance(job, dict):
        return job
    stored = list(publisher(_rules(site).publisher).publish(publication))
    counts = {"files": len(stored), "bytes": sum(one.item.size for one in stored)}
    with job.finish(counts, [bytes.fromhex(str(package.digest))[:16]]) as connection:
        add_package_receipts(connection, shipment, (_receipt(publication, one) for one in stored))
        close_package_shipment(connection, shipment)
    return counts


def _publish_again(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    """Take back what is public of a package and no longer in it, or has other bytes now; then publish."""
    counts = _withdraw(site, package)
    return counts | {"published": _publish(site, package)["files"]}


def _withdraw(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    """Take back whatever is not proved to be as it is now: a publishing that was killed has no receipt of what it sent.

    Once for each digest: done again after the new bytes are public, it would take those back.
    """
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/withdraw/{str(package.digest)[:16]}")
    if isinstance(job, dict):
        return job
    publication, way = _publication(site, package), publisher(_rules(site).publisher)
    with site.catalogue.read() as connection:
        shipments = shipments_of_package(connection, package.id)
        sent = [receipt for one in shipments for receipt in package_receipts(connection, one.id)]
    gone = {one.path: one for one in sent if publication.sums.get(one.path) != one.sha256}
    same = {one.path for one in sent} - set(gone)
    removed = list(way.withdraw(publication, sorted({*way.there(publication), *gone} - same)))
    counts = {"withdrawn": len(removed), "locked": sum(one.locked for one in removed)}
    with job.finish(counts, leaves_of(gone.values())):
        return counts


def _receipt(publication: Publication, stored: Stored) -> PackageReceipt:
    item = stored.item
    path = item.key.removeprefix(f"{publication.prefix}/")
    return PackageReceipt(item.key, path, item.size, item.sha256, stored.version_id, stored.etag, stored.proof)
