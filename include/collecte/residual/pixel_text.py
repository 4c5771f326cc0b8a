"""Which boxes of which frames hold text that is burned in."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from collecte.frames import Image, Undecodable, frames, image
from collecte.records import Box
from collecte.residual import pixel_ocr
from collecte.residual.pixel_header import Header, header_of
from collecte.residual.pixel_views import SMALLEST, Levels, Tile, levels, painted, shrunk, surplus, tiles

__all__ = ["Undecodable", "look_at_pixels"]

Boxes = tuple[Box, ...]
#: Frames of which one composite is made, and composites of each kind at most.
_GROUP, _GROUPS = 64, 8
#: Up to so many, each frame is looked at by itself.
_FEW = 3
#: How much an image is grown: closely or in a sample, at the first look and the larger one.
_GROWN = {(True, False): 1.25, (True, True): 1.6, (False, False): 1.0, (False, True): 1.4}
#: Texts that are read in a picture; whatever else looks like text then is taken to be some: it is a page of text.
_PAGE = 16
#: Parts of an image's shorter side: no scanner writes letters taller than one of them, and slices of a mosaic are.
_TALL = 8
#: Pixels beyond the detector's box that are masked too, in parts of its height and at least.
_MARGIN, _LEAST = 0.25, 3


@dataclass(frozen=True)
class _File:
    """A file that is looked at. ``known``: what is painted over in its frames first; ``factor``: by how much smaller
    its frames are looked at than they are."""

    path: Path
    layout: Image
    header: Header
    known: Mapping[int, Sequence[Box]]
    factor: int

    def levels(self, numbers: Sequence[int]) -> Iterator[tuple[int, Levels]]:
        """IDENTIFYING: the frames, by number."""
        for number, frame in frames(self.path, numbers):
            values = levels(shrunk(frame, self.factor), self.layout.photometric, self.header.palette)
            yield number, painted(values, [self._smaller(box) for box in self.known.get(number, ())])

    def _smaller(self, box: Box) -> Box:
        return Box(box.left // self.factor, box.top // self.factor, *(-(-side // self.factor) for side in box[2:]))

    def larger(self, box: Box) -> Box:
        """A box of what is looked at, as one of the frame."""
        layout = self.layout
        right, bottom = box.right * self.factor, box.bottom * self.factor
        return Box(box.left * self.factor, box.top * self.factor, min(right, layout.columns), min(bottom, layout.rows))


@dataclass(frozen=True)
class _Sight:
    """One picture to look at, and the frames for which it stands."""

    numbers: Sequence[int]
    values: Levels
    light: bool = True
    dark: bool = True

    def digest(self) -> bytes:
        """Tells its pixels from others'."""
        return hashlib.blake2b(self.values.tobytes()).digest()


def look_at_pixels(
    path: Path,
    numbers: Iterable[int] | None = None,
    *,
    close: bool = True,
    larger: bool = False,
    known: Mapping[int, Sequence[Box]] = MappingProxyType({}),
) -> Mapping[int, Boxes]:
    """The boxes that hold text, by the number of the frame (from 0); frames without any are left out.

    ``path``: a DICOM file with pixel data; ``numbers``: the frames to look at (None: all); ``close``: in full size up
    to 2560 pixels a side, else up to 1600: letters under a 160th of that are not read. ``larger``: where some was found
    there is often more, and a line of small letters on bright tissue is missed now and then in its own size (3 of 70
    lines of 11 to 14 pixels over speckle); so the next look is at a larger picture, with what is ``known`` painted
    over.

    A frame of under 32 rows or columns holds no text. Of more than three frames not each is looked at, but the first,
    the middle and the last, and over groups of 64 frames or an eighth of all the per-pixel mean, maximum and minimum:
    text that stands through the group comes out in the mean, what lights up for a moment in the maximum or minimum.
    What is found so is masked in all frames of the group. This misses text of a few frames on a ground as light (or
    dark), and text that wanders. Of the tiles of a slide the first, middle and last are looked at, and each of its
    label, overview and thumbnail. Of pictures that are equal one is looked at.

    Raises:
        Undecodable: a frame cannot be decoded.
        OSError: the file cannot be read.
    """
    layout, header = image(path), header_of(path)
    if min(layout.rows, layout.columns) < SMALLEST:
        return {}
    # The mean of entries of a palette is no entry of it.
    factor = surplus(layout.rows, layout.columns, close=close) if header.palette is None else 1
    file = _File(path, layout, header, known, factor)
    wanted = range(file.layout.frames) if numbers is None else sorted(set(numbers))
    found: dict[int, set[Box]] = {}
    seen: dict[tuple[bytes, bool, bool], Boxes] = {}
    for sight in _sights(file, wanted):
        digest = sight.digest()
        boxes = seen.get((digest, True, True), seen.get((digest, sight.light, sight.dark)))
        if boxes is None:
            boxes = tuple(map(file.larger, _boxes(sight, close, _GROWN[close, larger])))
            seen[digest, sight.light, sight.dark] = boxes
        for number in sight.numbers if boxes else ():
            found.setdefault(number, set()).update(boxes)
    return {number: merged(boxes) for number, boxes in sorted(found.items())}


def merged(boxes: Iterable[Box]) -> Boxes:
    """The same without repetitions: of two boxes that share most of the smaller one, the one around both."""
    kept: list[Box] = []
    for box in sorted(boxes):
        for index, other in enumerate(kept):
            shared = _area(_within(box, other))
            if shared > 0.7 * min(_area(box), _area(other)):
                kept[index] = Box(*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:]))
                break
        else:
            kept.append(box)
    return tuple(sorted(kept))


def _within(box: Box, other: Box) -> Box:
    return Box(*map(max, box[:2], other[:2]), *map(min, box[2:], other[2:]))


def _area(box: Box) -> int:
    return max(0, box.right - box.left) * max(0, box.bottom - box.top)


def _sights(file: _File, wanted: Sequence[int]) -> Iterator[_Sight]:
    if not wanted:
        return
    some = {wanted[0], wanted[len(wanted) // 2], wanted[-1]}
    if file.header.tiled:
        alone: Sequence[int] = wanted if file.header.label else sorted(some)
    else:
        alone = wanted if len(wanted) <= _FEW else ()
    if alone:
        for number, values in file.levels(alone):
            yield _Sight((number,), values)
        return
    size = max(_GROUP, -(-len(wanted) // _GROUPS))
    for start in range(0, len(wanted), size):
        yield from _together(file, wanted[start : start + size], some)


def _together(file: _File, group: Sequence[int], some: set[int]) -> Iterator[_Sight]:
    """The composites of a group, and those of its frames that are looked at by themselves."""
    total: Levels | None = None
    for number, values in file.levels(group):
        if number in some:
            yield _Sight(group, values)
        if total is None:
            total, lightest, darkest = values.copy(), values.copy(), values.copy()
            continue
        total += values
        np.maximum(lightest, values, out=lightest)
        np.minimum(darkest, values, out=darkest)
    if total is not None:
        yield _Sight(group, total / np.float32(len(group)))
        yield _Sight(group, lightest, dark=False)
        yield _Sight(group, darkest, light=False)


def _boxes(sight: _Sight, close: bool, grown: float) -> Boxes:
    """Where text stands in a picture."""
    found: Boxes = ()
    rows, columns = sight.values.shape[:2]
    for tile in tiles(sight.values, close=close, light=sight.light, dark=sight.dark, larger=grown):
        found = merged((*found, *_in_tile(tile, found, rows, columns, close)))
    return found


def _in_tile(tile: Tile, known: Boxes, rows: int, columns: int, close: bool) -> Iterator[Box]:
    """The boxes of a tile that hold text; what lies within ``known`` ones is not read again."""
    tall = np.inf if close else min(rows, columns) * tile.scale / _TALL
    seen = [(quad, _grown(quad, tile, rows, columns)) for quad in pixel_ocr.detect(tile.picture)]
    texts: list[pixel_ocr.Quad] = []
    rest: list[tuple[pixel_ocr.Quad, Box]] = []
    for quad, box in seen:
        if any(_area(_within(box, other)) > 0.9 * _area(box) for other in known):
            continue
        least = pixel_ocr.SURER if _height(quad) > tall else pixel_ocr.SURE
        if len(texts) >= _PAGE or pixel_ocr.holds_text(tile.picture, quad, least=least):
            texts.append(quad)
            yield box
        else:
            rest.append((quad, box))
    # What stands beside a text is a part of it: a name of two letters, the second digit of a date.
    yield from (box for quad, box in rest if any(_beside(quad, text) for text in texts))


def _beside(quad: pixel_ocr.Quad, text: pixel_ocr.Quad) -> bool:
    """Whether the gap between two is under one height of the text."""
    reach = _height(text)
    gaps = np.maximum(quad.min(axis=0) - text.max(axis=0), text.min(axis=0) - quad.max(axis=0))
    return bool((gaps < (reach, reach)).all())


def _height(quad: pixel_ocr.Quad) -> float:
    """Of its letters: the shorter side."""
    return float(np.minimum(*(quad.max(axis=0) - quad.min(axis=0))))


def _grown(quad: pixel_ocr.Quad, tile: Tile, rows: int, columns: int) -> Box:
    corners = quad / tile.scale + (tile.left, tile.top)
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = max(_LEAST, _MARGIN * float(np.minimum(*(high - low))))
    left, top = (max(0, int(side)) for side in np.floor(low - margin))
    right, bottom = (int(side) for side in np.ceil(high + margin))
    return Box(left, top, min(columns, right), min(rows, bottom))
