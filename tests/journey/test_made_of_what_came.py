"""A safe copy is made of the very bytes that were received: whatever became of them in landing, none else is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from collecte import steps
from collecte.errors import NeedsPerson
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, drop, ends, image, lay

TABLE = f"ipp;age\n{MARCHEMALLE.ipp};50\n".encode()


def _last_byte(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _another_instance(content: bytes) -> bytes:
    """As long, and an image of its own: what is made of it has another name."""
    return image(ESTRUGAMOU, 9)


def _cut_short(content: bytes) -> bytes:
    return content[:-100]


def _no_image(content: bytes) -> bytes:
    return b"\x01" * len(content)


def test_of_other_bytes_than_came_no_copy_is_kept_and_mended_it_goes_on(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1), "t.csv": TABLE})
    site = world.site("arvel")
    for ref in steps.find(site):
        steps.receive(site, ref.shard)
    for ref in steps.unpack(site, ["d0001"]):
        steps.harvest(site, ref.shard)
    (shard,) = steps.group(site, ["d0001"])
    landing = site.received(site.delivery("d0001"))
    damages: list[tuple[bytes, Callable[[bytes], bytes]]] = [
        (image(MARCHEMALLE, 1), _last_byte),
        (image(MARCHEMALLE, 1), _another_instance),
        (image(MARCHEMALLE, 1), _cut_short),
        (image(MARCHEMALLE, 1), _no_image),
        (TABLE, _last_byte),
    ]
    for content, damage in damages:
        place = _holding(landing, content)
        place.write_bytes(damage(content))
        with pytest.raises(NeedsPerson, match="no longer has the bytes that were received"):
            steps.make_safe(site, shard.shard)
        assert damage(content) not in [path.read_bytes() for path in (landing / "safe").rglob("f*") if path.is_file()]
        made = [path.name for path in (landing / "safe").rglob(place.name) if path.is_file()]
        assert made == [], damage.__name__
        place.write_bytes(content)
    steps.make_safe(site, shard.shard)
    for ref in steps.describe_shards(site, ["d0001"]):
        steps.describe(site, ref.shard)
    steps.validate(site, "d0001")
    steps.accept(site, "d0001")
    assert set(ends(site).values()) == {"accepted"}
    assert_sound(site)


def _holding(folder: Path, content: bytes) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_file() and path.read_bytes() == content)
    return found
