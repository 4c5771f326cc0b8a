"""Whom reception refuses: subjects and bytes that a recall took back. Asked of each file, before it is used."""

from collections.abc import Iterable, Mapping, Sequence

from collecte.catalogue import Change, FileRow, Moves
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.records import State

_REFUSED = "SUBJECT-RECALLED"


def subject_digest(keys: Keys, pseudonym: str) -> str:
    """What a refused subject is known by."""
    return keys.digest("refused subject", pseudonym)


def bytes_digest(keys: Keys, sha256: str) -> str:
    """What refused bytes are known by; ``sha256`` as received."""
    return keys.digest("refused bytes", sha256)


def recalled(
    keys: Keys, refused: frozenset[str], files: Iterable[FileRow], subjects: Mapping[int, Sequence[str]]
) -> list[FileRow]:
    """Those of these files that are refused: by their bytes, or by one of their ``subjects`` (pseudonyms, by id)."""
    if not refused:
        return []
    known: dict[str, bool] = {}

    def is_refused(pseudonym: str) -> bool:
        if pseudonym not in known:
            known[pseudonym] = subject_digest(keys, pseudonym) in refused
        return known[pseudonym]

    return [
        file
        for file in files
        if any(is_refused(pseudonym) for pseudonym in subjects.get(file.id, ()))
        or (file.sha256 and bytes_digest(keys, file.sha256) in refused)
    ]


def turn_away(moves: Moves, step: str, files: Sequence[FileRow]) -> None:
    """Refuse files for good, each with its finding; a repetition of other bytes is taken back. Our copies of them are
    no longer on record from here on: remove them after the transaction.
    """
    finding = Finding(_REFUSED)
    moves.add_findings(step, [(file.id, finding) for file in files])
    moves.move(
        Change(file.id, State.RECALLED if file.state is State.DUPLICATE else State.REJECTED, finding.code)
        for file in files
    )
    moves.set_files({"id": file.id, "landing": None} for file in files if file.landing)
