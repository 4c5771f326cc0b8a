"""The search itself: pieces of a file → candidates of the engine → hits that stand up → findings."""

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from pathlib import Path

from collecte.findings import Finding
from collecte.records import Identifier, IdentifierKind
from collecte.residual import dates, generic
from collecte.residual.engine import Engine, literal
from collecte.residual.folding import fold, fold_text, plain, spellings, wide_views
from collecte.residual.judge import REACH, Context, counts
from collecte.residual.pieces import CHUNK_BYTES, Piece, Region, Unreadable, dicom_pieces, file_pieces, is_dicom
from collecte.residual.text import Block, is_text, subjects_of, text_blocks
from collecte.residual.tokens import Shape, Token, tokens

#: Bytes of the piece before that are looked at again with the next one, and those at a piece's end that wait for it:
#: the longest token in UTF-16 (128 bytes) and what stands around it fit well within.
_OVERLAP, _MARGIN = 4096, 512
#: Characters of the shortest token that is searched in pixel bytes, and of the shortest number there in UTF-16: eight
#: neighbouring pixels of 16 bits that happen to be the digits of some ID are not rare enough.
_PIXEL_LENGTH, _PIXEL_WIDE_DIGITS = 8, 12
#: Different characters that a token must have to be searched in pixel bytes (flat grey is 11111111 somewhere).
_PIXEL_VARIETY = 3
#: Bytes of a value that may hold text, beyond which five letters come up by chance.
_BULKY = 1 << 14
#: Places that are named for each code; the others are counted in one more finding.
_PLACES = 10
#: VRs that hold no free text: no address or telephone number of a form alone.
_FORMAL = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"))

_CODES: Mapping[IdentifierKind, str] = {kind: f"RESIDUAL-{kind.name.replace('_', '-')}" for kind in IdentifierKind}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What one pattern of an engine stands for: tokens, a generic form, or (``date``) a writing of a birth date.
    ``length``: bytes it matches, 0 if that varies; ``unit``: bytes of a character."""

    expression: bytes
    length: int = 0
    unit: int = 1
    tokens: tuple[Token, ...] = ()
    form: IdentifierKind | None = None
    date: bytes = b""


class _Search:
    """Patterns and their engine."""

    def __init__(self, patterns: Sequence[_Pattern], *, caseless: bool = False) -> None:
        self._patterns = patterns
        self._engine = Engine([pattern.expression for pattern in patterns], caseless=caseless)

    def candidates(self, data: bytes) -> Iterator[tuple[_Pattern, int]]:
        """Each match: its pattern and where it ends."""
        return ((self._patterns[index], end) for index, end in self._engine.candidates(data))


@dataclass(frozen=True)
class _View:
    """Pieces as they are searched: one run of folded bytes (pixel bytes as they are), pieces apart by a line feed.

    A view of a long value begins with the end of the view before, up to ``fresh_from``, whose hits are reported
    already; hits near its end wait for the next view where there is ``more``.
    """

    data: bytes
    pieces: Sequence[Piece]
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
        return [0, *accumulate(len(fold(piece.data)) + 1 for piece in self.pieces)]

    def fresh(self, end: int) -> bool:
        return end > self.fresh_from and not (self.more and end > len(self.data) - _MARGIN)


class _Hits:
    """What was found, by code and place; never the values."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: IdentifierKind, place: str, count: int = 1) -> None:
        self._counts[_CODES[kind], place] += count

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

    It cannot be pickled: a process compiles its own (a few seconds for 20,000 identifiers).
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        everything = frozenset(identifiers)
        self._births: dict[str, frozenset[str]] = _births(everything)
        wanted = _wanted(everything)
        forms = [_Pattern(expression, form=kind) for kind, expression in generic.PROPOSALS.items()]
        self._bytes = _Search([*_token_patterns(wanted), *forms])
        self._pixels = _Search([*_pixel_patterns(wanted), *_exact_patterns(everything, wanted)], caseless=True)
        self._dates = lru_cache(maxsize=64)(_date_search)

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
        hits = _Hits()
        born = frozenset(date for subject in subjects for date in self._births.get(subject, ()))
        if is_dicom(path):
            try:
                self._scan_pieces(dicom_pieces(path), born, hits)
            except Unreadable:
                return (*hits.findings(), Finding("RESIDUAL-UNREADABLE"))
        elif is_text(path):
            self._scan_text(path, born if len(subjects) == 1 else frozenset(), hits)
        else:
            self._scan_pieces(file_pieces(path), born, hits)
        return hits.findings()

    def _scan_pieces(self, pieces: Iterable[Piece], born: frozenset[str], hits: _Hits) -> None:
        for view in _views(pieces):
            pixel = view.pieces[0].region is Region.PIXEL
            self._search(self._pixels if pixel else self._bytes, born, view, hits)
            if not pixel:
                for piece in view.pieces:
                    self._search_wide(piece, born, hits)

    def _search_wide(self, piece: Piece, born: frozenset[str], hits: _Hits) -> None:
        """Look again at UTF-16 with combining accents and ligatures. What was found there is not counted twice."""
        for data in wide_views(piece.data):
            again = _Hits()
            self._search(self._bytes, born, _View(data, [piece]), again)
            for kind in IdentifierKind:
                if (kind, piece.place) in again and (kind, piece.place) not in hits:
                    hits.add(kind, piece.place)

    def _scan_text(self, path: Path, born: frozenset[str], hits: _Hits) -> None:
        for block in text_blocks(path):
            folded = Block(fold(block.data), block.first_row)
            piece = Piece(Region.TEXT, "", "", folded.data)
            view = _View(folded.data, [piece])
            for kind, end in self._found(self._bytes, born, view):
                hits.add(kind, f"row {folded.row(end - 1)}")
            for data in wide_views(block.data):
                again = Block(data, block.first_row)
                for kind, end in self._found(self._bytes, born, _View(data, [piece])):
                    if (kind, place := f"row {again.row(end - 1)}") not in hits:
                        hits.add(kind, place)
            if not born:
                self._rows_of_their_own(folded, hits)

    def _rows_of_their_own(self, folded: Block, hits: _Hits) -> None:
        """Birth dates in rows that carry their subject's pseudonym."""
        if not self._births or b"sub-" not in folded.data:
            return
        row = folded.first_row
        for record in folded.records():
            for subject in subjects_of(record):
                for date in self._births.get(subject, ()):
                    if count := dates.occurrences(date, record):
                        hits.add(IdentifierKind.BIRTH_DATE, f"row {row}", count)
            row += 1

    def _search(self, search: _Search, born: frozenset[str], view: _View, hits: _Hits) -> None:
        for kind, end in self._found(search, born, view):
            hits.add(kind, view.at(end)[0].place)

    def _found(self, search: _Search, born: frozenset[str], view: _View) -> list[tuple[IdentifierKind, int]]:
        """The hits of a view that stand up: each kind and where it ends, overlapping ones of a kind taken as one."""
        candidates = search.candidates(view.data)
        if born:
            candidates = chain(candidates, self._dates(born).candidates(view.data))
        spans = sorted(
            {
                (kind, end - length, end)
                for pattern, end in candidates
                if view.fresh(end)
                for kind, length in _confirmed(pattern, end, view)
            }
        )
        found: list[tuple[IdentifierKind, int]] = []
        for kind, start, end in spans:
            if found and found[-1][0] is kind and start < found[-1][1]:
                found[-1] = (kind, max(end, found[-1][1]))
            else:
                found.append((kind, end))
        return found


def compile_scanner(identifiers: Iterable[Identifier]) -> Scanner:
    """A scanner for the identifiers of a whole delivery. About a second for 20,000 of them."""
    return Scanner(identifiers)


def _wanted(identifiers: Iterable[Identifier]) -> list[Token]:
    """Their tokens, in one order whatever the set's: the same delivery compiles to the same databases."""
    found = {token for identifier in identifiers for token in tokens(identifier)}
    return sorted(found, key=lambda token: (token.text, token.kind, token.weak, token.phrases))


def _births(identifiers: Iterable[Identifier]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for identifier in identifiers:
        if identifier.kind is IdentifierKind.BIRTH_DATE and identifier.subject and dates.writings(identifier.value):
            found.setdefault(identifier.subject, set()).add(identifier.value)
    return {subject: frozenset(values) for subject, values in found.items()}


def _token_patterns(wanted: Iterable[Token]) -> Iterator[_Pattern]:
    """Patterns for folded bytes: each spelling, in one byte a character and in two."""
    literals: dict[bytes, list[Token]] = {}
    for token in wanted:
        if token.shape is Shape.PHRASE and len(token.text) < 4:
            yield from (_phrase_pattern(token, words, unit) for words in token.phrases for unit in (1, 2))
        else:
            for spelling in spellings(token.text):
                literals.setdefault(spelling, []).append(token)
    for spelling, meant in sorted(literals.items()):
        yield _Pattern(literal(spelling), len(spelling), 1, tuple(meant))
        if len(spelling) > 1:
            yield _Pattern(literal(spelling, wide=True), 2 * len(spelling) - 1, 2, tuple(meant))


def _phrase_pattern(token: Token, words: tuple[bytes, ...], unit: int) -> _Pattern:
    """A phrase of short words, searched whole: alone, its words are everywhere."""
    between = b"[^a-z0-9]{1,%d}" % (4 * unit)
    return _Pattern(between.join(literal(word, wide=unit == 2) for word in words), 0, unit, (token,))


def _pixel_patterns(wanted: Iterable[Token]) -> Iterator[_Pattern]:
    """Patterns for pixel bytes, in either case: there is no telling what is text, so only what is long enough."""
    literals: dict[bytes, list[Token]] = {}
    for token in wanted:
        if len(token.text) >= _PIXEL_LENGTH and len(set(token.text)) >= _PIXEL_VARIETY and not token.weak:
            literals.setdefault(token.text, []).append(token)
    for text, meant in sorted(literals.items()):
        yield _Pattern(literal(text), len(text), 1, tuple(meant))
        if not text.isdigit() or len(text) >= _PIXEL_WIDE_DIGITS:
            yield _Pattern(literal(text, wide=True), 2 * len(text) - 1, 2, tuple(meant))


def _exact_patterns(identifiers: Iterable[Identifier], wanted: Iterable[Token]) -> Iterator[_Pattern]:
    """Patterns for pixel bytes of words with accents, as they were written, in either case, in the usual encodings."""
    long = {token.text: token for token in wanted if len(token.text) >= _PIXEL_LENGTH and not token.weak}
    written = {
        word for identifier in identifiers if not identifier.value.isascii() for word in _accented(identifier.value)
    }
    for word in sorted(written):
        token = long.get(plain(fold_text(word)))
        for raw in _encodings(word) if token else ():
            yield _Pattern(literal(raw), len(raw), 1, (token,) if token else ())


def _accented(value: str) -> Iterator[str]:
    cleaned = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in value)
    return (word for word in cleaned.split() if not word.isascii())


def _encodings(word: str) -> frozenset[bytes]:
    forms = {
        unicodedata.normalize(n, w) for n in ("NFC", "NFD") for w in (word, word.lower(), word.upper(), word.title())
    }
    names = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
    return frozenset(raw for form in forms for name in names if len(raw := form.encode(name, "ignore")) >= len(word))


def _date_search(born: frozenset[str]) -> _Search:
    """Patterns for the writings of birth dates: of the subjects of one file."""
    writings = sorted({writing for date in born for writing in dates.writings(date)})
    return _Search(
        [_Pattern(literal(w), len(w), 1, date=w) for w in writings]
        + [_Pattern(literal(w, wide=True), 2 * len(w) - 1, 2, date=w) for w in writings]
    )


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
    return _View(fold(b"\n".join(piece.data for piece in batch)), tuple(batch))


def _long_view(piece: Piece, overlap: bytes, more: bool) -> _View:
    raw = overlap + piece.data
    if piece.region is Region.PIXEL:
        return _View(raw, (piece,), len(overlap) - _MARGIN, more)
    # A cut inside a UTF-8 sequence shifts the folded ends a little: rather report a hit twice than not at all.
    return _View(fold(raw), (piece,), len(fold(overlap)) - _MARGIN - 8, more)


def _confirmed(pattern: _Pattern, end: int, view: _View) -> Iterator[tuple[IdentifierKind, int]]:
    """The kinds as which a candidate counts, each with the bytes that it covers."""
    piece, first, last = view.at(end)
    start = end - pattern.length
    if start < first:  # across two values: nothing that anybody wrote
        return
    if pattern.form:
        if _form_stands(pattern.form, view.data, end, view.at(end)):
            yield pattern.form, 1
        return
    context = _context(view.data, start, end, pattern.unit, piece, first, last)
    if pattern.date:
        long_enough = piece.region in (Region.TEXT, Region.BINARY) or len(pattern.date) >= _PIXEL_LENGTH
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
    if piece.region is Region.NUMERIC or piece.vr in _FORMAL:
        return False
    before = data[max(first, end - 2 * generic.BEFORE) : end]
    behind = data[end : min(last, end + 2 * generic.BEHIND)]
    if b"\0" in before[-12:]:  # UTF-16, of either byte order
        before, behind = before.replace(b"\0", b""), behind.replace(b"\0", b"")
    before, behind = before[-generic.BEFORE :], behind[: generic.BEHIND]
    return generic.confirmed(form, before + behind, len(before), strict=piece.region is not Region.TEXT)
