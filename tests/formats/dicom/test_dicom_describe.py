"""The facts of a safe copy."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from collecte.formats import dicom
from collecte.pseudonym import Pseudonymiser
from collecte.records import PatientRef
from tests.formats.dicom.builders import KEYS, Maker, bundled, element, slice_of, spliced


def facts_of(made: Any) -> Any:
    return dicom.describe(made.target)


def test_the_facts_of_a_slice(make: Maker) -> None:
    pseudonyms = Pseudonymiser(KEYS, "nord", "NORD")
    shift = pseudonyms.shift(pseudonyms.subject(PatientRef("IPP0012345")) or "")
    image = slice_of(ManufacturerModelName="Imaging 3", BodyPartExamined="HEAD", PatientAge="045Y")
    assert facts_of(make(image)) == {
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "manufacturer": "ACME Imaging",
        "model": "Imaging 3",
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

    storages = ("", "_bigendian", "_implicit", "_RLE", "_jpeg_ls_lossless", "_jp2klossless")
    of_one = {hashed(bundled(f"MR_small{storage}.dcm")) for storage in storages}
    assert len(of_one) == 1
    assert None not in of_one
    again = slice_of(PatientName="Autre^Nom", PatientID="IPP2", SOPInstanceUID="1.2.3.4.2", StudyDate="20210101")
    assert hashed(again) == hashed(slice_of())
    other = slice_of()
    other.PixelData = bytes([1, *range(1, 128)])
    assert hashed(other) not in (hashed(slice_of()), None)


def colours(**attributes: Any) -> tuple[Dataset, Any]:
    """A slice of 2 frames of 8 × 8 colours."""
    pixels = np.random.default_rng(5).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    layout = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0, "NumberOfFrames": 2}
    image = slice_of(SamplesPerPixel=3, PhotometricInterpretation="RGB", **layout | attributes)
    image.PixelData, image["PixelData"].VR = pixels.tobytes(), "OB"
    return image, pixels


def encoded(image: Dataset, syntax: str, frames: list[bytes]) -> Dataset:
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encapsulate(frames)
    image["PixelData"].is_undefined_length = True
    return image


def test_colours_have_one_hash_by_pixel_by_plane_and_in_every_lossless_code(make: Maker) -> None:
    image, pixels = colours()
    plain = facts_of(make(image))["pixel_sha256"]
    planar, _ = colours(PlanarConfiguration=1)
    planar.PixelData = np.moveaxis(pixels, -1, 1).tobytes()
    assert facts_of(make(planar))["pixel_sha256"] == plain
    for code, encode in {
        "70": lambda frame: imagecodecs.jpeg8_encode(frame, lossless=True, colorspace="RGB", outcolorspace="RGB"),
        "80": imagecodecs.jpegls_encode,
        "90": lambda frame: imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True, level=0),
        "201": lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
    }.items():
        compressed = encoded(colours()[0], f"1.2.840.10008.1.2.4.{code}", [encode(frame) for frame in pixels])
        assert facts_of(make(compressed))["pixel_sha256"] == plain, code


def test_of_what_cannot_be_decoded_the_compressed_stream_is_hashed(make: Maker) -> None:
    def hashed(end: bytes) -> Any:
        _, pixels = colours()
        frames = [bytes(imagecodecs.jpegls_encode(frame)) for frame in pixels]
        other = frames[0].replace(b"\0\x08\0\x08\x03", b"\0\x09\0\x09\x03")  # another size than the header's
        assert other != frames[0]
        return facts_of(make(encoded(colours()[0], "1.2.840.10008.1.2.4.80", [other[:-4] + end + other[-2:]] * 2)))

    first, second = (hashed(end)["pixel_sha256"] for end in (b"\1\2", b"\3\4"))
    assert first
    assert second
    assert first != second


def test_an_image_of_one_value_is_the_same_as_no_other(make: Maker) -> None:
    black = slice_of()
    black.PixelData = b"\1\0" * 64
    assert facts_of(make(black))["pixel_sha256"] is None
