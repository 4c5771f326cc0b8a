"""What the database throws arrives in our words: what happens next, and no value of a row."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url

from collecte.catalogue import Catalogue, NewFile, open_catalogue, tables
from collecte.catalogue.files import insert_files
from collecte.errors import Bug, NeedsPerson, Retry
from collecte.keys import Keys


def test_a_locked_catalogue_is_tried_again_after_its_time(catalogue: Catalogue, url: str) -> None:
    hasty = open_catalogue(url, lock_wait_s=0.2)
    with catalogue.transaction() as connection:
        connection.execute(text("INSERT INTO challenge VALUES ('a')"))
        with pytest.raises(Retry), hasty.transaction() as other:
            other.execute(text("INSERT INTO challenge VALUES ('a')"))
    with hasty.transaction() as other:
        other.execute(text("INSERT INTO challenge VALUES ('b')"))
    hasty.close()


def test_waiting_for_the_lock_is_enough_when_it_comes_free(catalogue: Catalogue) -> None:
    begun = threading.Event()

    def hold() -> None:
        with catalogue.transaction() as connection:
            connection.execute(text("INSERT INTO challenge VALUES ('a')"))
            begun.set()
            connection.execute(text("INSERT INTO challenge VALUES ('b')"))

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(10)
    with catalogue.transaction() as connection:
        connection.execute(text("INSERT INTO challenge VALUES ('c')"))
    thread.join()


def test_a_lost_connection_is_tried_again_and_the_pool_mends_itself(postgres_url: str) -> None:
    catalogue = open_catalogue(postgres_url)
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid = :pid"
    )

    def lose() -> None:
        with catalogue.transaction() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            with catalogue.transaction() as other:
                other.execute(kill, {"pid": pid})
            connection.execute(text("SELECT 1"))

    with pytest.raises(Retry, match="lost the connection"):
        lose()
    with catalogue.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    catalogue.close()


def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Retry):
        open_catalogue(f"postgresql://collecte@/catalogue?host={tmp_path}")


def test_a_database_that_is_not_there_needs_a_person(postgres: str) -> None:
    with pytest.raises(NeedsPerson, match="database does not exist"):
        open_catalogue(make_url(postgres).set(database="nowhere").render_as_string(hide_password=False))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:s3cret@host/db", "sqlite://", "sqlite:///:memory:"])
def test_an_address_of_another_kind_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NeedsPerson, match="COLLECTE_CATALOGUE") as caught:
        open_catalogue(url)
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_needs_a_person(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 50)
    with pytest.raises(NeedsPerson, match="no SQLite database"):
        open_catalogue(f"sqlite:///{path}")


def test_a_refused_row_names_the_constraint_and_no_value(catalogue: Catalogue) -> None:
    row = {"id": 1, "challenge_id": "DUPONT", "code": "DURAND"}
    with pytest.raises(Bug) as caught, catalogue.transaction() as connection:
        connection.execute(insert(tables.centre), row)
    shown = f"{caught.value!r} {caught.value.__cause__!r}"
    assert "DUPONT" not in shown
    assert "DURAND" not in shown
    assert "FOREIGN KEY" in shown or "fk_centre_challenge_id" in shown
    assert caught.value.__suppress_context__


def test_a_snapshot_does_not_see_what_is_written_meanwhile(catalogue: Catalogue) -> None:
    with catalogue.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM challenge")).scalar() == 0
        with catalogue.transaction() as other:
            other.execute(text("INSERT INTO challenge VALUES ('a')"))
        assert connection.execute(text("SELECT count(*) FROM challenge")).scalar() == 0
    with catalogue.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM challenge")).scalar() == 1


def test_a_forked_child_does_not_use_its_parents_connection(url: str) -> None:
    code = """
import os, sys
from sqlalchemy import text
from collecte.catalogue import open_catalogue
catalogue = open_catalogue(sys.argv[1])
def used():
    with catalogue.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM centre")).scalar() == 0
        return connection.connection.dbapi_connection
ours = used()
assert used() is ours
child = os.fork()
if child == 0:
    os._exit(used() is ours)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert used() is ours
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, url], check=True)


def test_a_refused_row_of_a_bulk_copy_shows_no_value(catalogue: Catalogue, keys: Keys) -> None:
    files = [NewFile("Lot 1/DUPONT", 1, expected="DUPONT" * 30)]  # longer than its column, or without its delivery
    with pytest.raises(Bug, match="refused a statement") as caught, catalogue.transaction() as connection:
        insert_files(connection, keys, 999, files)
    assert "DUPONT" not in str(caught.value)
    assert caught.value.__suppress_context__
