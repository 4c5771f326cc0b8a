"""Reading text in a picture: rapidocr (Apache-2.0; PP-OCRv6 on onnxruntime), its models from its own wheel.

Heavy (about 400 MB with the models at work), so imported and opened once per process, when the first picture comes. It
never downloads: it is given its models by path. It has one thread, so that as many processes run as there are cores,
and its logger, which has a handler of its own, says nothing. What is read here is IDENTIFYING and stays in the call.
"""

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rapidocr import RapidOCR

#: Rows × columns × 3, blue, green, red.
Picture = npt.NDArray[np.uint8]
#: Four corners, x and y, from the upper left one clockwise as the text is read.
Quad = npt.NDArray[np.float32]
#: Letters and digits that make a text, and how sure the reader must be of them: laterality marks (R, L), scale ticks
#: (5, 10) and units (cm, mm) are shorter.
ENOUGH, SURE = 3, 0.6
_ROUND = str.maketrans("oqd日口曰回", "0000000")
#: Taller than wide by this much, a text stands upright.
_UPRIGHT = 1.5


def detect(picture: Picture) -> list[Quad]:
    """Where text may stand. Costs about 1 s and 450 bytes a pixel for a million pixels."""
    found = getattr(_engine()(picture, use_det=True, use_cls=False, use_rec=False), "boxes", None)
    return [] if found is None else [np.asarray(quad, np.float32) for quad in found]


def holds_text(picture: Picture, quad: Quad) -> bool:
    """Whether :data:`ENOUGH` letters or digits can be read there, in one polarity or the other, lying or upright."""
    crop = _cut(picture, quad)
    if min(crop.shape[:2]) < 3:
        return False
    turned = [crop]
    if crop.shape[0] >= _UPRIGHT * crop.shape[1]:
        turned = [np.rot90(crop), np.rot90(crop, 3)]
    return any(_reads(np.ascontiguousarray(each)) for way in turned for each in (way, 255 - way))


def _reads(line: Picture) -> bool:
    read = _engine()(line, use_det=False, use_cls=False, use_rec=True)
    texts, scores = getattr(read, "txts", None) or (), getattr(read, "scores", None) or ()
    return any(score >= SURE and _is_text(text) for text, score in zip(texts, scores, strict=True))


def _is_text(text: str) -> bool:
    """Whether it has enough letters and digits, and not only one of them over and over: the round slices of a mosaic
    read as 000."""
    told = [letter for letter in text.casefold().translate(_ROUND) if letter.isalnum()]
    return len(told) >= ENOUGH and len(set(told)) > 1


def _cut(picture: Picture, quad: Quad) -> Picture:
    """The quadrilateral, laid straight."""
    import cv2

    width = int(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[3] - quad[2])))
    height = int(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2])))
    if width < 1 or height < 1:
        return picture[:0, :0]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(quad, corners)
    cut = cv2.warpPerspective(picture, warp, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


@cache
def _engine() -> "RapidOCR":
    import cv2
    import rapidocr

    _give_memory_back()
    cv2.setNumThreads(1)
    logging.getLogger("RapidOCR").disabled = True
    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            # Pictures come in the size that is to be looked at: nothing is shrunk or grown here.
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Global.text_score": 0.0,
            # Lower than the package's 0.3 and 0.5: what is no text is read, and dropped then.
            "Det.thresh": 0.2,
            "Det.box_thresh": 0.35,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1 << 14,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _give_memory_back() -> None:
    """Have glibc hand each large array back when it is freed. By itself it keeps up to 32 MB of each kind, in pieces
    that do not fit the next picture: 570 MB at the peak in place of 380, and no slower."""
    import ctypes

    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD of <malloc.h>
