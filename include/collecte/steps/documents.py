"""The documents of a delivery, from what catalogue and facts say: for the coordinator, and for the centre."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from sqlalchemy import Connection

from collecte import report as made
from collecte.catalogue import (
    DeliveryRow,
    FileRow,
    FindingRow,
    challenge_chain,
    deliveries_of,
    delivery_chain,
    ensure_centre,
    files_of_delivery,
    findings_of,
    head,
    totals,
)
from collecte.challenge import Centre
from collecte.findings import Finding
from collecte.records import State
from collecte.steps.moving import paths_of
from collecte.steps.site import Site

#: The page of the quality checks, in the folder of the report.
DATA_DOCS = "data-docs/index.html"

#: States of files that a later or an earlier one stands for: they are no further file that the centre sent.
_REPEATED = (State.DUPLICATE, State.SUPERSEDED)


def delivery_report(site: Site, label: str) -> made.DeliveryReport:
    """What the coordinator reads of a delivery. It names no patient and no file of the centre.

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    delivery = site.delivery(label)
    with site.catalogue.transaction() as connection:
        files = files_of_delivery(connection, delivery.id)
        found = findings_of(connection, delivery.id)
        sums = _sums(connection, delivery, files)
        centres = [_progress(connection, site, centre) for centre in site.challenge.centres]
        waiting = [item for centre in site.challenge.centres for item in _waiting(connection, site, centre)]
        chains = _heads(connection, site, delivery)
    promises = next(progress.promises for progress in centres if progress.centre == site.centre.id)
    modalities, cohort = _facts(site, delivery, files)
    contact = site.centre.agreement.data_protection_contact
    return made.DeliveryReport(
        _challenge(site),
        site.centre.id,
        site.centre.name,
        label,
        delivery.state,
        datetime.now(UTC),
        sums,
        promises,
        made.group_findings((f"f{row.file_id}" if row.file_id else label, _finding(row)) for row in found),
        modalities,
        cohort,
        tuple(centres),
        tuple(waiting),
        chains,
        data_docs=DATA_DOCS if (site.reported(delivery) / DATA_DOCS).is_file() else "",
        incident_contact=f"{contact.name} <{contact.email}>",
    )


def centre_feedback(site: Site, label: str) -> made.CentreFeedback:
    """What the centre reads of a delivery. IDENTIFYING: it names the centre's own files, and is for that centre alone.

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    delivery = site.delivery(label)
    with site.catalogue.transaction() as connection:
        files = files_of_delivery(connection, delivery.id)
        found = findings_of(connection, delivery.id)
        sums = _sums(connection, delivery, files)
        promises = _progress(connection, site, site.centre).promises
    whole = tuple(_finding(row) for row in found if row.file_id is None)
    to_fix = tuple(_to_fix(site, files, found))
    at = datetime.now(UTC)
    return made.CentreFeedback(_challenge(site), site.centre.name, label, at, sums, promises, whole, to_fix)


def _challenge(site: Site) -> made.Challenge:
    of = site.challenge
    return made.Challenge(of.id, of.title.fr, of.title.en, of.society, of.coordinator.email)


def _finding(row: FindingRow) -> Finding:
    return Finding(row.code, row.place, row.count, row.values)


def _sums(connection: Connection, delivery: DeliveryRow, files: Sequence[FileRow]) -> made.Sums:
    archives = {file.origin_id for file in files if file.origin_id}
    members = sum(file.origin_id is not None for file in files)
    return made.Sums(len(files) - members, len(archives), members, totals(connection, delivery.id))


def _progress(connection: Connection, site: Site, centre: Centre) -> made.CentreProgress:
    """What a centre promised and what of it came, over all its deliveries."""
    came, usable = Counter[str](), Counter[str]()
    last: date | None = None
    for delivery in deliveries_of(connection, ensure_centre(connection, site.challenge.id, centre.id)):
        if delivery.state != "waiting":
            last = delivery.created_at.date()
        for file in files_of_delivery(connection, delivery.id):
            came[str(file.kind)] += file.state not in _REPEATED
            usable[str(file.kind)] += file.state is State.ACCEPTED
    promises = tuple(made.Promised(p.kind, p.files, p.by, came[p.kind], usable[p.kind]) for p in centre.promised)
    return made.CentreProgress(centre.id, centre.name, promises, last, centre.agreement.ends)


def _waiting(connection: Connection, site: Site, centre: Centre) -> Iterator[made.Waiting]:
    for delivery in deliveries_of(connection, ensure_centre(connection, site.challenge.id, centre.id)):
        why = next(iter(findings_of(connection, delivery.id)), None) if delivery.state == "waiting" else None
        if why:
            yield made.Waiting(centre.name, delivery.label, delivery.created_at, _finding(why))


def _heads(connection: Connection, site: Site, delivery: DeliveryRow) -> tuple[made.ChainHead, ...]:
    chains = ((delivery.label, delivery_chain(delivery.id)), (site.challenge.id, challenge_chain(site.challenge.id)))
    return tuple(made.ChainHead(name, *head(connection, chain)) for name, chain in chains)


def _facts(site: Site, delivery: DeliveryRow, files: Sequence[FileRow]) -> tuple[Mapping[str, int], made.Cohort | None]:
    """Accepted files by modality, and their patients; nothing before the delivery was described."""
    paths = sorted((site.received(delivery) / "facts").glob("*.parquet"))
    accepted = [file.id for file in files if file.state is State.ACCEPTED]
    if not paths or not accepted:
        return {}, None
    from collecte.facts import read_facts  # pandas and Arrow: a second of work that few callers need

    facts = read_facts(paths)
    facts = facts[facts["file_id"].isin(accepted)]
    modalities = facts["modality"].dropna().value_counts().to_dict()
    patients = facts.dropna(subset=["subject"]).groupby("subject")[["patient_sex", "patient_age_years"]].first()
    pairs = _plain(patients.itertuples(index=False, name=None))
    return {str(name): int(n) for name, n in modalities.items()}, made.cohort(pairs)


def _plain(rows: Iterator[tuple[object, object]]) -> Iterator[tuple[str | None, float | None]]:
    """pandas' missing values as None."""
    for sex, age in rows:
        yield (sex if isinstance(sex, str) else None, float(age) if isinstance(age, int | float) else None)


def _to_fix(site: Site, files: Sequence[FileRow], found: Sequence[FindingRow]) -> Iterator[made.FileToFix]:
    by_file: dict[int, list[Finding]] = {}
    for row in found:
        if row.file_id is not None:
            by_file.setdefault(row.file_id, []).append(_finding(row))
    paths = paths_of(site.keys, files)
    for file in files:
        if file.id in by_file:
            yield made.FileToFix(paths[file.id], file.label, file.state, tuple(by_file[file.id]))
