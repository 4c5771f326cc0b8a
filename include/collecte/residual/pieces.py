"""Where a byte of an output stands: the regions of a file, cut into pieces of bounded size.

The DICOM walker here is a second reading of PS3.5 beside the one that makes files safe, written apart from it on
purpose, and it reads bytes: every byte of a file is either the head of an element, or goes out in a piece. What it
cannot follow raises :class:`Unreadable`, and the file is refused.
"""

import re
import warnings
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR

from collecte.residual.source import CHUNK_BYTES, Source, Unreadable


class Region(Enum):
    """How the bytes of a piece are to be read."""

    TEXT = "text"  # a text VR, a text file
    BINARY = "binary"  # may hold text: OB, UN, the preamble, bytes after the last element, files of other kinds
    NUMERIC = "numeric"  # numbers in binary: US, FD, OW…
    PIXEL = "pixel"


class Piece(NamedTuple):
    """Some bytes of a file. ``place`` is where they stand (a tag, a region); ``vr`` the VR, empty outside DICOM.
    ``follows``: they continue the bytes of the piece before."""

    region: Region
    place: str
    vr: str
    data: bytes
    follows: bool = False


class Known:
    """Elements by their bytes, as the files of a series repeat them: ``clean`` ones are passed over, ``met`` is what
    was not. Those alone whose text is read the same way whatever character set the file names.
    """

    def __init__(self, clean: Collection[bytes] = ()) -> None:
        self.clean, self.met = clean, list[bytes]()


# PS3.5 6.1.2.2: those that Specific Character Set governs.
_CODED_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_TEXT_VRS = _CODED_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
_OPAQUE_VRS = frozenset(("OB", "UN"))
_NUMERIC_VRS = frozenset(("AT", "FL", "FD", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"))
# PS3.5 7.1.2: those with lengths of 32 bits.
_LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_VRS = _TEXT_VRS | _OPAQUE_VRS | _NUMERIC_VRS | {"SQ"}
_WRITTEN_VRS = {vr.encode("ascii"): (vr, vr in _LONG_VRS) for vr in _VRS}
_SHORT_VRS = {vr.encode("ascii"): (vr, Region.TEXT if vr in _TEXT_VRS else Region.NUMERIC) for vr in _VRS - _LONG_VRS}
#: Heads of elements with and without VR, and lengths of 32 bits, by byte order.
_STRUCTS = {order: tuple(Struct(order + form) for form in ("HH2sH", "HHL", "L")) for order in "<>"}
#: Tags of the file meta information, and those of a data set between its character set and its pixels.
_META_TAGS, _SHORT_TAGS = range(0x00020000, 0x00030000), range(0x00080006, 0x7FE00000)
#: Bytes of numbers in which no word fits that is looked for.
_SHORTEST = 2
_UNDEFINED = 0xFFFFFFFF
_PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_PLAIN_CHARSETS = frozenset(("", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 6", "ISO 2022 IR 100"))
_PRINTABLE = re.compile(rb"[\t\n\r\f\x20-\x7e\x80-\xff]+[\0 ]*")
_MAX_DEPTH = 64
# PS3.5 6.1.2.5.3: where the character set goes back to the first: at a backslash, and in names at ^ and =.
_DELIMITERS, _PN_DELIMITERS = {0x5C}, {0x5C, 0x5E, 0x3D}


@dataclass(slots=True)
class _Frame:
    """An open level: a sequence or an item. ``end`` is the position after it, None where a delimiter ends it."""

    sequence: bool
    end: int | None
    implicit: bool
    charset: tuple[str, ...]


class _Head(NamedTuple):
    tag: int
    vr: str
    length: int

    @property
    def place(self) -> str:
        return _place(self.tag)


@cache
def _place(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def dicom_pieces(path: Path, known: Known | None = None) -> Iterator[Piece]:
    """The pieces of a DICOM file (PS3.10), in the file's order: preamble, meta, data set, what follows it; without the
    elements that are known to be clean.

    Raises:
        Unreadable: it is no DICOM file that can be followed to its end.
    """
    with path.open("rb", buffering=0) as file:
        source = Source(file)
        if source.peek(132)[128:] == b"DICM":
            yield Piece(Region.BINARY, "preamble", "", source.read(132)[:128])
        syntax = yield from _meta(source)
        if syntax == _DEFLATED:
            source = source.inflated()
        yield from _Walker(source, syntax, known).pieces()
        if behind := source.behind():
            yield Piece(Region.BINARY, "trailing bytes", "", behind)


def file_pieces(path: Path) -> Iterator[Piece]:
    """The pieces of a file of another kind: bytes that may hold text anywhere."""
    follows = False
    with path.open("rb", buffering=0) as file:
        while data := file.read(CHUNK_BYTES):
            yield Piece(Region.BINARY, "bytes", "", data, follows)
            follows = True


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its name or by the prefix of PS3.10 7.1."""
    if path.suffix.lower() in (".dcm", ".dicom"):
        return True
    with path.open("rb", buffering=0) as file:
        return file.read(132)[128:] == b"DICM"


def _meta(source: Source) -> Generator[Piece, None, str]:
    """The pieces of the file meta information (PS3.10 7.1, explicit little endian); returns the transfer syntax UID."""
    syntax = ""
    walker = _Walker(source, "")
    while source.peek(2) == b"\2\0":
        pieces: Iterable[Piece] = walker.run(_META_TAGS)
        if not pieces:
            head = walker.head()
            if head.length > CHUNK_BYTES:
                raise Unreadable
            pieces = walker.value(head)
        for piece in pieces:
            if piece.place == "(0002,0010)":
                syntax = piece.data.rstrip(b"\0 ").decode("ascii", "replace")
            yield piece
    return syntax


class _Walker:
    """A data set, element by element, on an explicit stack (no recursion: depth is the file's choice)."""

    def __init__(self, source: Source, syntax: str, known: Known | None = None) -> None:
        self.source = source
        order = ">" if syntax == _BIG else "<"
        self.known = known if known and order == "<" else Known()
        self.explicit, self.implicit, self.long = _STRUCTS[order]
        self.stack = [_Frame(sequence=False, end=None, implicit=self._implicit(syntax), charset=())]

    def pieces(self) -> Iterator[Piece]:
        while True:
            self._close_full()
            frame = self.stack[-1]
            yield from self.run(_SHORT_TAGS)
            self._close_full()
            if self.stack[-1] is not frame:
                continue
            start = self.source.peek(8)
            if len(start) < 4:
                if len(self.stack) > 1:
                    raise Unreadable
                yield from _trailing(start)
                return
            if frame.sequence:
                self._item()
                continue
            if frame.end is None and len(self.stack) > 1 and len(start) == 8 and self._tag(start) == _ITEM_END:
                self.source.exactly(8)
                self.stack.pop()
                continue
            if start[:4] == b"\0\0\0\0" and len(self.stack) == 1:
                yield from _padding(self.source)
                return
            yield from self._element()

    def run(self, tags: range) -> list[Piece]:
        """The pieces of the elements that come next, have one of these tags, and a length of 16 bits, as most have: as
        many as lie in the bytes at hand. Whatever else comes is left to the long way."""
        source, frame = self.source, self.stack[-1]
        buffer, at = source.buffer, source.at
        last = len(buffer) if frame.end is None else min(len(buffer), at + frame.end - source.position)
        found: list[Piece] = []
        new, unpack, vrs = tuple.__new__, self.explicit.unpack_from, _SHORT_VRS
        clean, met = self.known.clean, self.known.met
        while at + 8 <= last and not (frame.sequence or frame.implicit):
            group, number, code, length = unpack(buffer, at)
            stop, tag = at + 8 + length, group << 16 | number
            if code not in vrs or tag not in tags or stop > last:
                break
            raw = buffer[at:stop]
            at = stop
            if raw in clean:
                continue
            vr, region = vrs[code]
            data = raw[8:]
            if length > (_SHORTEST if region is Region.NUMERIC else 0):
                found.append(new(Piece, (region, _place(tag), vr, data, False)))
                if region is Region.TEXT and not _plain(data):
                    if decoded := _decoded(data, vr, frame.charset):
                        found.append(Piece(region, _place(tag), vr, decoded))
                    continue
            met.append(raw)
        source.skip(at)
        return found

    def head(self) -> _Head:
        """The next element's tag, VR and length."""
        raw = self.source.exactly(8)
        if self.stack[-1].implicit:
            group, number, length = self.implicit.unpack(raw)
            return _Head(group << 16 | number, _implicit_vr(group << 16 | number), length)
        group, number, code, length = self.explicit.unpack(raw)
        vr, long = _WRITTEN_VRS.get(code, ("", False))
        if not vr:
            raise Unreadable
        if long:
            (length,) = self.long.unpack(self.source.exactly(4))
        return _Head(group << 16 | number, vr, length)

    def value(self, head: _Head) -> Iterator[Piece]:
        """The pieces of a value of known length."""
        if head.length > CHUNK_BYTES or head.tag in _PIXEL_TAGS:
            yield from self._long_value(head)
            return
        data = self.source.exactly(head.length)
        if head.tag == 0x00080005:
            self.stack[-1].charset = tuple(term.strip() for term in data.decode("latin-1").split("\\"))
        if data:
            region = _region(head, data)
            yield Piece(region, head.place, head.vr, data)
            if region is Region.TEXT and (decoded := _decoded(data, head.vr, self.stack[-1].charset)):
                yield Piece(region, head.place, head.vr, decoded)

    def _element(self) -> Iterator[Piece]:
        head = self.head()
        if head.tag >> 16 == 0xFFFE or len(self.stack) > _MAX_DEPTH:
            raise Unreadable
        if head.length == _UNDEFINED and head.vr in ("OB", "OW", "OF", "OD"):
            yield from self._fragments(head)
        elif head.length == _UNDEFINED and head.vr not in ("SQ", "UN"):
            raise Unreadable
        elif head.vr == "SQ" or head.length == _UNDEFINED:
            frame = self.stack[-1]
            end = None if head.length == _UNDEFINED else self.source.position + head.length
            # PS3.5 6.2.2, note 2: a UN of undefined length holds a sequence in implicit VR.
            self.stack.append(_Frame(True, end, frame.implicit or head.vr == "UN", frame.charset))
        else:
            yield from self.value(head)

    def _item(self) -> None:
        """The head of the next item of the open sequence, or the delimiter that ends it."""
        tag, length = self._delimiter()
        frame = self.stack[-1]
        if tag == _SEQUENCE_END and frame.end is None:
            self.stack.pop()
        elif tag == _ITEM:
            end = None if length == _UNDEFINED else self.source.position + length
            self.stack.append(_Frame(False, end, frame.implicit, frame.charset))
        else:
            raise Unreadable

    def _close_full(self) -> None:
        """Leave every level whose length is used up; a value that runs over its level's end is no DICOM."""
        while (end := self.stack[-1].end) is not None and self.source.position >= end:
            if self.source.position > end:
                raise Unreadable
            self.stack.pop()

    def _fragments(self, head: _Head) -> Iterator[Piece]:
        """Encapsulated values (PS3.5 A.4): items until the sequence delimiter."""
        while True:
            tag, length = self._delimiter()
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM or length == _UNDEFINED:
                raise Unreadable
            yield from self._long_value(_Head(head.tag, "OB", length))

    def _long_value(self, head: _Head) -> Iterator[Piece]:
        left, follows = head.length, False
        if left == _UNDEFINED:
            raise Unreadable
        while left:
            data = self.source.exactly(min(left, CHUNK_BYTES))
            left -= len(data)
            yield Piece(_region(head, data[:4096]), head.place, head.vr, data, follows)
            follows = True

    def _implicit(self, syntax: str) -> bool:
        """Whether the data set has implicit VRs: as its syntax says, else as its first bytes look."""
        if syntax:
            return syntax == _IMPLICIT
        return self.source.peek(6)[4:].decode("latin-1") not in _VRS

    def _tag(self, data: bytes) -> int:
        group, number, _ = self.implicit.unpack(data)
        return int(group) << 16 | int(number)

    def _delimiter(self) -> tuple[int, int]:
        """Tag and length of an item, or of what ends a sequence."""
        group, number, length = self.implicit.unpack(self.source.exactly(8))
        return group << 16 | number, length


def _region(head: _Head, data: bytes) -> Region:
    if head.tag in _PIXEL_TAGS:
        return Region.PIXEL
    if head.vr in _TEXT_VRS:
        return Region.TEXT
    if head.vr in _OPAQUE_VRS:
        return Region.TEXT if _PRINTABLE.fullmatch(data) else Region.BINARY
    return Region.NUMERIC


def _trailing(data: bytes) -> Iterator[Piece]:
    """Less than a tag at the end: padding, or the file is cut."""
    if data.strip(b"\0"):
        raise Unreadable
    if data:
        yield Piece(Region.BINARY, "trailing bytes", "", data)


def _padding(source: Source) -> Iterator[Piece]:
    """Zeros behind the last element: some writers fill a block. What is not zero there is looked at like the rest."""
    follows = False
    while data := source.read(CHUNK_BYTES):
        yield Piece(Region.BINARY, "trailing bytes", "", data, follows)
        follows = True


@cache
def _implicit_vr(tag: int) -> str:
    """The VR of an element that does not say it (PS3.5 A.1): by the dictionary; unknown ones are opaque bytes."""
    if tag >> 16 & 1 or tag >> 16 == 0xFFFE:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return "UN"
    return vr if vr in _VRS else "OW"  # "US or SS", "OB or OW"


def _plain(data: bytes) -> bool:
    """Whether text is the same in every character set."""
    return data.isascii() and b"\x1b" not in data


def _decoded(data: bytes, vr: str, charset: tuple[str, ...]) -> bytes:
    """The text of a value as UTF-8, where its character set writes letters otherwise than Latin-1 and UTF-8 do."""
    if _plain(data) or vr not in _CODED_VRS or _PLAIN_CHARSETS.issuperset(charset):
        return b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the value
        try:
            encodings = convert_encodings(list(charset))
            text = decode_bytes(data, encodings, _PN_DELIMITERS if vr == "PN" else _DELIMITERS)
        except (LookupError, UnicodeError):
            return b""
    return text.encode("utf-8", "surrogatepass")
