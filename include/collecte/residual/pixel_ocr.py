"""Reading text in a picture. What is read here is IDENTIFYING and stays in the call.

Heavy (the networks of :mod:`collecte.residual.pixel_engine`), so opened once per process, when the first picture comes.
"""

import numpy as np

from collecte.residual.pixel_engine import Picture, Quad, engine

__all__ = ["Picture", "Quad", "detect", "holds_text"]

#: Letters and digits that make a text, and how sure the reader must be of them: laterality marks (R, L), scale ticks
#: (5, 10) and units (cm, mm) are shorter.
ENOUGH, SURE = 3, 0.6
_ROUND = str.maketrans("oqd日口曰回", "0000000")
#: How sure where all signs are round ones, or letters of a size that no machine writes: so do brains read in a row.
_ROUNDISH, SURER = frozenset("0689"), 0.9
#: Taller than wide by this much, a text stands upright.
_UPRIGHT = 1.5


def detect(picture: Picture) -> list[Quad]:
    """Where text may stand. Costs about 0.5 s and 250 bytes a pixel for a million pixels."""
    return engine().quads(picture)


def holds_text(picture: Picture, quad: Quad, *, least: float = SURE) -> bool:
    """Whether :data:`ENOUGH` letters or digits can be read there, at least so surely, in one polarity or the other,
    lying or upright."""
    crop = _cut(picture, quad)
    if min(crop.shape[:2]) < 3:
        return False
    turned = [crop]
    if crop.shape[0] >= _UPRIGHT * crop.shape[1]:
        turned = [np.rot90(crop), np.rot90(crop, 3)]
    return any(_reads(np.ascontiguousarray(each), least) for way in turned for each in (way, 255 - way))


def _reads(line: Picture, least: float) -> bool:
    return is_text(*engine().text(line), least)


def is_text(text: str, sure: float, least: float = SURE) -> bool:
    """Whether it is read surely, has enough letters and digits, and not only one of them over and over: the round
    slices of a mosaic read as 000."""
    told = [letter for letter in text.casefold().translate(_ROUND) if letter.isalnum()]
    enough = SURER if _ROUNDISH.issuperset(told) else least
    return sure >= enough and len(told) >= ENOUGH and len(set(told)) > 1


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
