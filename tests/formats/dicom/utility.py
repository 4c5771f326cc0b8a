"""What the tests of utility share: series made safe file by file, values found at any depth, exact comparison.

Whatever is computed here is computed with pydicom and numpy from the bytes that were written, before and after alike.
"""

import copy
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.formats.dicom.builders import Maker, context
from tests.judge.samples import meta_of

#: The options of the demo, and with private elements.
DEMO = ("retain_longitudinal_modified_dates", "retain_patient_characteristics")
SAFE = (*DEMO, "retain_safe_private")


@dataclass(frozen=True)
class Case:
    """Something that is computed of a few files. ``needs``: by keyword or tag what it is made of, each of which makes
    a difference; ``options``: of the challenge.
    """

    name: str
    made: Callable[[], Sequence[Dataset]]
    computed: Callable[[Sequence[Dataset]], Any]
    needs: Sequence[str | int]
    options: tuple[str, ...] = DEMO

    def __str__(self) -> str:
        return self.name


def optionless(cases: Sequence[Case]) -> list[Case]:
    """The cases, and those of the demo's options a second time without any: what they compute needs none."""
    bare = [replace(case, name=f"{case.name}, no option", options=()) for case in cases if case.options == DEMO]
    return [*cases, *bare]


def written_and_read(data: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """A data set as a file has it: numbers of VR DS and IS as text, sequences as pydicom reads them."""
    target = BytesIO()
    data = copy.deepcopy(data)
    data.file_meta = meta_of(data, syntax)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(target, data, enforce_file_format=True)
    target.seek(0)
    return pydicom.dcmread(target)


def made_safe(make: Maker, datasets: Sequence[Dataset], options: Sequence[str]) -> list[Dataset]:
    """Each file made safe under the options, and read."""
    ctx = context(options=list(options))
    results = [make(data, ctx) for data in datasets]
    assert not [made.codes for made in results if not made.target.exists()], "a file was turned away"
    return [made.dataset for made in results]


def before_and_after(make: Maker, case: Case) -> tuple[list[Dataset], list[Dataset]]:
    before = [written_and_read(data) for data in case.made()]
    return before, made_safe(make, before, case.options)


def assert_same(one: Any, other: Any, place: str = "") -> None:
    """The very same numbers: nothing that was computed may differ in its last bit."""
    assert type(one) is type(other), place
    if isinstance(one, Mapping):
        assert list(one) == list(other), place
        for key, value in one.items():
            assert_same(value, other[key], f"{place}/{key}")
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=place, strict=True)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{place}[{number}]")
    else:
        assert one == other, place


def without(data: Dataset, need: str | int) -> Dataset:
    """A copy without an attribute, at any depth."""
    stripped = copy.deepcopy(data)
    wanted = pydicom.tag.Tag(need)
    for level in levels(stripped):
        if wanted in level:
            del level[wanted]
    return stripped


def levels(data: Dataset) -> Iterator[Dataset]:
    """A data set and every item in it."""
    yield data
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                yield from levels(item)


def found(data: Dataset, keyword: str) -> list[Any]:
    """The values of an attribute, at any depth, in the order of the file."""
    return [plain(level[keyword].value) for level in levels(data) if keyword in level]


def plain(value: Any) -> Any:
    """A value without pydicom's types, as the file has it."""
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        return [plain(one) for one in value]
    return value.original_string if hasattr(value, "original_string") else value


def parameters(*keywords: str) -> Callable[[Sequence[Dataset]], dict[str, list[Any]]]:
    """Every value of these attributes; each has one."""

    def computed(datasets: Sequence[Dataset]) -> dict[str, list[Any]]:
        values = {word: [value for data in datasets for value in found(data, word)] for word in keywords}
        assert not [word for word, given in values.items() if not any(one not in ("", None) for one in given)]
        return values

    return computed


def private(data: Dataset, creator: str, group: int, element: int) -> Any:
    """The value of a private element; None where it is not there. Makers do not write their creators alike."""
    for number in range(0x10, 0x100):
        block = data.get((group, number))
        if block is not None and " ".join(str(block.value).split()).upper() == creator.upper():
            entry = data.get((group, number << 8 | element))
            if entry is not None:
                return plain(entry.value) if entry.VR != "UN" else entry.value
    return None


def add_private(data: Dataset, creator: str, group: int, elements: Mapping[int, tuple[str, Any]]) -> Dataset:
    """Put private elements into a data set: VR and value by the last byte of their number."""
    block = data.private_block(group, creator, create=True)
    for number, (vr, value) in elements.items():
        block.add_new(number, vr, value)
    return data


def implicit(data: Dataset) -> Dataset:
    """The same file without VRs: private elements are what a dictionary says, or unknown."""
    return written_and_read(data, ImplicitVRLittleEndian)


def doubles(value: Any, code: str = "d") -> list[float]:
    """Numbers of a private element, whether its VR is known or not."""
    if isinstance(value, bytes):
        return list(struct.unpack(f"<{len(value) // struct.calcsize(code)}{code}", value))
    return [float(one) for one in (value if isinstance(value, list) else [value])]


def colours(profile: bytes) -> Any:
    """What the colours of a picture become in sRGB, by an ICC profile."""
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8), "RGB")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    made = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), renderingIntent=0)
    assert made is not None
    return np.asarray(made)
