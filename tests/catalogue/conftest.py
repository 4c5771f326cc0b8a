"""The catalogue on both databases: each test gets an empty one of its own, on SQLite and on a real PostgreSQL."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from collecte.catalogue import (
    Catalogue,
    DeliveryRow,
    Lease,
    NewFile,
    cut,
    ensure_centre,
    files_of_delivery,
    open_catalogue,
    plan,
    register_delivery,
    take,
)
from collecte.findings import Finding, registry
from collecte.keys import Keys
from demo.postgres import FORGETFUL, postgres_server

CHALLENGE = "demo"

#: How long the tests' catalogues wait for a lock, in seconds.
LOCK_WAIT_S = 20.0


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL, one for each test process, that holds the template ``tables``."""
    with postgres_server(*FORGETFUL) as url:
        _create(url, "tables")
        open_catalogue(_database(url, "tables"), upgrade=True).close()
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "tables.db"
    open_catalogue(f"sqlite:///{path}", upgrade=True).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each database."""
    name: str = request.param
    return name


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: str = request.getfixturevalue("postgres")
    return _create(server, f"t{uuid.uuid4().hex}")


@pytest.fixture
def url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a catalogue with tables and without rows."""
    if backend == "sqlite":
        path = tmp_path / "catalogue.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    postgres_url: str = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The same, always on PostgreSQL: for what SQLite has not."""
    return _create(postgres, f"t{uuid.uuid4().hex}", template="tables")


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    opened = open_catalogue(url, lock_wait_s=LOCK_WAIT_S)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.new()


@pytest.fixture
def deposit(catalogue: Catalogue, keys: Keys) -> Callable[..., DeliveryRow]:
    """Registers a delivery: ``deposit(files=3, folder="Lot 1", centre="lyon")``."""

    def register(
        files: int | Sequence[NewFile] = 3, folder: str = "Lot 1", centre: str = "lyon", into: Catalogue = catalogue
    ) -> DeliveryRow:
        if isinstance(files, int):
            files = [NewFile(f"{folder}/IM{n:04d}", 1000 + n, 1_700_000_000_000_000_000 + n) for n in range(files)]
        with into.transaction() as connection:
            centre_id = ensure_centre(connection, CHALLENGE, centre)
            return register_delivery(connection, keys, centre_id, folder, files, complete_by="quiet")

    return register


@pytest.fixture
def begin(catalogue: Catalogue) -> Callable[..., Lease]:
    """Plans a step as one shard, if it is not planned, and takes it: ``begin(delivery, "receive")``."""

    def one_shard(delivery: DeliveryRow, step: str = "receive", into: Catalogue = catalogue) -> Lease:
        with into.transaction() as connection:
            files = [(row.id, row.size) for row in files_of_delivery(connection, delivery.id)]
            plan(connection, delivery.id, step, cut(files, 10**15, 10**9))
        lease = take(into, delivery.id, step, 1)
        assert isinstance(lease, Lease)
        return lease

    return one_shard


@pytest.fixture(scope="session")
def finding() -> Finding:
    """A finding of some registered rule that refuses a file and takes no values."""
    rules = (rule for rule in registry().values() if rule.severity == "refused" and not rule.placeholders)
    return Finding(next(rules).code, place="row 12", count=2)


def _create(server: str, name: str, template: str = "template0") -> str:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return _database(server, name)


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
