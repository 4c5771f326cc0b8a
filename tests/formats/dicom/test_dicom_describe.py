"""The facts of a safe copy."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from collecte.formats import dicom
from collecte.pseudonym import Pseudonymiser
from collecte.records import PatientRef
from tests.formats.dicom.builders import KEYS, Maker, bundled, element, slice_of, spliced


def facts_of(made: Any) -> Any:
    return dicom.describe(made.target)


def test_the_facts_of_a_slice(make: Maker) -> None:
    pseudonyms = Pseudonymiser(KEYS, "nord", "NORD")
    shift = pseudonyms.shift(pseudonyms.subject(PatientRef("IPP0012345")) or "")
    image = slice_of(ManufacturerModelName="Lutetia 3", BodyPartExamined="HEAD", PatientAge="045Y")
    assert facts_of(make(image)) == {
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "manufacturer": "Fictive Imaging",
        "model": "Lutetia 3",
        "body_part": "HEAD",
        "rows": 8,
        "columns": 8,
        "frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": 16,
        "bits_stored": 12,
        "photometric": "MONOCHROME2",
        "pixel_spacing_row_mm": 0.7,
        "pixel_spacing_column_mm": 0.8,
        "slice_thickness_mm": 1.5,
        "study_date": (date(2024, 3, 15) + shift).isoformat(),
        "patient_sex": "F",
        "patient_age_years": 45.0,
        "burned_in_annotation": None,
        "pixel_sha256": hashlib.sha256(b"(8, 8, 1, 16, 0)" + bytes(range(128))).hexdigest(),
    }


@pytest.mark.parametrize(
    ("age", "years"), [("006M", 0.5), ("010D", 10 / 365.25), ("052W", 52 * 7 / 365.25), (None, None)]
)
def test_ages_are_in_years(make: Maker, age: str | None, years: float | None) -> None:
    assert facts_of(make(slice_of(PatientAge=age)))["patient_age_years"] == pytest.approx(years)


def test_spacing_of_a_detector_an_ultrasound_region_and_a_functional_group(make: Maker) -> None:
    detector = slice_of(PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.2])
    region, measures, group = Dataset(), Dataset(), Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, -0.01
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.6], "2.5"
    group.PixelMeasuresSequence = [measures]
    ultrasound = slice_of(PixelSpacing=None, SequenceOfUltrasoundRegions=[region])
    enhanced = slice_of(PixelSpacing=None, SliceThickness=None, SharedFunctionalGroupsSequence=[group])
    spacings = [
        (facts["pixel_spacing_row_mm"], facts["pixel_spacing_column_mm"])
        for facts in (facts_of(make(image)) for image in (detector, ultrasound, enhanced))
    ]
    assert spacings == [(0.1, 0.2), pytest.approx((0.1, 0.2)), (0.5, 0.6)]
    assert facts_of(make(enhanced))["slice_thickness_mm"] == 2.5


def test_what_the_file_does_not_say_is_none_and_never_a_crash(tmp_path: Path, make: Maker) -> None:
    odd = [element(0x00180050, "DS", b"thick"), element(0x00280030, "DS", b""), element(0x00101010, "AS", b"old")]
    facts = facts_of(make(spliced(tmp_path / "in", odd)))
    absent = ("slice_thickness_mm", "pixel_spacing_row_mm", "patient_age_years", "model", "body_part")
    assert [facts[column] for column in absent] == [None] * len(absent)
    (tmp_path / "broken").write_bytes(b"no DICOM")
    assert set(dicom.describe(tmp_path / "broken").values()) == {None}


def test_multi_frame_and_big_endian_numbers(make: Maker) -> None:
    assert facts_of(make(bundled("MR_small_bigendian.dcm")))["rows"] == 64
    image = slice_of(NumberOfFrames=3)
    image.PixelData *= 3
    assert facts_of(make(image))["frames"] == 3


def test_the_same_pixels_have_one_hash_whatever_stores_them(make: Maker) -> None:
    def hashed(source: Any) -> str | None:
        return facts_of(make(source))["pixel_sha256"]

    of_one = {hashed(bundled(f"MR_small{storage}.dcm")) for storage in ("", "_bigendian", "_implicit", "_RLE")}
    assert len(of_one) == 1
    assert None not in of_one
    again = slice_of(PatientName="Autre^Nom", PatientID="IPP2", SOPInstanceUID="1.2.3.4.2", StudyDate="20210101")
    assert hashed(again) == hashed(slice_of())
    other = slice_of()
    other.PixelData = bytes([1, *range(1, 128)])
    assert hashed(other) not in (hashed(slice_of()), None)


def test_jpeg_is_told_apart_by_its_compressed_stream(make: Maker) -> None:
    first, second = (facts_of(make(bundled(n)))["pixel_sha256"] for n in ("JPEG2000.dcm", "MR_small_jp2klossless.dcm"))
    assert first
    assert second
    assert first != second


def test_an_image_of_one_value_is_the_same_as_no_other(make: Maker) -> None:
    black = slice_of()
    black.PixelData = b"\1\0" * 64
    assert facts_of(make(black))["pixel_sha256"] is None
