"""Keys: what they promise, tried by breaking it."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.errors import NeedsPerson
from collecte.keys import Keys, keyed_digest

KEYS = Keys.new()
# What can come out of a file name (PEP 383) or a decoded value.
texts = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary().map(os.fsdecode))


# --- sealing


@given(texts, st.integers(min_value=1, max_value=2**40))
def test_what_was_sealed_for_a_cell_opens_there_again(text: str, row: int) -> None:
    sealed, key_id = KEYS.seal(text, "file", "path_sealed", row)
    assert KEYS.unseal(sealed, key_id, "file", "path_sealed", row) == text


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [("file", "path_sealed", 8), ("file", "name", 7), ("delivery", "path_sealed", 7)],
)
def test_a_sealed_value_moved_to_another_cell_does_not_open(table: str, column: str, row: int) -> None:
    sealed, key_id = KEYS.seal("DUPONT/IM0001", "file", "path_sealed", 7)
    with pytest.raises(NeedsPerson, match="does not open"):
        KEYS.unseal(sealed, key_id, table, column, row)


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_a_sealed_value_cut_short_does_not_open(cut: int) -> None:
    sealed, key_id = KEYS.seal("DUPONT", "file", "path_sealed", 7)
    with pytest.raises(NeedsPerson, match="audit verify"):
        KEYS.unseal(sealed[:cut], key_id, "file", "path_sealed", 7)


def test_each_flipped_bit_of_a_sealed_value_is_noticed() -> None:
    sealed, key_id = KEYS.seal("DUPONT", "file", "path_sealed", 7)
    for place in range(len(sealed)):
        flipped = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(NeedsPerson):
            KEYS.unseal(flipped, key_id, "file", "path_sealed", 7)


def test_the_same_text_sealed_twice_looks_different() -> None:
    assert KEYS.seal("DUPONT", "file", "path_sealed", 7) != KEYS.seal("DUPONT", "file", "path_sealed", 7)


def test_a_failed_opening_says_nothing_of_the_text_nor_of_the_cause() -> None:
    sealed, key_id = KEYS.seal("DUPONT", "file", "path_sealed", 7)
    with pytest.raises(NeedsPerson) as caught:
        KEYS.unseal(sealed, key_id, "file", "path_sealed", 8)
    assert "DUPONT" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- rotation


def test_rotation_changes_the_sealing_key_and_nothing_else() -> None:
    sealed, key_id = KEYS.seal("DUPONT", "file", "path_sealed", 7)
    rotated = KEYS.rotated().rotated()
    assert rotated.active_sealing == "k3"
    assert rotated.unseal(sealed, key_id, "file", "path_sealed", 7) == "DUPONT"
    assert rotated.seal("DUPONT", "file", "path_sealed", 7)[1] == "k3"
    assert rotated.derive("pseudonym") == KEYS.derive("pseudonym")
    assert rotated.signing_seed == KEYS.signing_seed


def test_what_a_new_key_sealed_does_not_open_with_the_old_ring() -> None:
    sealed, key_id = KEYS.rotated().seal("DUPONT", "file", "path_sealed", 7)
    with pytest.raises(NeedsPerson, match="own key file"):
        KEYS.unseal(sealed, key_id, "file", "path_sealed", 7)


# --- purposes and digests


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {KEYS.derive(purpose) for purpose in ("pseudonym", "uid", "reference", "date shift", "digest")}
    assert len(keys) == 5
    assert KEYS.challenge_secret not in keys


def test_two_challenges_share_no_digest() -> None:
    assert Keys.new().digest("path", "a") != KEYS.digest("path", "a")


def test_parts_cannot_be_shifted_into_one_another() -> None:
    key = bytes(32)
    assert keyed_digest(key, "p", "ab", "c") != keyed_digest(key, "p", "a", "bc")
    assert keyed_digest(key, "p", "ab") != keyed_digest(key, "pa", "b")
    assert keyed_digest(key, "p", "", "a") != keyed_digest(key, "p", "a", "")
    assert keyed_digest(key, "p", "a") != keyed_digest(key, "p", "a", "")


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_two_lists_of_parts_have_one_digest_only_if_they_are_one(left: list[str], right: list[str]) -> None:
    key = bytes(32)
    same = [os.fsencode(text) for text in left] == [os.fsencode(text) for text in right]
    assert (keyed_digest(key, "p", *left) == keyed_digest(key, "p", *right)) is same


# --- the file


def test_a_key_file_gives_the_same_keys_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KEYS.save(path)
    assert Keys.load(path) == KEYS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_key_file_is_never_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KEYS.save(path)
    with pytest.raises(NeedsPerson, match="not overwritten"):
        Keys.new().save(path)
    assert Keys.load(path) == KEYS


def test_what_a_killed_attempt_left_behind_weakens_nothing(tmp_path: Path) -> None:
    """A readable leftover, or a link planted in its place, must not receive the keys."""
    path, elsewhere = tmp_path / "keys.json", tmp_path / "elsewhere"
    elsewhere.write_text("", "utf-8")
    (tmp_path / "keys.json.part").symlink_to(elsewhere)
    KEYS.save(path)
    assert elsewhere.read_text("utf-8") == ""
    (tmp_path / "keys.json.part").write_text("half", "utf-8")
    KEYS.rotated().save(path, replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys.load(path).active_sealing == "k2"


def test_a_folder_that_is_not_there_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="cannot be written"):
        KEYS.save(tmp_path / "none" / "keys.json")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_file_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="collecte key new"):
        Keys.load(tmp_path / "none.json")


def test_a_folder_in_the_place_of_the_key_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="cannot be read"):
        Keys.load(tmp_path)


def _without(*keys: str) -> str:
    raw = json.loads(KEYS.dump())
    return json.dumps({name: value for name, value in raw.items() if name not in keys})


def _with(**changes: object) -> str:
    return json.dumps({**json.loads(KEYS.dump()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        KEYS.dump()[:-20],
        _without("signing"),
        _without("version"),
        _with(version=2),
        _with(challenge_secret="AAAA"),
        _with(challenge_secret="no base64!"),
        _with(sealing={"active": "k9", "keys": json.loads(KEYS.dump())["sealing"]["keys"]}),
        _with(sealing={"active": "k1", "keys": {}}),
        _with(sealing={"active": "mine", "keys": {"mine": json.loads(KEYS.dump())["signing"]}}),
    ],
    ids=range(12),  # the keys are new in each process, and no names
)
def test_no_half_key_file_is_taken_for_a_whole_one(text: str) -> None:
    with pytest.raises(NeedsPerson) as caught:
        Keys.parse(text, "the connection keys_demo")
    assert "the connection keys_demo" in str(caught.value)
    assert json.loads(KEYS.dump())["signing"] not in str(caught.value)


def test_nothing_secret_stands_in_a_repr() -> None:
    KEYS.digest("path", "a")  # also after keys were derived and kept
    assert repr(KEYS) == "Keys(active_sealing='k1')"
    assert str(KEYS) == repr(KEYS)
