"""What lies in a drop, cut into deliveries: each first-level folder is one, and so are the loose files of one day.

Names are kept exactly as the drop gave them. Nothing is left out in silence: a system's litter (``.DS_Store``,
``Thumbs.db``, ``__MACOSX/``, ``desktop.ini``) is a file like any other (no kind of data recognises it, so it ends in
quarantine), and what is no regular file, or whose path plays a trick, stands among the refusals with its finding. Only
``retour/`` and ``recall/`` are passed over: we, or a recall, wrote them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from collecte.findings import Finding
from collecte.keys import Keys

#: First-level folders that are never collected, in any case.
NEVER_COLLECTED = frozenset({"retour", "recall"})

_DAY_NS = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()


class Entry(Protocol):
    """One entry of a drop's listing, as :mod:`collecte.transport` gives it. IDENTIFYING: ``path``.

    ``path``: POSIX, relative to the drop, ``str`` with surrogateescape (PEP 383). ``size``: bytes. ``mtime_ns``:
    nanoseconds since 1970 by the drop's clock. ``kind``: ``file``, ``symlink`` or ``special``.
    """

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Refusal:
    """An entry that is not collected, and why. It is a file of its delivery all the same, and counts."""

    entry: Entry
    finding: Finding

    def __repr__(self) -> str:
        return f"Refusal(…, {self.finding.code})"


@dataclass(frozen=True)
class Deposit:
    """One delivery as it lies in the drop. IDENTIFYING: ``folder``, ``entries``, ``refusals``.

    ``folder`` is the first-level folder's name, or ``/2026-11-24`` for the loose files of that day (UTC): no folder
    can be called so. ``entries`` are the files to collect and ``refusals`` the entries that are not, both sorted by
    path.
    """

    folder: str
    entries: tuple[Entry, ...]
    refusals: tuple[Refusal, ...] = ()

    @property
    def loose(self) -> bool:
        """Whether these are the loose files of one day."""
        return self.folder.startswith("/")

    def relative(self, entry: Entry) -> str:
        """The path of an entry within its delivery: what a centre's manifest calls it."""
        return entry.path if self.loose else entry.path.removeprefix(f"{self.folder}/")

    def __repr__(self) -> str:
        return f"Deposit(…, {len(self.entries)} entries, {len(self.refusals)} refusals)"


def deliveries(entries: Iterable[Entry]) -> list[Deposit]:
    """The deliveries of a drop, sorted by folder.

    An entry that ends in ``/`` and has no bytes is an object store's sign for a folder, and no file.
    """
    collected: dict[str, list[Entry]] = {}
    refused: dict[str, list[Refusal]] = {}
    for entry in entries:
        if _passed_over(entry):
            continue
        folder = _folder(entry)
        finding = _refusal(entry)
        if finding is None:
            collected.setdefault(folder, []).append(entry)
        else:
            refused.setdefault(folder, []).append(Refusal(entry, finding))
    return [
        Deposit(
            folder,
            tuple(sorted(collected.get(folder, ()), key=lambda entry: entry.path)),
            tuple(sorted(refused.get(folder, ()), key=lambda refusal: refusal.entry.path)),
        )
        for folder in sorted(collected.keys() | refused.keys())
    ]


def listing_digest(deposit: Deposit, keys: Keys) -> str:
    """A keyed digest (hex) over names, kinds, sizes and times: equal as long as nothing in the delivery changed."""
    entries = [*deposit.entries, *(refusal.entry for refusal in deposit.refusals)]
    parts = (
        part
        for entry in sorted(entries, key=lambda entry: (entry.path, entry.kind, entry.size, entry.mtime_ns))
        for part in (entry.path, entry.kind, str(entry.size), str(entry.mtime_ns))
    )
    return keys.digest("listing", deposit.folder, *parts)


def _passed_over(entry: Entry) -> bool:
    first, slash, rest = entry.path.partition("/")
    if entry.size == 0 and entry.path.endswith("/") and all(_is_name(part) for part in entry.path[:-1].split("/")):
        return True
    return first.casefold() in NEVER_COLLECTED and (bool(slash and rest) or entry.kind == "symlink")


def _folder(entry: Entry) -> str:
    first, slash, _ = entry.path.partition("/")
    if slash and _is_name(first):
        return first
    return f"/{_day(entry.mtime_ns)}"


def _day(mtime_ns: int) -> date:
    """The UTC day; a time that no calendar holds becomes the first or last day that it does."""
    return date.fromordinal(min(max(_EPOCH + mtime_ns // _DAY_NS, 1), date.max.toordinal()))


def _refusal(entry: Entry) -> Finding | None:
    if not all(_is_name(part) for part in entry.path.split("/")):
        return Finding("DROP-PATH-UNSAFE")
    if entry.kind == "symlink":
        return Finding("DROP-SYMLINK")
    if entry.kind != "file":
        return Finding("DROP-SPECIAL-FILE")
    return None


def _is_name(part: str) -> bool:
    """Whether a part of a path is the plain name of a file or folder."""
    return part not in ("", ".", "..") and "\0" not in part
