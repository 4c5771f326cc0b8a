"""dcm2niix makes the same volumes of files before and after: voxels, affine, b-values and directions, and what the
sidecar says of the acquisition.
"""

import copy
import gzip
import json
import os
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dcm2niix
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.formats.dicom.builders import Maker, bundled, context
from tests.formats.dicom.test_dicom_csa import header
from tests.formats.dicom.test_dicom_utility import pet
from tests.formats.dicom.test_dicom_utility_diffusion import DIFFUSION, enhanced_shells
from tests.formats.dicom.test_dicom_utility_geometry import shuffled
from tests.formats.dicom.utility import DEMO, SAFE, add_private, made_safe, without, written_and_read
from tests.judge import images
from tests.judge.more_images import enhanced
from tests.judge.samples import fill, noise, pixels, uid

#: What a sidecar says that a pipeline goes by; what names people, places, devices and days is not among it.
_KEYS = frozenset(
    """
    Modality MagneticFieldStrength ImagingFrequency Manufacturer BodyPart PatientPosition MRAcquisitionType
    EchoNumber ScanningSequence SequenceVariant ScanOptions SequenceName ImageType AcquisitionNumber SliceThickness
    EchoTime SpacingBetweenSlices SAR RepetitionTime InversionTime FlipAngle EchoTrainLength PixelBandwidth
    DwellTime SliceTiming PhaseEncodingDirection PhaseEncodingAxis PhaseEncodingPolarityGE TotalReadoutTime
    EffectiveEchoSpacing BandwidthPerPixelPhaseEncode ParallelReductionFactorInPlane MultibandAccelerationFactor
    AcquisitionMatrixPE ReconMatrixPE BaseResolution PartialFourier ImageOrientationPatientDICOM
    InPlanePhaseEncodingDirectionDICOM PhilipsRescaleSlope PhilipsRWVSlope UsePhilipsFloatNotDisplayScaling
    WaterFatShift EPIFactor ConvolutionKernel XRayExposure XRayTubeCurrent ExposureTime Radiopharmaceutical
    RadionuclidePositronFraction DoseCalibrationFactor DecayCorrected DecayFactor FrameTimesStart FrameDuration
    InjectedRadioactivity TracerRadionuclide ReconMethodName AttenuationCorrection ScatterFraction MatrixCoilMode
    ShimSetting TxRefAmp PulseSequenceName InternalPulseSequenceName NumberOfExcitations AcquisitionDuration
    TablePosition CoilString ImageOrientationText DiffusionScheme DiffusionGradientOrientation
    """.split()  # noqa: SIM905 -- a list would be a page
)


@dataclass(frozen=True)
class Volume:
    """One file of dcm2niix: size and spacing, affine, scale, voxels, and what stands beside it."""

    geometry: tuple[bytes, bytes, bytes, bytes]
    voxels: bytes
    sidecar: dict[str, Any]
    bval: str
    bvec: str


def converted(files: Sequence[Path], out: Path) -> dict[str, Volume]:
    """What dcm2niix makes of files, by names that tell of series and echo alone."""
    source = out / "in"
    source.mkdir(parents=True)
    for number, file in enumerate(files):
        os.link(file, source / f"{number:04}.dcm")
    command = [dcm2niix.bin, "-z", "n", "-b", "y", "-f", "%s_%e", "-o", str(out), str(source)]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
    volumes = {path.stem: _volume(path) for path in sorted(out.glob("*.nii"))}
    assert volumes, answer.stdout
    return volumes


def _volume(path: Path) -> Volume:
    """A NIfTI-1 file: dim, pixdim and slope, then the two codes of its affine and the affine twice."""
    raw = path.read_bytes()
    offset = int(np.frombuffer(raw, "<f4", 1, 108)[0])
    beside = {end: path.with_suffix(end) for end in (".json", ".bval", ".bvec")}
    said = json.loads(beside[".json"].read_text("utf-8")) if beside[".json"].exists() else {}
    return Volume(
        (raw[40:72], raw[76:108], raw[112:120], raw[252:328]),
        raw[offset:],
        {key: value for key, value in said.items() if key in _KEYS},
        *(beside[end].read_text("ascii") if beside[end].exists() else "" for end in (".bval", ".bvec")),
    )


def series(make: Maker, folder: Path, datasets: Sequence[Dataset], options: tuple[str, ...]) -> list[list[Path]]:
    """The files before and after."""
    before = [written_and_read(data) for data in datasets]
    after = made_safe(make, before, options)
    written = []
    for name, read in (("before", before), ("after", after)):
        (folder / name).mkdir()
        written.append([folder / name / f"{number}.dcm" for number in range(len(read))])
        for path, data in zip(written[-1], read, strict=True):
            data.save_as(path, enforce_file_format=True)
    return written


# --- series that scanners could have made


def volumes_of(case: str, maker: str) -> Callable[[], Iterator[Dataset]]:
    """The shells of :mod:`test_dicom_utility_diffusion`, four slices each."""

    def made() -> Iterator[Dataset]:
        shells = next(one for one in DIFFUSION if one.name == case).made()
        for at in range(4 * len(shells)):
            data = written_and_read(shells[at // 4])
            images.plane(data, 2, at % 4)
            fill(data, Manufacturer=maker, InstanceNumber=str(at + 1), SOPInstanceUID=uid(2, 2, 1, at + 1))
            fill(data, AcquisitionNumber=str(at // 4 + 1), AcquisitionTime=f"10{at // 4:02}13", ScanningSequence="EP")
            yield pixels(data, noise(at, 24, 24, top=4096, kind=np.uint16), bits=12)

    return made


def _unmade(data: Dataset) -> Dataset:
    """Without its private elements."""
    for tag in [element.tag for element in data if element.tag.is_private]:
        del data[tag]
    return data


def slices_of_mr() -> list[Dataset]:
    return [_unmade(images.mr(2, 1, number, "siemens")) for number in range(1, 5)]


def enhanced_volumes() -> list[Dataset]:
    """Enhanced MR: two slices of each shell, by two dimensions. Of Philips alone dcm2niix writes the shells of such."""
    data = fill(enhanced(21, "4.1", "MR", "DIFFUSION", frames=6), Manufacturer="Philips Medical Systems")
    shells = [frame.MRDiffusionSequence for frame in enhanced_shells()[0].PerFrameFunctionalGroupsSequence]
    del data.SharedFunctionalGroupsSequence[0].MRDiffusionSequence
    data.DimensionIndexSequence.append(copy.deepcopy(data.DimensionIndexSequence[0]))
    data.DimensionIndexSequence[1].DimensionIndexPointer = Tag("TemporalPositionIndex")
    for number, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
        frame.MRDiffusionSequence = shells[number // 2]
        frame.PlanePositionSequence[0].ImagePositionPatient = [-125.5, -130.25, -40 + 2.5 * (number % 2)]
        content = {"InStackPositionNumber": number % 2 + 1, "TemporalPositionIndex": number // 2 + 1}
        fill(frame.FrameContentSequence[0], DimensionIndexValues=[number % 2 + 1, number // 2 + 1], **content)
    return [data]


def mosaics() -> Iterator[Dataset]:
    """Two volumes of Siemens, each a mosaic of five slices in one image; what says so is in the CSA headers alone."""
    for number in (1, 2):
        data = images.mr(2, 1, number, "siemens")
        _unmade(data)
        fill(data, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], SequenceName="epfid2d1_24", ScanOptions="FS")
        fill(data, ScanningSequence="EP", RepetitionTime="2435.37", AcquisitionNumber=str(number), EchoTrainLength="24")
        fill(data, ImagePositionPatient=[-100, -100, -40], AcquisitionMatrix=[0, 24, 24, 0], SpacingBetweenSlices="5")
        fill(data, AcquisitionTime=f"10111{number}.25", InPlanePhaseEncodingDirection="COL", SliceThickness="4")
        headers = {0x08: ("CS", "IMAGE NUM 4"), 0x10: ("OB", header(_IMAGE)), 0x20: ("OB", header(_SERIES))}
        add_private(data, "SIEMENS CSA HEADER", 0x0029, headers | {0x18: ("CS", "MR")})
        yield pixels(data, noise(number, 72, 72, top=4096, kind=np.uint16), bits=12)


def grids() -> Iterator[Dataset]:
    """Three volumes of United Imaging, each a grid of four slices in one image; where they lie is in private items."""
    for number in (1, 2, 3):
        data = _unmade(images.mr(2, 1, number, "siemens"))
        fill(data, Manufacturer="UIH", ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"], ScanningSequence=["EP", "SE"])
        fill(data, AcquisitionNumber=str(number), SpacingBetweenSlices="5", SliceThickness="5")
        del data.ImagePositionPatient
        slices = []
        for at in range(4):
            place = fill(Dataset(), AcquisitionTime=f"10{number:02}1{at}.25", SliceLocation=str(5 * at))
            slices.append(fill(place, ImagePositionPatient=[-100, -100, -40 + 5 * at]))
        shell = {0x09: ("FD", 1000.0 * (number > 1)), 0x37: ("FD", [0.0, float(number == 2), float(number == 3)])}
        add_private(data, "Image Private Header", 0x0065, shell | {0x50: ("DS", "4"), 0x51: ("SQ", slices)})
        yield pixels(data, noise(number, 48, 48, top=4096, kind=np.uint16), bits=12)


_IMAGE = [
    ("PatientName", "PN", 1, [b"Marchemalle^Odilon"]),
    ("NumberOfImagesInMosaic", "US", 1, [b"5"]),
    ("SliceNormalVector", "FD", 3, [b"0.00000000", b"0.00000000", b"1.00000000"]),
    ("PhaseEncodingDirectionPositive", "IS", 1, [b"1"]),
    ("BandwidthPerPixelPhaseEncode", "FD", 1, [b"27.77800000"]),
    ("MosaicRefAcqTimes", "FD", 5, [b"0.0", b"1450.0", b"482.5", b"1932.5", b"967.5"]),
    ("SliceMeasurementDuration", "DS", 1, [b"2400.0"]),
    ("ProtocolSliceNumber", "IS", 1, [b"0"]),
    ("RealDwellTime", "IS", 1, [b"3000"]),
    ("AcquisitionMatrixText", "SH", 1, [b"24p*24"]),
]
_SERIES = [
    ("UsedPatientWeight", "IS", 1, [b"61"]),
    ("MrPhoenixProtocol", "UN", 1, [
        b'<XProtocol> { <ParamString."PatientName"> { "Marchemalle^Odilon" } }\n'
        b"### ASCCONV BEGIN ###\nsPat.lAccelFactPE = 2\nsSliceArray.ucMode = 0x4\nsKSpace.lBaseResolution = 24\n"
        b"sKSpace.lPhaseEncodingLines = 24\nsFastImaging.lEPIFactor = 24\n### ASCCONV END ###"
    ]),
]  # fmt: skip


def echo_planar() -> Iterator[Dataset]:
    """Two volumes of GE's epiRT: the order of its slices and the polarity of its phases are in blocks of its own."""
    text = b'SEDESC "Marchemalle Odilon"\nIOPT "EPI, FMRI"\nSLICEORDER "1"\nVIEWORDER "0"\nNOSLC "4"\nDELACQNOAV "0"\n'
    packed = gzip.compress(text, mtime=1)
    assert zlib.crc32(text) == struct.unpack("<L", packed[-8:-4])[0]
    polarity = bytearray(1000)
    struct.pack_into("<H", polarity, 24, 44)
    struct.pack_into("<f", polarity, 44, 26.002)
    struct.pack_into("<H", polarity, 44 + 0x4C + 0x3A, 0x800)
    struct.pack_into("<H", polarity, 44 + 0x4C + 0x30, 4)
    for at in range(8):
        data = _unmade(images.plane(images.mr(3, 1, at + 1, "ge"), 3, at % 4))
        fill(
            data,
            SoftwareVersions=["27", "LX", "MR Software release:DV26.0_R01_1725.a"],
            ImageType=["ORIGINAL", "PRIMARY", "EPI", "NONE"],
            ScanningSequence=["EP", "GR"],
            ScanOptions="EPI_GEMS",
            AcquisitionMatrix=[24, 0, 0, 24],
            InPlanePhaseEncodingDirection="COL",
            RepetitionTime="2000",
            TemporalPositionIdentifier=str(at // 4 + 1),
            NumberOfTemporalPositions="2",
            AcquisitionNumber="1",
        )
        acquired = {0x9C: ("LO", "epiRT"), 0x9E: ("LO", "EPI"), 0x17: ("SS", 2), 0x5A: ("FL", 8e6)}
        add_private(data, "GEMS_ACQU_01", 0x0019, acquired)
        add_private(data, "GEMS_RELA_01", 0x0021, {0x4F: ("SS", 4), 0x5E: ("DS", f"{500.0 * at}")})
        add_private(data, "GEMS_SERS_01", 0x0025, {0x1B: ("OB", struct.pack("<L", len(packed)) + packed)})
        parameters = {0x2A: ("OB", bytes(polarity)), 0x2C: ("SS", 388), 0x2F: ("SS", 0), 0x7C: ("FL", 0.0)}
        add_private(data, "GEMS_PARM_01", 0x0043, parameters | {0x83: ("DS", ["0.5", "1"])})
        yield pixels(data, noise(at, 24, 24, top=4096, kind=np.uint16), bits=12)


def xa() -> list[Dataset]:
    """Enhanced MR of Siemens XA: the polarity of its phases is in a private sequence of each frame."""
    (data,) = enhanced_volumes()
    fill(data, Manufacturer="Siemens Healthineers", SoftwareVersions="syngo MR XA30")
    for frame in data.PerFrameFunctionalGroupsSequence:
        inner = add_private(Dataset(), "SIEMENS MR SDI 02", 0x0021, {0x1C: ("IS", "1"), 0x53: ("FD", 27.778)})
        add_private(frame, "SIEMENS MR SDI 02", 0x0021, {0xFE: ("SQ", [inner])})
    return [data]


@dataclass(frozen=True)
class Series:
    """``said``: what the sidecar says before, so that it can be missed; ``shells``: whether there are b-values."""

    name: str
    made: Callable[[], Any]
    said: str = ""
    shells: bool = False
    options: tuple[str, ...] = DEMO


SERIES = [
    Series("CT, oblique and shuffled", lambda: shuffled(range(1, 9)), "PatientPosition ConvolutionKernel"),
    Series("CT with gaps", lambda: shuffled((1, 2, 3, 6, 7, 11)), "PatientPosition"),
    Series("MR", slices_of_mr, "EchoTime RepetitionTime FlipAngle"),
    Series("PET", pet, "InjectedRadioactivity FrameDuration"),
    Series("enhanced MR", enhanced_volumes, "EchoTime RepetitionTime", shells=True),
    Series("diffusion of Siemens", volumes_of("Siemens", "SIEMENS"), "EchoTime", shells=True, options=SAFE),
    Series("diffusion of GE", volumes_of("GE, several b-values", "GE MEDICAL SYSTEMS"), "EchoTime", shells=True,
           options=SAFE),
    Series("diffusion of Philips", volumes_of("Philips", "Philips Medical Systems"), "EchoTime", shells=True,
           options=SAFE),
    Series("mosaics of Siemens", mosaics, "SliceTiming PhaseEncodingDirection TotalReadoutTime EffectiveEchoSpacing",
           options=SAFE),
    Series("grids of United Imaging", grids, "EchoTime", shells=True, options=SAFE),
    Series("echo-planar GE", echo_planar, "SliceTiming PhaseEncodingDirection TotalReadoutTime", options=SAFE),
    Series("enhanced MR of Siemens XA", xa, "PhaseEncodingDirection", options=SAFE),
]  # fmt: skip


@pytest.mark.parametrize("given", SERIES, ids=lambda given: given.name)
def test_dcm2niix_makes_the_same_volumes(make: Maker, tmp_path: Path, given: Series) -> None:
    files = series(make, tmp_path, list(given.made()), given.options)
    before, after = (converted(paths, tmp_path / f"nifti{at}") for at, paths in enumerate(files))
    assert before == after
    volume = next(iter(before.values()))
    assert not set(given.said.split()) - set(volume.sidecar)
    assert bool(volume.bval) is given.shells


@pytest.mark.parametrize("place", [0x00291010, 0x00291020])
def test_what_a_csa_header_is_needed_for_is_missed_without_it(make: Maker, tmp_path: Path, place: int) -> None:
    """The comparison can fail."""
    read = [written_and_read(data) for data in mosaics()]
    files = series(make, tmp_path, read, SAFE)
    for path in files[1]:
        without(pydicom.dcmread(path), place).save_as(path)
    before, after = (converted(paths, tmp_path / f"nifti{at}") for at, paths in enumerate(files))
    assert before != after


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm",
                                  "JPEG2000.dcm", "rtdose.dcm"])  # fmt: skip
def test_dcm2niix_makes_the_same_of_the_files_in_pydicom_s_package(make: Maker, tmp_path: Path, name: str) -> None:
    result = make(bundled(name), context(options=list(SAFE)))
    files = bundled(name), result.target
    before, after = (converted([path], tmp_path / f"nifti{at}") for at, path in enumerate(files))
    assert before == after
