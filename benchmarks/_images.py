"""The images that de-identifying is measured on: a series of CT slices, multi-frame images, pydicom's own small files.

Nothing here is a patient's. Header and pixels of the slices are those of ``CT_small.dcm``, which pydicom carries (a
CT of GE, with its private elements), with what differs from slice to slice made to differ; the multi-frame images are
Enhanced CT with functional groups for each frame (PS3.3, A.38). Big ones are written a frame at a time.
"""

import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from collecte.challenge import load
from collecte.formats import Context
from collecte.keys import Keys
from collecte.settings import HOME
from collecte.steps.deidentify import context_of

#: Rows and columns of an image, and its bytes.
SIZE = 512
FRAME_BYTES = SIZE * SIZE * 2
_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of an unpredictable name is made in it)
#: What is left free for others, in bytes.
_SPARE = 1 << 30


@contextmanager
def folder(needed: int) -> Iterator[Path | None]:
    """An empty folder in a memory file system, so that a ratio is that of the work and not of a disk; elsewhere where
    there is none or ``needed`` bytes are not free in it; None where they are nowhere. Warnings are silent meanwhile.
    """
    places = [place for place in (_MEMORY, Path(tempfile.gettempdir())) if place.is_dir() and _free(place) >= needed]
    if not places:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=places[0]) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about its own test files
        yield Path(made)


def _free(place: Path) -> int:
    free = shutil.disk_usage(place).free
    if place == _MEMORY:  # counts the pages that nobody has yet
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = min(free, next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")))
    return free - _SPARE


def demo_context(keys: Keys) -> Context:
    """The demonstration's challenge and its first centre. New keys leave nothing to remember of the files before."""
    challenge = load(HOME / "include" / "challenges" / "demo.yaml")
    return context_of(challenge, challenge.centres[0], keys)


def slices(folder: Path, count: int) -> list[Path]:
    """The slices of one series of one patient, 0.5 MB each: UIDs, numbers, places, times and pixels differ."""
    model = _model()
    pixels = _pixels(model)
    noise = np.random.default_rng(20260101).integers(-8, 9, (2 * SIZE, SIZE), dtype=np.int16)
    paths = []
    for number in range(count):
        _place(model, number)
        model.PixelData = (pixels + noise[number % SIZE : number % SIZE + SIZE]).tobytes()
        paths.append(folder / f"slice{number:04d}.dcm")
        model.save_as(paths[-1])
    return paths


def _model() -> pydicom.Dataset:
    model = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    model.PatientBirthDate = "19410623"
    return model


def _pixels(model: pydicom.Dataset) -> Any:
    """The model's pixels, enlarged; its rows and columns are set to theirs. (Side by side, they would look like lines
    of text.)"""
    pixels = np.frombuffer(model.PixelData, np.int16).reshape(model.Rows, model.Columns)
    times = SIZE // model.Rows
    model.Rows = model.Columns = SIZE
    return pixels.repeat(times, 0).repeat(times, 1)


def _place(model: pydicom.Dataset, number: int) -> None:
    """What differs from slice to slice."""
    position = -75.699997 - 5 * number
    model.SOPInstanceUID = model.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[f"slice {number}"])
    model.InstanceNumber = number + 1
    model.ImagePositionPatient = ["-158.135803", "-179.035797", f"{position:.6f}"]
    model.SliceLocation = f"{position - 1.504066:.6f}"
    model.InstanceCreationTime = f"07{number // 60 % 60:02d}{number % 60:02d}"
    model.AcquisitionTime = model.ContentTime = f"11{number // 60 % 60:02d}{number % 60:02d}"
    for element in (0x1041, 0x1044, 0x104A, 0x104D):  # GE's own locations
        model[0x0027, element].value = position


def multi_frame(path: Path, frames: int) -> Path:
    """One Enhanced CT image of ``frames`` frames of 0.5 MB, native."""
    model = _model()
    pixels = _pixels(model).tobytes()
    model.SOPClassUID = model.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    model.NumberOfFrames = frames
    model.PerFrameFunctionalGroupsSequence = [_frame(number) for number in range(frames)]
    del model.PixelData
    del model[0xFFFC, 0xFFFC]
    header = io.BytesIO()
    model.save_as(header)
    with path.open("wb") as file:
        file.write(header.getvalue() + b"\xe0\x7f\x10\0OW\0\0" + (frames * FRAME_BYTES).to_bytes(4, "little"))
        for _ in range(frames):
            file.write(pixels)
        file.flush()
        os.fsync(file.fileno())
    return path


def _frame(number: int) -> pydicom.Dataset:
    """The functional groups of one frame."""
    content, plane, group = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    content.FrameAcquisitionDateTime = f"1997043011{number // 60 % 60:02d}{number % 60:02d}"
    content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", number + 1, [1, number + 1]
    plane.ImagePositionPatient = ["-158.135803", "-179.035797", f"{-75.699997 - 0.5 * number:.6f}"]
    group.FrameContentSequence, group.PlanePositionSequence = [content], [plane]
    return group


def bundled(folder: Path) -> list[Path]:
    """Copies of the DICOM files that pydicom carries, of many kinds and syntaxes."""
    files = sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))
    return [Path(shutil.copy(file, folder)) for file in files]
