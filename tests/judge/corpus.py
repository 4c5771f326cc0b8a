"""The judge's corpus: a file or more of every class that the product must cover, in many encodings and alphabets."""

import warnings
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.uid import ExplicitVRLittleEndian

from tests.judge import documents, encodings, images, more_images, radiotherapy
from tests.judge.given import pixels_or_none
from tests.judge.samples import Sample, fill, meta_of, uid


def corpus() -> list[Sample]:
    """All samples, ready to be planted; their data sets are new each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(_samples())
        for sample in samples:
            sample.path = sample.label.replace(" ", "_").replace("/", "_") + ".dcm"
            sample.pixels = pixels_or_none(sample.data, str(sample.meta.TransferSyntaxUID))
            little = not sample.label.endswith("big endian")
            sample.data = correct_ambiguous_vr(sample.data, little)
    return samples


def _samples() -> Iterator[Sample]:
    for label, data in (*images.radiology(), *more_images.others()):
        yield Sample("", label, data, meta_of(data))
    for label, data in (*documents.documents(), *radiotherapy.radiotherapy()):
        yield Sample("", label, data, meta_of(data))
    for label, data in radiotherapy.refused():
        yield Sample("", label, data, meta_of(data), refused=True)
    yield Sample("", "DICOMDIR", *_directory(), refused=True)
    yield from encodings.encoded()
    yield from encodings.alphabets()
    yield from encodings.with_text()


def _directory() -> tuple[Dataset, Dataset]:
    """A DICOMDIR of one patient."""
    data, record = Dataset(), Dataset()
    fill(
        record,
        OffsetOfTheNextDirectoryRecord=0,
        RecordInUseFlag=0xFFFF,
        OffsetOfReferencedLowerLevelDirectoryEntity=0,
        DirectoryRecordType="PATIENT",
        PatientName="Sujet^61",
        PatientID="61",
    )
    fill(
        data,
        SOPClassUID="1.2.840.10008.1.3.10",
        SOPInstanceUID=uid(2, 62, 1, 1),
        FileSetID="CD",
        OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity=0,
        OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity=0,
        FileSetConsistencyFlag=0,
        DirectoryRecordSequence=[record],
        PatientID="61",
    )
    meta = meta_of(data, ExplicitVRLittleEndian)
    del data.SOPClassUID, data.SOPInstanceUID
    return data, meta
