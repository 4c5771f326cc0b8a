"""The decoded frames of a DICOM file's pixel data, one at a time: what is shown, whatever compresses it.

Used by whoever looks at pixels: the hash of what an image shows, the masking of text, the search for text. pydicom
reads the header, imagecodecs has the codecs of the JPEG family, numpy reads native pixels (PS3.5, clause 8, annex A).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from collecte.frames._encode import encode
from collecte.frames._layout import FRAME_LIMIT, Frame, Image, Layout, Undecodable, undecodable
from collecte.frames._reader import Reader, opened

__all__ = [
    "FRAME_LIMIT",
    "Frame",
    "Image",
    "Layout",
    "Reader",
    "Undecodable",
    "encode",
    "frames",
    "image",
    "opened",
    "undecodable",
]


def image(path: Path) -> Image:
    """The layout of a file's frames.

    Raises:
        Undecodable: it has none, or does not say how they are laid out.
        OSError: the file cannot be read.
    """
    with opened(path) as reader:
        return reader.layout.image


def frames(path: Path, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, Frame]]:
    """Frames by number (from 0; None: all, in order) as stored: rows × columns, or rows × columns × samples, in the
    machine's byte order; bits of a bitmap as 0 and 1. One frame is in memory at a time.

    Colours are as ``photometric`` says, not converted, with two exceptions: decoding JPEG 2000 undoes YBR_RCT and
    YBR_ICT to RGB, and YBR_FULL_422 comes with as many chroma samples as pixels.

    Raises:
        Undecodable: a frame cannot be decoded, is larger than :data:`FRAME_LIMIT`, or is not there.
        OSError: the file cannot be read.
    """
    with opened(path) as reader:
        for number in range(reader.layout.image.frames) if numbers is None else numbers:
            yield number, reader.frame(number)
