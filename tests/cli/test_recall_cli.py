"""``collecte recall``: it shows ids, registers by catalogue reference, and approves nothing."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collecte.catalogue import Moves, open_catalogue
from collecte.catalogue.deliveries import ensure_centre
from collecte.cli import app
from collecte.errors import NeedsPerson
from collecte.keys import Keys

PSEUDONYM = "sub-aaaaaaaaaaaaaaaa"


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    """A catalogue that knows one subject of one centre."""
    url, keys = f"sqlite:///{tmp_path / 'catalogue.db'}", tmp_path / "keys.json"
    Keys.new().save(keys)
    with open_catalogue(url, upgrade=True).transaction() as connection:
        centre_id = ensure_centre(connection, "demo", "arvel")
        Moves(connection, 0, "").subjects(centre_id, [PSEUDONYM])
    environment = {"COLLECTE_CATALOGUE": url, "COLLECTE_KEYS_DEMO": str(keys)}
    zones = ("landing", "curated", "reports", "release", "vault", "open")
    environment |= {f"COLLECTE_{zone.upper()}": (tmp_path / zone).as_uri() for zone in zones}
    return CliRunner(env=environment)


def test_a_recall_is_registered_planned_and_never_carried_out_by_the_command_alone(runner: CliRunner) -> None:
    asked = runner.invoke(app, ["recall", "ask", "demo", "arvel", "s1", "erasure"])
    assert asked.output.strip() == "1"
    (row,) = json.loads(runner.invoke(app, ["recall", "list", "demo", "--json"]).output)
    assert (row["centre"], row["target"], row["state"]) == ("arvel", "s1", "asked")
    plan = runner.invoke(app, ["recall", "plan", "demo", "1"])
    assert "Digest: " in plan.output
    assert PSEUDONYM not in plan.output
    carried = runner.invoke(app, ["recall", "carry-out", "demo", "1"])
    assert isinstance(carried.exception, NeedsPerson)
    assert "not approved" in str(carried.exception)
