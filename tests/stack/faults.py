"""Challenges that only the tests of this folder collect: what is laid into their drops, through which relays they are
reached, and how what became of it is read.

Each has one centre, and connections of its own, so that a test can hold or change them and disturb no other.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from collecte import steps
from collecte.catalogue import open_catalogue
from collecte.catalogue.dump import canonical_dump
from collecte.settings import HOME, Settings
from collecte.steps import Site, open_site
from collecte.transport import load_endpoint, open_destination
from demo.deliveries import Patient
from demo.stack import Stack
from tests.stack.relay import Relay

#: Challenge and centre, and the stack's SFTP server whose folder is the centre's drop.
DROPS: Mapping[tuple[str, str], str] = {
    ("child", "mirvoux"): "arvel",
    ("supervisor", "tassigny"): "corvane",
    ("leaks", "ozanne"): "arvel",
}

#: Who is on the images of the tasks that are killed.
PATIENTS = (
    Patient("KERGUIZIOU^Maëlle", "K77190345", "19530218", "F"),
    Patient("BOISROBERT^Ghislain", "K77201188", "19470906", "M"),
    Patient("VANDEPUTTE^Solène", "K77213071", "19880527", "F"),
)


def identifiers(patient: Patient) -> set[str]:
    """What must be found nowhere of a patient: identifier, names, and the birth date as one writes it."""
    year, month, day = patient.born[:4], patient.born[4:6], patient.born[6:]
    return {patient.ipp, *patient.name.split("^"), patient.born, f"{year}-{month}-{day}", f"{day}/{month}/{year}"}


def challenge_file(challenge: str, centre: str) -> str:
    """The demonstration's challenge with this one centre, on connections and a drop of its own; started by hand."""
    raw = yaml.safe_load((HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8"))
    block = {**raw["centres"][0], "id": centre, "name": f"Centre fictif {centre}", "schedule": None}
    block |= {"drop": {"connection": f"{challenge}_sftp", "path": f"/{challenge}"}, "promised": []}
    raw |= {"id": challenge, "hdh": {"connection": f"{challenge}_hdh", "path": "hdh-demo"}, "centres": [block]}
    return str(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False))


@dataclass(frozen=True)
class World:
    """One of these challenges in the running stack: its centre's drop as a folder, its relays, and its site."""

    stack: Stack
    challenge: str
    centre: str
    drop: Path
    sftp: Relay = field(repr=False)
    s3: Relay = field(repr=False)

    @property
    def collect(self) -> str:
        return f"collect__{self.challenge}__{self.centre}"

    @property
    def ship(self) -> str:
        return f"ship_hdh__{self.challenge}"

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.stack.settings)

    @property
    def landing(self) -> Path:
        return self.stack.state / "landing" / self.challenge / self.centre

    def site(self) -> Site:
        return open_site(self.challenge, self.centre, self.settings)

    def lay(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put a delivery into the drop, and last its marker: it is complete."""
        for path, content in {**files, ".done": b""}.items():
            target = self.drop / folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def undisturbed(self, folder: Path) -> Site:
        """Collect and ship the same drop with the same keys in one process, in zones and a catalogue below ``folder``
        and below a prefix of the bucket; without relays."""
        challenges = folder / "challenges"
        challenges.mkdir()
        text = challenge_file(self.challenge, self.centre).replace("path: hdh-demo", "path: hdh-demo/undisturbed")
        (challenges / f"{self.challenge}.yaml").write_text(text, "utf-8")
        settings = replace(
            self.settings,
            catalogue=f"sqlite:///{folder / 'catalogue.db'}",
            challenges=challenges,
            **{zone: (folder / zone).as_uri() for zone in ("landing", "curated", "reports")},
        )
        open_catalogue(settings.catalogue, upgrade=True).close()
        direct = {f"{self.challenge}_sftp": f"demo_sftp_{DROPS[self.challenge, self.centre]}"}
        site = open_site(
            self.challenge,
            self.centre,
            settings,
            lambda name: load_endpoint(direct.get(name, "demo_hdh"), settings),
        )
        steps.run(site)
        return site


def connect(running: ExitStack, stack: Stack) -> Mapping[str, World]:
    """A world for each challenge, its connections through relays; ``running`` ends these."""
    worlds = {}
    for (challenge, centre), server in DROPS.items():
        drop = stack.state / "sftp" / server / challenge
        drop.mkdir()
        sftp = running.enter_context(Relay(stack.ports[f"sftp-{server}"]))
        s3 = running.enter_context(Relay(stack.ports["s3"]))
        reconnect(stack, f"{challenge}_sftp", f"demo_sftp_{server}", port=sftp.port)
        extra = {"endpoint_url": f"http://127.0.0.1:{s3.port}", "region_name": "us-east-1"}
        reconnect(stack, f"{challenge}_hdh", "demo_hdh", extra=json.dumps(extra))
        worlds[challenge] = World(stack, challenge, centre, drop, sftp, s3)
    return worlds


def reconnect(stack: Stack, name: str, like: str, **changes: object) -> None:
    """Write a connection that is like another one but for these changes; whole or not at all, for tasks read it."""
    path = stack.state / "connections.json"
    connections = json.loads(path.read_text("utf-8"))
    connections[name] = {**connections[like], **changes}
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(connections), "utf-8")
    part.replace(path)


def dump(site: Site) -> list[str]:
    """The catalogue's lines of the site's challenge that are a function of input and keys."""
    with site.catalogue.read() as connection:
        return canonical_dump(connection, site.challenge.id)


def bucket(site: Site) -> Mapping[str, str]:
    """Key and SHA-256 of all that the bucket holds of the site's challenge."""
    hdh = site.challenge.hdh
    with open_destination(site.connect(hdh.connection), hdh.path) as destination:
        keys = list(destination.list_keys(f"{site.challenge.id}/"))
        return {key: sha256(destination.read(key)) for key in keys}


def tree(*folders: Path) -> Mapping[str, str]:
    """Path and SHA-256 of every file below these folders."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): sha256(path.read_bytes()) for path in files}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
