"""The migrations give the tables of tables.py; a catalogue that is not there yet, or is too new, says what to do."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from collecte.catalogue import Catalogue, open_catalogue
from collecte.catalogue import engine as engine_module
from collecte.catalogue.engine import HEAD
from collecte.catalogue.tables import metadata
from collecte.errors import Bug, NeedsPerson


def test_the_migrations_equal_the_tables(catalogue: Catalogue) -> None:
    with catalogue.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_hold_the_check_constraints_of_the_tables(catalogue: Catalogue, empty_url: str) -> None:
    # Alembic does not compare them.
    direct = create_engine(make_url(empty_url.replace("postgresql:", "postgresql+psycopg:")))
    metadata.create_all(direct)
    with catalogue.read() as connection:
        for table in metadata.sorted_tables:
            wanted = inspect(direct).get_check_constraints(table.name)
            assert inspect(connection).get_check_constraints(table.name) == wanted
    direct.dispose()


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine_module.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_catalogue_without_tables_names_the_command_that_makes_them(empty_url: str) -> None:
    with pytest.raises(NeedsPerson, match="`collecte catalogue upgrade`"):
        open_catalogue(empty_url)


def test_a_catalogue_of_a_newer_version_is_left_alone(catalogue: Catalogue, url: str) -> None:
    with catalogue.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NeedsPerson, match="install the newer version"):
        open_catalogue(url)


def test_upgrading_twice_changes_nothing(catalogue: Catalogue, url: str) -> None:
    catalogue.upgrade()
    open_catalogue(url, upgrade=True).close()


def test_several_processes_may_upgrade_at_once(empty_url: str) -> None:
    code = f"from collecte.catalogue import open_catalogue as o; o({empty_url!r}, upgrade=True).close()"
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    open_catalogue(empty_url).close()


def test_an_upgrade_that_fails_leaves_no_table(empty_url: str) -> None:
    unchecked = Catalogue(engine_module._engine(engine_module._parsed(empty_url), 5))
    with unchecked.transaction() as connection:
        connection.execute(text("CREATE TABLE receipt (id INTEGER)"))  # stands in the way of the last tables
    with pytest.raises(Bug, match="refused a statement"):
        unchecked.upgrade()
    with unchecked.transaction() as connection:
        connection.execute(text("DROP TABLE receipt"))
    unchecked.upgrade()
    unchecked.close()


def test_sqlite_is_set_up_for_many_readers_beside_one_writer(tmp_path: Path) -> None:
    catalogue = open_catalogue(f"sqlite:///{tmp_path}/a/b/catalogue.db", upgrade=True)  # the folders are made
    with catalogue.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    with ThreadPoolExecutor(1) as pool, catalogue.transaction() as connection:
        connection.execute(text("INSERT INTO challenge VALUES ('a')"))
        assert pool.submit(_challenges, catalogue).result(5) == []
    assert _challenges(catalogue) == ["a"]
    catalogue.close()


def _challenges(catalogue: Catalogue) -> list[str]:
    with catalogue.read() as connection:
        return list(connection.execute(text("SELECT id FROM challenge")).scalars())
