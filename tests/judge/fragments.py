"""Strings inside and behind the pixels: markers of JPEG and JPEG 2000, offset tables, bytes that no image needs."""

import struct
from typing import TYPE_CHECKING

from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

if TYPE_CHECKING:
    from tests.judge.planting import Planter

_RLE = "1.2.840.10008.1.2.5"


def plant_in_pixels(planter: "Planter") -> None:
    """Alter the pixel data so that a decoder gives the same image, and text stands in it."""
    data = planter.sample.data
    if 0x7FE00010 not in data._dict or not data["PixelData"].value:
        return
    element = data["PixelData"]
    if not UID(planter.sample.meta.TransferSyntaxUID).is_encapsulated:
        if planter.number % 2 == 0 and "tight" not in planter.sample.notes:
            element._value = bytes(element.value) + _line(planter, "bytes behind native pixels")
        return
    frames = list(generate_frames(element.value, number_of_frames=int(data.get("NumberOfFrames") or 1)))
    for tag in (0x7FE00001, 0x7FE00002):
        data._dict.pop(tag, None)  # the extended offset table would no longer be true
    frames[0] = _marked(planter, frames[0])
    pieces = 1 if planter.sample.meta.TransferSyntaxUID == _RLE else 1 + planter.number % 2  # PS3.5, A.4.2
    body = encapsulate(frames, fragments_per_frame=pieces, has_bot=len(frames) > 1)
    if len(frames) == 1:
        text = _line(planter, "basic offset table")
        body = struct.pack("<HHL", 0xFFFE, 0xE000, len(text)) + text + body[8:]
    element._value = body


def _marked(planter: "Planter", frame: bytes) -> bytes:
    if frame[:2] == b"\xff\xd8":
        return _marked_jpeg(planter, frame)
    if frame[:4] == b"\xff\x4f\xff\x51":
        end = 4 + struct.unpack(">H", frame[4:6])[0]
        text = _line(planter, "JPEG 2000 COM").strip()
        note = struct.pack(">HHH", 0xFF64, 4 + len(text), 1) + text
        return frame[:end] + note + frame[end:] + _line(planter, "bytes after EOC")
    return frame


def _marked_jpeg(planter: "Planter", frame: bytes) -> bytes:
    segments = b""
    for marker, start in ((0xFFFE, b""), (0xFFE1, b"Exif\0\0"), (0xFFED, b"Photoshop 3.0\0"), (0xFFE8, b"")):
        text = start + _line(planter, f"JPEG segment {marker:04X}")
        segments += struct.pack(">HH", marker, 2 + len(text)) + text
    return frame[:2] + segments + frame[2:] + _line(planter, "bytes after EOI")


def _line(planter: "Planter", place: str) -> bytes:
    planted = planter.strings.text(place)
    planter.planted.append(planted)
    text = planted.text.encode("latin-1")
    return text.ljust(len(text) + -len(text) % 4, b" ")
