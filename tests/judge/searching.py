"""Looks for planted strings in what came out: in raw bytes, in decoded values, in whatever is packed or encoded in
them, in every spelling that is easy. All strings of a trial stand in one automaton: each file is read for everybody's.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import hyperscan

from tests.judge.dates import days
from tests.judge.strings import Needle, Planted
from tests.judge.views import View, plain, views

#: Shorter words than this occur in compressed images by chance; of another file's strings, shorter than that.
RAW_LETTERS, OTHERS_LETTERS = 6, 8
_UID = re.compile(rb"\d+(?:\.\d+){2,}")
_OF_UUID, _OF_UUID_BYTES = re.compile(rb"(?<![\d.])2\.25\.\d{36,39}(?![\d.])"), 44
_NOT_COMPACT = re.compile(rb"[^0-9a-z]")
_WORDS = ("name", "first", "base64", "foreign")


@dataclass(frozen=True)
class Leak:
    """One planted string that was found. ``place``: where it had been planted; ``where``: how it was found."""

    source: str
    label: str
    place: str
    text: str
    where: str


@dataclass(frozen=True)
class _Entry:
    """A needle, whose it is and where it stood."""

    source: str
    planted: Planted
    needle: Needle


class Searcher:
    """Knows the strings of a whole trial, by the file that they were planted in."""

    def __init__(self, planted: Mapping[str, Sequence[Planted]]) -> None:
        self._entries: dict[bytes, list[_Entry]] = defaultdict(list)
        self._days: dict[str, list[_Entry]] = defaultdict(list)
        for source, strings in planted.items():
            for one in strings:
                for needle in one.needles:
                    entry = _Entry(source, one, needle)
                    self._entries[_literal(needle)].append(entry)
                    if needle.day:
                        self._days[needle.day].append(entry)
        self._literals = list(self._entries)
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=self._literals,
            ids=list(range(len(self._literals))),
            flags=[0] * len(self._literals),
            literal=True,
        )

    def file(self, path: Path, source: str) -> Iterator[tuple[Planted, str]]:
        """Each string of its source that an output holds, and each of another's that can be no chance."""
        yield from self.views(views(path.read_bytes()), source)

    def views(self, seen: Iterable[View], source: str | None = None) -> Iterator[tuple[Planted, str]]:
        """Each string that stands in one of the views, once, with the view; ``source`` None: anybody's counts."""
        found: set[int] = set()
        for view in seen:
            for entry in self._in_view(view):
                own = source in (None, entry.source)
                if id(entry.planted) in found or not (own or _is_no_chance(entry.needle)):
                    continue
                found.add(id(entry.planted))
                yield _told(entry), view.where if own else f"{view.where}, of another file"

    def _in_view(self, view: View) -> Iterator[_Entry]:
        for literal, ends in self._scanned(view.data).items():
            for entry in self._entries[literal]:
                if _counts(entry.needle, literal, ends, view):
                    yield entry
        for day in days(view.data):
            yield from self._days.get(day, ())
        if not view.raw:
            for literal in self._scanned(_NOT_COMPACT.sub(b"", _UID.sub(b" ", view.data))):
                yield from (entry for entry in self._entries[literal] if entry.needle.kind == "digits")

    def _scanned(self, data: bytes) -> dict[bytes, list[int]]:
        """The literals that stand in the bytes, each with the offsets where it ends."""
        ends: dict[bytes, list[int]] = defaultdict(list)

        def met(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends[self._literals[number]].append(end)

        self._database.scan(data, match_event_handler=met)
        return ends


def search_file(path: Path, planted: Sequence[Planted]) -> Iterator[tuple[Planted, str]]:
    """Each planted string that an output holds, with where it was found."""
    return Searcher({"": planted}).file(path, "")


def _literal(needle: Needle) -> bytes:
    """The bytes that are looked for; the views are folded in the same way."""
    return plain(needle.text.encode("latin-1")) if needle.kind == "bytes" else needle.text.encode()


def _is_no_chance(needle: Needle) -> bool:
    """Whether a string is long enough to stand in another's file for no reason but a leak; days and towns are many."""
    shortest = 10 if needle.kind == "digits" else OTHERS_LETTERS
    return needle.kind in ("name", "digits", "uid", "foreign", "base64") and len(needle.text) >= shortest


def _counts(needle: Needle, literal: bytes, ends: Sequence[int], view: View) -> bool:
    if needle.kind in _WORDS:
        return len(needle.text) >= RAW_LETTERS or not view.raw
    if needle.kind == "bytes":
        return len(literal) >= RAW_LETTERS or not view.raw
    if needle.kind == "digits":  # which the 39 of a UID made of a UUID may hold by chance, and a day those of others
        stands = _stands_alone if len(literal) < 10 else _stands_in_no_uuid
        return any(stands(view.data, end - len(literal), end) for end in ends)
    return True


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    """Whether no digit and no point stands beside."""
    around = data[max(0, start - 1) : start] + data[end : end + 1]
    return not any(sign in b"0123456789." for sign in around)


def _stands_in_no_uuid(data: bytes, start: int, end: int) -> bool:
    near = _OF_UUID.finditer(data, max(0, start - _OF_UUID_BYTES), end + _OF_UUID_BYTES)
    return not any(uid.start() < start and end <= uid.end() for uid in near)


def _told(entry: _Entry) -> Planted:
    """First names and towns stand in many places: they do not tell which."""
    return replace(entry.planted, place="first name or town") if entry.needle.kind == "first" else entry.planted
