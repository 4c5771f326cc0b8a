"""Small valid images of the enhanced classes, with functional groups."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.images import STORAGE, mammogram
from tests.judge.samples import code, described, fill, instance, items, noise, pixels, uid

_AXIAL = [1, 0, 0, 0, 1, 0]


def _frame_type(kind: str, modality: str) -> dict[str, object]:
    keyword = {"CT": "CTImageFrameTypeSequence", "MR": "MRImageFrameTypeSequence", "PT": "PETFrameTypeSequence"}
    values: dict[str, object] = {
        **described(r"PixelPresentation MONOCHROME; VolumetricProperties VOLUME; VolumeBasedCalculationTechnique NONE"),
        "FrameType": ["ORIGINAL", "PRIMARY", kind, "NONE"],
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
    acquisition = described(r"""
        AcquisitionType SPIRAL; RevolutionTime 0.5; TableSpeed 40.0; TubeAngle 0.0; ConstantVolumeFlag NO;
        FluoroscopyFlag NO
    """)
    exposure = described(r"""
        ExposureTimeInms 500.0; XRayTubeCurrentInmA 210.0; ExposureInmAs 105.0; ExposureModulationType NONE; CTDIvol
        7.25
    """)
    reconstruction = described(r"""
        ReconstructionAlgorithm FILTER_BACK_PROJ; ConvolutionKernel B30f; ConvolutionKernelGroup BODY;
        ReconstructionDiameter 200; ReconstructionAngle 360.0; ReconstructionPixelSpacing 0.78125\0.78125;
        ReconstructionTargetCenterPatient 0\0\0
    """)
    beam = described(r"KVP 120; FocalSpots 1.2; FilterType NONE; FilterMaterial ALUMINUM")
    return {
        "CTAcquisitionTypeSequence": items(acquisition),
        "CTExposureSequence": items(exposure),
        "CTReconstructionSequence": items(reconstruction),
        "CTXRayDetailsSequence": items(beam),
        "CTAcquisitionDetailsSequence": items(
            described(r"""
                RotationDirection CW; GantryDetectorTilt 0; TableHeight 151; SingleCollimationWidth 0.6;
                TotalCollimationWidth 38.4; DataCollectionDiameter 500
            """)
        ),
    }


def _mr_groups() -> dict[str, object]:
    diffusion = {
        "DiffusionBValue": 1000.0,
        "DiffusionDirectionality": "DIRECTIONAL",
        "DiffusionGradientDirectionSequence": items({"DiffusionGradientOrientation": [0.5, 0.5, 0.7071]}),
    }
    timing = described(
        r"RepetitionTime 6600; FlipAngle 90; EchoTrainLength 1; RFEchoTrainLength 1; GradientEchoTrainLength 0"
    )
    return {
        "MRDiffusionSequence": items(diffusion),
        "MRTimingAndRelatedParametersSequence": items(timing),
        "MREchoSequence": items({"EffectiveEchoTime": 92.0}),
        "MRAveragesSequence": items({"NumberOfAverages": "1"}),
        "MRReceiveCoilSequence": items(
            {
                **described(r"""
                ReceiveCoilName HEAD; ReceiveCoilManufacturerName; ReceiveCoilType MULTICOIL; QuadratureReceiveCoil
                YES
            """),
                "MultiCoilDefinitionSequence": items({"MultiCoilElementName": "H1", "MultiCoilElementUsed": "YES"}),
            }
        ),
        "MRTransmitCoilSequence": items(
            described(r"TransmitCoilName BODY; TransmitCoilManufacturerName; TransmitCoilType BODY")
        ),
        "MRFOVGeometrySequence": items(
            described(r"""
                InPlanePhaseEncodingDirection COLUMN; MRAcquisitionFrequencyEncodingSteps 24;
                MRAcquisitionPhaseEncodingStepsInPlane 24; PercentSampling 100; PercentPhaseFieldOfView 100
            """)
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
            **described(
                r"FrameAcquisitionDuration 500.0; StackID 1; TemporalPositionIndex 1; FrameAcquisitionNumber 1"
            ),
            "FrameAcquisitionDateTime": f"2024011110111{number}",
            "FrameReferenceDateTime": f"2024011110111{number}",
            "InStackPositionNumber": number + 1,
            "DimensionIndexValues": [number + 1],
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
        **described(r"""
        PositionReferenceIndicator; AcquisitionDateTime 20240111101113; AcquisitionDuration 500.0; AcquisitionNumber
        1; PixelPresentation MONOCHROME; VolumetricProperties VOLUME; VolumeBasedCalculationTechnique NONE;
        ContentQualification PRODUCT; BurnedInAnnotation NO; LossyImageCompression 00; PresentationLUTShape
        IDENTITY; PatientPosition HFS; AcquisitionContextSequence
    """),
        ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"],
        FrameOfReferenceUID=uid(5, study),
        DimensionOrganizationSequence=items({"DimensionOrganizationUID": index}),
        DimensionIndexSequence=items(pointers),
        SharedFunctionalGroupsSequence=items(_shared(modality, kind)),
        PerFrameFunctionalGroupsSequence=items(*per_frame),
    )
    if modality == "MR":
        fill(
            data,
            **described(r"""
            ResonantNucleus 1H; MagneticFieldStrength 3; KSpaceFiltering NONE; ComplexImageComponent MAGNITUDE;
            AcquisitionContrast DIFFUSION; ApplicableSafetyStandardAgency IEC; PulseSequenceName ep2d_diff
        """),
        )
    if modality == "PT":
        fill(data, RadiopharmaceuticalInformationSequence=items(_tracer()), Units="BQML", CountsSource="EMISSION")
    return pixels(data, noise(study, frames, 24, 24, top=4096, kind=np.uint16), bits=12, frames=True)


def _tracer() -> dict[str, object]:
    return {
        **described(r"""
        RadiopharmaceuticalAgentNumber 1; RadionuclideTotalDose 310000000; RadionuclideHalfLife 6586.2;
        RadiopharmaceuticalStartDateTime 20240111091500
    """),
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
        described(r"""
            FrameType ORIGINAL\PRIMARY\TOMOSYNTHESIS\NONE; PixelPresentation MONOCHROME; VolumetricProperties
            VOLUME; VolumeBasedCalculationTechnique NONE
        """)
    )
    rescale = shared.PixelValueTransformationSequence[0]
    rescale.RescaleType, rescale.RescaleIntercept = "US", "0"
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\TOMOSYNTHESIS\NONE; BodyPartExamined BREAST; BreastImplantPresent NO; PartialView
        NO; PresentationIntentType FOR PRESENTATION
    """),
        XRay3DAcquisitionSequence=items(described(r"KVP 30; AnodeTargetMaterial TUNGSTEN; ExposureInmAs 45.0")),
        **view,
    )
    return data
