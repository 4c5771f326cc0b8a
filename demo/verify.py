"""Does the journey's end agree with what was deposited? Asked of the catalogue, the bucket, and every place where text
remains."""

import csv
import hashlib
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from collecte import catalogue
from collecte.package import SUMS_NAME, read_sums
from collecte.steps import Site
from collecte.steps.moving import paths_of
from collecte.transport import open_destination
from demo.deliveries import Deposit, planted
from demo.search import contents, search


@dataclass(frozen=True)
class Check:
    """One thing looked at: ``trouble`` is empty where it is as it should be."""

    what: str
    trouble: str = ""

    @property
    def passed(self) -> bool:
        return not self.trouble


def verify(sites: Mapping[str, Site], laid: Mapping[str, Deposit], places: Iterable[Path]) -> list[Check]:
    """Every check of the demo. ``places``: files and folders in which no planted identifier may stand."""
    checks = []
    for centre_id, site in sites.items():
        checks += [
            Check(f"{centre_id}: every file ends where it should", _ends(site, laid[centre_id])),
            Check(f"{centre_id}: the states add up to what was received", _sums(site, laid[centre_id])),
            Check(f"{centre_id}: the HDH bucket equals the manifest, byte by byte", _bucket(site)),
        ]
    some = next(iter(sites.values()))
    with some.catalogue.read() as connection:
        broken = catalogue.verify(connection, some.challenge.id)
    checks.append(Check("the audit chain holds", "; ".join(map(str, broken))))
    words = sorted(set(planted(laid)))
    shipped = [(key, content) for site in sites.values() for key, content in _objects(site)]
    found = [*search(words, contents(places)), *search(words, ((key, (content,)) for key, content in shipped))]
    looked = f"{len(words)} planted identifiers stand nowhere outside drop and landing"
    checks.append(Check(looked, "; ".join(sorted(set(found))[:10])))
    return checks


def states(site: Site) -> Iterator[tuple[str, str, str | None]]:
    """(path in the drop, state, reason) of every file that the catalogue holds of a centre. IDENTIFYING."""
    with site.catalogue.transaction() as connection:
        centre_id = catalogue.ensure_centre(connection, site.challenge.id, site.centre.id)
        for delivery in catalogue.deliveries_of(connection, centre_id):
            files = catalogue.files_of_delivery(connection, delivery.id)
            paths = paths_of(site.keys, files)
            for file in files:
                yield paths[file.id], file.state.value, file.reason


def _ends(site: Site, laid: Deposit) -> str:
    found = {unicodedata.normalize("NFC", path): (state, reason or "") for path, state, reason in states(site)}
    wrong = Counter[str]()
    for path, expected in laid.expected.items():
        state, reason = found.get(unicodedata.normalize("NFC", path), ("absent", ""))
        if state != expected.state or (expected.code and reason != expected.code):
            wrong[f"expected {expected.state} {expected.code}, is {state} {reason}"] += 1
    for code in laid.delivery_findings:
        if code not in _delivery_findings(site):
            wrong[f"no finding {code}"] += 1
    return "; ".join(f"{count} × {what}" for what, count in wrong.items())


def _delivery_findings(site: Site) -> set[str]:
    with site.catalogue.transaction() as connection:
        centre_id = catalogue.ensure_centre(connection, site.challenge.id, site.centre.id)
        return {
            finding.code
            for delivery in catalogue.deliveries_of(connection, centre_id)
            for finding in catalogue.findings_of(connection, delivery.id)
        }


def _sums(site: Site, laid: Deposit) -> str:
    unpacked = {path.partition("!/")[0] for path in laid.expected if "!/" in path}
    members = sum("!/" in path for path in laid.expected)
    expected = len(laid.files) - len(unpacked) + members
    counted = 0
    with site.catalogue.transaction() as connection:
        centre_id = catalogue.ensure_centre(connection, site.challenge.id, site.centre.id)
        for delivery in catalogue.deliveries_of(connection, centre_id):
            counted += sum(catalogue.totals(connection, delivery.id).values())
    return "" if counted == expected else f"{counted} files are counted, {expected} were deposited"


def _objects(site: Site) -> Iterator[tuple[str, bytes]]:
    hdh = site.challenge.hdh
    with open_destination(site.connect(hdh.connection), hdh.path) as destination:
        for key in destination.list_keys(f"{site.challenge.id}/{site.centre.id}/"):
            yield key, destination.read(key)


def _bucket(site: Site) -> str:
    """The objects against ``SHA256SUMS`` and ``manifest.csv`` of their batch, and against the accepted files of the
    catalogue."""
    batches: dict[str, dict[str, bytes]] = {}
    for key, content in _objects(site):
        _, _, delivery, name = key.split("/", 3)
        batches.setdefault(delivery, {})[name] = content
    if not batches:
        return "nothing was shipped"
    troubles = [trouble for batch in batches.values() for trouble in _batch(batch)]
    rows = sum(len(_rows(batch)) for batch in batches.values())
    accepted = sum(state == "accepted" for _, state, _ in states(site))
    if rows != accepted:
        troubles.append(f"{rows} files in manifests, {accepted} accepted in the catalogue")
    return "; ".join(troubles[:5])


def _batch(batch: Mapping[str, bytes]) -> Iterator[str]:
    if SUMS_NAME not in batch:
        yield "a batch has no SHA256SUMS"
        return
    sums = read_sums(batch[SUMS_NAME])
    if set(sums) != set(batch) - {SUMS_NAME}:
        yield "a batch holds other files than its SHA256SUMS lists"
    for name, content in batch.items():
        if name in sums and hashlib.sha256(content).hexdigest() != sums[name]:
            yield f"{name} has other content"
    for row in _rows(batch):
        if sums.get(row["name"]) != row["sha256"] or len(batch.get(row["name"], b"")) != int(row["size"]):
            yield f"{row['name']} is not as its manifest says"


def _rows(batch: Mapping[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(batch["manifest.csv"].decode())))
