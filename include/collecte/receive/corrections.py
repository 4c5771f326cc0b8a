"""Which file takes the place of which: by logical identity, never by a bare name (``IM0001`` recurs in every
export)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from collecte.findings import Finding

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
    that it replaces. ``acceptable``: whether nothing refuses it. ``subjects``: the pseudonyms of those whom it is
    about, as far as they are known. ``accepted``: whether it was let through before.
    """

    file_id: int
    delivery: int
    folder_digest: str
    path_digest: str
    logical_digest: str | None = None
    mtime: int | None = None
    replaces: tuple[str, ...] = ()
    acceptable: bool = True
    subjects: tuple[str, ...] = ()
    accepted: bool = False


@dataclass(frozen=True)
class Correction:
    """The file ``newer`` takes the place of ``older`` (file ids); ``by``: the manifest's word, one logical identity of
    one subject, or one path in one delivery folder, the weakest. ``beside``: nothing refuses the older, and the newer
    came beside it in one delivery, under another name.
    """

    older: int
    newer: int
    by: By
    beside: bool = False

    def finding(self) -> Finding:
        """What to say of the older file."""
        return Finding("FILE-TWO-VERSIONS" if self.beside else "FILE-SUPERSEDED", f"f{self.newer}")


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
            beside = by == "identity" and older.acceptable and older.delivery == newer.delivery
            found.append(Correction(older.file_id, newer.file_id, by, beside))
    return sorted(found, key=lambda correction: correction.older)


def contested(candidates: Iterable[Candidate]) -> frozenset[int]:
    """The ids of acceptable files that are, by their logical identity, the very object that a file of another subject
    is: one that was accepted, or of the same delivery or an earlier one. ``candidates``: those that no correction took
    out.
    """
    acceptable = sorted((file for file in candidates if file.acceptable and file.logical_digest), key=_order)
    standing = {str(file.logical_digest): file.subjects for file in acceptable if file.accepted}
    found = set[int]()
    waiting = (file for file in acceptable if not file.accepted)
    for _, delivery in groupby(waiting, key=lambda file: file.delivery):
        same = defaultdict[str, list[Candidate]](list)
        for file in delivery:
            same[str(file.logical_digest)].append(file)
        for digest, files in same.items():
            subjects = {file.subjects for file in files} | {standing.get(digest, files[0].subjects)}
            if len(subjects) == 1:
                standing[digest] = files[0].subjects
                continue
            found |= {file.file_id for file in files if file.subjects != standing.get(digest)}
    return frozenset(found)


_STRENGTH: Mapping[By, int] = {"path": 0, "identity": 1, "manifest": 2}


def _order(file: Candidate) -> _Order:
    return file.delivery, -1 if file.mtime is None else file.mtime, file.file_id


def _keys(file: Candidate) -> list[tuple[tuple[str, ...], By]]:
    """What makes a later file its correction. Where nothing says whom it is about, its identity alone does."""
    keys: list[tuple[tuple[str, ...], By]] = [(("path", file.folder_digest, file.path_digest), "path")]
    if file.logical_digest is not None:
        keys.append((("identity", file.logical_digest, *file.subjects), "identity"))
    return keys


def _latest_by_key(ordered: Iterable[Candidate]) -> dict[tuple[str, ...], Candidate]:
    latest: dict[tuple[str, ...], Candidate] = {}
    for file in ordered:
        if file.acceptable:
            latest.update((key, file) for key, _ in (*_keys(file), *_keys(replace(file, subjects=()))))
    return latest


def _latest_by_replaced(ordered: Iterable[Candidate]) -> dict[str, Candidate]:
    latest: dict[str, Candidate] = {}
    for file in ordered:
        if file.acceptable:
            latest.update(dict.fromkeys(file.replaces, file))
    return latest
