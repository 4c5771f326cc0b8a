"""One whole trial: a corpus is planted, the product makes it safe, and what came out is gathered for the score."""

import logging
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collecte.challenge import load
from collecte.challenge.kinds import DicomRules
from collecte.keys import Keys
from collecte.settings import HOME
from collecte.steps.deidentify import Outcome, deidentify
from tests.judge.planting import Turn, plant
from tests.judge.samples import Sample
from tests.judge.strings import Planted
from tests.judge.walking import paths

#: Fixed, so that a trial gives the same score twice.
_KEYS = Keys(bytes(range(32)), {"k1": bytes(range(1, 33))}, "k1", bytes(range(2, 34)))


@dataclass
class Case:
    """One file of the trial: as it went in, and what became of it."""

    sample: Sample
    before: Path
    planted: list[Planted]
    outcome: Outcome
    after: Path | None


@dataclass
class Trial:
    """``options``: of PS3.15; ``said``: what the product logged and warned of; ``outputs``: all files that came out."""

    cases: list[Case]
    options: tuple[str, ...] = ()
    outputs: list[Path] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class _Listener(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


#: The demonstration's options, and all others that keep something and clean it first.
WIDE = (
    "retain_longitudinal_modified_dates",
    "retain_patient_characteristics",
    "retain_safe_private",
    "clean_structured_content",
    "clean_graphics",
    "clean_descriptors",
)


def plant_all(samples: Iterable[Sample], folder: Path) -> list[tuple[Sample, Path, list[Planted]]]:
    """The planted files in a folder."""
    turn = Turn()
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, sample in enumerate(samples):
            sample.clean = {
                path: count
                for path, values in paths(sample.data).items()
                if path[0] not in sample.foreign
                if (count := sum(value is not None for value in values))
            }
            data, planted = plant(sample, turn, number)
            path = folder / _named(sample.path, planted, turn)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            made.append((sample, path, planted))
    return made


def _named(path: str, planted: list[Planted], turn: Turn) -> str:
    """A path in folders that say who it is."""
    name, record = turn.strings.person("folder name"), turn.strings.record("file name")
    planted += [name, record]
    folder, _, file = path.rpartition("/")
    return f"{name.text.replace('^', ' ')}/{folder}/{record.text}_{file}"


def run(samples: Sequence[Sample], folder: Path, *, jobs: int = 1, **rules: Any) -> Trial:
    """Plant, make safe, gather. ``rules``: other values of the challenge's DICOM rules than the demonstration's."""
    source, target = folder / "in", folder / "out"
    made = plant_all(samples, source)
    challenge = load(HOME / "include" / "challenges" / "demo.yaml")
    if rules:
        dicom = DicomRules.model_validate(challenge.kinds.dicom.model_dump() | rules)
        challenge = challenge.model_copy(update={"kinds": challenge.kinds.model_copy(update={"dicom": dicom})})
    trial = Trial([], challenge.kinds.dicom.options)
    listener, root = _Listener(trial.said), logging.getLogger()
    root.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            outcomes = deidentify(source, target, challenge, challenge.centres[0], _KEYS, jobs=jobs)
    finally:
        root.removeHandler(listener)
    trial.said += [str(warning.message) for warning in warned]
    by_path = {outcome.source: outcome for outcome in outcomes}
    for sample, path, planted in made:
        outcome = by_path[path.relative_to(source).as_posix()]
        after = target / outcome.output if outcome.output else None
        trial.cases.append(Case(sample, path, planted, outcome, after))
    trial.outputs = sorted(path for path in target.rglob("*") if path.is_file())
    return trial


def in_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a trial, in memory where there is such."""
    memory = Path("/dev/shm")  # noqa: S108 -- a folder of its own is made in it
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
