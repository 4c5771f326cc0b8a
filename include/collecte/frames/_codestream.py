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
    """Of both families: size, number of samples, ``precision`` in bits.

    Of JPEG: ``process``, the marker of its frame header; ``rgb``, that decoders take its colours for RGB;
    ``subsampling`` of the chroma, horizontal and vertical. Of JPEG 2000: ``signed``; ``tiles``, how many;
    ``reversible``, its wavelet; ``transformed``, its colours.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    process: int = 0
    rgb: bool = False
    subsampling: tuple[int, int] = (1, 1)
    signed: bool = False
    tiles: int = 1
    reversible: bool = True
    transformed: bool = False


def read_jpeg(data: bytes) -> Codestream:
    """The frame header of a JPEG or JPEG-LS.

    Raises:
        ValueError, struct.error, LookupError: it is none.
    """
    position = data.index(_JPEG_START) + 2
    jfif = adobe = False
    while True:
        position = data.index(b"\xff", position) + 1
        marker = data[position]
        if marker in (0xFF, 0x00):
            continue
        position += 1
        if marker in _FRAME_HEADERS:
            return _jpeg_frame(data, position, marker, jfif=jfif, adobe=adobe)
        jfif |= marker == 0xE0 and data[position + 2 : position + 7] == b"JFIF\0"
        adobe |= marker == 0xEE and data[position + 2 : position + 7] == b"Adobe" and data[position + 13] == 0
        if marker not in _ALONE:
            position += struct.unpack_from(">H", data, position)[0]


def _jpeg_frame(data: bytes, position: int, marker: int, *, jfif: bool, adobe: bool) -> Codestream:
    """A frame header (ISO/IEC 10918-1, B.2.2); ``adobe``: a segment says that the colours are not transformed."""
    precision, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 2)
    components = [data[position + 8 + 3 * sample : position + 11 + 3 * sample] for sample in range(samples)]
    named = b"".join(component[:1] for component in components) == b"RGB"
    factor = components[0][1]
    return Codestream(
        rows,
        columns,
        samples,
        precision,
        process=marker,
        rgb=not jfif and (adobe or named),
        subsampling=(factor >> 4, factor & 0xF),
    )


def read_j2k(data: bytes) -> Codestream:
    """The SIZ and COD marker segments of JPEG 2000, bare or within a JP2 file (ISO/IEC 15444-1, A.5.1 and A.6.1).

    Raises:
        ValueError, struct.error, LookupError: it is none.
    """
    at = data.index(_J2K_START) + 4
    length, _, right, bottom, left, top, tile_width, tile_height, _, _, samples = struct.unpack_from(
        ">HHLLLLLLLLH", data, at
    )
    depths = {data[at + 38 + 3 * sample] for sample in range(samples)}
    if len(depths) != 1 or not tile_width or not tile_height:
        raise ValueError
    depth = depths.pop()
    rows, columns = bottom - top, right - left
    style = _coding_style(data, at + length)
    return Codestream(
        rows,
        columns,
        samples,
        (depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        tiles=-(-rows // tile_height) * -(-columns // tile_width),
        reversible=style[13] == 1,
        transformed=style[8] == 1,
    )


def _coding_style(data: bytes, position: int) -> bytes:
    """The COD marker segment, which the main header must have."""
    while data[position : position + 2] != b"\xff\x52":
        if data[position] != 0xFF or data[position + 1] == 0x90:
            raise ValueError
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return data[position : position + 14]
