"""A fictional challenge and facts that every suite accepts, to be spoilt one value at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collecte.challenge import Challenge
from collecte.facts import read_facts, write_facts
from collecte.quality.suites import FOLDER
from tests import fictional

IMAGE: dict[str, Any] = {
    "object_id": 1,
    "kind": "dicom",
    "subject": "sub-a",
    "name": "sub-a/1/1.dcm",
    "size_bytes": 9000,
    "sop_class": "1.2.840.10008.5.1.4.1.1.2",
    "transfer_syntax": "1.2.840.10008.1.2.1",
    "modality": "CT",
    "rows": 512,
    "columns": 512,
    "frames": 1,
    "samples_per_pixel": 1,
    "bits_allocated": 16,
    "bits_stored": 12,
    "photometric": "MONOCHROME2",
    "pixel_spacing_row_mm": 0.7,
    "pixel_spacing_column_mm": 0.7,
    "study_date": "2020-03-12",
    "patient_sex": "F",
    "patient_age_years": 45.0,
}
TABLE: dict[str, Any] = {
    "object_id": 2,
    "kind": "table",
    "name": "tables/a.csv",
    "n_rows": 12,
    "n_columns": 3,
    "column_names": "subject,age,label",
    "missing_share": 0.1,
}


@pytest.fixture
def facts(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """``facts(row, …)``: a delivery's frame, as written to and read from Parquet; file ids from 1."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        write_facts(tmp_path / "1.parquet", [{"file_id": number, **row} for number, row in enumerate(rows, start=1)])
        return read_facts([tmp_path / "1.parquet"])

    return make


@pytest.fixture
def suite_folder(tmp_path: Path) -> Callable[..., Path]:
    """``suite_folder(change)``: a copy of expectations/ whose dicom.json went through ``change``."""

    def make(change: Callable[[dict[str, Any]], object]) -> Path:
        folder = tmp_path / "expectations"
        folder.mkdir()
        for path in FOLDER.glob("*.json"):
            raw = json.loads(path.read_text("utf-8"))
            if path.stem == "dicom":
                change(raw)
            (folder / path.name).write_text(json.dumps(raw), "utf-8")
        return folder

    return make


def challenge(**quality: Any) -> Challenge:
    """A challenge with these thresholds, collected until 2030."""
    later = {"start": "2030-01-01", "end": "2031-01-01"}
    dates = {"collection": {"start": "2024-01-01", "end": "2030-01-01"}, "competition": later, "embargo": "2031-01-01"}
    kinds = {"table": {"columns": [{"names": ["ipp"], "action": "pseudonym"}]}}
    return fictional.challenge(kinds, quality=quality, dates=dates)
