"""GE's own blocks and every maker's private sequences: numbers and flags come through, and nothing of a person."""

import gzip
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from collecte.formats import Context
from collecte.formats.dicom._ge import clean_b_value, clean_numbers, clean_protocol, clean_user_data
from collecte.formats.dicom._tables import rows
from tests.formats.dicom.builders import Maker, context, element, item, slice_of, spliced
from tests.formats.dicom.utility import SAFE, add_private, levels, made_safe, private, written_and_read

#: A patient who does not exist.
PLANTED = b"MARCHEMALLE"
SETTINGS = (
    b'POSITION "Supine"\nSEDESC "MARCHEMALLE Odilon"\nIOPT "EPI, FMRI, MARCHEMALLE"\nTR "5000.0"\nSLICEORDER "1"\n'
    b'VIEWORDER "0"\nset NOSLC "15"\nTE "MARCHEMALLE"\nFLIPANG "84512907"\nNECHO "19560412"\nDELACQ "Minimum"\n'
    b'PATNAME "MARCHEMALLE"\nMARCHEMALLE "1"\nSLICEORDER "2"\n'
)


def block(text: bytes = SETTINGS, name: str = "MARCHEMALLE") -> bytes:
    """A protocol data block: its length, then the text in gzip with a name in its head."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(text) + deflate.flush()
    packed = b"\x1f\x8b\x08\x08\x3f\x1e\xa1\x5b\x00\x03" + name.encode() + b"\0" + body
    packed += struct.pack("<LL", zlib.crc32(text), len(text))
    return struct.pack("<L", len(packed)) + packed


def settings_of(clean: bytes | None) -> list[str]:
    """What a reader finds in a block: as long as it says, with its sum."""
    assert clean is not None
    (length,) = struct.unpack_from("<L", clean)
    assert length == len(clean) - 4
    return gzip.decompress(clean[4:]).decode("ascii").splitlines()


def test_of_a_protocol_the_listed_numbers_and_options_stay() -> None:
    clean = clean_protocol(block())
    assert settings_of(clean) == [
        'IOPT "EPI, FMRI"', 'TR "5000.0"', 'SLICEORDER "1"', 'VIEWORDER "0"', 'NOSLC "15"',
    ]  # fmt: skip
    assert PLANTED not in (clean or b""), "neither in the text nor in the name of the file that was packed"
    assert clean_protocol(clean or b"") == clean


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x1f\x8b\x08", PLANTED * 40, block()[:60], block()[4:], block(b'<?xml version="1.0"?><a>MARCHEMALLE</a>'),
     block(b'SEDESC "MARCHEMALLE"\n'), block(b"A" * (1 << 21))],
    ids=["nothing", "magic", "text", "cut", "no length", "xml", "nothing listed", "a bomb"],
)  # fmt: skip
def test_what_is_no_protocol_gives_none(raw: bytes) -> None:
    assert clean_protocol(raw) is None


@pytest.mark.parametrize("row", rows("ge"), ids=lambda row: row["name"])
@pytest.mark.parametrize("value", ["MARCHEMALLE", "84512907", "19560412.5", "1 2", "nan", "1e9", "٣", "0x1"])
def test_a_setting_holds_no_text_and_no_number_beyond_its_limits(row: dict[str, str], value: str) -> None:
    assert clean_protocol(block(f'{row["name"]} "{value}"\n'.encode())) is None


def user_data(version: float, *, begin: int = 44, flags: tuple[int, int, int] = (0x800, 4, 2)) -> bytearray:
    """(0043,xx2A): a header of raw data with a name all over it, and in their places the three flags."""
    raw = bytearray((PLANTED * 100)[: begin + 1000])
    struct.pack_into("<H", raw, 24, begin)
    struct.pack_into("<f", raw, begin, version)
    for at, flag in zip(places(version, begin), flags, strict=True):
        struct.pack_into("<H", raw, at, flag)
    return raw


def places(version: float, begin: int) -> tuple[int, int, int]:
    """Of the bits of an echo-planar image and of its polarity, and of the direction along k-space."""
    if version < 25.002:
        return begin + 0x3A, begin + 0x30, begin + 0x394
    return begin + 0x4C + 0x3A, begin + 0x4C + 0x30, begin + 0x4C + 0x394 - 0x8C


@pytest.mark.parametrize("version", [9.0, 16.0, 25.003, 26.002, 30.0])
@pytest.mark.parametrize("flags", [(0x800, 4, 2), (0x800, 0, 0), (0, 4, 1)])
def test_of_the_users_data_the_flags_of_phase_encoding_stay_where_they_stood(
    version: float, flags: tuple[int, int, int]
) -> None:
    clean = clean_user_data(bytes(user_data(version, flags=flags)))
    assert clean is not None
    assert clean_user_data(clean) == clean
    begin = struct.unpack_from("<H", clean, 24)[0]
    assert struct.unpack_from("<f", clean, begin)[0] == struct.unpack("<f", struct.pack("<f", version))[0]
    assert tuple(struct.unpack_from("<H", clean, at)[0] for at in places(version, begin)) == flags
    assert sum(byte != 0 for byte in clean) <= 10, "all else is zeros"


def test_what_is_no_user_data_gives_none() -> None:
    for raw in (b"", PLANTED * 5, PLANTED * 100, bytes(2000), bytes(user_data(4.0)), bytes(user_data(41.0)),
                bytes(user_data(26.002, flags=(0, 0, 9))), bytes(user_data(26.002)[:900])):  # fmt: skip
        assert clean_user_data(raw) is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=1200), st.integers(0, 1100))
def test_whatever_befalls_the_users_data_no_more_than_flags_come_out(put: bytes, at: int) -> None:
    raw = user_data(26.002)
    raw[at : at + len(put)] = put
    clean = clean_user_data(bytes(raw))
    assert clean is None or sum(byte != 0 for byte in clean) <= 10


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (rb"1000\8\0\0", rb"1000\8\0\0"),
        (rb"1000002850\8\0\0", rb"1000002850\8\0\0"),
        (rb"0\268435456\0\0 ", rb"0\268435456\0\0"),
        (rb"1000\84512907\19560412\5", rb"1000\0\0\5"),
        (rb"84512907\8\0\0", None),
        (rb"1084512907\8", None),
        (rb"MARCHEMALLE\8", None),
        (rb"1000\MARCHEMALLE", rb"1000\0"),
        (b"", None),
    ],
)
def test_b_values_stay_and_no_longer_number(raw: bytes, clean: bytes | None) -> None:
    assert clean_b_value(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (rb"956.1\320.1\-17.3125\0\75.3604\58.0479", rb"956.1\320.1\-17.3125\0\75.3604\58.0479"),
        (rb"2\\0.5 ", rb"2\\0.5"),
        (rb"2\MARCHEMALLE", None),
        (rb"84512907", None),
        (rb"1.123456789", None),
        (b"\\\\", None),
    ],
)
def test_numbers_in_texts_stay_as_long_as_they_are_measures(raw: bytes, clean: bytes | None) -> None:
    assert clean_numbers(raw) == clean


# --- in a file


@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "LO", "ST", "UT", "PN", "SQ", "FD", "UI"])
def test_a_text_under_another_vr_than_its_makers_goes(make: Maker, vr: str) -> None:
    """A private element is what its rule says, whatever the file calls it."""
    creator = element(0x00190010, "LO", b"SIEMENS MR HEADER")
    value = item(element(0x00104000, "LT", PLANTED)) if vr == "SQ" else PLANTED + b"^Odilon"
    source = make(slice_of(), None).target.with_name("spliced.dcm")
    spliced(source, [creator, element(0x0019100C, vr, value)])
    result = make(source, _safe_private())
    assert result.target.exists()
    assert PLANTED not in result.bytes


def _safe_private() -> Context:
    return context(options=list(SAFE))


def in_a_sequence(inside: Callable[[Dataset], None]) -> Dataset:
    """A file with Siemens' sequence of an image (0021,xxFE), and what ``inside`` puts into its item."""
    data = slice_of(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR")
    inner = Dataset()
    add_private(inner, "SIEMENS MR SDI 02", 0x0021, {0x1C: ("IS", "1"), 0x75: ("CS", "ORIGINAL")})
    inside(inner)
    return add_private(data, "SIEMENS MR SDI 02", 0x0021, {0xFE: ("SQ", [inner])})


def test_what_rules_let_through_of_a_private_sequence_stays(make: Maker) -> None:
    def inside(inner: Dataset) -> None:
        inner.PatientName = "Marchemalle^Odilon"
        inner.ImageComments = "Marchemalle"
        add_private(inner, "MARCHEMALLE", 0x0023, {0x01: ("LO", "Marchemalle")})
        add_private(inner, "SIEMENS MR SDI 02", 0x0021, {0x01: ("LO", "Marchemalle")})

    (safe,) = made_safe(make, [written_and_read(in_a_sequence(inside))], SAFE)
    (inner,) = private(safe, "SIEMENS MR SDI 02", 0x0021, 0xFE)
    assert private(inner, "SIEMENS MR SDI 02", 0x0021, 0x1C) == "1"
    assert "marchemalle" not in str(safe).lower()
    assert str(inner.PatientName).startswith("sub-") or not inner.get("PatientName")


def test_a_private_sequence_in_another_goes(make: Maker) -> None:
    def inside(inner: Dataset) -> None:
        deeper = add_private(Dataset(), "SIEMENS MR SDI 02", 0x0021, {0x1C: ("IS", "1")})
        add_private(inner, "SIEMENS MR SDI 02", 0x0021, {0xFE: ("SQ", [deeper])})

    (safe,) = made_safe(make, [written_and_read(in_a_sequence(inside))], SAFE)
    assert sum(1 for _ in levels(safe) if (0x0021, 0x10FE) in _) == 1


def test_sequences_as_bytes_ten_thousand_deep_are_not_followed(make: Maker) -> None:
    """Each is of known length and called unknown, so that nothing but its rule says that it is a sequence."""
    creator = struct.pack("<HHL", 0x0021, 0x0010, 18) + b"SIEMENS MR SDI 02 "
    content = b""
    for _ in range(10_000):
        content = creator + struct.pack("<HHL", 0x0021, 0x10FE, len(content) + 8) + item(content)
    source = make(slice_of(), None).target.with_name("deep.dcm")
    outer = element(0x00210010, "LO", b"SIEMENS MR SDI 02"), element(0x002110FE, "UN", item(content))
    result = make(spliced(source, outer), _safe_private())
    assert result.target.exists() or result.codes
