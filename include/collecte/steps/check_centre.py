"""Could a collection run at this centre tonight? Each condition asked for itself, each answer with its remedy."""

import heapq
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from collecte.challenge import Centre, Challenge, load
from collecte.errors import CollecteError, NeedsPerson, Retry
from collecte.findings import Finding
from collecte.gates import agreement_gate
from collecte.receive import Entry, deliveries
from collecte.settings import Settings
from collecte.steps.feedback import RETOUR
from collecte.steps.find import RECEIVE_BYTES
from collecte.steps.site import Connect
from collecte.transport import Endpoint, Source, load_endpoint, open_source
from collecte.transport.probe import Stage, probe
from collecte.zones import zone_folder

#: ``skipped``: what it needs has failed already, and stands in a line above.
Outcome = Literal["ok", "not", "skipped"]

#: Beyond this the order of two corrections can be wrong, and an object store refuses our requests at 15 minutes.
CLOCK_TOLERANCE_S = 120
#: One file of the drop is read whole, of those that are not larger. Bytes.
_SMALL = 1024 * 1024
_GB = 1e9


@dataclass(frozen=True)
class Check:
    """One condition. ``seen`` says what was measured, or what the server answered: English, without a name of the
    centre's.
    """

    name: str
    outcome: Outcome
    seen: str = ""
    finding: Finding | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form for machines; both languages."""
        found = self.finding
        said = found and {
            "code": found.code,
            "fr": found.text("fr"),
            "en": found.text("en"),
            "remedy": {"fr": found.remedy("fr"), "en": found.remedy("en")},
        }
        return {"check": self.name, "outcome": self.outcome, "seen": self.seen, "finding": said}

    def __str__(self) -> str:
        line = f"{self.outcome:<7} {self.name}" + (f": {self.seen}" if self.seen else "")
        if self.finding is None:
            return line
        found = self.finding
        return (
            f"{line}\n        {found.code}: {found.text('en')} To do: {found.remedy('en')}"
            f"\n        {found.text('fr')} À faire : {found.remedy('fr')}"
        )


def check_centre(
    challenge_id: str,
    centre_id: str,
    settings: Settings | None = None,
    connect: Connect | None = None,
    needed_bytes: int = RECEIVE_BYTES,
) -> list[Check]:
    """Ask everything that a collection needs from a centre and its drop, in the order in which it needs it.

    A condition that fails hides only those that need it. Neither keys nor catalogue are asked for: a centre can be
    checked before its challenge begins. ``needed_bytes``: the free space of landing below which the check fails.

    Raises:
        NeedsPerson: the challenge file is broken or absent, or names no such centre; landing is no folder's URL.
    """
    settings = settings or Settings.from_environment()
    reach = connect or (lambda connection_id: load_endpoint(connection_id, settings))
    challenge = load(settings.challenges / f"{challenge_id}.yaml")
    known = {centre.id: centre for centre in challenge.centres}
    if centre_id not in known:
        raise NeedsPerson(
            f"Challenge {challenge_id} has no centre {centre_id}.", f"name one of its centres: {', '.join(known)}."
        )
    landing = zone_folder(settings.landing, "COLLECTE_LANDING")
    centre = known[centre_id]
    return [*_of_drop(centre, reach), *_of_agreement(challenge, centre), _of_space(landing, needed_bytes)]


# --- the drop

_STAGES: tuple[tuple[Stage, str, str], ...] = (
    ("configured", "connection", "CHECK-CONNECTION-BROKEN"),
    ("reached", "reachable", "CHECK-NOT-REACHED"),
    ("identity", "server key", "CHECK-SERVER-KEY"),
    ("login", "login", "CHECK-LOGIN-REFUSED"),
)
_IN_DROP = ("read", "write", "clock")


def _of_drop(centre: Centre, connect: Connect) -> Iterator[Check]:
    drop = centre.drop
    try:
        endpoint = connect(drop.connection)
    except CollecteError as error:
        yield from _stopped_at("configured", error)
        return
    stopped = probe(endpoint, drop.path)
    if stopped is not None and stopped.stage != "folder":
        yield from _stopped_at(stopped.stage, stopped.error)
        return
    yield from (Check(name, "ok", _of_stage(stage, endpoint)) for stage, name, _ in _STAGES)
    if stopped is not None:
        yield _not("read", stopped.error, "CHECK-DROP-UNREADABLE")
        yield from (Check(name, "skipped") for name in _IN_DROP[1:])
        return
    yield from _inside(endpoint, drop.path)


def _stopped_at(stopped: Stage, error: CollecteError) -> Iterator[Check]:
    """The stages before it hold, those after it and all that is done in the drop cannot be asked."""
    outcome: Outcome = "ok"
    for stage, name, code in _STAGES:
        if stage == stopped:
            yield _not(name, error, code)
            outcome = "skipped"
        else:
            yield Check(name, outcome)
    yield from (Check(name, "skipped") for name in _IN_DROP)


def _of_stage(stage: Stage, endpoint: Endpoint) -> str:
    if stage == "configured":
        return f"{endpoint.id} ({endpoint.conn_type})"
    if stage == "identity" and endpoint.conn_type != "sftp":
        return "shown by its certificate" if endpoint.conn_type == "aws" else "this machine's own folder"
    return ""


def _not(name: str, error: CollecteError, code: str) -> Check:
    return Check(name, "not", _seen(error), Finding(code))


def _seen(error: CollecteError) -> str:
    """What the library says happened; its own remedy where it has one, for it is closer than the check's."""
    return f"{error.what} {error.remedy}" if isinstance(error, NeedsPerson) else str(error)


def _inside(endpoint: Endpoint, path: str) -> Iterator[Check]:
    """What may be done in the drop: each asked although the one before is refused."""
    offset = None
    try:
        with open_source(endpoint, path) as source:
            yield _read(source)
            offset = source.clock_offset()
    except CollecteError as error:
        yield _not("read", error, "CHECK-DROP-UNREADABLE")
    try:
        by_probe = _write(endpoint, path)
    except CollecteError as error:
        yield _not("write", error, "CHECK-RETOUR-UNWRITABLE")
        yield Check("clock", "skipped") if offset is None else _clock(offset)
    else:
        yield Check("write", "ok", f"a small file in {RETOUR}, removed again")
        yield _clock(by_probe if offset is None else offset)


def _read(source: Source) -> Check:
    """List all that could be collected, and read one small file of it: to list is not yet to read.

    Raises:
        CollecteError: neither is possible.
    """
    there = deliveries(source.entries())
    entries = [entry for deposit in there for entry in deposit.entries]
    _read_one(source, heapq.nsmallest(3, entries, key=lambda entry: entry.size))
    size = sum(entry.size for entry in entries)
    return Check("read", "ok", f"{len(there)} deliveries, {len(entries)} files, {size / _GB:.1f} GB")


def _read_one(source: Source, entries: list[Entry]) -> None:
    """The centre may be moving files just now: one that is gone says nothing, three do."""
    small = [entry for entry in entries if entry.size <= _SMALL]
    for number, entry in enumerate(small, 1):
        try:
            source.read_small(entry.path, 2 * _SMALL)
        except Retry:
            if number == len(small):
                raise
        else:
            return


def _write(endpoint: Endpoint, path: str) -> float | None:
    """Write a small file in ``retour`` and remove it again. By how many seconds the server's clock is ahead, as the
    file's time tells; None where it tells none.

    Raises:
        CollecteError: it may not be written, is not there afterwards, or stays there.
    """
    name = f".collecte-check-{secrets.token_hex(8)}"
    began = time.time()
    with open_source(endpoint, path) as source:
        source.write(f"{RETOUR}/{name}", BytesIO(b"Collecte checks that it may write here.\n"))
    ended = time.time()
    with open_source(endpoint, f"{path.rstrip('/')}/{RETOUR}") as source:
        written = next((entry for entry in source.entries() if entry.path == name), None)
        if written is None or not source.remove(written):
            raise NeedsPerson(
                f"Connection {endpoint.id}: a small file was written in {RETOUR}, and could not be found and removed.",
                f"ask the centre what it does with files in {RETOUR}.",
            )
    if not written.mtime_ns:
        return None
    whole_seconds = written.mtime_ns % 1_000_000_000 == 0
    return written.mtime_ns / 1e9 + (0.5 if whole_seconds else 0.0) - (began + ended) / 2


def _clock(offset: float | None) -> Check:
    if offset is None:
        return Check("clock", "ok", "the server does not tell the time")
    seconds = round(offset)
    seen = f"the server's is {abs(seconds)} s {'behind' if seconds < 0 else 'ahead'}"
    if abs(offset) <= CLOCK_TOLERANCE_S:
        return Check("clock", "ok", seen)
    return Check("clock", "not", seen, Finding("CHECK-CLOCK-APART", values={"seconds": abs(seconds)}))


# --- what does not need the drop


def _of_agreement(challenge: Challenge, centre: Centre) -> Iterator[Check]:
    """A line for each finding of the gate; one that only warns does not keep it closed."""
    findings = agreement_gate(challenge, centre, datetime.now(UTC).date())
    if not any(finding.refuses for finding in findings):
        yield Check("agreement", "ok", f"{centre.agreement.reference}, until {centre.agreement.ends}")
    for finding in findings:
        yield Check("agreement", "not" if finding.refuses else "ok", finding=finding)


def _of_space(landing: Path, needed_bytes: int) -> Check:
    """Of the disk that landing is, or will be, on."""
    place = next(folder for folder in (landing, *landing.parents) if folder.exists())
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(place).free if os.access(place, os.W_OK) else 0
    seen = f"{free / _GB:.1f} GB that Collecte may write to"
    if free >= needed_bytes:
        return Check("landing", "ok", seen)
    values = {"free": f"{free / _GB:.1f}", "needed": f"{needed_bytes / _GB:.1f}"}
    return Check("landing", "not", seen, Finding("CHECK-SPACE-SHORT", values=values))
