"""What tests of the journey put into drops, and how they read what became of it."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from collecte import catalogue, steps
from collecte.findings import rule
from collecte.records import State
from collecte.steps import Site
from collecte.transport import open_destination
from demo.deliveries import Patient, ct_slice
from demo.verify import states
from tests.journey.conftest import World


def image(patient: Patient, number: int, study: int = 1, size: int = 16) -> bytes:
    """A small CT slice: one SOPInstanceUID for each patient, study and number; ``size`` changes the bytes alone."""
    return ct_slice(patient, study, number, size)


def drop(world: World, centre: str = "arvel") -> Path:
    """The folder that a centre's SFTP server shows as its drop."""
    return world.folder / "sftp" / centre / "depot"


def lay(folder: Path, files: Mapping[str, bytes], marker: str = ".done") -> None:
    """Write files, by their paths, and then the marker that says: complete."""
    folder.mkdir(exist_ok=True)
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if marker:
        (folder / marker).touch()


def rewrite(world: World, old: str, new: str, centre: str = "arvel") -> None:
    """Change a text of the challenge file: the first one at or after the centre's block, else the first of all."""
    path = world.settings.challenges / "demo.yaml"
    text = path.read_text("utf-8")
    start = text.index(f"  - id: {centre}") if old in text.partition(f"  - id: {centre}")[2] else 0
    assert old in text, f"{old!r} is not in the challenge file"
    path.write_text(text[:start] + text[start:].replace(old, new, 1), "utf-8")


def reconnect(world: World, connection: str, **changes: object) -> Mapping[str, object]:
    """Change a connection; what it was before."""
    path = world.folder / "connections.json"
    connections = json.loads(path.read_text("utf-8"))
    before: Mapping[str, object] = connections[connection]
    connections[connection] = {**before, **changes}
    path.write_text(json.dumps(connections), "utf-8")
    return before


def ends(site: Site) -> dict[str, str]:
    """``state: reason`` of every file by its path in the drop, markers left out; of one path, the latest."""
    return {
        path: f"{state}: {reason or ''}".rstrip(": ") for path, state, reason in states(site) if ".done" not in path
    }


def by_delivery(site: Site) -> dict[str, Mapping[str, int]]:
    """How many files of each delivery ended in each state, markers and manifests (``rejected``) left out."""
    return {
        figures.delivery: {s.value: n for s, n in figures.states.items() if n and s is not State.REJECTED}
        for figures in steps.status(site)
        if figures.received
    }


def bucket(world: World) -> dict[str, str]:
    """Key and SHA-256 of everything in the HDH bucket."""
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        return {key: destination.digest(key)[0] for key in destination.list_keys()}


def images_in_bucket(world: World, delivery: str) -> list[str]:
    return [key for key in bucket(world) if f"/{delivery}/" in key and key.endswith(".dcm")]


def curated(world: World) -> dict[str, str]:
    """Path and SHA-256 of every file in the curated zone."""
    folder = world.folder / "curated"
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def dump(site: Site) -> list[str]:
    """The catalogue's lines of a challenge that are a function of input and keys."""
    with site.catalogue.read() as connection:
        return catalogue.canonical_dump(connection, site.challenge.id)


def findings(site: Site, label: str = "d0001") -> Counter[str]:
    """The codes of a delivery's findings; each has words and a remedy in both languages."""
    with site.catalogue.read() as connection:
        found = Counter(row.code for row in catalogue.findings_of(connection, site.delivery(label).id))
    for code in found:
        said = rule(code)
        assert all((said.fr, said.en, said.remedy_fr, said.remedy_en))
    return found


def assert_sound(site: Site) -> None:
    """Promises 2 and 5: each file is in one state, none still waits, the states add up; the audit chain holds."""
    with site.catalogue.transaction() as connection:
        assert not catalogue.verify(connection, site.challenge.id)
        centre_id = catalogue.ensure_centre(connection, site.challenge.id, site.centre.id)
        for row in catalogue.deliveries_of(connection, centre_id):
            files = catalogue.files_of_delivery(connection, row.id)
            archives = {file.origin_id for file in files}
            totals = catalogue.totals(connection, row.id)
            assert sum(totals.values()) == sum(file.id not in archives for file in files)
            assert totals[State.WAITING] == 0
