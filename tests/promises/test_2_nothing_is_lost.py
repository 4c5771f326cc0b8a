"""Promise 2: every file of a delivery is in exactly one state, with a reason; an archive counts by its members; the
states add up to what was received, and the report shows the sum.

The count is taken here, from what was laid into the drop: the catalogue is not asked how many there were.
"""

import hashlib
import os
from pathlib import Path

from collecte import steps
from collecte.records import State
from collecte.steps import Site
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT
from demo.verify import states
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, drop, findings, image, lay
from tests.promises.builders import altered, zipped

#: Every trouble that a file can bring, by its path: the state in which it must end, and the reason.
LAID: dict[str, tuple[bytes, str, str]] = {
    "serie/IM1": (image(MARCHEMALLE, 1), "accepted", ""),
    "serie/IM2": (image(MARCHEMALLE, 2), "accepted", ""),
    "toujours/IM1": (image(MARCHEMALLE, 1), "duplicate", "FILE-DUPLICATE"),
    "tronque/IM1": (image(ESTRUGAMOU, 1)[:-200], "quarantined", "DICOM-TRUNCATED"),
    "autre/IM1": (image(TRIBOULOT, 1), "quarantined", "MANIFEST-HASH-DIFFERS"),
    "rapport/IM1": (
        altered(image(TRIBOULOT, 2, study=2), SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"),
        "quarantined",
        "DICOM-DOCUMENT",
    ),
    "vide.dcm": (b"", "quarantined", "FILE-EMPTY"),
    "inconnu.bin": (bytes(range(256)), "quarantined", "FILE-TYPE-UNKNOWN"),
    os.fsdecode(b"d\xe9j\xe0/IM\n1"): (image(ESTRUGAMOU, 4, study=3), "accepted", ""),
    "parti/IM1": (image(ESTRUGAMOU, 5), "rejected", "FILE-VANISHED"),
    "change/IM1": (image(ESTRUGAMOU, 6), "rejected", "FILE-CHANGED-WHILE-READ"),
    "SHA256SUMS": (b"", "rejected", "DELIVERY-ADMINISTRATIVE"),
}
#: Members of a zip, and of a zip inside it; each counts, the two archives themselves do not.
MEMBERS: dict[str, tuple[bytes, str, str]] = {
    "IM1": (image(TRIBOULOT, 11, study=4), "accepted", ""),
    "tronque": (image(TRIBOULOT, 12, study=5)[:-200], "quarantined", "DICOM-TRUNCATED"),
    "encore": (image(MARCHEMALLE, 2), "duplicate", "FILE-DUPLICATE"),
}
INNER: dict[str, tuple[bytes, str, str]] = {"IM1": (image(TRIBOULOT, 13, study=6), "accepted", "")}
#: Archives that give no members count as the one file that they are.
REFUSED_ARCHIVES = {
    "sort.zip": (zipped({"../../etc/cron.d/x": b"*"}), "quarantined", "ARCHIVE-PATH-ESCAPE"),
    "coupe.zip": (zipped({"IM1": image(TRIBOULOT, 14)})[:-40], "quarantined", ""),
}


def test_every_kind_of_bad_file_in_one_delivery_ends_in_one_state_and_the_sum_is_what_was_laid(world: World) -> None:
    folder = drop(world) / "lot"
    _lay(folder)
    site = world.site("arvel")
    (shard,) = steps.find(site)
    # Between the listing and the copy one file goes, and one becomes another.
    (folder / "parti/IM1").unlink()
    (folder / "change/IM1").write_bytes(image(ESTRUGAMOU, 6, size=24))
    steps.receive(site, shard.shard)
    steps.run(site)

    found = {path.removeprefix("lot/"): (state, reason or "") for path, state, reason in _first(site)}
    expected = {path: (state, reason) for path, (_, state, reason) in (LAID | REFUSED_ARCHIVES).items()}
    expected |= {f"envoi.zip!/{path}": (state, reason) for path, (_, state, reason) in MEMBERS.items()}
    expected |= {f"envoi.zip!/suite.zip!/{path}": (state, reason) for path, (_, state, reason) in INNER.items()}
    expected |= {".done": ("rejected", "DELIVERY-ADMINISTRATIVE"), "lien": ("quarantined", "DROP-SYMLINK")}
    archives = {"envoi.zip", "envoi.zip!/suite.zip"}
    assert {path: end for path, end in found.items() if path not in archives} == {
        path: (state, reason or found[path][1]) for path, (state, reason) in expected.items()
    }
    assert {found[path] for path in archives} == {("superseded", "ARCHIVE-UNPACKED")}
    assert all(reason for state, reason in found.values() if state != "accepted")

    summary = steps.status(site)[0]
    assert summary.received == len(expected) == sum(summary.states.values())
    assert summary.states[State.WAITING] == 0
    page = (site.reported(site.delivery("d0001")) / "report.html").read_text("utf-8")
    assert f">{len(expected)}<" in page, "the report does not show how many were received"
    assert findings(site)["MANIFEST-FILE-ABSENT"] == 1
    assert len([key for key in bucket(world) if key.endswith(".dcm") and "/d0001/" in key]) == 5
    assert_sound(site)


def _lay(folder: Path) -> None:
    inner = zipped({path: content for path, (content, _, _) in INNER.items()})
    outer = zipped({path: content for path, (content, _, _) in MEMBERS.items()} | {"suite.zip": inner})
    files = {path: content for path, (content, _, _) in (LAID | REFUSED_ARCHIVES).items()} | {"envoi.zip": outer}
    sums = [f"{'0' * 64}  autre/IM1", f"{hashlib.sha256(b'never sent').hexdigest()}  oublie.dcm"]
    lay(folder, files | {"SHA256SUMS": "\n".join(sums).encode()}, marker="")
    (folder / "lien").symlink_to("serie/IM1")
    (folder / ".done").touch()


def _first(site: Site) -> list[tuple[str, str, str | None]]:
    """The first delivery's files: what changed during its collection makes a second one."""
    paths: dict[str, tuple[str, str, str | None]] = {}
    for path, state, reason in states(site):
        paths.setdefault(path, (path, state, reason))
    return list(paths.values())
