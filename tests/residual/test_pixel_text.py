"""Text burned into images, looked for by the real reader in pictures drawn here: found wherever a person would read it,
and none where there is none."""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from collecte.frames import Undecodable
from collecte.records import Box
from collecte.residual import pixel_ocr
from collecte.residual.pixel_text import look_at_pixels, merged
from tests.residual.pixel_builders import Pixels, dicom_image

NAMES = ("MARCHEMALLE Odilon", "12/04/1956", "IPP 8451290", "CHU ARVEL", "Dr LEFEVRE", "ID:774125", "QUEFFELEC")
Drawn = tuple[Pixels, list[Box]]


def with_pillow(ground: Pixels, text: str, at: tuple[int, int], level: int, size: int = 12) -> Drawn:
    picture = Image.fromarray(ground)
    font = ImageFont.load_default(size)
    pen = ImageDraw.Draw(picture)
    pen.text(at, text, fill=(level,) * 3 if ground.ndim == 3 else level, font=font)
    box = Box(*(int(side) for side in pen.textbbox(at, text, font=font)))
    return np.asarray(picture).copy(), [box]


def with_opencv(ground: Pixels, text: str, at: tuple[int, int], level: int, size: int = 12) -> Drawn:
    scale = size / 24
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    picture = ground.copy()
    corner = (at[0], at[1] + height)
    cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, level, 1, cv2.LINE_AA)
    return picture, [Box(at[0], at[1], at[0] + width, at[1] + height)]


def lines(ground: Pixels, level: int, size: int = 12, draw: Callable[..., Drawn] = with_pillow) -> Drawn:
    """Seven strings below one another."""
    boxes = []
    for number, text in enumerate(NAMES):
        at = (10 + 23 * number, 8 + number * (ground.shape[0] - 16) // len(NAMES))
        ground, drawn = draw(ground, text, at, level, size)
        boxes += drawn
    return ground, boxes


#: Rows and columns of one line of text.
BAND = (80, 176)


def flat(level: int, shape: tuple[int, ...] = (384, 448)) -> Pixels:
    return np.full(shape, level, np.uint8)


def speckle(seed: int = 1, shape: tuple[int, ...] = (384, 448)) -> Pixels:
    """What ultrasound looks like: the noise is as bright as the tissue."""
    return np.random.default_rng(seed).gamma(1, 30, shape).clip(0, 255).astype(np.uint8)


def noise(level: int, spread: float, seed: int = 1, shape: tuple[int, ...] = (384, 448)) -> Pixels:
    return np.random.default_rng(seed).normal(level, spread, shape).clip(0, 255).astype(np.uint8)


def uncovered(drawn: Sequence[Box], found: Sequence[Box], shape: tuple[int, ...]) -> list[Box]:
    """The boxes of text of which something would stay."""
    masked = np.zeros(shape[:2], bool)
    for box in found:
        masked[box.top : box.bottom, box.left : box.right] = True
    return [box for box in drawn if not masked[box.top : box.bottom, box.left : box.right].all()]


def assert_found(path: Path, drawn: Sequence[Box], shape: tuple[int, ...], frames: Sequence[int] = (0,)) -> None:
    found = look_at_pixels(path)
    assert set(found) == set(frames)
    for number in frames:
        assert uncovered(drawn, found[number], shape) == []


@pytest.mark.parametrize(
    ("ground", "level"),
    [
        pytest.param(flat(0), 255, id="bright on black"),
        pytest.param(flat(240), 0, id="black on white"),
        pytest.param(flat(120), 124, id="four grey levels lighter"),
        pytest.param(flat(120), 116, id="four grey levels darker"),
        pytest.param(noise(120, 6), 170, id="over noise"),
        pytest.param(speckle(), 255, id="over speckle"),
        pytest.param(np.tile(np.linspace(0, 255, 448), (384, 1)).astype(np.uint8), 255, id="over a gradient"),
    ],
)
def test_each_of_seven_strings_is_covered(tmp_path: Path, ground: Pixels, level: int) -> None:
    pixels, drawn = lines(ground, level)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


@pytest.mark.parametrize("size", [10, 24, 40])
def test_small_and_large_letters_of_another_font(tmp_path: Path, size: int) -> None:
    pixels, drawn = lines(speckle(), 255, size, with_opencv)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


@pytest.mark.parametrize("turns", [1, 3])
def test_text_that_runs_upwards_or_downwards(tmp_path: Path, turns: int) -> None:
    pixels, drawn = lines(flat(10, (384, 384)), 255)
    turned = np.ascontiguousarray(np.rot90(pixels, turns))
    side = 384
    boxes = [
        Box(b.top, side - b.right, b.bottom, side - b.left)
        if turns == 1
        else Box(side - b.bottom, b.left, side - b.top, b.right)
        for b in drawn
    ]
    assert_found(dicom_image(tmp_path / "i.dcm", turned), boxes, turned.shape)


def test_text_in_colours_of_one_brightness(tmp_path: Path) -> None:
    """Red on the green that is as bright: there is nothing to see in grey."""
    ground = np.zeros((256, 320, 3), np.uint8)
    ground[:] = (0, 130, 0)
    picture = Image.fromarray(ground)
    ImageDraw.Draw(picture).text((20, 40), NAMES[0], fill=(255, 0, 0), font=ImageFont.load_default(14))
    box = Box(*(int(s) for s in ImageDraw.Draw(picture).textbbox((20, 40), NAMES[0], font=ImageFont.load_default(14))))
    assert_found(dicom_image(tmp_path / "i.dcm", np.asarray(picture)), [box], ground.shape)


def test_text_in_ybr(tmp_path: Path) -> None:
    pixels, drawn = with_pillow(flat(0, (256, 320, 3)), NAMES[0], (20, 40), 255)
    pixels[..., 1:] = 128
    assert_found(dicom_image(tmp_path / "i.dcm", pixels, photometric="YBR_FULL"), drawn, pixels.shape)


def test_text_that_only_the_palette_shows(tmp_path: Path) -> None:
    """Index 90 is as black as the others but one; index 91 is white."""
    pixels, drawn = with_pillow(noise(60, 9), NAMES[0], (20, 40), 255)
    pixels = np.where(pixels > 200, 91, np.minimum(pixels, 90)).astype(np.uint8)
    colours = [0] * 256
    colours[91] = 255
    path = dicom_image(tmp_path / "i.dcm", pixels, photometric="PALETTE COLOR", palette=colours)
    assert_found(path, drawn, pixels.shape)


def test_text_of_16_bits_beside_tissue_of_few_levels(tmp_path: Path) -> None:
    tissue = np.random.default_rng(3).normal(1000, 30, (384, 448))
    mark, drawn = lines(flat(0), 255)
    pixels = np.where(mark > 100, 1150, tissue).astype(np.uint16)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


def test_text_in_a_small_image(tmp_path: Path) -> None:
    pixels, drawn = with_pillow(noise(60, 10, shape=(96, 96)), "LEFEVRE", (8, 30), 255, 10)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


def test_a_larger_look_paints_over_what_is_known(tmp_path: Path) -> None:
    pixels, drawn = with_pillow(noise(60, 10, shape=BAND), NAMES[0], (20, 30), 255)
    path = dicom_image(tmp_path / "i.dcm", pixels)
    assert uncovered(drawn, look_at_pixels(path, larger=True)[0], BAND) == []
    assert look_at_pixels(path, larger=True, known=look_at_pixels(path)) == {}


def test_text_in_one_corner_of_a_flat_image_is_found_where_it_stands(tmp_path: Path) -> None:
    pixels, drawn = with_pillow(flat(7, (900, 1300)), NAMES[0], (1100, 870), 255)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


def test_text_across_the_tiles_of_a_large_image(tmp_path: Path) -> None:
    shape = (700, 1400)
    ground = flat(60, shape)
    ground[:90] = noise(60, 10, shape=(90, 1400))
    pixels, drawn = with_pillow(ground, "MARCHEMALLE Odilon 12/04/1956", (590, 40), 255, 18)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, pixels.shape)


def test_text_in_an_image_that_is_looked_at_much_smaller(tmp_path: Path) -> None:
    """Flat but for its middle, so that one tile is looked at. What is known is painted over in its own place."""
    ground = flat(60, (5301, 5203))
    ground[2600:2900, 2000:3600] = noise(60, 10, shape=(300, 1600))
    pixels, drawn = with_pillow(ground, NAMES[0], (2400, 2700), 255, 70)
    path = dicom_image(tmp_path / "i.dcm", pixels)
    assert_found(path, drawn, pixels.shape)
    assert look_at_pixels(path, known=look_at_pixels(path)) == {}


# --- frames


def test_a_text_that_stands_through_a_cine_is_found_in_every_frame(tmp_path: Path) -> None:
    pixels, drawn = zip(*(with_pillow(speckle(n, BAND), NAMES[0], (20, 30), 200, 11) for n in range(8)), strict=True)
    path = dicom_image(tmp_path / "i.dcm", np.stack(pixels))
    assert_found(path, drawn[0], BAND, range(8))


def test_a_text_that_lights_up_in_one_frame_is_masked_in_its_group(tmp_path: Path) -> None:
    pixels = np.stack([noise(30, 4, n, BAND) for n in range(8)])
    pixels[6], drawn = with_pillow(pixels[6], NAMES[0], (20, 30), 255)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), drawn, BAND, range(8))


def test_of_equal_frames_one_is_looked_at_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    detect = pixel_ocr.detect

    def counting(shown: Pixels) -> list[pixel_ocr.Quad]:
        looked.append(shown.shape)
        return detect(shown)

    monkeypatch.setattr(pixel_ocr, "detect", counting)
    pixels, drawn = with_pillow(noise(30, 4, shape=BAND), NAMES[0], (20, 30), 255)
    assert_found(dicom_image(tmp_path / "i.dcm", np.stack([pixels] * 150)), drawn, BAND, range(150))
    assert len(looked) == 2, "for text lighter and darker than what is around it"


def test_only_the_frames_asked_for_are_looked_at(tmp_path: Path) -> None:
    pixels = np.stack([flat(0, BAND)] * 3)
    pixels[1], drawn = with_pillow(pixels[1], NAMES[0], (20, 30), 255)
    path = dicom_image(tmp_path / "i.dcm", pixels)
    assert look_at_pixels(path, (0, 2)) == {}
    assert uncovered(drawn, look_at_pixels(path, (1,))[1], BAND) == []


@pytest.mark.parametrize(("kind", "found"), [("VOLUME", False), ("LABEL", True)])
def test_of_a_slide_the_label_is_read_tile_by_tile(tmp_path: Path, kind: str, found: bool) -> None:
    """Of the tissue's tiles the first, the middle and the last."""
    pixels = np.stack([flat(230, (128, 192))] * 9)
    pixels[2], _ = with_pillow(pixels[2], NAMES[0], (10, 60), 0)
    path = dicom_image(
        tmp_path / "i.dcm", pixels, ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"], TotalPixelMatrixColumns=576
    )
    assert (2 in look_at_pixels(path)) is found


# --- none


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(flat(0), id="black"),
        pytest.param(speckle(7), id="speckle"),
        pytest.param(noise(120, 20), id="noise"),
        pytest.param(np.tile(np.linspace(0, 4095, 448), (384, 1)).astype(np.uint16), id="gradient"),
        pytest.param((np.indices((384, 448)).sum(axis=0) // 24 % 2 * 200).astype(np.uint8), id="chequers"),
    ],
)
def test_where_no_text_is_none_is_found(tmp_path: Path, pixels: Pixels) -> None:
    assert look_at_pixels(dicom_image(tmp_path / "i.dcm", pixels)) == {}


def test_marks_of_the_side_and_scales_stay(tmp_path: Path) -> None:
    pixels = noise(40, 8, shape=(256, 256))
    for text, at in (("R", (20, 10)), ("L", (220, 10)), ("cm", (20, 120)), ("10", (220, 120)), ("OOO", (100, 210))):
        pixels, _ = with_pillow(pixels, text, at, 255, 20)
    assert look_at_pixels(dicom_image(tmp_path / "i.dcm", pixels)) == {}


def test_what_stands_beside_a_text_goes_with_it(tmp_path: Path) -> None:
    pixels, drawn = with_pillow(flat(0, (256, 320)), "QUEFFELEC", (20, 60), 255, 16)
    pixels, more = with_pillow(pixels, "Li", (drawn[0].right + 14, 60), 255, 16)
    assert_found(dicom_image(tmp_path / "i.dcm", pixels), [*drawn, *more], pixels.shape)


# --- the machinery


def test_a_frame_too_small_for_text_is_not_decoded(tmp_path: Path) -> None:
    path = dicom_image(tmp_path / "i.dcm", flat(0, (31, 400)))
    path.write_bytes(path.read_bytes()[:-1000])  # its pixels are cut short
    assert look_at_pixels(path) == {}


def test_a_frame_that_cannot_be_decoded_says_so(tmp_path: Path) -> None:
    path = dicom_image(tmp_path / "i.dcm", flat(0, (64, 64)))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(Undecodable):
        look_at_pixels(path)


def test_the_same_image_gives_the_same_boxes(tmp_path: Path) -> None:
    path = dicom_image(tmp_path / "i.dcm", with_pillow(speckle(shape=BAND), NAMES[0], (20, 30), 255)[0])
    found = look_at_pixels(path)
    assert found
    assert look_at_pixels(path) == found


def test_boxes_that_share_most_are_one() -> None:
    assert merged([Box(0, 0, 10, 10), Box(1, 1, 11, 10), Box(40, 40, 50, 50)]) == (
        Box(0, 0, 11, 10),
        Box(40, 40, 50, 50),
    )
    assert merged([Box(0, 0, 10, 10), Box(8, 0, 18, 10)]) == (Box(0, 0, 10, 10), Box(8, 0, 18, 10))


def test_nothing_that_is_read_is_said_and_no_socket_is_opened(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    pixels, _ = with_pillow(flat(0, BAND), NAMES[0], (20, 30), 255)
    with caplog.at_level(logging.DEBUG):
        assert look_at_pixels(dicom_image(tmp_path / "i.dcm", pixels))
        assert look_at_pixels(dicom_image(tmp_path / "j.dcm", flat(0))) == {}
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_process_that_never_looks_does_not_load_the_reader() -> None:
    heavy = ("rapidocr", "onnxruntime", "cv2", "imagecodecs")
    code = f"import sys, collecte.steps.deidentify, collecte.residual; print([m for m in {heavy} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "sure", "told"),
    [
        ("DUPONT", 0.7, True),
        ("DUPONT", 0.5, False),
        ("R 5", 0.99, False),  # a laterality mark beside a tick
        ("日0日0", 0.99, False),  # slices of a mosaic, side by side
        ("06日0日0", 0.64, False),
        ("08 06 98", 0.97, True),
    ],
)
def test_what_is_read_counts_as_text_when_it_is_long_sure_and_no_row_of_round_shapes(
    text: str, sure: float, told: bool
) -> None:
    assert pixel_ocr.is_text(text, sure) is told


def test_letters_of_a_size_that_no_scanner_writes_must_be_read_surely() -> None:
    assert pixel_ocr.is_text("YUUGO", 0.72)
    assert not pixel_ocr.is_text("YUUGO", 0.72, pixel_ocr.SURER)
