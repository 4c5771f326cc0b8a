"""Encapsulated pixel data as places in a file: its fragments, and which of them make up each frame (PS3.5, annex A.4).

Only item headers are read; no fragment is.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from collecte.frames._layout import Layout, Undecodable

_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
#: Most fragments that are looked at.
_FRAGMENT_LIMIT = 1 << 24
#: Longest basic offset table that is looked at, in bytes.
_TABLE_LIMIT = 1 << 24
#: The last bytes of a fragment, within which a codestream ends (padding may follow).
_TAIL = 10
_END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class Fragments:
    """``offsets``: of each fragment's item, from the first one's (as offset tables count); ``lengths`` of their values;
    ``first``: the first fragment of each frame, and one more for the end; ``base``: where the first item lies.
    """

    base: int
    offsets: Sequence[int]
    lengths: Sequence[int]
    first: Sequence[int]
    table: tuple[int, ...]

    def of(self, number: int) -> list[tuple[int, int]]:
        """Where the values of a frame's fragments lie: offset in the file, length."""
        return [
            (self.base + self.offsets[index] + 8, self.lengths[index])
            for index in range(self.first[number], self.first[number + 1])
        ]


def find_fragments(file: IO[bytes], layout: Layout) -> Fragments:
    """Cut the pixel data into fragments and frames: by the extended offset table, the basic one, one fragment a frame,
    or where codestreams end; whichever fits first.

    Raises:
        Undecodable: none of them fits, or these are no fragments.
    """
    file.seek(layout.start)
    order = "<" if layout.little else ">"
    table = _basic_table(file, order)
    base = file.tell()
    offsets, lengths = _items(file, order)
    first = _first(file, layout, base, offsets, lengths, table)
    return Fragments(base, offsets, lengths, first, table)


def _head(file: IO[bytes], order: str) -> tuple[int, int]:
    head = file.read(8)
    if len(head) < 8:
        raise Undecodable("The pixel data end too early.")
    group, element, length = struct.unpack(f"{order}HHL", head)
    return group << 16 | element, length


def _basic_table(file: IO[bytes], order: str) -> tuple[int, ...]:
    tag, length = _head(file, order)
    if tag != _ITEM or length > _TABLE_LIMIT:
        raise Undecodable("The pixel data do not begin with an offset table.")
    raw = file.read(length)
    return struct.unpack(f"{order}{len(raw) // 4}L", raw[: len(raw) // 4 * 4])


def _items(file: IO[bytes], order: str) -> tuple["array[int]", "array[int]"]:
    offsets, lengths = array("Q"), array("Q")
    base = file.tell()
    end = file.seek(0, 2)
    position = base
    while True:
        file.seek(position)
        tag, length = _head(file, order)
        if tag == _SEQUENCE_END:
            return offsets, lengths
        if tag != _ITEM or position + 8 + length > end or len(offsets) == _FRAGMENT_LIMIT:
            raise Undecodable("The pixel data are no sequence of fragments.")
        offsets.append(position - base)
        lengths.append(length)
        position += 8 + length


def _first(
    file: IO[bytes],
    layout: Layout,
    base: int,
    offsets: "array[int]",
    lengths: "array[int]",
    table: tuple[int, ...],
) -> "array[int]":
    frames = layout.image.frames
    for starts in (layout.offsets, table):
        if len(starts) == frames and (first := _by_table(starts, offsets)) is not None:
            return first
    if len(offsets) == frames:
        return array("Q", range(frames + 1))
    if frames == 1 and offsets:
        return array("Q", [0, len(offsets)])
    first = _by_ends(file, base, offsets, lengths)
    if len(first) != frames + 1:
        raise Undecodable("The fragments do not make up the frames.")
    return first


def _by_table(starts: Sequence[int], offsets: "array[int]") -> "array[int] | None":
    """None where the table is wrong: an offset that is no item's, or that does not come after the one before it."""
    first = array("Q")
    for start in starts:
        index = bisect_left(offsets, start)
        if index == len(offsets) or offsets[index] != start or index < len(first) or (first and index <= first[-1]):
            return None
        first.append(index)
    if not first or first[0] != 0:
        return None
    first.append(len(offsets))
    return first


def _by_ends(file: IO[bytes], base: int, offsets: "array[int]", lengths: "array[int]") -> "array[int]":
    first = array("Q", [0])
    for index, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
        tail = min(length, _TAIL)
        file.seek(base + offset + 8 + length - tail)
        if _END_OF_IMAGE in file.read(tail) or index == len(offsets) - 1:
            first.append(index + 1)
    return first
