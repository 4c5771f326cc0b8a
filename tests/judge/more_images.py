"""Small valid images of secondary capture and of visible light; one of each class beyond plain radiology."""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.enhanced import enhanced, tomosynthesis
from tests.judge.images import STORAGE
from tests.judge.samples import code, described, fill, instance, items, noise, pixels, uid


def capture(study: int) -> Dataset:
    data = instance(f"{STORAGE}7", "OT", study, 1, 1)
    fill(
        data,
        **described(r"Manufacturer; ConversionType WSD; PatientOrientation; SecondaryCaptureDeviceManufacturer ACME"),
    )
    return pixels(data, noise(study, 24, 24))


def captures(study: int, sop_class: str, array: np.ndarray, bits: int) -> Dataset:
    """Multi-frame secondary capture."""
    data = instance(f"{STORAGE}7.{sop_class}", "OT", study, 1, 1)
    fill(
        data,
        **described(r"ConversionType WSD; PatientOrientation; BurnedInAnnotation NO"),
        FrameTimeVector=[0, *[40] * (array.shape[0] - 1)],
        FrameIncrementPointer=Tag(0x0018, 0x1065),
    )
    pixels(data, array, bits=bits, frames=True)
    if array.ndim == 3:
        fill(data, **described(r"RescaleIntercept 0; RescaleSlope 1; RescaleType US; PresentationLUTShape IDENTITY"))
    return data


def visible(study: int, sop_class: str, modality: str, body: str) -> Dataset:
    """A photograph of the skin or from an endoscope."""
    data = instance(f"{STORAGE}77.1.{sop_class}", modality, study, 1, 1)
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY; AcquisitionDateTime 20240111101113; AcquisitionContextSequence;
        PatientOrientation L\F; LossyImageCompression 00; BurnedInAnnotation NO; Manufacturer OLYMPUS
    """),
        AnatomicRegionSequence=items(code(body, "SRT", "Skin")),
    )
    return pixels(data, noise(study, 24, 24, 3))


def retina(study: int) -> Dataset:
    """Ophthalmic photography."""
    data = visible(study, "5.1", "OP", "T-AA610")
    del data.AcquisitionContextSequence
    fill(
        data,
        **described(r"""
        NumberOfFrames 1; FrameTime 0; SynchronizationTrigger NO TRIGGER; AcquisitionTimeSynchronized N;
        ImageLaterality L; IlluminationTypeCodeSequence; LightPathFilterTypeStackCodeSequence;
        ImagePathFilterTypeStackCodeSequence; LensesCodeSequence; PixelSpacing 0.01\0.01; PupilDilated YES;
        DegreeOfDilation 6.5; MydriaticAgentSequence; IntraOcularPressure 15.5; HorizontalFieldOfView 45.0;
        RefractiveStateSequence; PatientEyeMovementCommanded NO; DetectorType CCD; PresentationLUTShape IDENTITY
    """),
        FrameIncrementPointer=Tag(0x0018, 0x1063),
        SynchronizationFrameOfReferenceUID=uid(8, study),
        AnatomicRegionSequence=items(code("T-AA610", "SRT", "Retina")),
        AcquisitionDeviceTypeCodeSequence=items(code("R-1021A", "SRT", "Fundus Camera")),
        EmmetropicMagnification=None,
    )
    return data


def tomography_of_the_eye(study: int) -> Dataset:
    data = enhanced(study, "2.1", "CT", "VOLUME")
    data.SOPClassUID, data.Modality = f"{STORAGE}77.1.5.4", "OPT"
    shared = data.SharedFunctionalGroupsSequence[0]
    for keyword in [*shared.dir("CT"), "PixelValueTransformationSequence"]:
        if keyword in shared:
            del shared[keyword]
    shared.FrameAnatomySequence[0].AnatomicRegionSequence = items(code("T-AA610", "SRT", "Retina"))
    shared.FrameAnatomySequence[0].FrameLaterality = "L"
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY; ImageLaterality L; DetectorType CCD; LightPathFilterTypeStackCodeSequence;
        DepthSpatialResolution 4.5; MaximumDepthDistortion 0.5; AlongScanSpatialResolution 10.0;
        MaximumAlongScanDistortion 0.5; AcrossScanSpatialResolution 10.0; MaximumAcrossScanDistortion 0.5;
        IlluminationWaveLength 840.0; IlluminationPower 700.0; IlluminationBandwidth 50.0; PupilDilated NO;
        AxialLengthOfTheEye 23.5; HorizontalFieldOfView 30.0; RefractiveStateSequence; EmmetropicMagnification 1.0;
        IntraOcularPressure 15.5; ConcatenationFrameOffsetNumber 0; InConcatenationNumber 1;
        InConcatenationTotalNumber 1
    """),
        AcquisitionDeviceTypeCodeSequence=items(code("A-00FBE", "SRT", "Optical Coherence Tomography Scanner")),
        AnatomicRegionSequence=items(code("T-AA610", "SRT", "Retina")),
    )
    return data


def slide(study: int) -> Dataset:
    """Whole-slide microscopy: four tiles."""
    data = instance(f"{STORAGE}77.1.6", "SM", study, 1, 1)
    specimen = {
        **described(r"SpecimenIdentifier S1; IssuerOfTheSpecimenIdentifierSequence; SpecimenShortDescription biopsie"),
        "SpecimenUID": uid(7, study),
        "SpecimenPreparationSequence": items(
            {
                "SpecimenPreparationStepContentItemSequence": items(
                    {
                        "ValueType": "TEXT",
                        "ConceptNameCodeSequence": items(code("121041", "DCM", "Specimen Identifier")),
                        "TextValue": "S1",
                    }
                )
            }
        ),
    }
    optical = {
        "OpticalPathIdentifier": "1",
        "IlluminationTypeCodeSequence": items(code("111744", "DCM", "Brightfield illumination")),
        "IlluminationColorCodeSequence": items(code("11744", "DCM", "Full Spectrum")),
        "ICCProfile": bytes(132),
    }
    origin = {"XOffsetInSlideCoordinateSystem": "1", "YOffsetInSlideCoordinateSystem": "2"}
    shared = {
        "PixelMeasuresSequence": items({"PixelSpacing": [0.0005, 0.0005], "SliceThickness": "0.001"}),
        "WholeSlideMicroscopyImageFrameTypeSequence": items({"FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]}),
        "OpticalPathIdentificationSequence": items({"OpticalPathIdentifier": "1"}),
    }
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\VOLUME\NONE; Manufacturer Hamamatsu; ManufacturerModelName NanoZoomer;
        PositionReferenceIndicator SLIDE_CORNER; AcquisitionDateTime 20240111101113; AcquisitionDuration 90.0;
        ImagedVolumeWidth 0.03; ImagedVolumeHeight 0.03; ImagedVolumeDepth 0.001; TotalPixelMatrixColumns 48;
        TotalPixelMatrixRows 48; ImageOrientationSlide 0\-1\0\-1\0\0; SpecimenLabelInImage NO; BurnedInAnnotation
        NO; FocusMethod AUTO; ExtendedDepthOfField NO; LossyImageCompression 00; VolumetricProperties VOLUME;
        AcquisitionContextSequence; ContainerIdentifier C1; IssuerOfTheContainerIdentifierSequence;
        NumberOfOpticalPaths 1; TotalPixelMatrixFocalPlanes 1; DimensionOrganizationType TILED_FULL
    """),
        FrameOfReferenceUID=uid(5, study),
        TotalPixelMatrixOriginSequence=items(origin),
        ContainerTypeCodeSequence=items(code("A-0101B", "SRT", "Microscope slide")),
        SpecimenDescriptionSequence=items(specimen),
        OpticalPathSequence=items(optical),
        DimensionOrganizationSequence=items({"DimensionOrganizationUID": uid(6, study)}),
        SharedFunctionalGroupsSequence=items(shared),
    )
    return pixels(data, noise(study, 4, 24, 24, 3), frames=True)


def others() -> Iterator[tuple[str, Dataset]]:
    """One of each class, with a name; each a subject of its own."""
    yield "enhanced CT", enhanced(20, "2.1", "CT", "AXIAL")
    yield "enhanced MR", enhanced(21, "4.1", "MR", "DIFFUSION")
    yield "enhanced PET", enhanced(22, "130", "PT", "AXIAL")
    yield "tomosynthesis", tomosynthesis(23)
    yield "SC", capture(24)
    bits = np.packbits(noise(25, 2, 24, 24, top=2).ravel(), bitorder="little")
    data = captures(25, "1", noise(25, 2, 24, 24, top=2), 1)
    fill(data, **described(r"BitsAllocated 1; BitsStored 1; HighBit 0"))
    for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType", "PresentationLUTShape"):
        del data[keyword]
    data["PixelData"]._value = bits.tobytes()
    yield "SC single bit", data
    yield "SC bytes", captures(26, "2", noise(26, 2, 24, 24), 8)
    yield "SC words", captures(27, "3", noise(27, 2, 24, 24, top=4096, kind=np.uint16), 12)
    yield "SC colour", captures(28, "4", noise(28, 2, 24, 24, 3), 8)
    yield "photograph", visible(29, "4", "XC", "T-01000")
    yield "endoscopy", visible(30, "1", "ES", "T-57000")
    yield "retina", retina(31)
    yield "OCT", tomography_of_the_eye(32)
    yield "slide", slide(33)
