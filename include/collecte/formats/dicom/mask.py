"""A safe copy in which rectangles of some frames are painted over; all else as it stands.

What is read here was written by :mod:`~collecte.formats.dicom.make_safe`. Only the frames that are painted are encoded
again: without loss where the transfer syntax has none, in the same syntax always. Every other frame passes as it is
stored, and offset tables are written anew. Memory: one frame.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from collecte.findings import Finding
from collecte.formats.dicom._codes import coded_item
from collecte.formats.dicom._elements import Encoding, write_element, write_item
from collecte.formats.dicom._identity import SOP_CLASS_UID, SOP_INSTANCE_UID
from collecte.formats.dicom._mask_fragments import Tables, masked_fragments
from collecte.formats.dicom._mask_native import masked_native
from collecte.formats.dicom._paint import paint_of
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._stamps import CLEAN_PIXEL_DATA, file_meta
from collecte.formats.dicom._wall import Refusal, unreadable
from collecte.frames import Reader, Undecodable, opened
from collecte.records import Box, Safe

_METHODS, _BURNED_IN_ANNOTATION = 0x00120064, 0x00280301
_CODE_VALUE = 0x00080100
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002


def mask(source: Path, target: Path, boxes: Mapping[int, Sequence[Box]]) -> Safe:
    """Write ``source``, a safe copy, to ``target`` with the boxes of these frames (numbered from 0) painted over with
    the darkest value: complete and flushed, or not there at all. The same input and boxes give the same bytes.

    A frame that cannot be decoded, or encoded so that it decodes to what was painted, gives a finding and no output.

    Raises:
        OSError: a file cannot be read or written.
    """
    part = target.with_name(f"{target.name}.part")
    digest = hashlib.sha256()
    try:
        with opened_dicom(source) as dicom, opened(source) as reader, part.open("wb", buffering=0) as file:
            for data in _masked(dicom, reader, boxes, target.parent):
                digest.update(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) or 0 :]
            os.fsync(file.fileno())
            size = file.tell()
        part.replace(target)
    except (Refusal, Undecodable):
        return Safe("", 0, findings=(Finding("DICOM-PIXELS-UNREADABLE", place="PixelData"),))
    finally:
        part.unlink(missing_ok=True)
    return Safe(digest.hexdigest(), size, actions={"masked": sum(map(bool, boxes.values()))})


def _masked(dicom: Dicom, reader: Reader, boxes: Mapping[int, Sequence[Box]], scratch: Path) -> Iterator[bytes]:
    """The bytes of the output, a piece at a time."""
    pixels = dicom.header.pixels
    frames = reader.layout.image.frames
    touched = {number: tuple(found) for number, found in boxes.items() if found}
    if pixels is None or any(not 0 <= number < frames for number in touched):
        raise Undecodable("There is no such frame.")
    if dicom.encoding is not dicom.output_encoding:  # no safe copy: its elements would not be readable as they stand
        raise unreadable()
    paint = paint_of(dicom, reader.layout)
    if dicom.fragments:
        tables, body = masked_fragments(reader, touched, paint, scratch)
    else:
        tables, body = None, masked_native(reader, touched, paint)
    yield file_meta(dicom.word(SOP_CLASS_UID), dicom.word(SOP_INSTANCE_UID), dicom.transfer_syntax)
    yield _header(dicom, tables)
    yield dicom.data[pixels.start : pixels.value]
    yield from body


def _header(dicom: Dicom, tables: Tables | None) -> bytes:
    encoding = dicom.output_encoding
    elements = dicom.header.elements
    written = {tag: dicom.data[element.start : element.end] for tag, element in elements.items()}
    written[_BURNED_IN_ANNOTATION] = write_element(_BURNED_IN_ANNOTATION, "CS", b"NO", encoding)
    written[_METHODS] = _methods(dicom, encoding)
    if tables and _OFFSETS in elements:
        written[_OFFSETS] = write_element(_OFFSETS, "OV", tables.extended_offsets, encoding)
        written[_LENGTHS] = write_element(_LENGTHS, "OV", tables.extended_lengths, encoding)
    return b"".join(written[tag] for tag in sorted(written))


def _methods(dicom: Dicom, encoding: Encoding) -> bytes:
    """The codes of what was done (PS3.16, CID 7050), with that for clean pixels among them."""
    code, meaning = CLEAN_PIXEL_DATA
    items = [
        b"".join(dicom.data[element.start : element.end] for element in item.elements) for item in dicom.items(_METHODS)
    ]
    values = {
        dicom.value(element).strip(b"\0 ")
        for item in dicom.items(_METHODS)
        for element in item.elements
        if element.tag == _CODE_VALUE
    }
    if code.encode("ascii") not in values:
        items.append(coded_item(code, "DCM", meaning, encoding))
    return write_element(_METHODS, "SQ", b"".join(write_item(item, encoding) for item in items), encoding)
