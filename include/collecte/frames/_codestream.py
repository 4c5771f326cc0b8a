"""What a compressed frame says of itself, read before any decoder is let near it: a decoder believes it and would
allocate accordingly.
"""

import struct
from dataclasses import dataclass

_JPEG_START, _J2K_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
#: Frame headers: SOF0–15 without DHT, JPG and DAC (ISO/IEC 10918-1, table B.1), and SOF55 (ISO/IEC 14495-1).
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Codestream:
    """``process``: the marker of a JPEG's frame header; 0 for JPEG 2000. ``precision`` in bits. ``tiles``: how many."""

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool = False
    process: int = 0
    tiles: int = 1


def read_jpeg(data: bytes) -> Codestream:
    """The frame header of a JPEG or JPEG-LS.

    Raises:
        ValueError, struct.error, LookupError: it is none.
    """
    position = data.index(_JPEG_START) + 2
    while True:
        position = data.index(b"\xff", position) + 1
        marker = data[position]
        if marker in (0xFF, 0x00):
            continue
        position += 1
        if marker in _FRAME_HEADERS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 2)
            return Codestream(rows, columns, samples, precision, process=marker)
        if marker not in _ALONE:
            position += struct.unpack_from(">H", data, position)[0]


def read_j2k(data: bytes) -> Codestream:
    """The SIZ marker segment of JPEG 2000, bare or within a JP2 file (ISO/IEC 15444-1, A.5.1).

    Raises:
        ValueError, struct.error, LookupError: it is none.
    """
    at = data.index(_J2K_START) + 4
    _, _, right, bottom, left, top, tile_width, tile_height, _, _, samples = struct.unpack_from(
        ">HHLLLLLLLLH", data, at
    )
    depths = {data[at + 38 + 3 * sample] for sample in range(samples)}
    if len(depths) != 1 or not tile_width or not tile_height:
        raise ValueError
    depth = depths.pop()
    rows, columns = bottom - top, right - left
    tiles = -(-rows // tile_height) * -(-columns // tile_width)
    return Codestream(rows, columns, samples, (depth & 0x7F) + 1, signed=bool(depth & 0x80), tiles=tiles)
