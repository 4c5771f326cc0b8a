"""Small valid images of the enhanced classes, of secondary capture and of visible light."""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.images import STORAGE, mammogram
from tests.judge.samples import code, fill, instance, items, noise, pixels, uid

_AXIAL = [1, 0, 0, 0, 1, 0]


def _frame_type(kind: str, modality: str) -> dict[str, object]:
    keyword = {"CT": "CTImageFrameTypeSequence", "MR": "MRImageFrameTypeSequence", "PT": "PETFrameTypeSequence"}
    values: dict[str, object] = {
        "FrameType": ["ORIGINAL", "PRIMARY", kind, "NONE"],
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "NONE",
    }
    if modality == "MR":
        values |= {"ComplexImageComponent": "MAGNITUDE", "AcquisitionContrast": "DIFFUSION"}
    return {keyword[modality]: items(values)}


def _shared(modality: str, kind: str) -> dict[str, object]:
    measures = {"PixelSpacing": [0.78125, 0.78125], "SliceThickness": "2.5"}
    anatomy = {"AnatomicRegionSequence": items(code("T-D3000", "SRT", "Chest")), "FrameLaterality": "U"}
    rescale = {"RescaleIntercept": "-1024", "RescaleSlope": "1", "RescaleType": "HU" if modality == "CT" else "US"}
    window = {"WindowCenter": "40", "WindowWidth": "400"}
    groups: dict[str, object] = {
        "PixelMeasuresSequence": items(measures),
        "PlaneOrientationSequence": items({"ImageOrientationPatient": _AXIAL}),
        "FrameAnatomySequence": items(anatomy),
        "PixelValueTransformationSequence": items(rescale),
        "FrameVOILUTSequence": items(window),
        **_frame_type(kind, modality),
    }
    return groups | _EXTRA[modality]()


def _ct_groups() -> dict[str, object]:
    acquisition = {
        "AcquisitionType": "SPIRAL",
        "RevolutionTime": 0.5,
        "TableSpeed": 40.0,
        "TubeAngle": 0.0,
        "ConstantVolumeFlag": "NO",
        "FluoroscopyFlag": "NO",
    }
    exposure = {
        "ExposureTimeInms": 500.0,
        "XRayTubeCurrentInmA": 210.0,
        "ExposureInmAs": 105.0,
        "ExposureModulationType": "NONE",
        "CTDIvol": 7.25,
    }
    reconstruction = {
        "ReconstructionAlgorithm": "FILTER_BACK_PROJ",
        "ConvolutionKernel": "B30f",
        "ConvolutionKernelGroup": "BODY",
        "ReconstructionDiameter": "200",
        "ReconstructionAngle": 360.0,
        "ReconstructionPixelSpacing": [0.78125, 0.78125],
        "ReconstructionTargetCenterPatient": [0, 0, 0],
    }
    beam = {"KVP": "120", "FocalSpots": "1.2", "FilterType": "NONE", "FilterMaterial": "ALUMINUM"}
    return {
        "CTAcquisitionTypeSequence": items(acquisition),
        "CTExposureSequence": items(exposure),
        "CTReconstructionSequence": items(reconstruction),
        "CTXRayDetailsSequence": items(beam),
        "CTAcquisitionDetailsSequence": items(
            {
                "RotationDirection": "CW",
                "GantryDetectorTilt": "0",
                "TableHeight": "151",
                "SingleCollimationWidth": 0.6,
                "TotalCollimationWidth": 38.4,
                "DataCollectionDiameter": "500",
            }
        ),
    }


def _mr_groups() -> dict[str, object]:
    diffusion = {
        "DiffusionBValue": 1000.0,
        "DiffusionDirectionality": "DIRECTIONAL",
        "DiffusionGradientDirectionSequence": items({"DiffusionGradientOrientation": [0.5, 0.5, 0.7071]}),
    }
    timing = {
        "RepetitionTime": "6600",
        "FlipAngle": "90",
        "EchoTrainLength": "1",
        "RFEchoTrainLength": 1,
        "GradientEchoTrainLength": 0,
    }
    return {
        "MRDiffusionSequence": items(diffusion),
        "MRTimingAndRelatedParametersSequence": items(timing),
        "MREchoSequence": items({"EffectiveEchoTime": 92.0}),
        "MRAveragesSequence": items({"NumberOfAverages": "1"}),
        "MRReceiveCoilSequence": items(
            {
                "ReceiveCoilName": "HEAD",
                "ReceiveCoilManufacturerName": "",
                "ReceiveCoilType": "MULTICOIL",
                "QuadratureReceiveCoil": "YES",
                "MultiCoilDefinitionSequence": items({"MultiCoilElementName": "H1", "MultiCoilElementUsed": "YES"}),
            }
        ),
        "MRTransmitCoilSequence": items(
            {"TransmitCoilName": "BODY", "TransmitCoilManufacturerName": "", "TransmitCoilType": "BODY"}
        ),
        "MRFOVGeometrySequence": items(
            {
                "InPlanePhaseEncodingDirection": "COLUMN",
                "MRAcquisitionFrequencyEncodingSteps": 24,
                "MRAcquisitionPhaseEncodingStepsInPlane": 24,
                "PercentSampling": "100",
                "PercentPhaseFieldOfView": "100",
            }
        ),
    }


def _pet_groups() -> dict[str, object]:
    return {
        "PETFrameAcquisitionSequence": items({"ActualFrameDuration": "120000"}),
        "PETPositionSequence": items({"TableHeight": "151"}),
    }


_EXTRA = {"CT": _ct_groups, "MR": _mr_groups, "PT": _pet_groups}


def enhanced(study: int, sop_class: str, modality: str, kind: str, frames: int = 3) -> Dataset:
    """A multi-frame image with functional groups."""
    data = instance(f"{STORAGE}{sop_class}", modality, study, 1, 1)
    index = uid(6, study)
    pointers = {
        "DimensionOrganizationUID": index,
        "DimensionIndexPointer": Tag("InStackPositionNumber"),
        "FunctionalGroupPointer": Tag("FrameContentSequence"),
    }
    content = [
        {
            "FrameAcquisitionDateTime": f"2024011110111{number}",
            "FrameReferenceDateTime": f"2024011110111{number}",
            "FrameAcquisitionDuration": 500.0,
            "StackID": "1",
            "InStackPositionNumber": number + 1,
            "DimensionIndexValues": [number + 1],
            "TemporalPositionIndex": 1,
            "FrameAcquisitionNumber": 1,
        }
        for number in range(frames)
    ]
    positions = [{"ImagePositionPatient": [-125.5, -130.25, -40 + 2.5 * number]} for number in range(frames)]
    per_frame = [
        {"FrameContentSequence": items(one), "PlanePositionSequence": items(where)}
        for one, where in zip(content, positions, strict=True)
    ]
    fill(
        data,
        ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"],
        FrameOfReferenceUID=uid(5, study),
        PositionReferenceIndicator="",
        AcquisitionDateTime="20240111101113",
        AcquisitionDuration=500.0,
        AcquisitionNumber="1",
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
        ContentQualification="PRODUCT",
        BurnedInAnnotation="NO",
        LossyImageCompression="00",
        PresentationLUTShape="IDENTITY",
        PatientPosition="HFS",
        AcquisitionContextSequence=[],
        DimensionOrganizationSequence=items({"DimensionOrganizationUID": index}),
        DimensionIndexSequence=items(pointers),
        SharedFunctionalGroupsSequence=items(_shared(modality, kind)),
        PerFrameFunctionalGroupsSequence=items(*per_frame),
    )
    if modality == "MR":
        fill(
            data,
            ResonantNucleus="1H",
            MagneticFieldStrength="3",
            KSpaceFiltering="NONE",
            ComplexImageComponent="MAGNITUDE",
            AcquisitionContrast="DIFFUSION",
            ApplicableSafetyStandardAgency="IEC",
            PulseSequenceName="ep2d_diff",
        )
    if modality == "PT":
        fill(data, RadiopharmaceuticalInformationSequence=items(_tracer()), Units="BQML", CountsSource="EMISSION")
    return pixels(data, noise(study, frames, 24, 24, top=4096, kind=np.uint16), bits=12, frames=True)


def _tracer() -> dict[str, object]:
    return {
        "RadiopharmaceuticalAgentNumber": 1,
        "RadionuclideTotalDose": "310000000",
        "RadionuclideHalfLife": "6586.2",
        "RadiopharmaceuticalStartDateTime": "20240111091500",
        "RadionuclideCodeSequence": items(code("C-111A1", "SRT", "^18^Fluorine")),
    }


def tomosynthesis(study: int) -> Dataset:
    data = enhanced(study, "2.1", "CT", "VOLUME")
    breast = mammogram(study)
    data.SOPClassUID, data.Modality = f"{STORAGE}13.1.3", "MG"
    shared = data.SharedFunctionalGroupsSequence[0]
    for keyword in list(shared.dir("CT")):
        del shared[keyword]
    view = {"ViewCodeSequence": breast.ViewCodeSequence}
    shared.FrameAnatomySequence = items(
        {"AnatomicRegionSequence": items(code("T-04000", "SRT", "Breast")), "FrameLaterality": "L"}
    )
    shared.XRay3DFrameTypeSequence = items(
        {
            "FrameType": ["ORIGINAL", "PRIMARY", "TOMOSYNTHESIS", "NONE"],
            "PixelPresentation": "MONOCHROME",
            "VolumetricProperties": "VOLUME",
            "VolumeBasedCalculationTechnique": "NONE",
        }
    )
    rescale = shared.PixelValueTransformationSequence[0]
    rescale.RescaleType, rescale.RescaleIntercept = "US", "0"
    fill(
        data,
        ImageType=["ORIGINAL", "PRIMARY", "TOMOSYNTHESIS", "NONE"],
        BodyPartExamined="BREAST",
        BreastImplantPresent="NO",
        PartialView="NO",
        PresentationIntentType="FOR PRESENTATION",
        XRay3DAcquisitionSequence=items({"KVP": "30", "AnodeTargetMaterial": "TUNGSTEN", "ExposureInmAs": 45.0}),
        **view,
    )
    return data


def capture(study: int) -> Dataset:
    data = instance(f"{STORAGE}7", "OT", study, 1, 1)
    fill(data, Manufacturer="", ConversionType="WSD", PatientOrientation="", SecondaryCaptureDeviceManufacturer="ACME")
    return pixels(data, noise(study, 24, 24))


def captures(study: int, sop_class: str, array: np.ndarray, bits: int) -> Dataset:
    """Multi-frame secondary capture."""
    data = instance(f"{STORAGE}7.{sop_class}", "OT", study, 1, 1)
    fill(
        data,
        ConversionType="WSD",
        PatientOrientation="",
        FrameTimeVector=[0, *[40] * (array.shape[0] - 1)],
        FrameIncrementPointer=Tag(0x0018, 0x1065),
        BurnedInAnnotation="NO",
    )
    pixels(data, array, bits=bits, frames=True)
    if array.ndim == 3:
        fill(data, RescaleIntercept="0", RescaleSlope="1", RescaleType="US", PresentationLUTShape="IDENTITY")
    return data


def visible(study: int, sop_class: str, modality: str, body: str) -> Dataset:
    """A photograph of the skin or from an endoscope."""
    data = instance(f"{STORAGE}77.1.{sop_class}", modality, study, 1, 1)
    fill(
        data,
        ImageType=["ORIGINAL", "PRIMARY"],
        AcquisitionDateTime="20240111101113",
        AcquisitionContextSequence=[],
        PatientOrientation=["L", "F"],
        LossyImageCompression="00",
        BurnedInAnnotation="NO",
        AnatomicRegionSequence=items(code(body, "SRT", "Skin")),
        Manufacturer="OLYMPUS",
    )
    return pixels(data, noise(study, 24, 24, 3))


def retina(study: int) -> Dataset:
    """Ophthalmic photography."""
    data = visible(study, "5.1", "OP", "T-AA610")
    del data.AcquisitionContextSequence
    fill(
        data,
        NumberOfFrames="1",
        FrameIncrementPointer=Tag(0x0018, 0x1063),
        FrameTime="0",
        SynchronizationFrameOfReferenceUID=uid(8, study),
        SynchronizationTrigger="NO TRIGGER",
        AcquisitionTimeSynchronized="N",
        ImageLaterality="L",
        AnatomicRegionSequence=items(code("T-AA610", "SRT", "Retina")),
        AcquisitionDeviceTypeCodeSequence=items(code("R-1021A", "SRT", "Fundus Camera")),
        IlluminationTypeCodeSequence=[],
        LightPathFilterTypeStackCodeSequence=[],
        ImagePathFilterTypeStackCodeSequence=[],
        LensesCodeSequence=[],
        PixelSpacing=[0.01, 0.01],
        PupilDilated="YES",
        DegreeOfDilation=6.5,
        MydriaticAgentSequence=[],
        EmmetropicMagnification=None,
        IntraOcularPressure=15.5,
        HorizontalFieldOfView=45.0,
        RefractiveStateSequence=[],
        PatientEyeMovementCommanded="NO",
        DetectorType="CCD",
        PresentationLUTShape="IDENTITY",
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
        ImageType=["ORIGINAL", "PRIMARY"],
        ImageLaterality="L",
        DetectorType="CCD",
        AcquisitionDeviceTypeCodeSequence=items(code("A-00FBE", "SRT", "Optical Coherence Tomography Scanner")),
        LightPathFilterTypeStackCodeSequence=[],
        DepthSpatialResolution=4.5,
        MaximumDepthDistortion=0.5,
        AlongScanSpatialResolution=10.0,
        MaximumAlongScanDistortion=0.5,
        AcrossScanSpatialResolution=10.0,
        MaximumAcrossScanDistortion=0.5,
        IlluminationWaveLength=840.0,
        IlluminationPower=700.0,
        IlluminationBandwidth=50.0,
        PupilDilated="NO",
        AxialLengthOfTheEye=23.5,
        HorizontalFieldOfView=30.0,
        RefractiveStateSequence=[],
        EmmetropicMagnification=1.0,
        IntraOcularPressure=15.5,
        ConcatenationFrameOffsetNumber=0,
        InConcatenationNumber=1,
        InConcatenationTotalNumber=1,
        AnatomicRegionSequence=items(code("T-AA610", "SRT", "Retina")),
    )
    return data


def slide(study: int) -> Dataset:
    """Whole-slide microscopy: four tiles."""
    data = instance(f"{STORAGE}77.1.6", "SM", study, 1, 1)
    specimen = {
        "SpecimenIdentifier": "S1",
        "IssuerOfTheSpecimenIdentifierSequence": [],
        "SpecimenUID": uid(7, study),
        "SpecimenShortDescription": "biopsie",
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
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        Manufacturer="Hamamatsu",
        ManufacturerModelName="NanoZoomer",
        FrameOfReferenceUID=uid(5, study),
        PositionReferenceIndicator="SLIDE_CORNER",
        AcquisitionDateTime="20240111101113",
        AcquisitionDuration=90.0,
        ImagedVolumeWidth=0.03,
        ImagedVolumeHeight=0.03,
        ImagedVolumeDepth=0.001,
        TotalPixelMatrixColumns=48,
        TotalPixelMatrixRows=48,
        TotalPixelMatrixOriginSequence=items(origin),
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        SpecimenLabelInImage="NO",
        BurnedInAnnotation="NO",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        LossyImageCompression="00",
        VolumetricProperties="VOLUME",
        AcquisitionContextSequence=[],
        ContainerIdentifier="C1",
        IssuerOfTheContainerIdentifierSequence=[],
        ContainerTypeCodeSequence=items(code("A-0101B", "SRT", "Microscope slide")),
        SpecimenDescriptionSequence=items(specimen),
        OpticalPathSequence=items(optical),
        NumberOfOpticalPaths=1,
        TotalPixelMatrixFocalPlanes=1,
        DimensionOrganizationType="TILED_FULL",
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
    fill(data, BitsAllocated=1, BitsStored=1, HighBit=0)
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
