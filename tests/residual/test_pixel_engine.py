"""What a network computes with is put back as it was; and it computes what rapidocr does."""

import logging
from pathlib import Path

import numpy as np
import rapidocr

from collecte.residual.pixel_engine import engine, subnormals_as_zero
from tests.residual.test_pixel_text import NAMES, flat, noise, with_pillow

TINY = np.full(8, 1e-30, np.float32)


def test_small_numbers_are_zero_within_and_not_after() -> None:
    least = np.float32(1e-10)
    before = TINY * least
    with subnormals_as_zero():
        within = TINY * least
    assert (TINY * least == before).all()
    assert (before > 0).all()
    assert (within == 0).all() or (within == before).all(), "the second on processors of another kind"


def test_boxes_and_letters_are_those_of_rapidocr() -> None:
    logging.getLogger("RapidOCR").disabled = True
    models = Path(rapidocr.__file__).parent / "models"
    theirs = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Global.text_score": 0.0,
            "Det.thresh": 0.2,
            "Det.box_thresh": 0.35,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1 << 14,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
        }
    )
    ground = noise(80, 12, shape=(120, 250))
    for line, text in enumerate(NAMES[:3]):
        ground, _ = with_pillow(ground, text, (12 + 30 * line, 10 + 36 * line), 255, 16)
    picture = np.repeat(ground[:, :, np.newaxis], 3, axis=2)
    boxes = theirs(picture, use_det=True, use_cls=False, use_rec=False).boxes
    assert len(boxes) == 3
    mine = sorted(quad.tolist() for quad in engine().quads(picture))
    assert mine == sorted(np.asarray(box, np.float32).tolist() for box in boxes)

    for wide in (picture[8:40, 10:180], picture[44:76, 40:110]):
        read = theirs(wide, use_det=False, use_cls=False, use_rec=True)
        text, sure = engine().text(wide)
        assert text == read.txts[0]
        assert abs(sure - read.scores[0]) < 1e-3


def test_where_nothing_stands_no_box_is() -> None:
    assert engine().quads(np.repeat(flat(0, (64, 96, 1)), 3, axis=2)) == []
