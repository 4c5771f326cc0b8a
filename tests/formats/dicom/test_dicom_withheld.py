"""A text of known words in which the scan finds an identifier of the delivery is left out, and the copy is scanned
again; wherever else it finds one, the file is refused."""

from pathlib import Path

import pydicom
import pytest

from collecte.formats import dicom
from collecte.records import Identifier, IdentifierKind, Safe
from collecte.residual import compile_scanner
from collecte.steps.make_safe import make_file_safe
from tests.formats.dicom.builders import context, element, slice_of, spliced, written

SCANNER = compile_scanner([Identifier(IdentifierKind.ID, "dicom2nifti", None)])


def _made(source: Path, target: Path, *attributes: dict[str, str]) -> Safe:
    rules = context(attributes=list(attributes), options=["clean_descriptors"])
    name = dicom.harvest(source, "", rules).name
    return make_file_safe(source, target, "dicom", name, (), rules, SCANNER, sampled=False)


def test_the_text_goes_and_the_file_stays(tmp_path: Path) -> None:
    texts = {"ManufacturerModelName": "dicom2nifti", "SeriesDescription": "T1 dicom2nifti"}
    source = written(slice_of(**texts, ConvolutionKernel="B30f"), tmp_path / "in")
    safe = _made(source, tmp_path / "out")
    (finding,) = safe.findings
    assert (finding.code, finding.place, finding.count) == (
        "DICOM-TEXT-WITHHELD",
        "SeriesDescription, ManufacturerModelName",
        2,
    )
    assert not finding.refuses
    for language in ("fr", "en"):
        assert "SeriesDescription" in finding.text(language)  # type: ignore[arg-type]
    out = pydicom.dcmread(tmp_path / "out")
    assert not out.get("ManufacturerModelName")
    assert not out.get("SeriesDescription")
    assert out.ConvolutionKernel == "B30f"
    assert safe.sha256
    assert safe.sha256_in


@pytest.mark.parametrize("place", ["kept by the challenge", "private", "pixels"])
def test_what_is_no_such_text_is_refused(tmp_path: Path, place: str) -> None:
    texts = {"SeriesDescription": "dicom2nifti", "ManufacturerModelName": "dicom2nifti"}
    rules = [{"attribute": "SeriesDescription", "action": "keep"}]
    source = written(slice_of(**texts), tmp_path / "in")
    if place == "private":
        extra = [element(0x00190010, "LO", b"ACME"), element(0x00191001, "LO", b"dicom2nifti")]
        source = spliced(tmp_path / "in", extra)
        rules = [{"attribute": "(0019,xx01)", "creator": "ACME", "action": "keep"}]
    if place == "pixels":
        image = slice_of(**texts)
        image.PixelData = b" dicom2nifti ".ljust(len(image.PixelData), b"\0")
        source, rules = written(image, tmp_path / "in"), []
    safe = _made(source, tmp_path / "out", *rules)
    assert {finding.code for finding in safe.findings} == {"RESIDUAL-ID"}
    assert not safe.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
