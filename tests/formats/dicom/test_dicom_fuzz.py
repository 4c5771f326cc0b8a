"""Damage and lies of every kind, counted: each file ends in a finding or in a copy without a plant, in bounded time,
with nothing half written and no value in what is said.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from collecte.formats.dicom import _elements
from tests.formats.dicom.builders import element, item
from tests.formats.dicom.fuzzing import IDENTIFIER, NAME, Broken, Trial, bases, leaks, mutants
from tests.formats.dicom.mutants import LIES, deflated, places

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = (struct.pack("<HH", 0xFFFE, number) for number in (0xE000, 0xE00D, 0xE0DD))
END, END_OF_ITEM = SEQUENCE_END + bytes(4), ITEM_END + bytes(4)
OPEN_ITEM = ITEM + b"\xff\xff\xff\xff"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(tmp_path_factory.mktemp("trial"))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return bases(tmp_path_factory.mktemp("pool"))


def with_element(data: bytes, piece: bytes) -> bytes:
    """A slice with one more element, in the place of one of its tag."""
    tag = struct.unpack_from("<H", piece)[0] << 16 | struct.unpack_from("<H", piece, 2)[0]
    there = [place for place in places(data) if not place.depth and place.tag >> 16 not in (0x0002, 0xFFFE)]
    at = next(place for place in there if place.tag >= tag)
    return data[: at.start] + piece + data[at.end if at.tag == tag else at.start :]


def test_good_files_pass_and_a_leak_would_be_seen(pool: list[bytes], trial: Trial, tmp_path: Path) -> None:
    assert all(trial.run(data).output for data in pool)
    assert leaks(b"..." + NAME.upper().encode("utf-16-le"))
    assert leaks(f"id {IDENTIFIER[1:]}".encode())
    kept = [{"attribute": "StudyDescription", "action": "keep"}]
    leaky = Trial(tmp_path, attributes=kept)
    with pytest.raises(Broken, match="leak"):
        leaky.run(pool[0])


@pytest.mark.parametrize("number", range(11))
def test_cut_at_every_boundary_and_beside_it(pool: list[bytes], trial: Trial, number: int) -> None:
    data, rng = pool[number], Random(number)
    edges = {edge + step for place in places(data) for edge in (place.start, place.value) for step in (-1, 0, 1)}
    edges = set(rng.sample(sorted(edges), min(len(edges), 160)))
    edges |= {0, 1, 127, 128, 131, 132, 133, len(data) - 1, *(rng.randrange(len(data)) for _ in range(40))}
    # An object without image may end where an element does, once it has what every object of its class has: RTPlanLabel
    # and RTPlanGeometry of the plan, the content of the report. And what is cut behind an image is not missed.
    there = places(data)
    needed = 0x300A000C if any(place.tag >> 16 == 0x300A for place in there) else 0x0040A730
    ends = {place.start for place in there if not place.depth and needed < place.tag and there[-1].tag < 0x7FE00000}
    last = there[-1].start if there[-1].tag > 0x7FE00010 else len(data)
    if number == 1:  # the last byte of a deflated stream may say no more than that it ends
        last -= 1
    for edge in sorted(edges):
        assert trial.run(data[: max(edge, 0)]).codes or edge in ends or edge >= last, edge


@pytest.mark.parametrize("number", range(11))
def test_every_length_lies(pool: list[bytes], trial: Trial, number: int) -> None:
    data, rng = pool[number], Random(number)
    cases = [
        (place, length)
        for place in places(data)
        for length in (*LIES, place.length - 1, place.length + 1, place.length + 2, 1 << 32)
    ]
    for place, length in rng.sample(cases, min(len(cases), 200)):
        trial.run(place.with_length(data, length & UNDEFINED))


def deep(tag: int, vr: str, times: int, *, known: bool) -> bytes:
    """A sequence in a sequence, and so on."""
    if not known:
        start = element(tag, vr, b"", length=UNDEFINED) + OPEN_ITEM
        return start * times + (END_OF_ITEM + END) * times
    heads, size = [], 0
    for _ in range(times):
        heads.append(element(tag, vr, ITEM + struct.pack("<L", size), length=size + 8))
        size += len(heads[-1])
    return b"".join(reversed(heads))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00082112, "SQ"), (0x00082112, "UN"), (0x00291140, "SQ"), (0x00291140, "UN")]
)
def test_ten_thousand_deep(pool: list[bytes], trial: Trial, tag: int, vr: str, known: bool) -> None:
    data = with_element(pool[0], deep(tag, vr, 10_000, known=known))
    fate = trial.run(data)
    private = tag >> 16 & 1
    refused = {"DICOM-UNREADABLE"} | ({"DICOM-TRUNCATED"} if vr == "UN" else set())  # read as implicit VR
    assert set(fate.codes) & refused or (private and vr == "UN" and known and fate.output), fate.codes


def test_ten_thousand_deep_in_implicit_vr_and_in_the_meta_information(pool: list[bytes], trial: Trial) -> None:
    start = struct.pack("<HHL", 0x0008, 0x2112, UNDEFINED) + OPEN_ITEM
    data = pool[2]
    at = next(place.start for place in places(data) if place.tag > 0x00082112)
    assert trial.run(data[:at] + start * 10_000 + data[at:]).codes == ("DICOM-UNREADABLE",)
    meta = element(0x00020102, "SQ", b"", length=UNDEFINED) + OPEN_ITEM
    assert trial.run(pool[0][:132] + meta * 10_000 + pool[0][132:]).codes


@pytest.mark.parametrize(
    "piece",
    [
        element(0x00081115, "SQ", b"", length=UNDEFINED),
        element(0x00081115, "SQ", OPEN_ITEM, length=UNDEFINED),
        element(0x00081115, "SQ", (ITEM + bytes(4)) * 5000, length=UNDEFINED),
        element(0x00081115, "SQ", END_OF_ITEM, length=UNDEFINED),
        element(0x00081115, "UN", OPEN_ITEM, length=UNDEFINED),
        element(0x00291010, "OB", ITEM + struct.pack("<L", 1 << 31), length=UNDEFINED),
        element(0x00181030, "UT", b"", length=UNDEFINED),
    ],
    ids=["no item", "no element", "items", "end of no item", "UN", "private fragment", "text"],
)
def test_what_never_ends_is_refused(pool: list[bytes], trial: Trial, piece: bytes) -> None:
    fate = trial.run(with_element(pool[0], piece))
    assert set(fate.codes) <= {"DICOM-UNREADABLE", "DICOM-TRUNCATED"}
    assert fate.codes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes(132),
        bytes(128) + b"DICM",
        bytes(128) + b"DICM\2",
        b"DICM",
        f"Compte rendu de {NAME}, IPP {IDENTIFIER}\n".encode() * 100,
        b"%PDF-1.7\n" + NAME.encode() * 50,
        b"PK\3\4" + bytes(600),
        bytes(128) + b"DICM" + NAME.encode() * 50,
        bytes(5000),
        b"\xff" * 5000,
    ],
)
def test_what_is_no_dicom_is_refused(trial: Trial, data: bytes) -> None:
    assert trial.run(data).codes


def test_pixel_data_of_an_image_that_does_not_say_its_size_are_refused(pool: list[bytes], trial: Trial) -> None:
    """Else a name under the tag of the pixels would pass for them."""
    name = next(place for place in places(pool[0]) if place.tag == 0x00104000)
    order = [place for place in places(pool[0]) if place.tag < 0x00280000 and not place.depth]
    assert order
    piece = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, name.length) + pool[0][name.value : name.end]
    size = next(place for place in places(pool[0]) if place.tag == 0x00280002)
    assert trial.run(pool[0][: size.start] + piece).codes == ("DICOM-UNREADABLE",)


@pytest.mark.parametrize("step", [-2, -1, 1, 2, 64])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_pixel_data_shorter_and_longer_than_declared(pool: list[bytes], trial: Trial, number: int, step: int) -> None:
    data = pool[number] if number != 1 else pool[0]
    pixels = places(data)[-1]
    assert pixels.tag == 0x7FE00010
    raw = data[pixels.value : pixels.end]
    raw = raw[:step] if step < 0 else raw + NAME.encode().ljust(step)[:step]
    changed = pixels.with_length(data[: pixels.value] + raw, len(raw))
    fate = trial.run(deflated(changed) if number == 1 else changed)
    assert fate.codes == (("DICOM-PIXELS-SHORT",) if step < 0 else ())


def fragmented(pool: list[bytes], number: int) -> Iterator[tuple[bytes, list[int]]]:
    """Files in fragments, each with the offsets of the heads of its items."""
    for data in pool:
        start = data.find(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
        if start < 0:
            continue
        heads, at = [], start + 12
        while data[at : at + 4] == ITEM:
            heads.append(at)
            at += 8 + struct.unpack_from("<L", data, at + 4)[0]
        yield data, heads


def test_offset_tables_and_fragments_that_lie(pool: list[bytes], trial: Trial) -> None:
    fates: Counter[bool] = Counter()
    for data, heads in fragmented(pool, 0):
        first = heads[0] + 8
        for table in (
            b"\0\0\0\0",
            b"\xff" * 4,
            bytes(8),
            NAME.encode()[:16],
            struct.pack("<LL", 0, 1 << 31),
            bytes(4096),
        ):
            size = struct.pack("<L", len(table))
            fates[bool(trial.run(data[: heads[0] + 4] + size + table + data[heads[1] :]).output)] += 1
        for at in heads:
            told = struct.unpack_from("<L", data, at + 4)[0]
            for length in (0, 2, told - 2, told + 2, told + 8, 1 << 31, UNDEFINED - 1, UNDEFINED):
                lying = data[: at + 4] + struct.pack("<L", length & UNDEFINED) + data[at + 8 :]
                fates[bool(trial.run(lying).output)] += 1
        for piece in (ITEM + bytes(4), ITEM + struct.pack("<L", 18) + NAME.encode() + b" ", END):
            for at in (*heads, len(data) - 8):
                fates[bool(trial.run(data[:at] + piece + data[at:]).output)] += 1
        for at in range(first, min(first + 400, len(data)), 31):
            for value in (0x00, 0xFF, 0x7F):
                fates[bool(trial.run(data[:at] + bytes([value]) + data[at + 1 :]).output)] += 1
    assert fates[True] > 30
    assert fates[False] > 80


@pytest.mark.parametrize("frames", [b"0", b"2", b"1000", b"999999999999", b"-1", b"1.5", b"1e9", NAME.encode()])
def test_numbers_of_frames_that_lie(pool: list[bytes], trial: Trial, frames: bytes) -> None:
    for number in (0, 1, 4, 6, 8):
        data = pool[number] if number != 1 else pool[0]
        place = next(place for place in places(data) if place.tag >= 0x00280008)
        piece = element(0x00280008, "IS", frames + b" " * (len(frames) % 2))
        if place.order == ">" or not place.vr:
            continue
        lying = data[: place.start] + piece + data[place.end if place.tag == 0x00280008 else place.start :]
        trial.run(deflated(lying) if number == 1 else lying)


@pytest.mark.parametrize(
    "charset",
    [
        *(b"", b"\\", b"NO SUCH", b"ISO_IR 192\\ISO 2022 IR 87", b"\\ISO 2022 IR 87", b"ISO 2022 IR 999"),
        *(b"GB18030\\GBK", b"\xff\xfe", b"ISO_IR 13", b"\\" * 40, NAME.encode()),
    ],
)
def test_wrong_character_sets(pool: list[bytes], trial: Trial, charset: bytes) -> None:
    data = with_element(pool[0], element(0x00080005, "CS", charset))
    for text in (
        b"\x1b$B%s%s\x1b(B",
        b"\x1b$)C\xb1\xe8\xff",
        b"\x1b",
        b"\x81",
        b"\xc3\x28",
        b"\xff\xfe\0\0",
        b"\x1b-FA\x1b",
    ):
        said = element(0x00081030, "LO", text + NAME.encode())
        named = element(0x00100010, "PN", NAME.encode() + b"=" + text)
        trial.run(with_element(with_element(data, said), named))


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020, 0x00280010, 0x7FE00010])
def test_missing_attributes(pool: list[bytes], trial: Trial, tag: int) -> None:
    for data in pool:
        gone = next((place for place in places(data) if place.tag == tag), None)
        if gone:
            trial.run(data[: gone.start] + data[gone.end :])


def test_elements_repeated_and_out_of_order(pool: list[bytes], trial: Trial) -> None:
    rng = Random(3)
    data = pool[0]
    there = [place for place in places(data) if not place.depth and 0x00080000 <= place.tag < 0x7FE00000]
    known = [place for place in there if place.tag != 0x00081140]  # its items stand beside it
    start = next(place.start for place in there)
    pixels = places(data)[-1]
    pieces = [data[place.start : place.end] for place in known]
    written = 0
    for _ in range(40):
        shuffled = rng.sample(pieces, len(pieces)) + rng.choices(pieces, k=5)
        written += bool(trial.run(data[:start] + b"".join(shuffled) + data[pixels.start :]).output)
    assert written > 20


def test_a_header_of_too_many_elements_is_refused(
    pool: list[bytes], trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With lower limits, as the real ones take a minute: ``benchmarks.fuzz`` has those."""
    monkeypatch.setattr(_elements, "_NESTED_LIMIT", 1 << 12)
    monkeypatch.setattr(_elements, "TOP_LIMIT", 1 << 12)
    tiny, count = element(0x00081155, "UI", b""), 1 << 12
    items = (ITEM + bytes(4)) * (count + 1)
    for inner in (item(tiny * count), items, OPEN_ITEM + tiny * count + END_OF_ITEM, item(tiny * (count // 2)) * 2):
        known = element(0x00081115, "SQ", inner)
        unknown = element(0x00081115, "SQ", inner + END, length=UNDEFINED)
        for piece in (known, unknown, element(0x00081115, "UN", items)):
            assert trial.run(with_element(pool[0], piece)).codes == ("DICOM-UNREADABLE",)
    many = b"".join(element(0x30010000 + number, "LO", b"") for number in range(count))
    assert trial.run(with_element(pool[0], many)).codes == ("DICOM-UNREADABLE",)
    few = element(0x00081115, "SQ", item(tiny * (count // 2)))
    assert trial.run(with_element(pool[0], few)).output


def test_random_mutants(pool: list[bytes], trial: Trial) -> None:
    fates = Counter(trial.run(data).codes[:1] for data in islice(mutants(pool, 20260101), 800))
    assert fates[()] > 150, fates
    assert len(fates) > 6, fates


def test_random_bytes_in_the_pixels_of_every_transfer_syntax(pool: list[bytes], trial: Trial) -> None:
    rng = Random(11)
    for data in pool:
        start = max(data.find(b"\xe0\x7f\x10\x00"), data.find(b"\x7f\xe0\x00\x10"), len(data) // 2)
        for _ in range(25):
            damaged = bytearray(data)
            for _ in range(rng.randint(1, 6)):
                damaged[rng.randrange(start, len(data))] = rng.choice((0, 0xFF, 0xD8, 0xDA, rng.randrange(256)))
            trial.run(bytes(damaged))
