"""Places at the edges of the format: lengths, padding, bytes behind values and elements, tags that nobody knows."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRBigEndian

from tests.judge.writing import UNDEFINED, Layout, put, set_bytes

if TYPE_CHECKING:
    from tests.judge.planting import Planter

_TRAILING_PADDING = 0xFFFCFFFC
#: Attributes of many numbers that some objects may keep.
_NUMBERS = (
    ("TableOfParameterValues", "FL"),
    ("TableOfPixelValues", "UL"),
    ("FloatingPointValue", "FD"),
    ("ReferencedXRaySourceIndex", "US"),
    ("RationalNumeratorValue", "SL"),
    ("VolumeToTableMappingMatrix", "FD"),
    ("ReferencedSamplePositions", "UL"),
    ("ReferencedWaveformChannels", "US"),
)


def _group_lengths(planter: "Planter") -> None:
    """Retired group length elements that hold more than a number: of a group, of a private one, in an item."""
    data = planter.sample.data
    if planter.number % 2:
        _long(planter, data, 0x00100000, "UL", "group length", struct.pack("<L", 8))
    if planter.number % 4 == 0:
        _long(planter, data, 0x00310000, "UL", "private group length", struct.pack("<L", 8))
        item = Dataset()
        _long(planter, item, 0x00080000, "UL", "group length in an item", struct.pack("<L", 8))
        if "ReferencedStudySequence" not in data:
            data.ReferencedStudySequence = Items([item])


def _long(planter: "Planter", data: Dataset, tag: int, vr: str, place: str, start: bytes) -> None:
    planted = planter.strings.text(place)
    planter.planted.append(planted)
    put(data, tag, vr, start + planter.encode(planted.text).ljust(68))


def _behind_values(planter: "Planter") -> None:
    """Behind the zero that ends a time or a date, and as the second value of many."""
    data = planter.sample.data
    for keyword, vr, value in (
        ("InstanceCreationTime", "TM", b"101112\0"),
        ("InstanceCreationDate", "DA", b"20240111\0"),
    )[planter.number % 4 :]:
        planted = planter.strings.word(f"{keyword}, behind its end")
        planter.planted.append(planted)
        put(data, Tag(keyword), vr, value + planter.encode(planted.text))
    if planter.number % 4 == 1:
        planted = planter.strings.text("SoftwareVersions, second value")
        planter.planted.append(planted)
        put(data, Tag("SoftwareVersions"), "LO", b"5.3.1\\" + planter.encode(planted.text))


def _in_numbers(planter: "Planter") -> None:
    """Lines of text where many binary numbers may stand."""
    data = planter.sample.data
    for keyword, vr in _NUMBERS[planter.number % 2 :: 2]:
        if keyword not in data:
            planted = planter.strings.text(f"{keyword} as text")
            planter.planted.append(planted)
            put(data, Tag(keyword), vr, planted.text.encode("latin-1").ljust(64, b"\0"))


def _unknown(planter: "Planter") -> None:
    """VR UN: with items in implicit VR inside, of a private and of a public attribute, and without a length."""
    data = planter.sample.data
    big = planter.sample.meta.TransferSyntaxUID == ExplicitVRBigEndian
    for tag, creator, implicit in (
        (0x00351010, True, True),
        (0x00081032, False, True),
        (0x00351011, True, True),
        (0x00351012, True, False),
    ):
        if tag in data._dict or (big and tag & 1):
            continue
        item = Dataset()
        planter.add_public(item, f"UN {tag:08X}>", 1, 0)
        nested = set_bytes(item, implicit=implicit, little=True, layout=Layout())
        value = struct.pack("<HHL", 0xFFFE, 0xE000, len(nested)) + nested
        if creator:
            put(data, 0x00350010, "LO", b"ACME 2")
        length = UNDEFINED if tag & 1 else len(value)
        data._dict[BaseTag(tag)] = RawDataElement(BaseTag(tag), "UN", length, value, 0, False, True, True)
    planter.put(data, 0x0037000F, "LO", planter.strings.text("stray private creator"))
    planter.put(data, 0x00189994, "LO", planter.strings.text("public tag of no dictionary"))
    planter.put(data, 0x00266001, "LT", planter.strings.text("public group of no dictionary"))


def _tail(planter: "Planter") -> None:
    """Trailing padding, of the data set and of an item, and bytes after the last element that follow no rule."""
    data = planter.sample.data
    padding, inner = planter.strings.text("trailing padding"), planter.strings.text("trailing padding in an item")
    planter.planted += [padding, inner]
    put(data, _TRAILING_PADDING, "OB", padding.text.encode("latin-1"))
    item = Dataset()
    put(item, _TRAILING_PADDING, "OB", inner.text.encode("latin-1"))
    if "RequestAttributesSequence" not in data:
        data.RequestAttributesSequence = Items([item])
    if planter.number % 3 == 0:
        after = planter.strings.text("bytes after the last element")
        planter.planted.append(after)
        planter.layout.tail = after.text.encode("latin-1").ljust(80, b"\0")


EDGES: tuple[Callable[["Planter"], None], ...] = (_group_lengths, _behind_values, _in_numbers, _unknown, _tail)
