"""Siemens CSA headers: what is listed comes through, and nothing that is not, whatever the bytes pretend to be."""

import struct
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecte.formats.dicom._csa import _FORMS, _rules, clean_csa, clean_phoenix
from collecte.formats.dicom._tables import rows

#: A patient who does not exist, as they may stand in any string or in what memory left behind.
PLANTED = b"MARCHEMALLE^Odilon"
TAGS = [row for row in rows("csa") if row["where"] == "tag"]
ASSIGNMENTS = [row for row in rows("csa") if row["where"] == "protocol"]
Items = Sequence[tuple[str, str, int, Sequence[bytes]]]  # name, VR, VM, values
IMAGE: Items = [
    ("EchoLinePosition", "IS", 1, [b"36      "]),
    ("UsedChannelString", "UT", 1, [b"XXXX"]),
    ("ICE_Dims", "LO", 1, [b"X_1_1_1_1_1_1_1_1_1_1_1_38"]),
    ("B_value", "IS", 1, [b"1000    "]),
    ("DiffusionGradientDirection", "FD", 3, [b"0.57735027", b"-0.57735027", b"0.57735027"]),
    ("B_matrix", "FD", 6, [b"333.00000000"] * 6),
    ("DiffusionDirectionality", "CS", 1, [b"DIRECTIONAL"]),
    ("NumberOfImagesInMosaic", "US", 1, [b"5       "]),
    ("SliceNormalVector", "FD", 3, [b"0.00000000", b"0.00000000", b"1.00000000"]),
    ("PhaseEncodingDirectionPositive", "IS", 1, [b"1"]),
    ("BandwidthPerPixelPhaseEncode", "FD", 1, [b"27.77800000"]),
    ("MosaicRefAcqTimes", "FD", 0, [b"0.0", b"1450.00000001", b"482.5", b"1932.5", b"967.5", b"1", b"2"]),
    ("SliceMeasurementDuration", "DS", 1, [b"5000.00000000"]),
    ("FlowVenc", "FD", 1, []),
    ("ImageHistory", "LO", 0, [b"ChannelMixing:ND=true", PLANTED]),
]
PROTOCOL = (
    b'<XProtocol> { <ParamString."PatientName"> { "MARCHEMALLE^Odilon" } }\n'
    b"### ASCCONV BEGIN object=MrProtDataImpl@MARCHEMALLE^Odilon ###\n"
    b'tSequenceFileName\t = \t""%SiemensSeq%\\ep2d_diff""\n'
    b'tProtocolName\t = \t""MARCHEMALLE^Odilon""\n'
    b"sPat.lAccelFactPE\t = \t2 # MARCHEMALLE^Odilon\n"
    b"sSliceArray.ucMode = 0x4\r\n"
    b"sSliceArray.asSlice[12].sNormal.dTra\t = \t-0.998\n"
    b"sSliceArray.asSlice[MARCHEMALLE].sNormal.dTra = 1\n"
    b"sSliceArray.asSlice[1956].sNormal.dTra = 1\nsSliceArray.asSlice[0412].sNormal.dTra = 1\n"
    b"alTE[0] = 50000\nalTE[0] = 60000\nalTE[1] = MARCHEMALLE^Odilon\n"
    b"lProtID = 12345678\nlContrasts = 99999999\n"
    b'tReferenceImage0 = ""1.3.12.2.1107.5.2.19.45160""\n'
    b"### ASCCONV END ###\nlContrasts = 3\nMARCHEMALLE^Odilon"
)


def padded(text: bytes, size: int, garbage: bytes) -> bytes:
    """A string of fixed size, and after its NUL what memory left behind."""
    return (text + b"\0" + garbage * size)[:size]


def header(tags: Items, *, modern: bool = True, garbage: bytes = b"\0", tail: bytes = b"") -> bytes:
    """A CSA header as scanners write it; ``garbage`` fills whatever carries nothing."""
    unused = (garbage * 4)[:4]
    raw = bytearray(b"SV10" + unused if modern else b"")
    raw += struct.pack("<2I", len(tags), 77)
    number = {name: len(values) + -len(values) % 6 for name, _, _, values in tags}
    base = 0 if modern else number[tags[0][0]]
    for name, vr, vm, values in tags:
        raw += padded(name.encode(), 64, garbage) + struct.pack("<i", vm) + padded(vr.encode(), 4, garbage)
        raw += unused + struct.pack("<i", number[name]) + unused
        for value in [*values, *[b""] * (number[name] - len(values))]:
            length = len(value) + 1 + len(garbage) if value else 0
            raw += struct.pack("<2i", length + base, length) + unused * 2
            raw += padded(value, length, garbage) + (garbage * 4)[: -length % 4]
    return bytes(raw + tail)


def read(raw: bytes) -> dict[str, list[bytes]]:
    """The values of each tag, without those that are empty: what a reader that trusts its file sees."""
    modern = raw[:4] == b"SV10"
    at, found, base = (8 if modern else 0), {}, 0
    count, _ = struct.unpack_from("<2I", raw, at)
    at += 8
    for index in range(count):
        name, number = raw[at : at + 64].split(b"\0")[0].decode(), struct.unpack_from("<i", raw, at + 76)[0]
        base = base if index or modern else number
        at, values = at + 84, []
        for _ in range(number):
            first, second = struct.unpack_from("<2i", raw, at)
            length = second if modern else first - base
            values.append(raw[at + 16 : at + 16 + length].split(b"\0")[0])
            at += 16 + length + -length % 4
        found[name] = [value for value in values if value]
    assert at == len(raw), "what follows the last tag is nothing"
    return found


def cleaned(raw: bytes) -> bytes:
    clean = clean_csa(raw)
    assert clean is not None
    return clean


# --- what stays


@pytest.mark.parametrize("modern", [True, False])
def test_listed_values_come_through_as_they_were(modern: bool) -> None:
    clean = read(cleaned(header(IMAGE, modern=modern, garbage=PLANTED)))
    listed = {row["name"] for row in TAGS}
    assert clean == {name: [v.strip() for v in values] for name, _, _, values in IMAGE if name in listed}


def test_readers_that_take_three_items_of_any_tag_find_six() -> None:
    """dcm2niix reads three of SliceMeasurementDuration, whose VM is one."""
    raw = cleaned(header([("SliceMeasurementDuration", "DS", 1, [b"5000.0"])]))
    assert struct.unpack_from("<i", raw, 16 + 76) == (6,)
    assert raw.endswith(struct.pack("<4i", 0, 0, 205, 0) * 5)


@pytest.mark.parametrize("modern", [True, False])
def test_a_clean_header_stays_as_it_is(modern: bool) -> None:
    clean = cleaned(header([*IMAGE, ("MrPhoenixProtocol", "UN", 1, [PROTOCOL])], modern=modern))
    assert clean_csa(clean) == clean
    assert (clean[:4] == b"SV10") is modern


def test_of_a_protocol_the_listed_numbers_and_sequences_stay() -> None:
    (text,) = read(cleaned(header([("MrPhoenixProtocol", "UN", 1, [PROTOCOL])])))["MrPhoenixProtocol"]
    assert text.replace(b"\t", b"").decode().splitlines() == [
        "### ASCCONV BEGIN ###",
        'tSequenceFileName = ""%SiemensSeq%\\ep2d_diff""',
        "sPat.lAccelFactPE = 2",
        "sSliceArray.ucMode = 0x4",
        "sSliceArray.asSlice[12].sNormal.dTra = -0.998",
        "alTE[0] = 50000",
        "### ASCCONV END ###",
    ]


@pytest.mark.parametrize("text", [b"MARCHEMALLE", b"### ASCCONV BEGIN ###\nlContrasts = 2\n", b"lContrasts = 2"])
def test_a_protocol_without_its_marks_is_dropped(text: bytes) -> None:
    assert read(cleaned(header([("MrPhoenixProtocol", "UN", 1, [text])]))) == {"MrPhoenixProtocol": []}


def test_a_counter_that_could_be_a_number_of_somebody_is_cut_from_the_dimensions() -> None:
    raw = header([("ICE_Dims", "LO", 1, [b"29_1_1_1_1_1_7_1_1_1_1_1_84512907"])])
    assert read(cleaned(raw)) == {"ICE_Dims": [b"29_1_1_1_1_1_7_1_1_1_1_1_0"]}


# --- what goes


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("planted", [PLANTED, b"19560412", b"M\0ARCHEMALLE", b"sub"])
def test_nothing_of_padding_tails_and_unlisted_tags_survives(planted: bytes, modern: bool) -> None:
    unlisted = [("PatientName", "PN", 1, [planted]), ("UsedPatientWeight", "IS", 1, [b"90"]), ("", "LO", 1, [planted])]
    raw = header([*IMAGE, *unlisted], modern=modern, garbage=planted, tail=planted * 9)
    clean = cleaned(raw)
    assert planted in raw
    assert planted not in clean
    assert clean == cleaned(header(IMAGE, modern=modern)), "what carries nothing changes nothing"


@pytest.mark.parametrize("row", TAGS, ids=lambda row: row["name"])
@pytest.mark.parametrize(
    "value",
    [PLANTED, b"84512907", b"19560412", b"1.84512907 DUPONT", b"ODILON", b"nan", b"inf", b"0x5", b"-", b"1 2"],
)
def test_a_listed_tag_holds_no_text_and_no_number_beyond_its_limits(row: Mapping[str, str], value: bytes) -> None:
    clean = read(cleaned(header([(row["name"], row["vr"], int(row["vm"]), [value])])))
    assert clean == {row["name"]: []}


@pytest.mark.parametrize("row", ASSIGNMENTS, ids=lambda row: row["name"])
@pytest.mark.parametrize("value", [PLANTED, b"84512907", b'""MARCHEMALLE""', b"nan", b"1 MARCHEMALLE", b'""19560412""'])
def test_a_listed_assignment_holds_no_text_and_no_number_beyond_its_limits(
    row: Mapping[str, str], value: bytes
) -> None:
    line = row["name"].replace("[]", "[0]").encode() + b" = " + value
    text = b"### ASCCONV BEGIN ###\n" + line + b"\n### ASCCONV END ###"
    assert read(cleaned(header([("MrPhoenixProtocol", "UN", 1, [text])]))) == {"MrPhoenixProtocol": []}


def test_one_wrong_value_takes_the_others_of_its_tag_along() -> None:
    """Two of three directions would be read as others."""
    raw = header([("DiffusionGradientDirection", "FD", 3, [b"0.1", PLANTED, b"0.3"])])
    assert read(cleaned(raw)) == {"DiffusionGradientDirection": []}


@pytest.mark.parametrize("value", [b"1_000", b"1e9", b"1.5", b"\xd9\xa1", b"1,0", b"+-1", b"000000001"])
def test_what_only_python_or_nobody_reads_as_a_number_of_a_whole_vr_is_dropped(value: bytes) -> None:
    assert read(cleaned(header([("B_value", "IS", 1, [value])]))) == {"B_value": []}


def test_more_values_than_a_tag_has_are_cut_and_a_tag_given_twice_counts_once() -> None:
    raw = header([("B_value", "IS", 1, [b"1000", b"84512", b"907"]), ("B_value", "IS", 1, [b"5"])])
    assert read(cleaned(raw)) == {"B_value": [b"1000"]}


# --- what is no CSA header, or pretends to be one


@pytest.mark.parametrize(
    "raw",
    [b"", b"SV10", b"\0" * 200, PLANTED * 30, b"SV10\4\3\2\1" + b"\xff" * 300, b'<XProtocol> { <Name> "x" }',
     header([("PatientName", "PN", 1, [PLANTED])])],
    ids=["nothing", "magic", "zeros", "text", "ones", "xprotocol", "nothing listed"],
)  # fmt: skip
def test_what_is_no_csa_header_gives_none(raw: bytes) -> None:
    assert clean_csa(raw) is None


def test_cut_at_any_byte_it_gives_none() -> None:
    raw = header(IMAGE)
    assert all(clean_csa(raw[:length]) is None for length in range(len(raw)))


def test_cut_at_any_byte_the_older_form_gives_none_or_whole_values() -> None:
    """Its odd lengths end a tag, and not the header, so a cut in the last tag may leave those before."""
    raw = header(IMAGE, modern=False, garbage=PLANTED)
    whole = read(cleaned(raw))
    for length in range(len(raw)):
        clean = clean_csa(raw[:length])
        assert_sound(clean)
        assert clean is None or all(whole[name][: len(values)] == values for name, values in read(clean).items())


@pytest.mark.parametrize("lie", [-1, -(2**31), 2**31 - 1, 4097, 10**6])
@pytest.mark.parametrize("place", [8, 16 + 76, 100 + 4], ids=["tags", "items", "length"])
def test_counts_and_lengths_that_lie_give_none_at_once(place: int, lie: int) -> None:
    raw = bytearray(header(IMAGE))
    struct.pack_into("<i", raw, place, lie)
    assert clean_csa(bytes(raw)) is None


@pytest.mark.parametrize("modern", [True, False])
def test_any_four_bytes_may_lie_and_nothing_planted_comes_out(modern: bool) -> None:
    raw = header([*IMAGE, ("MrPhoenixProtocol", "UN", 1, [PROTOCOL])], modern=modern, garbage=PLANTED)
    for place in range(8, len(raw) - 4, 4):
        for lie in (0, -1, 77, 2**31 - 1):
            bent = bytearray(raw)
            struct.pack_into("<i", bent, place, lie)
            assert_sound(clean_csa(bytes(bent)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_befalls_the_bytes_only_listed_names_and_forms_come_out(data: st.DataObject) -> None:
    raw = header([*IMAGE, ("MrPhoenixProtocol", "UN", 1, [PROTOCOL])], modern=data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(1, 4))):
        place, lost = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
        raw = raw[:place] + data.draw(st.binary(max_size=40)) + raw[place + lost :]
    assert_sound(clean_csa(raw))


def assert_sound(clean: bytes | None) -> None:
    """None, or a header in which every name is listed and every value is of its form."""
    if clean is None:
        return
    assert b"MARCHEMALLE" not in clean
    assert clean_csa(clean) == clean
    for name, values in read(clean).items():
        rule = _rules("tag")[name]
        assert all(_FORMS[rule.form](rule, value) == value for value in values), name


def test_the_largest_header_of_empty_items_is_read_once() -> None:
    """As many items as may stand in as many tags: work grows with the bytes, and the output with what is listed."""
    tags = [(f"Nothing{n}", "LO", 0, [b""] * 4092) for n in range(40)]
    raw = header([*tags, ("B_value", "IS", 1, [b"1000"])])
    assert read(cleaned(raw)) == {"B_value": [b"1000"]}


def test_a_protocol_that_begins_a_million_times_is_read_once() -> None:
    text = b"### ASCCONV BEGIN ###\n" * 1_000_000 + b"lContrasts = 2\n### ASCCONV END ###"
    (kept,) = read(cleaned(header([("MrPhoenixProtocol", "UN", 1, [text])])))["MrPhoenixProtocol"]
    assert kept.count(b"\n") == 3
    without_end = text.removesuffix(b"### ASCCONV END ###")
    assert read(cleaned(header([("MrPhoenixProtocol", "UN", 1, [without_end])]))) == {"MrPhoenixProtocol": []}


# --- the table


def test_the_table_is_sound() -> None:
    names = [(row["where"], row["name"]) for row in rows("csa")]
    assert len(names) == len(set(names))
    for row in rows("csa"):
        assert row["form"] in _FORMS, row["name"]
        assert row["name"].isascii()
        assert len(row["name"]) < (64 if row["where"] == "tag" else 120)
        assert bool(row["terms"]) == (row["form"] == "code"), row["name"]
        assert row["why"], row["name"]
        if row["form"] == "number":
            assert float(row["least"]) < float(row["most"]) <= 15_000_000, row["name"]
    assert len(TAGS) < 128, "dcm2niix takes more for damage"


def test_of_a_protocol_that_stands_alone_the_listed_assignments_stay() -> None:
    """Scanners since XA keep it without a CSA header."""
    coils = b'sCoilSelectMeas.sCoilStringForConversion = ""HEA;HEP;SP2,3""\nsCoilSelectMeas.aRxCoilSelectData[0]'
    coils += b'.asList[0].sCoilElementID.tCoilID = ""Head_32""\n### ASCCONV END'
    clean = clean_phoenix(PROTOCOL.replace(b"### ASCCONV END", coils))
    assert clean is not None
    assert clean.startswith(b"<XProtocol>\n### ASCCONV BEGIN ###\n")
    assert b"lAccelFactPE" in clean
    assert b'""HEA;HEP;SP2,3""' in clean
    assert b'""Head_32""' in clean
    assert b"MARCHEMALLE" not in clean
    assert clean_phoenix(clean) == clean
    assert clean_phoenix(b"<XProtocol> MARCHEMALLE") is None
