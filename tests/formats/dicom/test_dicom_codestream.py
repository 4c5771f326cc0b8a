"""Nothing that a compressed image says beside its pixels passes, wherever the stream is cut; its pixels do."""

import struct
import warnings
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames

from collecte.formats.dicom._codestream import Cleaner, offset_table
from collecte.formats.dicom._wall import Refusal
from collecte.frames import Undecodable, frames, image
from tests.formats.dicom.builders import Maker, bundled, bundled_files, slice_of

BASELINE, LOSSLESS, LS, J2K, HTJ2K = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 70, 80, 90, 201))
PROGRESSIVE = "1.2.840.10008.1.2.4.55"
RLE, DEFLATED, UNCOMPRESSED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
NAME = b"Delacroix^Eugene"
GREY = np.random.default_rng(3).integers(0, 4096, (64, 48), dtype=np.uint16)
COLOUR = np.random.default_rng(4).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def cleaned(syntax: str, *fragments: bytes, chunk: int = 1 << 20, count: int = 1, size: int = GREY.nbytes) -> bytes:
    """The fragments' bytes, cleaned, fed in chunks that are overwritten as soon as they were taken."""
    out: list[bytes] = []
    cleaner = Cleaner(syntax, count, size, lambda data: out.append(bytes(data)))
    for number, fragment in enumerate(fragments):
        cleaner.item(b"<%06d>" % number, len(fragment))
        for start in range(0, len(fragment), chunk):
            buffer = bytearray(fragment[start : start + chunk])
            cleaner.feed(memoryview(buffer))
            buffer[:] = b"\xaa" * len(buffer)
    cleaner.end()
    whole = b"".join(out)
    assert len(whole) == sum(len(fragment) + 8 for fragment in fragments)
    payload, at = [], 0
    for number, fragment in enumerate(fragments):
        assert whole[at : at + 8] == b"<%06d>" % number
        payload.append(whole[at + 8 : at + 8 + len(fragment)])
        at += 8 + len(fragment)
    return b"".join(payload)


def segment(code: int, content: bytes) -> bytes:
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content) + 8) + kind + content


JFIF = segment(0xE0, b"JFIF\0\1\1\1" + struct.pack(">HH", 300, 300) + b"\2\1" + NAME[:6])
SAID = b"".join(
    (
        JFIF,
        segment(0xE0, NAME),
        segment(0xE1, b"Exif\0\0" + NAME),
        b"\xff\xff" + segment(0xFE, NAME * 300),
        segment(0xEE, b"Adobe" + NAME),
        segment(0xEF, b""),
    )
)


def planted_jpeg(frame: Any, encode: Any = imagecodecs.jpeg8_encode, **options: Any) -> bytes:
    data = bytes(encode(frame, **options))
    scan = data.index(b"\xff\xda")
    return data[:2] + SAID + data[2:scan] + segment(0xFE, NAME) + data[scan:] + NAME


def progressive(frame: Any) -> bytes:
    """Several scans, with tables between them."""
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def planted_ls(frame: Any) -> bytes:
    data = bytes(imagecodecs.jpegls_encode(frame))
    return data[:2] + SAID + data[2:] + NAME


def planted_j2k(frame: Any, encode: Any = imagecodecs.jpeg2k_encode, **options: Any) -> bytes:
    """A comment in the main header and one in the header of the first tile-part."""
    data = bytes(encode(frame, reversible=True, **options))
    tile, start = data.index(b"\xff\x90\0\x0a"), data.index(b"\xff\x93")
    comment = segment(0x64, b"\0\1" + NAME)
    size = struct.unpack_from(">L", data, tile + 6)[0]
    header = data[tile : tile + 6] + struct.pack(">L", size and size + len(comment)) + data[tile + 10 : tile + 12]
    return (
        data[:tile] + segment(0x64, b"\0\1" + NAME) + header + comment + data[tile + 12 : start] + data[start:] + NAME
    )


def planted_jp2(frame: Any) -> bytes:
    data = bytes(imagecodecs.jpeg2k_encode(frame, codecformat="jp2", reversible=True, level=0))
    at = data.index(b"jp2c") - 4
    return data[:at] + box(b"xml ", NAME) + box(b"uuid", NAME * 2) + data[at:] + box(b"uinf", NAME)


PLANTED: dict[str, tuple[str, bytes, Any]] = {
    "baseline": (BASELINE, planted_jpeg(COLOUR, level=90), imagecodecs.jpeg8_decode),
    "progressive": (PROGRESSIVE, planted_jpeg(COLOUR, progressive), imagecodecs.jpeg8_decode),
    "lossless": (LOSSLESS, planted_jpeg(GREY, lossless=True, bitspersample=12), imagecodecs.jpeg8_decode),
    "jpeg-ls": (LS, planted_ls(GREY), imagecodecs.jpegls_decode),
    "jpeg 2000": (J2K, planted_j2k(GREY, codecformat="j2k", level=0), imagecodecs.jpeg2k_decode),
    "tiles": (HTJ2K, planted_j2k(GREY, imagecodecs.htj2k_encode, tile=(16, 16)), imagecodecs.htj2k_decode),
    "jp2": (J2K, planted_jp2(COLOUR), imagecodecs.jpeg2k_decode),
    "htj2k": (HTJ2K, planted_j2k(GREY, imagecodecs.htj2k_encode), imagecodecs.htj2k_decode),
}


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_said_beside_the_image_is_blanked_and_the_image_is_the_same(case: str) -> None:
    syntax, data, decode = PLANTED[case]
    clean = cleaned(syntax, data)
    assert NAME in data
    assert NAME[:6] not in clean
    assert np.array_equal(decode(clean), decode(data))
    assert cleaned(syntax, clean) == clean, "cleaned twice is cleaned once"


@pytest.mark.parametrize("case", PLANTED)
def test_it_does_not_matter_where_the_stream_is_cut(case: str) -> None:
    syntax, data, _ = PLANTED[case]
    once = cleaned(syntax, data)
    for chunk in (1, 2, 3, 7, 64, 1000):
        assert cleaned(syntax, data, chunk=chunk) == once


@pytest.mark.parametrize("case", sorted(set(PLANTED) - {"jp2"}))
@given(cuts=st.lists(st.integers(0, 6000), max_size=4), chunk=st.integers(1, 99))
@settings(max_examples=40, deadline=None)
def test_a_frame_may_lie_in_any_number_of_fragments(case: str, cuts: Sequence[int], chunk: int) -> None:
    """Up to where the image ends; a fragment that begins behind that is blanked as a whole."""
    syntax, data, _ = PLANTED[case]
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    fragments = [data[start:end] for start, end in pairwise(edges)]
    assert cleaned(syntax, *fragments, chunk=chunk) == cleaned(syntax, data)


@pytest.mark.parametrize("case", PLANTED)
def test_frames_follow_one_another(case: str) -> None:
    syntax, data, _ = PLANTED[case]
    padded = data + b"\0" * (len(data) & 1)
    assert cleaned(syntax, padded, padded, chunk=501, count=2) == cleaned(syntax, padded) * 2


@pytest.mark.parametrize("case", PLANTED)
def test_a_frame_with_another_header_is_cleaned_by_its_own(case: str) -> None:
    """Headers that repeat are remembered."""
    syntax, data, _ = PLANTED[case]
    other = data.replace(NAME, NAME[::-1])
    frames_of = [data, other, data, data, other]
    clean = cleaned(syntax, *frames_of, chunk=700, count=5)
    assert clean == b"".join(cleaned(syntax, frame) for frame in frames_of)
    assert NAME[:6] not in clean
    assert NAME[::-1][:6] not in clean


@pytest.mark.parametrize("case", ["baseline", "lossless", "jpeg-ls"])
def test_a_frame_cut_short_does_not_hide_the_comments_of_the_next(case: str) -> None:
    syntax, data, _ = PLANTED[case]
    short = data[: -60 - len(NAME)]
    clean = cleaned(syntax, short, data, count=2)
    assert clean[len(short) :] == cleaned(syntax, data)


@pytest.mark.parametrize("case", ["jpeg 2000", "tiles", "htj2k", "jp2"])
def test_jpeg_2000_cut_short_is_refused(case: str) -> None:
    syntax, data, _ = PLANTED[case]
    for fragments in ([data[: len(data) * 3 // 4]], [data[: len(data) * 3 // 4], data]):
        with pytest.raises(Refusal):
            cleaned(syntax, *fragments, count=2)


TEXT = NAME * 4


@pytest.mark.parametrize(
    "content",
    [
        *((0xDC, NAME), (0xDD, NAME), (0xC3, NAME), (0xC9, NAME)),
        *((0xDB, b"\0" + TEXT), (0xDB, bytes(65) + NAME), (0xDA, NAME)),
        *((0xC4, b"\0\x10" + bytes(15) + NAME), (0xC4, b"\x10\x10" + bytes(15) + NAME), (0xC4, bytes(17) + NAME)),
    ],
)
def test_a_segment_that_a_decoder_needs_holds_nothing_else(content: tuple[int, bytes]) -> None:
    data = bytes(imagecodecs.jpeg8_encode(COLOUR, level=90))
    with pytest.raises(Refusal):
        cleaned(BASELINE, data[:2] + segment(*content) + data[2:])


@pytest.mark.parametrize("code", [0xC9, 0xCC, 0xDE, 0xDF, 0xF8])
def test_a_segment_of_another_process_is_refused(code: int) -> None:
    data = bytes(imagecodecs.jpeg8_encode(COLOUR, level=90))
    with pytest.raises(Refusal):
        cleaned(BASELINE, data[:2] + segment(code, NAME) + data[2:])


@pytest.mark.parametrize(
    "content", [(0xC0, NAME), (0xC4, NAME), (0xDB, NAME), (0xF8, b"\2" + NAME), (0xF8, b"\5" + NAME)]
)
def test_jpeg_ls_has_no_tables_of_jpeg_and_no_palettes(content: tuple[int, bytes]) -> None:
    data = bytes(imagecodecs.jpegls_encode(GREY))
    with pytest.raises(Refusal):
        cleaned(LS, data[:2] + segment(*content) + data[2:])


def test_fill_bytes_before_a_marker_are_few() -> None:
    data = bytes(imagecodecs.jpeg8_encode(COLOUR, level=90))
    assert cleaned(BASELINE, data[:2] + b"\xff" * 7 + data[2:])
    with pytest.raises(Refusal):
        cleaned(BASELINE, data[:2] + b"\xff" * (1 << 16) + data[2:])


@pytest.mark.parametrize("code", [0x50, 0x51, 0x52, 0x53, 0x56, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x63])
def test_a_marker_segment_of_jpeg_2000_has_room_for_nothing_else(code: int) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(GREY, level=0, codecformat="j2k"))
    at = 4 + struct.unpack_from(">H", data, 4)[0]  # behind SIZ
    try:
        clean = cleaned(J2K, data[:at] + segment(code, TEXT * 10) + data[at:])
    except Refusal:
        return
    assert code == 0x63, "only where the components lie, which is blanked, needs no room"
    assert TEXT not in clean


#: Fields of a marker segment: a form, and one that is a word's length longer or has words in it.
FORMS = {
    0x50: (b"\0\2\0\0\0\x20", b"QUIRALTO MARTINE"),
    0x56: (b"\0\1", b"QUIRAL"),
    0x59: (b"\0\1", b"QUIRAL"),
    0x52: (b"\1\0\0\1\0\1\4\4\0\1\x77\x88", b"\0\0\0\1\0\1\4\4\0\1QUIRALTO"),
    0x53: (b"\0\1\1\4\4\0\1\x77\x88", b"\0\0\1\4\4\0\1QUIRALTO"),
    0x5C: (b"\x40\x40\x48\x48\x50", b"\x40QUIR"),
    0x5D: (b"\0\x42" + b"\x40\1" * 4, b"\0\x40QUIRALT"),
    0x5F: (b"\0\0\0\1\5\1\0", b"QUIRALT"),
}


@pytest.mark.parametrize("code", FORMS)
def test_a_marker_segment_of_jpeg_2000_has_its_form(code: int) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(GREY, level=0, codecformat="j2k"))
    at = 4 + struct.unpack_from(">H", data, 4)[0]
    form, words = (data[:at] + segment(code, content) + data[at:] for content in FORMS[code])
    assert segment(code, FORMS[code][0]) in cleaned(J2K, form)
    with pytest.raises(Refusal):
        cleaned(J2K, words)


@pytest.mark.parametrize(
    ("kind", "content"),
    [(b"resc", b"QUIRALTO M"), (b"bpcc", b"QUIRALTO"), (b"cdef", b"\0\1QUIRAL"), (b"cdef", b"QUIRALTO")],
)
def test_boxes_of_jp2_have_their_form(kind: bytes, content: bytes) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(COLOUR, level=0, codecformat="jp2"))
    behind = 12 + struct.unpack_from(">L", data, 12)[0]
    clean = cleaned(J2K, data[:behind] + box(kind, content) + data[behind:])
    assert content[2:] not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), COLOUR)


def test_marker_segments_of_part_2_are_blanked_in_part_1() -> None:
    data = bytes(imagecodecs.jpeg2k_encode(GREY, level=0, codecformat="j2k"))
    at = 4 + struct.unpack_from(">H", data, 4)[0]
    assert NAME not in cleaned(J2K, data[:at] + segment(0x75, NAME) + data[at:])


@pytest.mark.parametrize("kind", [b"jP  ", b"ihdr", b"bpcc", b"cmap", b"cdef", b"resc"])
def test_a_box_of_jp2_holds_nothing_longer(kind: bytes) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(COLOUR, level=0, codecformat="jp2"))
    behind = 12 + struct.unpack_from(">L", data, 12)[0]  # the file type
    clean = cleaned(J2K, data[:behind] + box(kind, TEXT * 2) + data[behind:])
    assert NAME not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), COLOUR)


def test_brands_of_jp2_are_those_that_there_are_and_palettes_are_refused() -> None:
    data = bytes(imagecodecs.jpeg2k_encode(COLOUR, level=0, codecformat="jp2"))
    size = struct.unpack_from(">L", data, 12)[0]
    clean = cleaned(J2K, data[:12] + box(b"ftyp", NAME * 3) + data[12 + size :])
    assert NAME[:4] not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), COLOUR)
    with pytest.raises(Refusal):
        cleaned(J2K, data[:12] + box(b"pclr", NAME) + data[12:])


def test_the_colour_transform_that_decoders_heed_stays() -> None:
    for transform in (0, 1, 2):
        data = bytes(imagecodecs.jpeg8_encode(COLOUR, colorspace="RGB", outcolorspace="RGB"))
        adobe = segment(0xEE, b"Adobe\0\x64" + NAME[:4] + bytes([transform]))
        clean = cleaned(BASELINE, data[:2] + adobe + data[2:])
        assert segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])) in clean


def test_a_profile_of_colours_becomes_the_name_of_a_colour_space() -> None:
    data = planted_jp2(COLOUR)
    at = data.index(b"colr")
    grown = box(b"colr", b"\2\0\0" + NAME * 3)
    header = data.index(b"jp2h")
    size = struct.unpack_from(">L", data, header - 4)[0] + len(grown) - 15
    profiled = data[: header - 4] + struct.pack(">L", size) + data[header : at - 4] + grown + data[at + 11 :]
    clean = cleaned(J2K, profiled)
    assert NAME not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), COLOUR)


def test_unused_offsets_of_rle_are_blanked() -> None:
    data = struct.pack("<2L", 1, 64) + NAME.ljust(56, b"x") + b"\x81\0\x81\0"
    assert cleaned(RLE, data) == struct.pack("<2L", 1, 64) + b"\0" * 56 + b"\x81\0\x81\0"


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_single_frame_of_rle_may_lie_in_fragments_but_bring_no_other(chunk: int) -> None:
    data = struct.pack("<3L", 2, 64, 66) + NAME.ljust(52, b"x") + b"\x81\0\x81\0\x81\0"
    whole = cleaned(RLE, data)
    assert NAME not in whole
    for cut in (20, 64, 66, 68):
        assert cleaned(RLE, data[:cut], data[cut:], chunk=chunk) == whole
    for fragments in ((data, data), (data[:66], data[66:], data)):
        with pytest.raises(Refusal):
            cleaned(RLE, *fragments, chunk=chunk)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_what_follows_the_packets_of_a_segment_of_rle_is_blanked(chunk: int, count: int) -> None:
    """Two segments of 300 bytes: a run, a literal, nothing, a run."""
    packets = b"\x81\7" + b"\x2b" + bytes(range(44)) + b"\x80" + b"\x81\7"
    start, size = 64 + len(packets), len(NAME) + len(packets)
    head = struct.pack("<3L", 2, 64, 64 + size).ljust(64, b"\0")
    frame = head + packets + NAME + packets + NAME
    clean = head + packets + bytes(len(NAME)) + packets + bytes(len(NAME))
    assert cleaned(RLE, *[frame] * count, chunk=chunk, count=count, size=600) == clean * count
    if count == 1:
        assert cleaned(RLE, frame[:start], frame[start:], chunk=chunk, size=600) == clean


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_run_of_rle_that_is_longer_than_its_segment_ends_with_it(chunk: int) -> None:
    run = bytes([1, 2, 3, 4]) + NAME
    frame = struct.pack("<2L", 1, 64).ljust(64, b"\0") + bytes([len(run) - 1]) + run
    assert cleaned(RLE, frame, chunk=chunk, size=4) == frame[:69] + bytes(len(NAME))


def test_what_follows_a_deflated_or_plain_frame_is_blanked() -> None:
    deflated = zlib.compress(GREY.tobytes())[2:-4]
    for chunk in (1, 100, 1 << 20):
        assert cleaned(DEFLATED, deflated + NAME, chunk=chunk) == deflated + b"\0" * len(NAME)
    odd = GREY.tobytes()[:-1]
    assert cleaned(UNCOMPRESSED, odd + b"E", size=len(odd)) == odd + b"\0"


def lying_jpeg(where: int) -> bytes:
    data = bytearray(PLANTED["baseline"][1])
    at = data.index(segment(0xFE, NAME * 300)) + 2
    data[at : at + 2] = struct.pack(">H", where)
    return bytes(data)


def lying_j2k(size: int) -> bytes:
    data = PLANTED["jpeg 2000"][1]
    at = data.index(b"\xff\x90\0\x0a") + 6
    return data[:at] + struct.pack(">L", size) + data[at + 4 :]


HOSTILE = {
    "text": (BASELINE, NAME),
    "nothing": (BASELINE, b""),
    "text for JPEG 2000": (J2K, NAME),
    "length over the end": (BASELINE, lying_jpeg(0xFFFF)),
    "length short of the segment": (BASELINE, lying_jpeg(9)),
    "length of zero": (BASELINE, lying_jpeg(0)),
    "ends within a segment": (LS, planted_ls(GREY)[:40]),
    "ends within the main header": (J2K, PLANTED["jpeg 2000"][1][:30]),
    "tile-part too short": (J2K, lying_j2k(13)),
    "tile-part shorter than it is": (J2K, lying_j2k(99)),
    "tile-part longer than it is": (J2K, lying_j2k(1 << 30) + b"\0\0"),
    "box over the end": (J2K, PLANTED["jp2"][1].replace(box(b"xml ", NAME), b"\x7f\0\0\0xml " + NAME)),
    "segments of RLE out of order": (RLE, struct.pack("<3L", 2, 64, 60) + bytes(80)),
    "segments of RLE over the end": (RLE, struct.pack("<3L", 2, 64, 9999) + bytes(80)),
    "no deflated bytes": (DEFLATED, NAME),
    "deflated bomb": (DEFLATED, zlib.compress(bytes(1 << 24))[2:-4]),
    "more than a frame": (UNCOMPRESSED, GREY.tobytes() + NAME),
    "unknown syntax": ("1.2.3", NAME),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_a_structure_that_cannot_be_followed_is_refused(case: str, chunk: int) -> None:
    syntax, data = HOSTILE[case]
    with pytest.raises(Refusal, match="DICOM-PIXELS-UNREADABLE"):
        cleaned(syntax, data, chunk=chunk)


@pytest.mark.parametrize("case", PLANTED)
def test_more_frames_than_the_header_tells_of_are_refused(case: str) -> None:
    syntax, data, _ = PLANTED[case]
    with pytest.raises(Refusal):
        cleaned(syntax, data, data, count=1)


@given(data=st.binary(max_size=300), case=st.sampled_from(sorted(PLANTED)), at=st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_whatever_the_bytes_it_ends_with_as_many_or_a_refusal(data: bytes, case: str, at: int) -> None:
    syntax, planted, _ = PLANTED[case]
    try:
        cleaned(syntax, planted[:at] + data + planted[at + len(data) :], chunk=37, count=99)
    except Refusal:
        return


def test_a_table_of_offsets_is_kept_only_if_it_is_one() -> None:
    good = struct.pack("<3L", 0, 10, 30)
    assert offset_table(good, 3) == good
    for bad in (b"", NAME, NAME[:12], struct.pack("<3L", 0, 30, 10), struct.pack("<3L", 0, 9, 30), good + b"\0\0\0\0"):
        assert offset_table(bad, 3) == b""


def test_text_in_place_of_the_table_of_offsets_does_not_pass(make: Maker) -> None:
    source = dcmread(bundled("MR_small_jpeg_ls_lossless.dcm"))
    at = source.PixelData.index(b"\xfe\xff\x00\xe0", 4)
    source.PixelData = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(NAME)) + NAME + source.PixelData[at:]
    made = make(source)
    assert NAME not in made.bytes
    assert made.dataset.PixelData[:8] == b"\xfe\xff\x00\xe0\0\0\0\0"
    assert all(frame.any() for _, frame in frames(made.target))


def compressed(data: bytes, syntax: str = BASELINE) -> Any:
    source = slice_of(Rows=24, Columns=32, SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8)
    source.BitsStored, source.HighBit, source.PlanarConfiguration = 8, 7, 0
    source.file_meta.TransferSyntaxUID = syntax
    source.PixelData = encapsulate([data])
    source["PixelData"].VR, source["PixelData"].is_undefined_length = "OB", True
    return source


MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.4"


@pytest.mark.parametrize("lies", ["", "offsets", "lengths", "both", "one", "native"])
def test_the_extended_table_of_offsets_is_true_or_the_file_is_refused(make: Maker, lies: str) -> None:
    """It is written before the fragments, and its values are kept as they stand."""
    frames_of = [PLANTED["baseline"][1], PLANTED["baseline"][1] + b"\0"]
    source = compressed(frames_of[0])
    source.PixelData, offsets, lengths = encapsulate_extended(frames_of)
    source.NumberOfFrames, source["PixelData"].VR, source["PixelData"].is_undefined_length = 2, "OB", True
    source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = MULTI_FRAME
    if lies == "native":
        source = slice_of(SOPClassUID=MULTI_FRAME)
    source.ExtendedOffsetTable = NAME if lies in ("offsets", "both", "native") else offsets
    if lies != "one":
        source.ExtendedOffsetTableLengths = NAME if lies in ("lengths", "both", "native") else lengths
    made = make(source)
    assert made.codes == ({"DICOM-PIXELS-UNREADABLE"} if lies else set())
    assert lies or made.dataset.ExtendedOffsetTable == offsets


def test_a_table_of_offsets_without_pixels_is_refused(make: Maker) -> None:
    dose = dcmread(bundled("rtdose.dcm"))
    del dose.PixelData, dose.Rows
    dose.ExtendedOffsetTable = NAME
    assert make(dose).codes == {"DICOM-PIXELS-UNREADABLE"}


def test_a_table_of_offsets_in_an_item_is_removed(make: Maker) -> None:
    image = slice_of()
    image.ReferencedImageSequence = [Dataset()]
    image.ReferencedImageSequence[0].ExtendedOffsetTable = NAME
    made = make(image)
    assert made.codes == set()
    assert NAME not in made.bytes


def test_a_file_is_cleaned_on_its_way(make: Maker) -> None:
    made = make(compressed(PLANTED["baseline"][1]))
    assert made.codes == set()
    assert NAME not in made.bytes
    assert next(frames(made.target))[1].shape == COLOUR.shape


def test_a_file_whose_compressed_image_is_broken_leaves_nothing(make: Maker) -> None:
    made = make(compressed(lying_jpeg(9)))
    assert made.codes == {"DICOM-PIXELS-UNREADABLE"}
    assert not made.target.exists()


def encapsulated() -> list[Path]:
    found = []
    for path in bundled_files():
        try:
            syntax = image(path).transfer_syntax
        except Undecodable:
            continue
        if syntax not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"):
            found.append(path)
    return found


@pytest.mark.parametrize("path", encapsulated(), ids=lambda path: path.stem)
def test_every_compressed_file_of_pydicom_passes_with_the_same_pixels(make: Maker, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make(path)
    assert "DICOM-PIXELS-UNREADABLE" not in made.codes
    if made.safe is None or not made.target.exists():
        return
    try:
        before = [frame for _, frame in frames(path)]
    except Undecodable:
        return
    after = [frame for _, frame in frames(made.target)]
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(after, before, strict=True))


def test_a_progressive_image_passes_cleaned_and_can_be_read(make: Maker) -> None:
    image_of = slice_of(Rows=24, Columns=32, BitsAllocated=8, BitsStored=8, HighBit=7)
    plain = planted_jpeg(COLOUR[..., 0], progressive)
    image_of.PixelData = encapsulate([plain])
    image_of["PixelData"].VR = "OB"
    image_of.file_meta.TransferSyntaxUID = PROGRESSIVE
    made = make(image_of)
    assert made.codes == set()
    assert NAME not in made.bytes
    ((_, frame),) = frames(made.target)
    assert np.array_equal(np.squeeze(frame), imagecodecs.jpeg8_decode(plain))


def test_a_frame_of_rle_has_a_segment_for_each_byte_of_a_pixel(make: Maker) -> None:
    """One more could hold anything."""
    source = dcmread(bundled("MR_small_RLE.dcm"))
    (frame,) = generate_frames(source.PixelData, number_of_frames=1)
    start = struct.unpack_from("<L", frame, 4)[0]
    count, *offsets = struct.unpack_from("<16L", frame)
    assert (count, start) == (2, 64)
    offsets[2] = len(frame)
    source.PixelData = encapsulate([struct.pack("<16L", 3, *offsets) + frame[64:] + bytes([len(NAME) - 1]) + NAME])
    made = make(source)
    assert made.codes == {"DICOM-PIXELS-UNREADABLE"}
