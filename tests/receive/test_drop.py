"""What lies in a drop, cut into deliveries."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.keys import Keys
from collecte.receive import deliveries, listing_digest
from tests.receive.builders import NOON_NS, Item, deposit

DAY = 86_400 * 10**9
KEYS = Keys.new()

#: Names as file systems hold them: any bytes but NUL and the slash, up to 255 of them, as str with surrogateescape.
names = (
    st.one_of(
        st.binary(min_size=1, max_size=255),
        st.text(min_size=1, max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.sampled_from(
            [
                b"-rf", b" ", b"a b", b"IM0001", b"im0001", b"a\nb", b"\xe9tude", "é".encode(), b"x" * 255, b"\r",
                b"...", b"C:", b"~", unicodedata.normalize("NFD", "é").encode(), b"a\\b", b"#1", b"'\"$(id)", b"nul",
            ]
        ),
    )
    .map(lambda raw: raw.replace(b"\0", b"_").replace(b"/", b"_")[:255])
    .filter(lambda raw: raw not in (b".", b".."))
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)  # fmt: skip


@pytest.mark.parametrize(
    "path", ["../x", "envoi/../../x", "/etc/passwd", "envoi//x", "envoi/./x", "envoi/a\0b", "", "..", "envoi/", "./x"]
)
def test_a_path_that_plays_a_trick_is_refused_and_not_collected(path: str) -> None:
    (only,) = deliveries([Item(path)])
    assert only.entries == ()
    assert [refusal.finding.code for refusal in only.refusals] == ["DROP-PATH-UNSAFE"]


@pytest.mark.parametrize(("kind", "code"), [("symlink", "DROP-SYMLINK"), ("special", "DROP-SPECIAL-FILE")])
def test_a_link_or_device_is_refused_with_its_delivery(kind: str, code: str) -> None:
    (only,) = deliveries([Item("envoi/IM1"), Item("envoi/piege", kind=kind)])
    assert [entry.path for entry in only.entries] == ["envoi/IM1"]
    assert [(refusal.entry.path, refusal.finding.code) for refusal in only.refusals] == [("envoi/piege", code)]


@pytest.mark.parametrize("folder", ["retour", "recall", "Retour", "RETOUR", "ReCall"])
def test_retour_and_recall_are_never_collected(folder: str) -> None:
    assert deliveries([Item(f"{folder}/x.json"), Item(f"{folder}/a/b"), Item(folder, kind="symlink")]) == []


def test_a_folder_or_file_that_only_resembles_retour_is_collected() -> None:
    assert [d.folder for d in deliveries([Item("retour2/x"), Item("retour", mtime_ns=NOON_NS)])] == [
        "/2026-11-24",
        "retour2",
    ]


def test_each_first_level_folder_is_a_delivery_and_loose_files_make_one_a_day() -> None:
    found = deliveries(
        [
            Item("b/deep/IM1"), Item("a/IM1"), Item("b/IM2"), Item("x.dcm"), Item("y.dcm", mtime_ns=NOON_NS + DAY),
            Item("z.dcm", mtime_ns=NOON_NS + DAY // 2 - 1),
        ]
    )  # fmt: skip
    assert {d.folder: [d.relative(e) for e in d.entries] for d in found} == {
        "/2026-11-24": ["x.dcm", "z.dcm"],
        "/2026-11-25": ["y.dcm"],
        "a": ["IM1"],
        "b": ["IM2", "deep/IM1"],
    }


def test_a_folder_named_like_a_day_does_not_collide_with_the_loose_files_of_that_day() -> None:
    assert [d.folder for d in deliveries([Item("2026-11-24/x"), Item("y")])] == ["/2026-11-24", "2026-11-24"]


@pytest.mark.parametrize("mtime_ns", [-(10**30), 10**30, -1, 0])
def test_a_time_that_no_calendar_holds_stops_nothing(mtime_ns: int) -> None:
    (only,) = deliveries([Item("x", mtime_ns=mtime_ns)])
    assert only.loose
    assert len(only.entries) == 1


def test_an_object_stores_sign_for_a_folder_is_no_file() -> None:
    assert [d.folder for d in deliveries([Item("a/", size=0), Item("b/c/", size=0), Item("b/c/x")])] == ["b"]


def test_system_litter_is_a_file_like_any_other() -> None:
    (only,) = deliveries([Item("e/.DS_Store"), Item("e/Thumbs.db"), Item("e/__MACOSX/._x"), Item("e/desktop.ini")])
    assert len(only.entries) == 4


@given(st.lists(st.lists(names, min_size=1, max_size=4), max_size=8))
def test_no_entry_is_lost_whatever_its_name_and_each_keeps_it(paths: list[list[str]]) -> None:
    items = {Item("/".join(parts)) for parts in paths if parts[0].casefold() not in ("retour", "recall")}
    found = deliveries(items)
    assert {entry.path for d in found for entry in d.entries} == {item.path for item in items}
    assert not any(d.refusals for d in found)
    for d in found:
        for entry in d.entries:
            assert entry.path == (d.relative(entry) if d.loose else f"{d.folder}/{d.relative(entry)}")


@pytest.mark.parametrize(
    "changed",
    [
        [Item("a", size=11), Item("b")],
        [Item("a", mtime_ns=NOON_NS + 1), Item("b")],
        [Item("a")],
        [Item("A"), Item("b")],
        [Item("a"), Item("b"), Item("c", kind="symlink")],
        [Item("a"), Item("b", kind="special")],
    ],
)
def test_the_listing_digest_sees_each_change(changed: list[Item]) -> None:
    assert listing_digest(deposit(*changed), KEYS) != listing_digest(deposit("a", "b"), KEYS)


def test_the_listing_digest_does_not_depend_on_the_order_of_the_listing_and_needs_the_key() -> None:
    assert listing_digest(deposit("b", "a"), KEYS) == listing_digest(deposit("a", "b"), KEYS)
    assert listing_digest(deposit("a"), KEYS) != listing_digest(deposit("a"), Keys.new())


def test_nothing_identifying_is_in_a_repr() -> None:
    (only,) = deliveries([Item("DUPONT_Jean/IM1"), Item("DUPONT_Jean/link", kind="symlink")])
    assert "DUPONT" not in repr(only) + repr(only.refusals)
