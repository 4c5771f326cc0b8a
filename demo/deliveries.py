"""What the demo's three fictional centres deposit, with the troubles planted in it and where each must end.

Patients, names, numbers and centres are invented. The images are generated here, or are pydicom's own test files.
Everything is a function of nothing: each call builds the same bytes.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from collecte.challenge import Challenge
from collecte.transport import Endpoint, open_source

_ROOT = "1.2.826.0.1.3680043.8.498.7"
_CT, _MR, _CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.1"

#: Rows and columns. Small: a first look for text in every series' pixels is most of what the demo's journey costs.
_SIZE = 64


@dataclass(frozen=True)
class Patient:
    """An invented patient. ``born``: YYYYMMDD."""

    name: str
    ipp: str
    born: str
    sex: str


@dataclass(frozen=True)
class Expected:
    """Where a planted file must end: state, and the code of the finding that says why (empty: none asked)."""

    state: str
    code: str = ""


@dataclass
class Deposit:
    """One centre's delivery: path in the drop → bytes; what must become of what; what must be found nowhere."""

    files: dict[str, bytes] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    delivery_findings: tuple[str, ...] = ()
    planted: set[str] = field(default_factory=set)


MARCHEMALLE = Patient("MARCHEMALLE^Odilon", "A0412733", "19560412", "M")
ESTRUGAMOU = Patient("ESTRUGAMOU^Bérangère", "A0518264", "19710923", "F")
TRIBOULOT = Patient("TRIBOULOT^Séverin", "A0733915", "19480117", "M")
QUENNEDEY = Patient("QUENNEDEY^Apolline", "B55102938", "19830630", "F")
ZWINGELSTEIN = Patient("ZWINGELSTEIN^Gaspard", "B55177604", "19390205", "M")
PFEIFFENSCHNEIDER = Patient("PFEIFFENSCHNEIDER^Anaïs", "C900417", "19620814", "F")
BOURDALOUIE = Patient("BOURDALOUIE^Théophane", "C900822", "19341129", "M")
LECHANTEUX = Patient("LECHANTEUX^Mahaut", "C901265", "19900308", "F")


def deposits() -> Mapping[str, Deposit]:
    """The deposits by centre."""
    return {"arvel": _arvel(), "belcombe": _belcombe(), "corvane": _corvane()}


def deposit(
    challenge: Challenge, connect: Callable[[str], Endpoint], laid: Mapping[str, Deposit] | None = None
) -> Mapping[str, Deposit]:
    """Lay every centre's delivery into its drop, over the drop's own protocol, as the hospital would."""
    laid = deposits() if laid is None else laid
    for centre_id, delivery in laid.items():
        drop = challenge.centre(centre_id).drop
        with open_source(connect(drop.connection), drop.path) as source:
            for path, content in delivery.files.items():
                source.write(path, io.BytesIO(content))
    return laid


def nir(number: str) -> str:
    """A French social-security number: 13 digits and their key (97 minus the remainder by 97)."""
    return f"{number}{97 - int(number) % 97:02d}"


def _arvel() -> Deposit:
    """SFTP, DICOM, SHA256SUMS and a marker. Truncated, wrong hash, listed but absent, a name in a private tag and
    deep in sequences, the same bytes twice.
    """
    folder = "Envoi Marchemalle novembre"
    delivery = Deposit()
    for number, patient in enumerate((MARCHEMALLE, ESTRUGAMOU, TRIBOULOT), 1):
        for slice_number in range(1, 13):
            image = ct_slice(patient, study=number, slice_number=slice_number)
            put(delivery, f"{folder}/{patient.name.replace('^', '_')}/IM{slice_number:04d}", image, "accepted")
        delivery.planted |= identifiers_of(patient)
    for bundled in ("CT_small.dcm", "MR_small.dcm"):
        put(delivery, f"{folder}/divers/{bundled}", _bundled(bundled), "accepted")

    hidden = ct_slice(MARCHEMALLE, study=9, slice_number=1)
    dataset = _read(hidden)
    block = dataset.private_block(0x0029, "COLLECTE DEMO", create=True)
    block.add_new(0x01, "LO", "Vu avec Mme MARCHEMALLE")
    inner = Dataset()
    inner.PatientName = MARCHEMALLE.name
    outer = Dataset()
    outer.ScheduledProcedureStepDescription = "demande de Odilon Marchemalle"
    outer.ReferencedPatientSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])
    put(delivery, f"{folder}/divers/cache.dcm", _written(dataset), "accepted")

    whole = ct_slice(TRIBOULOT, study=10, slice_number=1)
    put(delivery, f"{folder}/divers/coupe.dcm", whole[: len(whole) * 2 // 3], "quarantined", "DICOM-TRUNCATED")
    put(
        delivery,
        f"{folder}/divers/IM9001",
        ct_slice(ESTRUGAMOU, study=11, slice_number=1),
        "quarantined",
        "MANIFEST-HASH-DIFFERS",
    )
    first = f"{folder}/{MARCHEMALLE.name.replace('^', '_')}/IM0001"
    put(delivery, f"{folder}/divers/encore.dcm", delivery.files[first], "duplicate", "FILE-DUPLICATE")

    lines = [f"{_sha256(content)}  {path.removeprefix(folder + '/')}" for path, content in delivery.files.items()]
    lines = [f"{'0' * 64}  divers/IM9001" if line.endswith("divers/IM9001") else line for line in lines]
    lines.append(f"{_sha256(b'never sent')}  divers/oublie.dcm")
    delivery.files[f"{folder}/SHA256SUMS"] = ("\n".join(lines) + "\n").encode()
    delivery.files[f"{folder}/.done"] = b""
    delivery.delivery_findings = ("MANIFEST-FILE-ABSENT",)
    return delivery


def _belcombe() -> Deposit:
    """S3, DICOM and a zip, a marker. A zip that climbs out of its folder, a type that nobody knows."""
    folder = "Lot 1 Quennedey"
    delivery = Deposit()
    for slice_number in range(1, 11):
        put(delivery, f"{folder}/serie/IM{slice_number:04d}", mr_slice(QUENNEDEY, slice_number), "accepted")
    members = {f"Zwingelstein Gaspard/été {n}.dcm": mr_slice(ZWINGELSTEIN, n) for n in range(1, 7)}
    put(delivery, f"{folder}/complement.zip", _zip(members), "superseded")
    delivery.expected |= {f"{folder}/complement.zip!/{name}": Expected("accepted") for name in members}
    escape = _zip({"../../etc/cron.d/x": b"* * * * * root true\n"})
    put(delivery, f"{folder}/piege.zip", escape, "quarantined", "ARCHIVE-PATH-ESCAPE")
    put(delivery, f"{folder}/protocole.bin", bytes(range(256)) * 4, "quarantined", "FILE-TYPE-UNKNOWN")
    delivery.files[f"{folder}/.done"] = b""
    for patient in (QUENNEDEY, ZWINGELSTEIN):
        delivery.planted |= identifiers_of(patient)
    return delivery


def _corvane() -> Deposit:
    """SFTP, DICOM and tables, a CSV manifest. A social-security number in a comment."""
    folder = "2026-11 radiographies"
    delivery = Deposit()
    patients = (PFEIFFENSCHNEIDER, BOURDALOUIE, LECHANTEUX)
    rows = ["ipp;fichier;age;sexe;date_examen;diagnostic;medecin"]
    for number, patient in enumerate(patients, 1):
        put(delivery, f"{folder}/images/RX{number:03d}.dcm", cr_image(patient, number), "accepted")
        age = 2026 - int(patient.born[:4])
        rows.append(f"{patient.ipp};RX{number:03d}.dcm;{age};{patient.sex};12/0{number}/2026;{number % 2};Dr Vaucluzel")
        delivery.planted |= identifiers_of(patient)
    put(delivery, f"{folder}/cliniques.csv", ("\r\n".join(rows) + "\r\n").encode("cp1252"), "accepted")
    number = nir("2620875116042")
    comment = f"ipp;commentaire\n{PFEIFFENSCHNEIDER.ipp};suivi en ville, NIR {number}\n{LECHANTEUX.ipp};rien de neuf\n"
    put(delivery, f"{folder}/suivi.csv", comment.encode(), "quarantined", "TABLE-IDENTIFIER-IN-TEXT")
    delivery.planted |= {number, "Vaucluzel"}
    listed = ["fichier;taille;sha256"]
    listed += [f"{p.removeprefix(folder + '/')};{len(c)};{_sha256(c)}" for p, c in delivery.files.items()]
    delivery.files[f"{folder}/manifeste.csv"] = ("\n".join(listed) + "\n").encode()
    return delivery


def ct_slice(patient: Patient, study: int, slice_number: int, size: int = _SIZE) -> bytes:
    """One CT slice, Part 10, explicit VR little endian; ``size`` rows and columns of 16 bits."""
    dataset = _image(patient, _CT, "CT", study, slice_number, size, bits=16)
    dataset.SliceThickness = "1.25"
    dataset.ImagePositionPatient = [0, 0, 1.25 * slice_number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.KVP = "120"
    dataset.FrameOfReferenceUID = f"{_ROOT}.4.{_number(patient)}.{study}"
    dataset.PositionReferenceIndicator = ""
    dataset.AcquisitionNumber = "1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return _written(dataset)


def mr_slice(patient: Patient, slice_number: int, size: int = _SIZE) -> bytes:
    """One MR slice, Part 10."""
    dataset = _image(patient, _MR, "MR", 1, slice_number, size, bits=16)
    dataset.SliceThickness = "3"
    dataset.ImagePositionPatient = [0, 0, 3 * slice_number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.EchoTrainLength = "2D", "90", "1"
    dataset.RepetitionTime = "4000"
    dataset.FrameOfReferenceUID = f"{_ROOT}.4.{_number(patient)}.1"
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    return _written(dataset)


def cr_image(patient: Patient, study: int, size: int = _SIZE) -> bytes:
    """One computed radiograph, Part 10."""
    dataset = _image(patient, _CR, "CR", study, 1, size, bits=16)
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    return _written(dataset)


def _image(
    patient: Patient, sop_class: str, modality: str, study: int, number: int, size: int, bits: int
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = f"{_ROOT}.3.{_number(patient)}.{study}.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = f"202611{study:02d}"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "083000"
    dataset.AccessionNumber = f"ACC{_number(patient)}{study}"
    dataset.Modality = modality
    dataset.Manufacturer, dataset.ManufacturerModelName = "Collecte Demo", "Generator 1"
    dataset.InstitutionName = "CHU fictif"
    dataset.ReferringPhysicianName = "VAUCLUZEL^Hippolyte"
    dataset.PatientName, dataset.PatientID = patient.name, patient.ipp
    dataset.PatientBirthDate, dataset.PatientSex = patient.born, patient.sex
    dataset.PatientAge = f"{2026 - int(patient.born[:4]):03d}Y"
    dataset.StudyInstanceUID = f"{_ROOT}.1.{_number(patient)}.{study}"
    dataset.SeriesInstanceUID = f"{_ROOT}.2.{_number(patient)}.{study}"
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = str(study), "1", str(number)
    dataset.Laterality = dataset.PatientOrientation = ""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = size
    dataset.PixelSpacing = ["0.7", "0.7"]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, 12, 11
    dataset.PixelRepresentation = 0
    pixels = np.random.default_rng(_number(patient) * 1000 + study * 100 + number).integers(
        0, 4096, (size, size), dtype=np.uint16
    )
    dataset.PixelData = pixels.tobytes()
    return dataset


def identifiers_of(patient: Patient) -> set[str]:
    """What must be found nowhere: the identifier, the names (in every writing that was used), the birth date."""
    return {patient.ipp, *patient.name.split("^"), patient.born}


def _number(patient: Patient) -> int:
    return int(patient.ipp[1:]) % 100_000


def put(delivery: Deposit, path: str, content: bytes, state: str, code: str = "") -> None:
    """Add a file to a delivery, with where it must end."""
    delivery.files[path] = content
    delivery.expected[path] = Expected(state, code)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _bundled(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    if not isinstance(path, str):
        raise FileNotFoundError(name)
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _read(content: bytes) -> FileDataset:
    from pydicom import dcmread

    return dcmread(io.BytesIO(content))


def _written(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def planted(laid: Mapping[str, Deposit]) -> Iterator[str]:
    """Every identifier planted in any delivery."""
    for delivery in laid.values():
        yield from delivery.planted
