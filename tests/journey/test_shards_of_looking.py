"""Files that are looked at for text in their pixels take a hundred times as long as others: the work is cut by that."""

from pathlib import Path

from collecte import steps
from collecte.catalogue import planned
from collecte.steps import Site
from tests.journey.conftest import World
from tests.journey.drops import drop, lay
from tests.journey.test_pixel_text import CT, ULTRASOUND, picture
from tests.residual.test_pixel_text import flat


def test_images_that_are_always_looked_at_come_in_smaller_shards(world: World, tmp_path: Path) -> None:
    site = world.site("arvel")
    for folder, sop_class, modality in (("us", ULTRASOUND, "US"), ("ct", CT, "CT")):
        files = {}
        for number in range(120):
            own = {
                "SOPClassUID": sop_class,
                "Modality": modality,
                "SeriesInstanceUID": f"1.2.3.{len(folder)}.{sop_class}",
            }
            uid = f"{own['SeriesInstanceUID']}.{number + 1}"
            image = picture(tmp_path / f"{folder}{number}", flat(number, (4, 4)), number, **own, SOPInstanceUID=uid)
            files[f"IM{number}"] = image.read_bytes()
        lay(drop(world) / folder, files)
    for ref in steps.find(site):
        steps.receive(site, ref.shard)
    for ref in steps.unpack(site, ["d0001", "d0002"]):
        steps.harvest(site, ref.shard)
    steps.group(site, ["d0001", "d0002"])
    shards = {label: _files(site, label) for label in ("d0001", "d0002")}
    assert sorted(shards.values(), key=len) == [[120], [49, 49, 22]]


def _files(site: Site, label: str) -> list[int]:
    with site.catalogue.read() as connection:
        refs = planned(connection, site.delivery(label).id, "make_safe")
    return [int(ref.label.split(" · ")[1].split()[0]) for ref in refs]
