"""An opened file, of which any frame can be had: decoded, or as it is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from collecte.frames._codecs import decode
from collecte.frames._fragments import Fragments, find_fragments
from collecte.frames._layout import FRAME_LIMIT, NATIVE, Frame, Layout, Undecodable, read_layout, undecodable


@dataclass(frozen=True)
class Reader:
    """Frames of one file, which stays open as long as :func:`opened` is not left."""

    file: IO[bytes]
    layout: Layout

    @cached_property
    def fragments(self) -> Fragments:
        """Where encapsulated frames lie.

        Raises:
            Undecodable: they cannot be told apart.
        """
        return find_fragments(self.file, self.layout)

    def frame(self, number: int) -> Frame:
        """One decoded frame.

        Raises:
            Undecodable: it cannot be decoded, is too large, or is not there.
        """
        layout = self.layout
        if not 0 <= number < layout.image.frames:
            raise Undecodable("There is no such frame.")
        if layout.frame_bits > FRAME_LIMIT * 8:
            raise Undecodable("A frame is larger than any that is decoded.")
        native = layout.image.transfer_syntax in NATIVE
        if native != (layout.length is not None):
            raise Undecodable("The pixel data are not stored as the transfer syntax says.")
        if native:
            with undecodable():
                return self._native(number)
        data = self.stored(number)
        with undecodable():
            return decode(data, layout)

    def stored(self, number: int) -> bytes:
        """The bytes of one encapsulated frame, its fragments joined.

        Raises:
            Undecodable: it is too large, or not there.
        """
        places = self.fragments.of(number)
        if sum(length for _, length in places) > FRAME_LIMIT:
            raise Undecodable("A frame is larger than any that is decoded.")
        return b"".join(self.read(offset, length) for offset, length in places)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file.

        Raises:
            Undecodable: it ends before them.
        """
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) < length:
            raise Undecodable("The pixel data end too early.")
        return data

    def _native(self, number: int) -> Frame:
        layout = self.layout
        bits = layout.frame_bits * 2 // 3 if layout.subsampled else layout.frame_bits
        first, end = number * bits, (number + 1) * bits
        data = self._bytes(first // 8, (end + 7) // 8)
        if layout.image.bits == 1:
            flat: Frame = np.unpackbits(data, bitorder="little")[first % 8 :][:bits]
        elif layout.subsampled:
            return _full_chroma(data, layout)
        else:
            flat = data.view(layout.dtype.newbyteorder("<" if layout.little else ">")).astype(layout.dtype, copy=False)
        if layout.planar:
            samples, *plane = layout.shape[-1], *layout.shape[:2]
            return np.ascontiguousarray(np.moveaxis(flat.reshape(samples, *plane), 0, -1))
        return flat.reshape(layout.shape)

    def _bytes(self, first: int, end: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
        """Bytes of native pixel data. Big endian 16-bit words of smaller samples are swapped (PS3.5, clause 8.1.1)."""
        layout = self.layout
        length = layout.length or 0
        start = first - first % 2 if layout.swapped else first
        stop = min(end + end % 2, length) if layout.swapped else end
        if end > length:
            raise Undecodable("The pixel data end too early.")
        data = np.frombuffer(self.read(layout.start + start, stop - start), np.uint8)
        if layout.swapped:
            data = np.pad(data, (0, len(data) % 2)).view(np.uint16).byteswap().view(np.uint8)
        return data[first - start :][: end - first]


def _full_chroma(data: "np.ndarray[tuple[int], np.dtype[np.uint8]]", layout: Layout) -> Frame:
    """Y1 Y2 Cb Cr, for two pixels, as Y Cb Cr for each."""
    pairs = data.reshape(-1, 4)
    full = np.empty((len(pairs), 2, 3), np.uint8)
    full[:, 0, 0], full[:, 1, 0] = pairs[:, 0], pairs[:, 1]
    full[:, :, 1], full[:, :, 2] = pairs[:, 2:3], pairs[:, 3:4]
    return full.reshape(layout.shape)


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open a file for the frames in it.

    Raises:
        Undecodable: it has no pixels, or does not say how they are laid out.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        held, layout = read_layout(file)
        try:
            yield Reader(held, layout)
        finally:
            held.close()
