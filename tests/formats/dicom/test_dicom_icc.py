"""ICC profiles give the same colours before and after, and hold nothing that was written into them."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pydicom
import pytest
from PIL import ImageCms
from pydicom.data import get_testdata_file

from collecte.formats.dicom._icc import written_anew
from tests.formats.dicom.builders import Maker, element, slice_of, spliced
from tests.formats.dicom.utility import colours

NAME = "Quornzyx"


def _tag(value: bytes, name: bytes) -> bytes:
    for number in range(int.from_bytes(value[128:132], "big")):
        sig, offset, size = struct.unpack_from(">4sLL", value, 132 + 12 * number)
        if sig == name:
            return value[offset : offset + size]
    raise KeyError(name)


def _profile(tags: dict[bytes, bytes], *, version: int = 2, kind: bytes = b"mntr") -> bytes:
    """A profile with a name in every field and every gap that can hold one."""
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sLL", name, start + len(body), len(value))
        body += value + NAME.encode() + bytes(-(len(value) + len(NAME)) % 4)
    header = struct.pack(
        ">L4sB3x4s4s4s6H4s", start + len(body), b"Quor", version, kind, b"RGB ", b"XYZ ", *[2026] * 6, b"acsp"
    )
    header += (
        b"nzyxQuornzyxQuornzyxQuornzyx"
        + bytes.fromhex("0000f6d6000100000000d32d")
        + b"QuornzyxQuornzyxQuornzyxQuornzyxQuornzyxQuornzyx"
    )
    return header + struct.pack(">L", len(tags)) + table + body + NAME.encode()


def _srgb() -> dict[bytes, bytes]:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    names = (b"wtpt", b"chad", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"chrm")
    private = {b"mmod": b"mmod" + bytes(4) + NAME.encode(), b"dmnd": b"desc" + bytes(4) + NAME.encode()}
    text = {b"desc": b"desc" + bytes(4) + NAME.encode(), b"cprt": b"text" + bytes(4) + NAME.encode()}
    return {**text, **{name: _tag(made, name) for name in names}, **private}


def _curves() -> dict[bytes, bytes]:
    """As version 2 has them: tables of 1,024 numbers."""
    ramp = (np.linspace(0, 1, 1024) ** 2.2 * 65535).astype(">u2").tobytes()
    curve = b"curv" + bytes(4) + struct.pack(">L", 1024) + ramp
    return {**_srgb(), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}


def _embedded() -> Iterator[bytes]:
    """Those of pydicom's own files."""
    for name in ("examples_ybr_color.dcm", "examples_rgb_color.dcm"):
        path = get_testdata_file(name, download=False)
        dataset = pydicom.dcmread(path) if path else None
        if dataset is not None and "ICCProfile" in dataset:
            yield dataset.ICCProfile


def _number(profile: bytes) -> str:
    """Of bytes, in the name of a test."""
    return f"{len(profile)} bytes"


@pytest.mark.parametrize("profile", [_profile(_srgb(), version=4), _profile(_curves()), *_embedded()], ids=_number)
def test_the_colours_are_the_same_and_the_words_are_gone(profile: bytes) -> None:
    made = written_anew(profile)
    assert made is not None
    assert int.from_bytes(made[:4], "big") == len(made)
    assert (colours(made) == colours(profile)).all()
    assert b"uornzy" not in made
    assert b"Quor" not in made
    assert written_anew(made) == made
    told = ImageCms.ImageCmsProfile(io.BytesIO(made))
    assert ImageCms.getProfileDescription(told).strip() == "Colours"
    assert ImageCms.getProfileCopyright(told).strip() == "Not told"


@pytest.mark.parametrize("wide", [1, 2])
def test_what_stands_behind_a_table_of_colours_is_cut(wide: int) -> None:
    head = bytes((3, 3, 2, 0)) + bytes(36) + (struct.pack(">2H", 2, 2) if wide == 2 else b"")
    numbers = bytes(wide * (3 * 2 + 8 * 3 + 3 * 2)) if wide == 2 else bytes(3 * 256 + 8 * 3 + 3 * 256)
    table = (b"mft2" if wide == 2 else b"mft1") + bytes(4) + head + numbers
    made = written_anew(_profile({b"A2B0": table + NAME.encode()}))
    assert made is not None
    assert _tag(made, b"A2B0") == table
    assert written_anew(_profile({b"A2B0": table[:-1]})) is None or b"uornzy" not in (made or b"")


def _staged(kind: bytes, gap: bytes) -> bytes:
    """Curves, a matrix and a table from three channels to three, with something between them."""
    curve = b"para" + bytes(4) + struct.pack(">2Hl", 0, 0, 1 << 16)
    curves, matrix = curve * 3, struct.pack(">12l", *[1 << 16, 0, 0, 0] * 3)
    table = bytes((2, 2, 2)) + bytes(13) + bytes((2, 0, 0, 0)) + struct.pack(">24H", *range(24))
    offsets, body = [], gap
    for stage in (curves, matrix, curves, table, curves):
        offsets.append(32 + len(body))
        body += stage + bytes(-len(stage) % 4) + gap
    return kind + bytes(4) + bytes((3, 3)) + (gap[:2] or bytes(2)) + struct.pack(">5L", *offsets) + body


@pytest.mark.parametrize("kind", [b"mAB ", b"mBA "])
def test_of_stages_what_stands_between_them_goes(kind: bytes) -> None:
    made = written_anew(_profile({b"A2B0": _staged(kind, NAME.encode())}, version=4))
    assert made is not None
    assert _tag(made, b"A2B0") == _staged(kind, b"")
    assert written_anew(_profile({b"A2B0": kind + bytes(4) + b"\3\3" + NAME.encode() * 8}, version=4)) is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        NAME.encode() * 40,
        _profile(_srgb())[:300],
        _profile(_srgb(), version=9),
        _profile(_srgb(), kind=b"Quor"),
        _profile({b"desc": b"desc"}),
        _profile({b"rXYZ": NAME.encode() * 3}),
        _profile({b"rXYZ": b"XYZ " + bytes(4) + b"Quornzyx1234"}),
        _profile({b"chad": b"sf32" + bytes(4) + NAME.encode() * 5}),
        _profile({b"rTRC": b"curv" + bytes(4) + struct.pack(">L", 8) + NAME.encode() * 2}),
        _profile({b"rTRC": b"para" + bytes(4) + struct.pack(">2H", 3, 0) + NAME.encode() * 3}),
        _profile({b"rXYZ": b"XYZ " + bytes(3)}),
        _profile({b"rTRC": b"curv" + bytes(4) + b"\xff" * 8}),
        _profile({b"rTRC": b"para" + bytes(4) + b"\xff" * 20}),
        _profile(_srgb())[:128] + b"\xff" * 4 + bytes(400),
    ],
    ids=_number,
)
def test_what_is_no_profile_does_not_stay(broken: bytes) -> None:
    assert written_anew(broken) is None


def test_the_profile_of_an_image_is_written_anew(tmp_path: Path, make: Maker) -> None:
    image = slice_of(ICCProfile=_profile(_srgb(), version=4))
    assert NAME.encode() not in make(image).bytes
    photograph = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4", "Modality": "XC"}
    made = make(slice_of(**photograph, ICCProfile=_profile(_srgb(), version=4)))
    assert made.dataset.ICCProfile.rstrip(b"\0") == (written_anew(_profile(_srgb(), version=4)) or b"").rstrip(b"\0")
    assert NAME.encode() not in made.bytes
    source = spliced(tmp_path / "in", [element(0x00282000, "OB", NAME.encode() * 20)])
    assert NAME.encode() not in make(source).bytes


def test_whatever_is_changed_in_a_profile_no_name_stays() -> None:
    rng = Random(20260101)
    pool = [_profile(_srgb(), version=4), _profile(_curves())]
    stayed = 0
    for _ in range(4000):
        profile = bytearray(rng.choice(pool))
        for _ in range(rng.randrange(1, 6)):
            profile[rng.choice((rng.randrange(len(profile)), rng.randrange(128, 300)))] = rng.randrange(256)
        made = written_anew(bytes(profile))
        stayed += made is not None
        assert b"uornzy" not in (made or b"")
    assert stayed > 100
