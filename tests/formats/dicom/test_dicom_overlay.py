"""Overlays in spare bits of the pixels, as editions before 2004 allowed (PS3.5, 8.1.2)."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, RLELossless

from collecte.formats.dicom import _source
from tests.formats.dicom.builders import Maker, slice_of

#: Bits of the pixels that are the image's, in those of slice_of; the four above may be overlays.
_IMAGE, _OVERLAY = 0x0FFF, 0xA000


def _with_overlays(*positions: int | None, allocated: int = 16, **attributes: Any) -> Dataset:
    image = slice_of(**attributes)
    for plane, position in zip(range(0x60000000, 0x60200000, 0x00020000), positions, strict=False):
        image.add_new(plane | 0x10, "US", 8)
        image.add_new(plane | 0x100, "US", allocated)
        if position is not None:
            image.add_new(plane | 0x102, "US", position)
    return image


def _values(count: int = 64) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.arange(count, dtype=np.uint16) * 61 & _IMAGE


def test_bits_of_overlays_are_cleared_and_the_image_stays(make: Maker) -> None:
    image = _with_overlays(15, 13)
    image.PixelData = (_values() | _OVERLAY).tobytes()
    assert np.frombuffer(make(image).dataset.PixelData, np.uint16).tolist() == _values().tolist()


def test_in_big_endian_as_well(make: Maker) -> None:
    image = _with_overlays(15)
    image.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    image.PixelData = (_values() | _OVERLAY).astype(">u2").tobytes()
    assert np.frombuffer(make(image).dataset.PixelData, ">u2").tolist() == _values().tolist()


def test_signed_pixels_keep_their_sign(make: Maker) -> None:
    image = _with_overlays(15, PixelRepresentation=1)
    signed = np.arange(-32, 32, dtype=np.int16) * 64
    image.PixelData = ((signed.view(np.uint16) & _IMAGE) | _OVERLAY).tobytes()
    assert np.frombuffer(make(image).dataset.PixelData, np.int16).tolist() == signed.tolist()


def test_overlays_below_an_image_in_the_upper_bits(make: Maker) -> None:
    image = _with_overlays(0, HighBit=15)
    image.PixelData = (_values() << 4 | 0x9).tobytes()
    assert np.frombuffer(make(image).dataset.PixelData, np.uint16).tolist() == (_values() << 4).tolist()


def test_pixels_that_are_cut_between_chunks_come_out_whole(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "CHUNK_BYTES", 4097)
    image = _with_overlays(15, Rows=200, Columns=300)
    image.PixelData = (_values(60_000) | _OVERLAY).tobytes()
    assert np.frombuffer(make(image).dataset.PixelData, np.uint16).tolist() == _values(60_000).tolist()


def test_an_overlay_that_says_it_is_apart_changes_no_pixel(make: Maker) -> None:
    image = _with_overlays(0, allocated=1)
    image.PixelData = (_values() | _OVERLAY).tobytes()
    assert make(image).dataset.PixelData == image.PixelData


@pytest.mark.parametrize("position", [None, 11, 16])
def test_an_overlay_that_cannot_be_told_from_the_image_is_refused(make: Maker, position: int | None) -> None:
    assert [f.code for f in make(_with_overlays(15, position)).harvest.findings] == ["DICOM-OVERLAY-IN-PIXELS"]


def test_so_is_one_in_compressed_pixels(make: Maker) -> None:
    image = _with_overlays(15)
    image.compress(UID(RLELossless), generate_instance_uid=False)
    assert [f.code for f in make(image).harvest.findings] == ["DICOM-OVERLAY-IN-PIXELS"]
