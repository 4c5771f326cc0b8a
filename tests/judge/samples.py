"""What the judge works on: one file before planting, and what every builder needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.judge.strings import Needle

#: The root of the UIDs of the invented machines.
ROOT = "1.2.826.0.1.3680043.8.498.77"


@dataclass
class Sample:
    """One file of the corpus, before planting.

    ``label`` names its class in the score. ``refused``: the product must turn it away; ``broken``: it may. ``given``: a
    file of somebody's, about whose pixels nothing is known. ``pixels``: decoded before planting, None where there are
    none or no decoder; ``burned``: boxes (left, top, right, bottom) that hold text. ``undefined``: its sequences are
    written without lengths. ``foreign``: texts in another alphabet by keyword, with what is looked for. ``clean``: how
    often each element stood with a value, by the keywords that lead to it. ``notes``: ``bare`` (no preamble, no file
    meta), ``headless`` (file meta, no preamble), ``tight`` (nothing behind the pixels).
    """

    path: str
    label: str
    data: Dataset
    meta: Dataset
    refused: bool = False
    broken: bool = False
    given: bool = False
    pixels: np.ndarray | None = None
    burned: Sequence[tuple[int, int, int, int]] = ()
    undefined: bool = False
    foreign: dict[str, tuple[str, tuple[Needle, ...]]] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    clean: dict[tuple[str, ...], int] = field(default_factory=dict)


def uid(*numbers: int) -> str:
    """A UID of an invented machine."""
    return ".".join((ROOT, *map(str, numbers)))


def meta_of(data: Dataset, syntax: str = ExplicitVRLittleEndian) -> FileMetaDataset:
    """The file meta information of a data set."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = uid(1)
    return meta


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def items(*given: dict[str, object] | Dataset) -> list[Dataset]:
    """Items of a sequence, of keywords and values."""
    made = []
    for entry in given:
        if isinstance(entry, Dataset):
            made.append(entry)
            continue
        item = Dataset()
        fill(item, **entry)
        made.append(item)
    return made


def fill(data: Dataset, **values: object) -> Dataset:
    """Set attributes by keyword."""
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def described(text: str) -> dict[str, object]:
    """Attributes by keyword, of ``Keyword value; Keyword first\\second``: the VR of each says of what type it is."""
    made: dict[str, object] = {}
    for entry in text.split(";"):
        keyword, _, value = " ".join(entry.split()).partition(" ")
        convert = _TYPES.get(dictionary_VR(keyword), str)
        values = [convert(one) for one in value.split("\\")]
        made[keyword] = values[0] if len(values) == 1 else values
    return made


_TYPES: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("US", "SS", "UL", "SL", "US or SS"), int),
    **dict.fromkeys(("FD", "FL"), float),
    "SQ": lambda _: [],
}


def ref(data: Dataset, **more: object) -> dict[str, object]:
    """The reference to an instance."""
    return {"ReferencedSOPClassUID": data.SOPClassUID, "ReferencedSOPInstanceUID": data.SOPInstanceUID, **more}


def instance(sop_class: str, modality: str, study: int, series: int, number: int) -> Dataset:
    """Patient, study, series, equipment and SOP common modules; ``study`` is the subject, too.

    Values that identify are placeholders here; planting puts the strings in.
    """
    data = Dataset()
    fill(
        data,
        **described(r"""
        SpecificCharacterSet ISO_IR 100; InstanceCreationDate 20240111; InstanceCreationTime 101112; StudyDate
        20240111; SeriesDate 20240111; ContentDate 20240111; StudyTime 101112; SeriesTime 101112; ContentTime
        101112; AccessionNumber A1; BodyPartExamined ABDOMEN; Manufacturer SIEMENS; InstitutionName Hôpital;
        ReferringPhysicianName Médecin; StationName STATION; StudyDescription Examen; SeriesDescription Série;
        ManufacturerModelName SOMATOM Definition Flash; DeviceSerialNumber 1; SoftwareVersions syngo CT 2012B;
        PatientBirthDate 19500101; PatientSex F; PatientAge 067Y; PatientSize 1.62; PatientWeight 61.5; StudyID 1
    """),
        SOPClassUID=sop_class,
        SOPInstanceUID=uid(2, study, series, number),
        Modality=modality,
        PatientName=f"Sujet^{study}",
        PatientID=f"{study}",
        StudyInstanceUID=uid(3, study),
        SeriesInstanceUID=uid(4, study, series),
        SeriesNumber=str(series),
        InstanceNumber=str(number),
    )
    return data


def noise(seed: int, *shape: int, top: int = 256, kind: type = np.uint8) -> np.ndarray:
    """Pixels without any text: a gradient under noise."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, top, shape).astype(kind)


def pixels(data: Dataset, array: np.ndarray, *, bits: int = 8, signed: int = 0, frames: bool = False) -> Dataset:
    """The image pixel module: frames × rows × columns × samples, the first only with ``frames``, the last 3 or none."""
    shape = array.shape[1:] if frames else array.shape
    samples = shape[2] if len(shape) == 3 else 1
    allocated = 8 * array.dtype.itemsize
    fill(
        data,
        SamplesPerPixel=samples,
        PhotometricInterpretation="RGB" if samples == 3 else "MONOCHROME2",
        Rows=shape[0],
        Columns=shape[1],
        BitsAllocated=allocated,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=signed,
    )
    if samples == 3:
        data.PlanarConfiguration = 0
    if frames:
        data.NumberOfFrames = str(array.shape[0])
    raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
    data.add_new(0x7FE00010, "OB" if allocated == 8 else "OW", raw + b"\0" * (len(raw) % 2))
    return data
