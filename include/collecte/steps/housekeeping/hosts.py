"""What killed attempts left at competition hosts and at the public place: parts of uploads, and probes.

Looked for while a package is on its way to a place and some days longer: when a competition is over, its host may well
let nobody in any more.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from collecte.catalogue import packages_of, shipments_of_package
from collecte.challenge import Place
from collecte.steps.housekeeping.done import Done
from collecte.steps.ship import ABANDONED
from collecte.steps.site import Site
from collecte.transport import open_destination

_LONGER = timedelta(days=7)


def hosts(site: Site, at: datetime, dry_run: bool = False, abandoned: timedelta = ABANDONED) -> Done:
    """End what was begun so long ago: ``aborted``. A dry run looks nowhere: a place tells only what it aborted.

    Raises:
        Retry: a connection was lost.
        NeedsPerson: a place refuses us.
    """
    aborted = 0
    for place in [] if dry_run else _places(site, at - _LONGER):
        with open_destination(site.connect(place.connection), place.path) as there:
            aborted += there.abort_unfinished(abandoned, f"{site.challenge.id}/")
            aborted += there.sweep_probes(abandoned)
    return Done({"aborted": aborted})


def _places(site: Site, since: datetime) -> Iterator[Place]:
    """To where packages are on their way, or were since then."""
    challenge = site.challenge
    known = {("release", one.id): one.place for one in (challenge.release.destinations if challenge.release else ())}
    if challenge.open_data:
        known["open", "open"] = challenge.open_data.place
    with site.catalogue.read() as connection:
        sent = {
            (package.kind, shipment.destination)
            for kind in ("release", "open")
            for package in packages_of(connection, challenge.id, kind)
            for shipment in shipments_of_package(connection, package.id)
            if shipment.digest == package.digest and (shipment.done_at is None or shipment.done_at > since)
        }
    return (place for key, place in known.items() if key in sent)
