"""Looks for planted strings in what came out: in raw bytes and in decoded values, in every spelling that is easy."""

import base64
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.judge.strings import Needle, Planted, folded

#: Shorter words than this occur in compressed images by chance.
RAW_LETTERS = 6
_UID = re.compile(r"\d+(?:\.\d+){2,}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_PACKED_TRIED, _PACKED_BYTES = 200, 1 << 20
#: An image's entropy-coded bytes beyond this are searched for long words only, as they are.
_FOLDED_BYTES = 1 << 22


@dataclass(frozen=True)
class Leak:
    """One planted string that was found. ``place``: where it had been planted; ``where``: how it was found."""

    source: str
    label: str
    place: str
    text: str
    where: str


def search_file(path: Path, planted: Sequence[Planted]) -> Iterator[tuple[Planted, str]]:
    """Each planted string that an output holds, with where it was found."""
    texts = dict(_texts(path.read_bytes()))
    return search_texts(texts, planted)


def search_texts(texts: dict[str, str], planted: Sequence[Planted]) -> Iterator[tuple[Planted, str]]:
    """Each planted string that stands in one of the folded texts."""
    compact = {where: re.sub(r"[^0-9a-z]", "", _UID.sub(" ", text)) for where, text in texts.items()}
    for one in planted:
        for needle in one.needles:
            where = next((way for way, text in texts.items() if _found(needle, text, compact[way], way)), None)
            if where is not None:  # first names and towns stand in many places: they do not tell which
                yield (replace(one, place="first name or town") if needle.kind == "first" else one), where
                break


def _found(needle: Needle, text: str, compact: str, where: str) -> bool:
    raw = where.startswith("raw")
    if needle.kind in ("name", "first", "base64", "foreign"):
        return (len(needle.text) >= RAW_LETTERS or not raw) and _spelled(needle.text, text, raw)
    if needle.kind == "digits" and len(needle.text) < 10:  # a day, which the digits of some UID may hold by chance
        return re.search(rf"(?<![\d.]){needle.text}(?![\d.])", text) is not None or (not raw and needle.text in compact)
    if needle.kind == "digits":
        return needle.text in text or (not raw and needle.text in compact)
    return needle.text in text


def _spelled(word: str, text: str, raw: bool) -> bool:
    if word in text:
        return True
    if not raw or not word.isascii():
        return False
    return any(spelling in text for spelling in _spellings(word))


def _spellings(word: str) -> Iterator[str]:
    """Hex and base64, folded as the text is: letters of either case count as one."""
    for cased in {word, word.upper(), word.capitalize()}:
        data = cased.encode()
        yield data.hex()
        for shift in range(3):
            packed = base64.b64encode(bytes(shift) + data).decode()
            yield packed[(0, 2, 3)[shift] : len(packed) - 4].casefold()


def _texts(raw: bytes) -> Iterator[tuple[str, str]]:
    """Every text that a file can be read as, folded, by the way of reading."""
    yield from _raw_texts("raw", raw)
    if (body := inflated(raw)) is not None:
        yield from _raw_texts("raw, inflated", body)
    packed = b"\n".join(_unpacked(raw))
    if packed:
        yield "decoded, packed streams", folded(packed.decode("utf-8", "replace"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(DicomBytesIO(raw), force=True)
        yield "decoded values", folded("\n".join(_values(dataset.file_meta)) + "\n" + "\n".join(_values(dataset)))


def _raw_texts(where: str, raw: bytes) -> Iterator[tuple[str, str]]:
    if len(raw) > _FOLDED_BYTES:
        raw = raw[: _FOLDED_BYTES // 2] + raw[-_FOLDED_BYTES // 2 :]
    yield f"{where} as Latin-1", folded(raw.decode("latin-1"))
    yield f"{where} as UTF-8", folded(raw.decode("utf-8", "ignore"))
    yield f"{where} without NUL", folded(raw.replace(b"\0", b"").decode("latin-1"))  # UTF-16, either way
    even = bytearray(raw[: len(raw) // 2 * 2])
    even[0::2], even[1::2] = even[1::2], even[0::2]
    yield f"{where} with bytes swapped", folded(even.decode("latin-1"))


def inflated(raw: bytes) -> bytes | None:
    """The data set of a deflated file; None of another."""
    if DeflatedExplicitVRLittleEndian.encode() not in raw[:1024]:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta = pydicom.filereader.read_file_meta_info(DicomBytesIO(raw)) if raw[128:132] == b"DICM" else None
    if meta is None:
        return None
    start = 144 + meta.FileMetaInformationGroupLength
    packer = zlib.decompressobj(wbits=-15)
    return packer.decompress(raw[start:], 1 << 26) + packer.unused_data


def _unpacked(raw: bytes) -> Iterator[bytes]:
    """What zlib and gzip streams inside the file hold."""
    for number, match in enumerate(_PACKED.finditer(raw)):
        if number == _PACKED_TRIED:
            return
        with suppress(zlib.error):  # bytes that only look like it
            yield zlib.decompressobj(wbits=47).decompress(raw[match.start() : match.start() + _PACKED_BYTES], 65536)


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
