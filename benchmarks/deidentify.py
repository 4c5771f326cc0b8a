"""Making DICOM safe, its SHA-256 and the flush included, against pydicom reading and writing the same files unchanged.

Run with ``python -m benchmarks.deidentify``. The ratio is our time divided by the peer's: below 1, we are faster.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from benchmarks._measure import Row, medians
from collecte.challenge import load
from collecte.formats import Context, dicom
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser
from collecte.settings import HOME

#: Slices of 512 × 512 pixels, 0.5 MB each, with the header of a real scanner.
SLICES = 200
_MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of its own is made in it
ROUNDS = 5

Job = tuple[Path, Path, str]
Work = Callable[[Sequence[Job], Context], None]


def run() -> list[Row]:
    """The results: slices of the usual size and the small files that pydicom carries, in memory; slices on disk."""
    return _in_memory() + _on_disk()


def _in_memory() -> list[Row]:
    """Files in a memory file system where there is one, so that the ratio is that of the work and not of a disk."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = _context()
        slices = _jobs(_slices(Path(folder)), Path(folder), context)
        bundled = _jobs(_bundled(), Path(folder), context)
        return [
            _compared("de-identify 0.5 MB slices, in memory", slices, context, _read_and_write),
            _compared("de-identify small files, in memory", bundled, context, _read_and_write),
        ]


def _on_disk() -> list[Row]:
    """The same slices on a disk, where flushing them is most of the work: ours, for the peer does not by itself."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = _context()
        slices = _jobs(_slices(Path(folder)), Path(folder), context)
        return [
            _compared("de-identify 0.5 MB slices, on disk", slices, context, _read_and_write),
            _compared("de-identify 0.5 MB slices, both flush", slices, context, _read_and_flush),
        ]


def _compared(name: str, jobs: Sequence[Job], context: Context, other: Work) -> Row:
    taken = medians(
        {"ours": lambda _: _make_safe(jobs, context), "theirs": lambda _: other(jobs, context)},
        ROUNDS,
    )
    ours, peer = (f"{taken[work] / len(jobs) * 1000:.2f} ms a file" for work in ("ours", "theirs"))
    return Row(name, taken["ours"] / taken["theirs"], None, ours, f"{peer}, pydicom {pydicom.__version__} read + write")


def _make_safe(jobs: Sequence[Job], context: Context) -> None:
    for source, target, name in jobs:
        assert not dicom.make_safe(source, target, name, context).findings


def _read_and_write(jobs: Sequence[Job], context: Context) -> None:
    for source, target, _ in jobs:
        pydicom.dcmread(source).save_as(target)


def _read_and_flush(jobs: Sequence[Job], context: Context) -> None:
    for source, target, _ in jobs:
        with target.open("wb") as file:
            pydicom.dcmread(source).save_as(file)
            file.flush()
            os.fsync(file.fileno())


def _jobs(sources: Sequence[Path], folder: Path, context: Context) -> list[Job]:
    """The files that are let through, each with its target and its output's name."""
    jobs = []
    for number, source in enumerate(sources):
        harvest = dicom.harvest(source, "", context)
        target = folder / f"out{number}"
        if not harvest.findings and not dicom.make_safe(source, target, harvest.name, context).findings:
            jobs.append((source, target, harvest.name))
    return jobs


def _slices(folder: Path) -> list[Path]:
    """CT slices under the header of a real scanner, private elements and all."""
    slice_ = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    slice_.Rows = slice_.Columns = 512
    noise = np.random.default_rng(20260101)
    paths = []
    for number in range(SLICES):
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        slice_.PixelData = noise.integers(0, 4096, (512, 512), dtype=np.uint16).tobytes()
        paths.append(folder / f"slice{number}")
        slice_.save_as(paths[-1])
    return paths


def _bundled() -> list[Path]:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return [path for path in sorted(folder.glob("*.dcm")) if dicom.recognise(path.read_bytes()[:4096], ".dcm")]


def _context() -> Context:
    whole = load(HOME / "include" / "challenges" / "demo.yaml")
    return Context(whole, whole.centres[0], Pseudonymiser(Keys.new(), "bench", "bench"))


if __name__ == "__main__":
    for result in run():
        print(result)
