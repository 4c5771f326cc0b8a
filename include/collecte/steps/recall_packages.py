"""Releases and Open Data without what was recalled: made again under the same ids, then at every host and in public.

The new digest needs no new approval: it holds nothing that was not approved before, and the officer approved the recall
whose plan names the package. What was sent is withdrawn first, so that no host holds what its manifest does not list.
"""

from collecte.catalogue import begin, package_files, package_receipts, shipments_of_package
from collecte.catalogue.recalls import RecallRow, pseudonym_of
from collecte.recall import Plan, numbers_of
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.open_data import remake_open
from collecte.steps.release import remake_release
from collecte.steps.ship_host import withdraw


def remake_packages(site: ChallengeSite, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Make anew every release and package that the plan names, and what lies at hosts and in public with them.

    Raises:
        NeedsPerson: a host or the public place refuses.
        Retry: a connection was lost.
    """
    job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/packages")
    if isinstance(job, dict):
        return job
    without = frozenset(numbers_of(plan.files))
    with site.catalogue.read() as connection:
        pseudonym = pseudonym_of(connection, recall.target) if recall.scope == "subject" else None
    subjects = frozenset({pseudonym} if pseudonym else ())
    counts = {"releases": 0, "open": 0, "locked": 0}
    for label in _labels(plan, "release"):
        job.check()
        remake_release(site, label, without, subjects)
        counts["releases"] += 1
        for host in _hosts(plan, label):
            job.check()
            counts["locked"] += withdraw(site, label, host, _gone(site, label, host)).get("locked", 0)
    for label in _labels(plan, "open"):
        job.check()
        counts["locked"] += remake_open(site, label, without, subjects).get("locked", 0)
        counts["open"] += 1
    with job.finish(counts):
        return counts


def _hosts(plan: Plan, label: str) -> list[str]:
    """The hosts that have something of a release."""
    places = (copies.place.split("/") for copies in plan.places)
    return [place[1] for place in places if place[0] == "host" and place[2] == label]


def _gone(site: ChallengeSite, label: str, host: str) -> list[str]:
    """What a host was sent of a release, and is no longer in it."""
    package = site.package("release", label)
    with site.catalogue.read() as connection:
        now = {file.path for file in package_files(connection, package.id)}
        sent = {
            receipt.path
            for shipment in shipments_of_package(connection, package.id)
            if shipment.destination == host
            for receipt in package_receipts(connection, shipment.id)
            if receipt.path
        }
    return sorted(sent - now)


def _labels(plan: Plan, kind: str) -> list[str]:
    """The versions of a kind of package that a plan names."""
    return [label for place, _, label in (copies.place.partition("/") for copies in plan.places) if place == kind]
