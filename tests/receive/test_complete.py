"""When a delivery is complete, and when it is left alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.challenge import Arrival
from collecte.receive import (
    Complete,
    Deposit,
    Manifest,
    Waiting,
    administrative,
    completeness,
    markers,
    parse_manifest,
    unchanged_since,
)
from tests.receive.builders import NOON, NOON_NS, Item, deposit

A = "a" * 64
HOUR = timedelta(hours=1)
ARRIVAL = Arrival()
WITH_SIZES = "file;size;sha256\n"


def sums(*names: str) -> Manifest:
    return parse_manifest("".join(f"{A}  {name}\n" for name in names).encode(), "SHA256SUMS")


def sized(**sizes: int) -> Manifest:
    rows = "".join(f"{name};{size};{A}\n" for name, size in sizes.items())
    return parse_manifest((WITH_SIZES + rows).encode(), "manifest.csv")


def look(
    d: Deposit, *manifests: Manifest, since: datetime | None = None, offset: float | None = None, whole: bool = False
) -> Complete | Waiting:
    return completeness(d, manifests, ARRIVAL, since, NOON, offset, whole_files=whole)


def code(answer: Complete | Waiting) -> str:
    return answer.finding.code if isinstance(answer, Waiting) else answer.by


def test_a_half_delivery_is_not_complete_because_its_clock_is_a_day_behind_ours() -> None:
    yesterday = Item("IM1", mtime_ns=NOON_NS - 86_400 * 10**9)
    assert code(look(deposit(yesterday))) == "DELIVERY-WAITING-QUIET"
    assert code(look(deposit(yesterday, "SHA256SUMS"), sums("IM1", "IM2"))) == "DELIVERY-WAITING-ABSENT"
    assert code(look(deposit(yesterday, "SHA256SUMS"), sums("IM1"))) == "DELIVERY-WAITING-SETTLE"


@pytest.mark.parametrize("offset_hours", [-24, 24])
def test_a_compared_clock_counts_by_its_offset(offset_hours: int) -> None:
    offset = offset_hours * 3600.0
    there = NOON_NS + int(offset) * 10**9
    fresh, old = Item("IM1", mtime_ns=there - 59 * 60 * 10**9), Item("IM1", mtime_ns=there - 60 * 60 * 10**9)
    assert code(look(deposit(fresh), offset=offset)) == "DELIVERY-WAITING-QUIET"
    assert code(look(deposit(old), offset=offset)) == "quiet"
    assert code(look(deposit(old, fresh.__class__("IM2", mtime_ns=there)), offset=offset)) == "DELIVERY-WAITING-QUIET"


def test_quiet_is_counted_by_our_clock_between_looks() -> None:
    d = deposit("IM1")
    waiting = look(d, since=NOON - timedelta(minutes=59))
    assert isinstance(waiting, Waiting)
    assert waiting.since == NOON - timedelta(minutes=59)
    assert waiting.until == NOON + timedelta(minutes=1)
    complete = look(d, since=NOON - HOUR)
    assert isinstance(complete, Complete)
    assert [f.code for f in complete.findings] == ["DELIVERY-BY-QUIET"]


def test_our_clock_set_back_does_not_make_a_delivery_complete() -> None:
    waiting = look(deposit("IM1"), since=NOON + 24 * HOUR)
    assert isinstance(waiting, Waiting)
    assert waiting.since == NOON, "or it would wait for a day more"


@pytest.mark.parametrize("marker", [".done", "_SUCCESS", "fin.txt"])
def test_a_marker_makes_complete_at_once(marker: str) -> None:
    assert code(look(deposit("IM1", marker))) == "marker"


def test_a_marker_in_a_sub_folder_says_nothing_of_the_whole() -> None:
    assert code(look(deposit("IM1", "serie/.done"))) == "DELIVERY-WAITING-QUIET"


@pytest.mark.parametrize(
    "half",
    ["IM2.part", "IM2.filepart", "x/IM2.tmp", "IM2.crdownload", "IM2.PARTIAL", "IM2~", ".IM2.dcm.Xy3bQ9", ".in.IM2."],
)
def test_a_half_uploaded_file_makes_marker_and_manifest_wait_and_is_refused_after_the_quiet(half: str) -> None:
    d = deposit("IM1", half, ".done")
    assert code(look(d)) == "DELIVERY-WAITING-UPLOAD"
    assert code(look(d, sized(IM1=10), since=NOON - timedelta(minutes=5))) == "DELIVERY-WAITING-UPLOAD"
    complete = look(d, since=NOON - HOUR)
    assert isinstance(complete, Complete)
    assert [(path, f.code) for path, f in complete.file_findings] == [(f"envoi/{half}", "FILE-HALF-UPLOADED")]


@pytest.mark.parametrize("name", [".IM.000001", ".x.sha256", ".a.config", "party", "IM.partition", ".done"])
def test_a_usual_name_is_no_half_upload(name: str) -> None:
    assert code(look(deposit("IM1", name, ".done"))) == "marker"


def test_a_name_like_a_half_upload_that_the_manifest_lists_is_meant_so() -> None:
    assert (
        code(
            look(
                deposit("IM1.tmp", "manifest.csv"),
                parse_manifest(f"{WITH_SIZES}IM1.tmp;10;{A}\n".encode(), "manifest.csv"),
            )
        )
        == "manifest"
    )


def test_a_manifest_with_sizes_makes_complete_at_once() -> None:
    complete = look(deposit("a", "b", "manifest.csv"), sized(a=10, b=10))
    assert isinstance(complete, Complete)
    assert complete.by == "manifest"
    assert complete.findings == ()
    assert complete.file_findings == ()
    assert set(complete.reconciled.expected) == {"envoi/a", "envoi/b"}


def test_a_manifest_without_sizes_is_believed_after_two_equal_looks() -> None:
    d = deposit("a", "SHA256SUMS")
    waiting = look(d, sums("a"))
    assert isinstance(waiting, Waiting)
    assert waiting.finding.code == "DELIVERY-WAITING-SETTLE"
    assert waiting.until == NOON + timedelta(seconds=20)
    assert code(look(d, sums("a"), since=NOON - timedelta(seconds=20))) == "manifest"
    assert code(look(d, sums("a"), whole=True)) == "manifest", "an object store shows no half file"
    assert code(completeness(d, [sums("a")], Arrival(quiet_minutes=0), None, NOON)) == "manifest"


def test_a_manifest_that_may_itself_be_half_there_is_not_believed_at_once() -> None:
    d = deposit("a", "b", "manifest.csv")
    assert code(look(d, sized(a=10))) == "DELIVERY-WAITING-SETTLE", "b is not listed yet"
    cut = parse_manifest(f"{WITH_SIZES}a;10;{A}\nb;10;{A[:9]}".encode(), "manifest.csv")
    assert code(look(d, cut)) == "DELIVERY-WAITING-SETTLE"


def test_a_listed_file_that_is_shorter_makes_even_a_marker_wait() -> None:
    d = deposit("a", Item("b", size=9), "manifest.csv", ".done")
    assert code(look(d, sized(a=10, b=10))) == "DELIVERY-WAITING-UPLOAD"
    assert code(look(d, sized(a=10, b=10), since=NOON - HOUR)) == "quiet"


def test_absent_files_are_waited_for_and_then_a_finding() -> None:
    d = deposit("a", "SHA256SUMS")
    assert code(look(d, sums("a", "b"))) == "DELIVERY-WAITING-ABSENT"
    complete = look(d, sums("a", "b"), since=NOON - HOUR)
    assert isinstance(complete, Complete)
    assert complete.by == "quiet"
    assert [f.code for f in complete.findings] == ["MANIFEST-FILE-ABSENT"]


def test_a_marker_does_not_wait_for_absent_files() -> None:
    complete = look(deposit("a", ".done"), sums("a", "b"))
    assert isinstance(complete, Complete)
    assert complete.by == "marker"
    assert [f.code for f in complete.findings] == ["MANIFEST-FILE-ABSENT"]


def test_a_digest_beside_each_file_completes_nothing() -> None:
    beside = parse_manifest(f"{A}  a.zip\n".encode(), "a.zip.sha256")
    assert code(look(deposit("a.zip", "a.zip.sha256"), beside)) == "DELIVERY-WAITING-QUIET"


def test_a_manifest_that_lists_only_itself_completes_nothing() -> None:
    assert code(look(deposit("a", "SHA256SUMS"), sums("SHA256SUMS"))) == "DELIVERY-WAITING-QUIET"


def test_a_delivery_without_data_is_a_finding() -> None:
    for d in (deposit(".done"), deposit(".done", Item("x", kind="symlink"))):
        complete = look(d)
        assert isinstance(complete, Complete)
        assert [f.code for f in complete.findings] == ["DELIVERY-EMPTY"]


def test_manifests_and_markers_are_administrative_but_a_manifest_with_labels_is_data() -> None:
    d = deposit("a", ".done", "SHA256SUMS", "manifest.csv")
    labels = parse_manifest(f"file;sha256;label\na;{A};1\n".encode(), "manifest.csv")
    found = administrative(d, [sums("a"), labels], ARRIVAL)
    assert [(path, f.code) for path, f in found] == [
        ("envoi/.done", "DELIVERY-ADMINISTRATIVE"),
        ("envoi/SHA256SUMS", "DELIVERY-ADMINISTRATIVE"),
    ]
    assert [entry.path for entry in markers(d, ARRIVAL)] == ["envoi/.done"]


def test_a_listing_is_unchanged_since_its_digest_was_first_seen() -> None:
    before = NOON - HOUR
    assert unchanged_since("x", before, "x", NOON) == before
    assert unchanged_since("x", before, "y", NOON) == NOON
    assert unchanged_since(None, None, "y", NOON) == NOON


@given(
    half=st.booleans(), absent=st.booleans(), minutes=st.integers(0, 59), offset=st.one_of(st.none(), st.just(0.0)),
    behind_days=st.integers(-400, 400),
)  # fmt: skip
def test_before_the_quiet_no_clock_of_the_drop_completes_what_is_visibly_half(
    half: bool, absent: bool, minutes: int, offset: float | None, behind_days: int
) -> None:
    when = NOON_NS - behind_days * 86_400 * 10**9 if offset is None else NOON_NS - minutes * 60 * 10**9
    items = [Item("a", mtime_ns=when), *([Item("b.part", mtime_ns=when)] if half else [])]
    manifests = [sums("a", "c")] if absent else []
    answer = look(deposit(*items), *manifests, since=NOON - timedelta(minutes=minutes), offset=offset)
    assert isinstance(answer, Waiting)


def test_waiting_and_complete_name_nobody() -> None:
    d = deposit("DUPONT", "DUPONT.part", folder="DUPONT_Jean")
    shown = repr(look(d)) + repr(look(d, since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert "DUPONT" not in shown
