"""The elements of a data set, as places in its bytes: no value is copied or converted before somebody asks for it.

Encoding rules: PS3.5, clause 7. Whatever breaks them is refused; a few habits of real devices are read (see
:func:`_head`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

from collecte.formats.dicom._source import Short
from collecte.formats.dicom._wall import unreadable

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009
#: Groups before those of a data set that are met at its beginning: of commands, of a DICOMDIR (refused later under its
#: own name), and odd ones that may hold private elements no more. None of their elements passes.
_EARLY_GROUPS = frozenset((0x0000, 0x0003, 0x0004, 0x0005, 0x0007))
_PIXELS = (PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS)
#: Items within items; the deepest of the standard's own structures stays under ten.
_DEPTH_LIMIT = 32
#: Elements of a data set's outermost level; and elements and items within one of its sequences, or all those of unknown
#: length: the functional groups of 50,000 frames. Each takes a quarter of a kilobyte of memory, and may take eight
#: bytes of a file.
TOP_LIMIT, _NESTED_LIMIT = 1 << 16, 1 << 22
#: Bytes of a value of the VRs that hold a name, a code, a date or a paragraph (64 KiB, PS3.5, 6.2), and of a UID.
TEXT_LIMIT = 1 << 20
_TEXT_VRS = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UI"))
#: Layouts that are remembered, and elements of the longest.
_LAYOUTS_LIMIT, _LAYOUT_ELEMENTS = 64, 4096
#: Elements that are read in one go, and the groups of those: before the pixels, and within items.
_SHORTS, _TOP_GROUPS, _ITEM_GROUPS = 4096, range(0x0008, 0x7FE0), range(0xFFFE)

_SHORT_VRS = {
    vr.encode("ascii"): vr
    for vr in (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"),
        *("LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
    )
}
_SHORT_CODES = {vr: code for code, vr in _SHORT_VRS.items()}
_BULK_VRS = ("OB", "OW", "OD", "OF", "OL", "OV")


#: Tag, VR (empty where none is written), offset of the value, length of the value.
Head = tuple[int, str, int, int]


@dataclass(frozen=True)
class Encoding:
    """How a data set is written. The structs read and write element headers."""

    explicit: bool
    little: bool
    tag_vr: Struct
    tag_length: Struct
    length: Struct
    order: str

    @classmethod
    def of(cls, explicit: bool, little: bool) -> "Encoding":
        order = "<" if little else ">"
        return cls(explicit, little, Struct(f"{order}HH2sH"), Struct(f"{order}HHL"), Struct(f"{order}L"), order)


EXPLICIT_LITTLE = Encoding.of(explicit=True, little=True)
IMPLICIT_LITTLE = Encoding.of(explicit=False, little=True)
EXPLICIT_BIG = Encoding.of(explicit=True, little=False)


class Element(NamedTuple):
    """One element: tag, VR (empty where the encoding gives none), and where header, value and end lie in the bytes.

    ``items`` of a sequence, :data:`UNREAD` before anybody asks for them (:func:`items_of`); None elsewhere.
    ``fragments``: the value has undefined length and is no sequence.
    """

    tag: int
    vr: str
    start: int
    value: int
    end: int
    items: "tuple[Item, ...] | None"
    fragments: bool = False

    def __repr__(self) -> str:
        return f"Element({self.tag:08X}, {self.vr})"


class Item(NamedTuple):
    """One item of a sequence: its elements, and their encoding, which differs from the outer one within UN (PS3.5,
    6.2.2).
    """

    elements: tuple[Element, ...]
    encoding: Encoding


#: The items of a sequence of the outermost level whose length is known: most headers are copied, not looked into.
UNREAD: tuple[Item, ...] = (Item((), EXPLICIT_LITTLE),)


class Header(NamedTuple):
    """The elements before the pixel data, in ascending order, a repeated one once (the last); then the pixel element,
    if any, whose value begins at ``pixels.value`` and may be longer than what was read. ``remembered``: the very
    elements may be the next file's, too.
    """

    elements: dict[int, Element]
    pixels: Element | None
    pixel_length: int
    remembered: bool = False


@lru_cache(maxsize=65536)
def vr_of(tag: int) -> str:
    """The VR of the dictionary (``US or SS`` where it leaves a choice); empty for what it does not know."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


@dataclass(frozen=True)
class _Layout:
    """Where the elements of a header lie. The files of a series often differ in their values alone: where each element
    begins with the very tag, VR and length that it began with in the file before, all of them lie where they lay.
    """

    heads: Struct
    seen: tuple[bytes, ...]
    header: Header

    def fits(self, data: bytes, position: int) -> bool:
        return len(data) - position >= self.heads.size and self.heads.unpack_from(data, position) == self.seen


#: The layout of the file before, by where its data set begins and how it is written.
_LAYOUTS: dict[tuple[int, bool, bool], _Layout] = {}


def read_header(data: bytes, position: int, encoding: Encoding, found: list[Element]) -> Header:
    """The elements from ``position`` up to the pixel data. They are not to be changed: two files may share them.

    Args:
        data: the bytes that are at hand.
        position: where the data set begins.
        encoding: how it is written.
        found: nothing; where the data ended too early, what was found until then: it is not read again.

    Raises:
        Short: the data end before the header does.
        Refusal: they are no DICOM.
    """
    key = position, encoding.explicit, encoding.little
    layout = _LAYOUTS.get(key)
    if layout and layout.fits(data, position):
        return layout.header
    header, simple = read_each(data, position, encoding, found)
    if simple and header.pixels and len(header.elements) <= _LAYOUT_ELEMENTS:
        if len(_LAYOUTS) >= _LAYOUTS_LIMIT:
            _LAYOUTS.clear()
        ends = [*header.elements.values(), header.pixels]
        heads = Struct("<" + "".join(f"{e.value - e.start}s{e.end - e.value}x" for e in ends))
        header = header._replace(remembered=True)
        _LAYOUTS[key] = _Layout(heads, heads.unpack_from(data, position), header)
    return header


def read_each(data: bytes, position: int, encoding: Encoding, found: list[Element]) -> tuple[Header, bool]:
    """The elements behind those that were ``found``, one by one; and whether the heads of all alone tell where each of
    them lies: every one once, in ascending order, of known length.

    Raises:
        Short: the data end before the header does.
        Refusal: they are no DICOM.
    """
    end, position = len(data), found[-1].end if found else position
    sequences, nested = _sequences(encoding), _Nested(data)
    while (position := read_short(data, position, end, encoding, _TOP_GROUPS, found)) < end:
        if len(found) > TOP_LIMIT:
            raise unreadable()
        head = tag, vr, value, length = _head(data, position, end, encoding)
        if tag >= FLOAT_PIXELS:
            pixels = Element(tag, vr, position, value, value, None, length == UNDEFINED) if tag in _PIXELS else None
            elements, ascending = _in_order(found)
            known = not any(e.fragments or (e.items is not None and e.items is not UNREAD) for e in found)
            return Header(elements, pixels, length), ascending and known
        if tag < 0x00080000 and (tag >> 16 not in _EARLY_GROUPS or (found and tag <= found[-1].tag)):
            raise unreadable()
        if length != UNDEFINED and sequences(tag, vr):
            if (stop := value + length) > end:
                raise Short
            found.append(Element(tag, vr, position, value, stop, UNREAD))
        else:
            found.append(nested.one(position, end, encoding, 0, head))
        position = found[-1].end
    return Header(_in_order(found)[0], None, 0), False


def _in_order(found: Sequence[Element]) -> tuple[dict[int, Element], bool]:
    """The elements by tag, in ascending order; and whether that is the order in which they were found, each once."""
    elements = {element.tag: element for element in found}
    tags = sorted(elements)
    if len(tags) == len(found) and tags == list(elements):
        return elements, True
    return {tag: elements[tag] for tag in tags}, False


def read_short(data: bytes, position: int, end: int, encoding: Encoding, groups: range, found: list[Element]) -> int:
    """Add the elements that come next and have an explicit VR of the short form, as most have, to ``found``; where they
    end. Whatever else comes, what is of another group, and what is not all there, is left to the long way; so are those
    beyond :data:`_SHORTS`, for whoever counts.
    """
    if not encoding.explicit:
        return position
    unpack, short_vr, new = encoding.tag_vr.unpack_from, _SHORT_VRS.get, tuple.__new__
    for _ in range(_SHORTS):
        if position + 8 > end:
            break
        group, number, code, length = unpack(data, position)
        vr, value = short_vr(code), position + 8
        stop = value + length
        if not vr or group not in groups or stop > end:
            break
        found.append(new(Element, (group << 16 | number, vr, position, value, stop, None, False)))
        position = stop
    return position


def _sequences(encoding: Encoding) -> Callable[[int, str], bool]:
    """Whether an element is a sequence by its VR or by the dictionary."""
    if encoding.explicit:
        return lambda tag, vr: vr == "SQ" or (vr in ("UN", "") and vr_of(tag) == "SQ")
    return lambda tag, vr: vr_of(tag) == "SQ"


def items_of(data: bytes, element: Element, encoding: Encoding) -> tuple[Item, ...] | None:
    """The items of a sequence, read now where they were not before; None of another element.

    Args:
        data: the bytes that the element was found in.
        element: of the outermost level.
        encoding: of the data set.

    Raises:
        Refusal: they are no DICOM.
    """
    if element.items is not UNREAD:
        return element.items
    inner = IMPLICIT_LITTLE if element.vr == "UN" else encoding
    return _Nested(data).within(element.value, element.end, inner, 0)


def read_element(data: bytes, position: int, encoding: Encoding) -> Element:
    """The element at ``position``.

    Raises:
        Short: the data end before it does.
        Refusal: it is no DICOM.
    """
    return _Nested(data).one(position, len(data), encoding, 0, _head(data, position, len(data), encoding))


def _head(data: bytes, position: int, end: int, encoding: Encoding) -> Head:
    if end - position < 8:
        raise Short
    if not encoding.explicit:
        group, number, length = encoding.tag_length.unpack_from(data, position)
        return group << 16 | number, "", position + 8, length
    group, number, vr, length = encoding.tag_vr.unpack_from(data, position)
    tag = group << 16 | number
    if vr in _SHORT_VRS and group != 0xFFFE:
        return tag, _SHORT_VRS[vr], position + 8, length
    if group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
        # Items carry no VR; and some devices write an element of an explicit data set as if it were implicit.
        return tag, "", position + 8, encoding.length.unpack_from(data, position + 4)[0]
    if end - position < 12:
        raise Short
    # Any VR that we do not know is written with the long form (PS3.5, 7.1.2).
    return tag, vr.decode("ascii", "replace"), position + 12, encoding.length.unpack_from(data, position + 8)[0]


class _Nested:
    """Reads elements with what is nested in them, and counts that."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = _NESTED_LIMIT

    def one(self, position: int, end: int, encoding: Encoding, depth: int, head: Head) -> Element:
        """The element at ``position``, whose head was read already, with its items."""
        tag, vr, value, length = head
        if tag >> 16 == 0xFFFE or depth > _DEPTH_LIMIT:
            raise unreadable()
        if length != UNDEFINED:
            stop = value + length
            if stop > end:
                raise Short
            if length > TEXT_LIMIT and _is_text(tag, vr):
                raise unreadable()
            return Element(tag, vr, position, value, stop, self._defined(tag, vr, value, stop, encoding, depth))
        if vr in _BULK_VRS or (not vr and tag == PIXEL_DATA):
            stop = _after_fragments(self._data, value, end, encoding)
            return Element(tag, vr, position, value, stop, None, fragments=True)
        inner = IMPLICIT_LITTLE if vr == "UN" else encoding
        found, stop = self._items(value, end, inner, depth, defined=False)
        return Element(tag, vr, position, value, stop, found)

    def _defined(
        self, tag: int, vr: str, value: int, stop: int, encoding: Encoding, depth: int
    ) -> tuple[Item, ...] | None:
        """The items of an element of known length, where it is a sequence by its VR or by the dictionary."""
        if vr == "SQ" or (not vr and vr_of(tag) == "SQ"):
            return self.within(value, stop, encoding, depth)
        if vr == "UN" and vr_of(tag) == "SQ":
            return self.within(value, stop, IMPLICIT_LITTLE, depth)
        return None

    def within(self, value: int, stop: int, encoding: Encoding, depth: int) -> tuple[Item, ...]:
        """The items of a sequence of known length."""
        try:
            return self._items(value, stop, encoding, depth, defined=True)[0]
        except Short:  # the bytes are all there: what runs over the sequence's end is its content
            raise unreadable() from None

    def _items(
        self, position: int, end: int, encoding: Encoding, depth: int, *, defined: bool
    ) -> tuple[tuple[Item, ...], int]:
        """The items from ``position`` up to ``end`` or to the delimiter of the sequence, and where they end."""
        items: list[Item] = []
        while position < end or not defined:
            tag, _, value, length = _head(self._data, position, end, encoding)
            if tag == SEQUENCE_END:
                return tuple(items), value
            if tag != ITEM:
                raise unreadable()
            self._count()
            if length == UNDEFINED:
                elements, position = self._until(value, end, encoding, depth + 1)
            else:
                position = value + length
                if position > end:
                    raise Short
                elements = self._exactly(value, position, encoding, depth + 1)
            items.append(Item(elements, encoding))
        return tuple(items), position

    def _until(self, position: int, end: int, encoding: Encoding, depth: int) -> tuple[tuple[Element, ...], int]:
        """The elements of an item of undefined length, and where its delimiter ends."""
        elements: list[Element] = []
        while True:
            position = self._short(elements, position, end, encoding, depth)
            head = _head(self._data, position, end, encoding)
            if head[0] == ITEM_END:
                return tuple(elements), head[2]
            self._count()
            elements.append(self.one(position, end, encoding, depth, head))
            position = elements[-1].end

    def _exactly(self, position: int, end: int, encoding: Encoding, depth: int) -> tuple[Element, ...]:
        """The elements of an item of known length."""
        elements: list[Element] = []
        while (position := self._short(elements, position, end, encoding, depth)) < end:
            self._count()
            try:
                head = _head(self._data, position, end, encoding)
                elements.append(self.one(position, end, encoding, depth, head))
            except Short:
                raise unreadable() from None
            position = elements[-1].end
        return tuple(elements)

    def _short(self, elements: list[Element], position: int, end: int, encoding: Encoding, depth: int) -> int:
        if depth > _DEPTH_LIMIT:  # to be refused by the long way
            return position
        before = len(elements)
        position = read_short(self._data, position, end, encoding, _ITEM_GROUPS, elements)
        self._count(len(elements) - before)
        return position

    def _count(self, number: int = 1) -> None:
        self._left -= number
        if self._left < 0:
            raise unreadable()


def text_of(data: bytes, element: Element | None) -> str:
    """A value without its padding; empty where there is no element."""
    return data[element.value : element.end].strip(b"\0 ").decode("latin-1") if element else ""


def _is_text(tag: int, vr: str) -> bool:
    """Whether an element is of a VR with short values, by its own word or the dictionary's."""
    return vr in _TEXT_VRS or (vr in ("", "UN") and vr_of(tag) in _TEXT_VRS)


def _after_fragments(data: bytes, position: int, end: int, encoding: Encoding) -> int:
    """Where encapsulated bulk data end (PS3.5, annex A.4)."""
    while True:
        tag, _, value, length = _head(data, position, end, encoding)
        if tag == SEQUENCE_END:
            return value
        if tag != ITEM or length == UNDEFINED:
            raise unreadable()
        position = value + length
        if position > end:
            raise Short


def write_element(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """One element, its value padded to even length (PS3.5, 6.2)."""
    if len(value) & 1:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    group, number, code = tag >> 16, tag & 0xFFFF, _SHORT_CODES.get(vr)
    if not encoding.explicit:
        return encoding.tag_length.pack(group, number, len(value)) + value
    if code and len(value) <= 0xFFFF:
        return encoding.tag_vr.pack(group, number, code, len(value)) + value
    code = b"UN" if code else vr.encode("ascii")
    return encoding.tag_vr.pack(group, number, code, 0) + encoding.length.pack(len(value)) + value


def write_item(content: bytes, encoding: Encoding) -> bytes:
    """One item of a sequence, of defined length."""
    return encoding.tag_length.pack(ITEM >> 16, ITEM & 0xFFFF, len(content)) + content
