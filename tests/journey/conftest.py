"""A whole challenge without Airflow: three drops on real servers, a catalogue, zones, the HDH bucket."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from collecte.catalogue import open_catalogue
from collecte.challenge import Challenge, load
from collecte.keys import Keys
from collecte.settings import HOME, Settings
from collecte.steps import Site, open_site
from collecte.steps.challenge_site import ChallengeSite, open_challenge
from collecte.transport import Endpoint, load_endpoint
from demo import servers
from demo.servers import S3Server
from tests.journey import drop_servers

CENTRES = ("arvel", "belcombe", "corvane")


@dataclass(frozen=True)
class World:
    """One installation: its settings as the environment gives them, and the site of each centre."""

    folder: Path
    environment: Mapping[str, str]
    running: ExitStack = field(repr=False)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def connect(self) -> Callable[[str], Endpoint]:
        return partial(load_endpoint, settings=self.settings)

    @property
    def challenge(self) -> Challenge:
        return load(self.settings.challenges / "demo.yaml")

    def site(self, centre: str) -> Site:
        return open_site("demo", centre, self.settings, self.connect)

    @property
    def challenge_site(self) -> ChallengeSite:
        """Where the challenge's own steps work."""
        return open_challenge("demo", self.settings, self.connect)

    @property
    def sites(self) -> Mapping[str, Site]:
        return {centre: self.site(centre) for centre in CENTRES}

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """The ``collecte`` command in a process of its own, as a user starts it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "collecte.cli", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.callback(_end, process)
        return process


@dataclass(frozen=True)
class Drops:
    """Starts SFTP servers, in a process that serves them all."""

    process: "subprocess.Popen[str]"

    def serve(self, root: Path, user: str) -> Mapping[str, object]:
        """A server over a folder, as a connection."""
        host_key = root.with_name(f"{root.name}.host_key")
        public = servers.make_key(host_key)
        orders, ports = self.process.stdin, self.process.stdout
        if orders is None or ports is None:
            raise RuntimeError("It was started without pipes.")
        print(json.dumps({"root": str(root), "host_key": str(host_key), "user": user}), file=orders, flush=True)
        return {
            "conn_type": "sftp",
            "host": servers.HOST,
            "port": int(ports.readline()),
            "login": user,
            "password": drop_servers.PASSWORD,
            "extra": {"host_key": public},
        }


@pytest.fixture(scope="session")
def drops() -> Iterator[Drops]:
    command = [sys.executable, "-m", drop_servers.__name__]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Drops(process)


@pytest.fixture(scope="session")
def empty_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with its tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("catalogue") / "empty.db"
    open_catalogue(f"sqlite:///{path}", upgrade=True).close()
    return path


@pytest.fixture
def make_world(
    s3: S3Server, drops: Drops, empty_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., World]]:
    """Makes installations: each with drops, bucket, catalogue and zones of its own; all with the same keys."""
    keys = tmp_path / "keys.json"
    Keys.new().save(keys)
    monkeypatch.setenv("COLLECTE_KEYS_DEMO", str(keys))
    with ExitStack() as running:

        def make(catalogue: str | None = None) -> World:
            folder = tmp_path / f"world{len(list(tmp_path.glob('world*')))}"
            return make_installation(running, s3, drops, folder, keys, catalogue or empty_catalogue)

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def _end(process: "subprocess.Popen[str]") -> None:
    """Whatever the test came to, nothing of it goes on."""
    if process.poll() is None:
        process.kill()
        process.communicate()


def make_installation(
    running: ExitStack, s3: S3Server, drops: Drops, folder: Path, keys: Path, catalogue: str | Path
) -> World:
    """One installation below ``folder``. ``catalogue``: the URL of one that gets its tables here, or the file of one
    that has them, to be copied."""
    folder.mkdir()
    if isinstance(catalogue, Path):
        shutil.copy(catalogue, folder / "catalogue.db")
        catalogue = f"sqlite:///{folder / 'catalogue.db'}"
    else:
        open_catalogue(catalogue, upgrade=True).close()
    names = ("hdh", "belcombe", "host", "open")
    hdh, drop, host, public = buckets = [f"{name}-{os.urandom(6).hex()}" for name in names]
    s3.create_buckets(*buckets)

    def sftp(name: str, shows: str = "depot") -> Mapping[str, object]:
        (root := folder / "sftp" / name / shows).mkdir(parents=True)
        return drops.serve(root.parent, name)

    connections = {
        "demo_open_s3": _aws(s3),
        "demo_host_s3": _aws(s3),
        "demo_host_sftp": sftp("host", "challenge"),
        "demo_s3_belcombe": _aws(s3),
        "demo_hdh": _aws(s3),
        "demo_sftp_arvel": sftp("arvel"),
        "demo_sftp_corvane": sftp("corvane"),
    }
    (folder / "connections.json").write_text(json.dumps(connections))
    challenges = folder / "challenges"
    challenges.mkdir()
    text = (HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8")
    text = text.replace("path: hdh-demo", f"path: {hdh}").replace("path: belcombe/depot", f"path: {drop}/depot")
    text = text.replace("path: host-demo", f"path: {host}").replace("path: open-demo", f"path: {public}")
    (challenges / "demo.yaml").write_text(text, "utf-8")
    environment = {
        "COLLECTE_CATALOGUE": catalogue,
        "COLLECTE_LANDING": (folder / "landing").as_uri(),
        "COLLECTE_CURATED": (folder / "curated").as_uri(),
        "COLLECTE_REPORTS": (folder / "reports").as_uri(),
        "COLLECTE_RELEASE": (folder / "release").as_uri(),
        "COLLECTE_VAULT": (folder / "vault").as_uri(),
        "COLLECTE_OPEN": (folder / "open").as_uri(),
        "COLLECTE_CHALLENGES": str(challenges),
        "COLLECTE_CONNECTIONS": str(folder / "connections.json"),
        "COLLECTE_KEYS_DEMO": str(keys),
    }
    return World(folder, environment, running)


def _aws(s3: S3Server) -> dict[str, object]:
    extra = {"endpoint_url": s3.endpoint_url, "region_name": "us-east-1"}
    return {"conn_type": "aws", "login": s3.access_key, "password": s3.secret_key, "extra": extra}
