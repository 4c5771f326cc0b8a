"""What the attacks are made of."""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset


def written(content: bytes, change: Callable[[Dataset], None]) -> bytes:
    """A DICOM file with its data set changed."""
    dataset = dcmread(io.BytesIO(content))
    change(dataset)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def altered(content: bytes, **elements: object) -> bytes:
    """A DICOM file with other values of some elements, by keyword."""

    def change(dataset: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID

    return written(content, change)


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def flip(path: Path, offset: int = -100) -> None:
    """Change one byte of a file and nothing else of it: its times stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
