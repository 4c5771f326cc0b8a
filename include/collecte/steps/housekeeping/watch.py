"""What somebody should know before it becomes a problem: nothing of it stops a night, each line says what to do."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from collecte.catalogue import ensure_centre
from collecte.catalogue.housekeeping import Stopped, expiring, under_way
from collecte.findings import Finding
from collecte.report import EXPIRY_NOTICE, CentreProgress
from collecte.steps.backup import SET_ASIDE
from collecte.steps.documents import expires_by, progress
from collecte.steps.housekeeping.done import Done, Notice
from collecte.steps.site import Site

#: A delivery that has not moved for so long is not merely slow: two nights passed.
STOPPED = timedelta(days=2)


def watch(site: Site, at: datetime, dry_run: bool = False) -> Done:
    """What is late, ends, expires or has stopped at one centre; the coordinator's reports name the first three too."""
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        centre = progress(site, connection, centre_id, site.centre, at)
        soon = expiring(connection, centre_id, expires_by(site, at))
        going = under_way(connection, centre_id)
    here = f"{site.challenge.id}/{site.centre.id}"
    late = [Notice(here, finding) for finding in _late(centre, at)]
    ends = [Notice(here, finding) for finding in _ends(centre, at)]
    expire = [Notice(f"{here}/{label}", _expire_soon(n)) for label, n in soon.items()]
    stopped = [Notice(f"{here}/{each.delivery}", _stopped(each, at)) for each in going if each.since < at - STOPPED]
    lost = [Notice(here, finding) for finding in _set_aside(site)]
    counts = {
        "late": len(late),
        "agreements_ending": len(ends),
        "expire_soon": centre.expiring,
        "stopped": len(stopped),
        "set_aside": len(lost),
    }
    return Done(counts, (*late, *ends, *expire, *stopped, *lost))


def _late(centre: CentreProgress, at: datetime) -> Iterator[Finding]:
    for promise in centre.late(at.date()):
        figures = {"files": promise.promised, "came": promise.received}
        yield Finding("CENTRE-LATE", values={"kind": promise.kind, "by": promise.by.isoformat(), **figures})


def _ends(centre: CentreProgress, at: datetime) -> Iterator[Finding]:
    """Of one that has ended the gate speaks."""
    last = centre.agreement_ends
    if last is not None and last >= at.date() and centre.agreement_due(at.date()):
        yield Finding("AGREEMENT-ENDS-SOON", values={"ends": last.isoformat()})


def _expire_soon(files: int) -> Finding:
    return Finding("QUARANTINE-EXPIRES-SOON", count=files, values={"days": EXPIRY_NOTICE.days})


def _stopped(delivery: Stopped, at: datetime) -> Finding:
    return Finding("DELIVERY-STOPPED", values={"state": delivery.state, "days": (at - delivery.since).days})


def _set_aside(site: Site) -> Iterator[Finding]:
    """What a restore of the catalogue moved out of the way: nothing removes it but a person."""
    folder = site.landing / site.challenge.id / site.centre.id / SET_ASIDE
    if left := sum(1 for _ in folder.glob("*/*")):
        yield Finding("LANDING-SET-ASIDE", count=left)
