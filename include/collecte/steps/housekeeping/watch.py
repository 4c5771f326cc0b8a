"""What somebody should know before it becomes a problem: nothing of it stops a night, each line says what to do."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from collecte.catalogue import ensure_centre
from collecte.catalogue.housekeeping import Stopped, came, under_way
from collecte.catalogue.quarantined import quarantined
from collecte.findings import Finding
from collecte.steps.housekeeping.done import Done, Notice
from collecte.steps.site import Site

#: How long before it ends an agreement is named, and how long before it expires a file.
AGREEMENT_NOTICE, EXPIRY_NOTICE = timedelta(days=30), timedelta(days=14)
#: A delivery that has not moved for so long is not merely slow: two nights passed.
STOPPED = timedelta(days=2)


def watch(site: Site, at: datetime, dry_run: bool = False) -> Done:
    """What is late, ends, expires or has stopped at one centre."""
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        sent = came(connection, centre_id)
        waiting = quarantined(connection, centre_id)
        going = under_way(connection, centre_id)
    here = f"{site.challenge.id}/{site.centre.id}"
    late = [Notice(here, finding) for finding in _late(site, sent, at)]
    ends = [Notice(here, finding) for finding in _ends(site, at)]
    days = timedelta(days=site.challenge.retention.quarantine_days)
    soon = Counter(file.delivery for file in waiting if at < file.since + days <= at + EXPIRY_NOTICE)
    expire = [Notice(f"{here}/{label}", _expire_soon(n)) for label, n in sorted(soon.items())]
    stopped = [Notice(f"{here}/{each.delivery}", _stopped(each, at)) for each in going if each.since < at - STOPPED]
    counts = {"late": len(late), "agreements_ending": len(ends), "expire_soon": soon.total(), "stopped": len(stopped)}
    return Done(counts, (*late, *ends, *expire, *stopped))


def _late(site: Site, sent: Mapping[str, int], at: datetime) -> Iterator[Finding]:
    for promise in site.centre.promised:
        here, by = sent.get(promise.kind, 0), promise.by
        if at.date() > by and here < promise.files:
            values = {"kind": promise.kind, "files": promise.files, "came": here, "by": by.isoformat()}
            yield Finding("CENTRE-LATE", values=values)


def _ends(site: Site, at: datetime) -> Iterator[Finding]:
    """Of one that has ended the gate speaks."""
    last = site.centre.agreement.ends
    if last is not None and at.date() <= last <= (at + AGREEMENT_NOTICE).date():
        yield Finding("AGREEMENT-ENDS-SOON", values={"ends": last.isoformat()})


def _expire_soon(files: int) -> Finding:
    return Finding("QUARANTINE-EXPIRES-SOON", count=files, values={"days": EXPIRY_NOTICE.days})


def _stopped(delivery: Stopped, at: datetime) -> Finding:
    return Finding("DELIVERY-STOPPED", values={"state": delivery.state, "days": (at - delivery.since).days})
