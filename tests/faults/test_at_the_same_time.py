"""Two runs of a centre at once; a centre that adds, changes and removes files during a run; clocks a day apart."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collecte import steps
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, by_delivery, drop, dump, ends, image, lay

_DAY_S = 86_400


def test_two_runs_of_a_centre_at_once_end_as_one_does(make_world: Callable[[], World]) -> None:
    alone, contended = make_world(), make_world()
    for world in (alone, contended):
        for number, patient in enumerate((MARCHEMALLE, ESTRUGAMOU, TRIBOULOT), 1):
            lay(drop(world) / f"lot {number}", {f"IM{n}": image(patient, n) for n in range(1, 9)})
    steps.run(alone.site("arvel"))

    both = [contended.command("run", "demo", "arvel") for _ in range(2)]
    said = [process.communicate(timeout=240)[0] for process in both]
    for process, text in zip(both, said, strict=True):
        # One of them may be overtaken by the other, step by step; it then says so and changes nothing more.
        assert process.returncode == 0 or (process.returncode == 1 and "overtaken by a newer" in text), text
    steps.run(contended.site("arvel"))

    assert dump(contended.site("arvel")) == dump(alone.site("arvel"))
    assert bucket(contended) == bucket(alone)
    assert_sound(contended.site("arvel"))


def test_a_centre_that_adds_changes_and_removes_files_during_the_run_gets_each_one_collected_once(
    world: World,
) -> None:
    folder = drop(world) / "lot"
    lay(folder, {f"IM{n}": image(MARCHEMALLE, n, study=n) for n in range(1, 5)})
    site = world.site("arvel")

    def meanwhile(step: str, _: str) -> None:
        if step == "receive":
            (folder / "IM1").write_bytes(image(MARCHEMALLE, 1, study=1, size=24))
            (folder / "IM2").unlink()
            (folder / "IM5").write_bytes(image(MARCHEMALLE, 5, study=5))
        if step == "make_safe":
            (folder / "IM3").write_bytes(image(MARCHEMALLE, 3, study=3, size=32))
            (folder / "IM4").unlink()

    steps.run(site, tell=meanwhile)
    assert by_delivery(site) == {"d0001": {"accepted": 2}}
    assert ends(site)["lot/IM1"] == "rejected: FILE-CHANGED-WHILE-READ"
    assert ends(site)["lot/IM2"] == "rejected: FILE-VANISHED"

    steps.run(site)
    # What was changed or added is a second delivery: the new IM3 corrects the first one.
    assert by_delivery(site)["d0002"] == {"accepted": 3}
    assert {path: end for path, end in ends(site).items() if end == "accepted"}.keys() == {
        *("lot/IM1", "lot/IM3", "lot/IM4", "lot/IM5")
    }
    before = bucket(world)
    steps.run(site)
    assert bucket(world) == before
    assert_sound(site)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_server_whose_clock_is_a_day_off_is_collected_neither_too_early_nor_never(world: World, days: int) -> None:
    """Its times say that all was quiet for a day, or that it will be tomorrow: they are not asked."""
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)}, marker="")
    lay(drop(world) / "fini", {"IM2": image(ESTRUGAMOU, 2)})
    for path in sorted(drop(world).rglob("*")):
        _date(path, time.time() + days * _DAY_S)
    site = world.site("arvel")
    steps.run(site)
    assert {s.delivery: s.state for s in steps.status(site)} == {"d0001": "shipped", "d0002": "waiting"}
    (drop(world) / "lot" / ".done").touch()
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"accepted": 1}, "d0002": {"accepted": 1}}
    assert_sound(site)


def _date(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))
