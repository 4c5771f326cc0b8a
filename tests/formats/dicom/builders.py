"""A fictional challenge, CT slices made with pydicom, elements written byte by byte, files made safe in one call."""

import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset

from collecte.formats import Context
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser
from collecte.records import Harvest, Safe
from tests.fictional import challenge

KEYS = Keys(b"d" * 32, {"k1": b"s" * 32}, "k1", b"g" * 32)
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE, IMPLICIT_LITTLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_LONG_VRS = frozenset(b"OB OW OF OD OL OV SQ UC UN UR UT SV UV ZZ".split())


def context(received_as: str = "identifying", **rules: Any) -> Context:
    """What the four questions may know."""
    tried = challenge({"dicom": rules}, received_as=received_as)
    return Context(tried, tried.centres[0], Pseudonymiser(KEYS, "nord", "NORD"))


def slice_of(**attributes: Any) -> Dataset:
    """A small CT slice of a fictional patient, 8 × 8 pixels, with every Type 1 attribute that counts here."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
    image.file_meta.MediaStorageSOPClassUID = CT_IMAGE
    values = {
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": "1.2.3.4.1",
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.4.0",
        "FrameOfReferenceUID": "1.2.3.9",
        "StudyDate": "20240315",
        "StudyTime": "101112",
        "Modality": "CT",
        "Manufacturer": "ACME Imaging",
        "AccessionNumber": "ACC20240315",
        "ReferringPhysicianName": "",
        "PatientName": "Delacroix^Eugene",
        "PatientID": "IPP0012345",
        "PatientBirthDate": "19560412",
        "PatientSex": "F",
        "StudyID": "",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "KVP": "120",
        "PixelSpacing": [0.7, 0.8],
        "SliceThickness": "1.5",
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 8,
        "Columns": 8,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
    }
    for keyword, value in (values | attributes).items():
        if value is not None:
            setattr(image, keyword, value)
    image.PixelData = bytes(range(128))
    image["PixelData"].VR = "OW"
    return image


def written(image: Dataset, path: Path) -> Path:
    """``image`` as a file, in the transfer syntax of its file meta information; the values are nobody's business."""
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save_as(path, enforce_file_format=True)
    return path


def element(tag: int, vr: str, value: bytes, *, order: str = "<", length: int | None = None) -> bytes:
    """One element in explicit VR, whatever its value; ``length``: as written, where it lies."""
    value += b"\0" * (len(value) & 1)
    size = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr.encode() in _LONG_VRS:
        return head + b"\0\0" + struct.pack(f"{order}L", size) + value
    return head + struct.pack(f"{order}H", size) + value


def item(*contents: bytes) -> bytes:
    """One item of a sequence, of defined length."""
    content = b"".join(contents)
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def tag_of(piece: bytes) -> int:
    group, number = struct.unpack_from("<HH", piece)
    return int(group) << 16 | int(number)


def spliced(path: Path, extra: Iterable[bytes], tail: bytes = b"", **attributes: Any) -> Path:
    """A CT slice with elements put where their tags belong, byte by byte, so that they may break any rule; ``tail``
    comes behind the pixels."""
    data = written(slice_of(**attributes), path).read_bytes()
    start = at = data.index(b"\x08\x00\x08\x00CS")
    pieces: dict[int, bytes] = {}
    while at < len(data):
        long = data[at + 4 : at + 6] in _LONG_VRS
        size = 12 + struct.unpack_from("<L", data, at + 8)[0] if long else 8 + struct.unpack_from("<H", data, at + 6)[0]
        pieces[tag_of(data[at:])] = data[at : at + size]
        at += size
    pieces |= {tag_of(piece): piece for piece in extra}
    path.write_bytes(data[:start] + b"".join(pieces[tag] for tag in sorted(pieces)) + tail)
    return path


@dataclass(frozen=True)
class Made:
    """What became of one file."""

    harvest: Harvest
    safe: Safe | None
    target: Path

    @property
    def codes(self) -> set[str]:
        return {finding.code for finding in (*self.harvest.findings, *(self.safe.findings if self.safe else ()))}

    @property
    def bytes(self) -> bytes:
        return self.target.read_bytes()

    @property
    def dataset(self) -> Any:
        return pydicom.dcmread(self.target)


Maker = Callable[..., Made]


def bundled(name: str) -> Path:
    """One of the files that pydicom carries in its own package."""
    path = get_testdata_file(name, download=False)
    assert path, f"pydicom no longer carries {name}"
    return Path(path)


def bundled_files() -> Iterator[Path]:
    """Every DICOM file in pydicom's package, those of its DICOMDIR tests too."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".dcm", "") and path.name not in ("README", "README.txt"):
            yield path


def spellings(text: str) -> Iterator[bytes]:
    """The bytes of a text in the usual encodings."""
    for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        yield text.encode(encoding, "replace")
