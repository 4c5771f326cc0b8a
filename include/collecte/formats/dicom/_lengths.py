"""Bulk values of which other attributes say how long they are: what stands behind that is no part of them, and goes."""

from collections.abc import Iterable, Mapping

from collecte.formats.dicom._elements import Element, Encoding

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


def longest(data: bytes, elements: Iterable[Element], encoding: Encoding) -> dict[int, int]:
    """How many bytes those of :data:`TAGS` that stand here may have, where that is said.

    Args:
        data: the bytes that the elements were found in.
        elements: of one data set or item.
        encoding: of these elements.
    """
    found = {element.tag: element for element in elements}
    lengths = {}
    for tag, descriptor in _DESCRIPTORS.items():
        if tag in found and descriptor in found:
            entries, _, bits = _numbers(data, found, (descriptor,), encoding, of_each=3)
            there = found[tag].end - found[tag].value
            entries = entries or 1 << 16
            # Tables of 8 bits are met with a byte an entry and with two.
            lengths[tag] = entries + (entries & 1) if bits == 8 and there < 2 * entries else 2 * entries
    if _WAVEFORM_DATA in found and found.keys() >= set(_WAVEFORM):
        channels, samples, bits = _numbers(data, found, _WAVEFORM, encoding, of_each=1)
        length = channels * samples * ((bits + 7) // 8)
        lengths[_WAVEFORM_DATA] = length + (length & 1)
    return lengths


def _numbers(
    data: bytes, found: Mapping[int, Element], tags: Iterable[int], encoding: Encoding, *, of_each: int
) -> tuple[int, int, int]:
    """Three numbers of VR US, or UL where they are longer: one of each of three attributes, or all of one."""
    order = "little" if encoding.little else "big"
    raws = [data[found[tag].value : found[tag].end] for tag in tags]
    if of_each == 3:
        raws = [raws[0][at : at + 2] for at in (0, 2, 4)]
    first, second, third = (int.from_bytes(raw[:4], order) for raw in raws)  # type: ignore[arg-type]
    return first, second, third
