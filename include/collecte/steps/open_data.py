"""Release → open: a package under ids of its own, approved by two people, made public, proved there.

``start_open → make_open → two answers → publish_open``; after a recall ``remake_open``.
"""

import hashlib
from pathlib import Path

from collecte import opendata
from collecte.catalogue import (
    PackageReceipt,
    PackageRow,
    add_package_receipts,
    begin,
    close_package_shipment,
    ensure_package_shipment,
    new_package,
    package_receipts,
    packages_of,
    shipments_of_package,
)
from collecte.errors import NeedsPerson
from collecte.gates import refusals
from collecte.opendata.publishers import Publication, publisher
from collecte.package import SIGNATURE_NAME, SUMS_NAME, read_sums, sha256_of
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import require_approved
from collecte.steps.host_way import leaves_of
from collecte.steps.open_gate import open_gate, release_of, require_unchanged
from collecte.steps.open_making import make_package, open_rules
from collecte.steps.release_making import (
    drop_remains,
)
from collecte.transport import Stored

#: Where the package goes, as shipments call it.
DESTINATION = "open"


def start_open(site: ChallengeSite, release: str | None = None) -> str:
    """Begin a package of a release (the newest, where none is named), such as ``v1``; or the one that was begun of it.

    Raises:
        NeedsPerson: the challenge has no ``open_data``, there is no frozen release, or the gate is closed.
    """
    open_rules(site)
    with site.catalogue.read() as connection:
        made = [row for row in packages_of(connection, site.challenge.id, "release") if row.state == "frozen"]
    if not made:
        raise NeedsPerson(f"Challenge {site.challenge.id} has no frozen release.", "make one: the release DAG.")
    of = site.package("release", release) if release else made[-1]
    if found := refusals(open_gate(site, of.label)):
        said = " ".join(f"{finding.code}: {finding.text('en')} {finding.remedy('en')}" for finding in found)
        raise NeedsPerson(f"release/{of.label} cannot become public. {said}", "meet each of these, then start again.")
    inputs = _inputs(site, of)
    with site.catalogue.transaction() as connection:
        for row in packages_of(connection, site.challenge.id, "open"):
            if row.release_id == of.id and row.inputs == inputs:
                return row.label
        return new_package(connection, site.challenge.id, "open", inputs, of.id).label


def make_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """Make the tree of a package, with its documents and signature, and say in the catalogue what it holds.

    Raises:
        NeedsPerson: the release changed, the gate is closed, or a disk refuses; nothing is visible then.
    """
    package = site.package("open", label)
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/make")
    if isinstance(job, dict):
        drop_remains(site, package)
        return job
    release = release_of(site, package)
    if found := refusals(open_gate(site, release.label)):
        raise NeedsPerson(
            f"release/{release.label} cannot become public: {', '.join(one.code for one in found)}.",
            "the log of the task `start` says what to do; start again then.",
        )
    return make_package(site, package, release, job)


def remake_open(
    site: ChallengeSite, label: str, without: frozenset[int], subjects: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Make a package anew of its release, which was made anew before without what was recalled; then take back what is
    public of it and no longer in it, and publish what changed. Where its release did not change, nothing does.

    The digest that it had stands in its data card as the one that it replaces. No approval is asked for: what is
    published is less than was approved before.

    Raises:
        NeedsPerson: the public place refuses.
        Retry: the connection was lost.
    """
    package = site.package("open", label)
    release = release_of(site, package)
    if package.state != "frozen":
        return {}
    counts: dict[str, int] = {}
    if not _is_of(site, package, release):
        job = begin(site.catalogue, site.challenge.id, f"{package.about}/remake/{str(release.digest)[:16]}")
        counts = job if isinstance(job, dict) else make_package(site, package, release, job)
    package = site.package("open", label)
    drop_remains(site, package)
    with site.catalogue.read() as connection:
        sent = shipments_of_package(connection, package.id)
    if any(shipment.digest != package.digest for shipment in sent):
        counts |= _publish_again(site, package)
    return counts


def publish_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """Publish a package: every file proved, ``SHA256SUMS`` last. What is there is not sent again.

    Raises:
        NeedsPerson: it is not approved by two people over exactly these bytes, a file changed, the gate is closed, or
            the public place refuses us or holds something else.
        Retry: the connection was lost.
    """
    package = site.package("open", label)
    require_approved(site, package.about, str(package.digest))
    if found := refusals(open_gate(site, release_of(site, package).label)):
        raise NeedsPerson(
            f"{package.about} may not be published any more: {', '.join(one.code for one in found)}.",
            "meet what the gate asks; nothing was sent.",
        )
    require_unchanged(site, package)
    return _publish(site, package)


def verify_open(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a package, a sentence each, with the file named; empty where all holds.

    ``public_key`` None: the folder's own copy is taken, which proves that it is whole, not where it comes from.
    """
    return opendata.verify(folder, public_key)


def verify_public(site: ChallengeSite, label: str) -> list[str]:
    """Read back what is public of a package; what is wrong with it, a sentence each."""
    package = site.package("open", label)
    return publisher(open_rules(site).publisher).verify(_publication(site, package))


def dry_run_open(site: ChallengeSite, label: str) -> dict[str, int]:
    """What publishing a package would do, without doing it."""
    package = site.package("open", label)
    return dict(publisher(open_rules(site).publisher).dry_run(_publication(site, package)))


def _is_of(site: ChallengeSite, package: PackageRow, release: PackageRow) -> bool:
    """Whether a package is whole, and made of its release as that is now."""
    folder = site.folder(package)
    return (
        (folder / SUMS_NAME).is_file()
        and sha256_of(folder / SUMS_NAME) == package.digest
        and str(release.digest) in (folder / "CITATION.cff").read_text("utf-8")
    )


def _inputs(site: ChallengeSite, release: PackageRow) -> str:
    """A digest over what a package is made of: the release as it was frozen, and the rules."""
    rules = site.challenge.model_dump_json(include={"release", "open_data", "licence", "ethics"})
    return hashlib.sha256(f"{release.inputs}\n{release.label}\n{rules}".encode()).hexdigest()


# --- the public place


def _publication(site: ChallengeSite, package: PackageRow) -> Publication:
    rules, folder = open_rules(site), site.folder(package)
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    sums |= {name: sha256_of(folder / name) for name in (SIGNATURE_NAME, SUMS_NAME)}
    prefix = f"{site.challenge.id}/{package.label}"
    return Publication(site.connect(rules.place.connection), rules.place.path, prefix, folder, sums)


def _publish(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    publication = _publication(site, package)
    with site.catalogue.transaction() as connection:
        shipment = ensure_package_shipment(connection, package, DESTINATION)
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/publish/{str(package.digest)[:16]}")
    if isinstance(job, dict):
        return job
    stored = list(publisher(open_rules(site).publisher).publish(publication))
    counts = {"files": len(stored), "bytes": sum(one.item.size for one in stored)}
    with job.finish(counts, [bytes.fromhex(str(package.digest))[:16]]) as connection:
        add_package_receipts(connection, shipment, (_receipt(publication, one) for one in stored))
        close_package_shipment(connection, shipment)
    return counts


def _publish_again(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    """Take back what is public of a package and no longer in it, or has other bytes now; then publish."""
    counts = _withdraw(site, package)
    return counts | {"published": _publish(site, package)["files"]}


def _withdraw(site: ChallengeSite, package: PackageRow) -> dict[str, int]:
    """Take back whatever is not proved to be as it is now: a publishing that was killed has no receipt of what it sent.

    Once for each digest: done again after the new bytes are public, it would take those back.
    """
    job = begin(site.catalogue, site.challenge.id, f"{package.about}/withdraw/{str(package.digest)[:16]}")
    if isinstance(job, dict):
        return job
    publication, way = _publication(site, package), publisher(open_rules(site).publisher)
    with site.catalogue.read() as connection:
        shipments = shipments_of_package(connection, package.id)
        sent = [receipt for one in shipments for receipt in package_receipts(connection, one.id)]
    gone = {one.path: one for one in sent if publication.sums.get(one.path) != one.sha256}
    same = {one.path for one in sent} - set(gone)
    removed = list(way.withdraw(publication, sorted({*way.there(publication), *gone} - same)))
    counts = {"withdrawn": len(removed), "locked": sum(one.locked for one in removed)}
    with job.finish(counts, leaves_of(gone.values())):
        return counts


def _receipt(publication: Publication, stored: Stored) -> PackageReceipt:
    item = stored.item
    path = item.key.removeprefix(f"{publication.prefix}/")
    return PackageReceipt(item.key, path, item.size, item.sha256, stored.version_id, stored.etag, stored.proof)
