"""How the frames of a file are laid out: its header read by pydicom, whose complaints stop here."""

import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from collecte.silence import silenced

Frame = npt.NDArray[np.generic]

#: Bytes of the largest frame that is decoded.
FRAME_LIMIT = 1 << 28
#: Most bytes that a deflated data set may inflate to, in a temporary file.
_INFLATED_LIMIT = 1 << 32
_CHUNK = 1 << 20

IMPLICIT_LITTLE, EXPLICIT_BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
EXPLICIT_LITTLE, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})

_PIXELS, _FLOAT, _DOUBLE = 0x7FE00010, 0x7FE00008, 0x7FE00009
_UNDEFINED = 0xFFFFFFFF
_KEYWORDS = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("PhotometricInterpretation", "NumberOfFrames", "PlanarConfiguration"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
)
#: What pydicom, numpy and the codecs raise where a file is not as it should be.
BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError),
    *(ValueError, struct.error, zlib.error),
)


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


@dataclass(frozen=True)
class Layout:
    """An image and where its pixel data lie. ``start``: of the pixel element's value in the opened file; ``length`` of
    that value, None where it is in fragments; ``stored``: bits; ``real``: floating point; ``offsets`` and
    ``lengths``: the extended offset table, empty where there is none.
    """

    image: Image
    stored: int
    planar: bool
    real: bool
    vr: str
    little: bool
    start: int
    length: int | None
    offsets: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()

    @property
    def frame_bits(self) -> int:
        """Bits of a native frame of full chroma."""
        return self.image.rows * self.image.columns * self.image.samples * self.image.bits

    @property
    def subsampled(self) -> bool:
        """Whether native pixels share their chroma by two (PS3.3, C.7.6.3.1.2, YBR_FULL_422)."""
        image = self.image
        return (
            self.length is not None
            and (image.photometric, image.samples, image.bits) == ("YBR_FULL_422", 3, 8)
            and self.length < self.frame_bits * image.frames // 8
        )

    @property
    def swapped(self) -> bool:
        """Whether native samples of up to a byte stand in big endian words (PS3.5, clause 8.1.1)."""
        return not self.little and self.vr == "OW" and self.image.bits <= 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the decoded frame, in the machine's byte order."""
        if self.image.bits == 1:
            return np.dtype(np.uint8)
        kind = "f" if self.real else "i" if self.image.signed else "u"
        return np.dtype(f"{kind}{self.image.bits // 8}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the decoded frame."""
        plane = (self.image.rows, self.image.columns)
        return plane if self.image.samples == 1 else (*plane, self.image.samples)


@contextmanager
def undecodable() -> Iterator[None]:
    """Within it, whatever a library raises over a file becomes :class:`Undecodable`, without the library's words."""
    try:
        with silenced():
            yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise Undecodable("The pixel data cannot be decoded.") from None  # pydicom's way to say that bytes are missing
    except BROKEN:
        raise Undecodable("The pixel data cannot be decoded.") from None


def read_layout(file: IO[bytes]) -> tuple[IO[bytes], Layout]:
    """The layout, and the file that its offsets are of: ``file``, or a temporary one of the inflated data set.

    Raises:
        Undecodable: there are no pixels, or the file does not say how they are laid out.
    """
    with undecodable():
        syntax, start = _meta(file)
        if syntax == DEFLATED:
            file, start = _inflated(file, start), 0
        return file, _layout(file, start, syntax)


def _meta(file: IO[bytes]) -> tuple[str, int]:
    """Transfer syntax (empty where none is given), and where the data set begins (PS3.10, clause 7)."""
    start = 132 if file.read(132)[128:] == b"DICM" else 0
    syntax = ""
    while True:
        file.seek(start)
        head = file.read(12)
        if head[:2] != b"\x02\x00":
            return syntax, start
        element, vr = head[2:4], head[4:6]
        if vr in (b"OB", b"UN", b"OW", b"SQ", b"UT"):
            size, value = struct.unpack_from("<L", head, 8)[0], start + 12
        elif vr.isalpha():
            size, value = struct.unpack_from("<H", head, 6)[0], start + 8
        else:
            size, value = struct.unpack_from("<L", head, 4)[0], start + 8
        if element == b"\x10\x00":
            file.seek(value)
            syntax = file.read(min(size, 64)).strip(b"\0 ").decode("ascii")
        start = value + size


def _inflated(file: IO[bytes], start: int) -> IO[bytes]:
    """The deflated data set (PS3.5, annex A.5) in an unnamed temporary file."""
    target = tempfile.TemporaryFile()  # noqa: SIM115 closed by whoever opened the image
    stream, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    file.seek(start)
    while not stream.eof:
        packed = stream.unconsumed_tail or file.read(_CHUNK)
        part = stream.decompress(packed, _CHUNK)
        total += target.write(part)
        if total > _INFLATED_LIMIT:
            raise ValueError
        if not packed and not part:
            break
    return target


def _layout(file: IO[bytes], start: int, syntax: str) -> Layout:
    from pydicom.filereader import read_dataset
    from pydicom.tag import BaseTag, Tag

    file.seek(start)
    head = file.read(8)
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    big = syntax == EXPLICIT_BIG or (not syntax and explicit and head[:1] == b"\0" != head[1:2])
    file.seek(start)

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        return int(tag) in (_PIXELS, _FLOAT, _DOUBLE)

    header = read_dataset(
        file,  # type: ignore[arg-type]
        is_implicit_VR=not explicit,
        is_little_endian=not big,
        stop_when=at_pixels,
        specific_tags=[Tag(keyword) for keyword in _KEYWORDS],
    )
    tag, vr, length = _pixel_head(file, ">" if big else "<", explicit)
    bits = {_FLOAT: 32, _DOUBLE: 64}.get(tag) or int(header.BitsAllocated)
    image = Image(
        frames=max(int(header.get("NumberOfFrames") or 1), 1),
        rows=int(header.Rows),
        columns=int(header.Columns),
        samples=int(header.get("SamplesPerPixel") or 1),
        bits=bits,
        signed=tag == _PIXELS and int(header.get("PixelRepresentation") or 0) == 1,
        photometric=str(header.get("PhotometricInterpretation") or "").strip(),
        transfer_syntax=syntax or (EXPLICIT_BIG if big else EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE),
    )
    if not image.rows or not image.columns or bits not in (1, 8, 16, 32, 64):
        raise ValueError
    return Layout(
        image=image,
        stored=min(int(header.get("BitsStored") or bits), bits),
        planar=image.samples > 1 and int(header.get("PlanarConfiguration") or 0) == 1,
        real=tag != _PIXELS,
        vr=vr,
        little=not big,
        start=file.tell(),
        length=None if length == _UNDEFINED else length,
        offsets=_longs(header.get("ExtendedOffsetTable")),
        lengths=_longs(header.get("ExtendedOffsetTableLengths")),
    )


def _pixel_head(file: IO[bytes], order: str, explicit: bool) -> tuple[int, str, int]:
    """Tag, VR and length of the pixel element; the file stands at its value afterwards."""
    head = file.read(8)
    group, element = struct.unpack_from(f"{order}HH", head)
    tag = group << 16 | element
    if tag not in (_PIXELS, _FLOAT, _DOUBLE):
        raise ValueError
    if explicit and head[4:6].isalpha():
        return tag, head[4:6].decode("ascii"), struct.unpack(f"{order}L", file.read(4))[0]
    return tag, "", struct.unpack_from(f"{order}L", head, 4)[0]


def _longs(raw: object) -> tuple[int, ...]:
    return struct.unpack(f"<{len(raw) // 8}Q", raw[: len(raw) // 8 * 8]) if isinstance(raw, bytes) else ()
