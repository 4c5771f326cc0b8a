"""The suites of ``expectations/``: one JSON file for each kind of data, in Great Expectations' own form, checked
whole before anything is judged by it.
"""

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from collecte.challenge import Challenge
from collecte.errors import Bug, NeedsPerson
from collecte.facts import COMMON_COLUMNS, KIND_COLUMNS, SCHEMA
from collecte.findings import Rule, rule
from collecte.quality.columns import ALWAYS, COUNTED, DERIVED
from collecte.settings import HOME

#: What a ``$PARAMETER`` may be.
Threshold = int | float | date

#: Where the suites stand.
FOLDER = HOME / "expectations"

#: The suite that compares the centres, beside those of the kinds of data.
HOMOGENEITY = "homogeneity"

#: Arguments of an expectation that name a column.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")
_COLUMN_LIST = "column_list"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Expected:
    """One expectation: its type and arguments as they stand in the file (``kwargs``) and with thresholds filled in; the
    finding that its failure is; ``where`` it stands, for messages."""

    type: str
    kwargs: Mapping[str, Any]
    arguments: Mapping[str, Any]
    code: str
    where: str

    @property
    def place(self) -> str:
        """The column or columns that it is about."""
        named = [str(self.arguments[name]) for name in _COLUMN_ARGUMENTS if name in self.arguments]
        return ", ".join([*named, *self.arguments.get(_COLUMN_LIST, ())])

    @property
    def values(self) -> dict[str, str | int]:
        """The thresholds that the finding's text cites."""
        cited = (name for name in rule(self.code).placeholders if name in self.arguments)
        return {name: _written(self.arguments[name]) for name in cited}


@dataclass(frozen=True)
class Suite:
    """What is expected of the facts of one kind of data."""

    kind: str
    expected: tuple[Expected, ...]


def load_suites(challenge: Challenge, folder: Path = FOLDER) -> dict[str, Suite]:
    """The suites in a folder, by kind, with the challenge's thresholds.

    Raises:
        NeedsPerson: a file is no suite, or names a kind, column, finding or threshold that does not exist.
    """
    thresholds = parameters(challenge)
    paths = (path for path in sorted(folder.glob("*.json")) if path.stem != HOMOGENEITY)
    return {path.stem: _of_kind(path, thresholds) for path in paths}


def judged_columns(challenge: Challenge, folder: Path = FOLDER) -> list[str]:
    """The columns of the facts that the suites in a folder look at, in the order of the facts: all that is needed to
    judge (:func:`collecte.facts.read_facts`).

    Raises:
        NeedsPerson: as :func:`load_suites`.
    """
    named = {*ALWAYS, *(column for derived in COUNTED.values() for column in derived)}
    for suite in load_suites(challenge, folder).values():
        # In whatever argument: of a condition on rows, the columns stand within a text.
        named.update(_WORD.findall(json.dumps([expected.kwargs for expected in suite.expected])))
    return [name for name in SCHEMA.names if name in named]


def parameters(challenge: Challenge) -> dict[str, Threshold]:
    """What ``$PARAMETER`` may name: each threshold of the challenge's ``quality`` (of a pair: ``_min`` and ``_max``),
    and ``latest_study``, the last day of the collection."""
    found: dict[str, Threshold] = {"latest_study": challenge.dates.collection.end}
    for name, value in challenge.quality:
        if isinstance(value, tuple):
            found |= {f"{name}_min": value[0], f"{name}_max": value[1]}
        else:
            found[name] = value
    return found


def wrong_suite(where: str, what: str, remedy: str) -> NeedsPerson:
    """What is wrong with a suite file, by file and key."""
    return NeedsPerson(f"expectations/{where}: {what}.", remedy)


def _of_kind(path: Path, thresholds: Mapping[str, Threshold]) -> Suite:
    kind = path.stem
    if kind not in KIND_COLUMNS:
        raise wrong_suite(path.name, "no kind of data has this name", f"call it {' or '.join(KIND_COLUMNS)}.json.")
    return load_suite(path, {*COMMON_COLUMNS, *KIND_COLUMNS[kind], *DERIVED.get(kind, ())}, thresholds)


def load_suite(
    path: Path, columns: Set[str], thresholds: Mapping[str, Threshold], cited: Set[str] = frozenset()
) -> Suite:
    """The suite in one file, of a table with these columns; ``cited``: what a finding's text may take from its row.

    Raises:
        NeedsPerson: as :func:`load_suites`.
    """
    kind = path.stem
    try:
        raw = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise wrong_suite(
            path.name, f"line {error.lineno}, column {error.colno} is no JSON", "correct that line."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise wrong_suite(path.name, "the file cannot be read", "make it a readable UTF-8 file.") from None
    entries = raw.get("expectations") if isinstance(raw, dict) else None
    if not isinstance(entries, list) or not entries or raw.get("name") != kind:
        raise wrong_suite(
            path.name,
            "name or expectations is missing or of the wrong form",
            f'write {{"name": "{kind}", "expectations": [ … ]}} with at least one expectation.',
        )
    expected = (
        _expected(f"{path.name}: expectations[{number}]", entry, columns, thresholds, cited)
        for number, entry in enumerate(entries)
    )
    return Suite(kind, tuple(expected))


def _expected(
    where: str, entry: Any, columns: Set[str], thresholds: Mapping[str, Threshold], cited: Set[str]
) -> Expected:
    match entry:
        case {"type": str(type_), "kwargs": dict(kwargs), "meta": {"finding": str(code), "severity": severity}}:
            pass
        case _:
            raise wrong_suite(
                where,
                "type, kwargs, meta.finding or meta.severity is missing or of the wrong form",
                "write them as the other expectations of the file do.",
            )
    registered = _registered(where, code)
    if severity != registered.severity:
        raise wrong_suite(
            f"{where}.meta.severity",
            f"{code} is registered as {registered.severity}",
            f'write "{registered.severity}", or change quality/findings.yaml, which decides.',
        )
    arguments = {name: _filled(f"{where}.kwargs.{name}", value, thresholds) for name, value in kwargs.items()}
    _check_columns(where, arguments, columns)
    if absent := sorted(set(registered.placeholders) - set(arguments) - cited):
        raise wrong_suite(
            f"{where}.kwargs", f"the text of {code} cites {', '.join(absent)}", "give it, or name another finding."
        )
    return Expected(type_, kwargs, arguments, code, where)


def _registered(where: str, code: str) -> Rule:
    try:
        return rule(code)
    except Bug:
        raise wrong_suite(
            f"{where}.meta.finding",
            "no findings.yaml has this code",
            "declare it in quality/findings.yaml, in both languages, or name one that is there.",
        ) from None


def _filled(where: str, value: Any, thresholds: Mapping[str, Threshold]) -> Any:
    if not isinstance(value, dict):
        return value
    name = str(value.get("$PARAMETER"))
    if name not in thresholds:
        raise wrong_suite(
            where, "no such threshold", f"name one of {', '.join(sorted(thresholds))}, or add it to Quality."
        )
    return thresholds[name]


def _check_columns(where: str, arguments: Mapping[str, Any], columns: Set[str]) -> None:
    named = {f"kwargs.{name}": [arguments[name]] for name in _COLUMN_ARGUMENTS if name in arguments}
    named["kwargs.column_list"] = arguments.get(_COLUMN_LIST, [])
    for key, given in named.items():
        if unknown := [name for name in given if name not in columns]:
            raise wrong_suite(
                f"{where}.{key}",
                f"the facts have no column {unknown[0]}",
                f"name one of {', '.join(sorted(columns))}.",
            )


def _written(value: Any) -> str | int:
    """A threshold as a finding cites it: without an exponent."""
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
