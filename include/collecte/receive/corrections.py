"""Which file takes the place of which: by logical identity, never by a bare name (``IM0001`` recurs in every
export)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from collecte.findings import Finding
from collecte.records import State

By = Literal["manifest", "identity", "path"]
_Order = tuple[int, int, int]


@dataclass(frozen=True)
class Candidate:
    """One file of a centre, as far as corrections go. All digests are keyed, hex.

    ``delivery``: the delivery's number, which orders them. ``folder_digest``: of the delivery's folder in the drop
    (of the day, for loose files, so that their bare names are compared within one day only). ``path_digest``: of the
    full path in the drop; of a member, of its archive's path and its own. ``logical_digest``: of what the file is (a
    SOPInstanceUID), None where its kind has no such thing. ``mtime``: nanoseconds since 1970 by the drop's clock, for
    the order within one delivery; of a member, its archive's. ``replaces``: path digests of what its manifest says
    that it replaces. ``acceptable``: whether nothing refuses it.
    """

    file_id: int
    delivery: int
    folder_digest: str
    path_digest: str
    logical_digest: str | None = None
    mtime: int | None = None
    replaces: tuple[str, ...] = ()
    acceptable: bool = True


@dataclass(frozen=True)
class Correction:
    """The file ``newer`` takes the place of ``older`` (file ids); ``by``: the manifest's word, one logical identity,
    or one path in one delivery folder, the weakest.
    """

    older: int
    newer: int
    by: By


def corrections(candidates: Iterable[Candidate]) -> list[Correction]:
    """What supersedes what among the files of one centre; each older file once, in the order of file ids.

    The latest acceptable file wins. One that is not acceptable never takes another's place; an older one that was
    refused gives way to its correction like any other. Time grows linearly with the number of files.
    """
    files = sorted(candidates, key=_order)
    winners = _latest_by_key(files)
    named = _latest_by_replaced(files)
    found = []
    for older in files:
        options: list[tuple[Candidate, By]] = [(winners[key], by) for key, by in _keys(older) if key in winners]
        if older.path_digest in named:
            options.append((named[older.path_digest], "manifest"))
        later = [(newer, by) for newer, by in options if _order(newer) > _order(older)]
        if later:
            newer, by = max(later, key=lambda option: (_order(option[0]), _STRENGTH[option[1]]))
            found.append(Correction(older.file_id, newer.file_id, by))
    return sorted(found, key=lambda correction: correction.older)


def of_older(state: State) -> Finding:
    """What to say of the older file: superseded, or, once it was shipped in a release, that it stays there."""
    return Finding("FILE-SUPERSEDED" if state is State.SUPERSEDED else "FILE-CORRECTED-AFTER-RELEASE")


_STRENGTH: Mapping[By, int] = {"path": 0, "identity": 1, "manifest": 2}


def _order(file: Candidate) -> _Order:
    return file.delivery, -1 if file.mtime is None else file.mtime, file.file_id


def _keys(file: Candidate) -> list[tuple[tuple[str, ...], By]]:
    keys: list[tuple[tuple[str, ...], By]] = [(("path", file.folder_digest, file.path_digest), "path")]
    if file.logical_digest is not None:
        keys.append((("identity", file.logical_digest), "identity"))
    return keys


def _latest_by_key(ordered: Iterable[Candidate]) -> dict[tuple[str, ...], Candidate]:
    return {key: file for file in ordered if file.acceptable for key, _ in _keys(file)}


def _latest_by_replaced(ordered: Iterable[Candidate]) -> dict[str, Candidate]:
    latest: dict[str, Candidate] = {}
    for file in ordered:
        if file.acceptable:
            latest.update(dict.fromkeys(file.replaces, file))
    return latest
