"""Does anything cross from one part into another? Read anew from the files of the release, by code that knows nothing
of how they were shared out; on the way, what their headers say.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collecte.records import Fact

#: What :meth:`collecte.formats.Format.describe` gives of a file, by its kind.
Describe = Callable[[str, Path], Mapping[str, Fact]]

#: Facts that are no property of a scanner or a centre: they are compared, or stand for somebody's day.
_LEFT = frozenset({"pixel_sha256", "study_date"})


@dataclass
class Seen:
    """What was read of one case: files, bytes, sums of numbers and counts of words, by fact."""

    files: int = 0
    bytes: int = 0
    numbers: dict[str, tuple[float, int]] = field(default_factory=dict)
    words: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


@dataclass(frozen=True)
class Reread:
    """What crosses, a sentence each; and what was read of each case."""

    crossings: tuple[str, ...]
    cases: Mapping[str, Seen]
    files: int


def reread(folder: Path, parts: Mapping[str, str], columns: Sequence[str], describe: Describe) -> Reread:
    """Read every file and table of a release. ``parts``: the part of each case, as the vault has it; ``columns``: those
    whose values may not stand in two parts.
    """
    pixels: dict[str, set[str]] = defaultdict(set)
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    cases: dict[str, Seen] = {case: Seen() for case in parts}
    crossings: list[str] = []
    count = 0
    with (folder / "files.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            path, case = row["path"], row["case"]
            if not case:
                continue
            count += 1
            crossings += _of_place(path, case, parts)
            facts = describe(row["kind"], folder / path)
            _note(cases.setdefault(case, Seen()), row["kind"], (folder / path).stat().st_size, facts)
            pixels[str(facts.get("pixel_sha256") or "")].add(parts.get(case, ""))
    for case, row in _rows(folder):
        for column in columns:
            if row.get(column):
                values[column, row[column]].add(parts.get(case, ""))
    pixels.pop("", None)
    if same := sum(len(found) > 1 for found in pixels.values()):
        crossings.append(f"the same pixels stand in two parts, {same} times")
    for column in columns:
        if shared := sum(len(found) > 1 for (of, _), found in values.items() if of == column):
            crossings.append(f"values of the column {column} stand in two parts, {shared} of them")
    return Reread(tuple(crossings), cases, count)


def _of_place(path: str, case: str, parts: Mapping[str, str]) -> Iterator[str]:
    part = parts.get(case)
    if part is None:
        yield f"{path} is of no case of the release"
    elif not path.startswith(f"{'train' if part == 'train' else 'test'}/files/{case}/"):
        yield f"{path} does not stand where its case is"


def _rows(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for path in sorted(folder.glob("*/tables/*.csv")):
        with path.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                yield row["case"], row


def _note(seen: Seen, kind: str, size: int, facts: Mapping[str, Fact]) -> None:
    seen.files += 1
    seen.bytes += size
    for name, value in facts.items():
        if value is None or name in _LEFT:
            continue
        key = f"{kind}.{name}"
        if isinstance(value, str):
            seen.words[key][value] += 1
        else:
            total, count = seen.numbers.get(key, (0.0, 0))
            seen.numbers[key] = (total + float(value), count + 1)
