"""What a file can be read as: its bytes in several orders, its values, and what is packed or encoded in either."""

import base64
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pydicom
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.judge.decoding import has_spare_bit, native
from tests.judge.strings import folded

_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_PACKED_TRIED, _PACKED_BYTES, _UNPACKED_BYTES = 200, 1 << 20, 1 << 16
_BASE64, _HEX = re.compile(rb"[A-Za-z0-9+/_-]{8,}"), re.compile(rb"[0-9A-Fa-f]{12,}")
#: Runs of such letters that are decoded: entropy-coded bytes hold some by chance.
_RUNS_TRIED = 20_000
#: An image's entropy-coded bytes beyond this are not read as UTF-8.
_UTF8_BYTES = 1 << 22
#: Bytes as letters of Latin-1, without case and accents where that leaves one letter.
_LATIN = bytes(
    ord(letter) if len(letter := folded(chr(number))) == 1 and ord(letter) < 256 else number for number in range(256)
)


class View(NamedTuple):
    """``data``: folded; ``raw``: bytes of all sorts, in which short words stand by chance."""

    where: str
    data: bytes
    raw: bool = False


def plain(raw: bytes) -> bytes:
    """Bytes folded as letters of Latin-1."""
    return raw.translate(_LATIN)


def text_view(where: str, text: str) -> View:
    """A text that somebody reads."""
    return View(where, folded(text).encode())


def views(raw: bytes) -> Iterator[View]:
    """Every text that a file can be read as, by the way of reading."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(DicomBytesIO(raw), force=True)
        streams = {"raw": raw}
        if (body := inflated(raw)) is not None:
            streams["raw, inflated"] = body
        for where, stream in streams.items():
            yield from _raw_views(where, stream)
            inside = b"\n".join((*_unpacked(stream), *_encoded(stream)))
            deeper = b"\n".join(_unpacked(inside))
            yield View(f"{where}, packed or encoded", plain(inside + b"\n" + deeper), raw=True)
            text = folded(inside.decode("utf-8", "ignore"))
            yield View(f"{where}, packed or encoded, as UTF-8", text.encode(), raw=True)
        frames = b"\n".join(_deflated_frames(dataset))
        if frames:
            yield View("deflated frames", plain(frames), raw=True)
        if (bits := _spare_bits(dataset)) is not None:
            yield View("highest bits of the pixels", plain(bits), raw=True)
        values = "\n".join(_values(dataset.file_meta)) + "\n" + "\n".join(_values(dataset))
        yield text_view("decoded values", values)


def _spare_bits(dataset: Dataset) -> bytes | None:
    """The highest bits of pixels that do not use them, eight to a byte; None where there are none."""
    syntax = str(getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID", ""))
    if not dataset.get("PixelData") or not has_spare_bit(dataset, syntax):
        return None
    return np.packbits(native(dataset, syntax) >> 15, bitorder="little").tobytes()


def _raw_views(where: str, raw: bytes) -> Iterator[View]:
    yield View(f"{where} as Latin-1", plain(raw), raw=True)
    yield View(f"{where} without NUL", plain(raw.replace(b"\0", b"")), raw=True)  # UTF-16 of Latin letters, either way
    even = bytearray(raw[: len(raw) // 2 * 2])
    even[0::2], even[1::2] = even[1::2], even[0::2]
    yield View(f"{where} with bytes swapped", plain(bytes(even)), raw=True)
    if len(raw) > _UTF8_BYTES:
        raw = raw[: _UTF8_BYTES // 2] + raw[-_UTF8_BYTES // 2 :]
    yield View(f"{where} as UTF-8", folded(raw.decode("utf-8", "ignore")).encode(), raw=True)


def inflated(raw: bytes) -> bytes | None:
    """The data set of a deflated file; None of another."""
    if DeflatedExplicitVRLittleEndian.encode() not in raw[:1024] or raw[128:132] != b"DICM":
        return None
    packer = zlib.decompressobj(wbits=-15)
    return packer.decompress(raw[meta_end(raw) :], 1 << 26) + packer.unused_data


def meta_end(raw: bytes) -> int:
    """Where the file meta information ends: it begins with its length (PS3.10, 7.1)."""
    return 144 + int.from_bytes(raw[140:144], "little")


def _unpacked(raw: bytes) -> Iterator[bytes]:
    """What zlib and gzip streams inside the file hold, whatever follows them."""
    for number, match in enumerate(_PACKED.finditer(raw)):
        if number == _PACKED_TRIED:
            return
        yield _unpacked_from(raw[match.start() : match.start() + _PACKED_BYTES])


def _unpacked_from(stream: bytes) -> bytes:
    """As far as it can be unpacked: most places only look like a stream, and of a true one the check sum may be cut."""
    packer, found = zlib.decompressobj(wbits=47), bytearray()
    with suppress(zlib.error):
        for start in range(0, len(stream), 8):
            found += packer.decompress(stream[start : start + 8])
            if packer.eof or len(found) > _UNPACKED_BYTES:
                break
    return bytes(found)


def _encoded(raw: bytes) -> Iterator[bytes]:
    """What runs of letters mean in base64 and in hex; a run may begin in the middle of a group."""
    for number, match in enumerate(_BASE64.finditer(raw)):
        if number == _RUNS_TRIED:
            break
        run = match[0].replace(b"-", b"+").replace(b"_", b"/")
        for skipped in range(4):
            odd = (len(run) - skipped) % 4 == 1  # one letter over is no whole byte
            yield base64.b64decode(run[skipped : len(run) - odd] + b"===")
    for match in _HEX.finditer(raw):
        for skipped in range(2):
            part = match[0][skipped : len(match[0]) - (len(match[0]) - skipped) % 2]
            yield bytes.fromhex(part.decode())


def _deflated_frames(dataset: Dataset) -> Iterator[bytes]:
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if syntax == _DEFLATED_FRAME and "PixelData" in dataset:
        for frame in generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)):
            with suppress(zlib.error):
                yield zlib.decompressobj(wbits=-15).decompress(frame, 1 << 26)


def _values(dataset: Dataset, depth: int = 0) -> Iterator[str]:
    """Each value as text: as pydicom decodes it, and its bytes under the data set's character sets."""
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        if isinstance(raw.value, bytes) and tag != 0x7FE00010:
            yield from _bytes_read(raw.value, dataset, depth)
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001, S112 -- whatever a broken value raises: its bytes were read above
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _values(item, depth + 1)
        elif tag == 0x7FE00010 and element.is_undefined_length:
            yield from (fragment[:4096].decode("latin-1") for fragment in generate_fragments(element.value))
        elif not isinstance(element.value, bytes):
            yield str(element.value)


def _bytes_read(value: bytes, dataset: Dataset, depth: int) -> Iterator[str]:
    for codec in {"latin-1", "utf-8", *_codecs(dataset)}:
        yield value.decode(codec, "ignore")
    if b"\xfe\xff\x00\xe0" in value[:4] or (len(value) > 8 and value[4:8] == b"\xff\xff\xff\xff"):
        return
    if 16 < len(value) < 65536 and depth < 8:
        try:
            nested = read_dataset(DicomBytesIO(value), is_implicit_VR=True, is_little_endian=True)
            yield from _values(nested, depth + 1)
        except Exception:  # noqa: BLE001 -- most values are no data sets
            return


def _codecs(dataset: Dataset) -> list[str]:
    sets = dataset.get("SpecificCharacterSet") or "ISO_IR 6"
    return [codec for codec in convert_encodings(list(sets) if not isinstance(sets, str) else [sets]) if codec]
