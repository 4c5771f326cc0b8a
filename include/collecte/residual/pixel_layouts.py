"""Where known devices write into their images: masked whether a text is read there or not."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collecte.challenge.kinds import DeviceLayout
from collecte.records import Box
from collecte.residual.pixel_header import Header

_TABLE = Path(__file__).with_name("pixel_layouts.csv")


@dataclass(frozen=True)
class _Known:
    """A row of the table. Empty text and zero fit anything; manufacturer and model need only be contained."""

    manufacturer: str
    model: str
    modality: str
    kind: str
    rows: int
    columns: int
    boxes: tuple[Box, ...]

    def fits(self, header: Header) -> bool:
        return (
            self.manufacturer in header.manufacturer
            and self.model in header.model
            and self.modality in ("", header.modality)
            and (not self.kind or self.kind in header.kinds)
            and self.rows in (0, header.rows)
            and self.columns in (0, header.columns)
        )


def layout_boxes(header: Header, own: Iterable[DeviceLayout] = ()) -> tuple[Box, ...]:
    """The boxes in which this device writes, within the image; ``own``: the challenge's layouts, whose manufacturer
    and model are the header's but for case."""
    boxes = {box for known in _known() if known.fits(header) for box in known.boxes}
    boxes |= {Box(*box) for layout in own if _is(layout, header) for box in layout.boxes}
    clipped = (Box(b.left, b.top, min(b.right, header.columns), min(b.bottom, header.rows)) for b in boxes)
    return tuple(sorted(box for box in clipped if box.left < box.right and box.top < box.bottom))


def _is(layout: DeviceLayout, header: Header) -> bool:
    return (
        layout.manufacturer.strip().casefold() == header.manufacturer
        and (layout.model is None or layout.model.strip().casefold() == header.model)
        and (layout.rows, layout.columns) == (header.rows, header.columns)
    )


@cache
def _known() -> tuple[_Known, ...]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            _Known(
                manufacturer=row["manufacturer"],
                model=row["model"],
                modality=row["modality"],
                kind=row["image_type"],
                rows=int(row["rows"] or 0),
                columns=int(row["columns"] or 0),
                boxes=tuple(_box(text) for text in row["boxes"].split(";")),
            )
            for row in rows
        )


def _box(text: str) -> Box:
    left, top, right, bottom = map(int, text.split())
    return Box(left, top, right, bottom)
