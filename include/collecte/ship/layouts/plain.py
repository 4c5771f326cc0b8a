"""Folders and CSVs, for a host that takes files as they are.

The tree of the release, and beside it:

``LISEZMOI.md``, ``README.md``
    the data page, in French and in English: what is where, figures, columns, how to submit, how to check.
``sample_submission.csv``
    ``case,<label>``: each case of the test set once, with the label that is the most frequent one in train (of several,
    the first in order): the form of an answer, and the answer of somebody who looked at nothing.
``signed/``
    ``SHA256SUMS`` and its signature as the release has them: what was approved, and by whom it was made.
    ``sha256sum --check signed/SHA256SUMS`` holds from the root, too.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from collecte.package import SIGNATURE_NAME, SUMS_NAME, sha256_of
from collecte.ship.layouts.types import HostFile, Limits, Release

SAMPLE = "sample_submission.csv"
_PAGES = {"LISEZMOI.md": "plain.fr.md.jinja", "README.md": "plain.en.md.jinja"}


class Plain:
    """See the module."""

    limits = Limits()

    def lay_out(self, release: Release) -> Iterator[HostFile]:
        """See :class:`~collecte.ship.layouts.types.Layout`."""
        for path, digest in release.files():
            yield HostFile(path, path, release.size(path), digest)
        for name in (SUMS_NAME, SIGNATURE_NAME):
            yield HostFile(f"signed/{name}", name, release.size(name), sha256_of(release.folder / name))
        for name in (*_PAGES, SAMPLE):
            yield HostFile(name)

    def make(self, release: Release, key: str, into: Path) -> Path:
        """See :class:`~collecte.ship.layouts.types.Layout`."""
        path = into / key
        if key == SAMPLE:
            _write_sample(release, path)
        else:
            path.write_text(_page(release, _PAGES[key]), "utf-8")
        return path

    def validate(self, release: Release) -> Iterator[str]:
        """See :class:`~collecte.ship.layouts.types.Layout`. Without a test set there is nothing to submit."""
        label = str(release.about["label"])
        if not release.cases("test"):
            yield "the test set is empty"
        if not any(row[label] for row in release.rows("train/labels.csv")):
            yield f"train/labels.csv has no {label}"
        for table in release.tables("test"):
            if label in next(iter(release.rows(table)), {}):
                yield f"{table} shows {label}"


def _write_sample(release: Release, path: Path) -> None:
    label = str(release.about["label"])
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["case", label])
        writer.writerows([case, _usual(_labels(release))] for case in release.cases("test"))


def _labels(release: Release) -> Counter[str]:
    label = str(release.about["label"])
    return Counter(row[label] for row in release.rows("train/labels.csv") if row[label])


def _usual(labels: Mapping[str, int]) -> str:
    return min(labels, key=lambda value: (-labels[value], value), default="")


def _page(release: Release, template: str) -> str:
    labels = _labels(release)
    page: str = (
        _templates()
        .get_template(template)
        .render(
            about=release.about,
            figures=_figures(release),
            labels=labels,
            usual=_usual(labels),
            tables={part: _columns(release, part) for part in ("train", "test")},
            sample=SAMPLE,
            sums=SUMS_NAME,
        )
    )
    return page


def _figures(release: Release) -> list[dict[str, Any]]:
    """Cases, files and bytes, by part and kind."""
    cases: dict[tuple[str, str], set[str]] = {}
    files: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for row in release.rows("files.csv"):
        if row["case"]:
            at = (row["part"], row["kind"])
            cases.setdefault(at, set()).add(row["case"])
            files[at] += 1
            sizes[at] += int(row["size"])
    return [
        {"part": at[0], "kind": at[1], "cases": len(cases[at]), "files": files[at], "bytes": sizes[at]}
        for at in sorted(files, key=lambda at: (at[0] != "train", at))
    ]


def _columns(release: Release, part: str) -> dict[str, list[str]]:
    return {table: list(next(iter(release.rows(table)), {})) for table in release.tables(part)}


@cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # of no use to the shards that send files

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    # Markdown, and no name in it is anybody's but ours: nothing to escape.
    return Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
