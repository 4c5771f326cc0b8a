"""The search itself: pieces of a file → candidates of the engine → hits that stand up → findings."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from pathlib import Path
from threading import Lock

from collecte.findings import Finding
from collecte.records import Identifier, IdentifierKind
from collecte.residual import dates, generic
from collecte.residual.engine import Engine, compiled, stored
from collecte.residual.folding import fold, wide_views
from collecte.residual.judge import REACH, Context, counts
from collecte.residual.patterns import PIXEL_LENGTH, Pattern, of_dates
from collecte.residual.pieces import Known, Piece, Region, dicom_pieces, file_pieces, is_dicom
from collecte.residual.source import CHUNK_BYTES, Unreadable
from collecte.residual.text import Block, is_text, subjects_of, text_blocks
from collecte.residual.words import Words

#: Bytes of the piece before that are looked at again with the next one, and those at a piece's end that wait for it:
#: the longest token in UTF-16 (128 bytes) and what stands around it fit well within.
_OVERLAP, _MARGIN = 4096, 512
#: Bytes of a value that may hold text, beyond which five letters come up by chance.
_BULKY = 1 << 14
#: Places that are named for each code; the others are counted in one more finding.
_PLACES = 10
#: Elements that are remembered as clean, and the bytes of the longest of them.
_REMEMBERED, _REMEMBERED_BYTES = 50_000, 512
#: VRs that hold no free text: no address or telephone number of a form alone.
_FORMAL = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"))

#: Where a wide pattern may begin at all: its second character is no line feed, or it has a third. (A UID that was
#: filled up with a NUL, before the line feed between two values, is no such place.)
_TWO_BYTES = re.compile(rb"[^\0]\0(?:[^\0\n]|\n\0)")

_CODES: Mapping[IdentifierKind, str] = {kind: f"RESIDUAL-{kind.name.replace('_', '-')}" for kind in IdentifierKind}


@dataclass(frozen=True)
class _View:
    """Pieces as they are searched: one run of folded bytes (pixel bytes as they are), pieces apart by a line feed.

    Up to ``formal``, values have VRs that hold no free text, or are numbers. A view of a long value begins with the
    end of the view before, up to ``fresh_from``, whose hits are reported already; hits near its end wait for the next
    view where there is ``more``.
    """

    data: bytes
    pieces: Sequence[Piece]
    formal: int = 0
    fresh_from: int = 0
    more: bool = False

    def at(self, end: int) -> tuple[Piece, int, int]:
        """The piece in which a match ends, and where it begins and ends itself."""
        if len(self.pieces) == 1:
            return self.pieces[0], 0, len(self.data)
        index = bisect_right(self._starts, end - 1) - 1
        return self.pieces[index], self._starts[index], self._starts[index + 1] - 1

    @cached_property
    def _starts(self) -> list[int]:
        """Worked out where something was found, which is rare."""
        lengths = (len(raw) if (raw := piece.data).isascii() else len(fold(raw)) for piece in self.pieces)
        return [0, *accumulate(length + 1 for length in lengths)]

    def fresh(self, end: int) -> bool:
        return end > self.fresh_from and not (self.more and end > len(self.data) - _MARGIN)


@dataclass(frozen=True)
class _About:
    """Whom a file is about: their birth dates that are looked for in all of it, and their pseudonyms."""

    born: frozenset[str]
    subjects: frozenset[str]


class _Hits:
    """What was found, by code and place; never the values."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: IdentifierKind, place: str, count: int = 1) -> None:
        self._counts[_CODES[kind], place] += count

    @property
    def total(self) -> int:
        return self._counts.total()

    def __contains__(self, hit: tuple[IdentifierKind, str]) -> bool:
        return (_CODES[hit[0]], hit[1]) in self._counts

    def findings(self) -> tuple[Finding, ...]:
        by_code: dict[str, list[tuple[str, int]]] = {}
        for (code, place), count in self._counts.items():
            by_code.setdefault(code, []).append((place, count))
        found = []
        for code, places in by_code.items():
            found += [Finding(code, place, count) for place, count in places[:_PLACES]]
            if rest := sum(count for _, count in places[_PLACES:]):
                found.append(Finding(code, "…", rest))
        return tuple(found)


class Scanner:
    """The identifiers of a whole delivery, ready to be looked for. IDENTIFYING; several threads may use one.

    It cannot be pickled: a process opens its own, which takes no time where its files are there already.
    """

    def __init__(self, words: Words, folder: Path | None) -> None:
        self._words, self._folder = words, folder
        self._dates = lru_cache(maxsize=64)(lambda born: compiled(of_dates(born)))
        self._births = lru_cache(maxsize=1024)(words.births)
        self._opened: dict[str, Engine] = {}
        self._lock = Lock()
        self._clean: tuple[_About | None, set[bytes]] = (None, set())

    def __repr__(self) -> str:
        return "Scanner(…)"

    def scan(self, path: Path, subjects: Collection[str]) -> tuple[Finding, ...]:
        """What still identifies in an output file. ``subjects``: the pseudonyms of those whom it is about; their birth
        dates are looked for in it (in tables of several subjects: in the rows that carry the pseudonym).

        Reads the file once, in pieces of a mebibyte. DICOM by ``.dcm`` or prefix, text by suffix or first bytes, else
        bytes.

        Raises:
            OSError: the file cannot be read.
        """
        hits, own = _Hits(), frozenset(subjects)
        if is_dicom(path):
            try:
                self._scan_dicom(path, self._about(own), hits)
            except Unreadable:
                return (*hits.findings(), Finding("RESIDUAL-UNREADABLE"))
        elif is_text(path):
            self._scan_text(path, self._about(own) if len(own) == 1 else _About(frozenset(), own), hits)
        else:
            self._scan_pieces(file_pieces(path), self._about(own), hits)
        return hits.findings()

    def _about(self, subjects: frozenset[str]) -> _About:
        return _About(frozenset(date for subject in subjects for date in self._births(subject)), subjects)

    def _scan_dicom(self, path: Path, about: _About, hits: _Hits) -> None:
        clean = self._clean_of(about)
        known = Known(clean)
        self._scan_pieces(dicom_pieces(path, known), about, hits)
        if not hits.total:
            clean.update(raw for raw in known.met if len(raw) <= _REMEMBERED_BYTES)

    def _clean_of(self, about: _About) -> set[bytes]:
        """The elements of files in which nothing was found: the files of a series repeat most of theirs, and what is
        found in a value does not depend on those beside it."""
        known, clean = self._clean
        if known != about or len(clean) > _REMEMBERED:
            clean = set()
            self._clean = (about, clean)
        return clean

    def _scan_pieces(self, pieces: Iterable[Piece], about: _About, hits: _Hits) -> None:
        for view in _views(pieces):
            pixel = view.pieces[0].region is Region.PIXEL
            self._search(about, view, hits, pixel=pixel)
            if not pixel:
                for piece in view.pieces:
                    if b"\0" in piece.data:
                        self._search_wide(piece, about, hits)

    def _search_wide(self, piece: Piece, about: _About, hits: _Hits) -> None:
        """Look again at UTF-16 with combining accents and ligatures. What was found there is not counted twice."""
        for data in wide_views(piece.data):
            again = _Hits()
            self._search(about, _View(data, [piece], _formal(piece, data)), again)
            for kind in IdentifierKind:
                if (kind, piece.place) in again and (kind, piece.place) not in hits:
                    hits.add(kind, piece.place)

    def _scan_text(self, path: Path, about: _About, hits: _Hits) -> None:
        for block in text_blocks(path):
            folded = Block(fold(block.data), block.first_row)
            piece = Piece(Region.TEXT, "", "", folded.data)
            view = _View(folded.data, [piece])
            for kind, end in self._found(about, view):
                hits.add(kind, f"row {folded.row(end - 1)}")
            for data in wide_views(block.data):
                again = Block(data, block.first_row)
                for kind, end in self._found(about, _View(data, [piece])):
                    if (kind, place := f"row {again.row(end - 1)}") not in hits:
                        hits.add(kind, place)
            if not about.born:
                self._rows_of_their_own(folded, hits)

    def _rows_of_their_own(self, folded: Block, hits: _Hits) -> None:
        """Birth dates in rows that carry their subject's pseudonym."""
        if not self._words.has_births or b"sub-" not in folded.data:
            return
        row = folded.first_row
        for record in folded.records():
            for subject in subjects_of(record):
                for date in self._births(subject):
                    if count := dates.occurrences(date, record):
                        hits.add(IdentifierKind.BIRTH_DATE, f"row {row}", count)
            row += 1

    def _search(self, about: _About, view: _View, hits: _Hits, *, pixel: bool = False) -> None:
        for kind, end in self._found(about, view, pixel=pixel):
            hits.add(kind, view.at(end)[0].place)

    def _found(self, about: _About, view: _View, *, pixel: bool = False) -> list[tuple[IdentifierKind, int]]:
        """The hits of a view that stand up: each kind and where it ends, overlapping ones of a kind taken as one."""
        engines = [self._engine("pixels" if pixel else "narrow")]
        if not pixel and b"\0" in view.data and _TWO_BYTES.search(view.data):
            engines.append(self._engine("wide"))
        if about.born:
            engines.append(self._dates(about.born))
        candidates = chain.from_iterable(engine.candidates(view.data) for engine in engines)
        spans = sorted(
            {
                (kind, end - length, end)
                for pattern, end in candidates
                if not (pattern.form and end <= view.formal) and view.fresh(end)
                for kind, length in _confirmed(pattern, end, view, about.subjects)
            }
        )
        found: list[tuple[IdentifierKind, int]] = []
        for kind, start, end in spans:
            if found and found[-1][0] is kind and start < found[-1][1]:
                found[-1] = (kind, max(end, found[-1][1]))
            else:
                found.append((kind, end))
        return found

    def _engine(self, name: str) -> Engine:
        """An engine, compiled when it is first needed: tables need one of three."""
        with self._lock:
            if name not in self._opened:
                path = self._folder and self._folder / f"{name}.db"
                self._opened[name] = stored(path, getattr(self._words, name), caseless=name == "pixels")
            return self._opened[name]


def compile_scanner(identifiers: Iterable[Identifier], folder: Path | None = None) -> Scanner:
    """A scanner for the identifiers of a whole delivery, which are taken one at a time. About a second for 20,000 of
    them, and memory that does not grow with their number.

    ``folder`` keeps what is made of them (None: memory does, and then it grows): whoever names it again, in this
    process or another, has it at once, and ``identifiers`` are not looked at. So it must be the folder of these alone:
    see :func:`key_of`.

    Raises:
        OSError: the folder cannot be written or read.
    """
    return Scanner(Words(identifiers, folder and folder / "words.db"), folder)


def _views(pieces: Iterable[Piece]) -> Iterator[_View]:
    """Short pieces together, long values in views that overlap, pixels apart."""
    batch: list[Piece] = []
    size = 0
    overlap = b""
    ahead = iter(pieces)
    piece = next(ahead, None)
    while piece is not None:
        following = next(ahead, None)
        more = following is not None and following.follows
        if piece.follows or more or piece.region is Region.PIXEL:
            overlap = overlap if piece.follows else b""
            yield _long_view(piece, overlap, more)
            overlap = (overlap + piece.data)[-_OVERLAP:]
        else:
            batch.append(piece)
            size += len(piece.data)
            if size >= CHUNK_BYTES:
                yield _batch_view(batch)
                batch, size = [], 0
        piece = following
    if batch:
        yield _batch_view(batch)


def _batch_view(batch: Sequence[Piece]) -> _View:
    formal, others = list[Piece](), list[Piece]()
    for piece in batch:
        (formal if _is_formal(piece) else others).append(piece)
    ahead = fold(b"\n".join(piece.data for piece in formal))
    behind = fold(b"\n".join(piece.data for piece in others))
    data = ahead + b"\n" + behind if formal and others else ahead + behind
    return _View(data, (*formal, *others), len(ahead))


def _is_formal(piece: Piece) -> bool:
    return piece.vr in _FORMAL or piece.region is Region.NUMERIC


def _formal(piece: Piece, data: bytes) -> int:
    """How far the bytes of a view of one piece are formal: all of them or none."""
    return len(data) if _is_formal(piece) else 0


def _long_view(piece: Piece, overlap: bytes, more: bool) -> _View:
    raw = overlap + piece.data
    if piece.region is Region.PIXEL:
        return _View(raw, (piece,), 0, len(overlap) - _MARGIN, more)
    # A cut inside a UTF-8 sequence shifts the folded ends a little: rather report a hit twice than not at all.
    data = fold(raw)
    return _View(data, (piece,), _formal(piece, data), len(fold(overlap)) - _MARGIN - 8, more)


def _confirmed(
    pattern: Pattern, end: int, view: _View, subjects: frozenset[str]
) -> Iterator[tuple[IdentifierKind, int]]:
    """The kinds as which a candidate counts, each with the bytes that it covers."""
    piece, first, last = view.at(end)
    start = end - pattern.length
    if start < first:  # across two values: nothing that anybody wrote
        return
    if pattern.form:
        if _form_stands(pattern.form, view.data, end, view.at(end)):
            yield pattern.form, 1
        return
    context = replace(_context(view.data, start, end, pattern.unit, piece, first, last), ours=subjects)
    if pattern.date:
        long_enough = piece.region in (Region.TEXT, Region.BINARY) or len(pattern.date) >= PIXEL_LENGTH
        if long_enough and piece.vr != "UI" and dates.stands(context.before, pattern.date, context.after):
            yield IdentifierKind.BIRTH_DATE, pattern.length
        return
    for token in pattern.tokens:
        if counts(token, context):
            yield token.kind, max(pattern.length, 1)


def _context(data: bytes, start: int, end: int, unit: int, piece: Piece, first: int, last: int) -> Context:
    before, matched = data[max(first, start - REACH * unit) : start], data[start:end:unit]
    after = data[end : min(last, end + REACH * unit)]
    if unit == 2:  # the neighbours' low bytes, in either byte order; behind a NUL where the candidate begins here
        before, after = before[::-1][int(start < end) :: 2][::-1], after[1::2]
    if piece.region is Region.PIXEL:
        before, after = fold(before), fold(after)
    value = data[first:last] if last - first <= 256 else b""
    bulky = piece.region is Region.NUMERIC or last - first > _BULKY
    return Context(matched, before, after, piece.region, piece.place, piece.vr, value, bulky)


def _form_stands(form: IdentifierKind, data: bytes, end: int, where: tuple[Piece, int, int]) -> bool:
    piece, first, last = where
    before = data[max(first, end - 2 * generic.BEFORE) : end]
    behind = data[end : min(last, end + 2 * generic.BEHIND)]
    if b"\0" in before[-12:]:  # UTF-16, of either byte order
        before, behind = before.replace(b"\0", b""), behind.replace(b"\0", b"")
    before, behind = before[-generic.BEFORE :], behind[: generic.BEHIND]
    return generic.confirmed(form, before + behind, len(before), strict=piece.region is not Region.TEXT)
