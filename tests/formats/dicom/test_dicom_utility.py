"""Uptake of a tracer (SUV) is the same before and after, to the last bit, as QIBA's FDG-PET profile computes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.formats.dicom.builders import Maker
from tests.formats.dicom.utility import (
    DEMO,
    SAFE,
    Case,
    add_private,
    assert_same,
    before_and_after,
    made_safe,
    private,
    without,
    written_and_read,
)
from tests.judge import images
from tests.judge.more_images import enhanced
from tests.judge.samples import code, fill, items


def clock(date: str, time: str) -> datetime:
    whole, _, part = str(time).partition(".")
    return datetime.strptime(f"{date}{whole:0<6}.{part or '0'}", "%Y%m%d%H%M%S.%f")  # noqa: DTZ007


def moment(value: str, local: str = "") -> datetime:
    """A DT; ``local``: the offset that it has where it says none."""
    value, offset = (value[:-5], value[-5:]) if value[-5:-4] in "+-" and len(value) > 5 else (value, local)
    ahead = timedelta(hours=int(offset[:3]), minutes=int(offset[0] + offset[3:])) if offset else timedelta()
    return clock(value[:8], value[8:]) - ahead


def scan_start(data: Dataset) -> datetime:
    """When the series began; where it was processed after, when GE says that it did."""
    local = str(data.get("TimezoneOffsetFromUTC", ""))
    series = moment(f"{data.SeriesDate}{data.SeriesTime}", local)
    if series <= moment(f"{data.AcquisitionDate}{data.AcquisitionTime}", local):
        return series
    return moment(private(data, "GEMS_PETD_01", 0x0009, 0x0D), local)


def elapsed(data: Dataset) -> float:
    """Seconds from the injection to the moment that the image is corrected to."""
    drug = data.RadiopharmaceuticalInformationSequence[0]
    if data.DecayCorrection == "ADMIN":
        return 0.0
    start = scan_start(data)
    if given := drug.get("RadiopharmaceuticalStartDateTime"):
        return (start - moment(given, str(data.get("TimezoneOffsetFromUTC", "")))).total_seconds()
    injected = clock(data.SeriesDate, drug.RadiopharmaceuticalStartTime)
    return (start - (injected if injected <= start else injected - timedelta(days=1))).total_seconds()


def factor(data: Dataset) -> float:
    """g/ml per Bq/ml, or per count where Philips says how many."""
    counts = data.Units == "CNTS"
    if counts and (known := float(private(data, "Philips PET Private Group", 0x7053, 0x00))):
        return known
    scale = float(private(data, "Philips PET Private Group", 0x7053, 0x09)) if counts else 1.0
    drug = data.RadiopharmaceuticalInformationSequence[0]
    dose = float(drug.RadionuclideTotalDose) * 2 ** (-elapsed(data) / float(drug.RadionuclideHalfLife))
    assert {"DECY", "ATTN"} <= set(data.CorrectedImage)
    return scale * float(data.PatientWeight) * 1000 / dose


def uptake(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """SUV of each voxel by body weight, and what by lean mass (James) and body surface (Du Bois) differs from it."""
    volumes = []
    for data in datasets:
        assert data.Units in ("BQML", "CNTS")
        stored = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
        volumes.append(stored * factor(data))
    weight, height = float(datasets[0].PatientWeight), float(datasets[0].PatientSize) * 100
    share, fat = (1.10, 128) if datasets[0].PatientSex == "M" else (1.07, 148)
    return {
        "SUVbw": np.stack(volumes),
        "SUVlbm/bw": (share * weight - fat * (weight / height) ** 2) / weight,
        "SUVbsa/bw": 0.007184 * weight**0.425 * height**0.725 * 1000 / weight,
    }


def pet(*, start: dict[str, Any] | None = None, **changes: Any) -> list[Dataset]:
    """Two slices of PET; ``start``: other values of the injection, None: not there."""
    series = []
    for number in (1, 2):
        data = images.plane(images.pet(5), 5, number)
        fill(data, InstanceNumber=str(number), SOPInstanceUID=f"{data.SOPInstanceUID}.{number}", ImageIndex=number)
        fill(data, RescaleSlope=f"{1.375 * number}", DecayFactor=f"1.0{number}", **changes)
        for keyword, value in (start or {}).items():
            setattr(data.RadiopharmaceuticalInformationSequence[0], keyword, value)
            if value is None:
                del data.RadiopharmaceuticalInformationSequence[0][keyword]
        series.append(data)
    return series


def over_midnight() -> list[Dataset]:
    """Injected on the 29th of February at 23:30, scanned after midnight."""
    day = {key: "20240301" for key in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")}
    times = {"StudyTime": "000500", "SeriesTime": "003012.5", "AcquisitionTime": "003013", "ContentTime": "003014"}
    return pet(start={"RadiopharmaceuticalStartDateTime": "20240229233000.5"}, **day, **times)


def over_midnight_by_time() -> list[Dataset]:
    series = over_midnight()
    for data in series:
        drug = data.RadiopharmaceuticalInformationSequence[0]
        del drug.RadiopharmaceuticalStartDateTime
        drug.RadiopharmaceuticalStartTime = "233000.25"
    return series


def with_private(creator: str, group: int, elements: dict[int, tuple[str, Any]], **changes: Any) -> list[Dataset]:
    return [add_private(data, creator, group, elements) for data in pet(**changes)]


_WEIGHT = ("PatientWeight", "PatientSize", "PatientSex", "RescaleSlope", "Units", "PixelData", "CorrectedImage")
_DRUG = (*_WEIGHT, "RadionuclideTotalDose", "RadionuclideHalfLife", "DecayCorrection")
_CLOCK = ("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime")
_BY_TIME, _BY_DATE = {"RadiopharmaceuticalStartDateTime": None}, {"RadiopharmaceuticalStartTime": None}
_LATER = {"SeriesTime": "111500"}  # processed after the scan

SUV = [
    Case(
        "by the time of injection",
        lambda: pet(start=_BY_TIME),
        uptake,
        (*_DRUG, *_CLOCK, "RadiopharmaceuticalStartTime"),
    ),
    Case(
        "by its date and time",
        lambda: pet(start=_BY_DATE),
        uptake,
        (*_DRUG, *_CLOCK, "RadiopharmaceuticalStartDateTime"),
    ),
    Case("over midnight", over_midnight, uptake, (*_DRUG, *_CLOCK, "RadiopharmaceuticalStartDateTime")),
    Case("over midnight, by time", over_midnight_by_time, uptake, (*_DRUG, *_CLOCK, "RadiopharmaceuticalStartTime")),
    Case(
        "in another time zone",
        lambda: pet(start={"RadiopharmaceuticalStartDateTime": "20240111081500+0000"}, TimezoneOffsetFromUTC="+0100"),
        uptake,
        (*_DRUG, *_CLOCK, "TimezoneOffsetFromUTC", "RadiopharmaceuticalStartDateTime"),
    ),
    Case("corrected to the injection", lambda: pet(DecayCorrection="ADMIN"), uptake, _DRUG),
    Case(
        "GE, processed later",
        lambda: with_private("GEMS_PETD_01", 0x0009, {0x0D: ("DT", "20240111101412.00")}, **_LATER),
        uptake,
        (*_DRUG, *_CLOCK, 0x0009100D),
        SAFE,
    ),
    Case(
        "Philips, from counts",
        lambda: with_private("Philips PET Private Group", 0x7053, {0x00: ("DS", "0.000551")}, Units="CNTS"),
        uptake,
        (*_WEIGHT[:-1], 0x70531000),
        SAFE,
    ),
    Case(
        "Philips, from counts by activity",
        lambda: with_private(
            "Philips PET Private Group", 0x7053, {0x00: ("DS", "0"), 0x09: ("DS", "2.218593")}, Units="CNTS"
        ),
        uptake,
        (*_DRUG, *_CLOCK, 0x70531009),
        SAFE,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", SUV, ids=str)
def test_uptake_is_the_same(make: Maker, case: Case) -> None:
    before, after = before_and_after(make, case)
    assert_same(uptake(before), uptake(after))
    assert before[0].SeriesDate != after[0].SeriesDate, "the dates were not moved"


@pytest.mark.parametrize("place", ["SeriesTime", "RadionuclideHalfLife", "PatientWeight", "RescaleSlope"])
def test_a_change_of_what_uptake_is_made_of_is_seen(make: Maker, place: str) -> None:
    """The comparison can fail."""
    before, after = before_and_after(make, SUV[0])
    with pytest.raises((AttributeError, AssertionError)):
        assert_same(uptake(before), uptake([without(data, place) for data in after]))


def test_without_the_patients_characteristics_weight_height_and_sex_go(make: Maker) -> None:
    """And uptake cannot be computed: a challenge on PET needs the option."""
    (safe,) = made_safe(make, [written_and_read(pet()[0])], DEMO[:1])
    assert not safe.get("PatientWeight")
    assert not safe.get("PatientSize")
    assert not safe.get("PatientSex")


def frames_of_pet(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Enhanced PET: how long after the injection each frame is, and values in g/ml by the real-world map."""
    (data,) = datasets
    drug = data.RadiopharmaceuticalInformationSequence[0]
    start = moment(drug.RadiopharmaceuticalStartDateTime)
    shared = data.SharedFunctionalGroupsSequence[0]
    mapped = shared.RealWorldValueMappingSequence[0]
    unit = mapped.MeasurementUnitsCodeSequence[0]
    content = [frame.FrameContentSequence[0] for frame in data.PerFrameFunctionalGroupsSequence]
    return {
        "unit": (str(unit.CodeValue), str(unit.CodingSchemeDesignator)),
        "values": data.pixel_array * mapped.RealWorldValueSlope + mapped.RealWorldValueIntercept,
        "seconds": [(moment(one.FrameReferenceDateTime) - start).total_seconds() for one in content],
        "lasting": [float(one.FrameAcquisitionDuration) for one in content],
        "corrected to": (moment(data.DecayCorrectionDateTime) - start).total_seconds(),
        "dose": float(drug.RadionuclideTotalDose),
        "half life": float(drug.RadionuclideHalfLife),
    }


def enhanced_pet() -> list[Dataset]:
    data = enhanced(22, "130", "PT", "AXIAL")
    data.DecayCorrectionDateTime = "20240111101500.25"
    mapping = {
        "RealWorldValueFirstValueMapped": 0,
        "RealWorldValueLastValueMapped": 4095,
        "RealWorldValueIntercept": 0.0,
        "RealWorldValueSlope": 0.00437,
        "LUTExplanation": "SUV body weight",
        "LUTLabel": "SUVbw",
        "MeasurementUnitsCodeSequence": items(code("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight")),
    }
    data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = items(mapping)
    return [data]


def test_uptake_by_the_frames_of_enhanced_pet_is_the_same(make: Maker) -> None:
    before = [written_and_read(data) for data in enhanced_pet()]
    assert_same(frames_of_pet(before), frames_of_pet(made_safe(make, before, DEMO)))
