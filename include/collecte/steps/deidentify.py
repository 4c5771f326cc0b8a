"""A folder in, a folder out, residual scan included: the journey's heart without catalogue, without network, without
Airflow."""

import os
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from collecte.challenge import Centre, Challenge
from collecte.errors import Bug
from collecte.findings import Finding, refused
from collecte.formats import Context
from collecte.keys import Keys
from collecte.package import sha256_of
from collecte.receive import object_held_back, of_two_subjects, unreadable
from collecte.records import Safe, State
from collecte.steps.folder import check_folders, listed, scratch_of
from collecte.steps.look import Look, Looked, context_of, first_outcomes, identifiers, scanner_of
from collecte.steps.make_safe import References, make_file_safe
from collecte.steps.outcome import Outcome
from collecte.steps.pixel_text import first_of_each, look_again
from collecte.workers import Advance, Workers, workers
from collecte.zones import place

__all__ = ["Outcome", "context_of", "deidentify"]

#: The folder of the words to look for, in the scratch folder.
_WORDS = "words"


def deidentify(
    source: Path,
    target: Path,
    challenge: Challenge,
    centre: Centre,
    keys: Keys,
    *,
    jobs: int = 1,
    advance: Advance = lambda phase, done, of: None,
) -> list[Outcome]:
    """Make every file below ``source`` safe below ``target``; what became of each, in the order of their paths.

    ``jobs`` processes share the work; ``advance(phase, done, of)`` is told of progress. Run again, it gives the same
    bytes, and takes back what an earlier run let through and this one refuses. Memory grows by some hundred bytes a
    file.

    Raises:
        NeedsPerson: a folder lies in the other, ``source`` is no folder, another run writes into ``target``, or the
            operating system refuses a file of the output.
    """
    check_folders(source, target)
    with scratch_of(target) as scratch, workers(jobs, advance) as sharing:
        context = replace(context_of(challenge, centre, keys), durable=False)  # all of them, below, at once
        return _deidentify(source, target, scratch, context, sharing)


def _deidentify(source: Path, target: Path, scratch: Path, context: Context, sharing: Workers) -> list[Outcome]:
    from collecte.residual import compile_scanner  # hyperscan and pydicom's dictionaries

    here = listed(source)
    outcomes = {path: Outcome(path, State.QUARANTINED, findings=(finding,)) for path, finding in here.others.items()}
    looked: dict[str, Looked] = {}
    with closing(sharing.run("harvest", Look(source, context), here.files)) as looks:
        compile_scanner(identifiers(zip(here.files, looks, strict=True), looked), scratch / _WORDS)
    outcomes |= first_outcomes(here.files, looked)
    outcomes |= _duplicates(outcomes)
    going = [path for path in here.files if outcomes[path].state is State.WAITING]
    work = _work(going, looked)
    safely = _Safely(source, scratch, context)
    others = [item for item in work if item.looked.examined.kind != "table"]
    _settle(outcomes, _made_safe(safely, sharing, others), looked, context, source)
    # Tables name other files, whose names shall not travel: they are this process's own, and the last.
    tables = [item for item in work if item.looked.examined.kind == "table"]
    there = {path for path in going if outcomes[path].state is not State.QUARANTINED}
    knowing = replace(safely, context=replace(context, reference=References(_names(looked, there))))
    made = _numbered(tables, sharing.alone().run("tables", knowing, tables)) if tables else {}
    _settle(outcomes, {item.path: made[item.number] for item in tables}, looked, context, source)
    outcomes |= _put_in_place(scratch, target, [outcomes[path] for path in going], looked, outcomes)
    return [outcomes[path] for path in sorted(outcomes)]


@dataclass(frozen=True, slots=True)
class _Work:
    """One file to make safe; its safe copy waits in the scratch folder under its number."""

    number: int
    path: str
    looked: Looked
    sampled: bool


def _work(going: Sequence[str], looked: Mapping[str, Looked]) -> list[_Work]:
    """The files that wait, in their order."""
    firsts = first_of_each([looked[path].object for path in going])
    return [_Work(n, path, looked[path], first) for n, (path, first) in enumerate(zip(going, firsts, strict=True))]


def _made_safe(safely: "_Safely", sharing: Workers, work: Sequence[_Work]) -> dict[str, Safe]:
    """The safe copies of files that name no others, by their paths. Where one shows text, the rest of its series that
    was not looked at is made again."""
    made = _numbered(work, sharing.run("make safe", safely, work))
    places = look_again([item.looked.object for item in work], [made[item.number] for item in work])
    again = [replace(work[place], sampled=True) for place in places]
    made |= _numbered(again, sharing.run("look again", safely, again))
    return {item.path: made[item.number] for item in work}


def _settle(
    outcomes: dict[str, Outcome], made: Mapping[str, Safe], looked: Mapping[str, Looked], context: Context, source: Path
) -> None:
    """Record what became of files that were made safe, and of those that give way to them or are held back."""
    outcomes |= {path: _judged(outcomes[path], safe) for path, safe in made.items()}
    outcomes |= _superseded({path: outcomes[path] for path in made}, looked, source)
    if context.challenge.refused_file == "holds_object":
        outcomes |= _held_back(outcomes, looked)


def _names(looked: Mapping[str, Looked], there: Set[str]) -> Iterable[tuple[str, str]]:
    """The paths of files with the names of their copies; a duplicate's copy is the one of the first of its bytes."""
    name = {looked[path].sha256: looked[path].examined.harvest.name for path in there}
    return ((path, name[look.sha256]) for path, look in looked.items() if look.sha256 in name)


def _numbered(work: Sequence[_Work], results: Generator[Safe, None, None]) -> dict[int, Safe]:
    with closing(results):
        return {item.number: safe for item, safe in zip(work, results, strict=True)}


@dataclass(frozen=True)
class _Safely:
    """Makes files safe in a worker process, which opens the scanner once, when its first file comes."""

    source: Path
    scratch: Path
    context: Context

    def __call__(self, work: _Work) -> Safe:
        examined, source = work.looked.examined, self.source / work.path
        target = self.scratch / str(work.number)
        try:
            safe = make_file_safe(
                source,
                target,
                examined.kind,
                examined.harvest.name,
                examined.harvest.subjects,
                self.context,
                scanner_of(self.scratch / _WORDS),
                sampled=work.sampled,
            )
            if refused(safe.findings) or (safe.sha256_in or sha256_of(source)) == work.looked.sha256:
                return safe
        except (OSError, Bug):
            if (finding := _trouble(source, work.looked.sha256)) is None:
                raise
            return Safe("", 0, (finding,))
        # Its identifiers were read from the bytes that it had before: what is there now was never looked at.
        target.unlink(missing_ok=True)
        return Safe("", 0, (Finding("FILE-CHANGED-WHILE-READ"),))


def _trouble(source: Path, sha256: str) -> Finding | None:
    """What happened to a file of the source since the first look at it; None: nothing."""
    try:
        return None if sha256_of(source) == sha256 else Finding("FILE-CHANGED-WHILE-READ")
    except OSError:
        return unreadable()


def _judged(outcome: Outcome, made: Safe) -> Outcome:
    state = State.QUARANTINED if refused(made.findings) else State.ACCEPTED
    findings = (*outcome.findings, *made.findings)
    judged = replace(outcome, state=state, findings=findings, sha256_out=made.sha256 or None, actions=made.actions)
    return judged.refused_if_quarantined()


def _duplicates(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The files whose very bytes stand earlier in the folder."""
    first: dict[str, str] = {}
    found = {}
    for path in sorted(outcomes):
        outcome = outcomes[path]
        if outcome.sha256_in and first.setdefault(outcome.sha256_in, path) != path and outcome.state is State.WAITING:
            found[path] = _refuse(outcome, State.DUPLICATE, Finding("FILE-DUPLICATE"))
    return found


def _superseded(outcomes: Mapping[str, Outcome], looked: Mapping[str, Looked], source: Path) -> dict[str, Outcome]:
    """Of several accepted files with one logical identity, the latest stays (by time, then by path); of those of
    several subjects, none: which is right, a person says."""
    same: dict[str, list[str]] = defaultdict(list)
    for path, outcome in outcomes.items():
        if outcome.state is State.ACCEPTED:
            same[looked[path].examined.harvest.logical_id or f"name:{outcome.output}"].append(path)
    found: dict[str, Outcome] = {}
    for paths in same.values():
        if len({looked[path].examined.harvest.subjects for path in paths}) > 1:
            found |= {path: _refuse(outcomes[path], State.QUARANTINED, of_two_subjects()) for path in paths}
            continue
        *older, latest = sorted(paths, key=lambda path: (_time(source / path), path))
        said = Finding("FILE-TWO-VERSIONS", str(outcomes[latest].output))
        found |= {path: _refuse(outcomes[path], State.DUPLICATE, said) for path in older}
    return found


def _time(path: Path) -> int:
    """When a file was last changed, in nanoseconds; one that has just gone was there before all others."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _held_back(outcomes: Mapping[str, Outcome], looked: Mapping[str, Looked]) -> dict[str, Outcome]:
    """The accepted files of objects of which another file was refused."""

    broken = {look.object for path, look in looked.items() if outcomes[path].state is State.QUARANTINED} - {None}
    held = (p for p in looked if outcomes[p].state is State.ACCEPTED and looked[p].object in broken)
    return {path: _refuse(outcomes[path], State.QUARANTINED, object_held_back()) for path in held}


def _refuse(outcome: Outcome, state: State, finding: Finding) -> Outcome:
    return replace(_with(outcome, finding), state=state, output=None, sha256_out=None)


def _put_in_place(
    scratch: Path,
    target: Path,
    made: Sequence[Outcome],
    looked: Mapping[str, Looked],
    outcomes: Mapping[str, Outcome],
) -> dict[str, Outcome]:
    """Give the accepted copies their names; ``made``: by the numbers of the copies. What an earlier run let through
    and this one refuses goes. The outcomes of files whose copies of an earlier run went or were other bytes."""
    target.mkdir(parents=True, exist_ok=True)
    accepted = {outcome.output for outcome in made if outcome.output}
    changed: dict[str, Outcome] = {}
    for path, look in looked.items():
        name = look.examined.harvest.name
        if name and name not in accepted and (target / name).exists():
            (target / name).unlink()
            changed[path] = _with(outcomes[path], Finding("FILE-COPY-TAKEN-OUT", name))
    os.sync()  # before the first name: no name of the output ever leads to half a file
    for number, outcome in enumerate(made):
        if outcome.output and outcome.sha256_out:
            there = target / outcome.output
            if there.exists() and sha256_of(there) != outcome.sha256_out:
                changed[outcome.source] = _with(outcome, Finding("FILE-COPY-REPLACED"))
            place(scratch / str(number), there, outcome.sha256_out)
    return changed


def _with(outcome: Outcome, finding: Finding) -> Outcome:
    return replace(outcome, findings=(*outcome.findings, finding))
