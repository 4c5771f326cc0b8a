"""Where devices write: by the table that is shipped, and by the challenge's own."""

from pathlib import Path

import pytest

from collecte.challenge.kinds import DeviceLayout
from collecte.records import Box
from collecte.residual.pixel_header import Header, header_of, is_written
from collecte.residual.pixel_layouts import layout_boxes
from tests.residual.pixel_builders import dicom_image
from tests.residual.test_pixel_text import flat

SIEMENS = Header("siemens", "s2000", "US", rows=768, columns=1024)


def test_a_known_device_writes_where_the_table_says() -> None:
    assert layout_boxes(SIEMENS) == (Box(0, 0, 1024, 60),)


@pytest.mark.parametrize(
    "other",
    [
        Header("siemens", "s2000", "US", rows=600, columns=1024),
        Header("siemens", "s2000", "MR", rows=768, columns=1024),
        Header("acme", "s2000", "US", rows=768, columns=1024),
        Header(),
    ],
)
def test_another_device_or_size_is_none_of_them(other: Header) -> None:
    assert layout_boxes(other) == ()


def test_an_image_type_may_be_a_part_of_it() -> None:
    dose = Header("siemens", "somatom", "CT", frozenset({"SECONDARY", "DERIVED"}), 860, 1132)
    assert layout_boxes(dose) == (Box(0, 0, 1132, 60),)
    assert layout_boxes(Header("siemens", "somatom", "CT", frozenset({"PRIMARY"}), 860, 1132)) == ()


def test_boxes_end_where_the_image_ends() -> None:
    assert layout_boxes(Header("ge healthcare", "logiqe9", "US", rows=50, columns=400)) == (Box(0, 0, 400, 50),)


def test_the_challenge_adds_its_own() -> None:
    own = DeviceLayout(manufacturer="Acme", model=None, rows=100, columns=200, boxes=((10, 20, 30, 40),))
    acme = Header("acme", "anything", "CT", rows=100, columns=200)
    assert layout_boxes(acme, [own]) == (Box(10, 20, 30, 40),)
    assert layout_boxes(Header("acme corp", "anything", "CT", rows=100, columns=200), [own]) == ()


def test_the_header_is_read_from_a_file(tmp_path: Path) -> None:
    path = dicom_image(tmp_path / "i.dcm", flat(0), Manufacturer="SIEMENS ", ManufacturerModelName="S2000")
    header = header_of(path)
    assert (header.manufacturer, header.model, header.modality) == ("siemens", "s2000", "CT")
    assert (header.rows, header.columns, header.tiled) == (384, 448, False)


@pytest.mark.parametrize(("value", "written"), [("AXIAL", False), ("SCREEN SAVE", True), ("LABEL", True)])
def test_a_copy_of_a_screen_is_known_by_its_image_type(tmp_path: Path, value: str, written: bool) -> None:
    path = dicom_image(tmp_path / "i.dcm", flat(0), ImageType=["DERIVED", "SECONDARY", value])
    assert is_written(path) is written


def test_a_header_that_is_none_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "i.dcm"
    path.write_bytes(b"\xff" * 300)
    assert header_of(path) == Header()
