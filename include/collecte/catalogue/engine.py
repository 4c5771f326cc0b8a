"""The catalogue's database: opening it, its transactions, its ids, and its errors in our words.

SQLite (in WAL mode) and PostgreSQL 15 or newer behave alike through here: a transaction either commits as a whole or
leaves nothing, a read is one snapshot, waiting for a lock ends after a set time with :class:`~collecte.errors.Retry`.
"""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError

from collecte.catalogue.tables import id_block
from collecte.errors import Bug, CollecteError, NeedsPerson, Retry

#: Revision of the newest migration: what :func:`open_catalogue` asks for.
HEAD = "0002"

#: How long to wait for a lock before giving up with Retry, in seconds.
LOCK_WAIT_S = 60.0

#: Rows a statement: well below the 32,766 parameters of SQLite.
CHUNK_ROWS = 5000

_T = TypeVar("_T")
_WRITES = "collecte_writes"
_UPGRADE_LOCK = 0x436F6C6C  # any number of ours: PostgreSQL's advisory lock during an upgrade


@dataclass(frozen=True)
class Catalogue:
    """The database that knows every file. Threads may share one; a forked child gets connections of its own."""

    engine: Engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction for writing; commits at the end of the block, leaves nothing after an exception.

        On SQLite it holds the only write lock from its start: keep the block short, read and compute before it.

        Raises:
            Retry: the lock did not come free in time, or the connection was lost.
            NeedsPerson: the database refuses (disk full, no right to write, damaged).
            Bug: the database refused a row.
        """
        with _wall(), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for reading. Raises as :meth:`transaction` does."""
        with _wall(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def upgrade(self) -> None:
        """Bring the tables to the newest revision; nothing changes where they are there already. Safe to run at once
        from several processes: one does it, the others wait.
        """
        from alembic import command  # 0.2 s that only an upgrade should pay
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close the pooled connections; the catalogue may be used again."""
        self.engine.dispose()


def open_catalogue(url: str, *, upgrade: bool = False, lock_wait_s: float = LOCK_WAIT_S) -> Catalogue:
    """The catalogue at an SQLAlchemy URL (``sqlite:///…`` or ``postgresql://…``); ``upgrade`` makes or updates its
    tables.

    Raises:
        NeedsPerson: the URL is none of ours, the server is too old or refuses us, or the tables are not those of
            this version.
        Retry: the server does not answer.
    """
    catalogue = Catalogue(_engine(_parsed(url), lock_wait_s))
    if upgrade:
        catalogue.upgrade()
    with catalogue.read() as connection:
        _check(connection)
    return catalogue


def take_ids(connection: Connection, table: str, n: int) -> range:
    """``n`` ids in a row for new rows of ``table``; nobody else ever gets them.

    On PostgreSQL they are taken in a transaction of their own, so that shards that end together do not wait for one
    another; after a rollback they are simply not used.
    """
    if n == 0:
        return range(0)
    insert = new_rows(connection, id_block)
    statement = insert.on_conflict_do_update(
        index_elements=[id_block.c.name], set_={"next": id_block.c.next + n}
    ).returning(id_block.c.next)
    row = {"name": table, "next": n + 1}
    if connection.dialect.name == "sqlite":  # its one writer is this transaction
        end = connection.execute(statement, row).scalar_one()
    else:
        with connection.engine.connect() as own, own.begin():
            end = own.execute(statement, row).scalar_one()
    return range(end - n, end)


def new_rows(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of this database's dialect, for its ON CONFLICT clause."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def insert_rows(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]], *, or_ignore: bool = False
) -> None:
    """Insert many rows in chunks; ``or_ignore`` leaves out those whose unique key is there already."""
    insert = new_rows(connection, table)
    statement = insert.on_conflict_do_nothing() if or_ignore else insert
    for chunk in chunks(rows):
        connection.execute(statement, chunk)


def copy_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert very many rows: on PostgreSQL by COPY, at twice the speed. For text, numbers and bytes alone."""
    if connection.dialect.name == "sqlite":
        insert_rows(connection, table, rows)
        return
    source = iter(rows)
    if (first := next(source, None)) is None:
        return
    names = list(first)
    quoted = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in names)
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as copy:
            for row in chain([first], source):
                copy.write_row([row[name] for name in names])
    except connection.dialect.loaded_dbapi.Error as error:  # SQLAlchemy does not see this one
        raise _translated(error, lost=cursor.connection.closed) from None
    finally:
        cursor.close()


def chunks(items: Iterable[_T], size: int = CHUNK_ROWS) -> Iterator[Sequence[_T]]:
    """The items in lists of at most ``size``."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def _parsed(url: str) -> URL:
    remedy = "set COLLECTE_CATALOGUE to sqlite:////path/catalogue.db or postgresql://user@host/database."
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise NeedsPerson("The catalogue's address is no URL.", remedy) from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise NeedsPerson("The catalogue's address is neither PostgreSQL nor an SQLite file.", remedy)
    return parsed


def _engine(url: URL, lock_wait_s: float) -> Engine:
    """An engine whose messages hold no values; see :func:`_wall` for its errors."""
    milliseconds = round(lock_wait_s * 1000)
    if url.get_backend_name() == "sqlite":
        if url.query.get("uri") is None:
            Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": lock_wait_s})
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    else:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=2,
            max_overflow=-1,
            connect_args={
                "connect_timeout": 10,
                "application_name": "collecte",
                "options": f"-c lock_timeout={milliseconds} -c timezone=UTC",
            },
        )
    event.listen(engine, "connect", _remember_process)
    event.listen(engine, "checkout", _refuse_other_process)
    weakref.finalize(engine, engine.pool.dispose)
    return engine


def _on_sqlite_connect(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, in _on_sqlite_begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -65536")  # 64 MiB: an eighth less time for large deliveries
    # WAL is a property of the file: set once, by whoever makes it. A file opened read-only is taken as it is.
    if (
        cursor.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        and not cursor.execute("PRAGMA page_count").fetchone()[0]
    ):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another wrote meanwhile; an immediate one
    # waits.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


def _remember_process(connection: Any, record: Any) -> None:
    record.info["process"] = os.getpid()


def _refuse_other_process(connection: Any, record: Any, proxy: Any) -> None:
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("The connection belongs to the parent process.")


def _check(connection: Connection) -> None:
    version = connection.dialect.server_version_info or (0,)
    if connection.dialect.name == "postgresql" and version < (15,):
        raise NeedsPerson(f"The catalogue's server is PostgreSQL {version[0]}.", "use PostgreSQL 15 or newer.")
    revision = None
    if inspect(connection).has_table("alembic_version"):
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is None or revision < HEAD:
        raise NeedsPerson(
            f"The catalogue's tables are at revision {revision or 'none'}; this version of Collecte needs {HEAD}.",
            "run `collecte catalogue upgrade`.",
        )
    if revision > HEAD:
        raise NeedsPerson(
            f"The catalogue's tables are at revision {revision}, newer than this version of Collecte ({HEAD}) knows.",
            "install the newer version of Collecte that made them.",
        )


@contextmanager
def _wall() -> Iterator[None]:
    """The database's exceptions in our words, without the values that a driver puts into its messages."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(error.orig, lost=error.connection_invalidated) from None


_SQLITE_NEEDS_PERSON = {
    "SQLITE_FULL": ("The disk of the catalogue is full.", "make room on it; then run the step again."),
    "SQLITE_READONLY": (
        "The catalogue may not be written.",
        "give the user that runs Collecte the right to write its folder.",
    ),
    "SQLITE_CANTOPEN": ("The catalogue cannot be opened.", "check that its folder exists and may be written."),
    "SQLITE_NOTADB": (
        "The catalogue's file is no SQLite database.",
        "correct COLLECTE_CATALOGUE, or restore the backup.",
    ),
    "SQLITE_CORRUPT": ("The catalogue's file is damaged.", "stop all runs and restore the backup."),
    "SQLITE_IOERR": ("The disk of the catalogue fails.", "check the disk; then run the step again."),
}
#: By the first characters of the SQLSTATE (PostgreSQL, appendix A).
_POSTGRES_NEEDS_PERSON = {
    "28": ("The catalogue's server refuses our user or password.", "correct COLLECTE_CATALOGUE."),
    "3D": ("The catalogue's database does not exist on its server.", "create it, or correct COLLECTE_CATALOGUE."),
    "42501": ("The catalogue's server gives us no right to do this.", "let our user own the database."),
    "53100": ("The disk of the catalogue's server is full.", "make room on it; then run the step again."),
    "25006": ("The catalogue's server is read-only.", "point COLLECTE_CATALOGUE to the primary server."),
}
#: Lost or refused connections, deadlocks, lock time-outs, shut-downs, exhausted connections and memory.
_POSTGRES_RETRY = ("08", "40", "53", "55P03", "57")
#: libpq gives no SQLSTATE for what fails before the session stands; these of its words are the server's own.
_CONNECT_NEEDS_PERSON = {
    "authentication failed": "28",
    "no password supplied": "28",
    "pg_hba.conf": "28",
    "does not exist": "3D",
}


def _translated(error: BaseException | None, *, lost: bool) -> CollecteError:
    name = getattr(error, "sqlite_errorname", None)
    if name is not None:
        return _translated_sqlite(name, str(error))
    state = getattr(error, "sqlstate", None) or ""
    if not state:
        said = str(error)
        state = next((code for words, code in _CONNECT_NEEDS_PERSON.items() if words in said), "08")
    for prefix, (what, remedy) in _POSTGRES_NEEDS_PERSON.items():
        if state.startswith(prefix):
            return NeedsPerson(what, remedy)
    if lost or state.startswith(_POSTGRES_RETRY):
        return Retry(f"The catalogue's server lost the connection or was busy (SQLSTATE {state}).")
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    return Bug(f"The catalogue refused a statement (SQLSTATE {state}, constraint {constraint}).")


def _translated_sqlite(name: str, said: str) -> CollecteError:
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retry("The catalogue was locked by another process for too long.")
    for prefix, (what, remedy) in _SQLITE_NEEDS_PERSON.items():
        if name.startswith(prefix):
            return NeedsPerson(what, remedy)
    # SQLite's own words name tables and columns, never values.
    return Bug(f"The catalogue refused a statement ({name}: {said}).")
