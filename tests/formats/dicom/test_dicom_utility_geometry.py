"""Where each voxel lies in the patient is the same before and after, for series, for frames and for what refers to
them.
"""

import random
from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from tests.formats.dicom.builders import Maker
from tests.formats.dicom.utility import (
    DEMO,
    Case,
    assert_same,
    before_and_after,
    found,
    made_safe,
    optionless,
    parameters,
    without,
    written_and_read,
)
from tests.judge import documents, images, radiotherapy
from tests.judge.more_images import enhanced, tomography_of_the_eye
from tests.judge.samples import fill, uid

#: A rotation by 30° about the first axis, then 20° about the second: rows and columns of an oblique series.
_OBLIQUE = [0.93969262, 0.17101007, -0.29619813, 0.0, 0.8660254, 0.5]


def series_geometry(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Slices in their order along the normal, spacings between them, gaps, and the affine from voxels to mm."""
    row, column = np.split(np.array([float(one) for one in datasets[0].ImageOrientationPatient]), 2)
    normal = np.cross(row, column)
    places = [np.array([float(one) for one in data.ImagePositionPatient]) for data in datasets]
    order = np.argsort([normal @ place for place in places])
    spacings = np.diff([normal @ places[number] for number in order])
    rows, columns = (float(one) for one in datasets[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * columns, column * rows
    affine[:3, 2], affine[:3, 3] = normal * np.median(spacings), places[order[0]]
    corners = np.array([[x, y, z, 1] for x in (0, 23) for y in (0, 23) for z in (0, len(order) - 1)])
    return {
        "order": [str(datasets[number].InstanceNumber) for number in order],
        "spacings": spacings,
        "gaps": [int(number) for number in np.flatnonzero(spacings > 1.5 * np.median(spacings))],
        "affine": affine,
        "corners": corners @ affine.T,
        "thickness": [float(data.SliceThickness) for data in datasets],
        "volume": np.stack([datasets[number].pixel_array for number in order]),
        "frames of reference": len({data.FrameOfReferenceUID for data in datasets}),
        "series": len({data.SeriesInstanceUID for data in datasets}),
    }


def by_highdicom(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Affine and rescaled voxels as another library finds them."""
    volume = hd.get_volume_from_series(datasets)
    return {"affine": volume.affine, "voxels": volume.array, "spacing": list(volume.spacing)}


def frame_geometry(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """The same of the frames of one file, by its functional groups."""
    (data,) = datasets
    shared = data.SharedFunctionalGroupsSequence[0]
    volume = hd.Image.from_dataset(data).get_volume(apply_real_world_transform=False)
    return {
        "affine": volume.affine,
        "voxels": volume.array,
        "positions": [
            [float(one) for one in frame.PlanePositionSequence[0].ImagePositionPatient]
            for frame in data.PerFrameFunctionalGroupsSequence
        ],
        "orientation": [float(one) for one in shared.PlaneOrientationSequence[0].ImageOrientationPatient],
        "spacing": [float(one) for one in shared.PixelMeasuresSequence[0].PixelSpacing],
        "thickness": float(shared.PixelMeasuresSequence[0].SliceThickness),
        "indices": found(data, "DimensionIndexValues"),
    }


def segmented(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Where the voxels of a segmentation lie, and in which slices of which series."""
    (data,) = datasets
    segmentation = hd.seg.Segmentation.from_dataset(data)
    volume = segmentation.get_volume(combine_segments=False)
    kinds = segmentation.get_segment_description(1)
    return {
        "affine": volume.affine,
        "voxels": volume.array,
        "sources": [len(frame.DerivationImageSequence[0].SourceImageSequence)
                    for frame in data.PerFrameFunctionalGroupsSequence],
        "segments": list(segmentation.segment_numbers),
        "kinds": [(kind.value, kind.scheme_designator)
                  for kind in (kinds.segmented_property_type, kinds.segmented_property_category)],
        "colour": list(data.SegmentSequence[0].RecommendedDisplayCIELabValue),
        "algorithm": str(data.SegmentSequence[0].SegmentAlgorithmType),
    }  # fmt: skip


def oblique(number: int) -> Dataset:
    """A slice of an oblique series, 2.5 mm from the next along its normal."""
    normal = np.cross(_OBLIQUE[:3], _OBLIQUE[3:])
    data = images.ct(1, 1, number)
    where = [f"{one:.8g}" for one in np.array([-125.5, -130.25, -40.0]) + 2.5 * number * normal]
    fill(data, RescaleSlope="0.5", ImagePositionPatient=where)
    return fill(data, ImageOrientationPatient=[f"{one:.8g}" for one in _OBLIQUE])


def shuffled(numbers: Sequence[int]) -> list[Dataset]:
    series = [oblique(number) for number in numbers]
    random.Random(7).shuffle(series)
    return series


def mr_with_gaps() -> list[Dataset]:
    """Thick slices, of which one is missing, numbered against their order."""
    series = [images.mr(2, 1, number, "siemens") for number in (1, 2, 3, 5, 6)]
    return [fill(data, InstanceNumber=str(9 - at), SpacingBetweenSlices="2.5") for at, data in enumerate(series)]


def segmentation() -> Dataset:
    """Two segments of an oblique series with a gap, as highdicom writes them."""
    sources = [written_and_read(oblique(number)) for number in (1, 2, 3, 5)]
    mask = np.random.default_rng(3).integers(0, 3, (4, 24, 24)).astype(np.uint8)
    liver, tissue = codes.SCT.Liver, codes.SCT.Tissue
    described = [
        hd.seg.SegmentDescription(number, f"Foie {number}", tissue, liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for number in (1, 2)
    ]
    made = hd.seg.Segmentation(
        sources, mask, hd.seg.SegmentationTypeValues.BINARY, described, uid(4, 1, 9), 9, uid(2, 1, 9), 1,
        "ACME", "Segmenter", "1", "1",
    )  # fmt: skip
    for number, segment in enumerate(made.SegmentSequence):
        segment.RecommendedDisplayCIELabValue = [30000, 40000, 50000 + number]
    return made


_PLACE = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness", "InstanceNumber")
_FRAMES = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness", "DimensionIndexValues")
GEOMETRY = [
    Case("an oblique CT, shuffled", lambda: shuffled(range(1, 9)), series_geometry, _PLACE),
    Case("an oblique CT with gaps", lambda: shuffled((1, 2, 3, 6, 7, 11)), series_geometry, _PLACE),
    Case("an oblique CT, by highdicom", lambda: shuffled(range(1, 9)), by_highdicom,
         (*_PLACE[:3], "RescaleSlope", "RescaleIntercept")),
    Case("MR with gaps", mr_with_gaps, series_geometry, _PLACE),
    Case("enhanced CT", lambda: [enhanced(20, "2.1", "CT", "AXIAL")], frame_geometry, _FRAMES),
    Case("enhanced MR", lambda: [enhanced(21, "4.1", "MR", "DIFFUSION")], frame_geometry, _FRAMES),
    Case("enhanced PET", lambda: [enhanced(22, "130", "PT", "AXIAL")], frame_geometry, _FRAMES),
    Case("a segmentation", lambda: [segmentation()], segmented,
         (*_FRAMES[:3], "DerivationImageSequence", "SegmentedPropertyTypeCodeSequence", "SegmentAlgorithmType",
          "RecommendedDisplayCIELabValue")),
    Case("a parametric map", lambda: [documents.parametric_map()], frame_geometry, _FRAMES),
    Case("an enhanced CT's stacks and times", lambda: [enhanced(20, "2.1", "CT", "AXIAL")],
         parameters("StackID", "InStackPositionNumber", "TemporalPositionIndex", "FrameAcquisitionNumber",
                    "DimensionIndexPointer", "FunctionalGroupPointer"), ("StackID", "TemporalPositionIndex")),
    Case("an eye's tomography", lambda: [tomography_of_the_eye(32)],
         parameters("ImageLaterality", "DepthSpatialResolution", "AlongScanSpatialResolution",
                    "AcrossScanSpatialResolution", "ImagePositionPatient", "PixelSpacing", "IlluminationWaveLength"),
         ("ImageLaterality", "DepthSpatialResolution")),
]  # fmt: skip


@pytest.mark.parametrize("case", optionless(GEOMETRY), ids=str)
def test_voxels_lie_where_they_lay(make: Maker, case: Case) -> None:
    before, after = before_and_after(make, case)
    assert_same(case.computed(before), case.computed(after))


@pytest.mark.parametrize("place", ["ImageOrientationPatient", "PixelSpacing", "InstanceNumber"])
def test_a_change_of_a_place_is_seen(make: Maker, place: str) -> None:
    """The comparison can fail."""
    before, after = before_and_after(make, GEOMETRY[0])
    with pytest.raises((AttributeError, AssertionError)):
        assert_same(series_geometry(before), series_geometry([without(data, place) for data in after]))


def test_contours_dose_and_segments_still_refer_to_the_slices_of_their_frame_of_reference(make: Maker) -> None:
    """UIDs are replaced alike in all files of a challenge."""
    slices = [written_and_read(data) for data in documents.slices()]
    derived = [documents.segmentation(), radiotherapy.structure_set(), radiotherapy.plan(), radiotherapy.dose()]
    referring = [written_and_read(data) for data in derived]
    safe = made_safe(make, slices, DEMO)
    segments, contours, plan, dose = made_safe(make, referring, DEMO)
    uids = {str(data.SOPInstanceUID) for data in safe}
    assert uids.isdisjoint(str(data.SOPInstanceUID) for data in slices), "they were not replaced"
    frames = {str(data.FrameOfReferenceUID) for data in (*safe, segments, dose)}
    frames.add(str(contours.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID))
    assert len(frames) == 1
    assert {str(one) for _, _, one in hd.seg.Segmentation.from_dataset(segments).get_source_image_uids()} == uids
    series = contours.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert {str(one.ReferencedSOPInstanceUID) for one in series.ContourImageSequence} == uids
    assert series.SeriesInstanceUID == safe[0].SeriesInstanceUID
    drawn = [one for region in contours.ROIContourSequence for one in region.ContourSequence]
    assert {str(one.ContourImageSequence[0].ReferencedSOPInstanceUID) for one in drawn} == uids
    assert dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    assert plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == contours.SOPInstanceUID
