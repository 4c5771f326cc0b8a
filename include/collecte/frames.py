"""The decoded frames of a DICOM file's pixel data, one at a time: what is shown, whatever compresses it.

Used by whoever looks at pixels: the hash of what an image shows, the masking of text, the search for text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.generic]


class Undecodable(Exception):
    """The pixel data cannot be decoded. Its text says nothing of what the file holds."""


@dataclass(frozen=True)
class Image:
    """How the frames of a file are laid out. ``bits`` allocated; ``photometric`` as the file names it."""

    frames: int
    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool
    photometric: str
    transfer_syntax: str


def image(path: Path) -> Image:
    """The layout of a file's frames.

    Raises:
        Undecodable: it has none, or does not say how they are laid out.
        OSError: the file cannot be read.
    """
    raise NotImplementedError


def frames(path: Path, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, Frame]]:
    """Frames by number (from 0; None: all, in order) as stored: rows × columns, or rows × columns × samples; colours
    as ``photometric`` says, not converted. One frame is in memory at a time.

    Raises:
        Undecodable: a frame cannot be decoded.
        OSError: the file cannot be read.
    """
    raise NotImplementedError
