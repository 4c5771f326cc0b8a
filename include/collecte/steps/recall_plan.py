"""Where copies of what a recall names are: each place is asked, nothing is changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import PackageRow, archives_of, package_files, packages_with, shipments_of_package
from collecte.catalogue.recalled import document_keys, identifiers_of_subject, receipts_of_files
from collecte.catalogue.recalls import (
    Located,
    RecallRow,
    Scope,
    accepted_tables,
    also_about_others,
    archives_of_nothing_else,
    delivery_label,
    files_named,
    located,
    nobody_tells,
    pseudonym_of,
    same_bytes_as,
)
from collecte.recall import Action, Copies, Plan, needles, ranges, rows_about
from collecte.steps.challenge_site import ChallengeSite

#: How a target is called, by its scope; a delivery by its number.
LETTERS: Mapping[Scope, str] = {"subject": "s", "object": "o", "file": "f"}


@dataclass(frozen=True)
class Concerned:
    """The ids of the files that a recall concerns. ``whole``: these go. ``shared``: tables that are about others too,
    in any state, and whatever repeats their bytes.
    """

    whole: tuple[int, ...]
    shared: tuple[int, ...]


def concerned(connection: Connection, recall: RecallRow) -> Concerned:
    """The files that a recall names, with all that have the same bytes, wherever in the challenge."""
    named = files_named(connection, recall.scope, recall.target)
    shared = also_about_others(connection, named, recall.target) if recall.scope == "subject" else frozenset()
    whole = set(named) - shared
    whole |= set(same_bytes_as(connection, recall.challenge_id, whole))
    whole |= set(archives_of_nothing_else(connection, whole))
    repeating = set(same_bytes_as(connection, recall.challenge_id, shared))
    return Concerned(tuple(sorted(whole)), tuple(sorted((shared | repeating) - whole)))


def wanted_cells(connection: Connection, recall: RecallRow, whole: Iterable[int]) -> frozenset[str]:
    """What a cell of a table that speaks of the recalled holds."""
    pseudonym = pseudonym_of(connection, recall.target) if recall.scope == "subject" else None
    names = (str(one.file.name) for page in located(connection, whole) for one in page if one.file.name)
    return needles(pseudonym, names)


def label_of(connection: Connection, recall: RecallRow) -> str:
    """How people call what is recalled: ``s12``, ``o12``, ``f12``, ``d0001``."""
    if recall.scope == "delivery":
        return delivery_label(connection, recall.target)
    return f"{LETTERS[recall.scope]}{recall.target}"


def make_plan(site: ChallengeSite, recall: RecallRow) -> Plan:
    """The plan of a recall as things stand. It names nobody; made again over the same copies it is the same."""
    with site.catalogue.read() as connection:
        return _Planner(site, connection, recall).plan()


class _Planner:
    """One look at the catalogue and at the zones."""

    def __init__(self, site: ChallengeSite, connection: Connection, recall: RecallRow) -> None:
        self._site, self._connection, self._recall = site, connection, recall
        self._erasure = recall.request == "erasure"
        self._of = concerned(connection, recall)

    def plan(self) -> Plan:
        recall, connection = self._recall, self._connection
        rows = self._rows_of_tables()
        places = (
            *self._landing(rows),
            *self._curated(rows),
            *self._hdh(rows),
            *self._packages(rows),
            *self._catalogue(),
        )
        return Plan(
            recall.number,
            recall.centre,
            recall.request,
            label_of(connection, recall),
            ranges("f", self._of.whole),
            ranges("f", rows),
            tuple(copies for copies in places if copies.count),
            tuple(self._beyond(places)),
        )

    def _rows_of_tables(self) -> dict[int, int]:
        """How many rows go of each accepted table of the centre that speaks of the recalled."""
        wanted = wanted_cells(self._connection, self._recall, self._of.whole)
        tables = set(accepted_tables(self._connection, self._recall.centre_id)) - set(self._of.whole)
        rows = {}
        for page in located(self._connection, tables):
            for one in page:
                path = batch_path(self._site, one)
                if path.is_file() and (count := rows_about(path, wanted)):
                    rows[one.file.id] = count
        return rows

    def _landing(self, rows: Mapping[int, int]) -> Iterator[Copies]:
        action: Action = "remove" if self._erasure else "keep"
        landed = [one.file for page in located(self._connection, self._of.whole) for one in page if one.file.landing]
        yield Copies("landing", action, len(landed), ranges("f", (file.id for file in landed)))
        shared = {*self._of.shared, *rows}
        there = [one.file for page in located(self._connection, shared) for one in page if one.file.landing]
        yield Copies("originals", action, len(there), ranges("f", (file.id for file in there)))
        held = archives_of(self._connection, [*landed, *there]) if self._erasure else []
        archives = sorted({file.id for file in held if file.landing} - set(self._of.whole))
        yield Copies("archives", "remove", len(archives), ranges("f", archives))

    def _curated(self, rows: Mapping[int, int]) -> Iterator[Copies]:
        held = [
            one.file.id
            for page in located(self._connection, self._of.whole)
            for one in page
            if one.file.name and one.file.safe_sha256 and batch_path(self._site, one).is_file()
        ]
        yield Copies("curated", "remove", len(held), ranges("f", held))
        yield Copies("facts", "remove", len(held), ranges("f", held))
        yield Copies("tables", "rewrite", sum(rows.values()), ranges("f", rows))

    def _hdh(self, rows: Mapping[int, int]) -> Iterator[Copies]:
        gone = list(receipts_of_files(self._connection, self._of.whole))
        changed = list(receipts_of_files(self._connection, rows))
        yield Copies("hdh", "remove", len(gone), ranges("f", (file_id for _, file_id, _ in gone)))
        batches = sorted({delivery for delivery, _, _ in (*gone, *changed)})
        documents = sum(len(document_keys(self._connection, delivery)) for delivery in batches)
        yield Copies("documents", "rewrite", documents)

    def _packages(self, rows: Mapping[int, int]) -> Iterator[Copies]:
        concerned_ids = {*self._of.whole, *rows}
        for package in packages_with(self._connection, concerned_ids):
            held = [f for f in package_files(self._connection, package.id) if f.file_id in concerned_ids]
            ids = ranges("f", (file.file_id for file in held if file.file_id is not None))
            yield Copies(package.about, "remake", len({file.path for file in held}), ids)
            for destination in destinations_of(self._connection, package):
                place = (
                    f"host/{destination}/{package.label}" if package.kind == "release" else f"public/{package.label}"
                )
                yield Copies(place, "rewrite", len({file.path for file in held}))

    def _catalogue(self) -> Iterator[Copies]:
        recall = self._recall
        action: Action = "remove" if self._erasure else "keep"
        yield Copies("catalogue", action, len(self._of.whole), ranges("f", self._of.whole))
        if recall.scope == "subject":
            yield Copies("identifiers", action, identifiers_of_subject(self._connection, recall.target))

    def _reports(self, rows: Mapping[int, int]) -> Iterator[Copies]:
        """The deliveries whose reports count what goes."""
        told = set()
        for page in located(self._connection, {*self._of.whole, *rows}):
            told |= {f"{one.centre}/{one.delivery}" for one in page}
        reports = self._site.reports / self._site.challenge.id
        found = sorted(name for name in told if (reports / name / "report.html").is_file())
        yield Copies("reports", "rewrite", len(found), ", ".join(found))

    def _beyond(self, places: Sequence[Copies]) -> Iterator[tuple[str, int]]:
        met = {copies.place.partition("/")[0] for copies in places if copies.count}
        yield "drop", 0
        yield "backups", self._site.challenge.retention.backup_days
        if "hdh" in met or "documents" in met:
            yield "hdh", 0
        if "host" in met:
            yield "host", len({copies.place.split("/")[1] for copies in places if copies.place.startswith("host/")})
        if "public" in met:
            yield "public", 0
        if same := self._same_pixels():
            yield "pixels", same
        if self._recall.scope == "subject" and (unread := nobody_tells(self._connection, self._recall.centre_id)):
            yield "unread", unread

    def _same_pixels(self) -> int:
        """How many accepted files that stay show the same pixels as one that goes: a patient under two identifiers, or
        at two centres. Whose they are only a person can tell.
        """
        from collecte.facts import open_facts  # pandas and DuckDB, which other steps need not load

        with open_facts(self._site.curated, self._recall.challenge_id) as facts:
            facts.execute("CREATE TEMP TABLE going AS SELECT unnest(?) AS file_id", [list(self._of.whole)])
            facts.execute(
                "SELECT count(*) FROM facts WHERE file_id NOT IN (FROM going) AND pixel_sha256 IN "
                "(SELECT pixel_sha256 FROM facts WHERE file_id IN (FROM going) AND pixel_sha256 IS NOT NULL)"
            )
            found = facts.fetchone()
        return int(found[0]) if found else 0


def destinations_of(connection: Connection, package: PackageRow) -> list[str]:
    """Where a package was sent, or is being sent."""
    return sorted({shipment.destination for shipment in shipments_of_package(connection, package.id)})


def batch_path(site: ChallengeSite, one: Located) -> Path:
    """Where the safe copy of a file stands in curated."""
    return site.curated / site.challenge.id / one.centre / one.delivery / str(one.file.name)


def landing_folder(site: ChallengeSite, one: Located) -> Path:
    """The folder in landing of the delivery of a file. IDENTIFYING."""
    return site.landing / site.challenge.id / one.centre / one.delivery
