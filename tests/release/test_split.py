"""Who is in which part: hard challenges, and what is said of them."""

from collections import Counter
from dataclasses import replace

import pytest

from collecte.release import Member, groups, share_out
from collecte.release.vault import Part
from tests.release.builders import SHARES, Small, all_parts, assign, parts_of, some


def _plain(count: int, kinds: int = 2, centres: int = 2) -> Small:
    subjects = [f"sub-{number:04d}" for number in range(count)]
    return Small(
        subjects,
        {who: f"centre{number % centres}" for number, who in enumerate(subjects)},
        {who: f"label{number // centres % kinds}" for number, who in enumerate(subjects)},
    )


def _codes(small: Small, **more: dict[str, Part]) -> set[str]:
    return {finding.code for finding in assign(small, **more)[1]}


def test_labels_and_centres_are_alike_in_every_part() -> None:
    small = _plain(200)
    assigned, findings = assign(small)
    assert findings == ()
    counts = Counter((one.part, one.label, one.centre) for one in assigned)
    assert {counts["train", f"label{n}", f"centre{m}"] for n in range(2) for m in range(2)} == {30}
    assert {counts["private_test", f"label{n}", f"centre{m}"] for n in range(2) for m in range(2)} == {10}


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.7, 0.15, 0.15), (0.5, 0.5, 0.0), (0.34, 0.33, 0.33)])
def test_each_part_gets_about_its_share(shares: tuple[float, float, float]) -> None:
    wanted: dict[Part, float] = dict(zip(SHARES, shares, strict=True))
    assigned, _ = assign(_plain(120), shares=wanted)
    counts = Counter(one.part for one in assigned)
    for part, share in wanted.items():
        assert abs(counts[part] / 120 - share) < 0.05


def test_the_order_of_subjects_counts_for_nothing_and_another_secret_shares_out_otherwise() -> None:
    small = some(3)
    turned = replace(small, subjects=small.subjects[::-1])
    assert parts_of(assign(small)[0]) == parts_of(assign(turned)[0])
    assert parts_of(assign(small)[0]) != parts_of(assign(small, secret=b"another" * 5)[0])


def test_a_part_that_a_subject_had_stays_and_new_ones_of_its_group_follow() -> None:
    small = _plain(40)
    fixed = parts_of(assign(small)[0])
    later = _plain(60)
    families = {"sub-0000": "fam", "sub-0050": "fam"}
    parts = parts_of(assign(replace(later, families=families), fixed=fixed)[0])
    assert {who: parts[who] for who in fixed} == fixed
    assert parts["sub-0050"] == parts["sub-0000"]


def test_who_is_found_to_belong_to_two_parts_of_an_earlier_release_is_left_out_and_nothing_crosses() -> None:
    small = replace(_plain(40), families={"sub-0000": "fam", "sub-0001": "fam", "sub-0002": "fam"})
    fixed: dict[str, Part] = {"sub-0000": "train", "sub-0001": "private_test", "sub-0002": "private_test"}
    assigned, findings = assign(small, fixed=fixed)
    parts = parts_of(assigned)
    assert "sub-0000" not in parts
    assert parts["sub-0001"] == parts["sub-0002"] == "private_test"
    assert [finding.count for finding in findings if finding.code == "RELEASE-SUBJECT-LEFT-OUT"] == [1]


def test_a_group_larger_than_the_test_share_is_in_train_whole_and_told_of() -> None:
    small = replace(_plain(40), families={f"sub-{number:04d}": "village" for number in range(15)})
    assigned, findings = assign(small)
    parts = parts_of(assigned)
    assert {parts[who] for who in small.families} == {"train"}
    counts = Counter(parts.values())
    assert all(abs(counts[part] - share * 40) <= 1 for part, share in SHARES.items()), "the others make up for it"
    assert "RELEASE-GROUP-TOO-LARGE" in {finding.code for finding in findings}


def test_one_group_of_all_leaves_the_tests_empty_and_refuses() -> None:
    small = replace(_plain(20), families={f"sub-{number:04d}": "village" for number in range(20)})
    findings = assign(small)[1]
    assert {finding.place for finding in findings if finding.code == "RELEASE-PART-EMPTY" and finding.refuses} == {
        "public_test",
        "private_test",
    }


def test_one_centre_alone_is_shared_out_and_told_of() -> None:
    assert _codes(_plain(40, centres=1)) == {"RELEASE-ONE-CENTRE"}


def test_a_class_of_two_subjects_is_missing_somewhere_and_told_of() -> None:
    small = _plain(40)
    small = replace(small, labels={**small.labels, "sub-0000": "rare", "sub-0001": "rare"})
    assert "RELEASE-CLASS-MISSING" in _codes(small)


@pytest.mark.parametrize("labels", [{}, dict.fromkeys(_plain(20).subjects, "label0")])
def test_without_two_classes_there_is_nothing_to_score_and_it_refuses(labels: dict[str, str]) -> None:
    findings = assign(replace(_plain(20), labels=labels))[1]
    assert any(finding.code == "RELEASE-NO-CLASSES" and finding.refuses for finding in findings)


def test_who_has_no_label_is_in_train_and_takes_its_group_there() -> None:
    small = _plain(40)
    labels = {who: label for who, label in small.labels.items() if who != "sub-0000"}
    parts = parts_of(assign(replace(small, labels=labels, families={"sub-0000": "f", "sub-0001": "f"}))[0])
    assert parts["sub-0000"] == parts["sub-0001"] == "train"


@pytest.mark.parametrize("count", range(1, 8))
def test_very_few_subjects_are_shared_out_or_refused_and_never_a_fault(count: int) -> None:
    assigned, findings = assign(_plain(count))
    assert all_parts(assigned) or any(finding.refuses for finding in findings)


def test_numbers_as_labels_are_stratified_by_quarters() -> None:
    small = _plain(80)
    small = replace(small, labels={who: str(number * 1.5) for number, who in enumerate(small.subjects)})
    assigned, findings = assign(small)
    assert not any(finding.refuses for finding in findings)
    tests = [float(one.label) for one in assigned if one.part == "private_test"]
    assert min(tests) < 30
    assert max(tests) > 90


def test_groups_join_over_any_number_of_links() -> None:
    found = groups("abcdef", [["a", "b"], ["c", "d"], ["b", "c"], ["e", "unknown"]])
    assert found == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e", "f": "f"}


def test_an_earlier_test_subject_that_lost_its_label_is_left_out() -> None:
    member = [Member("sub-1", "sub-1", "centre0", "")]
    assert share_out(member, SHARES, bytes(32), {"sub-1": "public_test"}).parts == {}
