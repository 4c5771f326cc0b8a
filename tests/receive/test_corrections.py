"""Which file takes the place of which, and what becomes of bytes seen before."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.receive import Candidate, contested, corrections, same_bytes
from collecte.records import State


def file(
    file_id: int, delivery: int = 1, folder: str = "F", path: str = "P", logical: str | None = None, *,
    mtime: int | None = None, replaces: tuple[str, ...] = (), ok: bool = True, of: str = "A",
) -> Candidate:  # fmt: skip
    return Candidate(file_id, delivery, folder, path, logical, mtime, replaces, ok, tuple(of))


def pairs(*files: Candidate) -> list[tuple[int, int, str]]:
    return [(c.older, c.newer, c.by) for c in corrections(files)]


def test_a_bare_name_alone_corrects_nothing() -> None:
    """IM0001 recurs in every export: other folder, other patient; and the same among the loose files of another day."""
    assert pairs(file(1, folder="A", path="A/IM0001"), file(2, 2, folder="B", path="B/IM0001")) == []
    assert pairs(file(1, folder="/2026-11-24", path="IM0001"), file(2, 2, folder="/2026-11-25", path="IM0001")) == []


def test_the_same_sop_instance_corrects_wherever_it_lies() -> None:
    assert pairs(file(1, path="a", logical="sop"), file(2, 2, "G", "b", "sop")) == [(1, 2, "identity")]


def test_the_same_sop_instance_of_another_subject_corrects_nothing_but_where_the_path_or_the_manifest_says_so() -> None:
    old = file(1, path="a", logical="sop", of="A")
    assert pairs(old, file(2, 2, "G", "b", "sop", of="B")) == []
    assert pairs(old, file(2, 2, "G", "b", "sop", of="B", replaces=("a",))) == [(1, 2, "manifest")]
    assert pairs(old, file(2, 2, path="a", logical="sop", of="B")) == [(1, 2, "path")]


def test_a_refused_file_of_nobody_known_gives_way_to_the_same_sop_instance() -> None:
    assert pairs(file(1, path="a", logical="sop", of="", ok=False), file(2, 2, "G", "b", "sop", of="B")) == [
        (1, 2, "identity")
    ]


@pytest.mark.parametrize(
    ("old", "beside"),
    [
        (file(1, path="a", logical="s"), True),
        (file(1, path="a", logical="s", ok=False), False),
        (file(1, path="b", logical="s"), False),
        (file(1, 0, path="a", logical="s"), False),
    ],
    ids=["two versions", "a refused one", "of one path", "of an earlier delivery"],
)
def test_two_versions_in_one_delivery_are_said_to_be_two(old: Candidate, beside: bool) -> None:
    newer = file(2, path="b", logical="s", replaces=("b",) if old.path_digest == "b" else ())
    (found,) = corrections([old, newer])
    assert found.beside is beside
    assert found.finding().code == ("FILE-TWO-VERSIONS" if beside else "FILE-SUPERSEDED")
    assert found.finding().place == "f2"


def test_one_identity_of_two_subjects_is_contested_in_one_delivery_and_later_against_what_stands() -> None:
    one, two = file(1, path="a", logical="s", of="A"), file(2, path="b", logical="s", of="B")
    assert contested([one, two]) == {1, 2}
    assert contested([one, file(2, 2, path="b", logical="s", of="B")]) == {2}
    assert contested([one, file(2, path="b", logical="s", of="B", ok=False)]) == frozenset()
    assert contested([one, file(2, 2, path="b", logical="s", of="A")]) == frozenset()
    assert contested([one, file(2, 2, path="b", logical="t", of="B")]) == frozenset()


def test_what_is_contested_among_itself_stands_in_nobodys_way() -> None:
    rivals = [file(1, path="a", logical="s", of="A"), file(2, path="b", logical="s", of="B")]
    assert contested([*rivals, file(3, 2, path="c", logical="s", of="B")]) == {1, 2}


def test_what_was_accepted_stands_also_before_an_earlier_delivery() -> None:
    later = replace(file(2, 2, path="b", logical="s", of="B"), accepted=True)
    assert contested([file(1, path="a", logical="s", of="A"), later]) == {1}


def test_beside_what_stands_the_file_of_the_same_subject_is_not_contested() -> None:
    both = [file(2, 2, path="b", logical="s", of="A"), file(3, 2, path="c", logical="s", of="B")]
    assert contested([file(1, path="a", logical="s", of="A"), *both]) == {3}


def test_the_same_path_in_the_same_delivery_folder_corrects() -> None:
    assert pairs(file(1), file(2, 2)) == [(1, 2, "path")]


def test_the_manifests_word_corrects_but_only_what_is_older() -> None:
    old, new = file(1, path="a"), file(2, 2, "G", "b", replaces=("a", "x"))
    assert pairs(old, new) == [(1, 2, "manifest")]
    assert pairs(file(3, 3, path="a"), new) == []
    assert pairs(file(1, path="a", replaces=("b",)), file(2, path="b", replaces=("a",))) == [(1, 2, "manifest")]


def test_a_refused_correction_never_takes_the_place_of_an_accepted_file() -> None:
    assert pairs(file(1, logical="s"), file(2, 2, logical="s", replaces=("P",), ok=False)) == []


def test_a_refused_file_gives_way_to_its_correction() -> None:
    assert pairs(file(1, ok=False), file(2, 2)) == [(1, 2, "path")]


def test_the_latest_acceptable_wins_over_all_before_it_and_a_refused_one_after_it_stays_apart() -> None:
    assert pairs(file(1), file(2, 2), file(3, 3), file(4, 4, ok=False)) == [(1, 3, "path"), (2, 3, "path")]


def test_within_one_delivery_the_later_time_wins_and_then_the_later_file() -> None:
    assert pairs(file(1, path="a", logical="s", mtime=9), file(2, path="b", logical="s", mtime=5)) == [
        (2, 1, "identity")
    ]
    assert pairs(file(1, path="a", logical="s"), file(2, path="b", logical="s")) == [(1, 2, "identity")]


def test_the_stronger_reason_is_named() -> None:
    assert pairs(file(1, logical="s"), file(2, 2, logical="s")) == [(1, 2, "identity")]
    assert pairs(file(1, logical="s"), file(2, 2, logical="s", replaces=("P",))) == [(1, 2, "manifest")]


def _slow(files: list[Candidate]) -> set[tuple[int, int]]:
    """The rule word for word, in quadratic time."""

    def order(f: Candidate) -> tuple[int, int, int]:
        return f.delivery, -1 if f.mtime is None else f.mtime, f.file_id

    def corrects(new: Candidate, old: Candidate) -> bool:
        return (
            (
                new.logical_digest is not None
                and new.logical_digest == old.logical_digest
                and (not old.subjects or new.subjects == old.subjects)
            )
            or (new.folder_digest, new.path_digest) == (old.folder_digest, old.path_digest)
            or old.path_digest in new.replaces
        )

    found = set()
    for old in files:
        newer = [new for new in files if new.acceptable and order(new) > order(old) and corrects(new, old)]
        if newer:
            found.add((old.file_id, max(newer, key=order).file_id))
    return found


_candidates = st.builds(
    file,
    st.just(0),
    st.integers(1, 3),
    st.sampled_from("FG"),
    st.sampled_from("abc"),
    st.sampled_from([None, "s", "t"]),
    mtime=st.one_of(st.none(), st.integers(0, 2)),
    replaces=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ok=st.booleans(),
    of=st.sampled_from(["", "A", "B"]),
)


@given(st.lists(_candidates, max_size=12), st.randoms())
def test_the_rule_holds_for_any_files_in_any_order(drawn: list[Candidate], rng: random.Random) -> None:
    files = [replace(c, file_id=i) for i, c in enumerate(drawn, 1)]
    shuffled = rng.sample(files, len(files))
    found = corrections(shuffled)
    assert {(c.older, c.newer) for c in found} == _slow(files)
    assert found == corrections(files)
    by_id = {f.file_id: f for f in files}
    assert all(by_id[c.newer].acceptable for c in found)


@pytest.mark.parametrize("same_centre", [True, False])
@pytest.mark.parametrize("state", State)
def test_bytes_seen_before_are_judged_by_what_became_of_the_first(state: State, same_centre: bool) -> None:
    answer = same_bytes(state, same_centre=same_centre)
    code = answer.finding.code if answer.finding else None
    if state is State.RECALLED:
        assert (answer.becomes, code) == ("quarantined", "FILE-RECALLED")
        assert answer.finding is not None
        assert answer.finding.refuses
    elif state in (State.QUARANTINED, State.REJECTED, State.EXPIRED):
        assert (answer.becomes, code) == ("judged", None if same_centre else "FILE-DUPLICATE-OTHER-CENTRE")
    else:
        assert (answer.becomes, code) == (
            "duplicate",
            "FILE-DUPLICATE" if same_centre else "FILE-DUPLICATE-OTHER-CENTRE",
        )
