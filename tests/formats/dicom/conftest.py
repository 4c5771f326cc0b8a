"""The fixture that every test of this kind uses: a file harvested and made safe in one call."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from collecte.formats import Context, dicom
from tests.formats.dicom.builders import Made, Maker, context, written


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Harvests a file and makes it safe, as the steps do."""
    count = 0

    def made(source: Path | Dataset, ctx: Context | None = None) -> Made:
        nonlocal count
        count += 1
        if isinstance(source, Dataset):
            source = written(source, tmp_path / f"source{count}")
        ctx = ctx or context()
        harvest = dicom.harvest(source, "folder/source", ctx)
        target = tmp_path / f"target{count}.dcm"
        refused = any(finding.refuses for finding in harvest.findings)
        safe = None if refused else dicom.make_safe(source, target, harvest.name, ctx)
        return Made(harvest, safe, target)

    return made
