"""Radiotherapy objects of the CT series of subject 1; documents that must be turned away; a directory."""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.documents import slices
from tests.judge.images import STORAGE
from tests.judge.samples import described, fill, instance, items, noise, pixels, ref, uid

_STUDY = 1
_FRAME = uid(5, _STUDY)


def _based(sop_class: str, modality: str, series: int) -> Dataset:
    data = instance(f"{STORAGE}{sop_class}", modality, _STUDY, series, 1)
    return fill(data, FrameOfReferenceUID=_FRAME, PositionReferenceIndicator="", OperatorsName="Opérateur^A")


def structure_set() -> Dataset:
    data = _based("481.3", "RTSTRUCT", 30)
    images = {"SeriesInstanceUID": uid(4, _STUDY, 1), "ContourImageSequence": items(*(ref(one) for one in slices()))}
    study = {
        "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",
        "ReferencedSOPInstanceUID": uid(3, _STUDY),
        "RTReferencedSeriesSequence": items(images),
    }
    frame = {"FrameOfReferenceUID": _FRAME, "RTReferencedStudySequence": items(study)}
    region = {
        **described(r"ROINumber 1; ROIName GTV; ROIDescription volume; ROIGenerationAlgorithm MANUAL"),
        "ReferencedFrameOfReferenceUID": _FRAME,
    }
    contours = [
        {
            **described(r"""
            ContourGeometricType CLOSED_PLANAR; NumberOfContourPoints 3; ContourData
            -10.5\-10.0\-37.5\10.25\-10.0\-37.5\0\12.0\-37.5
        """),
            "ContourImageSequence": items(ref(one)),
        }
        for one in slices()
    ]
    colour = {"ROIDisplayColor": [255, 0, 0], "ReferencedROINumber": 1, "ContourSequence": items(*contours)}
    observation = described(r"""
        ObservationNumber 1; ReferencedROINumber 1; ROIObservationLabel tumeur; RTROIInterpretedType GTV;
        ROIInterpreter Médecin^E
    """)
    return fill(
        data,
        **described(r"""
        StructureSetLabel CONTOURS; StructureSetName contours; StructureSetDate 20240112; StructureSetTime 081500;
        ApprovalStatus APPROVED; ReviewDate 20240112; ReviewTime 091500; ReviewerName Médecin^F
    """),
        ReferencedFrameOfReferenceSequence=items(frame),
        StructureSetROISequence=items(region),
        ROIContourSequence=items(colour),
        RTROIObservationsSequence=items(observation),
    )


def plan() -> Dataset:
    data = _based("481.5", "RTPLAN", 31)
    devices = [{"RTBeamLimitingDeviceType": kind, "NumberOfLeafJawPairs": 1} for kind in ("X", "Y")]
    positions = [{"RTBeamLimitingDeviceType": kind, "LeafJawPositions": [-50.5, 50.5]} for kind in ("X", "Y")]
    first = {
        **described(r"""
        ControlPointIndex 0; NominalBeamEnergy 6; GantryAngle 180; GantryRotationDirection NONE;
        BeamLimitingDeviceAngle 0; BeamLimitingDeviceRotationDirection NONE; PatientSupportAngle 0;
        PatientSupportRotationDirection NONE; TableTopEccentricAngle 0; TableTopEccentricRotationDirection NONE;
        IsocenterPosition 1.5\2.5\-37.5; CumulativeMetersetWeight 0
    """),
        "BeamLimitingDevicePositionSequence": items(*positions),
        "TableTopVerticalPosition": None,
        "TableTopLongitudinalPosition": None,
        "TableTopLateralPosition": None,
    }
    beam = {
        **described(r"""
        BeamNumber 1; BeamName champ 1; BeamDescription champ antérieur; BeamType STATIC; RadiationType PHOTON;
        TreatmentMachineName LINAC1; PrimaryDosimeterUnit MU; SourceAxisDistance 1000; TreatmentDeliveryType
        TREATMENT; NumberOfWedges 0; NumberOfCompensators 0; NumberOfBoli 0; NumberOfBlocks 0;
        FinalCumulativeMetersetWeight 1; NumberOfControlPoints 2; ReferencedPatientSetupNumber 1
    """),
        "BeamLimitingDeviceSequence": items(*devices),
        "ControlPointSequence": items(first, {"ControlPointIndex": 1, "CumulativeMetersetWeight": "1"}),
    }
    fraction = {
        **described(
            r"FractionGroupNumber 1; NumberOfFractionsPlanned 25; NumberOfBeams 1; NumberOfBrachyApplicationSetups 0"
        ),
        "ReferencedBeamSequence": items({"ReferencedBeamNumber": 1, "BeamMeterset": "105.5"}),
    }
    return fill(
        data,
        **described(r"""
        RTPlanLabel PLAN; RTPlanName plan 1; RTPlanDescription plan; RTPlanDate 20240113; RTPlanTime 081500;
        RTPlanGeometry PATIENT; PlanIntent CURATIVE; ApprovalStatus UNAPPROVED
    """),
        FractionGroupSequence=items(fraction),
        BeamSequence=items(beam),
        PatientSetupSequence=items(described(r"PatientSetupNumber 1; PatientPosition HFS; SetupTechnique ISOCENTRIC")),
        ReferencedStructureSetSequence=items(ref(structure_set())),
    )


def dose() -> Dataset:
    data = _based("481.2", "RTDOSE", 32)
    fill(
        data,
        **described(r"""
        ImagePositionPatient -125.5\-130.25\-37.5; ImageOrientationPatient 1\0\0\0\1\0; PixelSpacing 2.5\2.5;
        SliceThickness 2.5; GridFrameOffsetVector 0\2.5\5; DoseUnits GY; DoseType PHYSICAL; DoseSummationType PLAN;
        DoseComment dose; DoseGridScaling 0.00125; TissueHeterogeneityCorrection IMAGE
    """),
        FrameIncrementPointer=Tag("GridFrameOffsetVector"),
        ReferencedRTPlanSequence=items(ref(plan())),
    )
    del data.BodyPartExamined
    return pixels(data, noise(50, 3, 24, 24, top=60000, kind=np.uint16), bits=16, frames=True)


def image() -> Dataset:
    data = _based("481.1", "RTIMAGE", 33)
    fill(
        data,
        **described(r"""
        ImageType ORIGINAL\PRIMARY\PORTAL; ConversionType DI; RTImageLabel PORTAL; RTImageName portale;
        RTImageDescription image portale; RTImagePlane NORMAL; ReportedValuesOrigin OPERATOR; ImagePlanePixelSpacing
        0.8\0.8; RTImagePosition -10\10; RadiationMachineName LINAC1; RadiationMachineSAD 1000; RTImageSID 1500;
        GantryAngle 180; XRayImageReceptorAngle 0; PatientOrientation; PrimaryDosimeterUnit MU;
        PixelIntensityRelationship LIN; PixelIntensityRelationshipSign 1
    """),
        ReferencedRTPlanSequence=items(ref(plan())),
    )
    return pixels(data, noise(51, 24, 24, top=4096, kind=np.uint16), bits=12)


def radiotherapy() -> Iterator[tuple[str, Dataset]]:
    """One of each class, with a name."""
    yield "RT structure set", structure_set()
    yield "RT plan", plan()
    yield "RT dose", dose()
    yield "RT image", image()


def refused() -> Iterator[tuple[str, Dataset]]:
    """What must be turned away: documents that no table cleans."""
    for study, kind, modality, mime, body in (
        (60, "1", "DOC", "application/pdf", b"%PDF-1.4\n%%EOF\n"),
        (61, "2", "DOC", "text/XML", b"<ClinicalDocument/>\n"),
        (62, "3", "M3D", "model/stl", b"solid \nendsolid\n"),
        (63, "4", "M3D", "model/obj", b"v 0 0 0\n"),
        (64, "5", "M3D", "model/mtl", b"newmtl a\n"),
    ):
        data = instance(f"{STORAGE}104.{kind}", modality, study, 1, 1)
        yield (
            f"encapsulated {mime}",
            fill(
                data,
                **described(r"""
                AcquisitionDateTime 20240112; HL7InstanceIdentifier 1.2; ConversionType WSD; BurnedInAnnotation YES;
                DocumentTitle compte rendu; ConceptNameCodeSequence
            """),
                MIMETypeOfEncapsulatedDocument=mime,
                EncapsulatedDocument=body + b" " * (len(body) % 2),
            ),
        )
