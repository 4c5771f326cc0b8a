"""What a host is given: all of the release, a page that says what is where, the form of an answer; nothing made up."""

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson
from collecte.package import SIGNATURE_NAME, SUMS_NAME, sha256_of
from collecte.ship.layouts import LAYOUTS, HostFile, Layout, Limits, Release, exceeded, layout_of

PLAIN = LAYOUTS["plain"]


def laid_out(layout: Layout, release: Release, into: Path) -> Path:
    """The tree that a host gets, but for its ``SHA256SUMS``."""
    into.mkdir()
    for file in layout.lay_out(release):
        target = into / file.key
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.path:
            target.write_bytes((release.folder / file.path).read_bytes())
            assert (sha256_of(target), target.stat().st_size) == (file.sha256, file.size)
        else:
            layout.make(release, file.key, into)
    return into


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_plain_gives_every_file_of_the_release_and_three_of_its_own(release: Release, tmp_path: Path) -> None:
    host = tree(laid_out(PLAIN, release, tmp_path / "host"))
    ours = tree(release.folder)

    moved = {f"signed/{name}": ours.pop(name) for name in (SUMS_NAME, SIGNATURE_NAME)}
    own = {"LISEZMOI.md", "README.md", "sample_submission.csv"}
    assert {key: content for key, content in host.items() if key not in own} == {**ours, **moved}
    assert own <= set(host)


def test_plain_is_a_function_of_the_release(release: Release, tmp_path: Path) -> None:
    assert tree(laid_out(PLAIN, release, tmp_path / "one")) == tree(laid_out(PLAIN, release, tmp_path / "two"))


def test_the_sample_names_each_case_of_the_test_once_with_the_usual_label(release: Release, tmp_path: Path) -> None:
    with (laid_out(PLAIN, release, tmp_path / "host") / "sample_submission.csv").open(newline="") as text:
        rows = list(csv.reader(text))

    assert rows == [["case", "diagnosis"], ["case-dd", "malignant"], ["case-ee", "malignant"]]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (
            "LISEZMOI.md",
            ("# Démonstration : version v1", "pseudonymisées", "benign (1 cas)", "| train | dicom | 3 | 6 |"),
        ),
        (
            "README.md",
            ("# Demonstration: version v1", "pseudonymised", "malignant (2 cases)", "| test | dicom | 1 | 2 |"),
        ),
    ],
)
def test_the_page_tells_figures_columns_and_how_to_check(
    release: Release, tmp_path: Path, page: str, says: tuple[str, ...]
) -> None:
    text = (laid_out(PLAIN, release, tmp_path / "host") / page).read_text("utf-8")

    for words in (*says, "`train/tables/clinical.csv`", "case, age", "sha256sum --check SHA256SUMS"):
        assert words in text
    assert "anonym" not in text


def test_a_release_without_a_test_set_or_with_its_label_shown_is_told(release: Release) -> None:
    shown = release.folder / "test/tables/clinical.csv"
    shown.write_text("case,diagnosis\ncase-dd,benign\n")
    assert list(PLAIN.validate(release)) == ["test/tables/clinical.csv shows diagnosis"]

    for path in (shown, release.folder / "files.csv"):
        path.write_text("\n".join(line for line in path.read_text().splitlines() if "case-d" not in line) + "\n")
    assert "the test set is empty" in list(PLAIN.validate(release))


def test_a_file_that_is_gone_is_named(release: Release) -> None:
    (release.folder / "train/files/case-aa/1.dcm").unlink()

    with pytest.raises(NeedsPerson, match=r"train/files/case-aa/1.dcm is missing in the release"):
        list(PLAIN.lay_out(release))


def test_limits_that_are_exceeded_are_told_with_the_first_file() -> None:
    files = [HostFile("a/long/name", size=10), HostFile("b", size=5), HostFile("c", size=1)]

    assert list(exceeded(files, Limits())) == []
    assert list(exceeded(files, Limits(files=2, bytes=15, file_bytes=4, key_length=5))) == [
        "there are 3 files, the host takes 2",
        "there are 16 bytes, the host takes 15",
        "a/long/name has 10 bytes, the host takes 4",
        "a/long/name has a name of 11 characters, the host takes 5",
    ]


def test_an_unknown_layout_is_told_with_the_known_ones() -> None:
    with pytest.raises(NeedsPerson, match=r"no layout kagle.* To do: choose one of plain"):
        layout_of("kagle")


# A second layout is one file like this, and one line in the registry.


class ZippedCases:
    """A ZIP for each case, and the labels: for a host that takes few and large files."""

    limits = Limits(files=1000, key_length=100)

    def lay_out(self, release: Release) -> Iterator[HostFile]:
        for part in ("train", "test"):
            for case in release.cases(part):
                yield HostFile(f"{part}/{case}.zip")
        path = "train/labels.csv"
        yield HostFile("labels.csv", path, release.size(path), dict(release.files())[path])

    def make(self, release: Release, key: str, into: Path) -> Path:
        target = into / key
        target.parent.mkdir(parents=True, exist_ok=True)
        files = release.folder / key.partition("/")[0] / "files" / target.stem
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(files.glob("*")):
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())  # no time, no owner: the same each time
        return target

    def validate(self, release: Release) -> Iterator[str]:
        yield from ()


def test_a_second_layout_is_a_few_lines(release: Release, tmp_path: Path) -> None:
    host = laid_out(ZippedCases(), release, tmp_path / "host")

    assert sorted(path.relative_to(host).as_posix() for path in host.rglob("*.zip")) == [
        "test/case-dd.zip",
        "test/case-ee.zip",
        "train/case-aa.zip",
        "train/case-bb.zip",
        "train/case-cc.zip",
    ]
    assert tree(host) == tree(laid_out(ZippedCases(), release, tmp_path / "again"))
