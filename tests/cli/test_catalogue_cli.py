"""``collecte catalogue``, ``collecte audit`` and ``collecte key rotate`` on a catalogue of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from collecte.catalogue import NewFile, anchor, ensure_centre, open_catalogue, register_delivery, tables
from collecte.keys import Keys

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalogue.db'}"


@pytest.fixture
def collecte(url: str) -> Run:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "collecte.cli", *arguments]
        environment = {**os.environ, "COLLECTE_CATALOGUE": url}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    Keys.new().save(tmp_path / "keys.json")
    return tmp_path / "keys.json"


def _deliver(url: str, keys: Path) -> tuple[int, str]:
    """One delivery in the catalogue, and its challenge's head."""
    catalogue = open_catalogue(url)
    with catalogue.transaction() as connection:
        centre = ensure_centre(connection, "demo", "arvel")
        files = [NewFile("lot 1/IM0001", 10, 1), NewFile("lot 1/IM0002", 20, 1)]
        row = register_delivery(connection, Keys.load(keys), centre, "lot 1", files, complete_by="marker")
        head = anchor(connection, "demo", row.id)
    catalogue.close()
    return head


def test_without_tables_the_command_says_how_to_make_them(collecte: Run) -> None:
    ran = collecte("audit", "verify", "demo")
    assert ran.returncode == 2
    assert "collecte catalogue upgrade" in ran.stderr
    assert collecte("catalogue", "upgrade").returncode == 0
    assert collecte("audit", "verify", "demo").returncode == 0


def test_a_row_that_was_altered_is_named(collecte: Run, url: str, keys: Path) -> None:
    collecte("catalogue", "upgrade")
    _deliver(url, keys)
    assert collecte("audit", "verify", "demo").returncode == 0
    catalogue = open_catalogue(url)
    with catalogue.transaction() as connection:
        connection.execute(tables.file.update().values(state="accepted"))
    catalogue.close()
    ran = collecte("audit", "verify", "demo")
    assert ran.returncode == 1
    assert "delivery:1" in ran.stdout


def test_a_printed_head_is_held_against_the_chain(collecte: Run, url: str, keys: Path) -> None:
    collecte("catalogue", "upgrade")
    number, digest = _deliver(url, keys)
    assert collecte("audit", "verify", "demo", "--head", f"{number}:{digest}").returncode == 0
    assert collecte("audit", "verify", "demo", "--head", f"{number}:{'0' * 64}").returncode == 1
    assert collecte("audit", "verify", "demo", "--head", "six").returncode == 2


def test_a_rotated_key_seals_the_cells_anew_and_both_still_open(collecte: Run, url: str, keys: Path) -> None:
    collecte("catalogue", "upgrade")
    _deliver(url, keys)
    ran = collecte("key", "rotate", str(keys), "--challenge", "demo")
    assert ran.returncode == 0, ran.stderr
    assert "2 of file" in ran.stdout
    catalogue = open_catalogue(url)
    with catalogue.read() as connection:
        assert {row.key_id for row in connection.execute(tables.file.select())} == {"k2"}
    catalogue.close()
