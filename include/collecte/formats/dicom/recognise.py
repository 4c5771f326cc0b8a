"""Is it mine? By the prefix of PS3.10, or, for files that lost it, by the form of the first elements."""

from struct import Struct

_HEADERS = (Struct("<HH2sH"), Struct(">HH2sH"))
_IMPLICIT = Struct("<HHL")
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
#: A first element of a data set is one of group 0008's first, or the length of group 0002 or 0008.
_FIRST_ELEMENTS = range(0x0000, 0x0019)


def recognise(head: bytes, suffix: str) -> bool:
    """Whether a file is DICOM.

    Args:
        head: its first bytes.
        suffix: not looked at: exports of scanners name their files as they like.
    """
    del suffix
    return head[128:132] == b"DICM" or head[:4] == b"DICM" or _looks_bare(head)


def _looks_bare(head: bytes) -> bool:
    """Two elements in ascending order from the beginning, without preamble and prefix."""
    first = _element(head, 0)
    if first is None or first[0] >> 16 not in (0x0002, 0x0008) or first[0] & 0xFFFF not in _FIRST_ELEMENTS:
        return False
    second = _element(head, first[1])
    return second is not None and first[0] < second[0] and second[0] >> 16 in (0x0002, 0x0008)


def _element(head: bytes, position: int) -> tuple[int, int] | None:
    """Tag of the element at a position, and where it ends; None where none can be."""
    raw = head[position : position + 8]
    if len(raw) < 8:
        return None
    for header in _HEADERS:
        group, number, vr, length = header.unpack(raw)
        if vr in _VRS and group in (0x0002, 0x0008):
            return group << 16 | number, position + 8 + length
    if raw[4:6] == b"OB":
        return 0x00020001, position + 12 + int.from_bytes(head[position + 8 : position + 12], "little")
    group, number, length = _IMPLICIT.unpack(raw)
    return (group << 16 | number, position + 8 + length) if length <= 1024 and not length & 1 else None
