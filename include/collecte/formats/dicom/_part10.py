"""Opens a DICOM file: preamble, file meta information, transfer syntax, header (PS3.10, clause 7)."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collecte.formats.dicom._elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    TOP_LIMIT,
    Element,
    Encoding,
    Header,
    Item,
    items_of,
    read_element,
    read_header,
    read_short,
)
from collecte.formats.dicom._source import Short, Source, Whole, inflated, opened
from collecte.formats.dicom._tables import transfer_syntaxes
from collecte.formats.dicom._uids import told_uid
from collecte.formats.dicom._wall import Refusal, unreadable

EXPLICIT_LITTLE_UID = "1.2.840.10008.1.2.1"
_OF_ENCODING = {
    EXPLICIT_LITTLE: EXPLICIT_LITTLE_UID,
    IMPLICIT_LITTLE: "1.2.840.10008.1.2",
    EXPLICIT_BIG: "1.2.840.10008.1.2.2",
}
_META_GROUP, _META_TRANSFER_SYNTAX = range(2, 3), 0x00020010
#: MediaStorageSOPClassUID and MediaStorageSOPInstanceUID, and what the data set calls them (PS3.10, 7.1).
_META_UIDS = {0x00020002: 0x00080016, 0x00020003: 0x00080018, _META_TRANSFER_SYNTAX: _META_TRANSFER_SYNTAX}
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Dicom:
    """An open file: its header's bytes and elements; ``source`` goes on with the pixels. IDENTIFYING.

    ``output_encoding`` and ``transfer_syntax`` are those of the output: the source's own, or Explicit VR Little
    Endian in place of deflated, so that whoever searches the output's bytes sees its text. ``media``: SOP class and
    instance as the file meta information has them, by the data set's tags.
    """

    path: Path
    source: Source
    data: bytes
    header: Header
    encoding: Encoding
    output_encoding: Encoding
    transfer_syntax: str
    fragments: bool
    whole: Whole | None = None
    media: Mapping[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Dicom(…)"

    def raw(self, tag: int) -> bytes:
        """The value of a top-level element as it stands; empty where there is none."""
        element = self.header.elements.get(tag)
        return b"" if element is None else self.data[element.value : element.end]

    def word(self, tag: int) -> str:
        """The first value of a UID, code or number in text; empty where there is none. SOP class and instance are those
        of the file meta information where the data set does not say.
        """
        return self.raw(tag).partition(b"\\")[0].strip(b"\0 ").decode("latin-1") or self.media.get(tag, "")

    def number(self, tag: int) -> int | None:
        """The first value of VR US."""
        raw = self.raw(tag)
        return int.from_bytes(raw[:2], "little" if self.encoding.little else "big") if len(raw) >= 2 else None

    def items(self, tag: int) -> tuple[Item, ...]:
        """The items of a top-level sequence."""
        element = self.header.elements.get(tag)
        return self.items_of(element) if element else ()

    def items_of(self, element: Element) -> tuple[Item, ...]:
        """The items of a top-level sequence; empty where it is none."""
        return items_of(self.data, element, self.encoding) or ()

    def read_all(self) -> None:
        """Read the items of each sequence.

        Raises:
            Refusal: they are no DICOM.
        """
        for element in self.header.elements.values():
            self.items_of(element)

    def value(self, element: Element) -> bytes:
        return self.data[element.value : element.end]

    def sha256(self) -> str:
        """SHA-256 (hex) of the file; the rest of it is read now. Empty where it was not opened for that."""
        return self.whole.sha256() if self.whole else ""

    def digest(self) -> str:
        """SHA-256 (hex) of the file, by a reading of its own: for what must be known before the pixels pass.

        Raises:
            OSError: it cannot be read.
        """
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened_dicom(path: Path, *, hashed: bool = False) -> Iterator[Dicom]:
    """Open a file and read its header; ``hashed``: :meth:`Dicom.sha256` will be asked for.

    Raises:
        Refusal: it is no DICOM that can be read, it ends too early, or its transfer syntax is not covered.
        OSError: the file cannot be read.
    """
    with opened(path, hashed=hashed) as (source, whole):
        start = _start(source.head)
        meta, position = _meta(source, start)
        uid = meta.get(_META_TRANSFER_SYNTAX, "")
        layout, fragments = _layout(uid)
        if layout == "deflated":
            source, position, uid = inflated(source, position), 0, EXPLICIT_LITTLE_UID
        encoding = _encoding(source.head, position, layout)
        # Compressed images whose header is written in implicit VR are met; they leave as the standard wants them.
        output = EXPLICIT_LITTLE if fragments else encoding
        uid = uid if fragments else _OF_ENCODING[encoding]
        try:
            header = _grown(source, position, encoding)
        except Refusal:
            if _MEDIA_STORAGE_DIRECTORY in source.head[start:position]:
                raise Refusal("DICOM-DIRECTORY") from None
            raise
        media = {tag: value for tag, value in meta.items() if _UID.fullmatch(value)}
        yield Dicom(path, source, source.head, header, encoding, output, uid, fragments, whole, media)


def _start(head: bytes) -> int:
    """Where the file meta information or, without one, the data set begins."""
    if head[128:132] == b"DICM":
        return 132
    return 4 if head[:4] == b"DICM" else 0


def _meta(source: Source, position: int) -> tuple[dict[int, str], int]:
    """The UIDs of SOP class, instance and transfer syntax, and where the data set begins. The group's own length is not
    trusted: some devices leave it out, others count wrongly."""
    found: list[Element] = []
    while True:
        position = read_short(source.head, position, len(source.head), EXPLICIT_LITTLE, _META_GROUP, found)
        if _at_hand(source, position)[:2] != b"\x02\x00":
            break
        if len(found) > TOP_LIMIT:
            raise unreadable()
        encoding = EXPLICIT_LITTLE if source.head[position + 4 : position + 6].isalpha() else IMPLICIT_LITTLE
        try:
            found.append(read_element(source.head, position, encoding))
        except Short:
            if source.complete:
                raise Refusal("DICOM-TRUNCATED") from None
            source.grow()
        else:
            position = found[-1].end
    if position >= len(source.head):
        raise Refusal("DICOM-TRUNCATED")
    values = {_META_UIDS[e.tag]: source.head[e.value : e.end] for e in found if e.tag in _META_UIDS}
    return {tag: value.strip(b"\0 ").decode("latin-1") for tag, value in values.items()}, position


def _at_hand(source: Source, position: int) -> bytes:
    """The head of the element at a position; shorter only where the file ends."""
    while len(source.head) - position < 8 and not source.complete:
        source.grow()
    return source.head[position : position + 8]


def _layout(uid: str) -> tuple[str, bool]:
    if not uid:
        return "", False
    try:
        return transfer_syntaxes()[uid]
    except KeyError:
        raise Refusal("DICOM-TRANSFER-SYNTAX-NOT-COVERED", uid=told_uid(uid)) from None


def _encoding(head: bytes, position: int, layout: str) -> Encoding:
    """How the data set is written: as its first element shows, where that differs from what the file says of itself."""
    first = head[position : position + 8]
    explicit = first[4:6].isalpha() and first[4:6].isupper()
    if layout == "explicit big" or (not layout and first[:1] == b"\0" and first[1:2] != b"\0"):
        if not explicit:
            raise unreadable()
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE


def _grown(source: Source, position: int, encoding: Encoding) -> Header:
    """The header, reading on until all of it is there: also where an element ends with the bytes at hand."""
    found: list[Element] = []
    while True:
        try:
            header = read_header(source.head, position, encoding, found)
        except Short:
            if source.complete:
                raise Refusal("DICOM-TRUNCATED") from None
        else:
            ends_here = bool(found) and found[-1].end == len(source.head)
            if header.pixels or source.complete or not ends_here:
                return header
        source.grow()
