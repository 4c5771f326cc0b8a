"""What refers to images: reports, key objects, presentation states, segmentations, maps; and electrocardiograms.

Everything here refers to the CT series of subject 1 (:func:`tests.judge.images.ct`), and is of the same study.
"""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.judge.enhanced import enhanced
from tests.judge.images import STORAGE, ct
from tests.judge.samples import code, described, fill, instance, items, noise, pixels, ref, uid

_STUDY = 1


def slices() -> list[Dataset]:
    """The images that are referred to."""
    return [ct(_STUDY, 1, number) for number in (1, 2, 3)]


def _evidence(*more: Dataset) -> list[Dataset]:
    """Study, series and instances that a document speaks of."""
    series = {
        "SeriesInstanceUID": uid(4, _STUDY, 1),
        "ReferencedSOPSequence": items(*(ref(one) for one in (*slices(), *more))),
    }
    return items({"StudyInstanceUID": uid(3, _STUDY), "ReferencedSeriesSequence": items(series)})


def _node(kind: str, relation: str, concept: Dataset, **values: object) -> dict[str, object]:
    return {"ValueType": kind, "RelationshipType": relation, "ConceptNameCodeSequence": items(concept), **values}


def _tree() -> list[Dataset]:
    """Nodes of most kinds, one inside another."""
    first, second, _ = slices()
    length = code("G-D705", "SRT", "Volume")
    unit = {"NumericValue": "12.5", "MeasurementUnitsCodeSequence": items(code("mm3", "UCUM", "cubic millimeter"))}
    number = _node("NUM", "CONTAINS", length, MeasuredValueSequence=items(unit))
    source = code("121112", "DCM", "Source of Measurement")
    number["ContentSequence"] = items(_node("IMAGE", "INFERRED FROM", source, ReferencedSOPSequence=items(ref(second))))
    return items(
        _node(
            "CODE",
            "HAS CONCEPT MOD",
            code("121049", "DCM", "Language of Content Item and Descendants"),
            ConceptCodeSequence=items(code("fr-FR", "RFC5646", "French (France)")),
        ),
        _node("PNAME", "HAS OBS CONTEXT", code("121008", "DCM", "Person Observer Name"), PersonName="Médecin^A"),
        _node("UIDREF", "HAS OBS CONTEXT", code("121012", "DCM", "Device Observer UID"), UID=uid(9, 1)),
        _node("TEXT", "CONTAINS", code("121071", "DCM", "Finding"), TextValue="Nodule"),
        _node("DATE", "CONTAINS", code("111060", "DCM", "Study Date"), Date="20240111"),
        _node("DATETIME", "HAS OBS CONTEXT", code("121135", "DCM", "Observation DateTime"), DateTime="20240111101500"),
        _node(
            "IMAGE", "CONTAINS", code("121112", "DCM", "Source of Measurement"), ReferencedSOPSequence=items(ref(first))
        ),
        number,
    )


def report(number: int, sop_class: str, *, plain: bool = False) -> Dataset:
    """A structured report."""
    data = instance(f"{STORAGE}88.{sop_class}", "SR", _STUDY, 10 + number, 1)
    tree = _tree()
    if plain:
        tree = [node for node in tree if node.ValueType != "NUM"]
    del data.BodyPartExamined
    verifier = described(r"""
        VerifyingOrganization Hôpital; VerificationDateTime 20240112081500; VerifyingObserverName Médecin^B;
        VerifyingObserverIdentificationCodeSequence
    """)
    fill(
        data,
        **described(r"""
        ReferencedPerformedProcedureStepSequence; CompletionFlag COMPLETE; VerificationFlag VERIFIED;
        PerformedProcedureCodeSequence; ValueType CONTAINER; ContinuityOfContent SEPARATE
    """),
        VerifyingObserverSequence=items(verifier),
        CurrentRequestedProcedureEvidenceSequence=_evidence(),
        ConceptNameCodeSequence=items(code("126000", "DCM", "Imaging Measurement Report")),
        ContentTemplateSequence=items({"MappingResource": "DCMR", "TemplateIdentifier": "1500"}),
        ContentSequence=tree,
    )
    if plain:
        del data.ContentTemplateSequence
    return data


def key_objects() -> Dataset:
    data = instance(f"{STORAGE}88.59", "KO", _STUDY, 20, 1)
    text = _node("TEXT", "CONTAINS", code("113012", "DCM", "Key Object Description"), TextValue="À montrer")
    image = {"ValueType": "IMAGE", "RelationshipType": "CONTAINS", "ReferencedSOPSequence": items(ref(slices()[2]))}
    del data.BodyPartExamined
    return fill(
        data,
        **described(r"ReferencedPerformedProcedureStepSequence; ValueType CONTAINER; ContinuityOfContent SEPARATE"),
        CurrentRequestedProcedureEvidenceSequence=_evidence(),
        ConceptNameCodeSequence=items(code("113000", "DCM", "Of Interest")),
        ContentTemplateSequence=items({"MappingResource": "DCMR", "TemplateIdentifier": "2010"}),
        ContentSequence=items(text, image),
    )


def presentation() -> Dataset:
    """A greyscale softcopy presentation state with text and lines."""
    first = slices()[0]
    text = described(r"""
        BoundingBoxAnnotationUnits PIXEL; UnformattedTextValue Nodule; BoundingBoxTopLeftHandCorner 2.0\2.0;
        BoundingBoxBottomRightHandCorner 20.0\6.0; BoundingBoxTextHorizontalJustification LEFT
    """)
    line = described(r"""
        GraphicAnnotationUnits PIXEL; GraphicDimensions 2; NumberOfGraphicPoints 2; GraphicData 2.0\3.0\11.0\12.0;
        GraphicType POLYLINE
    """)
    annotation = {
        "ReferencedImageSequence": items(ref(first)),
        "GraphicLayer": "LAYER1",
        "TextObjectSequence": items(text),
        "GraphicObjectSequence": items(line),
    }
    layer = described(r"GraphicLayer LAYER1; GraphicLayerOrder 1; GraphicLayerDescription calque")
    area = {
        **described(r"""
        DisplayedAreaTopLeftHandCorner 1\1; DisplayedAreaBottomRightHandCorner 24\24; PresentationSizeMode SCALE TO
        FIT; PresentationPixelAspectRatio 1\1
    """),
        "ReferencedImageSequence": items(ref(first)),
    }
    images = {"SeriesInstanceUID": uid(4, _STUDY, 1), "ReferencedImageSequence": items(*(ref(one) for one in slices()))}
    data = instance(f"{STORAGE}11.1", "PR", _STUDY, 21, 1)
    return fill(
        data,
        **described(r"""
        ContentLabel PRESENTATION; ContentDescription état; PresentationCreationDate 20240112;
        PresentationCreationTime 081500; ContentCreatorName Médecin^C; PresentationLUTShape IDENTITY
    """),
        ReferencedSeriesSequence=items(images),
        DisplayedAreaSelectionSequence=items(area),
        GraphicAnnotationSequence=items(annotation),
        GraphicLayerSequence=items(layer),
        SoftcopyVOILUTSequence=items({"WindowCenter": "40", "WindowWidth": "400"}),
    )


def _derived(data: Dataset, kind: str) -> Dataset:
    """An enhanced object of the CT slices: refers to them frame by frame."""
    series = {"SeriesInstanceUID": uid(4, _STUDY, 1), "ReferencedInstanceSequence": items(*(ref(s) for s in slices()))}
    fill(
        data,
        **described(r"ContentDescription dérivé; ContentCreatorName Médecin^D; InstanceNumber 1"),
        StudyInstanceUID=uid(3, _STUDY),
        FrameOfReferenceUID=uid(5, _STUDY),
        PatientID=str(_STUDY),
        ReferencedSeriesSequence=items(series),
        ContentLabel=kind,
    )
    purpose = code("121322", "DCM", "Source image for image processing operation")
    for frame, source in zip(data.PerFrameFunctionalGroupsSequence, slices(), strict=True):
        image = ref(source, PurposeOfReferenceCodeSequence=items(purpose))
        frame.DerivationImageSequence = items(
            {
                "DerivationCodeSequence": items(code("113076", "DCM", "Segmentation")),
                "SourceImageSequence": items(image),
            }
        )
    return data


def segmentation() -> Dataset:
    data = enhanced(40, "2.1", "CT", "AXIAL")
    data.SOPClassUID, data.Modality = f"{STORAGE}66.4", "SEG"
    shared = data.SharedFunctionalGroupsSequence[0]
    _only_geometry(shared)
    shared.SegmentIdentificationSequence = items({"ReferencedSegmentNumber": 1})
    segment = {
        **described(r"""
        SegmentNumber 1; SegmentLabel Liver; SegmentDescription foie; SegmentAlgorithmType MANUAL; TrackingID suivi
        1; RecommendedDisplayCIELabValue 30000\40000\50000
    """),
        "SegmentedPropertyCategoryCodeSequence": items(code("T-D0050", "SRT", "Tissue")),
        "SegmentedPropertyTypeCodeSequence": items(code("T-62000", "SRT", "Liver")),
        "TrackingUID": uid(9, 2),
    }
    _derived(data, "SEGMENTATION")
    fill(data, ImageType=["DERIVED", "PRIMARY"], SegmentationType="BINARY", SegmentSequence=items(segment))
    pixels(data, noise(40, 3, 24, 24, top=2), frames=True)
    data["PixelData"]._value = np.packbits(noise(40, 3, 24, 24, top=2).ravel(), bitorder="little").tobytes()
    return fill(data, **described(r"BitsAllocated 1; BitsStored 1; HighBit 0"))


def _only_geometry(shared: Dataset) -> None:
    for keyword in [element.keyword for element in shared]:
        if keyword not in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
            del shared[keyword]


def parametric_map() -> Dataset:
    data = enhanced(41, "2.1", "MR", "AXIAL")
    data.SOPClassUID, data.Modality = f"{STORAGE}30", "OT"
    shared = data.SharedFunctionalGroupsSequence[0]
    _only_geometry(shared)
    mapping = {
        **described(r"""
        RealWorldValueFirstValueMapped 0; RealWorldValueLastValueMapped 4095; RealWorldValueIntercept 0.0;
        RealWorldValueSlope 0.001; LUTExplanation diffusion; LUTLabel ADC
    """),
        "MeasurementUnitsCodeSequence": items(code("mm2/s", "UCUM", "mm2/s")),
        "QuantityDefinitionSequence": items(
            _node("CODE", "", code("G-C1C6", "SRT", "Quantity"), ConceptCodeSequence=items(_adc()))
        ),
    }
    shared.RealWorldValueMappingSequence = items(mapping)
    shared.ParametricMapFrameTypeSequence = items({"FrameType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]})
    _derived(data, "MAP")
    fill(data, **described(r"BitsStored 16; HighBit 15; RecognizableVisualFeatures NO"))
    shared.PixelValueTransformationSequence = items(described(r"RescaleIntercept 0; RescaleSlope 1; RescaleType US"))
    for keyword in ("AcquisitionContrast", "ComplexImageComponent", "KSpaceFiltering", "ResonantNucleus"):
        del data[keyword]
    return fill(data, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])


def electrocardiogram(study: int, sop_class: str, channels: int, samples: int, frequency: int) -> Dataset:
    data = instance(f"{STORAGE}9.1.{sop_class}", "ECG", study, 1, 1)
    leads = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    unit = items(code("uV", "UCUM", "microvolt"))
    channel = [
        {
            **described(r"""
            ChannelSensitivity 1.25; ChannelSensitivityCorrectionFactor 1; ChannelBaseline 0; ChannelSampleSkew 0;
            WaveformBitsStored 16; FilterLowFrequency 0.05; FilterHighFrequency 150
        """),
            "ChannelLabel": f"Dérivation {leads[number]}",
            "ChannelSourceSequence": items(code(f"2:{number + 1}", "MDC", f"Lead {leads[number]}")),
            "ChannelSensitivityUnitsSequence": unit,
        }
        for number in range(channels)
    ]
    group = {
        **described(r"""
        WaveformOriginality ORIGINAL; MultiplexGroupLabel RHYTHM; WaveformBitsAllocated 16;
        WaveformSampleInterpretation SS
    """),
        "NumberOfWaveformChannels": channels,
        "NumberOfWaveformSamples": samples,
        "SamplingFrequency": str(frequency),
        "ChannelDefinitionSequence": items(*channel),
    }
    made = items(group)
    made[0].add_new(Tag("WaveformData"), "OW", noise(study, samples, channels, top=900, kind=np.int16).tobytes())
    rate = {
        **described(r"AnnotationGroupNumber 0; ReferencedWaveformChannels 1\0; NumericValue 92"),
        "ConceptNameCodeSequence": items(_versioned(code("5.10.2.1-3", "SCPECG", "QRS duration"))),
        "MeasurementUnitsCodeSequence": items(code("ms", "UCUM", "millisecond")),
    }
    note = described(r"AnnotationGroupNumber 0; ReferencedWaveformChannels 1\0; UnformattedTextValue rythme")
    return fill(
        data,
        **described(r"""
        Manufacturer GE Healthcare; ManufacturerModelName MAC 5500; AcquisitionDateTime 20240111101113;
        AcquisitionContextSequence
    """),
        WaveformSequence=made,
        WaveformAnnotationSequence=items(note, rate),
    )


def _adc() -> Dataset:
    return code("113041", "DCM", "Apparent Diffusion Coefficient")


def _versioned(item: Dataset) -> Dataset:
    item.CodingSchemeVersion = "1.3"
    return item


def documents() -> Iterator[tuple[str, Dataset]]:
    """One of each class, with a name."""
    yield "SR basic text", report(1, "11", plain=True)
    yield "SR enhanced", report(2, "22")
    yield "SR comprehensive", report(3, "33")
    yield "KOS", key_objects()
    yield "GSPS", presentation()
    yield "SEG", segmentation()
    yield "parametric map", parametric_map()
    yield "ECG 12-lead", electrocardiogram(42, "1", 12, 50, 500)
    yield "ECG general", electrocardiogram(43, "2", 3, 80, 250)
    yield "ECG ambulatory", electrocardiogram(44, "3", 2, 100, 125)
