"""Bulk values of which other attributes say how long they are: what stands behind that is no part of them, and goes; so
does all of it where nothing says, or where a table is made of words."""

import re
from collections.abc import Iterable
from itertools import pairwise

from collecte.formats.dicom._elements import Element, Encoding

#: NumberOfWaveformChannels, NumberOfWaveformSamples, WaveformBitsAllocated (PS3.3, C.10.9).
_WAVEFORM_DATA, _WAVEFORM = 0x54001010, (0x003A0005, 0x003A0010, 0x54001004)
#: Data of a look-up table, and its descriptor (PS3.3, C.7.6.3.1.5 and C.11.1.1).
_DESCRIPTORS = {
    0x00281201: 0x00281101,
    0x00281202: 0x00281102,
    0x00281203: 0x00281103,
    0x00281204: 0x00281104,
    0x00283006: 0x00283002,
}
TAGS = frozenset((_WAVEFORM_DATA, *_DESCRIPTORS))
#: Twelve letters in a row, and how far they lie apart in the alphabet where they are a word's.
_LETTERS, _JUMP = re.compile(rb"[A-Za-z][A-Za-z^ ]{11,}"), 5


def longest(data: bytes, elements: Iterable[Element], encoding: Encoding) -> dict[int, int]:
    """How many bytes those of :data:`TAGS` that stand here may have; none where that is not said.

    Args:
        data: the bytes that the elements were found in.
        elements: of one data set or item.
        encoding: of these elements.
    """
    found = {element.tag: element for element in elements}

    def number(tag: int, at: int = 0, size: int = 4) -> int:
        raw = data[found[tag].value : found[tag].end][at : at + size]
        return int.from_bytes(raw, "little" if encoding.little else "big")

    lengths = dict.fromkeys(TAGS & found.keys(), 0)
    for tag, descriptor in _DESCRIPTORS.items():
        if tag in found and descriptor in found:
            entries, bits = number(descriptor, 0, 2) or 1 << 16, number(descriptor, 4, 2)
            there = found[tag].end - found[tag].value
            # Tables of 8 bits are met with a byte an entry and with two.
            length = entries + (entries & 1) if bits == 8 and there < 2 * entries else 2 * entries
            words = is_rough(data[found[tag].value : found[tag].end][:length])
            lengths[tag] = 0 if words else length
    if _WAVEFORM_DATA in found and found.keys() >= set(_WAVEFORM):
        channels, samples, bits = map(number, _WAVEFORM)
        length = channels * samples * ((bits + 7) // 8)
        lengths[_WAVEFORM_DATA] = length + (length & 1)
    return lengths


def is_rough(raw: bytes) -> bool:
    """Whether letters in a row jump as those of words do, and the numbers of a table, of one byte or two, do not."""
    return any(all(_jump(run[0][half::2]) for half in (0, 1)) for run in _LETTERS.finditer(raw))


def _jump(run: bytes) -> bool:
    return sum(abs(a - b) for a, b in pairwise(run)) >= _JUMP * (len(run) - 1)
