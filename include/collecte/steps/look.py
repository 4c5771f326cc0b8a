"""The first look at each file of a folder, before any is made safe: what it is, whom it is about, what identifies."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from collecte.challenge import Centre, Challenge
from collecte.findings import refused
from collecte.formats import Context
from collecte.keys import Keys
from collecte.package import sha256_of
from collecte.receive import unreadable
from collecte.records import Identifier, State
from collecte.steps.harvest import Examined, examine
from collecte.steps.outcome import Outcome
from collecte.steps.pseudonyms import pseudonyms_of

if TYPE_CHECKING:
    from collecte.residual import Scanner


def context_of(challenge: Challenge, centre: Centre, keys: Keys) -> Context:
    """What the formats may know of a centre of a challenge; references lead nowhere yet."""
    return Context(challenge, centre, pseudonyms_of(challenge, centre, keys))


@dataclass(frozen=True, slots=True)
class Looked:
    """One file's SHA-256 (hex), kind and harvest. IDENTIFYING."""

    sha256: str
    examined: Examined

    @property
    def object(self) -> tuple[str, str] | None:
        """The object that the file is part of."""
        key = self.examined.harvest.object_key
        return (self.examined.kind, key) if key else None

    def outcome(self, path: str) -> Outcome:
        """What became of the file so far: it waits, or is refused already."""
        harvest = self.examined.harvest
        return Outcome(
            source=path,
            state=State.QUARANTINED if refused(harvest.findings) else State.WAITING,
            kind=self.examined.kind,
            subject=harvest.subjects[0] if len(harvest.subjects) == 1 else None,
            sha256_in=self.sha256,
            output=harvest.name or None,
            findings=harvest.findings,
        ).refused_if_quarantined()


@dataclass(frozen=True)
class Look:
    """Looks at files of a folder, in a worker process."""

    source: Path
    context: Context

    def __call__(self, path: str) -> Looked | None:
        """None where the operating system does not let the file be read: a folder goes on without it."""
        try:
            return Looked(sha256_of(self.source / path), examine(self.source / path, path, self.context))
        except OSError:
            return None


def identifiers(looks: Iterable[tuple[str, Looked | None]], looked: dict[str, Looked]) -> Iterator[Identifier]:
    """The identifiers of all files, one by one; the files without them go into ``looked``."""
    for path, look in looks:
        if look is not None:
            yield from look.examined.identifiers()
            looked[path] = replace(look, examined=look.examined.without_identifiers())


def first_outcomes(paths: Iterable[str], looked: Mapping[str, Looked]) -> Iterator[tuple[str, Outcome]]:
    """Each file's outcome so far, by its path; those that could not be read are refused."""
    for path in paths:
        look = looked.get(path)
        yield path, look.outcome(path) if look else Outcome(path, State.QUARANTINED, findings=(unreadable(),))


@lru_cache(maxsize=1)
def _opened(words: Path, made: int) -> "Scanner":
    """The scanner of this process; ``made`` tells one run's words from those of the run before."""
    from collecte.residual import compile_scanner

    del made
    return compile_scanner((), words)


def scanner_of(words: Path) -> "Scanner":
    """The scanner whose words were compiled into this folder."""
    return _opened(words, words.stat().st_ino)
