"""What the header of an output says of its pixels: the device, what kind of image it is, its palette."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from collecte.silence import silenced

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KEYWORDS = (
    *("Manufacturer", "ManufacturerModelName", "Modality", "ImageType", "Rows", "Columns", "NumberOfFrames"),
    *("PhotometricInterpretation", "TotalPixelMatrixColumns", "SpecimenLabelInImage", "BitsAllocated", "BitsStored"),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)
#: Values of Image Type (0008,0008) that say: this is a picture of a label, or of a screen (PS3.3, C.8.12.4.1.1; GE and
#: Siemens write the others).
_LABELS = frozenset(("LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER"))
_SCREENS = frozenset(("LABEL", "OVERVIEW", "SCREEN SAVE", "SCREENSAVE", "SCREEN", "REPORTDATA", "REPORT"))
#: Bytes in which Image Type stands, behind the preamble, the file meta information and a few elements.
_NEAR = 8192
#: What pydicom and numpy raise where a header is not as it should be.
_BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, TypeError, ValueError)


@dataclass(frozen=True)
class Header:
    """``manufacturer`` and ``model`` without case and outer spaces; ``kinds``: the values of Image Type; ``tiled``: the
    frames are tiles of one larger image; ``palette``: entries × 3, of PALETTE COLOR."""

    manufacturer: str = ""
    model: str = ""
    modality: str = ""
    kinds: frozenset[str] = frozenset()
    rows: int = 0
    columns: int = 0
    tiled: bool = False
    labelled: bool = False
    palette: npt.NDArray[np.float32] | None = None

    @property
    def label(self) -> bool:
        """Whether it shows a slide's label, or is a small picture of the whole slide: no tile of the tissue."""
        return self.labelled or bool(self.kinds & _LABELS)

    @property
    def written(self) -> bool:
        """Whether the image is of a kind that has text in it, whatever its SOP class: a label, a copy of a screen."""
        return self.labelled or bool(self.kinds & _SCREENS)


def header_of(path: Path) -> Header:
    """The header of a DICOM file; what cannot be read in it is absent.

    Raises:
        OSError: the file cannot be read.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with silenced():
        try:
            dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(_KEYWORDS), force=True)
            return _header(dataset)
        except (*_BROKEN, InvalidDicomError, struct.error):
            return Header()


def is_written(path: Path) -> bool:
    """Whether the image is of a kind that has text in it, whatever its SOP class (:attr:`Header.written`).

    The header is read only where one of the words stands near the beginning of the file, as Image Type does.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_NEAR)
    return any(word.encode() in head for word in (*_SCREENS, "SPECIMEN")) and header_of(path).written


def _header(dataset: "Dataset") -> Header:
    kinds = dataset.get("ImageType") or ()
    return Header(
        manufacturer=_text(dataset, "Manufacturer"),
        model=_text(dataset, "ManufacturerModelName"),
        modality=_text(dataset, "Modality").upper(),
        kinds=frozenset(str(kind).strip().upper() for kind in ([kinds] if isinstance(kinds, str) else kinds)),
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        tiled="TotalPixelMatrixColumns" in dataset and int(dataset.get("NumberOfFrames") or 1) > 1,
        labelled=_text(dataset, "SpecimenLabelInImage") == "yes",
        palette=_palette(dataset),
    )


def _text(dataset: "Dataset", keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().casefold()


def _palette(dataset: "Dataset") -> npt.NDArray[np.float32] | None:
    """The colours of a palette (PS3.3, C.7.9.2), for each value that a pixel may have; None where there is none or it
    is broken: then the indices themselves are looked at."""
    if _text(dataset, "PhotometricInterpretation") != "palette color":
        return None
    from pydicom.pixels.processing import apply_color_lut

    try:
        bits = int(dataset.BitsAllocated)
        every = np.arange(1 << min(bits, 16), dtype=np.uint8 if bits <= 8 else np.uint16).reshape(1, -1)
        return np.asarray(apply_color_lut(every, dataset)[0, :, :3], np.float32)
    except _BROKEN:
        return None
