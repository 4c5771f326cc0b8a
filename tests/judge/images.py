"""Small valid images of the classes of radiology: CT, MR, projection X-ray, ultrasound, nuclear medicine."""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.samples import code, described, fill, instance, items, noise, pixels, ref, uid

STORAGE = "1.2.840.10008.5.1.4.1.1."
_AXIAL = [1, 0, 0, 0, 1, 0]


def plane(data: Dataset, study: int, number: int) -> Dataset:
    """Where a slice lies, 2.5 mm from the next."""
    return fill(
        data,
        **described(r"PositionReferenceIndicator; PixelSpacing 0.78125\0.78125; SliceThickness 2.5"),
        FrameOfReferenceUID=uid(5, study),
        ImagePositionPatient=[-125.5, -130.25, -40 + 2.5 * number],
        ImageOrientationPatient=_AXIAL,
    )


def ct(study: int, series: int, number: int, size: int = 24) -> Dataset:
    """One slice of CT."""
    data = plane(instance(f"{STORAGE}2", "CT", study, series, number), study, number)
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\AXIAL; AcquisitionDate 20240111; AcquisitionTime 101113.25; AcquisitionNumber 1;
        BodyPartExamined CHEST; PatientPosition HFS; KVP 120; XRayTubeCurrent 210; Exposure 120; ExposureTime 500;
        ConvolutionKernel B30f; RescaleIntercept -1024; RescaleSlope 1; RescaleType HU; WindowCenter 40\-600;
        WindowWidth 400\1200; GantryDetectorTilt 0; TableHeight 151; RotationDirection CW; FocalSpots 1.2;
        ReconstructionDiameter 200; SpiralPitchFactor 0.9; CTDIvol 7.25
    """),
        SliceLocation=f"{-40 + 2.5 * number}",
        ReferencedImageSequence=items(
            {"ReferencedSOPClassUID": f"{STORAGE}2", "ReferencedSOPInstanceUID": uid(2, study, series, 1)}
        ),
    )
    return pixels(data, noise(number, size, size, top=4096, kind=np.uint16), bits=12)


def mr(study: int, series: int, number: int, maker: str) -> Dataset:
    """One slice of MR with the private elements of one of three makers."""
    data = plane(instance(f"{STORAGE}4", "MR", study, series, number), study, number)
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\M; AcquisitionDate 20240111; AcquisitionTime 101113; BodyPartExamined HEAD;
        PatientPosition HFS; ScanningSequence SE; SequenceVariant SK; ScanOptions FS; MRAcquisitionType 2D;
        SequenceName ep_b1000; RepetitionTime 6600; EchoTime 92; EchoTrainLength 1; NumberOfAverages 1;
        ImagingFrequency 123.25; ImagedNucleus 1H; EchoNumbers 1; MagneticFieldStrength 3; SpacingBetweenSlices 2.5;
        FlipAngle 90; PixelBandwidth 1502; InPlanePhaseEncodingDirection COL; SAR 0.06; WindowCenter 500;
        WindowWidth 1000
    """),
        Manufacturer={"siemens": "SIEMENS", "ge": "GE MEDICAL SYSTEMS", "philips": "Philips Medical Systems"}[maker],
        ManufacturerModelName={"siemens": "Prisma", "ge": "DISCOVERY MR750", "philips": "Ingenia"}[maker],
        SoftwareVersions="syngo MR E11" if maker == "siemens" else "5.3.1",
    )
    for tag, vr, value in _PRIVATE[maker]:
        data.add_new(tag, vr, value)
    return pixels(data, noise(number, 24, 24, top=4096, kind=np.uint16), bits=12)


_PRIVATE: dict[str, list[tuple[int, str, object]]] = {
    "siemens": [
        (0x00190010, "LO", "SIEMENS MR HEADER"),
        (0x0019100A, "US", 1),
        (0x0019100C, "IS", "1000"),
        (0x0019100D, "CS", "DIRECTIONAL"),
        (0x0019100E, "FD", [0.5, 0.5, 0.7071]),
        (0x00510010, "LO", "SIEMENS MR HEADER"),
        (0x0051100F, "LO", "HEA;HEP"),
    ],
    "ge": [
        (0x00190010, "LO", "GEMS_ACQU_01"),
        (0x001910BB, "DS", "0.5"),
        (0x001910BC, "DS", "0.5"),
        (0x001910BD, "DS", "0.7071"),
        (0x00430010, "LO", "GEMS_PARM_01"),
        (0x00431039, "IS", ["1000000050", "8", "0", "0"]),
    ],
    "philips": [
        (0x20010010, "LO", "Philips Imaging DD 001"),
        (0x20011003, "FL", 1000.0),
        (0x20050010, "LO", "Philips MR Imaging DD 001"),
        (0x200510B0, "FL", 0.5),
        (0x200510B1, "FL", 0.5),
        (0x200510B2, "FL", 0.7071),
    ],
}


def pet(study: int) -> Dataset:
    """A slice of PET with all that SUV needs."""
    data = plane(instance(f"{STORAGE}128", "PT", study, 1, 1), study, 1)
    drug = {
        **described(r"""
        Radiopharmaceutical Fluorodeoxyglucose; RadiopharmaceuticalStartTime 091500;
        RadiopharmaceuticalStartDateTime 20240111091500; RadionuclideTotalDose 310000000; RadionuclideHalfLife
        6586.2; RadionuclidePositronFraction 0.97
    """),
        "RadionuclideCodeSequence": items(code("C-111A1", "SRT", "^18^Fluorine")),
        "RadiopharmaceuticalCodeSequence": items(code("C-B1031", "SRT", "Fluorodeoxyglucose F^18^")),
    }
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY; AcquisitionDate 20240111; AcquisitionTime 101500; SeriesType STATIC\IMAGE; Units
        BQML; CountsSource EMISSION; CorrectedImage DECY\ATTN\SCAT; DecayCorrection START; NumberOfSlices 1;
        ImageIndex 1; FrameReferenceTime 0; ActualFrameDuration 120000; DecayFactor 1.0; CollimatorType NONE;
        RescaleIntercept 0; RescaleSlope 2.5
    """),
        RadiopharmaceuticalInformationSequence=items(drug),
        PatientOrientationCodeSequence=items(code("F-10450", "SRT", "recumbent")),
        PatientGantryRelationshipCodeSequence=items(code("F-10470", "SRT", "headfirst")),
        EnergyWindowRangeSequence=items({"EnergyWindowLowerLimit": "425", "EnergyWindowUpperLimit": "650"}),
    )
    return pixels(data, noise(3, 24, 24, top=4096, kind=np.int16), bits=16, signed=1)


def _projection(sop_class: str, modality: str, study: int, seed: int, body: str) -> Dataset:
    data = instance(sop_class, modality, study, 1, 1)
    fill(
        data,
        **described(r"""
        AcquisitionDate 20240111; AcquisitionTime 101113; ImageType ORIGINAL\PRIMARY\; PatientOrientation L\F; KVP
        70
    """),
        BodyPartExamined=body,
    )
    return pixels(data, noise(seed, 24, 24, top=4096, kind=np.uint16), bits=12)


def cr(study: int) -> Dataset:
    data = _projection(f"{STORAGE}1", "CR", study, 5, "CHEST")
    return fill(data, ViewPosition="PA", ImagerPixelSpacing=[0.15, 0.15])


def dx(study: int) -> Dataset:
    data = _projection(f"{STORAGE}1.1", "DX", study, 6, "CHEST")
    return fill(
        data,
        **described(r"""
        PresentationIntentType FOR PRESENTATION; ImageLaterality U; PixelIntensityRelationship LOG;
        PixelIntensityRelationshipSign -1; RescaleIntercept 0; RescaleSlope 1; RescaleType US; PresentationLUTShape
        IDENTITY; LossyImageCompression 00; BurnedInAnnotation NO; DetectorType SCINTILLATOR; PositionerType;
        ImagerPixelSpacing 0.139\0.139; WindowCenter 2048; WindowWidth 4096; AcquisitionContextSequence
    """),
        AnatomicRegionSequence=items(code("T-D3000", "SRT", "Chest")),
        ViewCodeSequence=items(code("R-10214", "SRT", "postero-anterior")),
    )


def mammogram(study: int, sop_class: str = "1.2") -> Dataset:
    data = dx(study)
    view = code("R-10242", "SRT", "cranio-caudal")
    view.ViewModifierCodeSequence = []
    data.SOPClassUID = f"{STORAGE}{sop_class}"
    fill(
        data,
        **described(r"""
        Modality MG; BodyPartExamined BREAST; ImageLaterality L; ViewPosition CC; PositionerType MAMMOGRAPHIC;
        BreastImplantPresent NO; PartialView NO; OrganExposed BREAST; CompressionForce 110; BodyPartThickness 53;
        AnodeTargetMaterial TUNGSTEN; FilterMaterial RHODIUM; OrganDose 0.0123
    """),
        AnatomicRegionSequence=items(code("T-04000", "SRT", "Breast")),
        ViewCodeSequence=items(view),
    )
    return data


def ultrasound(study: int, size: int = 24, *, frames: int = 0) -> Dataset:
    """A colour image, or a film."""
    data = instance(f"{STORAGE}{'3.1' if frames else '6.1'}", "US", study, 1, 1)
    region = {
        **described(r"""
        RegionSpatialFormat 1; RegionDataType 1; RegionFlags 0; RegionLocationMinX0 0; RegionLocationMinY0 0;
        PhysicalUnitsXDirection 3; PhysicalUnitsYDirection 3; PhysicalDeltaX 0.012; PhysicalDeltaY 0.012
    """),
        "RegionLocationMaxX1": size - 1,
        "RegionLocationMaxY1": size - 1,
    }
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\ABDOMINAL\0001; Manufacturer TOSHIBA; ManufacturerModelName Aplio;
        SoftwareVersions V6.0; PatientOrientation; UltrasoundColorDataPresent 1; LossyImageCompression 00;
        TransducerType CURVED_LINEAR; MechanicalIndex 0.7
    """),
        SequenceOfUltrasoundRegions=items(region),
    )
    if not frames:
        return pixels(data, noise(8, size, size, 3))
    fill(data, FrameTime="33.3", FrameIncrementPointer=Tag(0x0018, 0x1063), CineRate="30")
    return pixels(data, noise(9, frames, size, size, 3), frames=True)


def angiogram(study: int, sop_class: str, modality: str) -> Dataset:
    data = instance(f"{STORAGE}{sop_class}", modality, study, 1, 1)
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\SINGLE PLANE; AcquisitionDate 20240111; AcquisitionTime 101113;
        PatientOrientation; PixelIntensityRelationship LIN; KVP 80; RadiationSetting GR; XRayTubeCurrent 300;
        ExposureTime 8; Exposure 2; PositionerMotion STATIC; PositionerPrimaryAngle 12.5; PositionerSecondaryAngle
        -3; FrameTime 66.7; ImagerPixelSpacing 0.2\0.2; DistanceSourceToDetector 1100; DistanceSourceToPatient 800
    """),
        FrameIncrementPointer=Tag(0x0018, 0x1063),
    )
    return pixels(data, noise(10, 3, 24, 24), frames=True)


def nuclear(study: int) -> Dataset:
    data = instance(f"{STORAGE}20", "NM", study, 1, 1)
    energy = {
        "EnergyWindowName": "Tc99m",
        "EnergyWindowRangeSequence": items({"EnergyWindowLowerLimit": "126", "EnergyWindowUpperLimit": "154"}),
    }
    view = {"ViewAngulationAngle": "0"}
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\STATIC\EMISSION; PixelSpacing 2.4\2.4; EnergyWindowVector 1\1;
        NumberOfEnergyWindows 1; DetectorVector 1\2; NumberOfDetectors 2; CountsAccumulated 123456;
        ActualFrameDuration 30000
    """),
        PatientOrientationCodeSequence=items(code("F-10450", "SRT", "recumbent")),
        PatientGantryRelationshipCodeSequence=items(code("F-10470", "SRT", "headfirst")),
        FrameIncrementPointer=[Tag(0x0054, 0x0010), Tag(0x0054, 0x0020)],
        EnergyWindowInformationSequence=items(energy),
        DetectorInformationSequence=items(
            {**_detector("HEAD1"), "ViewCodeSequence": items(code("R-10206", "SRT", "anterior")), **view},
            {**_detector("HEAD2"), "ViewCodeSequence": items(code("R-10226", "SRT", "posterior")), **view},
        ),
        RadiopharmaceuticalInformationSequence=items(
            {
                "Radiopharmaceutical": "Technetium",
                "RadionuclideCodeSequence": items(code("C-163A8", "SRT", "^99m^Technetium")),
            }
        ),
    )
    return pixels(data, noise(11, 2, 24, 24, top=4096, kind=np.uint16), bits=16, frames=True)


def _detector(label: str) -> dict[str, object]:
    where = {"ImageOrientationPatient": _AXIAL, "ImagePositionPatient": [-200, -200, 0]}
    return where | {"CollimatorGridName": label, "CollimatorType": "PARA", "FieldOfViewShape": "RECTANGLE"}


def radiology() -> Iterator[tuple[str, Dataset]]:
    """One of each class, with a name; each a subject of its own, but the CT series, which others refer to."""
    for number in (1, 2, 3):
        yield f"CT slice {number}", ct(1, 1, number)
    for study, maker in ((2, "siemens"), (3, "ge"), (4, "philips")):
        for number in (1, 2):
            yield f"MR {maker} {number}", mr(study, 1, number, maker)
    yield "PET", pet(5)
    yield "CR", cr(6)
    yield "DX", dx(7)
    yield "MG", mammogram(8)
    yield "US", ultrasound(9)
    yield "US film", ultrasound(10, frames=4)
    yield "XA", angiogram(11, "12.1", "XA")
    yield "RF", angiogram(12, "12.2", "RF")
    yield "NM", nuclear(13)
    data = ct(14, 1, 1)
    fill(data, SourceImageSequence=items(ref(ct(1, 1, 2))))
    yield "CT derived", data
