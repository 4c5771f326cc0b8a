"""The same images in other transfer syntaxes and character sets, and images with text in their pixels."""

import copy
from collections.abc import Callable, Iterator

import numpy as np
from pydicom.charset import convert_encodings, encode_string
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.judge import documents, images, more_images, radiotherapy
from tests.judge.samples import Sample, fill, meta_of, noise, pixels
from tests.judge.strings import Needle, folded

DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"


def frames_of(data: Dataset) -> list[np.ndarray]:
    """The frames of an uncompressed image."""
    kind = np.dtype("<u2" if data.BitsAllocated == 16 else "u1")
    count, samples = int(data.get("NumberOfFrames") or 1), data.SamplesPerPixel
    shape = (count, data.Rows, data.Columns, samples) if samples > 1 else (count, data.Rows, data.Columns)
    return list(np.frombuffer(data.PixelData[: int(np.prod(shape)) * kind.itemsize], kind).reshape(shape))


def encode(data: Dataset, syntax: str, form: str = "J2K") -> None:
    """Put the frames of an image into a compressed transfer syntax. ``form``: of JPEG 2000, a stream or a file, JP2."""
    import imagecodecs

    frames = frames_of(data)
    encoders: dict[str, Callable[[np.ndarray], bytes]] = {
        JPEG: lambda frame: imagecodecs.jpeg8_encode(frame, level=95),
        JPEG_LOSSLESS: lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=data.BitsStored),
        JPEG_LS: imagecodecs.jpegls_encode,
        JPEG_2000: lambda frame: imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat=form),
        HTJ2K: lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
    }
    encoded = [encoders[syntax](np.ascontiguousarray(frame)) for frame in frames]
    if syntax == JPEG:
        fill(data, LossyImageCompression="01", LossyImageCompressionRatio="4")
        data.LossyImageCompressionMethod = "ISO_10918_1"
        if data.SamplesPerPixel == 3:
            data.PhotometricInterpretation = "YBR_FULL_422"
    data["PixelData"]._value = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in encoded])
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"


def encode_rle(data: Dataset) -> Dataset:
    """The frames in RLE, by pydicom's encoder."""
    twin = copy.deepcopy(data)
    twin.file_meta = meta_of(data)
    twin.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    data["PixelData"]._value = twin.PixelData
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    return data


def big_endian(data: Dataset) -> Dataset:
    """The pixel bytes in the other order."""
    if "PixelData" in data and data.BitsAllocated == 16:
        data["PixelData"]._value = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    return data


def _ct(study: int) -> Dataset:
    return images.ct(study, 1, 1)


def encoded() -> Iterator[Sample]:
    """One sample of each encoding."""
    for study, name, syntax in ((70, "implicit", ImplicitVRLittleEndian), (71, "deflated", DEFLATED)):
        yield _sample(f"CT {name}", _ct(study), syntax)
    yield _sample("CT big endian", big_endian(_ct(72)), ExplicitVRBigEndian)
    for study, name, syntax in (
        (73, "JPEG lossless", JPEG_LOSSLESS),
        (74, "JPEG-LS", JPEG_LS),
        (75, "JPEG 2000", JPEG_2000),
        (76, "HTJ2K", HTJ2K),
    ):
        yield _compressed(f"CT {name}", _ct(study), syntax)
    data = _ct(86)
    encode(data, JPEG_2000, "JP2")
    yield _sample("CT JPEG 2000 file", data, JPEG_2000)
    yield _sample("CT RLE", encode_rle(_ct(77)), RLE)
    yield _compressed("SC JPEG", more_images.capture(78), JPEG)
    yield _compressed("US JPEG", images.ultrasound(79), JPEG)
    yield _compressed("US film JPEG", images.ultrasound(80, frames=4), JPEG)
    yield _sample("US RLE", encode_rle(images.ultrasound(81)), RLE)
    yield _compressed("slide JPEG 2000", more_images.slide(82), JPEG_2000)
    yield _sample("SR comprehensive implicit", documents.report(5, "33"), ImplicitVRLittleEndian)
    yield _sample("SR comprehensive deflated", documents.report(6, "33"), DEFLATED)
    data = radiotherapy.structure_set()
    data.SOPInstanceUID += ".7"
    yield _sample("RT structure set implicit", data, ImplicitVRLittleEndian)
    yield _sample("ECG implicit", documents.electrocardiogram(83, "1", 12, 50, 500), ImplicitVRLittleEndian)
    yield _sample("CT without file meta", _ct(84), ImplicitVRLittleEndian, notes="bare")
    yield _sample("CT without preamble", _ct(85), ExplicitVRLittleEndian, notes="headless")


def _compressed(label: str, data: Dataset, syntax: str) -> Sample:
    encode(data, syntax)
    return _sample(label, data, syntax)


def _sample(label: str, data: Dataset, syntax: str, notes: str = "") -> Sample:
    return Sample(label, label, data, meta_of(data, syntax), notes=set(notes.split()))


#: Every value of Specific Character Set, alone or with its extensions (PS3.3, C.12.1.1.2): a name, an institution.
_ALPHABETS = (
    ("Japanese", ["", "ISO 2022 IR 87"], "Yamashiro^Kentarou=山城^健太郎=やましろ^けんたろう", "順天堂大学医院"),
    ("Greek", "ISO_IR 126", "Παπαδόπουλος^Αριστοτέλης", "Νοσοκομείο Ευαγγελισμός"),
    ("Cyrillic", "ISO_IR 144", "Воскресенский^Святослав", "Больница Боткинская"),
    ("Chinese", "GB18030", "欧阳^晓峰=歐陽^曉峰", "北京协和医院放射科"),
    ("Korean", ["", "ISO 2022 IR 149"], "Seonwoo^Gildong=鮮于^吉洞=선우^길동", "서울대학교병원"),
    ("UTF-8", "ISO_IR 192", "Quéméneur-Ångström^Zoë=渡辺^麻衣", "Klinikum Großhadern Süd"),
    ("ASCII", "ISO_IR 6", "Kerguelendec^Hyacinthe", "Hopital de Kerguelendec"),
    ("Latin-1", "ISO_IR 100", "Guézélennec^Éléonore", "Hôpital Guézélennec"),
    ("Latin-2", "ISO_IR 101", "Świętosławski^Żelisław", "Szpital Świętosławski"),
    ("Latin-3", "ISO_IR 109", "Ħarċiżubbi^Ġorġina", "Sptar Ħarċiżubbi"),
    ("Latin-4", "ISO_IR 110", "Šķēpņūnsons^Ādolfs", "Slimnīca Šķēpņūnsons"),
    ("Arabic", "ISO_IR 127", "الخوارزمي^عبدالرحمن", "مستشفى الخوارزمي"),
    ("Hebrew", "ISO_IR 138", "אברמוביץ^יהושע", "בית חולים אברמוביץ"),
    ("Turkish", "ISO_IR 148", "Şükrüoğullarından^Gülçiçek", "Şükrüoğullarından Hastanesi"),
    ("Thai", "ISO_IR 166", "วัฒนพงศ์พิทักษ์^สมชาย", "โรงพยาบาลวัฒนพงศ์"),
    ("half-width Japanese", ["ISO_IR 13", "ISO 2022 IR 87"], "ﾔﾏｼﾛﾉｶﾐ^ｹﾝﾀﾛｳ=山城^健太郎", "ﾔﾏｼﾛﾋﾞｮｳｲﾝ"),
    (
        "supplementary Japanese",
        ["", "ISO 2022 IR 87", "ISO 2022 IR 159"],
        "Hirotsune=俉侊倞^健太郎",
        "順天堂俉侊倞医院",
    ),
    ("simplified Chinese", ["", "ISO 2022 IR 58"], "Zhangxiaodong=张^小东", "北京协和医院"),
    ("GBK", "GBK", "欧阳^晓峰=歐陽^曉峰", "北京协和医院放射科"),
    *(
        (f"extended {label}", ["ISO 2022 IR 6", f"ISO 2022 IR {number}"], name, place)
        for label, number, name, place in (
            ("Latin-1", 100, "Guézélennec^Éléonore", "Hôpital Guézélennec"),
            ("Latin-2", 101, "Świętosławski^Żelisław", "Szpital Świętosławski"),
            ("Latin-3", 109, "Ħarċiżubbi^Ġorġina", "Sptar Ħarċiżubbi"),
            ("Latin-4", 110, "Šķēpņūnsons^Ādolfs", "Slimnīca Šķēpņūnsons"),
            ("Greek", 126, "Παπαδόπουλος^Αριστοτέλης", "Νοσοκομείο Ευαγγελισμός"),
            ("Arabic", 127, "الخوارزمي^عبدالرحمن", "مستشفى الخوارزمي"),
            ("Hebrew", 138, "אברמוביץ^יהושע", "בית חולים אברמוביץ"),
            ("Cyrillic", 144, "Воскресенский^Святослав", "Больница Боткинская"),
            ("Turkish", 148, "Şükrüoğullarından^Gülçiçek", "Şükrüoğullarından Hastanesi"),
            ("Thai", 166, "วัฒนพงศ์พิทักษ์^สมชาย", "โรงพยาบาลวัฒนพงศ์"),
        )
    ),
)


def alphabets() -> Iterator[Sample]:
    """One sample of each character set: names and an institution in its letters."""
    for number, (label, sets, name, place) in enumerate(_ALPHABETS):
        data = images.mr(110 + number, 1, 1, "siemens") if number % 2 else _ct(110 + number)
        data.SpecificCharacterSet = sets
        sample = _sample(f"in {label}", data, ExplicitVRLittleEndian)
        for keyword, text in (
            ("OtherPatientNames", name),
            ("ReferringPhysicianName", name),
            ("InstitutionName", place),
            ("Manufacturer", place),
            ("SeriesDescription", place),
        ):
            sample.foreign[keyword] = (text, _needles(text, sets))
        yield sample


def _needles(text: str, sets: str | list[str]) -> tuple[Needle, ...]:
    """Its words, and their bytes: as they stand in the file, and in UTF-16."""
    words = {word for part in text.split("=") for word in part.replace("^", " ").replace("-", " ").split()}
    long = sorted(word for word in words if len(word.encode()) > 5)
    codecs = convert_encodings(sets)
    spelled = {
        written.decode("latin-1")
        for word in long
        for written in (encode_string(word, codecs), word.encode("utf-16-le"), word.encode("utf-16-be"))
        if b"\0" not in written  # in UTF-16, letters of Latin-1 are found once their zeros are left out
    }
    return (
        *(Needle(folded(word), "foreign") for word in long),
        *(Needle(written, "bytes") for written in sorted(spelled)),
    )


def with_text() -> Iterator[Sample]:
    """Images with a name burned in."""
    data = images.ultrasound(100, 256)
    yield _burned("US with text", data, ["Kerandraon Yves", "IPP 8812345671"])
    data = more_images.capture(101)
    pixels(data, noise(101, 200, 320) // 3)
    yield _burned("SC with text", data, ["Penvernoux Anne", "12/03/1957"])
    data = images.ultrasound(102, 256)
    data.BurnedInAnnotation = "YES"
    yield _burned("US that declares text", data, ["Roquelandec Luc", "CHU Brest"])


def _burned(label: str, data: Dataset, lines: list[str]) -> Sample:
    """Lines of text at the top of a darkened image."""
    import cv2

    array = np.ascontiguousarray(frames_of(data)[0] // 4)
    boxes = []
    for number, line in enumerate(lines):
        left, bottom = 8, 30 + 34 * number
        cv2.putText(array, line, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255,) * 3, 2, cv2.LINE_AA)
        (width, height), below = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)
        boxes.append((left, bottom - height, left + width, bottom + below))
    data["PixelData"]._value = array.tobytes()
    sample = _sample(label, data, ExplicitVRLittleEndian, notes="tight")
    sample.burned = boxes
    return sample
