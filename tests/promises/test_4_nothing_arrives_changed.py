"""Promise 4: SHA-256 from the centre's manifest to the HDH's copy. One byte is flipped at each hop, its time kept.

What a transfer itself can do to bytes (files that change while they are read, servers that check no sum) is attacked in
tests/transport.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collecte import steps
from collecte.errors import NeedsPerson
from collecte.package import SUMS_NAME, read_sums
from collecte.transport import open_destination
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT
from demo.servers import S3Server
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, drop, ends, image, lay
from tests.promises.builders import flip, zipped

BATCH = "demo/arvel/d0001"


def test_one_byte_flipped_at_any_hop_is_caught_there_and_mended_it_goes_on(world: World, s3: S3Server) -> None:
    # The drop: what lies there is not what the centre's manifest says.
    files = {"IM1": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2), "autre/IM1": image(ESTRUGAMOU, 1)}
    files["serie.zip"] = zipped({"IM1": image(TRIBOULOT, 1)})
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())
    lay(drop(world) / "lot", files | {"SHA256SUMS": sums.encode()}, marker="")
    flip(drop(world) / "lot" / "autre" / "IM1")
    (drop(world) / "lot" / ".done").touch()
    site = world.site("arvel")
    (shard,) = steps.find(site)
    steps.receive(site, shard.shard)
    assert ends(site)["lot/autre/IM1"] == "quarantined: MANIFEST-HASH-DIFFERS"

    # Landing: an archive before it is unpacked, an image before it is made safe.
    landing = site.received(site.delivery("d0001"))
    with _flipped(landing, files["serie.zip"]), pytest.raises(NeedsPerson, match="no longer has the bytes that were"):
        steps.unpack(site, ["d0001"])
    for ref in steps.unpack(site, ["d0001"]):
        steps.harvest(site, ref.shard)
    (safe,) = steps.group(site, ["d0001"])
    with _flipped(landing, files["IM2"]), pytest.raises(NeedsPerson, match="no longer has the bytes that were"):
        steps.make_safe(site, safe.shard)
    steps.make_safe(site, safe.shard)
    for ref in steps.describe_shards(site, ["d0001"]):
        steps.describe(site, ref.shard)
    steps.validate(site, "d0001")

    # The safe copies: nothing of the batch is accepted, and clearing make_safe makes the damaged ones anew.
    flip(sorted((landing / "safe").iterdir())[0])
    sorted((landing / "safe").iterdir())[1].unlink()
    with pytest.raises(NeedsPerson, match=r"2 safe copies .* clear make_safe with all that comes after it"):
        steps.accept(site, "d0001")
    assert not site.batch(site.delivery("d0001")).exists()
    assert steps.make_safe(site, safe.shard)["files"] == 2
    steps.accept(site, "d0001")

    # Curated: before it is shipped.
    (ship,) = steps.plan_ship(site, "d0001")
    image_of = sorted(site.batch(site.delivery("d0001")).rglob("*.dcm"))[0]
    flip(image_of)
    with pytest.raises(NeedsPerson, match="To do: check the disk of its zone"):
        steps.ship(site, ship.shard)
    assert SUMS_NAME not in "".join(bucket(world))
    flip(image_of)

    # The destination: somebody else wrote under a key of ours, before and after it was shipped.
    client, name = s3.client(), world.challenge.hdh.path
    key = f"{BATCH}/{image_of.relative_to(site.batch(site.delivery('d0001')))}"
    client.delete_object(Bucket=name, Key=key)
    altered = bytearray(image_of.read_bytes())
    altered[-1] ^= 1
    client.put_object(Bucket=name, Key=key, Body=bytes(altered))
    with pytest.raises(NeedsPerson, match="another object under"):
        steps.ship(site, ship.shard)
    client.delete_object(Bucket=name, Key=key)
    steps.run(site)
    assert_sound(site)
    assert _differing(world) == set()
    client.put_object(Bucket=name, Key=key, Body=bytes(altered))
    assert _differing(world) == {key}


@contextmanager
def _flipped(folder: Path, content: bytes) -> Iterator[None]:
    """For the length of a block, one byte of the file of ``folder`` that holds ``content`` is another."""
    (path,) = (path for path in folder.iterdir() if path.is_file() and path.read_bytes() == content)
    flip(path)
    try:
        yield
    finally:
        flip(path)


def _differing(world: World) -> set[str]:
    """The keys of the batch that are not what its ``SHA256SUMS`` says: what a recipient sees, without Collecte."""
    there = bucket(world)
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        sums = read_sums(destination.read(f"{BATCH}/{SUMS_NAME}"))
    return {f"{BATCH}/{name}" for name, sha256 in sums.items() if there.get(f"{BATCH}/{name}") != sha256}
