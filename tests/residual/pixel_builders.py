"""DICOM images of given pixels, as a de-identifier leaves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.residual.builders import clean_dataset, write

Pixels = npt.NDArray[Any]


def dicom_image(
    path: Path, pixels: Pixels, *, photometric: str = "", palette: Sequence[int] | None = None, **attributes: Any
) -> Path:
    """A file with these pixels: rows × columns, with colours behind and frames before, if there are any. ``palette``:
    the greys of 256 entries."""
    coloured = pixels.ndim > 2 and pixels.shape[-1] == 3
    shape = pixels.shape[:-1] if coloured else pixels.shape
    ds = clean_dataset()
    ds.PhotometricInterpretation = photometric or ("RGB" if coloured else "MONOCHROME2")
    ds.SamplesPerPixel = 3 if coloured else 1
    if coloured:
        ds.PlanarConfiguration = 0
    if len(shape) == 3:
        ds.NumberOfFrames = shape[0]
    ds.Rows, ds.Columns = shape[-2:]
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsAllocated - 1
    if palette is not None:
        for colour in ("Red", "Green", "Blue"):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(
                ds, f"{colour}PaletteColorLookupTableData", (np.asarray(palette, "<u2") * 257).astype("<u2").tobytes()
            )
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    data = np.ascontiguousarray(pixels).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    return write(path, ds)
