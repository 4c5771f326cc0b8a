"""Is it DICOM? By its first bytes, never by its name."""

import pytest

from collecte.formats import HEAD_BYTES, dicom
from tests.formats.dicom.builders import bundled, bundled_files, slice_of, written


def head_of(path: object) -> bytes:
    return path.read_bytes()[:HEAD_BYTES]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", [p for p in bundled_files() if p.name != "no_meta.dcm"], ids=lambda path: path.name)
def test_every_file_of_pydicoms_is_recognised_under_any_name(path: object) -> None:
    assert dicom.recognise(head_of(path), ".jpg")


@pytest.mark.parametrize("name", ["ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta_group_length.dcm"])
def test_files_that_lost_preamble_or_meta_length_are_recognised(name: str) -> None:
    assert dicom.recognise(head_of(bundled(name)), "")


def test_a_dicomdir_is_dicom() -> None:
    assert dicom.recognise(head_of(bundled("DICOMDIR")), "")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"DIC",
        b"\x08\x00",
        bytes(4096),
        b"\xff" * 4096,
        b"patient_id;age\n1;20\n",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(60),
        b"II*\0\x08\0\0\0" + bytes(200),
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200),
        b"0       " + b" " * 200,
        b"\x08\x00\x05\x00CS\x0a\x00text and no second element",
        b"\x08\x00\x08\x00" + bytes(100),
    ],
)
def test_other_files_are_not_dicom(head: bytes) -> None:
    assert not dicom.recognise(head, ".dcm")


def test_a_head_shorter_than_the_prefix_never_fails(tmp_path: object) -> None:
    head = head_of(written(slice_of(), tmp_path / "in"))  # type: ignore[operator]
    assert [dicom.recognise(head[:size], "") for size in range(132)] == [False] * 132
