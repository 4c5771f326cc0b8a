"""The small pictures of files held back for text in their pixels live as long as their files are in quarantine."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collecte import steps
from collecte.steps.housekeeping.purge import purge
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, Patient
from tests.journey.conftest import World
from tests.journey.drops import by_delivery, drop, ends, lay, rewrite
from tests.journey.test_pixel_text import picture, text
from tests.journey.test_recall import approve, ask, carried_out
from tests.residual.pixel_builders import Pixels
from tests.residual.test_pixel_text import flat


def ultrasound(folder: Path, patient: Patient, number: int, pixels: Pixels) -> bytes:
    root = "1.2.3.4.5." + str(int(hashlib.sha256(patient.ipp.encode()).hexdigest()[:12], 16))
    own = {
        "PatientID": patient.ipp,
        "PatientName": patient.name,
        "StudyInstanceUID": root,
        "SeriesInstanceUID": f"{root}.1",
        "SOPInstanceUID": f"{root}.1.{number}",
    }
    return picture(folder / f"{root}.{number}", pixels, number, **own).read_bytes()


@pytest.fixture
def held(world: World, tmp_path: Path) -> World:
    """Of two patients, an image each that bears text and is held back; of one, another image."""
    rewrite(world, "found: mask", "found: quarantine")
    rewrite(world, "retention: {landing_days: 90", "retention: {landing_days: 5")
    written = text(flat(9, (64, 224)))
    files = {
        "a.dcm": ultrasound(tmp_path / "made", MARCHEMALLE, 1, written),
        "b.dcm": ultrasound(tmp_path / "made", ESTRUGAMOU, 1, written),
        "c.dcm": ultrasound(tmp_path / "made", ESTRUGAMOU, 2, flat(0, (64, 224))),
    }
    lay(drop(world) / "lot", files)
    steps.run(world.site("arvel"))
    assert set(ends(world.site("arvel")).values()) == {"quarantined: RESIDUAL-PIXEL-TEXT", "accepted"}
    return world


def views(world: World) -> set[str]:
    """Delivery and file of each small picture in landing."""
    found = world.folder.rglob("quarantine-views/*")
    return {f"{path.parent.parent.name}/{path.stem}" for path in found}


def night(world: World, days: float) -> None:
    purge(world.site("arvel"), datetime.now(UTC) + timedelta(days=days))


def in_quarantine(world: World) -> set[str]:
    return {f"{file.delivery}/f{file.file_id}" for file in steps.list_quarantine(world.site("arvel"))}


def test_they_stay_with_what_waits_and_go_with_what_expires(held: World) -> None:
    there = in_quarantine(held)
    assert len(there) == 2
    for days in (0, 20, 179):  # the accepted file leaves landing after five days
        night(held, days)
        assert views(held) == there
    night(held, 181)
    assert views(held) == set()
    assert by_delivery(held.site("arvel")) == {"d0001": {"accepted": 1, "expired": 2}}
    assert not list(held.folder.rglob("quarantine-views"))


def test_what_somebody_decided_needs_no_picture_and_what_is_judged_anew_has_its_own(held: World) -> None:
    site = held.site("arvel")
    first, second = sorted(int(place.rpartition("f")[2]) for place in in_quarantine(held))
    steps.reject_quarantine(site, "unusable", files=[first])
    night(held, 0)
    assert views(held) == {f"d0001/f{second}"}

    steps.retry_quarantine(site, files=[second])
    steps.run(site)
    night(held, 0)
    (there,) = in_quarantine(held)
    assert there.startswith("d0002/")
    assert views(held) == {there}, "of the old row none, of the new one its own"


def test_who_is_taken_back_leaves_no_picture_and_the_others_stay(held: World) -> None:
    before = in_quarantine(held)
    carried_out(held, "effacement")
    left = in_quarantine(held)
    assert len(left) == 1
    assert left < before
    assert views(held) == left

    *_, number = ask(held, f"ipp;demande\n{ESTRUGAMOU.ipp};opposition\n", "autre.csv")
    approve(held.challenge_site, number)
    steps.carry_out_recall(held.challenge_site, number)
    night(held, 0)
    assert in_quarantine(held) == views(held) == set()
