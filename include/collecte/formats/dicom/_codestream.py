"""What compressed pixel data say beside the image is blanked as they pass: comments, application segments, thumbnails,
boxes, and whatever lies behind the end of a codestream.

In place: not a byte is added or taken away, so offset tables stay true, and nothing waits for the end. Entropy-coded
data are skipped, not decoded.
"""

import struct
from collections import deque
from collections.abc import Mapping
from itertools import pairwise

from collecte.formats.dicom._j2k_stream import j2k, j2k_part_2
from collecte.formats.dicom._jpeg_stream import jpeg, jpeg_ls
from collecte.formats.dicom._plain_stream import deflated, rle, rle_frame, uncompressed
from collecte.formats.dicom._source import Sink
from collecte.formats.dicom._stream import Parser, Stream, broken

_UNCOMPRESSED, _DEFLATED = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1"
_RLE = "1.2.840.10008.1.2.5"
_PARSERS: Mapping[str, Parser] = {
    **{f"1.2.840.10008.1.2.4.{number}": jpeg for number in (50, 51, 53, 55, 57, 70)},
    **{f"1.2.840.10008.1.2.4.{number}": jpeg_ls for number in (80, 81)},
    **{f"1.2.840.10008.1.2.4.{number}": j2k for number in (90, 91, 201, 202, 203)},
    **{f"1.2.840.10008.1.2.4.{number}": j2k_part_2 for number in (92, 93)},
}


class Cleaner:
    """Takes the items of encapsulated pixel data after the offset table, and writes them cleaned.

    Args:
        transfer_syntax: one of those in fragments.
        frames: how many there are, by the header; more are refused, as nobody would look at them.
        frame_bytes: of a decoded frame; None where the header does not say.
        sink: takes the output.
        pixel_bytes: of one pixel, as many as a frame of RLE has segments; None: any number.
    """

    def __init__(
        self, transfer_syntax: str, frames: int, frame_bytes: int | None, sink: Sink, pixel_bytes: int | None = None
    ) -> None:
        self._stream = Stream()
        self._steps = _parser(transfer_syntax, frames, frame_bytes, pixel_bytes)(self._stream)
        self._frames = frames
        self._sink = sink
        self._headers: deque[tuple[int, bytes]] = deque()
        self._announced = self._written = 0

    def item(self, header: bytes, length: int) -> None:
        """A fragment begins; ``header``: the bytes of its item's tag and length."""
        self._headers.append((self._announced, header))
        self._announced += length
        self._stream.fragment(length)
        if not length:  # no bytes of it will come
            self._step()

    def feed(self, data: bytes | memoryview) -> None:
        """Bytes of that fragment.

        Raises:
            Refusal: the structure cannot be followed.
        """
        self._stream.give(data)
        self._step()

    def end(self) -> None:
        """No more fragments come.

        Raises:
            Refusal: the last one ends where it must not.
        """
        self._stream.end()
        self._step()
        if self._written != self._announced or not self._stream.frames:
            raise broken()

    def _step(self) -> None:
        next(self._steps, None)
        if self._stream.frames > self._frames:
            raise broken()
        data = self._stream.taken()
        while self._headers and self._headers[0][0] <= self._written + len(data):
            offset, header = self._headers.popleft()
            if part := data[: offset - self._written]:
                self._sink(part)
            self._sink(header)
            data, self._written = data[offset - self._written :], offset
        if data:
            self._sink(data)
            self._written += len(data)
        self._stream.settle()


def _parser(transfer_syntax: str, frames: int, frame_bytes: int | None, pixel_bytes: int | None) -> Parser:
    if parser := _PARSERS.get(transfer_syntax):
        return parser
    if frame_bytes is None or transfer_syntax not in (_UNCOMPRESSED, _DEFLATED, _RLE):
        raise broken()
    if transfer_syntax == _RLE:
        return (rle_frame if frames == 1 else rle)(frame_bytes, pixel_bytes)
    return (uncompressed if transfer_syntax == _UNCOMPRESSED else deflated)(frame_bytes)


def offset_table(raw: bytes, frames: int) -> bytes:
    """A basic offset table if it is one (PS3.5, annex A.4): an offset for each frame, the first of them 0, each behind
    the one before it; else nothing, and readers find the frames without it.
    """
    if len(raw) != 4 * frames:
        return b""
    offsets = struct.unpack(f"<{frames}L", raw)
    rising = all(before < after for before, after in pairwise(offsets))
    return raw if offsets[0] == 0 and rising and not any(offset & 1 for offset in offsets) else b""
