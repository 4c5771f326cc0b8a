"""The facts of a safe copy, from its header; and a hash of what it shows."""

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from collecte.formats.dicom._elements import Element, Encoding
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._pixel_hash import pixel_sha256
from collecte.formats.dicom._text import charsets, readings
from collecte.formats.dicom._wall import Refusal
from collecte.records import Fact

_SPECIFIC_CHARACTER_SET = 0x00080005
_TEXTS = {
    "sop_class": 0x00080016,
    "modality": 0x00080060,
    "manufacturer": 0x00080070,
    "model": 0x00081090,
    "body_part": 0x00180015,
    "photometric": 0x00280004,
    "patient_sex": 0x00100040,
    "burned_in_annotation": 0x00280301,
}
_NUMBERS = {
    "rows": 0x00280010,
    "columns": 0x00280011,
    "samples_per_pixel": 0x00280002,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
}
_FRAMES, _STUDY_DATE, _AGE = 0x00280008, 0x00080020, 0x00101010
#: In the order of preference: in the patient, or at the detector.
_SPACINGS = (0x00280030, 0x00181164, 0x00182010)
_THICKNESS = 0x00180050
#: Where enhanced multi-frame objects keep both (PS3.3, C.7.6.16.2.1).
_PER_FRAME, _SHARED, _PIXEL_MEASURES = 0x52009230, 0x52009229, 0x00289110
_REGIONS, _DELTA_X, _DELTA_Y, _UNIT_X, _UNIT_Y = 0x00186011, 0x0018602C, 0x0018602E, 0x00186024, 0x00186026
_CENTIMETRE, _MM_PER_CM = 3, 10.0
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def describe(target: Path) -> Mapping[str, Fact]:
    """The facts of a safe copy by the columns of the facts table: sizes in pixels, spacings in mm, age in years, the
    date as shifted (ISO); ``pixel_sha256`` of the decoded pixels; None where the file does not say.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with opened_dicom(target) as dicom:
            return {**_described(dicom), "pixel_sha256": pixel_sha256(dicom, target)}
    except Refusal:
        return dict.fromkeys(_COLUMNS)


def _described(dicom: Dicom) -> dict[str, Fact]:
    declared = charsets(dicom.raw(_SPECIFIC_CHARACTER_SET))
    facts: dict[str, Fact] = dict.fromkeys(_COLUMNS)
    facts |= {column: _text(dicom.raw(tag), declared) for column, tag in _TEXTS.items()}
    facts |= {column: dicom.number(tag) for column, tag in _NUMBERS.items()}
    row, column = _spacing(dicom)
    facts |= {
        "transfer_syntax": dicom.transfer_syntax,
        "frames": int(dicom.word(_FRAMES)) if dicom.word(_FRAMES).isdecimal() else 1,
        "pixel_spacing_row_mm": row,
        "pixel_spacing_column_mm": column,
        "slice_thickness_mm": _decimals(_first(dicom, _THICKNESS))[0],
        "study_date": _iso(dicom.word(_STUDY_DATE)),
        "patient_age_years": _years(dicom.word(_AGE)),
    }
    return facts


_COLUMNS = (
    *_TEXTS,
    *_NUMBERS,
    "transfer_syntax",
    "frames",
    "pixel_spacing_row_mm",
    "pixel_spacing_column_mm",
    "slice_thickness_mm",
    "study_date",
    "patient_age_years",
    "pixel_sha256",
)


def _text(raw: bytes, declared: tuple[str, ...]) -> str | None:
    text = max(readings(raw, declared), default="").split("\\")[0].strip()
    return text or None


def _spacing(dicom: Dicom) -> tuple[float | None, float | None]:
    """Millimetres between rows and between columns."""
    for tag in _SPACINGS:
        row, column = _decimals(_first(dicom, tag))
        if row is not None and column is not None:
            return row, column
    return _ultrasound_spacing(dicom)


def _first(dicom: Dicom, tag: int) -> bytes:
    """The value at the top, else that of the pixel measures of the shared or the first frame's functional groups."""
    if raw := dicom.raw(tag):
        return raw
    for groups in (_SHARED, _PER_FRAME):
        for item in dicom.items(groups)[:1]:
            for measures in _nested(item.elements, _PIXEL_MEASURES):
                if tag in measures:
                    return dicom.value(measures[tag])
    return b""


def _nested(elements: tuple[Element, ...], tag: int) -> Iterator[dict[int, Element]]:
    for element in elements:
        if element.tag == tag:
            yield from ({inner.tag: inner for inner in item.elements} for item in element.items or ())


def _ultrasound_spacing(dicom: Dicom) -> tuple[float | None, float | None]:
    """Of the first region that is measured in centimetres (PS3.3, C.8.5.5)."""
    for item in dicom.items(_REGIONS):
        region = {element.tag: dicom.value(element) for element in item.elements}
        units = {_unsigned(region.get(tag, b""), item.encoding) for tag in (_UNIT_X, _UNIT_Y)}
        x, y = (_double(region.get(tag, b""), item.encoding) for tag in (_DELTA_X, _DELTA_Y))
        if units == {_CENTIMETRE} and x is not None and y is not None:
            return abs(y) * _MM_PER_CM, abs(x) * _MM_PER_CM
    return None, None


def _unsigned(raw: bytes, encoding: Encoding) -> int | None:
    return int.from_bytes(raw[:2], "little" if encoding.little else "big") if len(raw) >= 2 else None


def _double(raw: bytes, encoding: Encoding) -> float | None:
    value = struct.unpack(f"{encoding.order}d", raw)[0] if len(raw) == 8 else math.nan
    return value if math.isfinite(value) else None


def _decimals(raw: bytes) -> tuple[float | None, float | None]:
    """The first two numbers of a DS."""
    numbers = [_decimal(part) for part in raw.split(b"\\", 2)[:2]]
    return numbers[0], numbers[1] if len(numbers) > 1 else None


def _decimal(raw: bytes) -> float | None:
    try:
        value = float(raw.strip(b"\0 "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _iso(text: str) -> str | None:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else None


def _years(text: str) -> float | None:
    number, unit = text[:-1], text[-1:]
    return int(number) * _YEARS[unit] if number.isdecimal() and len(number) <= 3 and unit in _YEARS else None
