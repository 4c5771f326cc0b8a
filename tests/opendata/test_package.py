"""A package passes every standard's own validator, is the same made twice, and names what is broken in it."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from collecte.opendata import is_spdx, verify
from collecte.opendata.documents import DOCUMENTS
from collecte.package import SUMS_NAME
from tests.opendata.builders import IMAGE_PATH, contents, key_file, make
from tests.opendata.judges import require_standards


@pytest.fixture
def package(tmp_path: Path) -> Path:
    make(tmp_path / "v1")
    return tmp_path / "v1"


def test_every_standards_own_validator_accepts_a_package_and_loads_it(package: Path, tmp_path: Path) -> None:
    records = require_standards(package)
    assert [one["cases/case"] for one in records["cases"]] == [b"case-1", b"case-2"]
    assert records["cases"][0]["cases/age"] == 30
    assert records["files"][0]["files/path"] == IMAGE_PATH.encode()
    assert verify(package, key_file(tmp_path)) == []


def test_csv_and_parquet_hold_the_same_rows_and_a_postcode_keeps_its_zero(package: Path) -> None:
    rows = pq.read_table(package / "data/tables/cases.parquet").to_pylist()
    assert [row["postcode"] for row in rows] == ["0075", "0034"]
    assert [row["dose"] for row in rows] == [1.5, None]
    assert [row["age"] for row in rows] == [30, 40]


def test_made_twice_a_package_has_the_same_bytes_and_times(tmp_path: Path) -> None:
    assert make(tmp_path / "one") == make(tmp_path / "other")
    trees = [
        {
            path.relative_to(tmp_path / name): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for path in (tmp_path / name).rglob("*")
        }
        for name in ("one", "other")
    ]
    assert trees[0] == trees[1]


def test_sums_bag_and_documents_are_one_tree(package: Path) -> None:
    listed = {line.partition("  ")[2] for line in (package / SUMS_NAME).read_text().splitlines()}
    there = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert there - listed == {SUMS_NAME, f"{SUMS_NAME}.sig"}
    assert subprocess.run(["sha256sum", "--check", "--quiet", SUMS_NAME], cwd=package, check=False).returncode == 0


@pytest.mark.parametrize("name", [*DOCUMENTS, "bagit.txt", "manifest-sha256.txt", IMAGE_PATH, "data/tables/cases.csv"])
def test_a_changed_or_missing_file_is_named(package: Path, name: str) -> None:
    path = package / name
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    assert f"{name} has other content" in verify(package, None)
    path.unlink()
    assert any(name in said and "missing" in said for said in verify(package, None))


def test_a_stray_file_and_another_signer_are_named(package: Path, tmp_path: Path) -> None:
    (package / "data" / "more.csv").write_text("a\n")
    assert "data/more.csv is not listed" in verify(package, None)
    other = tmp_path / "other.pub"
    other.write_text("A" * 43 + "=")
    assert any(SUMS_NAME in said for said in verify(package, other))


def test_the_page_loads_nothing_and_says_both_languages_and_that_pixels_link(package: Path) -> None:
    page = (package / "index.html").read_text("utf-8")
    assert not re.search(r"<(script|img|link|iframe)\b|@import|url\(", page)
    assert 'lang="fr"' in page
    assert 'lang="en"' in page
    for text in (page, (package / "README.en.md").read_text("utf-8")):
        assert "pixels are" in text
    everything = "".join(path.read_text("utf-8") for path in package.glob("*") if path.is_file())
    assert not re.search(r"(?<!not make the data )(?<!pas les données )\banonym(e|es|ous)\b", everything)


def test_what_a_challenge_file_says_is_text_on_the_page(tmp_path: Path) -> None:
    make(tmp_path / "v1", title="<script>alert(1)</script>")
    assert "<script>" not in (tmp_path / "v1" / "index.html").read_text("utf-8")
    make(tmp_path / "v2", title="L'os & la moelle")
    assert "L'os & la moelle" in (tmp_path / "v2" / "README.fr.md").read_text("utf-8")


def test_the_citation_is_a_citation_file_of_a_dataset() -> None:
    cited = yaml.safe_load(DOCUMENTS["CITATION.cff"](contents()))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert (cited["type"], cited["license"]) == ("dataset", "CC-BY-4.0")


@pytest.mark.parametrize(("text", "known"), [("CC-BY-4.0", True), ("CC-BY", False), ("", False), ("MIT OR ISC", False)])
def test_a_licence_is_one_id_of_the_spdx_list(text: str, known: bool) -> None:
    assert is_spdx(text) is known


def test_importing_the_steps_loads_no_tool_of_a_standard() -> None:
    tools = "mlcroissant", "frictionless", "datacite", "bagit"
    loaded = f"import sys, collecte.steps; print([one for one in {tools} if one in sys.modules])"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
