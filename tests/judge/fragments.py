"""Strings inside and behind the pixels: markers and boxes of JPEG and JPEG 2000, the header of RLE, offset tables,
fragments and bytes that no image needs.
"""

import struct
from typing import TYPE_CHECKING

from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

if TYPE_CHECKING:
    from tests.judge.planting import Planter

_RLE = "1.2.840.10008.1.2.5"
#: The box of a JPEG 2000 file that holds the codestream.
_CODESTREAM = b"jp2c"


def plant_in_pixels(planter: "Planter") -> None:
    """Alter the pixel data so that a decoder gives the same image, and text stands in it."""
    data = planter.sample.data
    if 0x7FE00010 not in data._dict:
        return
    element = data["PixelData"]
    if not element.value:
        return
    if not UID(planter.sample.meta.TransferSyntaxUID).is_encapsulated:
        if planter.number % 2 == 0 and "tight" not in planter.sample.notes:
            element._value = bytes(element.value) + _line(planter, "bytes behind native pixels")
        return
    frames = list(generate_frames(element.value, number_of_frames=int(data.get("NumberOfFrames") or 1)))
    for tag in (0x7FE00001, 0x7FE00002):
        data._dict.pop(tag, None)  # the extended offset table would no longer be true
    rle = planter.sample.meta.TransferSyntaxUID == _RLE
    frames[0] = _marked_rle(planter, frames[0]) if rle else _marked(planter, frames[0])
    pieces = 1 if rle else 1 + planter.number % 2  # PS3.5, A.4.2
    body = encapsulate(frames, fragments_per_frame=pieces, has_bot=len(frames) > 1)
    if len(frames) == 1:
        text = _line(planter, "basic offset table")
        body = struct.pack("<HHL", 0xFFFE, 0xE000, len(text)) + text + body[8:]
    element._value = body


def _marked(planter: "Planter", frame: bytes) -> bytes:
    if frame[:2] == b"\xff\xd8":
        return _marked_jpeg(planter, frame)
    if frame[:4] == b"\xff\x4f\xff\x51":
        return _marked_codestream(planter, frame)
    if frame[4:8] == b"jP  ":
        return _marked_file(planter, frame)
    return frame


def _marked_jpeg(planter: "Planter", frame: bytes) -> bytes:
    segments = b""
    for marker, start in (
        (0xFFE0, b"JFXX\0\x13"),
        (0xFFFE, b""),
        (0xFFE1, b"Exif\0\0"),
        (0xFFE2, b"ICC_PROFILE\0\1\1"),
        (0xFFED, b"Photoshop 3.0\0"),
        (0xFFE8, b""),
    ):
        text = start + _line(planter, f"JPEG segment {marker:04X}")
        segments += struct.pack(">HH", marker, 2 + len(text)) + text
    return frame[:2] + segments + frame[2:] + _line(planter, "bytes after EOI")


def _marked_codestream(planter: "Planter", frame: bytes) -> bytes:
    """Comments in the main header and in that of the first tile-part, whose length grows (ISO/IEC 15444-1, A.4.2)."""
    size = 4 + struct.unpack(">H", frame[4:6])[0]
    tile = frame.index(b"\xff\x90\0\x0a", size)
    inner = _comment(planter, "JPEG 2000 COM of a tile-part")
    length = struct.unpack(">L", frame[tile + 6 : tile + 10])[0]
    part = (
        frame[tile : tile + 6] + struct.pack(">L", length + len(inner) if length else 0) + frame[tile + 10 : tile + 12]
    )
    main = frame[:size] + _comment(planter, "JPEG 2000 COM") + frame[size:tile]
    return main + part + inner + frame[tile + 12 :] + _line(planter, "bytes after EOC")


def _comment(planter: "Planter", place: str) -> bytes:
    text = _line(planter, place).strip()
    return struct.pack(">HHH", 0xFF64, 4 + len(text), 1) + text


def _marked_file(planter: "Planter", frame: bytes) -> bytes:
    """Boxes of a whole JPEG 2000 file, which some devices write in a fragment: XML, UUID, free (15444-1, I)."""
    boxes, at = [], 0
    while at + 8 <= len(frame):
        length, kind = struct.unpack(">L4s", frame[at : at + 8])
        end = at + length if length else len(frame)
        boxes.append((kind, frame[at:end]))
        at = end
    new = [_box(planter, b"xml ", b"<nom>"), _box(planter, b"uuid", bytes(range(16))), _box(planter, b"free", b"")]
    stream = next(number for number, (kind, _) in enumerate(boxes) if kind == _CODESTREAM)
    return b"".join((*(box for _, box in boxes[:stream]), *new, *(box for _, box in boxes[stream:])))


def _box(planter: "Planter", kind: bytes, start: bytes) -> bytes:
    content = start + _line(planter, f"JPEG 2000 box {kind.decode().strip()}")
    return struct.pack(">L4s", 8 + len(content), kind) + content


def _marked_rle(planter: "Planter", frame: bytes) -> bytes:
    """In the header's offsets that no segment uses, and behind the last segment (PS3.5, G.5)."""
    used = 4 + 4 * struct.unpack("<L", frame[:4])[0]
    text = _line(planter, "RLE header")[: 64 - used].ljust(64 - used, b"\0")
    return frame[:used] + text + frame[64:] + _line(planter, "bytes after RLE segments")


def _line(planter: "Planter", place: str) -> bytes:
    planted = planter.strings.text(place)
    planter.planted.append(planted)
    text = planted.text.encode("latin-1")
    return text.ljust(len(text) + -len(text) % 4, b" ")
