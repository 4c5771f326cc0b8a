"""Does anything that identifies in one folder stand in another?"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from collecte.challenge import Centre, Challenge
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.receive import unreadable
from collecte.steps.folder import Listing, check_folders, listed, scratch_of
from collecte.steps.look import Look, Looked, context_of, identifiers, scanner_of
from collecte.workers import Advance, workers


def scan(
    source: Path,
    target: Path,
    challenge: Challenge,
    centre: Centre,
    keys: Keys,
    *,
    jobs: int = 1,
    advance: Advance = lambda phase, done, of: None,
) -> dict[str, tuple[Finding, ...]]:
    """What identifies in ``source`` and stands in ``target``, by the path of each file there (empty: nothing).

    A birth date counts in the files of its own subject: those below the subject's folder, and lines with its pseudonym.

    Raises:
        NeedsPerson: a folder lies in the other, ``source`` is no folder or empty, or a file may not be read.
    """
    from collecte.residual import compile_scanner

    check_folders(source, target)
    here, paths = listed(source), listed(target).files
    looked: dict[str, Looked] = {}
    with scratch_of(target) as scratch, workers(jobs, advance) as sharing:
        with closing(sharing.run("harvest", Look(source, context_of(challenge, centre, keys)), here.files)) as looks:
            compile_scanner(identifiers(zip(here.files, looks, strict=True), looked), scratch / "words")
        _require_all_read(here, looked)
        if not looked:
            raise NeedsPerson("SRC holds no file, so nothing is known to look for.", "name the folder as received.")
        subjects = {subject for look in looked.values() for subject in look.examined.harvest.subjects}
        (scratch / "subjects").write_text("\n".join(subjects))
        found = list(sharing.run("scan", _Scan(target, scratch), paths))
    return dict(zip(paths, found, strict=True))


def _require_all_read(here: Listing, looked: Mapping[str, Looked]) -> None:
    if len(looked) < len(here.files) or unreadable() in here.others.values():
        raise NeedsPerson(
            "Some of the source may not be read, so what identifies in it is not known.",
            "give yourself the right to read all of it, then scan again.",
        )


@dataclass(frozen=True)
class _Scan:
    """Scans files in a worker process; what it looks for waits in the scratch folder, as it may be much."""

    target: Path
    scratch: Path

    def __call__(self, path: str) -> tuple[Finding, ...]:
        told = self.scratch / "subjects"
        subjects = _subjects(told, told.stat().st_mtime_ns)
        own = subjects & set(PurePosixPath(path).parts)
        return tuple(scanner_of(self.scratch / "words").scan(self.target / path, own or subjects))


@lru_cache(maxsize=1)
def _subjects(path: Path, written: int) -> frozenset[str]:
    """Those of one run; ``written`` tells them from those of the run before, which stood in the same place."""
    del written
    return frozenset(path.read_text().split())
