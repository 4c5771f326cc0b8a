"""Two hundred small challenges: nothing crosses, each certificate verifies, and what was tampered with is named."""

import base64
import csv
import json
import random
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collecte.package import KEY_NAME, SIGNATURE_NAME, SUMS_NAME, public_key_text, sha256_of, sha256sums, signature_of
from collecte.release import diff, verify
from tests.release.builders import assign, freeze, key_file, linked, parts_of, rows_of, some


@pytest.mark.parametrize("block", range(8))
def test_no_group_crosses_every_certificate_verifies_and_tampering_is_named(block: int, tmp_path: Path) -> None:
    key = key_file(tmp_path)
    for seed in range(block * 25, block * 25 + 25):
        small = some(seed)
        assigned, findings = assign(small)
        parts = parts_of(assigned)
        for link in linked(small):
            assert len({parts[who] for who in link if who in parts}) <= 1, f"challenge {seed}: {link} is parted"
        folder = tmp_path / f"r{seed}"
        assert freeze(small, assigned, folder, [one for one in findings if not one.refuses]) == []
        assert verify(folder, key) == [], f"challenge {seed}"
        _TAMPERINGS[seed % 3](folder, key, random.Random(seed))
        assert verify(folder, None) == [], "the test did not undo what it did"
        shutil.rmtree(folder)


def _one_byte(folder: Path, key: Path, chance: random.Random) -> None:
    one = _some_image(folder, chance)
    before = one.read_bytes()
    one.write_bytes(bytes([before[0] ^ 1]) + before[1:])
    assert f"{one.relative_to(folder).as_posix()} has other content" in verify(folder, key)
    one.write_bytes(before)


def _a_moved_file(folder: Path, key: Path, chance: random.Random) -> None:
    one = _some_image(folder, chance)
    name, moved = one.relative_to(folder).as_posix(), one.with_name("moved.img")
    one.rename(moved)
    assert {f"{name} is missing", f"{moved.relative_to(folder).as_posix()} is not listed"} <= set(verify(folder, key))
    moved.rename(one)


def _one_label_added(folder: Path, key: Path, chance: random.Random) -> None:
    labels = folder / "train" / "labels.csv"
    text = labels.read_text()
    labels.write_text(f"{text}case-of-a-test,label0\n")
    assert any(said.startswith("train/labels.csv has a label of case-of-a-test") for said in verify(folder, key))
    labels.write_text(text)


def _some_image(folder: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(path for path in folder.glob("*/files/*/*/*") if path.is_file()))


_TAMPERINGS = (_one_byte, _a_moved_file, _one_label_added)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small, folder = some(7), tmp_path_factory.mktemp("frozen") / "v1"
    freeze(small, assign(small)[0], folder)
    return folder


@pytest.fixture
def release(frozen: Path, tmp_path: Path) -> Path:
    """A release of the test's own, to do something to."""
    return shutil.copytree(frozen, tmp_path / "v1")


def test_without_its_key_a_release_proves_that_it_is_whole_and_not_where_it_comes_from(
    release: Path, tmp_path: Path
) -> None:
    _sign_again(release, Ed25519PrivateKey.generate())
    assert verify(release, None) == []
    assert any(SIGNATURE_NAME in said for said in verify(release, key_file(tmp_path)))


def test_a_label_of_a_test_case_is_found_even_where_all_is_signed_again(release: Path) -> None:
    case = next(row["case"] for row in rows_of(release / "files.csv") if row["part"] == "test" and row["case"])
    labels = release / "train" / "labels.csv"
    labels.write_text(f"{labels.read_text()}{case},label0\n")
    _list_again(release)
    _sign_again(release, Ed25519PrivateKey.generate())
    assert any("train/labels.csv" in said and case in said for said in verify(release, None))


def test_a_file_moved_from_test_to_train_is_found_even_where_all_is_signed_again(release: Path) -> None:
    row = next(row for row in rows_of(release / "files.csv") if row["part"] == "test" and row["case"])
    moved = row["path"].replace("test/", "train/", 1)
    (release / moved).parent.mkdir(parents=True)
    (release / row["path"]).rename(release / moved)
    _sign_again(release, Ed25519PrivateKey.generate())
    assert any(moved in said for said in verify(release, None))


@pytest.mark.parametrize(
    "name", [SUMS_NAME, SIGNATURE_NAME, KEY_NAME, "files.csv", "release.json", "certificate.json", "train/labels.csv"]
)
def test_a_missing_document_is_named(release: Path, name: str) -> None:
    (release / name).unlink()
    assert verify(release, None) == [f"{name} is missing"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{", b"a,b\n1,2\n", b'case\n"\n'])
@pytest.mark.parametrize("name", ["files.csv", "release.json", "certificate.json", "train/labels.csv", SIGNATURE_NAME])
def test_a_damaged_document_is_told_of_and_stops_nothing_else(release: Path, name: str, content: bytes) -> None:
    (release / name).write_bytes(content)
    assert any(name.rpartition("/")[2] in said for said in verify(release, key_file(release.parent)))


def test_a_link_in_place_of_a_file_is_refused(release: Path) -> None:
    target = release / "files.csv"
    kept = release.parent / "elsewhere.csv"
    target.rename(kept)
    target.symlink_to(kept)
    assert "files.csv is a link" in verify(release, None)


def test_the_test_sets_have_no_column_of_the_ground_truth_nor_free_text(release: Path) -> None:
    (table,) = (release / "test" / "tables").glob("*.csv")
    assert set(rows_of(table)[0]) == {"case", "age", "family"}
    assert "diagnosis" in rows_of(release / "train" / "tables" / table.name)[0]


def test_no_pseudonym_no_centre_and_no_test_label_stands_in_a_release(release: Path) -> None:
    everything = b"".join(
        path.read_bytes() for path in release.rglob("*") if path.is_file() and "files" not in path.parts
    )
    names = "".join(path.as_posix() for path in release.rglob("*"))
    assert b"sub-" not in everything
    assert b"centre0" not in everything
    assert "sub-" not in names


def test_made_twice_a_release_has_the_same_bytes_names_and_times(tmp_path: Path) -> None:
    small = some(11)
    for name in ("one", "other"):
        freeze(small, assign(small)[0], tmp_path / name)
    trees = [
        {
            path.relative_to(tmp_path / name): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for path in (tmp_path / name).rglob("*")
        }
        for name in ("one", "other")
    ]
    assert trees[0] == trees[1]
    assert len({time for time, _ in trees[0].values()}) == 1


def test_what_a_killed_attempt_left_in_the_tree_is_not_in_the_release(tmp_path: Path) -> None:
    small = some(11)
    freeze(small, assign(small)[0], tmp_path / "whole")
    broken = tmp_path / "broken"
    stray = broken / "train" / "files" / "case-x" / "half.img.part"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half")
    (broken / "release.json").write_bytes((tmp_path / "whole" / "release.json").read_bytes())
    freeze(small, assign(small)[0], broken)
    assert not stray.exists()
    assert sha256_of(broken / SUMS_NAME) == sha256_of(tmp_path / "whole" / SUMS_NAME)


def test_the_certificate_tells_no_label_and_no_case_of_a_test_set(release: Path) -> None:
    text = (release / "certificate.json").read_text()
    assert "label0" not in text
    assert "case-" not in text
    content = json.loads(text)
    assert len(content["seed_commitment"]) == 64
    assert {(one["what"], one["of"]) for one in content["giveaway"]} == {
        (what, of) for what in ("size", "headers") for of in ("label", "centre")
    }
    assert "<script" not in (release / "certificate.html").read_text()


def test_two_releases_differ_by_figures_and_one_made_anew_by_files(tmp_path: Path) -> None:
    small = some(11)
    assigned = assign(small)[0]
    freeze(small, assigned, tmp_path / "v1")
    freeze(small, assigned[1:], tmp_path / "again")
    freeze(some(12), assign(some(12))[0], tmp_path / "v2", version="v2")
    said = diff(tmp_path / "v1", tmp_path / "again")
    assert any("is gone" in line and assigned[0].case in line for line in said)
    assert "version: v1 → v2" in diff(tmp_path / "v1", tmp_path / "v2")
    assert diff(tmp_path / "v1", tmp_path / "v1") == []


def _list_again(release: Path) -> None:
    """What somebody does who has no key and much patience: correct the lists too."""
    rows = rows_of(release / "files.csv")
    with (release / "files.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "sha256": sha256_of(release / row["path"])} for row in rows)


def _sign_again(release: Path, key: Ed25519PrivateKey) -> None:
    (release / KEY_NAME).write_text(public_key_text(key))
    paths = [path for path in release.rglob("*") if path.is_file() and path.name not in (SUMS_NAME, SIGNATURE_NAME)]
    sums = sha256sums((path.relative_to(release).as_posix(), sha256_of(path)) for path in paths)
    (release / SUMS_NAME).write_bytes(sums)
    (release / SIGNATURE_NAME).write_bytes(signature_of(sums, key))
    base64.b64decode((release / SIGNATURE_NAME).read_bytes())
