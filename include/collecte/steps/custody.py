"""One file's life, link by link: from the centre's hash to the receipt of each destination. Nothing is changed.

Each copy that is there is read whole and held against the catalogue, and the catalogue against its chains. What the
links name: catalogue ids, sums, and paths of a release, which hold its new ids alone; never a name of the centre's, nor
a pseudonym.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from collecte.catalogue import Catalogue, PackageFile, PackageReceipt, PackageRow
from collecte.catalogue.audit import LEAF_BYTES
from collecte.catalogue.custody import Trail, trail_of
from collecte.catalogue.verify import Broken, leaves_in, verify_file
from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME, digest_of, sha256_of
from collecte.ship.layouts import Release
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.host_way import leaf_of
from collecte.transport import Destination, open_destination

_FILE = re.compile(r"f([1-9]\d{0,17})")


@dataclass(frozen=True)
class Link:
    """One place that a file came through. ``holds``: whether its bytes are there what they must be; None: nothing is
    left that could be looked at (purged after its time), or nothing was given. ``said``: a sentence, without a name of
    the centre's and without a pseudonym.
    """

    place: str
    sha256: str
    holds: bool | None
    said: str


def challenge_of(catalogue: Catalogue, file: str) -> str:
    """The challenge of a file (``f12``).

    Raises:
        NeedsPerson: there is no such file.
    """
    with catalogue.read() as connection:
        return _trail(connection, file).challenge_id


def custody(site: ChallengeSite, file: str) -> list[Link]:
    """Follow a file (``f12``): what the centre announced, landing, the chain, curated, the HDH, each release, each
    host. Every copy that is there is read whole and held against the catalogue.

    Raises:
        NeedsPerson: there is no such file; a destination cannot be reached as configured.
        Retry: a connection was lost.
    """
    with site.catalogue.read() as connection:
        trail = _trail(connection, file)
        if trail.challenge_id != site.challenge.id:
            raise _unknown()
        chain = verify_file(connection, trail.found.file.id)
        leaves = leaves_in(connection, site.challenge.id)
    links = [*_received(site, trail), _chained(trail, chain), *_curated(site, trail), *_at_hdh(site, trail)]
    for package, held in trail.packages:
        links += _packaged(site, package, held, leaves)
        if package.kind == "release":
            links += _at_hosts(site, package, held, trail.sent, leaves)
    return links


def _trail(connection: Connection, file: str) -> Trail:
    match = _FILE.fullmatch(file.strip())
    trail = trail_of(connection, int(match[1])) if match else None
    if trail is None:
        raise _unknown()
    return trail


def _unknown() -> NeedsPerson:
    return NeedsPerson("The catalogue has no such file.", "name it as reports do: f12.")


def _received(site: ChallengeSite, trail: Trail) -> Iterator[Link]:
    """What the centre said of it, and what landing holds."""
    file, one = trail.found.file, trail.found
    sha256 = file.sha256 or ""
    folder = site.landing / site.challenge.id / one.centre / one.delivery
    path = folder / file.landing if file.landing else None
    there = path if path is not None and path.is_file() else None
    yield _announced(file.expected, sha256, there)
    if there is None:
        yield Link("landing", sha256, None, "Landing holds it no more; its sum stays on record.")
    else:
        yield _compared("landing", sha256, sha256_of(there), "Landing holds what was received.")


def _announced(expected: str | None, sha256: str, landed: Path | None) -> Link:
    if expected is None:
        return Link("centre", sha256, None, "The centre gave no sum; this one was taken on receipt.")
    algorithm, _, digest = expected.partition(":")
    said = f"The centre announced it by {algorithm}, and so it was received."
    if algorithm == "sha256":
        return _compared("centre", digest, sha256, said)
    if landed is None:
        return Link("centre", "", None, f"The centre announced it by {algorithm}; landing holds it no more to compare.")
    with landed.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    return _compared("centre", digest, found, said)


def _chained(trail: Trail, broken: Broken | None) -> Link:
    file = trail.found.file
    if broken is None:
        said = f"The audit chain of {trail.found.delivery} leads it to its state, {file.state.value}, with these sums."
        return Link("chain", file.safe_sha256 or file.sha256 or "", True, said)
    return Link("chain", "", False, f"The audit chain is broken at event {broken.seq}: {broken.what}.")


def _curated(site: ChallengeSite, trail: Trail) -> Iterator[Link]:
    """The safe copy. Its name holds a pseudonym and is not told."""
    file, one = trail.found.file, trail.found
    if not file.name or not file.safe_sha256:
        yield Link("curated", "", None, f"No safe copy of it is kept: it is {file.state.value}.")
        return
    path = site.curated / site.challenge.id / one.centre / one.delivery / file.name
    if file.state.value != "accepted":
        yield Link("curated", file.safe_sha256, None, f"It is {file.state.value}: no safe copy leaves.")
    elif path.is_file():
        yield _compared("curated", file.safe_sha256, sha256_of(path), "Curated holds the safe copy that was accepted.")
    else:
        yield Link("curated", file.safe_sha256, False, "The safe copy is not in curated.")


def _at_hdh(site: ChallengeSite, trail: Trail) -> Iterator[Link]:
    hdh = site.challenge.hdh
    for destination, receipt in trail.receipts:
        with open_destination(site.connect(hdh.connection), hdh.path) as store:
            found = _digest(store, receipt.key)
        if receipt.sha256 != trail.found.file.safe_sha256:
            yield Link(destination, receipt.sha256, False, "The receipt is of other bytes than were accepted.")
        else:
            said = f"The HDH holds it (receipt: {receipt.proof}{_version(receipt.version_id)})."
            yield _compared(destination, receipt.sha256, found, said)


def _packaged(
    site: ChallengeSite, package: PackageRow, held: PackageFile, leaves: Mapping[bytes, Sequence[int]] | Broken
) -> Iterator[Link]:
    """A package that holds something made of it: its digest stands in the chain, ``SHA256SUMS`` in the digest, the file
    in ``SHA256SUMS``.
    """
    folder, place = site.folder(package), package.about
    if not (folder / SUMS_NAME).is_file() or digest_of(folder) != package.digest:
        yield Link(place, held.sha256, False, f"{SUMS_NAME} of {place} is not what was frozen.")
        return
    listed = next((digest for path, digest in Release(folder).files() if path == held.path), None)
    if listed != held.sha256:
        yield Link(place, held.sha256, False, f"{SUMS_NAME} of {place} does not list {held.path} so.")
        return
    if isinstance(leaves, Broken) or bytes.fromhex(str(package.digest))[:LEAF_BYTES] not in leaves:
        yield Link(place, held.sha256, False, f"The challenge's audit chain knows no {place} of this digest.")
        return
    path = folder / held.path
    found = sha256_of(path) if path.is_file() else None
    yield _compared(place, held.sha256, found, f"{place} holds {held.path}, made of it and signed.")


def _at_hosts(
    site: ChallengeSite,
    package: PackageRow,
    held: PackageFile,
    sent: Sequence[tuple[int, str, PackageReceipt]],
    leaves: Mapping[bytes, Sequence[int]] | Broken,
) -> Iterator[Link]:
    rules = site.challenge.release
    places = {one.id: one.place for one in rules.destinations} if rules else {}
    with ExitStack() as opened:
        for package_id, host, receipt in sent:
            if (package_id, receipt.path) != (package.id, held.path):
                continue
            place = f"{host}/{package.label}"
            if host not in places:
                yield Link(place, receipt.sha256, None, f"The challenge file names {host} no more.")
                continue
            at = places[host]
            store = opened.enter_context(open_destination(site.connect(at.connection), at.path))
            if receipt.sha256 != held.sha256:
                yield Link(place, receipt.sha256, False, "The receipt is of other bytes than the release has.")
            elif isinstance(leaves, Broken) or leaf_of(receipt.key, receipt.sha256) not in leaves:
                yield Link(place, receipt.sha256, False, "The challenge's audit chain knows no such receipt.")
            else:
                said = f"{host} holds {receipt.key} (receipt: {receipt.proof}{_version(receipt.version_id)})."
                yield _compared(place, receipt.sha256, _digest(store, receipt.key), said)


def _digest(store: Destination, key: str) -> str | None:
    """The SHA-256 of an object as it is read back; None where there is none."""
    if key not in set(store.list_keys(key)):
        return None
    return store.digest(key)[0]


def _version(version_id: str | None) -> str:
    return f", version {version_id}" if version_id else ""


def _compared(place: str, expected: str, found: str | None, said: str) -> Link:
    if found == expected:
        return Link(place, expected, True, said)
    what = "It is not there." if found is None else f"Other bytes are there: {found}."
    return Link(place, expected, False, what)
