"""``recall/`` of a drop → the catalogue: what a centre asks for its patients, and the answer in its ``retour/``.

An identifier is read, turned into a pseudonym and forgotten: nothing of ours keeps it. Each file is read once, known by
a keyed digest of its place and its bytes; a corrected one is read anew. Somebody whom we do not know is told of in the
answer alone, and refused from then on: an opposition may come before the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import PurePosixPath

from sqlalchemy import Connection

from collecte.catalogue import begin, ensure_centre
from collecte.catalogue.recalls import cancel, new_recall, refuse, subject_of
from collecte.findings import Finding
from collecte.recall import FOLDER, MAX_BYTES, Asked, Line, answer_csv, parse_requests
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.feedback import RETOUR
from collecte.steps.refusal import subject_digest
from collecte.steps.site import Site
from collecte.transport import Entry, Source, open_source

#: A list whose last line is not ended may be still on its way for so long: half an identifier is another patient's.
_UPLOAD = timedelta(minutes=5)
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload")


@dataclass(frozen=True)
class _List:
    """A list of requests in a drop. IDENTIFYING."""

    path: str = field(repr=False)
    content: bytes = field(repr=False)

    def digest(self, site: Site) -> str:
        """What it is known by: place and bytes, keyed."""
        return site.keys.digest("recall", site.centre.id, self.path, self.content.hex())[:32]


def read_requests(site: ChallengeSite) -> None:
    """Read what the centres ask in their drops, register it and answer each.

    Raises:
        NeedsPerson: a drop cannot be reached as configured; those before it were read.
        Retry: a connection was lost.
    """
    for centre in site.challenge.centres:
        with open_source(site.connect(centre.drop.connection), centre.drop.path) as source:
            for one in list(_lists(source)):
                _answer(site.centre(centre), source, one)


def _lists(source: Source) -> Iterator[_List]:
    now = datetime.now(UTC)
    for entry in source.entries():
        folder, _, name = entry.path.partition("/")
        if folder.casefold() != FOLDER or not name or entry.kind != "file" or name.lower().endswith(_UNFINISHED):
            continue
        content = source.read_small(entry.path, MAX_BYTES + 1) if entry.size <= MAX_BYTES else b"\0"
        if _whole(entry, content, now):
            yield _List(entry.path, content)


def _whole(entry: Entry, content: bytes, now: datetime) -> bool:
    """Whether a list is here to its end."""
    written = datetime.fromtimestamp(entry.mtime_ns / 1e9, UTC)
    return content.rstrip(b"\0").endswith((b"\n", b"\r")) or written + _UPLOAD < now or entry.size > MAX_BYTES


def _answer(site: Site, source: Source, one: _List) -> None:
    """Register what one list asks and answer it, unless it was read before."""
    digest = one.digest(site)
    job = begin(site.catalogue, site.challenge.id, f"recall/{digest}/read")
    if isinstance(job, dict):
        return
    asked, unreadable = parse_requests(one.content)
    lines = [*unreadable, *_register(site, asked)]
    name = PurePosixPath(one.path).name
    answer = answer_csv(lines, site.centre.language).encode("utf-8", "replace")
    source.write(f"{RETOUR}/{FOLDER}/{name}.{digest[:8]}.csv", BytesIO(answer))
    counts = {
        "lines": len(lines),
        "recalls": len({line.recall for line in lines if line.recall}),
        "unknown": sum(line.finding.code == "RECALL-UNKNOWN" for line in lines),
        "unreadable": len(unreadable),
    }
    with job.finish(counts):
        return


def _register(site: Site, asked: list[Asked]) -> list[Line]:
    """One transaction for all lines of a list."""
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        return [_line(site, connection, centre_id, one) for one in asked]


def _line(site: Site, connection: Connection, centre_id: int, one: Asked) -> Line:
    place, pseudonym = f"l. {one.line}", site.context().pseudonyms.subject(one.patient)
    if pseudonym is None:  # a placeholder names nobody
        return Line(one.line, Finding("RECALL-LINE-UNREADABLE", place))
    subject, digest = subject_of(connection, centre_id, pseudonym), subject_digest(site.keys, pseudonym)
    if one.request == "cancel":
        cancelled = cancel(connection, centre_id, subject, digest)
        return Line(one.line, Finding("RECALL-CANCELLED" if cancelled else "RECALL-NOT-CANCELLED", place))
    if subject is None:
        refuse(connection, centre_id, None, [digest])
        return Line(one.line, Finding("RECALL-UNKNOWN", place))
    row = new_recall(connection, site.challenge.id, site.centre.id, one.request, "subject", subject)
    return Line(one.line, Finding("RECALL-REGISTERED", place, values={"recall": row.number}), row.number)
