"""What GE keeps in blocks of its own, written anew from what is known: numbers and flags, no text.

No standard describes them; they are read as dcm2niix v1.0.20241211 (BSD-2; ``nii_dicom.cpp``, ``nii_dicom_batch.cpp``)
does, whose readers find in them the order of slices, the polarity of phase encoding, and the b-value.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from functools import cache

from collecte.formats.dicom._tables import rows

#: A protocol is 2 KB of text; what unpacks to more is none.
_LONGEST = 1 << 20
#: One setting: ``SLICEORDER "1"``, in older releases after ``set``.
_SETTING = re.compile(rb'(?:set )?([A-Z][A-Z0-9_]{1,30})[ \t]+"([^"\n]{0,200})"[ \t\r]*')
_NUMBER = re.compile(rb"-?\d{1,6}(?:\.\d{1,8})?")
_GZIP = b"\x1f\x8b\x08"
#: Of a member without name and day: deflated, no flags, no time, no system (RFC 1952, 2.3).
_GZIP_HEAD = _GZIP + bytes(6) + b"\xff"


def clean_protocol(raw: bytes) -> bytes | None:
    """The protocol data block (0025,xx1B): its length, then the settings of ``rules/ge.csv`` alone as text in gzip,
    stored and not deflated, so that every zlib writes the same bytes. None where it is no such block or holds none.
    """
    text = _unpacked(raw[4:])
    if text is None:
        return None
    kept: dict[str, bytes] = {}
    for line in text.splitlines():
        setting = _SETTING.fullmatch(line)
        if setting is None or setting[1].decode("ascii") not in _settings():
            continue
        value = _valued(_settings()[setting[1].decode("ascii")], setting[2])
        if value is not None:
            kept.setdefault(setting[1].decode("ascii"), value)
    if not kept:
        return None
    packed = _packed(b"".join(b'%s "%s"\n' % (name.encode("ascii"), value) for name, value in kept.items()))
    return struct.pack("<L", len(packed)) + packed


def _unpacked(raw: bytes) -> bytes | None:
    if raw[: len(_GZIP)] != _GZIP:
        return None
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = unpacking.decompress(raw, _LONGEST)
    except zlib.error:
        return None
    return text if unpacking.eof else None


def _packed(text: bytes) -> bytes:
    """One stored block, the last (RFC 1951, 3.2.4): no more than 64 KB are ever kept."""
    size = len(text)
    return (
        _GZIP_HEAD
        + struct.pack("<BHH", 1, size, size ^ 0xFFFF)
        + text
        + struct.pack("<LL", zlib.crc32(text), size)
    )  # fmt: skip


def _valued(row: Mapping[str, str], value: bytes) -> bytes | None:
    if row["form"] == "options":
        known = row["terms"].split()
        given = (option.strip() for option in value.decode("latin-1").split(","))
        return ", ".join(option for option in given if option in known).encode("ascii") or None
    fits = _NUMBER.fullmatch(value) and float(row["least"]) <= float(value) <= float(row["most"])
    return value if fits else None


@cache
def _settings() -> Mapping[str, Mapping[str, str]]:
    return {row["name"]: row for row in rows("ge")}


#: The user's data (0043,xx2A): where a header of the raw data begins is said at byte 24; in it, its version, the flags
#: of an echo-planar image and of its polarity, and the direction along k-space, which later versions moved.
_WHERE, _EPI, _POLARITY, _DIRECTION = 24, 0x3A, 0x30, 0x394
_EPI_BIT, _POLARITY_BIT, _MOST_DIRECTION = 0x800, 0x4, 2
_LEAST_VERSION, _MOST_VERSION, _MOVED_SINCE = 5.0, 40.0, 25.002
_MOVED, _DIRECTION_MOVED = 0x4C, 0x8C
_SHORTEST, _FURTHEST = 920, 4096


def clean_user_data(raw: bytes) -> bytes | None:
    """Zeros, and among them, where they stood, what says how phases were encoded. None where it is not known to be of
    this form.
    """
    if len(raw) < _SHORTEST:
        return None
    (begin,) = struct.unpack_from("<H", raw, _WHERE)
    if not _WHERE + 2 <= begin <= min(_FURTHEST, len(raw) - _SHORTEST):
        return None
    (version,) = struct.unpack_from("<f", raw, begin)
    if not _LEAST_VERSION <= version <= _MOST_VERSION:
        return None
    version = round(version, 3)
    moved = version >= _MOVED_SINCE
    flags = begin + _MOVED if moved else begin
    along = flags + (_DIRECTION - _DIRECTION_MOVED if moved else _DIRECTION)
    epi, polarity, direction = (struct.unpack_from("<H", raw, at)[0] for at in (flags + _EPI, flags + _POLARITY, along))
    if direction > _MOST_DIRECTION:
        return None
    clean = bytearray(begin + _SHORTEST)
    struct.pack_into("<H", clean, _WHERE, begin)
    struct.pack_into("<f", clean, begin, version)
    struct.pack_into("<H", clean, flags + _EPI, epi & _EPI_BIT)
    struct.pack_into("<H", clean, flags + _POLARITY, polarity & _POLARITY_BIT)
    struct.pack_into("<H", clean, along, direction)
    return bytes(clean)


#: Of (0043,xx39): the b-value, on top of 10⁹ where several were taken; then whole numbers; 2²⁸ is a flag.
_B_VALUE = re.compile(rb"(?:10000)?\d{1,5}")
_SMALL = re.compile(rb"-?\d{1,5}|268435456")


def clean_b_value(raw: bytes) -> bytes | None:
    """The b-value and the numbers beside it, each 0 where it is longer than a setting of a scanner is."""
    first, *others = (value.strip(b" \0") for value in raw.split(b"\\"))
    if not (_B_VALUE.fullmatch(first) or _SMALL.fullmatch(first)):
        return None
    return b"\\".join([first, *(value if _SMALL.fullmatch(value) else b"0" for value in others[:15])])


_MEASURE = re.compile(rb" *+-?\d{0,5}(?:\.\d{0,8})? *+")


def clean_numbers(raw: bytes) -> bytes | None:
    """Numbers that GE writes as text, each as short as a measure; None where anything else is among them."""
    values = raw.strip(b"\0 ").split(b"\\")
    return b"\\".join(values) if any(values) and all(map(_MEASURE.fullmatch, values)) else None
