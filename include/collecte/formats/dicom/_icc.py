"""ICC profiles are written anew: what colours are computed from stays, and nothing that a person or a machine wrote of
itself. Monitors put their serial number there, and programs the name of the file or of whoever made it.

Source: ICC.1:2022 (ISO 15076-1), clauses 7 (header, tag table), 9 (tags) and 10 (types); of version 2, ICC.1:2001-04.
"""

import math
import struct
from collections.abc import Callable, Mapping
from functools import partial

_HEADER, _ENTRY = 128, struct.Struct(">4sLL")
_SIGNATURE = b"acsp"
#: Most tags; profiles of cameras have about thirty.
_MOST = 100
_CLASSES = frozenset((b"scnr", b"mntr", b"prtr", b"spac"))
_SPACES = frozenset(
    (
        b"XYZ ",
        b"Lab ",
        b"Luv ",
        b"YCbr",
        b"Yxy ",
        b"RGB ",
        b"GRAY",
        b"HSV ",
        b"HLS ",
        b"CMYK",
        b"CMY ",
        b"2CLR",
        b"3CLR",
    )
)
_VERSIONS = (2, 4)
#: 1 January 2000, as every profile says of itself.
_DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
#: D50, as in every profile.
_ILLUMINANT = struct.pack(">3L", 0xF6D6, 0x10000, 0xD32D)
#: What colours are computed from.
_TAGS = frozenset(
    (
        *(b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"chad", b"chrm"),
        *(b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt", b"pre0", b"pre1", b"pre2"),
    )
)
#: Bytes before the first stage and before a table's numbers; channels, at most.
_STAGES, _GRID, _CHANNELS = 32, 20, 4
#: Parameters of each type of parametric curve.
_PARAMETERS = (1, 3, 4, 5, 7)


def written_anew(raw: bytes) -> bytes | None:
    """The profile; None where it is none, or of a kind that is not known.

    Args:
        raw: an ICC profile, perhaps with padding behind it.
    """
    size = int.from_bytes(raw[:4], "big")
    known = raw[36:40] == _SIGNATURE and raw[12:16] in _CLASSES and {raw[16:20], raw[20:24]} <= _SPACES
    if not known or raw[8] not in _VERSIONS or not _HEADER + 4 <= size <= len(raw):
        return None
    values = _values(raw[:size])
    if not values:
        return None
    said = {b"desc": _description, b"cprt": _copyright}
    return _joined(raw, {name: text(raw[8]) for name, text in said.items()} | values)


def _values(raw: bytes) -> dict[bytes, bytes]:
    """The values that stay, by their tags; none of a table that cannot be read."""
    count = int.from_bytes(raw[_HEADER : _HEADER + 4], "big")
    if count > _MOST or _HEADER + 4 + count * _ENTRY.size > len(raw):
        return {}
    values = {}
    for name, offset, length in (_ENTRY.unpack_from(raw, _HEADER + 4 + n * _ENTRY.size) for n in range(count)):
        if offset + length > len(raw):
            return {}
        if name in _TAGS:
            value = raw[offset : offset + length]
            exact = _EXACT.get(value[:4])
            kept = exact(value) if exact else None
            if kept is None:
                return {}
            values[name] = kept[:4] + bytes(4) + kept[8:]
    return values


def _numbers(count: int) -> Callable[[bytes], bytes | None]:
    return lambda value: _small(_first(value, 8 + 4 * count), 8)


def _small(value: bytes | None, start: int) -> bytes | None:
    """The value where its numbers (s15Fixed16) lie within ±10, as those of colours do: two bytes of four say so, and no
    text stands in the other two."""
    if value is None:
        return None
    numbers = struct.unpack_from(f">{(len(value) - start) // 4}l", value, start)
    return value if all(abs(number) <= 10 << 16 for number in numbers) else None


def _curve(value: bytes) -> bytes | None:
    """Numbers of which none is less than the one before, or none is more, as in no text."""
    count = int.from_bytes(value[8:12], "big")
    if (exact := _first(value, 12 + 2 * count)) is None:
        return None
    numbers = struct.unpack_from(f">{count}H", exact, 12)
    return exact if list(numbers) in (sorted(numbers), sorted(numbers, reverse=True)) else None


def _parametric(value: bytes) -> bytes | None:
    kind = int.from_bytes(value[8:10], "big")
    if kind >= len(_PARAMETERS):
        return None
    return _small(_first(value[:10] + bytes(2) + value[12:], 12 + 4 * _PARAMETERS[kind]), 12)


def _chromaticity(value: bytes) -> bytes | None:
    return _small(_first(value, 36), 12) if int.from_bytes(value[8:10], "big") == 3 else None


def _table(value: bytes) -> bytes | None:
    """A multi-dimensional table of 8 or 16 bits a number."""
    if len(value) < 52:
        return None
    wide = 2 if value[:4] == b"mft2" else 1
    inputs, outputs, points = value[8:11]
    before, after = (int.from_bytes(value[at : at + 2], "big") if wide == 2 else 256 for at in (48, 50))
    if inputs > 4:
        return None
    numbers = inputs * before + points**inputs * outputs + outputs * after
    return _first(value, (52 if wide == 2 else 48) + wide * numbers)


def _stages(value: bytes) -> bytes | None:
    """Curves, a matrix and a table, one after the other, whatever stood between (clauses 10.12 and 10.13): those of the
    colour space first or last, as the type says."""
    inputs, outputs = value[8:10] if len(value) >= _STAGES else (0, 0)
    if not (0 < inputs <= _CHANNELS and 0 < outputs <= _CHANNELS):
        return None
    colours, device = (outputs, inputs) if value[:4] == b"mAB " else (inputs, outputs)
    readers: tuple[Callable[[bytes], bytes | None], ...] = (
        partial(_curves, count=colours),
        lambda rest: _small(_first(rest, 48), 0),
        partial(_curves, count=colours),
        partial(_grid, inputs=inputs, outputs=outputs),
        partial(_curves, count=device),
    )
    offsets, body = [], b""
    for offset, read in zip(struct.unpack_from(">5L", value, 12), readers, strict=True):
        stage = read(value[offset:]) if offset else b""
        if stage is None or (offset and offset < _STAGES):
            return None
        offsets.append(_STAGES + len(body) if stage else 0)
        body += stage + bytes(-len(stage) % 4)
    return value[:10] + bytes(2) + struct.pack(">5L", *offsets) + body


def _curves(rest: bytes, count: int) -> bytes | None:
    """So many curves, each from a multiple of four bytes on."""
    found = b""
    for _ in range(count):
        read = {b"curv": _curve, b"para": _parametric}.get(rest[len(found) : len(found) + 4])
        curve = read(rest[len(found) :]) if read else None
        if curve is None:
            return None
        found += curve[:4] + bytes(4) + curve[8:] + bytes(-len(curve) % 4)
    return found


def _grid(rest: bytes, inputs: int, outputs: int) -> bytes | None:
    """A table of 8 or 16 bits a number, with as many points in each direction as it says."""
    if len(rest) < _GRID or rest[16] not in (1, 2):
        return None
    numbers = _first(rest, _GRID + math.prod(rest[:inputs]) * outputs * rest[16])
    return numbers and numbers[:inputs] + bytes(16 - inputs) + numbers[16:17] + bytes(3) + numbers[_GRID:]


def _first(value: bytes, length: int) -> bytes | None:
    return value[:length] if len(value) >= length else None


_EXACT: Mapping[bytes, Callable[[bytes], bytes | None]] = {
    b"XYZ ": _numbers(3),
    b"sf32": _numbers(9),
    b"curv": _curve,
    b"para": _parametric,
    b"chrm": _chromaticity,
    b"mft1": _table,
    b"mft2": _table,
    b"mAB ": _stages,
    b"mBA ": _stages,
}


def _description(version: int) -> bytes:
    text = "Colours"
    if version == 4:
        return _unicode(text)
    ascii_text = text.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + len(ascii_text).to_bytes(4, "big") + ascii_text + bytes(4 + 4 + 2 + 1 + 67)


def _copyright(version: int) -> bytes:
    text = "Not told"
    return _unicode(text) if version == 4 else b"text" + bytes(4) + text.encode("ascii") + b"\0"


def _unicode(text: str) -> bytes:
    raw = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">LL4sLL", 1, 12, b"enUS", len(raw), 28) + raw


def _joined(raw: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """Header, table and values; equal values stand once."""
    start = _HEADER + 4 + len(values) * _ENTRY.size
    offsets, body = dict[bytes, int](), bytearray()
    for value in values.values():
        if value not in offsets:
            offsets[value] = start + len(body)
            body += value + bytes(-len(value) % 4)
    table = b"".join(_ENTRY.pack(name, offsets[value], len(value)) for name, value in values.items())
    header = b"".join(
        (
            (start + len(body)).to_bytes(4, "big"),
            bytes(4),  # preferred CMM
            raw[8:10] + bytes(2) + raw[12:24],  # version, class, colour spaces
            _DATE,
            _SIGNATURE,
            bytes(4),  # platform
            bytes((0, 0, 0, raw[47] & 0b11)),  # flags
            bytes(8),  # manufacturer and model
            bytes((0, 0, 0, 0, 0, 0, 0, raw[63] & 0b1111)),  # attributes
            bytes((0, 0, 0, raw[67] & 0b11)),  # rendering intent
            _ILLUMINANT,
            bytes(_HEADER - 80),  # creator, identifier
        )
    )
    return header + len(values).to_bytes(4, "big") + table + body
