"""Text in pixels, from a folder or a drop to what leaves: masked and looked at again, or held back; and nothing else
touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from collecte import steps
from collecte.findings import rule
from collecte.records import State
from collecte.steps.deidentify import Outcome, deidentify
from tests.fictional import challenge
from tests.formats.dicom.builders import KEYS, slice_of
from tests.formats.dicom.builders import written as saved
from tests.journey.conftest import World
from tests.journey.drops import drop, ends, lay
from tests.residual.pixel_builders import Pixels
from tests.residual.test_pixel_text import flat, noise, speckle, with_pillow

ULTRASOUND, CT = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.2"
TEXT = "MARCHEMALLE Odilon"
AT = (20, 30)


def picture(path: Path, pixels: Pixels, number: int = 1, **attributes: Any) -> Path:
    """An ultrasound image, unless ``attributes`` say otherwise."""
    values = {"SOPClassUID": ULTRASOUND, "Modality": "US", "SOPInstanceUID": f"1.2.3.4.{number}"} | attributes
    image: Dataset = slice_of(**values)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.Rows, image.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        image.NumberOfFrames = len(pixels)
    image.BitsAllocated = image.BitsStored = 8 * pixels.dtype.itemsize
    image.HighBit = image.BitsStored - 1
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    return saved(image, path)


def text(ground: Pixels) -> Pixels:
    return with_pillow(ground, TEXT, AT, 255, 14)[0]


Run = Callable[..., list[Outcome]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Make the folder ``in`` safe, with these rules for text in pixels."""

    def go(out: str = "out", jobs: int = 1, **rules: object) -> list[Outcome]:
        tried = challenge({"dicom": {"text_in_pixels": rules}}, refused_file="holds_itself")
        return deidentify(tmp_path / "in", tmp_path / out, tried, tried.centres[0], KEYS, jobs=jobs)

    return go


def codes(outcome: Outcome) -> set[str]:
    return {finding.code for finding in outcome.findings}


def shown(tmp_path: Path, outcome: Outcome, out: str = "out") -> Pixels:
    return np.asarray(pydicom.dcmread(tmp_path / out / str(outcome.output)).pixel_array)


def test_text_is_masked_and_every_other_pixel_stays(tmp_path: Path, run: Run) -> None:
    before = text(speckle(shape=(100, 248)))
    picture(tmp_path / "in" / "a", before)
    (outcome,) = run(found="mask")
    assert outcome.state is State.ACCEPTED
    assert codes(outcome) == {"RESIDUAL-PIXEL-TEXT-MASKED"}
    assert rule("RESIDUAL-PIXEL-TEXT-MASKED").severity == "info"

    after = shown(tmp_path, outcome)
    changed = np.argwhere(after != before)
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert (after[top : bottom + 1, left : right + 1] == 0).all()
    assert top > 10, "a band around the line, and not the image"
    assert bottom < 70
    assert right < 240
    _, boxes = with_pillow(before, TEXT, AT, 255, 14)
    assert (after[boxes[0].top : boxes[0].bottom, boxes[0].left : boxes[0].right] == 0).all()
    header = pydicom.dcmread(tmp_path / "out" / str(outcome.output))
    assert header.BurnedInAnnotation == "NO"
    assert "113101" in {item.CodeValue for item in header.DeidentificationMethodCodeSequence}


def test_where_the_challenge_says_quarantine_the_file_is_held_back(tmp_path: Path, run: Run) -> None:
    picture(tmp_path / "in" / "a", text(speckle(shape=(80, 200))))
    picture(tmp_path / "in" / "b", speckle(2, (80, 200)), 2)
    written, plain = run(found="quarantine")
    assert (written.state, codes(written), written.output) == (State.QUARANTINED, {"RESIDUAL-PIXEL-TEXT"}, None)
    assert (plain.state, codes(plain)) == (State.ACCEPTED, set())
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 1


def test_a_text_that_stands_in_a_cine_is_masked_in_all_its_frames(tmp_path: Path, run: Run) -> None:
    frames = np.stack([text(speckle(seed, (96, 200))) for seed in range(6)])
    picture(tmp_path / "in" / "a", frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1")
    (outcome,) = run(found="mask")
    assert [(f.code, f.count) for f in outcome.findings] == [("RESIDUAL-PIXEL-TEXT-MASKED", 6)]
    after = shown(tmp_path, outcome)
    assert (after[:, 30:44, 22:150] == 0).all()
    assert (after[:, 70:] == frames[:, 70:]).all()


def test_what_declares_text_and_shows_none_waits_for_a_person(tmp_path: Path, run: Run) -> None:
    picture(tmp_path / "in" / "a", noise(60, 10, shape=(128, 128)), BurnedInAnnotation="YES")
    (outcome,) = run(found="mask")
    assert (outcome.state, codes(outcome)) == (State.QUARANTINED, {"RESIDUAL-PIXEL-TEXT-DECLARED"})


def test_what_declares_text_and_shows_some_is_masked(tmp_path: Path, run: Run) -> None:
    picture(tmp_path / "in" / "a", text(flat(9)).astype(np.uint16), SOPClassUID=CT, BurnedInAnnotation="YES")
    (outcome,) = run(found="mask")
    assert codes(outcome) == {"RESIDUAL-PIXEL-TEXT-MASKED"}
    assert not shown(tmp_path, outcome)[30:44, 22:150].any()


def test_a_devices_own_place_is_masked_unseen(tmp_path: Path, run: Run) -> None:
    layout = {"manufacturer": "acme imaging", "rows": 64, "columns": 96, "boxes": [[0, 0, 96, 10]]}
    picture(tmp_path / "in" / "a", flat(77, (64, 96)), Manufacturer="ACME Imaging")
    (outcome,) = run(found="quarantine", layouts=[layout])
    assert codes(outcome) == {"RESIDUAL-PIXEL-TEXT-MASKED"}
    after = shown(tmp_path, outcome)
    assert not after[:10].any()
    assert (after[10:] == 77).all()


def test_an_image_that_cannot_be_decoded_is_not_sent_on_unseen(tmp_path: Path, run: Run) -> None:
    image = picture(tmp_path / "in" / "a", flat(0, (64, 64)))
    data = pydicom.dcmread(image)
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
    fragment = b"\xff\xd8\xff\xf7\x00\x0b\x08\x00\x40\x00\x40\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"
    data.PixelData = pydicom.encaps.encapsulate([fragment + b"\xff\xd9\x00"])
    data["PixelData"].VR = "OB"
    saved(data, image)
    (outcome,) = run(found="mask")
    assert outcome.state is State.QUARANTINED
    assert codes(outcome) == {"RESIDUAL-PIXEL-UNDECODABLE"}


# --- samples


def series(folder: Path, written: set[int], count: int = 6) -> None:
    """A CT series whose images with these numbers bear text."""
    for number in range(count):
        pixels = text(flat(9, (64, 224))) if number in written else noise(60, 9, number, (64, 224))
        picture(folder / f"i{number}", pixels.astype(np.uint16), number + 1, SOPClassUID=CT, Modality="CT")


def test_text_in_the_first_of_a_series_has_all_of_it_looked_at(tmp_path: Path, run: Run) -> None:
    series(tmp_path / "in", {0, 4})
    masked = [number for number, outcome in enumerate(run(found="mask")) if codes(outcome)]
    assert masked == [0, 4]


def test_without_a_share_only_the_first_of_a_series_is_looked_at(tmp_path: Path, run: Run) -> None:
    series(tmp_path / "in", {3})
    assert [codes(outcome) for outcome in run(found="mask", share=0)] == [set()] * 6
    looked = [dict(outcome.actions).get("looked_at", 0) for outcome in run("all", found="mask", share=0)]
    assert looked == [1, 0, 0, 0, 0, 0]


def test_a_share_of_one_looks_at_each(tmp_path: Path, run: Run) -> None:
    series(tmp_path / "in", {3})
    assert [bool(codes(outcome)) for outcome in run(found="mask", share=1)] == [n == 3 for n in range(6)]


def test_an_image_that_would_be_masked_nearly_whole_is_held_back_where_text_is_rare(tmp_path: Path, run: Run) -> None:
    page = flat(9, (160, 240))
    for line in range(7):
        page = with_pillow(page, "MARCHEMALLE Odilon Eugene Leon", (4, 4 + 22 * line), 255, 15)[0]
    picture(tmp_path / "in" / "ct", page.astype(np.uint16), SOPClassUID=CT, Modality="CT")
    picture(tmp_path / "in" / "us", page, 2)
    ct, us = run(found="mask")
    assert (ct.state, codes(ct)) == (State.QUARANTINED, {"RESIDUAL-PIXEL-TEXT"})
    assert (us.state, codes(us)) == (State.ACCEPTED, {"RESIDUAL-PIXEL-TEXT-MASKED"})


def test_two_processes_choose_and_write_the_same(tmp_path: Path, run: Run) -> None:
    series(tmp_path / "in", {0, 4})
    one, two = run("one", found="mask", share=0.5), run("two", jobs=2, found="mask", share=0.5)
    assert [outcome.as_dict() for outcome in one] == [outcome.as_dict() for outcome in two]
    assert any(dict(outcome.actions).get("masked") for outcome in one)


def test_a_copy_of_a_screen_is_looked_at_wherever_it_stands_in_a_series(tmp_path: Path, run: Run) -> None:
    series(tmp_path / "in", set(), 3)
    pixels = text(flat(9, (64, 224))).astype(np.uint16)
    kind = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    picture(tmp_path / "in" / "i9", pixels, 9, SOPClassUID=CT, Modality="CT", ImageType=kind)
    assert [bool(codes(outcome)) for outcome in run(found="mask")] == [False, False, False, True]


# --- in the journey


def test_a_file_held_back_has_a_small_picture_without_its_text(world: World, tmp_path: Path) -> None:
    path = world.settings.challenges / "demo.yaml"
    path.write_text(path.read_text("utf-8").replace("found: mask", "found: quarantine"), "utf-8")
    written = picture(tmp_path / "a", text(noise(60, 10, shape=(700, 900)))).read_bytes()
    plain = picture(tmp_path / "b", flat(9, (64, 64)), 2, SeriesInstanceUID="1.2.3.4.7").read_bytes()
    lay(drop(world) / "Lot", {"a.dcm": written, "b.dcm": plain})
    site = world.site("arvel")
    steps.run(site)
    assert {path.rpartition("/")[2]: end for path, end in ends(site).items()} == {
        "a.dcm": "quarantined: RESIDUAL-PIXEL-TEXT",
        "b.dcm": "accepted",
    }
    (view,) = world.folder.rglob("quarantine-views/*.png")
    small = cv2.imread(str(view), cv2.IMREAD_GRAYSCALE)
    assert small.shape == (398, 512)
    scale = 512 / 900
    there = small[round(31 * scale) : round(44 * scale), round(22 * scale) : round(150 * scale)]
    assert there.max() == 0
    assert small.mean() > 30
