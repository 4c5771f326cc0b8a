"""Is a release whole, and what its maker signed? From its folder alone: no catalogue, no key of ours, no network.

It knows nothing of how subjects are shared out, and reads everything anew.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from collecte.errors import NeedsPerson
from collecte.package import SIGNATURE_NAME, SUMS_NAME, differences, read_sums, sha256_of, verify_signature

#: What every release has beside its files.
DOCUMENTS = ("release.json", "files.csv", "train/labels.csv", "certificate.json", "certificate.html", "signing-key.pub")

_LISTED = ("table", "labels")


def verify(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a release, a sentence each, with the file named; empty where all holds.

    ``public_key``: the file of the signer's key, got another way than with the release. None: the folder's own copy is
    taken, which proves that it is whole, not where it comes from.
    """
    missing = [name for name in (SUMS_NAME, SIGNATURE_NAME, *DOCUMENTS) if not (folder / name).is_file()]
    if missing:
        return [f"{name} is missing" for name in missing]
    found: list[str] = []
    try:
        for said in _everything(folder, public_key):
            found.append(said)  # one by one: what was found before a file that cannot be read is told too
    except NeedsPerson as damaged:
        found.append(damaged.what)
    return found


def _everything(folder: Path, public_key: Path | None) -> Iterator[str]:
    yield from verify_signature(folder, public_key)
    yield from differences(folder)
    about = _json(folder / "release.json")
    rows = _table(folder / "files.csv", {"path", "part", "case", "kind", "sha256"})
    yield from _of_list(folder, rows)
    yield from _of_cases(rows)
    yield from _of_labels(folder, rows, about)
    yield from _of_tables(folder, rows, about)
    yield from _of_certificate(folder, rows, about)


def _of_list(folder: Path, rows: list[dict[str, str]]) -> Iterator[str]:
    """``files.csv`` and ``SHA256SUMS`` speak of the same files."""
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    listed = {row["path"] for row in rows}
    for path in sorted(set(sums) - listed):
        if path.startswith(("train/", "test/")):
            yield f"{path} is not in files.csv"
    for row in rows:
        if sums.get(row["path"]) != row["sha256"]:
            yield f"{row['path']} is in files.csv with another sum than in {SUMS_NAME}"


def _of_cases(rows: list[dict[str, str]]) -> Iterator[str]:
    """Each file stands in the folder of its part and its case, and no case in two parts."""
    parts: dict[str, str] = {}
    for row in rows:
        path, part, case = row["path"], row["part"], row["case"]
        if not path.startswith(f"{part}/files/{case}/" if row["kind"] not in _LISTED else f"{part}/"):
            yield f"{path} does not stand where its part and case are"
        elif case and parts.setdefault(case, part) != part:
            yield f"{path} is of a case that stands in the other part too"


def _of_labels(folder: Path, rows: list[dict[str, str]], about: Mapping[str, Any]) -> Iterator[str]:
    labels = _table(folder / "train/labels.csv")
    known = _cases(folder, rows, "train")
    seen: set[str] = set()
    for row in labels:
        case = row["case"]
        if case not in known:
            yield f"train/labels.csv has a label of {case}, which is no case of train"
        if case in seen:
            yield f"train/labels.csv has {case} twice"
        seen.add(case)
    if labels and set(labels[0]) != {"case", str(about.get("label"))}:
        yield "train/labels.csv has other columns than case and label"


def _of_tables(folder: Path, rows: list[dict[str, str]], about: Mapping[str, Any]) -> Iterator[str]:
    """No label in a table of the test sets; no case in tables of both parts."""
    hidden = {str(about.get("label")), *about.get("hidden_in_test", ())}
    train = _cases(folder, rows, "train")
    for path in sorted(row["path"] for row in rows if row["kind"] == "table"):
        in_test = path.startswith("test/")
        for number, row in enumerate(_table(folder / path)):
            if in_test and number == 0 and (shown := sorted(hidden & set(row))):
                yield f"{path} shows {', '.join(shown)}"
            if in_test and row["case"] in train:
                yield f"{path} has {row['case']}, which is a case of train"


def _of_certificate(folder: Path, rows: list[dict[str, str]], about: Mapping[str, Any]) -> Iterator[str]:
    certificate = _json(folder / "certificate.json")
    if any(certificate.get(name) != about.get(name) for name in ("challenge", "version", "replaces")):
        yield "certificate.json is of another release"
    for name, digest in sorted(certificate.get("sums", {}).items()):
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            yield f"{name} is not what certificate.json certifies"
    if certificate.get("files") != sum(bool(row["case"]) for row in rows):
        yield "certificate.json counts other files than files.csv"
    for said in certificate.get("crossings", ()):
        yield f"certificate.json tells of a crossing: {said}"


def _cases(folder: Path, rows: list[dict[str, str]], part: str) -> set[str]:
    """The cases of a part: those of its files and of its tables."""
    found = {row["case"] for row in rows if row["part"] == part and row["case"]}
    for row in rows:
        if row["kind"] == "table" and row["part"] == part:
            found |= {line["case"] for line in _table(folder / row["path"])}
    return found


def _table(path: Path, needed: Set[str] = frozenset({"case"})) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as text:
            reader = csv.DictReader(text, restval="", strict=True)
            header, rows = set(reader.fieldnames or ()), list(reader)
    except (OSError, ValueError, csv.Error):
        raise NeedsPerson(f"{path.name} cannot be read.", "fetch the release again.") from None
    if not needed <= header:
        raise NeedsPerson(f"{path.name} lacks columns.", "fetch the release again.")
    return rows


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise NeedsPerson(f"{path.name} cannot be read.", "fetch the release again.")
    return content
