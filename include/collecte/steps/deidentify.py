"""A folder in, a folder out, residual scan included: the journey's heart without catalogue, without network, without
Airflow."""

import errno
import multiprocessing
import os
import shutil
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from collecte.challenge import Centre, Challenge
from collecte.errors import NeedsPerson
from collecte.findings import Finding, refused
from collecte.formats import Context
from collecte.keys import Keys
from collecte.package import sha256_of
from collecte.receive import unreadable
from collecte.records import Identifier, Safe, State
from collecte.steps.harvest import OTHER, Examined, examine
from collecte.steps.make_safe import References, make_file_safe
from collecte.steps.pixel_text import first_of_each, look_again
from collecte.steps.pseudonyms import pseudonyms_of
from collecte.zones import place

if TYPE_CHECKING:
    from collecte.residual import Scanner

#: The folder of the words to look for, in the scratch folder.
_WORDS = "words"
#: Told of progress: phase, done, of.
Advance = Callable[[str, int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What became of one file. ``source`` is identifying: this report is for the one who holds the source folder.

    ``actions``: how many elements (or cells) were kept, removed, replaced, shifted… in the output.
    """

    source: str
    state: State
    kind: str = OTHER
    output: str | None = None
    subject: str | None = None
    sha256_in: str | None = None
    sha256_out: str | None = None
    findings: tuple[Finding, ...] = field(default=())
    actions: Mapping[str, int] = field(default_factory=dict)

    def refused_if_quarantined(self) -> "Outcome":
        """The same, without an output where the state is quarantined."""
        if self.state is not State.QUARANTINED:
            return self
        return replace(self, output=None, sha256_out=None, actions={})

    def as_dict(self) -> dict[str, Any]:
        """The public form: what ``--report`` writes for one file."""
        return {
            "source": self.source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            "output": self.output,
            "state": self.state.value,
            "kind": self.kind,
            "subject": self.subject,
            "sha256_in": self.sha256_in,
            "sha256_out": self.sha256_out,
            "findings": [finding_as_dict(finding) for finding in self.findings],
            "actions": dict(sorted(self.actions.items())) if self.output else {},
        }


def finding_as_dict(finding: Finding) -> dict[str, Any]:
    """The public form of a finding; ``remedy`` holds French, then English."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "place": finding.place,
        "count": finding.count,
        "fr": finding.text("fr"),
        "en": finding.text("en"),
        "remedy": f"{finding.remedy('fr')}\n{finding.remedy('en')}",
    }


def report(outcomes: Sequence[Outcome], challenge: Challenge | None = None) -> dict[str, Any]:
    """The public form of a whole run: every file once, totals that add up, and the rules in force.

    ``totals``, and ``kinds`` by kind: files by state. ``findings``: files by code of a finding. ``actions``: the sums
    of the files' own.
    """
    from collecte.formats.dicom.explain import in_force  # pydicom's dictionaries

    codes = Counter(code for outcome in outcomes for code in {finding.code for finding in outcome.findings})
    actions = Counter[str]()
    for outcome in outcomes:
        actions.update(outcome.actions if outcome.output else {})
    kinds = sorted({outcome.kind for outcome in outcomes})
    rules: dict[str, Any] = {}
    if challenge and challenge.kinds.dicom:
        rules["dicom"] = in_force(challenge.kinds.dicom)
    if challenge and challenge.kinds.table:
        rules["table"] = challenge.kinds.table.model_dump(mode="json", exclude_none=True)
    return {
        "files": [outcome.as_dict() for outcome in outcomes],
        "totals": _totals(outcomes),
        "kinds": {kind: _totals([outcome for outcome in outcomes if outcome.kind == kind]) for kind in kinds},
        "findings": dict(sorted(codes.items())),
        "actions": dict(sorted(actions.items())),
        "rules": rules,
    }


def _totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    states = Counter(outcome.state for outcome in outcomes)
    shown = (State.ACCEPTED, State.QUARANTINED, State.DUPLICATE)
    return {"received": len(outcomes)} | {state.value: states[state] for state in shown}


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
    bytes.

    Raises:
        NeedsPerson: a folder lies in the other, or ``source`` is no folder.
    """
    _check_folders(source, target)
    scratch = target.resolve().with_name(f".{target.resolve().name}.collecte-scratch")
    with _scratch(scratch):
        context = replace(context_of(challenge, centre, keys), durable=False)  # all of them, below, at once
        return _deidentify(source, target, scratch, context, jobs, advance)


def _deidentify(
    source: Path, target: Path, scratch: Path, context: Context, jobs: int, advance: Advance
) -> list[Outcome]:
    listed = _listed(source)
    outcomes = {path: Outcome(path, State.QUARANTINED, findings=(finding,)) for path, finding in listed.others.items()}
    run = Workers(jobs, advance).run
    from collecte.residual import compile_scanner  # hyperscan and pydicom's dictionaries

    looked: dict[str, _Looked] = {}
    looks = zip(listed.files, run("harvest", partial(_look, source, context), listed.files), strict=True)
    compile_scanner(_identifiers(looks, looked), scratch / _WORDS)
    outcomes |= {path: _as_outcome(path, looked.get(path)) for path in listed.files}
    outcomes |= _duplicates(outcomes)
    going = [path for path in listed.files if outcomes[path].state is State.WAITING]
    context = replace(context, reference=References((path, looked[path].examined.harvest.name) for path in going))
    objects = [_object_of(looked[path]) for path in going]
    firsts = enumerate(zip(going, first_of_each(objects), strict=True))
    work = [_Work(number, path, looked[path].examined, first) for number, (path, first) in firsts]
    made = list(run("make safe", _Safely(source, scratch, context), work))
    again = [replace(work[place], sampled=True) for place in look_again(objects, made)]
    for item, safe in zip(again, run("look again", _Safely(source, scratch, context), again), strict=True):
        made[item.number] = safe
    outcomes |= {item.path: _judged(outcomes[item.path], safe) for item, safe in zip(work, made, strict=True)}
    outcomes |= _superseded(outcomes, looked, source)
    if context.challenge.refused_file == "holds_object":
        outcomes |= _held_back(outcomes, looked)
    target.mkdir(parents=True, exist_ok=True)
    os.sync()  # before the first name: no name of the output ever leads to half a file
    for item in work:
        outcome = outcomes[item.path]
        if outcome.output and outcome.sha256_out:
            place(scratch / str(item.number), target / outcome.output, outcome.sha256_out)
    return [outcomes[path] for path in sorted(outcomes)]


@contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """A folder for copies that are not yet known to be accepted, beside the output and never in it; gone afterwards.

    Raises:
        NeedsPerson: a disk is full or refuses.
    """
    with _disk():
        try:
            shutil.rmtree(folder, ignore_errors=True)  # a killed run's
            folder.mkdir(parents=True)
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _disk() -> Iterator[None]:
    """Says what to do where the operating system refuses, without a path.

    Raises:
        NeedsPerson: it did.
    """
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise NeedsPerson(
            f"The operating system refused a file of the source or of the output ({name}).",
            "check the space on the disk, and that the source may be read and the folder of the output written.",
        ) from None


def context_of(challenge: Challenge, centre: Centre, keys: Keys) -> Context:
    """What the formats may know of a centre of a challenge; references lead nowhere yet."""
    return Context(challenge, centre, pseudonyms_of(challenge, centre, keys))


@dataclass(frozen=True)
class _Listing:
    """What lies below a folder: paths relative to it, sorted; ``others`` are links, special files and folders that may
    not be looked into, each with its finding."""

    files: list[str]
    others: dict[str, Finding]


def _listed(folder: Path) -> _Listing:
    """Symbolic links are never followed."""
    files: list[str] = []
    others: dict[str, Finding] = {}

    def unlisted(error: OSError) -> None:
        others[os.path.relpath(os.fsdecode(error.filename), folder)] = unreadable()

    for root, folders, names in os.walk(folder, onerror=unlisted):
        for name in (*folders, *names):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                files.append(relative)
            elif not stat.S_ISDIR(mode):
                others[relative] = Finding("DROP-SYMLINK" if stat.S_ISLNK(mode) else "DROP-SPECIAL-FILE")
    return _Listing(sorted(files), others)


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
        NeedsPerson: a folder lies in the other, ``source`` is no folder, or a file may not be read.
    """
    from collecte.residual import compile_scanner

    _check_folders(source, target)
    context = context_of(challenge, centre, keys)
    run = Workers(jobs, advance).run
    listed, paths = _listed(source), _listed(target).files
    looked: dict[str, _Looked] = {}
    looks = zip(listed.files, run("harvest", partial(_look, source, context), listed.files), strict=True)
    scratch = target.resolve().with_name(f".{target.resolve().name}.collecte-scratch")
    with _scratch(scratch):
        compile_scanner(_identifiers(looks, looked), scratch / _WORDS)
        _require_all_read(listed, looked)
        subjects = frozenset(subject for look in looked.values() for subject in look.examined.harvest.subjects)
        found = run("scan", partial(_scan, target, scratch / _WORDS, subjects), paths)
        return dict(zip(paths, found, strict=True))


def _require_all_read(listed: "_Listing", looked: Mapping[str, "_Looked"]) -> None:
    if len(looked) < len(listed.files) or unreadable() in listed.others.values():
        raise NeedsPerson(
            "Some of the source may not be read, so what identifies in it is not known.",
            "give yourself the right to read all of it, then scan again.",
        )


def _scan(target: Path, words: Path, subjects: frozenset[str], path: str) -> tuple[Finding, ...]:
    own = subjects & set(PurePosixPath(path).parts)
    return tuple(_scanner(words).scan(target / path, own or subjects))


def _identifiers(looks: Iterable[tuple[str, "_Looked | None"]], looked: dict[str, "_Looked"]) -> Iterator[Identifier]:
    """The identifiers of all files, one by one; the files without them go into ``looked``."""
    for path, look in looks:
        if look is not None:
            yield from look.examined.identifiers()
            looked[path] = replace(look, examined=look.examined.without_identifiers())


@dataclass(frozen=True)
class _Looked:
    sha256: str
    examined: Examined


@dataclass(frozen=True)
class _Work:
    """One file to make safe; its safe copy waits in the scratch folder under its number."""

    number: int
    path: str
    examined: Examined
    sampled: bool


def _look(source: Path, context: Context, path: str) -> _Looked | None:
    """None where the operating system does not let the file be read: a folder goes on without it."""
    try:
        return _Looked(sha256_of(source / path), examine(source / path, path, context))
    except OSError:
        return None


@dataclass
class _Safely:
    """Makes files safe in a worker process, which opens the scanner once, when its first file comes."""

    source: Path
    scratch: Path
    context: Context

    def __call__(self, work: _Work) -> Safe:
        harvest = work.examined.harvest
        return make_file_safe(
            self.source / work.path,
            self.scratch / str(work.number),
            work.examined.kind,
            harvest.name,
            harvest.subjects,
            self.context,
            _scanner(self.scratch / _WORDS),
            sampled=work.sampled,
        )


@lru_cache(maxsize=1)
def _opened(words: Path, made: int) -> "Scanner":
    """The scanner of this process; ``made`` tells one run's words from those of the run before."""
    from collecte.residual import compile_scanner

    del made
    return compile_scanner((), words)


def _scanner(words: Path) -> "Scanner":
    return _opened(words, words.stat().st_ino)


def _as_outcome(path: str, look: _Looked | None) -> Outcome:
    if look is None:
        return Outcome(path, State.QUARANTINED, findings=(unreadable(),))
    harvest = look.examined.harvest
    return Outcome(
        source=path,
        state=State.QUARANTINED if refused(harvest.findings) else State.WAITING,
        kind=look.examined.kind,
        subject=harvest.subjects[0] if len(harvest.subjects) == 1 else None,
        sha256_in=look.sha256,
        output=harvest.name or None,
        findings=harvest.findings,
    ).refused_if_quarantined()


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
            found[path] = _refuse(outcome, State.DUPLICATE, "FILE-DUPLICATE")
    return found


def _superseded(outcomes: Mapping[str, Outcome], looked: Mapping[str, _Looked], source: Path) -> dict[str, Outcome]:
    """Of several accepted files with one logical identity, the latest stays (by time, then by path)."""
    same: dict[str, list[str]] = defaultdict(list)
    for path, outcome in outcomes.items():
        if outcome.state is State.ACCEPTED:
            same[looked[path].examined.harvest.logical_id or f"name:{outcome.output}"].append(path)
    older = (
        path
        for paths in same.values()
        for path in sorted(paths, key=lambda path: ((source / path).stat().st_mtime_ns, path))[:-1]
    )
    return {path: _refuse(outcomes[path], State.DUPLICATE, "FILE-SUPERSEDED") for path in older}


def _held_back(outcomes: Mapping[str, Outcome], looked: Mapping[str, _Looked]) -> dict[str, Outcome]:
    """The accepted files of objects of which another file was refused."""

    broken = {_object_of(look) for path, look in looked.items() if outcomes[path].state is State.QUARANTINED} - {None}
    held = (p for p in looked if outcomes[p].state is State.ACCEPTED and _object_of(looked[p]) in broken)
    return {path: _refuse(outcomes[path], State.QUARANTINED, "OBJECT-HELD-BACK") for path in held}


def _object_of(look: _Looked) -> tuple[str, str] | None:
    examined = look.examined
    return (examined.kind, examined.harvest.object_key) if examined.harvest.object_key else None


def _refuse(outcome: Outcome, state: State, code: str) -> Outcome:
    findings = (*outcome.findings, Finding(code))
    return replace(outcome, state=state, findings=findings, output=None, sha256_out=None)


def _check_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise NeedsPerson(f"{source} is no folder.", "name the folder that holds the files to make safe.")
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise NeedsPerson("One of the two folders lies in the other.", "choose an output folder beside the source.")


@dataclass(frozen=True)
class Workers:
    """Shares work among processes, as many as ``jobs``; results come in the order of the items."""

    jobs: int
    advance: Advance

    def run(self, phase: str, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        if self.jobs <= 1 or len(items) <= 1:
            yield from self._told(phase, map(function, items), len(items))
            return
        # Spawned, not forked: a fork copies the locks of threads that libraries have started. The function, and with it
        # the identifiers of the whole folder, travels once to each process, not with every piece of work.
        pool = ProcessPoolExecutor(
            min(self.jobs, len(items)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_take,
            initargs=(function,),
        )
        try:
            results = pool.map(_apply, items, chunksize=max(1, min(64, len(items) // 16)))
            yield from self._told(phase, results, len(items))
        finally:
            pool.shutdown(cancel_futures=True)

    def _told(self, phase: str, results: Iterable[Result], count: int) -> Iterator[Result]:
        for number, result in enumerate(results, 1):
            self.advance(phase, number, count)
            yield result


#: What this process does with each item, where it is a worker.
_task: list[Callable[[Any], Any]] = []


def _take(function: Callable[[Any], Any]) -> None:
    _task[:] = [function]


def _apply(item: Any) -> Any:
    return _task[0](item)
