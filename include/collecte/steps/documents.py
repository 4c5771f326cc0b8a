"""What the documents of a delivery say, out of catalogue and facts: for the coordinator, and for the centre.

All of it is counted in the database or read batch by batch: the longest things in memory are a list of a few hundred
files for each rule, and one small entry for each patient.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

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
    findings_of,
    head,
    open_path,
    totals,
)
from collecte.catalogue.figures import (
    RuleFigures,
    accepted_among,
    came_from,
    files_by_id,
    files_to_correct,
    findings_of_rule,
    kinds_of_centre,
    of_kind,
    rule_figures,
)
from collecte.catalogue.housekeeping import expiring
from collecte.challenge import Centre
from collecte.findings import Finding
from collecte.records import State
from collecte.steps.find import ADMINISTRATIVE
from collecte.steps.site import Site

#: The table of all findings, in the folder of the report.
TABLE = "findings.csv"

#: The page of the quality checks, in the folder of the report.
DATA_DOCS = "data-docs/index.html"

#: States of files that a later or an earlier one stands for: they are no further file that the centre sent.
_REPEATED = (State.DUPLICATE, State.SUPERSEDED)

#: Wordings of a rule that are read; those that differ as text are shown, up to a few.
_WORDINGS = 50

#: Paths of archives that are kept open while their members are named.
_ARCHIVES = 1000


def delivery_report(site: Site, label: str, *, facts: bool = True) -> made.DeliveryReport:
    """What the coordinator reads of a delivery. It names no patient and no file of the centre.

    ``facts``: whether patients and modalities are wanted, as on the page; a mail does not name them.

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    delivery, ids = _begin(site, label)
    from collecte.formats.dicom.explain import EDITION  # pydicom's dictionaries

    at = datetime.now(UTC)
    contact = site.centre.agreement.data_protection_contact
    with site.catalogue.read() as connection:
        centres = [progress(site, connection, ids[centre.id], centre, at) for centre in site.challenge.centres]
        modalities, cohort = _facts(site, connection, delivery) if facts else ({}, None)
        rules = rule_figures(connection, delivery.id, made.LISTED_IDS, _WORDINGS)
        return made.DeliveryReport(
            challenge=_challenge(site),
            centre=site.centre.id,
            name=site.centre.name,
            delivery=label,
            state=delivery.state,
            at=at,
            sums=_sums(connection, delivery),
            promises=next(one.promises for one in centres if one.centre == site.centre.id),
            findings=_groups(label, rules),
            modalities=modalities,
            cohort=cohort,
            centres=tuple(centres),
            waiting=tuple(w for c in site.challenge.centres for w in _waiting(connection, ids[c.id], c)),
            chains=_heads(connection, site, delivery),
            to_correct=files_to_correct(connection, delivery.id, made.SET_ASIDE),
            language=site.centre.language,
            table=TABLE if rules else "",
            data_docs=DATA_DOCS if (site.reported(delivery) / DATA_DOCS).is_file() else "",
            incident_contact=f"{contact.name} <{contact.email}>",
            dicom=site.challenge.kinds.dicom,
            edition=EDITION,
        )


def centre_feedback(site: Site, label: str) -> made.CentreFeedback:
    """What the centre reads of a delivery. IDENTIFYING: it names the centre's own files, and is for that centre alone.

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    delivery, ids = _begin(site, label)
    at = datetime.now(UTC)
    with site.catalogue.read() as connection:
        rules = rule_figures(connection, delivery.id, made.LISTED_IDS, _WORDINGS, open_only=True)
        paths = _Paths(site, connection)
        listed = (files_by_id(connection, rule.listed) for rule in rules)
        return made.CentreFeedback(
            challenge=_challenge(site),
            name=site.centre.name,
            delivery=label,
            at=at,
            sums=_sums(connection, delivery),
            promises=progress(site, connection, ids[site.centre.id], site.centre, at).promises,
            findings=_groups(label, rules),
            paths={file.label: paths.of(file) for files in listed for file in files.values()},
            language=site.centre.language,
        )


def feedback_rows(site: Site, label: str, feedback: made.CentreFeedback) -> Iterator[made.FeedbackRow]:
    """Every finding that the feedback counts, in the order of its rules, as the catalogue gives them. IDENTIFYING."""
    delivery = site.delivery(label)
    with site.catalogue.read() as connection:
        paths = _Paths(site, connection)
        for order, group in enumerate(feedback.findings, 1):
            for file, row in findings_of_rule(connection, delivery.id, group.code, open_only=True):
                yield _row(order, row, file, paths.of(file) if file else "")


def report_rows(site: Site, label: str, report: made.DeliveryReport) -> Iterator[made.FeedbackRow]:
    """Every finding that the report counts, likewise, without a name."""
    delivery = site.delivery(label)
    with site.catalogue.read() as connection:
        for order, group in enumerate(report.findings, 1):
            for file, row in findings_of_rule(connection, delivery.id, group.code):
                yield _row(order, row, file, "")


def _row(order: int, row: FindingRow, file: FileRow | None, path: str) -> made.FeedbackRow:
    return made.FeedbackRow(order, _finding(row), path, file.label if file else "", file.state if file else None)


class _Paths:
    """The paths of files in the drop; of a member ``<archive>!/<path inside>``. IDENTIFYING."""

    def __init__(self, site: Site, connection: Connection) -> None:
        self._keys, self._connection = site.keys, connection
        self._archive = lru_cache(_ARCHIVES)(self._of_id)

    def of(self, file: FileRow) -> str:
        own = open_path(self._keys, file)
        return own if file.origin_id is None else f"{self._archive(file.origin_id)}!/{own}"

    def _of_id(self, file_id: int) -> str:
        return self.of(files_by_id(self._connection, [file_id])[file_id])


def _begin(site: Site, label: str) -> tuple[DeliveryRow, Mapping[str, int]]:
    """The delivery, and the catalogue's ids of all centres of the challenge."""
    delivery = site.delivery(label)
    with site.catalogue.transaction() as connection:
        ids = {c.id: ensure_centre(connection, site.challenge.id, c.id) for c in site.challenge.centres}
    return delivery, ids


def _challenge(site: Site) -> made.Challenge:
    of = site.challenge
    return made.Challenge(of.id, of.title.fr, of.title.en, of.society, of.coordinator.email)


def _finding(row: FindingRow) -> Finding:
    return Finding(row.code, row.place, row.count, row.values)


def _groups(label: str, rules: Iterable[RuleFigures]) -> tuple[made.RuleGroup, ...]:
    """A rule's findings name files, or the delivery."""
    return made.by_gravity(
        made.RuleGroup(
            made.wordings(_finding(row) for row in rule.wordings),
            rule.count,
            rule.files or 1,
            tuple(f"f{file_id}" for file_id in rule.listed) or (label,),
        )
        for rule in rules
    )


def _sums(connection: Connection, delivery: DeliveryRow) -> made.Sums:
    listed, archives, members = came_from(connection, delivery.id)
    speaking = of_kind(connection, delivery.id, ADMINISTRATIVE, State.REJECTED)
    return made.Sums(listed, archives, members, totals(connection, delivery.id), speaking)


def progress(site: Site, connection: Connection, centre_id: int, centre: Centre, at: datetime) -> made.CentreProgress:
    """What a centre promised and what of it came, over all its deliveries; what of it is erased soon."""
    came, usable = Counter[str | None](), Counter[str | None]()
    for kind, state, n in kinds_of_centre(connection, centre_id):
        came[kind] += n if state not in _REPEATED else 0
        usable[kind] += n if state is State.ACCEPTED else 0
    days = [row.created_at.date() for row in deliveries_of(connection, centre_id) if row.state != "waiting"]
    last: date | None = max(days, default=None)
    promises = tuple(made.Promised(p.kind, p.files, p.by, came[p.kind], usable[p.kind]) for p in centre.promised)
    soon = sum(expiring(connection, centre_id, expires_by(site, at)).values())
    return made.CentreProgress(centre.id, centre.name, promises, last, centre.agreement.ends, soon)


def expires_by(site: Site, at: datetime) -> datetime:
    """Files that were refused until then are erased within the days of the report's notice."""
    return at + made.EXPIRY_NOTICE - timedelta(days=site.challenge.retention.quarantine_days)


def _waiting(connection: Connection, centre_id: int, centre: Centre) -> Iterator[made.Waiting]:
    for delivery in deliveries_of(connection, centre_id):
        why = next(iter(findings_of(connection, delivery.id)), None) if delivery.state == "waiting" else None
        if why:
            yield made.Waiting(centre.name, delivery.label, delivery.created_at, _finding(why))


def _heads(connection: Connection, site: Site, delivery: DeliveryRow) -> tuple[made.ChainHead, ...]:
    chains = ((delivery.label, delivery_chain(delivery.id)), (site.challenge.id, challenge_chain(site.challenge.id)))
    return tuple(made.ChainHead(name, *head(connection, chain)) for name, chain in chains)


_FACTS = ("file_id", "modality", "subject", "patient_sex", "patient_age_years")


def _facts(site: Site, connection: Connection, delivery: DeliveryRow) -> tuple[Mapping[str, int], made.Cohort | None]:
    """Accepted files by modality, and their patients; nothing before the delivery was described."""
    shards = sorted((site.received(delivery) / "facts").glob("*.parquet"))
    if not shards:
        return {}, None
    from collecte.facts import fact_batches  # pandas and Arrow: a second of work that few callers need

    modalities, patients = Counter[str](), dict[str, tuple[str | None, float | None]]()
    for rows in fact_batches(shards, _FACTS):
        accepted = accepted_among(connection, [row["file_id"] for row in rows])
        for row in rows:
            if row["file_id"] not in accepted:
                continue
            if row["modality"]:
                modalities[row["modality"]] += 1
            if row["subject"]:
                sex, age = patients.get(row["subject"], (None, None))
                patients[row["subject"]] = (
                    row["patient_sex"] if sex is None else sex,
                    row["patient_age_years"] if age is None else age,
                )
    threshold = site.challenge.report.smallest_cell
    return modalities, made.cohort(patients.values(), threshold) if patients else None
