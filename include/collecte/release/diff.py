"""What is different between two releases. Their ids differ, unless one is the other made anew after a recall."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collecte.errors import NeedsPerson


def diff(one: Path, other: Path) -> list[str]:
    """The differences, a sentence each: versions, figures by part and kind; of the same version, file by file.

    Raises:
        NeedsPerson: one of the two is no release.
    """
    abouts = [_about(folder) for folder in (one, other)]
    lists = [_files(folder) for folder in (one, other)]
    same = all(abouts[0].get(name) == abouts[1].get(name) for name in ("challenge", "version"))
    return [*_of_values(*abouts), *_of_figures(*lists), *(_of_files(*lists) if same else ())]


def _of_values(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    for name in sorted(one.keys() | other.keys()):
        before, after = one.get(name), other.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from (f"{name}, {said}" for said in _of_values(before, after))
        elif before != after:
            yield f"{name}: {before} → {after}"


def _of_figures(one: dict[str, dict[str, str]], other: dict[str, dict[str, str]]) -> Iterator[str]:
    for what, of in (("files", _files_of), ("cases", _cases_of), ("bytes", _bytes_of)):
        before, after = of(one), of(other)
        for key in sorted(before.keys() | after.keys()):
            if before[key] != after[key]:
                yield f"{key}: {before[key]} → {after[key]} {what}"


def _of_files(one: dict[str, dict[str, str]], other: dict[str, dict[str, str]]) -> Iterator[str]:
    for path in sorted(one.keys() | other.keys()):
        if path not in other:
            yield f"{path} is gone"
        elif path not in one:
            yield f"{path} is new"
        elif one[path]["sha256"] != other[path]["sha256"]:
            yield f"{path} has other content"


def _files_of(rows: dict[str, dict[str, str]]) -> Counter[str]:
    return Counter(f"{row['part']}, {row['kind']}" for row in rows.values())


def _cases_of(rows: dict[str, dict[str, str]]) -> Counter[str]:
    return Counter(part for part, _ in {(row["part"], row["case"]) for row in rows.values() if row["case"]})


def _bytes_of(rows: dict[str, dict[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows.values():
        found[row["part"]] += int(row["size"])
    return found


def _about(folder: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / "release.json").read_bytes())
    except (OSError, ValueError):
        raise _no_release() from None
    return content


def _files(folder: Path) -> dict[str, dict[str, str]]:
    try:
        with (folder / "files.csv").open(encoding="utf-8", newline="") as text:
            return {row["path"]: row for row in csv.DictReader(text)}
    except (OSError, KeyError, csv.Error):
        raise _no_release() from None


def _no_release() -> NeedsPerson:
    return NeedsPerson("That folder is no release.", "name one that holds release.json and files.csv.")
