"""Writes a data set to bytes as it stands, broken values and all, in any of the uncompressed encodings (PS3.5, 7).

pydicom's writer would mend what is planted: group lengths, text where a number belongs, elements without meaning.
"""

import struct
import zlib
from dataclasses import dataclass, field

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

_LONG = {"OB", "OD", "OF", "OL", "OW", "OV", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF


@dataclass
class Layout:
    """How a data set is written: ``undefined``: sequences and items by delimiters; ``tail``: bytes after the last
    element; ``preamble``: 128 bytes; ``again``: elements that are written a second time behind the first, by tag;
    ``headless``: without preamble; ``bare``: without file meta too.
    """

    undefined: bool = False
    preamble: bytes = bytes(128)
    tail: bytes = b""
    again: dict[int, bytes] = field(default_factory=dict)
    bare: bool = False
    headless: bool = False


def raw(tag: int, vr: str, value: bytes) -> RawDataElement:
    """An element of these very bytes, whatever its VR says."""
    return RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, True, True)


def put(dataset: Dataset, tag: int, vr: str, value: bytes) -> None:
    """Put the very bytes into a data set, padded to an even length."""
    even = value + b" " * (len(value) % 2)
    dataset._dict[BaseTag(tag)] = raw(tag, vr, even)


def file_bytes(dataset: Dataset, meta: Dataset, layout: Layout) -> bytes:
    """A whole file; the transfer syntax of ``meta`` says how."""
    syntax = meta.TransferSyntaxUID
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    body = set_bytes(dataset, implicit=implicit, little=little, layout=layout) + layout.tail
    if syntax == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
        body += b"\0" * (len(body) % 2)
    if layout.bare:
        return body
    head = set_bytes(meta, implicit=False, little=True, layout=Layout())
    length = struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(head))
    start = b"" if layout.headless else layout.preamble.ljust(128, b"\0") + b"DICM"
    return start + length + head + body


def set_bytes(dataset: Dataset, *, implicit: bool, little: bool, layout: Layout) -> bytes:
    """The elements of a data set, in the order of their tags."""
    return b"".join(_elements(dataset, None, implicit, little, layout))


def _elements(dataset: Dataset, codec: object, implicit: bool, little: bool, layout: Layout) -> list[bytes]:
    own = dataset.get("SpecificCharacterSet", codec)
    parts = []
    for tag in sorted(dataset._dict):
        parts.append(_element(dataset.get_item(tag), own, implicit, little, layout))
        if int(tag) in layout.again:
            value = layout.again.pop(int(tag))
            parts.append(_headed(tag, dataset.get_item(tag).VR, value, implicit, little))
    return parts


def _element(element: DataElement, codec: object, implicit: bool, little: bool, layout: Layout) -> bytes:
    if isinstance(element, RawDataElement):
        if element.length == UNDEFINED:
            start = _head(element.tag, element.VR or "UN", UNDEFINED, implicit, little)
            return start + (element.value or b"") + _bare(0xFFFEE0DD, 0, little)
        return _headed(element.tag, element.VR or "UN", element.value or b"", implicit, little)
    if element.VR == "SQ":
        items = [_item(item, codec, implicit, little, layout) for item in element.value]
        value = b"".join(items)
        if not layout.undefined:
            return _headed(element.tag, "SQ", value, implicit, little)
        return _head(element.tag, "SQ", UNDEFINED, implicit, little) + value + _bare(0xFFFEE0DD, 0, little)
    value = value_bytes(element, codec, little)
    if element.tag == 0x7FE00010 and element.is_undefined_length:
        return _head(element.tag, element.VR, UNDEFINED, implicit, little) + value + _bare(0xFFFEE0DD, 0, little)
    return _headed(element.tag, element.VR, value, implicit, little)


def _item(item: Dataset, codec: object, implicit: bool, little: bool, layout: Layout) -> bytes:
    value = b"".join(_elements(item, codec, implicit, little, layout))
    if layout.undefined:
        return _bare(0xFFFEE000, UNDEFINED, little) + value + _bare(0xFFFEE00D, 0, little)
    return _bare(0xFFFEE000, len(value), little) + value


def value_bytes(element: DataElement, codec: object, little: bool = True) -> bytes:
    """The bytes of a value."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, little
    encoding = [codec] if isinstance(codec, str) else list(codec or ["ISO_IR 6"])
    if element.is_undefined_length:
        return bytes(element.value)
    write_data_element(buffer, element, encoding)
    return buffer.getvalue()[8:]


def _headed(tag: int, vr: str, value: bytes, implicit: bool, little: bool) -> bytes:
    value += b"\0" * (len(value) % 2)
    if not implicit and vr not in _LONG and len(value) > 0xFFFE:
        vr = "UN"
    return _head(tag, vr, len(value), implicit, little) + value


def _head(tag: int, vr: str, length: int, implicit: bool, little: bool) -> bytes:
    order = "<" if little else ">"
    start = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return start + struct.pack(f"{order}L", length)
    if vr in _LONG:
        return start + vr.encode() + b"\0\0" + struct.pack(f"{order}L", length)
    return start + vr.encode() + struct.pack(f"{order}H", length)


def _bare(tag: int, length: int, little: bool) -> bytes:
    return struct.pack("<HHL" if little else ">HHL", tag >> 16, tag & 0xFFFF, length)
