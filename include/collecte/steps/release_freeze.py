"""Who is in a release, in which part: read from what is accepted, and frozen."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collecte.catalogue import (
    AcceptedFile,
    accepted_files,
    begin,
    freeze_package,
    inputs_digest,
    packages_of,
)
from collecte.challenge import ReleaseRules
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.formats import Rekeyer
from collecte.formats.table import rekeyed_rows
from collecte.package import sha256_of
from collecte.pseudonym import ReleaseIds
from collecte.release import (
    Assigned,
    Copy,
    Member,
    Part,
    Scratch,
    Source,
    ensure_secret,
    groups,
    read_assignment,
    release_name,
    scratch,
    seed_of,
    share_out,
)
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.homogeneity import HomogeneityState, homogeneity_now
from collecte.steps.release_making import (
    Plan,
    about,
    at_work,
    drop_remains,
    drop_replaced,
    make,
    package_rows,
    rules_of,
    tables_of,
)

#: The kind whose rows are merged, not copied.
TABLE = "table"

#: The merged tables: of rows that name an image, and of the others.
IMAGES, CLINICAL = "images", "clinical"


@dataclass(frozen=True)
class Links:
    """Who is there, and who stays together, by pseudonym. ``centres``: each subject's; ``tables``: the accepted tables;
    ``nobody``: how many files are of no subject.
    """

    centres: Mapping[str, str]
    together: Sequence[Sequence[str]]
    tables: Sequence[AcceptedFile]
    nobody: int


def freeze_release(site: ChallengeSite, label: str) -> dict[str, int]:
    """Make the tree of a version, its vault, certificate and signature, and say in the catalogue what it holds.

    Raises:
        NeedsPerson: what is accepted changed since it was started, or cannot be shared out; nothing is visible then.
    """
    package = site.package("release", label)
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/freeze")
    if isinstance(job, dict):
        drop_remains(site, package)
        return job
    final, hidden = site.folder(package), site.hidden(package)
    state = homogeneity_now(site)
    if not state.open or inputs_of(site, state) != package.inputs:
        raise NeedsPerson(
            f"What is accepted, or what was decided of it, changed since {package.about} was started.",
            f"discard it (`collecte release discard {site.challenge.id} {label}`) and start again.",
        )
    with at_work(job), scratch(hidden / f"scratch.{job.attempt}") as rows:
        secret = ensure_secret(site.keys, hidden)
        ids = ReleaseIds(secret)
        links = links_of(site, state)
        tables = tables_of(site, read_tables(site, ids, links.tables, state.left_out_facts, rows))
        assigned, findings = _shared(site, ids, links, rows, secret)
        with site.catalogue.read() as connection:
            files = accepted_files(connection, site.challenge.id)
            sources = sources_among(site, ids, released(files, state))
            document = about(site, package, tables, _said(state))
            plan = Plan(document, assigned, secret, sources, copier(ids), rows, tables, findings)
            made = make(site, package, plan, job)
        with job.finish(made.counts, [bytes.fromhex(made.digest)[:16]]) as connection:
            freeze_package(connection, package, made.digest, package_rows(rows, tables, final))
        drop_replaced(final)
    return made.counts


def inputs_of(site: ChallengeSite, state: HomogeneityState) -> str:
    """The digest over what a release made now would be made of."""
    rules = rules_of(site)
    left_out = ",".join(sorted(state.left_out_facts))
    with site.catalogue.read() as connection:
        files = released(accepted_files(connection, site.challenge.id), state)
        return inputs_digest(files, rules.label, rules.split.model_dump_json(), left_out)


def released(files: Iterable[AcceptedFile], state: HomogeneityState) -> Iterator[AcceptedFile]:
    """The accepted files of the centres that are not left out."""
    return (file for file in files if file.centre not in state.left_out_centres)


def links_of(site: ChallengeSite, state: HomogeneityState) -> Links:
    """Whose the accepted files are, and who is linked by an object or by the same pixels."""
    from collecte.facts import open_facts  # pandas, Arrow and DuckDB, which most steps need not load

    centres: dict[str, str] = {}
    objects: dict[int, set[str]] = defaultdict(set)
    tables, nobody = [], 0
    with site.catalogue.read() as connection:
        for file in released(accepted_files(connection, site.challenge.id), state):
            centres |= dict.fromkeys(file.subjects, file.centre)
            if file.kind == TABLE:
                tables.append(file)
            elif file.object_id and len(file.subjects) > 1:
                objects[file.object_id] |= set(file.subjects)
            nobody += not file.subjects
    together = [sorted(found) for found in objects.values()]
    with open_facts(site.curated, site.challenge.id) as facts:
        together += [
            sorted(row[0])
            for row in facts.execute(
                "SELECT list(DISTINCT subject) FROM facts WHERE pixel_sha256 IS NOT NULL AND subject IS NOT NULL "
                "GROUP BY pixel_sha256 HAVING count(DISTINCT subject) > 1"
            ).fetchall()
        ]
    return Links(centres, together, tables, nobody)


def read_tables(
    site: ChallengeSite, ids: ReleaseIds, tables: Iterable[AcceptedFile], left_out: Iterable[str], rows: Scratch
) -> dict[str, list[int]]:
    """Read the rows of safe tables under the new ids; which of the catalogue's files each merged table is made of.
    ``left_out``: facts, of which ``table.<column>`` takes a column away.
    """
    rules = site.challenge.kinds.table
    references = {column.names[0] for column in rules.columns if column.action == "reference"} if rules else set()
    dropped = {fact.removeprefix("table.") for fact in left_out if fact.startswith("table.")}
    sources: dict[str, list[int]] = defaultdict(list)
    for file in tables:
        with rekeyed_rows(path_of(site, file), rekeyer(ids), rules) as (header, lines):
            if "subject" not in header:
                continue
            name = IMAGES if references & set(header) else CLINICAL
            kept = [index for index, column in enumerate(header) if column not in dropped | {"subject"}]
            whose = list(header).index("subject")
            rows.add_rows(name, [header[i] for i in kept], ((line[whose], [line[i] for i in kept]) for line in lines))
            sources[name].append(file.id)
    return dict(sources)


def path_of(site: ChallengeSite, file: AcceptedFile) -> Path:
    """Where the safe copy of an accepted file lies."""
    return site.curated / site.challenge.id / file.centre / file.delivery / file.name


def sources_among(site: ChallengeSite, ids: ReleaseIds, files: Iterable[AcceptedFile]) -> Iterator[Source]:
    """The files that go into a release one by one; of several subjects, below the first: they are one group."""
    for file in files:
        if file.kind != TABLE and file.subjects:
            case = ids.case(min(file.subjects))
            object_ = str(file.object_id or f"f{file.id}")
            yield Source(
                file.id, case, file.kind, object_, release_name(ids, case, file.name), path_of(site, file), file.sha256
            )


def rekeyer(ids: ReleaseIds) -> Rekeyer:
    """The replacements of one release. A file name in a table leads to where the file stands below ``files/``."""

    def name(old: str) -> str | None:
        subject = old.partition("/")[0]
        return release_name(ids, ids.case(subject), old) if subject.startswith("sub-") else None

    return Rekeyer(ids.case, ids.uid, ids.reference, name)


def copier(ids: ReleaseIds) -> Copy:
    """Writes a safe copy under the ids of a release.

    Raises:
        NeedsPerson: it is no longer what was accepted.
    """
    from collecte.formats.registry import FORMATS  # pydicom, which most steps need not load

    names = rekeyer(ids)

    def copy(source: Source, target: Path) -> str:
        if sha256_of(source.origin) != source.sha256:
            raise NeedsPerson(
                f"The safe copy of f{source.file_id} is not what was accepted.",
                "put it back from the HDH or from the backup, then run the step again.",
            )
        return FORMATS[source.kind].rekey(source.origin, target, names).sha256

    return copy


def _shared(
    site: ChallengeSite, ids: ReleaseIds, links: Links, rows: Scratch, secret: bytes
) -> tuple[list[Assigned], list[Finding]]:
    """Every subject's part.

    Raises:
        NeedsPerson: they cannot be shared out.
    """
    rules = rules_of(site)
    subjects = {ids.case(subject): subject for subject in links.centres}
    labels, alike = _of_rows(rules, rows, subjects)
    group = groups(links.centres, [*links.together, *alike])
    one = {subject: next(iter(given)) if len(given) == 1 else "" for subject, given in labels.items()}
    members = [Member(who, group[who], centre, one.get(who, "")) for who, centre in links.centres.items()]
    shares: dict[Part, float] = {
        "train": rules.split.train,
        "public_test": rules.split.public_test,
        "private_test": rules.split.private_test,
    }
    shared = share_out(members, shares, seed_of(secret), _fixed(site))
    findings = [*shared.findings, *_of_labels(site, labels, links)]
    if refusing := [finding for finding in findings if finding.refuses]:
        raise NeedsPerson(refusing[0].text("en"), refusing[0].remedy("en"))
    assigned = [
        Assigned(case, who, links.centres[who], shared.parts[who], one.get(who, ""))
        for case, who in sorted(subjects.items())
        if who in shared.parts
    ]
    return assigned, findings


def _of_rows(
    rules: ReleaseRules, rows: Scratch, subjects: Mapping[str, str]
) -> tuple[dict[str, set[str]], list[list[str]]]:
    """The labels of each subject, and the subjects that share a value of a column that keeps together."""
    labels: dict[str, set[str]] = defaultdict(set)
    alike: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case, cells in rows.rows():
        who = subjects.get(case)
        if who is None:
            continue
        if value := cells.get(rules.label):
            labels[who].add(value)
        for column in rules.split.groups:
            if value := cells.get(column):
                alike[column, value].add(who)
    return labels, [sorted(found) for found in alike.values()]


def _of_labels(site: ChallengeSite, labels: Mapping[str, set[str]], links: Links) -> Iterator[Finding]:
    conflicts = sum(len(given) > 1 for given in labels.values())
    if conflicts:
        yield Finding("RELEASE-LABEL-CONFLICT", count=conflicts)
    if links.nobody:
        yield Finding("RELEASE-FILE-WITHOUT-SUBJECT", count=links.nobody)
    columns = site.challenge.kinds.table.columns if site.challenge.kinds.table else ()
    announced = next((column.values for column in columns if column.names[0] == rules_of(site).label), None)
    if empty := set(announced or ()) - {value for given in labels.values() for value in given}:
        yield Finding("RELEASE-CLASS-EMPTY", count=len(empty))


def _fixed(site: ChallengeSite) -> dict[str, Part]:
    """The part that each subject had in an earlier release; the oldest counts."""
    with site.catalogue.read() as connection:
        frozen = [row for row in packages_of(connection, site.challenge.id, "release") if row.state == "frozen"]
    fixed: dict[str, Part] = {}
    for row in frozen:
        for one in read_assignment(site.keys, site.hidden(row)):
            fixed.setdefault(one.subject, one.part)
    return fixed


def _said(state: HomogeneityState) -> dict[str, object]:
    """What ``release.json`` says of whether the centres' data belong together."""
    return {
        "digest": state.digest,
        "verdict": state.verdict,
        "accepted_by_decision": state.accepted,
        "left_out_centres": sorted(state.left_out_centres),
        "left_out_facts": sorted(state.left_out_facts),
    }
