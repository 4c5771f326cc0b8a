"""The second reading of DICOM: every byte of a file is looked at, and what cannot be followed is refused."""

import struct
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collecte.records import Identifier, IdentifierKind
from collecte.residual import compile_scanner
from collecte.residual.pieces import Region, dicom_pieces
from collecte.residual.source import CHUNK_BYTES, Unreadable
from tests.residual.builders import OTHER, SUBJECT, clean_dataset, element, raw_file, write

SCANNER = compile_scanner([Identifier(IdentifierKind.NAME, "LEFÈBVRE-DUPONT^Hélène")])
CT = element(0x00080060, "CS", b"CT")
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(content: bytes) -> bytes:
    return ITEM + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("a value longer than the file", element(0x00104000, "LT", b"ab", 4000)),
        ("a VR that is none", element(0x00104000, "ZZ", b"ab")),
        ("a head cut short", CT + b"\x10\0\x40"),
        ("a sequence without its end", element(0x00081140, "SQ", item(CT), UNDEFINED)),
        (
            "an item longer than its sequence",
            element(0x00081140, "SQ", ITEM + struct.pack("<I", 400) + CT, 20) + CT * 40,
        ),
        ("an element in a sequence", element(0x00081140, "SQ", CT, UNDEFINED) + END),
        ("pixel fragments without an end", element(0x7FE00010, "OB", item(b"12"), UNDEFINED)),
        ("text of undefined length", element(0x00104000, "UT", b"ab" + END, UNDEFINED)),
        ("a delimiter where none belongs", CT + ITEM_END),
        ("garbage behind the last element", CT + b"lefebvre was here"),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused(tmp_path: Path, what: str, body: bytes) -> None:
    found = SCANNER.scan(raw_file(tmp_path / "f.dcm", body), ())
    assert [finding.code for finding in found if finding.code == "RESIDUAL-UNREADABLE"], what


@pytest.mark.parametrize("content", [b"", b"DICM", b"no DICOM at all", bytes(132), bytes(128) + b"DICM"])
def test_a_dcm_that_is_none_is_refused_or_holds_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.dcm"
    path.write_bytes(content)
    assert {finding.code for finding in SCANNER.scan(path, ())} <= {"RESIDUAL-UNREADABLE"}


def test_a_broken_deflated_stream_is_refused_and_what_follows_it_is_looked_at(tmp_path: Path) -> None:
    meta = element(0x00020010, "UI", b"1.2.840.10008.1.2.1.99")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(CT + element(0x0040A160, "UT", b"vu lefebvre ")) + packer.flush()
    path = tmp_path / "f.dcm"
    path.write_bytes(bytes(128) + b"DICM" + meta + packed + b" dupont ")
    assert {finding.place for finding in SCANNER.scan(path, ())} == {"(0040,A160)", "trailing bytes"}
    path.write_bytes(bytes(128) + b"DICM" + meta + packed[:-8])
    assert "RESIDUAL-UNREADABLE" in {finding.code for finding in SCANNER.scan(path, ())}


def test_only_pixel_data_counts_as_pixels_at_any_depth(tmp_path: Path) -> None:
    icon = element(0x7FE00010, "OW", b"..dupont..")
    hidden = element(0x7FE10010, "LO", b"MAKER ") + element(0x7FE11010, "OB", b"\0dupont\0")
    body = element(0x00880200, "SQ", item(icon), UNDEFINED) + END + hidden + element(0x7FE00010, "OW", b"dupont")
    path = raw_file(tmp_path / "f.dcm", body)
    assert [finding.place for finding in SCANNER.scan(path, ())] == ["(7FE1,1010)"]
    pixels = [piece.data for piece in dicom_pieces(path) if piece.region is Region.PIXEL]
    assert pixels == [b"..dupont..", b"dupont"]


def test_an_unknown_sequence_is_followed_in_implicit_vr(tmp_path: Path) -> None:
    content = struct.pack("<HHI", 0x0040, 0xA160, 8) + b"lefebvre"
    body = element(0x00091001, "UN", ITEM + struct.pack("<I", UNDEFINED) + content + ITEM_END, UNDEFINED) + END
    (finding,) = SCANNER.scan(raw_file(tmp_path / "f.dcm", body + CT), ())
    assert finding.place == "(0040,A160)"


def test_a_name_in_two_places_is_counted_at_each(tmp_path: Path) -> None:
    ds = clean_dataset()
    ds.ImageComments = "lefebvre, Lefèbvre"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SeriesDescription = "hélène"
    found = {(f.place, f.count) for f in SCANNER.scan(write(tmp_path / "f.dcm", ds), ())}
    assert found == {("(0020,4000)", 2), ("(0008,103E)", 1)}


def test_many_places_are_named_up_to_ten(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("dupont\n" * 5000)
    found = SCANNER.scan(path, ())
    assert len(found) == 11
    assert sum(finding.count for finding in found) == 5000


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_a_file_stops_the_scan_or_hides_bytes(tmp_path: Path, data: st.DataObject) -> None:
    path = write(tmp_path / "f.dcm", clean_dataset())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(132, len(content)))])
    SCANNER.scan(path, ())  # raises nothing
    seen = 0
    try:
        for piece in dicom_pieces(path):
            seen += len(piece.data)
    except Unreadable:
        return
    assert seen <= len(content)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for chunks in (4, 32):
        path = raw_file(tmp_path / "f.dcm", CT + element(0x7FE00010, "OW", bytes(CHUNK_BYTES) * chunks))
        tracemalloc.start()
        SCANNER.scan(path, ())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 < 16 * CHUNK_BYTES


def test_a_deflated_bomb_is_looked_at_in_bounded_memory(tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(CT + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 64 * CHUNK_BYTES))
    packed += b"".join(packer.compress(bytes(CHUNK_BYTES)) for _ in range(64)) + packer.flush()
    path = tmp_path / "f.dcm"
    path.write_bytes(bytes(128) + b"DICM" + element(0x00020010, "UI", b"1.2.840.10008.1.2.1.99") + packed)
    tracemalloc.start()
    assert SCANNER.scan(path, ()) == ()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * CHUNK_BYTES


def test_threads_share_a_scanner(tmp_path: Path) -> None:
    paths = []
    for index in range(4):
        paths.append(tmp_path / f"{index}.csv")
        paths[-1].write_text("dupont;lefebvre;x\n" * (500 + index))
    found: dict[int, int] = {}

    def scan(index: int) -> None:
        found[index] = sum(finding.count for finding in SCANNER.scan(paths[index], ()))

    threads = [threading.Thread(target=scan, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {index: 2 * (500 + index) for index in range(4)}


def test_a_text_is_known_by_its_bytes_where_its_name_has_no_suffix(tmp_path: Path) -> None:
    path = tmp_path / "f12"
    path.write_text(f"subject,note\n{SUBJECT},x\n{OTHER},vu par Dupont\n{OTHER},2021-03-05\n")
    found = compile_scanner(
        [Identifier(IdentifierKind.NAME, "DUPONT", SUBJECT), Identifier(IdentifierKind.BIRTH_DATE, "20210305", SUBJECT)]
    ).scan(path, [SUBJECT, OTHER])
    assert [(finding.code, finding.place) for finding in found] == [("RESIDUAL-NAME", "row 3")]
