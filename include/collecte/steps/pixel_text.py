"""Text that is burned into an image: looked for in the safe copy, masked and looked for again, or the file held back.

Which files are looked at: each whose class often has text or that declares some (PS3.3, C.7.6.1.1, Burned In
Annotation), each that is a picture of a label or a screen, and of all others the first of each series in this run and
a share of the rest, chosen by a digest of the output's name: a run done again chooses the same. Where a series' first
file or another shows text, the rest of it in this run is looked at too.

The reader of text is loaded when the first file comes that is to be looked at, and not before.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from collecte.findings import Finding, refused
from collecte.records import Box, Look, Safe

if TYPE_CHECKING:
    from collecte.challenge.kinds import TextInPixels
    from collecte.frames import Image

#: What tells that a file had text, so that the rest of its series is looked at.
_TEXT = frozenset(("RESIDUAL-PIXEL-TEXT", "RESIDUAL-PIXEL-TEXT-MASKED"))
#: The share of an image of those that seldom have text beyond which it is not masked.
_MOST = 0.5
#: The action that is counted for each file that was looked at.
_LOOKED = "looked_at"

Boxes = Mapping[int, Sequence[Box]]


@dataclass(frozen=True)
class Copy:
    """A safe copy: ``source`` as received, ``target`` the copy, ``name`` its output's. ``sampled``: it is looked at
    even where its class is one of which only some are. ``view``: where a small picture of a file that is held back
    goes, what was found painted over; None for nowhere."""

    source: Path
    target: Path
    name: str
    sampled: bool = True
    view: Path | None = None


def view_of(received: Path, file_id: int) -> Path:
    """Where the small picture of a file that is held back stands, below its delivery's folder in landing. It lives as
    long as its file is in quarantine."""
    return received / "quarantine-views" / f"f{file_id}.png"


def first_of_each(objects: Sequence[Hashable | None]) -> list[bool]:
    """Whether each file is the first of its object; what belongs to none (None) is first."""
    seen: set[Hashable] = set()
    first = []
    for key in objects:
        first.append(key is None or key not in seen)
        seen.add(key)
    return first


def look_again(objects: Sequence[Hashable | None], made: Sequence[Safe]) -> Iterator[int]:
    """The places of the files that were not looked at and belong to an object of which another file has text."""
    written = {key for key, safe in zip(objects, made, strict=True) if _TEXT & {each.code for each in safe.findings}}
    for place, (key, safe) in enumerate(zip(objects, made, strict=True)):
        unlooked = safe.look is Look.SAMPLE and _LOOKED not in safe.actions and not refused(safe.findings)
        if key is not None and key in written and unlooked:
            yield place


def hide_text(copy: Copy, safe: Safe, rules: "TextInPixels", scan: Callable[[Path], tuple[Finding, ...]]) -> Safe:
    """What becomes of a safe copy of DICOM, given the result of making it: the same where there is no text, or the copy
    with its text masked, or a refusing finding. ``scan`` is the residual scan; it reads what was masked again.

    Raises:
        OSError: a file cannot be read or written.
    """
    close = _looks_closely(copy, safe.look)
    if not (close or _chosen(copy, safe.look, rules.share)):
        return safe
    from collecte.frames import Undecodable  # numpy

    safe = replace(safe, actions={**safe.actions, _LOOKED: 1})
    try:
        return _hidden(copy, safe, rules, scan, close)
    except Undecodable:
        return _refused(safe, Finding("RESIDUAL-PIXEL-UNDECODABLE"))


def _looks_closely(copy: Copy, look: Look) -> bool:
    if look is not Look.SAMPLE:
        return look is not Look.NEVER
    from collecte.residual.pixel_header import is_written

    return is_written(copy.source)


def _chosen(copy: Copy, look: Look, share: float) -> bool:
    if look is not Look.SAMPLE:
        return False
    digest = int.from_bytes(hashlib.sha256(copy.name.encode()).digest()[:8])
    return copy.sampled or digest < share * 2**64


def _hidden(
    copy: Copy, safe: Safe, rules: "TextInPixels", scan: Callable[[Path], tuple[Finding, ...]], close: bool
) -> Safe:
    from collecte.frames import image
    from collecte.residual.pixel_header import header_of
    from collecte.residual.pixel_layouts import layout_boxes
    from collecte.residual.pixel_text import look_at_pixels

    found = look_at_pixels(copy.target, close=close)
    if found and rules.found == "quarantine":
        return _held_back(copy, safe, _with_more(copy, found, close))
    if known := layout_boxes(header_of(copy.source), rules.layouts):
        boxes: Boxes = {n: (*found.get(n, ()), *known) for n in range(image(copy.target).frames)}
    elif found:
        boxes = found
    else:
        return _refused(safe, Finding("RESIDUAL-PIXEL-TEXT-DECLARED")) if safe.look is Look.DECLARED else safe
    if not close and not known and _covers(boxes, image(copy.target)):
        return _held_back(copy, safe, boxes)
    return _masked(copy, safe, boxes, scan, close)


def _covers(boxes: Boxes, layout: "Image") -> bool:
    """Whether little would be left of an image that seldom has text: what was read there was probably none."""
    areas = (sum((box.right - box.left) * (box.bottom - box.top) for box in found) for found in boxes.values())
    return max(areas, default=0) > layout.rows * layout.columns * _MOST


def _with_more(copy: Copy, found: Boxes, close: bool) -> Boxes:
    """What was found, and in the frame of which a small picture is kept, what a larger look at it finds."""
    from collecte.residual.pixel_text import look_at_pixels

    if copy.view is None:
        return found
    first = min(found)
    more = look_at_pixels(copy.target, (first,), close=close, larger=True, known=found)
    return {**found, first: (*found[first], *more.get(first, ()))}


def _masked(copy: Copy, safe: Safe, boxes: Boxes, scan: Callable[[Path], tuple[Finding, ...]], close: bool) -> Safe:
    """Mask the boxes, look at the masked frames again, in a larger picture, and scan what came out. Where that look
    finds more, it is masked too, and a last look is to find nothing."""
    from collecte.formats.dicom.mask import mask
    from collecte.residual.pixel_text import look_at_pixels

    masked = copy.target.with_name(f"{copy.target.name}.masked")
    try:
        for larger in (True, False):
            made = mask(copy.target, masked, boxes)
            if refused(made.findings):
                return _refused(_held_back(copy, safe, boxes), *made.findings)
            left = look_at_pixels(masked, boxes, close=close, larger=larger)
            if not left:
                break
            boxes = {n: (*boxes[n], *left.get(n, ())) for n in boxes}
        else:
            return _held_back(copy, safe, boxes)
        if found := scan(masked):
            safe = replace(safe, findings=(*safe.findings, *found))
        masked.replace(copy.target)
    finally:
        masked.unlink(missing_ok=True)
    told = Finding("RESIDUAL-PIXEL-TEXT-MASKED", count=len(boxes))
    actions = {**safe.actions, "masked": len(boxes)}
    return replace(safe, sha256=made.sha256, size=made.size, findings=(*safe.findings, told), actions=actions)


def _held_back(copy: Copy, safe: Safe, boxes: Boxes) -> Safe:
    """``boxes``: all that was found, painted over in the small picture."""
    if copy.view is not None:
        from collecte.residual.pixel_views import thumbnail

        first = min(boxes)
        copy.view.parent.mkdir(exist_ok=True)
        copy.view.write_bytes(thumbnail(copy.target, first, boxes[first]))
    return _refused(safe, Finding("RESIDUAL-PIXEL-TEXT", count=len(boxes)))


def _refused(safe: Safe, *findings: Finding) -> Safe:
    return replace(safe, findings=(*safe.findings, *findings))
