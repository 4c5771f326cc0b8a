"""Small DICOM outputs, made with pydicom or byte by byte."""

import struct
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

SUBJECT = "sub-abcdefghijklmnop"
OTHER = "sub-qrstuvwxyz234567"
CT = "1.2.840.10008.5.1.4.1.1.2"


def clean_dataset() -> Dataset:
    """A data set as a de-identifier leaves it."""
    ds = Dataset()
    ds.SOPClassUID = CT
    ds.SOPInstanceUID = "2.25.123456789012345678901234567890"
    ds.StudyDate = "20190305"
    ds.StudyTime = "101530"
    ds.Modality = "CT"
    ds.Manufacturer = "SIEMENS"
    ds.PatientName = SUBJECT
    ds.PatientID = SUBJECT
    ds.BodyPartExamined = "HEAD"
    ds.SliceThickness = "1.25"
    ds.Rows = 16
    ds.Columns = 16
    ds.BitsAllocated = 16
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.PixelRepresentation = 0
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = bytes(512)
    return ds


def write(path: Path, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """The data set as a DICOM file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = UID(CT)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
    return path


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit little endian; ``length`` may lie."""
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    size = len(value) if length is None else length
    if vr in ("OB", "OW", "SQ", "UN", "UT", "UC", "OF"):
        return head + struct.pack("<HI", 0, size) + value
    return head + struct.pack("<H", size) + value


def raw_file(path: Path, body: bytes, preamble: bytes = bytes(128)) -> Path:
    """A DICOM file of explicit little endian from the bytes of its data set."""
    meta = element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    path.write_bytes(preamble + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + body)
    return path
