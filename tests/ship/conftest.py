"""A small release, as it stands frozen in its zone, without what made it."""

import csv
import io
import json
from pathlib import Path

import pytest

from collecte.keys import Keys
from collecte.package import KEY_NAME, SIGNATURE_NAME, SUMS_NAME, public_key_text, sha256_of, sha256sums, signature_of
from collecte.ship.layouts import Release

#: Case → part, label.
CASES = {
    "case-aa": ("train", "benign"),
    "case-bb": ("train", "malignant"),
    "case-cc": ("train", "malignant"),
    "case-dd": ("test", ""),
    "case-ee": ("test", ""),
}


def table(header: list[str], rows: list[list[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def write_release(folder: Path, keys: Keys, version: str = "v1", without: frozenset[str] = frozenset()) -> Release:
    """A release of two images a case, a table, labels; ``case-ee`` has rows and no file. Signed."""
    cases = {case: told for case, told in CASES.items() if case not in without}
    tree: dict[str, bytes] = {}
    listed: list[list[object]] = []
    for case, (part, _) in cases.items():
        for number in range(0 if case == "case-ee" else 2):
            tree[f"{part}/files/{case}/{number}.dcm"] = f"{case} {number} ".encode() * 500
    for part in ("train", "test"):
        mine = [case for case, told in cases.items() if told[0] == part]
        tree[f"{part}/tables/clinical.csv"] = table(["case", "age"], [[case, 40] for case in mine])
    labels = [[case, label] for case, (_, label) in cases.items() if label]
    tree["train/labels.csv"] = table(["case", "diagnosis"], labels)
    about = {
        "challenge": "demo",
        "version": version,
        "label": "diagnosis",
        "title": {"fr": "Démonstration", "en": "Demonstration"},
        "without": sorted(without),
    }
    tree["release.json"] = json.dumps(about).encode()
    tree["certificate.json"], tree["certificate.html"] = b"{}", b"<p>certificate</p>"
    tree[KEY_NAME] = public_key_text(keys.signing).encode()
    for path, content in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        part, _, rest = path.partition("/")
        case = rest.split("/")[1] if rest.startswith("files/") else ""
        kind = "dicom" if case else "document"
        listed.append([path, part if rest else "", case, kind, 1, len(content), sha256_of(folder / path)])
    header = ["path", "part", "case", "kind", "object", "size", "sha256"]
    (folder / "files.csv").write_bytes(table(header, sorted(listed)))
    sums = sha256sums((path, sha256_of(folder / path)) for path in [*tree, "files.csv"])
    (folder / SUMS_NAME).write_bytes(sums)
    (folder / SIGNATURE_NAME).write_bytes(signature_of(sums, keys.signing))
    return Release(folder)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return write_release(tmp_path / "release", Keys.new())
