"""A fictional challenge with every action of a table, and a table made safe in one call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collecte.formats import Context, table
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser
from collecte.records import Harvest, Safe
from tests.fictional import challenge

KEYS = Keys(b"c" * 32, {"k1": b"s" * 32}, "k1", b"g" * 32)

COLUMNS: list[dict[str, Any]] = [
    {"names": ["subject", "ipp", "Patient ID"], "action": "pseudonym"},
    {"names": ["file", "fichier"], "action": "reference", "refers_to": "file"},
    {"names": ["series_uid"], "action": "reference", "refers_to": "uid"},
    {"names": ["accession"], "action": "reference", "refers_to": "accession"},
    {"names": ["diagnosis", "diagnostic"], "action": "label"},
    {"names": ["sex", "sexe"], "action": "keep", "values": ["M", "F", "Inconnu"]},
    {"names": ["weight_kg", "poids"], "action": "keep"},
    {"names": ["age"], "action": "age"},
    {"names": ["exam_date", "date d'examen"], "action": "date"},
    {"names": ["comment", "commentaire"], "action": "text"},
    {"names": ["nom", "prenom", "naissance", "tel", "nir", "email", "adresse", "service"], "action": "drop"},
]


def context(references: Mapping[str, str] | None = None, **options: Any) -> Context:
    """What a format may know; ``references`` are the delivery's files."""
    columns = options.pop("columns", COLUMNS)
    whole = challenge({"table": {"columns": columns}}, **options)
    return Context(whole, whole.centres[0], Pseudonymiser(KEYS, "nord", "NORD"), (references or {}).get)


@dataclass(frozen=True)
class Judged:
    """A table that was harvested and made safe."""

    harvest: Harvest
    safe: Safe
    target: Path

    @property
    def text(self) -> str:
        return self.target.read_bytes().decode("utf-8") if self.target.exists() else ""

    @property
    def rows(self) -> list[list[str]]:
        """Cells of a simple output, header first."""
        return [line.split(",") for line in self.text.splitlines()]

    @property
    def found(self) -> dict[str, tuple[str, int]]:
        """Place and count by code."""
        return {finding.code: (finding.place, finding.count) for finding in self.safe.findings}


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Judged]:
    """``judge(content, **options of context)``: both passes over a file that holds ``content`` (text is UTF-8)."""

    def run(content: str | bytes, **options: Any) -> Judged:
        source, target = tmp_path / "source.csv", tmp_path / "out" / "safe.csv"
        target.parent.mkdir(exist_ok=True)
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        given = context(**options)
        harvest = table.harvest(source, "Envoi DUPONT/source.csv", given)
        return Judged(harvest, table.make_safe(source, target, harvest.name, given), target)

    return run
