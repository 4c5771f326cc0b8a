"""A release's way to one destination: what must hold before a byte leaves, sending with receipts, the manifest last."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import (
    Job,
    PackageReceipt,
    PackageRow,
    add_package_receipts,
    begin,
    package_by_label,
    package_receipts,
)
from collecte.catalogue.audit import LEAF_BYTES
from collecte.challenge import Destination
from collecte.errors import CollecteError, NeedsPerson
from collecte.gates import refusals
from collecte.package import SUMS_NAME, digest_of, sha256_of, sha256sums
from collecte.ship.layouts import HostFile, Layout, Release, layout_of
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import require_approved
from collecte.steps.release_gate import release_gate
from collecte.transport import Item, Stored, open_destination


@dataclass(frozen=True)
class Way:
    """A release's way to one destination. ``prefix``: of all its keys there."""

    package: PackageRow
    destination: Destination
    release: Release
    layout: Layout
    prefix: str

    def key(self, file: HostFile) -> str:
        """Where a file stands below the destination's place."""
        return self.prefix + file.key

    def job(self, step: str, number: int | None = None) -> str:
        """The name of a piece of this work: ``release/v1/ship/host-s3/1``."""
        name = f"{self.package.about}/{step}/{self.destination.id}"
        return name if number is None else f"{name}/{number}"


def destinations_of(site: ChallengeSite) -> Sequence[Destination]:
    """The competition hosts of the challenge.

    Raises:
        NeedsPerson: its file names none.
    """
    rules = site.challenge.release
    if rules is None or not rules.destinations:
        raise NeedsPerson(
            f"The challenge file of {site.challenge.id} names no destination of a release.",
            "add one under release, destinations.",
        )
    return rules.destinations


def way_to(site: ChallengeSite, label: str, destination: str) -> Way:
    """The way of a frozen release to a destination.

    Raises:
        NeedsPerson: there is no such release, destination or layout; or the release is not frozen, or its
            ``SHA256SUMS`` is not the one that was.
    """
    package = site.package("release", label)
    if package.state != "frozen":
        raise NeedsPerson(f"{package.about} is not frozen.", "let its run end first.")
    found = [one for one in destinations_of(site) if one.id == destination]
    if not found:
        known = ", ".join(one.id for one in destinations_of(site))
        raise NeedsPerson(f"The challenge file names no destination {destination}.", f"choose one of {known}.")
    folder = site.folder(package)
    if not (folder / SUMS_NAME).is_file() or digest_of(folder) != package.digest:
        raise changed(package, SUMS_NAME)
    prefix = f"{site.challenge.id}/{package.label}/"
    return Way(package, found[0], Release(folder), layout_of(found[0].layout), prefix)


def require_allowed(site: ChallengeSite, package: PackageRow, *, read: bool = False) -> None:
    """Two approvals over the digest, and the gate with the regions of the destinations: nothing is sent without them.

    ``read``: every file of the release is read against its sum, too.

    Raises:
        NeedsPerson: something is missing; it says which.
    """
    require_approved(site, package.about, str(package.digest))
    if against := refusals(release_gate(site, package.label, read=read)):
        raise NeedsPerson(
            f"{package.about} is not sent: {' '.join(finding.text('en') for finding in against)}",
            against[0].remedy("en"),
        )


class MadeAnew(NeedsPerson):
    """A release was made anew, after a recall, while it was sent."""


def require_same_digest(connection: Connection, way: Way) -> None:
    """Nothing is recorded of a release that was made anew while it was sent.

    Raises:
        MadeAnew: it was.
    """
    now = package_by_label(connection, way.package.challenge_id, "release", way.package.label)
    if now.digest != way.package.digest:
        raise MadeAnew(f"{way.package.about} was made anew while it was sent.", "let its new version be approved.")


@contextmanager
def taken_back(site: ChallengeSite, way: Way, keys: Iterable[str]) -> Iterator[None]:
    """Sending these keys: where the release was made anew meanwhile, what it no longer holds is removed again.

    It could be what a recall has just removed, sent by who had it open.
    """
    try:
        yield
    except MadeAnew:
        place = way.destination.place
        held = {way.key(file) for file in way.layout.lay_out(Release(way.release.folder))}
        with open_destination(site.connect(place.connection), place.path) as destination:
            list(destination.remove(sorted(set(keys) - held)))
        raise


def send(site: ChallengeSite, way: Way, job: Job, shipment: int, files: Iterable[HostFile]) -> list[PackageReceipt]:
    """Send files and prove them; what was proved before something failed is kept, and not sent again.

    Raises: as :func:`~collecte.steps.ship_host.ship_to_host`.
    """
    receipts: list[PackageReceipt] = []
    place = way.destination.place
    paths = {way.key(file): file.path for file in files}
    with tempfile.TemporaryDirectory() as folder:
        items = (item_of(way, file, Path(folder)) for file in files)
        try:
            with open_destination(site.connect(place.connection), place.path) as destination:
                receipts.extend(_receipt(stored, paths) for stored in destination.put(items))
        except CollecteError:
            with job.progress() as connection:
                require_same_digest(connection, way)
                add_package_receipts(connection, shipment, receipts)
            raise
    return receipts


def send_manifest(site: ChallengeSite, way: Way, shipment: int) -> PackageReceipt:
    """Write ``SHA256SUMS`` over what is proved at a destination, and send it: the release is complete there.

    Raises:
        NeedsPerson: a file of the release has no receipt yet; or as :func:`send`.
    """
    with site.catalogue.read() as connection:
        sums = {receipt.key: receipt.sha256 for receipt in package_receipts(connection, shipment)}
    manifest, place = way.prefix + SUMS_NAME, way.destination.place
    sums.pop(manifest, None)
    if missing := sum(way.key(file) not in sums for file in way.layout.lay_out(way.release)):
        raise NeedsPerson(
            f"{missing} files of {way.package.about} have no receipt of {way.destination.id} yet.",
            "run the ship steps of this release again.",
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        open_destination(site.connect(place.connection), place.path) as destination,
    ):
        path = Path(folder) / SUMS_NAME
        path.write_bytes(sha256sums((key.removeprefix(way.prefix), digest) for key, digest in sums.items()))
        (stored,) = destination.put([Item(path, manifest, sha256_of(path), path.stat().st_size)])
    return _receipt(stored, {manifest: ""})


def leaf_of(key: str, sha256: str) -> bytes:
    """The 16 bytes by which the challenge's chain knows that an object was proved at a destination."""
    return hashlib.sha256(f"{key}|{sha256}".encode()).digest()[:LEAF_BYTES]


def leaves_of(receipts: Iterable[PackageReceipt]) -> list[bytes]:
    """The leaves of receipts, in the order of their keys."""
    return [leaf_of(one.key, one.sha256) for one in sorted(receipts, key=lambda one: one.key)]


def begin_again(site: ChallengeSite, name: str) -> Job:
    """Begin a job that was done for an earlier digest of the release."""
    job = begin(site.catalogue, site.challenge.id, name, again=True)
    if isinstance(job, dict):  # somebody else was as quick
        raise NeedsPerson(f"Another attempt has just ended {name}.", "clear the task.")
    return job


def changed(package: PackageRow, what: str) -> NeedsPerson:
    """A release is no longer what people approved."""
    return NeedsPerson(
        f"{package.about} is not what was approved: {what}. Nothing was sent.",
        "put its folder back from the backup of the release zone, then clear the task.",
    )


def item_of(way: Way, file: HostFile, folder: Path) -> Item:
    """A file as it is sent; what the layout makes is made in ``folder``."""
    if file.path:
        return Item(way.release.folder / file.path, way.key(file), file.sha256, file.size)
    made = way.layout.make(way.release, file.key, folder)
    return Item(made, way.key(file), sha256_of(made), made.stat().st_size)


def _receipt(stored: Stored, paths: Mapping[str, str]) -> PackageReceipt:
    item = stored.item
    path = paths[item.key]
    return PackageReceipt(item.key, path, item.size, item.sha256, stored.version_id, stored.etag, stored.proof)
