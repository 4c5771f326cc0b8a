"""Samples of files that exist: pydicom's own, or a folder's, for trials by hand."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from tests.judge.decoding import CannotDecode, decoded
from tests.judge.samples import Sample, uid

BUNDLE = Path(pydicom.__file__).parent / "data" / "test_files"


def bundle() -> Iterator[Sample]:
    """The files that pydicom's package carries."""
    return folder(BUNDLE)


def folder(root: Path) -> Iterator[Sample]:
    """Every file below a folder that pydicom reads as DICOM with a SOP class."""
    seen: set[str] = set()
    for number, path in enumerate(sorted(root.rglob("*"))):
        sample = read(path, path.relative_to(root).as_posix()) if path.is_file() else None
        if sample is None:
            continue
        instance = str(sample.data.get("SOPInstanceUID", ""))
        if instance in seen:  # the same image in another encoding would take its twin's place
            sample.data.SOPInstanceUID = sample.meta.MediaStorageSOPInstanceUID = uid(20, number)
        seen.add(instance)
        yield sample


def pixels_or_none(data: Dataset, syntax: str) -> np.ndarray | None:
    """Its frames, where a codec opens them."""
    try:
        return decoded(data, syntax)
    except CannotDecode:
        return None


def read(path: Path, name: str) -> Sample | None:
    """A sample of a file; None where pydicom cannot read it or it says no SOP class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path)
            _ = data.file_meta.TransferSyntaxUID.is_encapsulated  # raises over what is no transfer syntax
            for _ in data.iterall():
                pass  # every value is read now, so that a broken one shows here
            label = data.SOPClassUID.name
        except Exception:  # noqa: BLE001 -- whatever pydicom raises over its own broken files
            return None
        if 0x00041220 in data:
            return None
    meta = data.file_meta
    pixels = pixels_or_none(data, str(meta.TransferSyntaxUID))
    if pixels is not None and _overlay_in_pixels(data):  # which is no part of the image
        pixels = pixels & (1 << data.BitsStored) - 1
    meta.pop("FileMetaInformationGroupLength", None)
    whole = all(data.get(f"{level}InstanceUID") for level in ("Study", "Series", "SOP"))
    broken = not whole or ("Image Storage" in label and pixels is None)
    return Sample(f"given/{name}", label, data, meta, pixels=pixels, broken=broken, given=True)


def _overlay_in_pixels(data: Dataset) -> bool:
    groups = range(0x60000000, 0x60200000, 0x20000)
    return any(group | 0x3000 not in data and group | 0x102 in data and data[group | 0x102].value for group in groups)
