"""What stays hidden: sealed, bound to its place, and readable by the scorer alone."""

import json
import shutil
from pathlib import Path

import pyrage
import pytest

from collecte.errors import NeedsPerson
from collecte.keys import Keys
from collecte.release import Assigned, ensure_secret, read_assignment, reseal, write_assignment, write_labels

ROWS = [
    Assigned("case-a", "sub-a", "arvel", "train", "1"),
    Assigned("case-b", "sub-b", "belcombe", "private_test", "0"),
    Assigned("case-c", "sub-c", "corvane", "public_test", "1"),
]


@pytest.fixture
def keys() -> Keys:
    return Keys.new()


@pytest.fixture
def vault(tmp_path: Path, keys: Keys) -> Path:
    folder = tmp_path / "demo" / "v1"
    ensure_secret(keys, folder)
    write_assignment(keys, folder, ROWS[::-1])
    return folder


def test_what_is_sealed_reads_back_and_stands_nowhere_in_clear(keys: Keys, vault: Path) -> None:
    assert read_assignment(keys, vault) == ROWS
    assert ensure_secret(keys, vault) == ensure_secret(keys, vault)
    for path in vault.iterdir():
        assert b"sub-" not in path.read_bytes()
        assert b"case-" not in path.read_bytes()
    assert "sub-" not in repr(ROWS)


def test_an_assignment_put_in_another_releases_place_does_not_open(keys: Keys, vault: Path) -> None:
    shutil.copytree(vault, vault.with_name("v2"))
    with pytest.raises(NeedsPerson, match="does not open"):
        read_assignment(keys, vault.with_name("v2"))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"key": "k1", "sealed": "AAAA"}'])
def test_a_damaged_vault_says_what_to_do(keys: Keys, vault: Path, content: bytes) -> None:
    (vault / "assignment").write_bytes(content)
    with pytest.raises(NeedsPerson, match="To do"):
        read_assignment(keys, vault)


def test_other_keys_do_not_open_it_and_no_second_secret_is_made(vault: Path) -> None:
    before = (vault / "secret").read_bytes()
    with pytest.raises(NeedsPerson):
        ensure_secret(Keys.new(), vault)
    assert (vault / "secret").read_bytes() == before


def test_the_scorer_alone_reads_the_labels_of_the_tests_and_no_label_of_train(vault: Path) -> None:
    scorer = pyrage.x25519.Identity.generate()
    path = write_labels(vault, "host", str(scorer.to_public()), "diagnosis", ROWS)
    text = pyrage.decrypt(path.read_bytes(), [scorer]).decode()
    assert text == "case,diagnosis,part\ncase-b,0,private_test\ncase-c,1,public_test\n"
    assert b"case" not in path.read_bytes()


def test_a_scorer_key_that_is_none_is_named(vault: Path) -> None:
    with pytest.raises(NeedsPerson, match="scorer key of host"):
        write_labels(vault, "host", "age1" + "q" * 58, "diagnosis", ROWS)


def test_sealed_anew_it_opens_without_the_old_key(keys: Keys, vault: Path) -> None:
    secret, rotated = ensure_secret(keys, vault), keys.rotated()
    assert reseal(rotated, vault) == 2
    assert reseal(rotated, vault) == 0
    young = Keys(
        rotated.challenge_secret,
        {rotated.active_sealing: rotated.sealing[rotated.active_sealing]},
        rotated.active_sealing,
        rotated.signing_seed,
    )
    assert ensure_secret(young, vault) == secret
    assert read_assignment(young, vault) == ROWS
    assert json.loads((vault / "secret").read_bytes())["key"] == rotated.active_sealing
