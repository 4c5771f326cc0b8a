"""The fast way (layouts, elements and headers that are remembered from file to file) and the slow one, which remembers
nothing, give the same bytes, findings and identifiers: for any file after any other.
"""

import functools
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collecte import pseudonym
from collecte.errors import Bug
from collecte.formats import Context, dicom
from collecte.formats.dicom import _elements, _header, _part10, _rewrite, _rules, _stream, _words
from tests.formats.dicom.builders import bundled, context, element, item, spliced
from tests.formats.dicom.mutants import MUTATIONS, deflated, mutant, places, with_patient

#: What a mutation leaves of a file's length decides whether it can be taken for the one before: these leave all.
SAME_LENGTH = ("byte", "byte of a head", "byte of a value", "VR", "tag", "length", "boundary", "traded lengths")
SAME_LENGTH += ("swapped lengths", "swapped values", "value", "swapped", "transfer syntax")
BUNDLE = ("CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm")
BUNDLE += ("JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm", "rtplan.dcm", "rtstruct.dcm")
BUNDLE += ("reportsi.dcm", "test-SR.dcm", "SC_rgb_rle_2frame.dcm", "UN_sequence.dcm", "no_meta.dcm")
BUNDLE += ("MR_small_padded.dcm", "liver_1frame.dcm", "rtdose_1frame.dcm", "priv_SQ.dcm", "nested_priv_SQ.dcm")
EXAMPLES = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

#: The module, not the function of the same name.
_PLAN = import_module("collecte.formats.dicom.make_safe")._plan
#: What became of a file: hash of the output (empty: none), codes and places of findings, what was done, the harvest.
Fate = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, int], ...], str]


def a_slice(folder: Path) -> bytes:
    """A slice with private blocks, sequences of known and of unknown length, UN, and text in another alphabet."""
    nested = item(element(0x00081150, "UI", b"1.2.840.10008.5.1.4.1.1.2"), element(0x00081155, "UI", b"1.2.3.4.1"))
    coded = item(
        element(0x00080100, "SH", b"T-A0100"),
        element(0x00080102, "SH", b"SRT"),
        element(0x00080104, "LO", b"Brain"),
    )
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    extra = [
        element(0x00080005, "CS", b"ISO_IR 100"),
        element(0x00081110, "SQ", nested + nested),
        element(0x00081140, "SQ", nested + end, length=0xFFFFFFFF),
        element(0x00082112, "UN", item(b"\x08\x00\x55\x11\x0a\x00\x00\x001.2.3.4.1\0")),
        element(0x00082218, "SQ", coded + coded),
        element(0x00102160, "SH", b"Andr\xe9e"),
        element(0x00190010, "LO", b"GEMS_ACQU_01"),
        element(0x00191002, "SL", b"\1\0\0\0"),
        element(0x00290010, "LO", b"SIEMENS CSA HEADER"),
        element(0x00291008, "CS", b"IMAGE NUM 4"),
        element(0x00400275, "SQ", item(element(0x00400007, "LO", b"Crane"), element(0x00400008, "SQ", coded))),
        element(0x00211010, "UN", b"Delacroix"),
    ]
    return spliced(folder / "slice", extra).read_bytes()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    made = a_slice(tmp_path_factory.mktemp("pool"))
    return [made, deflated(made), *(with_patient(bundled(name).read_bytes()) for name in BUNDLE)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory, where the system has files there: thousands are opened."""
    memory = Path("/dev/shm")  # noqa: S108 -- a folder of its own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


@functools.cache
def ctx(kind: int) -> Context:
    """Of few options and of many; files are not flushed, as nobody pulls the plug here."""
    options = ["retain_safe_private", "clean_descriptors", "retain_longitudinal_modified_dates"]
    rules: dict[str, Any] = {"options": [*options, "clean_structured_content"]} if kind else {}
    return replace(context(**rules), durable=False)


def fate(data: bytes, folder: Path, kind: int) -> Fate:
    """A whole way of one file."""
    source, target = folder / "in", folder / "out"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    harvest = dicom.harvest(source, "", ctx(kind))
    try:
        safe = dicom.make_safe(source, target, harvest.name, ctx(kind))
    except Bug:  # no name, as its sequences cannot be read
        assert any(finding.refuses for finding in harvest.findings)
        return "", _codes(harvest.findings), (), "no name"
    written = sha256(target.read_bytes()).hexdigest() if target.exists() else ""
    assert safe.sha256 == written
    assert not list(folder.glob("*.part"))
    told = sorted((one.kind.value, one.value, one.subject or "") for one in harvest.identifiers)
    found = harvest.name, harvest.object_key, harvest.logical_id, told, _codes(harvest.findings)
    return written, _codes(safe.findings), tuple(sorted(safe.actions.items())), repr(found)


def _codes(findings: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((finding.code, finding.place) for finding in findings)


def forget() -> None:
    """A fresh state of whatever depends on files; tables are read once, they are the same for all."""
    _elements._LAYOUTS.clear()
    for remembered in (_PLAN, _rules.rules_for, _elements.vr_of, pseudonym._uid, pseudonym._subject):
        remembered.cache_clear()
    for value in vars(_words).values():
        if getattr(value, "cache_parameters", dict)().get("maxsize"):
            value.cache_clear()


@contextmanager
def slowly() -> Iterator[None]:
    """Nothing is remembered, not even within a file."""

    def read(
        data: bytes, position: int, encoding: _elements.Encoding, found: list[_elements.Element]
    ) -> _elements.Header:
        found.clear()
        return _elements.read_each(data, position, encoding, found)[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_part10, "read_header", read)
        patch.setattr(_rewrite, "MEMORY_BYTES", -1)
        patch.setattr(_stream, "_HEADER_LIMIT", 0)
        forget()
        yield
        forget()


def in_turn(files: Sequence[bytes], folder: Path, kind: int) -> list[Fate]:
    """One after the other, each with what the ones before left behind; then the first again."""
    forget()
    return [fate(data, folder, kind) for data in (*files, files[0])]


def each_alone(files: Sequence[bytes], folder: Path, kind: int) -> list[Fate]:
    fates = []
    for data in files:
        with slowly():
            fates.append(fate(data, folder, kind))
    return [*fates, fates[0]]


def same(files: Sequence[bytes], folder: Path, kind: int) -> list[Fate]:
    fates = in_turn(files, folder, kind)
    assert fates == each_alone(files, folder, kind)
    return fates


def test_what_is_compared_is_really_the_fast_and_the_slow_way(pool: list[bytes], folder: Path) -> None:
    """Else the tests below would compare one way with itself."""
    fits: list[bool] = []
    whole = _elements._Layout.fits

    def noted(layout: _elements._Layout, data: bytes, position: int) -> bool:
        fits.append(whole(layout, data, position))
        return fits[-1]

    runs: list[int] = []
    rewritten = _header._rewritten

    def counted(passage: _rewrite.Passage, run: Sequence[_elements.Element], encoding: _elements.Encoding) -> Any:
        runs.append(len(run))
        return rewritten(passage, run, encoding)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_header, "_rewritten", counted)
        data = bundled("CT_small.dcm").read_bytes()
        in_turn([data, data], folder, 0)
        assert 0 < len(runs) < sum(runs), "no file was written by runs"
        made = len(runs)
        in_turn([data] * 4, folder, 0)
        assert len(runs) == 2 * made, "runs were not used again"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_elements._Layout, "fits", noted)
        in_turn([bundled("CT_small.dcm").read_bytes()], folder, 0)
        assert fits == [True] * 3, "the layout of the harvest was not used again"
        assert _PLAN.cache_info().hits
        fits.clear()
        with slowly():
            fate(pool[0], folder, 0)
        assert not fits


def test_every_file_after_every_other_is_as_if_it_came_alone(pool: list[bytes], folder: Path) -> None:
    alone = each_alone(pool, folder, 1)[:-1]
    forget()
    order = [*range(len(pool)), *reversed(range(len(pool)))]
    for number in [*order, *Random(1).sample(order, len(order))]:
        assert fate(pool[number], folder, 1) == alone[number], f"file {number}"
    assert sum(bool(written) for written, *_ in alone) >= 15


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_mutant_after_its_original_and_the_original_after_it(pool: list[bytes], folder: Path, kind: str) -> None:
    rng = Random(kind)
    for data in (*pool[:3], pool[4], rng.choice(pool)):
        one, other = mutant(data, rng, (kind,)), mutant(data, rng, (kind,), nested=0.9)
        same([data, one, data, other, one], folder, 1)


@EXAMPLES
@given(
    st.integers(0, 20),
    st.lists(st.lists(st.sampled_from(SAME_LENGTH), min_size=1, max_size=3), min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.integers(0, 1),
)
def test_mutants_as_long_as_their_original(
    pool: list[bytes], folder: Path, base: int, kinds: list[list[str]], seed: int, options: int
) -> None:
    data, rng = pool[base % len(pool)], Random(seed)
    same([data, data, *(mutant(data, rng, tuple(some)) for some in kinds), data], folder, options)


@EXAMPLES
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=2),
    st.lists(st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=1, max_size=4), min_size=1, max_size=3),
    st.integers(0, 2**32),
)
def test_mutants_of_any_kind_in_any_order(
    pool: list[bytes], folder: Path, bases: list[int], kinds: list[list[str]], seed: int
) -> None:
    rng = Random(seed)
    data = [pool[base % len(pool)] for base in bases]
    files = [*data, *(mutant(rng.choice(data), rng, tuple(some)) for some in kinds)]
    rng.shuffle(files)
    same(files, folder, 1)


@pytest.mark.parametrize("tag", [0x00080005, 0x00080016, 0x00100010, 0x00100020, 0x0020000E])
def test_a_value_that_changes_the_plan_changes_it(pool: list[bytes], folder: Path, tag: int) -> None:
    """Character set, SOP class, patient, series: two files with one layout and two plans."""
    data = pool[0]
    place = next(place for place in places(data) if place.tag == tag)
    value = b"1.2.840.10008.5.1.4.1.1.4" if tag == 0x00080016 else b"1.2.5" if tag == 0x0020000E else b"NO SUCH"
    if tag >> 16 == 0x0010:
        value = b"Autre"
    other = data[: place.value] + value.ljust(place.length)[: place.length] + data[place.end :]
    fates = same([data, other, data, other], folder, 1)
    assert fates[0] == fates[2]
    assert fates[0][0] != fates[1][0] or fates[0][3] != fates[1][3]


def test_a_head_that_moved_within_one_length_is_not_where_it_was(pool: list[bytes], folder: Path) -> None:
    """The patient's name takes bytes from the element behind it, and its bytes stand in for that one's head."""
    data = pool[0]
    name = next(place for place in places(data) if place.tag == 0x00100010)
    for cut in range(2, name.length, 2):
        hidden = element(0x00080070, "LO", data[name.value + cut : name.end])[: name.length - cut]
        moved = name.with_length(data, cut)
        moved = moved[: name.value + cut] + hidden + moved[name.end :]
        fates = same([data, moved, data], folder, 1)
        assert fates[0][0]


def test_frames_whose_headers_differ_behind_a_common_beginning(folder: Path) -> None:
    """A header of JPEG 2000 that begins as the one before and goes on with a comment: it is read, not refused."""
    data = bundled("JPEG2000.dcm").read_bytes()
    start = data.rindex(b"\xfe\xff\x00\xe0", 0, data.index(b"\xff\x4f\xff\x51"))
    length = int.from_bytes(data[start + 4 : start + 8], "little")
    stream = data[start + 8 : start + 8 + length]
    at = stream.index(b"\xff\x90")
    said = b"\xff\x64\0\x0d\0\1Delacroix"
    more = stream[:at] + said + stream[at:]

    def of(*frames: bytes) -> bytes:
        items = b"".join(b"\xfe\xff\x00\xe0" + len(one).to_bytes(4, "little") + one for one in frames)
        count = element(0x00280008, "IS", b"%d " % len(frames))
        rows = data.index(b"\x28\x00\x10\x00US")
        head = data[:rows] + count + data[rows:start]
        return head + items + b"\xfe\xff\xdd\xe0\0\0\0\0"

    even = [one + b"\0" * (len(one) & 1) for one in (stream, more)]
    for frames in ([even[0], even[1]], [even[1], even[0]], [even[1], even[1]], even * 2):
        [first, *_] = same([of(*frames)], folder, 0)
        assert first[1] == ()
        assert b"Delacroix" not in (folder / "out").read_bytes()


RUN = """
import pickle, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from tests.formats.dicom.test_dicom_fast_slow import fate
files = pickle.loads(sys.stdin.buffer.read())
sys.stdout.write(repr([fate(data, Path(sys.argv[1]), 1) for data in files]))
"""


def test_another_process_in_another_order_says_the_same(pool: list[bytes], folder: Path) -> None:
    """Of whatever is remembered where nobody thought of it, and of orders that change with a process."""
    rng = Random(7)
    kinds: Callable[[], tuple[str, ...]] = lambda: tuple(rng.choices(sorted(MUTATIONS), k=rng.randint(1, 3)))  # noqa: E731
    files = [*pool, *(mutant(rng.choice(pool), rng, kinds()) for _ in range(200))]
    fates = [fate(data, folder, 1) for data in files]
    root = Path(__file__).parents[3]
    order = rng.sample(range(len(files)), len(files))
    run = subprocess.run(
        [sys.executable, "-c", RUN, folder, root, root / "include"],
        input=pickle.dumps([files[number] for number in order]),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode() == repr([fates[number] for number in order])
