"""What each kind of object is measured by is the same before and after: acquisition, dose, signals, scales."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.tag import Tag

from tests.formats.dicom.builders import Maker
from tests.formats.dicom.utility import (
    SAFE,
    Case,
    add_private,
    assert_same,
    before_and_after,
    colours,
    found,
    made_safe,
    optionless,
    parameters,
    plain,
    private,
    without,
    written_and_read,
)
from tests.judge import documents, images, more_images, radiotherapy
from tests.judge.samples import code, fill, items, noise, pixels

# --- values of pixels


def shown(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Rescaled values, what each window shows of them, and how the windows are called."""
    (data,) = datasets
    rescaled = apply_modality_lut(data.pixel_array, data)
    return {
        "values": rescaled,
        "windows": [apply_voi_lut(rescaled, data, index=number) for number in (0, 1)],
        "explained": list(data.WindowCenterWidthExplanation),
        "unit": str(data.RescaleType),
    }


def windowed() -> list[Dataset]:
    data = fill(images.ct(1, 1, 1), RescaleSlope="0.5", VOILUTFunction="LINEAR_EXACT")
    return [fill(data, WindowCenterWidthExplanation=["WINDOW1", "LUNG"])]


def mapped(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """A parametric map in its unit, by highdicom and by hand, and the quantity that it is of."""
    (data,) = datasets
    volume = hd.Image.from_dataset(data).get_volume(apply_real_world_transform=True)
    mapping = data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    unit, quantity = mapping.MeasurementUnitsCodeSequence[0], mapping.QuantityDefinitionSequence[0]
    kind = quantity.ConceptCodeSequence[0]
    by_hand = data.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    np.testing.assert_allclose(np.sort(volume.array.ravel()), np.sort(by_hand.ravel()))
    return {
        "values": volume.array,
        "affine": volume.affine,
        "unit": (str(unit.CodeValue), str(unit.CodingSchemeDesignator)),
        "quantity": (str(kind.CodeValue), str(kind.CodingSchemeDesignator)),
        "called": (str(mapping.LUTLabel), str(mapping.LUTExplanation)),
        "range": (mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped),
    }


# --- radiotherapy


def dose_and_contours(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Dose of each voxel in Gy, contours in mm, and the dose-volume histogram of what they enclose."""
    dose, contours = datasets
    grid = dose.pixel_array * float(dose.DoseGridScaling)
    x, y, z = (float(one) for one in dose.ImagePositionPatient)
    rows, columns = (float(one) for one in dose.PixelSpacing)
    heights = [z + float(one) for one in dose.GridFrameOffsetVector]
    column, row = np.meshgrid(x + columns * np.arange(dose.Columns), y + rows * np.arange(dose.Rows))
    inside, drawn = np.zeros(grid.shape, bool), []
    for contour in contours.ROIContourSequence[0].ContourSequence:
        points = np.array([float(one) for one in contour.ContourData]).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        drawn.append(points)
        inside[heights.index(points[0, 2])] ^= enclosed(column, row, points[:, :2])
    volume, edges = np.histogram(grid[inside], bins=20)
    observed = contours.RTROIObservationsSequence[0]
    return {
        "dose": grid,
        "contours": drawn,
        "histogram": volume,
        "bins": edges,
        "unit": (str(dose.DoseUnits), str(dose.DoseType), str(dose.DoseSummationType)),
        "colour": list(contours.ROIContourSequence[0].ROIDisplayColor),
        "kind": (observed.ReferencedROINumber, str(observed.RTROIInterpretedType)),
        "stored": [list(plain(one.DVHData)) for one in dose.DVHSequence],
        "scaling": [float(one.DVHDoseScaling) for one in dose.DVHSequence],
    }


def enclosed(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points a polygon encloses, by the edges that a ray crosses."""
    result = np.zeros(x.shape, bool)
    for (one_x, one_y), (other_x, other_y) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if one_y != other_y:
            crosses = (one_y > y) != (other_y > y)
            result ^= crosses & (x < (other_x - one_x) * (y - one_y) / (other_y - one_y) + one_x)
    return result


def planned() -> list[Dataset]:
    dose, contours = radiotherapy.dose(), radiotherapy.structure_set()
    fill(dose, ImagePositionPatient=[-20, -20, -37.5])
    for number, contour in enumerate(contours.ROIContourSequence[0].ContourSequence):
        height = -37.5 + 2.5 * number
        contour.ContourData = [-10.5, -10.0, height, 10.25, -10.0, height, 0.125, 12.0, height]
    stored = {
        "DVHReferencedROISequence": items({"ReferencedROINumber": 1, "DVHROIContributionType": "INCLUDED"}),
        "DVHType": "CUMULATIVE",
        "DoseUnits": "GY",
        "DoseType": "PHYSICAL",
        "DVHDoseScaling": "0.01",
        "DVHVolumeUnits": "CM3",
        "DVHNumberOfBins": 3,
        "DVHData": [0.5, 12.5, 0.5, 7.25, 0.5, 1.125],
        "DVHMinimumDose": "0.1",
        "DVHMaximumDose": "71.25",
        "DVHMeanDose": "40.5",
    }
    return [fill(dose, DVHSequence=items(stored)), contours]


_BEAM = (
    *("BeamNumber", "BeamType", "RadiationType", "SourceAxisDistance", "RTBeamLimitingDeviceType", "LeafJawPositions"),
    *("NumberOfLeafJawPairs", "ControlPointIndex", "NominalBeamEnergy", "GantryAngle", "GantryRotationDirection"),
    *("BeamLimitingDeviceAngle", "PatientSupportAngle", "IsocenterPosition", "CumulativeMetersetWeight"),
    *("FinalCumulativeMetersetWeight", "NumberOfFractionsPlanned", "BeamMeterset", "PrimaryDosimeterUnit"),
    *("ReferencedBeamNumber", "PatientPosition", "RTPlanGeometry", "PlanIntent", "TreatmentDeliveryType"),
)

# --- signals, scales, tiles, frames


def signal(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Each channel in its unit, its lead, its filters, and when its samples were taken."""
    (data,) = datasets
    group = data.WaveformSequence[0]
    channels = group.ChannelDefinitionSequence
    return {
        "samples": data.waveform_array(0),
        "leads": [codes_of(one.ChannelSourceSequence)[0][:2] for one in channels],
        "units": [str(one.ChannelSensitivityUnitsSequence[0].CodeValue) for one in channels],
        "seconds": np.arange(group.NumberOfWaveformSamples) / float(group.SamplingFrequency),
        "skew": [float(one.ChannelSampleSkew) for one in channels],
        "filters": [(float(one.FilterLowFrequency), float(one.FilterHighFrequency)) for one in channels],
    }  # fmt: skip


def tiles(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Where each tile of a slide lies, in the matrix and in mm, its optical path, and its pixels."""
    (data,) = datasets
    shared = data.SharedFunctionalGroupsSequence[0]
    path = data.OpticalPathSequence[0]
    return {
        "places": list(hd.spatial.compute_tile_positions_per_frame(
            data.Rows, data.Columns, data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns,
            [float(data.TotalPixelMatrixOriginSequence[0].XOffsetInSlideCoordinateSystem),
             float(data.TotalPixelMatrixOriginSequence[0].YOffsetInSlideCoordinateSystem), 0.0],
            [float(one) for one in data.ImageOrientationSlide],
            [float(one) for one in shared.PixelMeasuresSequence[0].PixelSpacing])),
        "organised": str(data.DimensionOrganizationType),
        "size": (data.ImagedVolumeWidth, data.ImagedVolumeHeight, float(data.ImagedVolumeDepth)),
        "illumination": [str(one[0].CodeValue)
                         for one in (path.IlluminationTypeCodeSequence, path.IlluminationColorCodeSequence)],
        "path": {str(one) for one in found(data, "OpticalPathIdentifier")} == {str(path.OpticalPathIdentifier)},
        "lens": float(path.ObjectiveLensPower),
        "colour": colours(path.ICCProfile),
        "pixels": data.pixel_array,
    }  # fmt: skip


def slide() -> list[Dataset]:
    data = more_images.slide(33)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    spectrum = items(code("414298005", "SCT", "Full Spectrum"))
    path = fill(data.OpticalPathSequence[0], ObjectiveLensPower="20", ICCProfile=profile)
    fill(path, IlluminationColorCodeSequence=spectrum)
    return [data]


def regions(datasets: Sequence[Dataset]) -> list[Any]:
    """How long a line across each region of ultrasound is, in its units."""
    lines = []
    for region in (one for data in datasets for one in data.SequenceOfUltrasoundRegions):
        across = (region.RegionLocationMaxX1 - region.RegionLocationMinX0) * region.PhysicalDeltaX
        down = (region.RegionLocationMaxY1 - region.RegionLocationMinY0) * region.PhysicalDeltaY
        unit = (region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection)
        lines.append([float(np.hypot(across, down)), *unit, region.RegionSpatialFormat, region.RegionDataType])
    return lines


def frames_of_nuclear_medicine(datasets: Sequence[Dataset]) -> list[Any]:
    """Which window, detector, phase, rotation and slice each frame is of, and how long it took."""
    (data,) = datasets
    windows = [one.EnergyWindowRangeSequence[0] for one in data.EnergyWindowInformationSequence]
    limits = [(float(one.EnergyWindowLowerLimit), float(one.EnergyWindowUpperLimit)) for one in windows]
    vectors = [plain(data.get(tag).value) for tag in data.FrameIncrementPointer]
    frames = [[limits[window - 1], *others] for window, *others in zip(*vectors, strict=True)]
    return [frames, float(data.ActualFrameDuration), float(data.CountsAccumulated)]


def dynamic() -> list[Dataset]:
    """Nuclear medicine of two phases, two windows and two detectors."""
    with warnings.catch_warnings(action="ignore"):
        data = images.nuclear(13)
    second = {"EnergyWindowRangeSequence": items({"EnergyWindowLowerLimit": "171", "EnergyWindowUpperLimit": "209"})}
    fill(
        data,
        ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"],
        FrameIncrementPointer=[Tag(0x0054, number) for number in (0x10, 0x20, 0x30, 0x100)],
        EnergyWindowVector=[1, 1, 2, 2],
        DetectorVector=[1, 2, 1, 2],
        PhaseVector=[1, 1, 2, 2],
        TimeSliceVector=[1, 1, 1, 1],
        NumberOfEnergyWindows=2,
        NumberOfPhases=2,
        PhaseInformationSequence=items(
            {"PhaseDelay": "0", "ActualFrameDuration": "1000", "PauseBetweenFrames": "0", "NumberOfFramesInPhase": 2},
            {"PhaseDelay": "500", "ActualFrameDuration": "5000", "PauseBetweenFrames": "10",
             "NumberOfFramesInPhase": 2},
        ),
    )  # fmt: skip
    data.EnergyWindowInformationSequence.append(items(second)[0])
    return [pixels(data, noise(11, 4, 24, 24, top=4096, kind=np.uint16), bits=16, frames=True)]


# --- parameters


def mr_of_siemens() -> list[Dataset]:
    """A mosaic: how many slices it holds, and when each was taken."""
    data = images.mr(2, 1, 1, "siemens")
    fill(data, InversionTime="2500", EchoNumbers="2", TriggerTime="12.5", AcquisitionMatrix=[0, 72, 72, 0])
    times = [0.0, 1450.0, 482.5, 1932.5, 967.5]
    more = {0x0A: ("US", 5), 0x28: ("FD", 27.778), 0x29: ("FD", times), 0x16: ("DS", "2.5"), 0x18: ("IS", "3000")}
    return [add_private(data, "SIEMENS MR HEADER", 0x0019, more)]


def mosaic(datasets: Sequence[Dataset]) -> list[Any]:
    return [
        private(data, "SIEMENS MR HEADER", 0x0019, at) for data in datasets for at in (0x0A, 0x28, 0x29, 0x16, 0x18)
    ]


_CT = ("KVP", "XRayTubeCurrent", "Exposure", "ExposureTime", "ConvolutionKernel", "GantryDetectorTilt", "TableHeight",
       "FocalSpots", "ReconstructionDiameter", "SpiralPitchFactor", "CTDIvol", "RotationDirection", "PatientPosition",
       "SliceLocation", "ImageType", "BodyPartExamined", "AcquisitionNumber")  # fmt: skip
_MR = ("RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "EchoNumbers", "EchoTrainLength", "PixelBandwidth",
       "InPlanePhaseEncodingDirection", "MagneticFieldStrength", "ImagingFrequency", "AcquisitionMatrix", "TriggerTime",
       "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "SequenceName", "SAR",
       "NumberOfAverages", "SpacingBetweenSlices", "ImagedNucleus")  # fmt: skip
_FRAME_MR = ("RepetitionTime", "FlipAngle", "EffectiveEchoTime", "EchoTrainLength", "RFEchoTrainLength",
             "InPlanePhaseEncodingDirection", "MRAcquisitionFrequencyEncodingSteps", "PulseSequenceName",
             "AcquisitionContrast", "ComplexImageComponent", "FrameAcquisitionDuration")  # fmt: skip
_FRAME_CT = ("KVP", "ExposureInmAs", "XRayTubeCurrentInmA", "ExposureTimeInms", "CTDIvol", "ConvolutionKernel",
             "SingleCollimationWidth", "TotalCollimationWidth", "TableSpeed", "RevolutionTime",
             "ReconstructionPixelSpacing", "AcquisitionType", "ConvolutionKernelGroup")  # fmt: skip
_BREAST = ("ViewPosition", "ImageLaterality", "CompressionForce", "BodyPartThickness", "AnodeTargetMaterial",
           "FilterMaterial", "OrganDose", "PositionerType", "ImagerPixelSpacing", "PresentationIntentType",
           "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "PartialView", "KVP", "WindowCenter",
           "BreastImplantPresent")  # fmt: skip
_ULTRASOUND = ("FrameTime", "CineRate", "MechanicalIndex", "TransducerType", "NumberOfFrames", "FrameIncrementPointer")
_ANGIOGRAM = ("PositionerPrimaryAngle", "PositionerSecondaryAngle", "DistanceSourceToDetector", "ImagerPixelSpacing",
              "DistanceSourceToPatient", "FrameTime", "RadiationSetting", "ExposureTime", "KVP")  # fmt: skip
_EYE = ("ImageLaterality", "PixelSpacing", "HorizontalFieldOfView", "PupilDilated", "DegreeOfDilation",
        "IntraOcularPressure", "DetectorType")  # fmt: skip
_DYNAMIC_PET = ("FrameReferenceTime", "ActualFrameDuration", "DecayFactor", "ImageIndex", "SeriesType", "Units",
                "CorrectedImage", "NumberOfSlices", "RadionuclidePositronFraction", "CountsSource")  # fmt: skip


def codes_of(sequence: Sequence[Dataset]) -> list[tuple[str, str, str]]:
    return [(str(one.CodeValue), str(one.CodingSchemeDesignator), str(one.CodeMeaning)) for one in sequence]


def coded(*keywords: str) -> Any:
    """The codes in these sequences."""

    def computed(datasets: Sequence[Dataset]) -> list[list[tuple[str, str, str]]]:
        entries = [codes_of(one) for data in datasets for word in keywords for one in found(data, word)]
        assert all(entries)
        return entries

    return computed


def parametered(name: str, made: Callable[[], Dataset], keywords: tuple[str, ...]) -> Case:
    return Case(name, lambda: [made()], parameters(*keywords), keywords)


KINDS = [
    Case("windows of a CT", windowed, shown,
         ("RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter", "WindowWidth",
          "WindowCenterWidthExplanation")),
    Case("a parametric map", lambda: [documents.parametric_map()], mapped,
         ("RealWorldValueSlope", "RealWorldValueIntercept", "MeasurementUnitsCodeSequence",
          "QuantityDefinitionSequence", "RealWorldValueLastValueMapped", "LUTLabel", "LUTExplanation")),
    Case("dose and contours", planned, dose_and_contours,
         ("DoseGridScaling", "GridFrameOffsetVector", "ContourData", "ImagePositionPatient", "DVHData",
          "DVHDoseScaling", "DoseUnits", "RTROIInterpretedType", "ROIDisplayColor")),
    parametered("beams of a plan", lambda: radiotherapy.plan(), _BEAM),
    Case("an electrocardiogram", lambda: [documents.electrocardiogram(42, "1", 12, 50, 500)], signal,
         ("WaveformData", "ChannelSensitivity", "ChannelSourceSequence", "SamplingFrequency",
          "ChannelSensitivityUnitsSequence", "ChannelSampleSkew", "FilterLowFrequency")),
    Case("tiles of a slide", slide, tiles,
         ("PixelSpacing", "TotalPixelMatrixOriginSequence", "ImageOrientationSlide", "ObjectiveLensPower",
          "ICCProfile", "IlluminationTypeCodeSequence", "OpticalPathIdentifier", "DimensionOrganizationType")),
    Case("regions of ultrasound", lambda: [images.ultrasound(9)], regions,
         ("PhysicalDeltaX", "PhysicalUnitsXDirection", "RegionLocationMaxX1", "RegionDataType")),
    Case("frames of nuclear medicine", dynamic, frames_of_nuclear_medicine,
         ("EnergyWindowVector", "DetectorVector", "PhaseVector", "TimeSliceVector", "EnergyWindowUpperLimit",
          "ActualFrameDuration", "FrameIncrementPointer")),
    parametered("phases of nuclear medicine", lambda: dynamic()[0],
                ("PhaseDelay", "ActualFrameDuration", "PauseBetweenFrames", "NumberOfFramesInPhase")),
    parametered("CT", lambda: images.ct(1, 1, 1), _CT),
    parametered("MR", lambda: mr_of_siemens()[0], _MR),
    Case("a mosaic of Siemens", mr_of_siemens, mosaic,
         (0x0019100A, 0x00191028, 0x00191029, 0x00191016, 0x00191018), SAFE),
    parametered("enhanced MR", lambda: more_images.enhanced(21, "4.1", "MR", "DIFFUSION"), _FRAME_MR),
    parametered("enhanced CT", lambda: more_images.enhanced(20, "2.1", "CT", "AXIAL"), _FRAME_CT),
    parametered("a mammogram", lambda: images.mammogram(8), _BREAST),
    Case("a mammogram's view", lambda: [images.mammogram(8)], coded("ViewCodeSequence", "AnatomicRegionSequence"),
         ("ViewCodeSequence", "AnatomicRegionSequence")),
    parametered("tomosynthesis", lambda: more_images.tomosynthesis(23), ("AnodeTargetMaterial", "ExposureInmAs")),
    parametered("a film of ultrasound", lambda: images.ultrasound(10, frames=4), _ULTRASOUND),
    parametered("an angiogram", lambda: images.angiogram(11, "12.1", "XA"), _ANGIOGRAM),
    parametered("a retina", lambda: more_images.retina(31), _EYE),
    parametered("PET in time", lambda: images.pet(5), _DYNAMIC_PET),
    Case("a tracer", lambda: [images.pet(5)], coded("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence"),
         ("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence")),
]  # fmt: skip


@pytest.mark.parametrize("case", optionless(KINDS), ids=str)
def test_what_an_object_is_measured_by_is_the_same(make: Maker, case: Case) -> None:
    before, after = before_and_after(make, case)
    assert_same(case.computed(before), case.computed(after))


@pytest.mark.parametrize("place", ["DoseGridScaling", "ContourData", "GridFrameOffsetVector"])
def test_a_change_of_a_dose_is_seen(make: Maker, place: str) -> None:
    """The comparison can fail."""
    before, after = before_and_after(make, KINDS[2])
    with pytest.raises((AttributeError, AssertionError)):
        assert_same(dose_and_contours(before), dose_and_contours([without(data, place) for data in after]))


def test_a_perfusion_map_in_its_unit_keeps_it(make: Maker) -> None:
    """UCUM writes tens before a unit, and what a number is of before it: ml/100ml/s, {SUVbw}g/ml."""
    data = documents.parametric_map()
    mapping = data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.MeasurementUnitsCodeSequence = items(code("ml/100ml/s", "UCUM", "ml/100ml/s"))
    before = [written_and_read(data)]
    assert_same(mapped(before), mapped(made_safe(make, before, SAFE)))
