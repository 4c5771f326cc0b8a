"""Rectangles painted over in encapsulated frames: those are encoded again, the fragments of all others pass."""

import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collecte.formats.dicom._elements import ITEM, SEQUENCE_END
from collecte.formats.dicom._paint import Paint
from collecte.frames import Reader, encode
from collecte.records import Box

_CHUNK = 1 << 20
_OFFSET_LIMIT = 1 << 32
_ITEM_HEAD = struct.Struct("<HHL")


@dataclass(frozen=True)
class Tables:
    """Where each frame begins, from the first fragment's item, and how many bytes its codestream has."""

    offsets: Sequence[int]
    lengths: Sequence[int]

    @property
    def basic(self) -> bytes:
        """The basic offset table; empty where it cannot hold the offsets (PS3.5, annex A.4)."""
        if self.offsets[-1] >= _OFFSET_LIMIT:
            return b""
        return struct.pack(f"<{len(self.offsets)}L", *self.offsets)

    @property
    def extended_offsets(self) -> bytes:
        return struct.pack(f"<{len(self.offsets)}Q", *self.offsets)

    @property
    def extended_lengths(self) -> bytes:
        return struct.pack(f"<{len(self.lengths)}Q", *self.lengths)


def masked_fragments(
    reader: Reader, boxes: Mapping[int, Sequence[Box]], paint: Paint, scratch: Path
) -> tuple[Tables, Iterator[bytes]]:
    """The tables, and the value of the pixel element with them. The frames encoded anew wait in an unnamed file in
    ``scratch``: tables come before frames.

    Raises:
        Undecodable: now: a frame cannot be decoded or encoded.
    """
    fresh = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 the iterator closes it
    places: dict[int, tuple[int, int]] = {}
    try:
        for number in sorted(boxes):
            frame = reader.frame(number).copy()
            paint.over(frame, boxes[number])
            data = encode(frame, reader.stored(number), reader.layout)
            places[number] = fresh.tell(), len(data)
            fresh.write(data + b"\0" * (len(data) & 1))
    except BaseException:
        fresh.close()
        raise
    tables = _tables(reader, places)
    return tables, _body(reader, tables, fresh, places)


def _tables(reader: Reader, fresh: Mapping[int, tuple[int, int]]) -> Tables:
    known = reader.layout.lengths
    offsets: list[int] = []
    lengths: list[int] = []
    position = 0
    for number in range(reader.layout.image.frames):
        offsets.append(position)
        if number in fresh:
            length = fresh[number][1]
            position += 8 + length + (length & 1)
        else:
            sizes = [size for _, size in reader.fragments.of(number)]
            length = known[number] if len(known) == reader.layout.image.frames else sum(sizes)
            position += sum(8 + size for size in sizes)
        lengths.append(length)
    return Tables(offsets, lengths)


def _body(reader: Reader, tables: Tables, fresh: IO[bytes], places: Mapping[int, tuple[int, int]]) -> Iterator[bytes]:
    with fresh:
        table = tables.basic if reader.fragments.table else b""
        yield _head(ITEM, len(table)) + table
        for number in range(reader.layout.image.frames):
            if number in places:
                offset, length = places[number]
                fresh.seek(offset)
                data = fresh.read(length + (length & 1))
                yield _head(ITEM, len(data)) + data
                continue
            for offset, size in reader.fragments.of(number):
                yield _head(ITEM, size)
                for position in range(offset, offset + size, _CHUNK):
                    yield reader.read(position, min(_CHUNK, offset + size - position))
        yield _head(SEQUENCE_END, 0)


def _head(tag: int, length: int) -> bytes:
    return _ITEM_HEAD.pack(tag >> 16, tag & 0xFFFF, length)
