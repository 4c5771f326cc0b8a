"""Promise 3, beside tests/promises/test_3_nothing_twice_nothing_by_halves.py: an attempt that was given up for
dead and goes on writing, after a second one began, changes nothing.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from collecte import steps
from collecte.transport import open_destination
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT, ct_slice
from tests.journey.conftest import World
from tests.journey.drops import bucket, curated, dump
from tests.processes import freeze

SLICES = 40
_PATIENCE_S = 120
#: How long it runs between two looks: this part of what a look takes, so a few files' worth on any machine.
_STRETCH = 0.1


@dataclass(frozen=True)
class Middle:
    """When a step is in its middle. ``near``: true shortly before, cheap to ask; ``done``: files that it has done."""

    near: Callable[[World], bool]
    done: Callable[[World], int]


#: It is stopped once something of the step is done, and not all of it.
MIDDLE: Mapping[str, Middle] = {
    "receive": Middle(
        lambda world: (world.folder / "landing").exists(), lambda world: _count(world.folder / "landing", "*/*/*/f*.a1")
    ),
    "make safe": Middle(
        lambda world: _count(world.folder / "landing", "*/*/*/safe") == 1,
        lambda world: _count(world.folder / "landing", "*/*/*/safe/f*"),
    ),
    "ship": Middle(
        lambda world: _count(world.folder / "curated", "*/*/*/*/*/*.dcm") == 3 * SLICES,
        lambda world: sum(1 for _ in _keys(world)),
    ),
}


@pytest.mark.parametrize("step", MIDDLE)
def test_an_orphan_that_goes_on_after_a_second_attempt_changes_nothing(
    make_world: Callable[[], World], step: str
) -> None:
    world = make_world()
    _deliver(world)
    orphan = world.command("run", "demo", "arvel")
    _stop_in_the_middle(orphan, world, MIDDLE[step])
    steps.run(world.site("arvel"))
    before = dump(world.site("arvel")), bucket(world), curated(world)

    os.kill(orphan.pid, signal.SIGCONT)
    said, _ = orphan.communicate(timeout=_PATIENCE_S)

    assert orphan.returncode == 1, said
    assert "overtaken by a newer" in said
    assert (dump(world.site("arvel")), bucket(world), curated(world)) == before


def _deliver(world: World) -> None:
    """A delivery large enough to be met in the middle of each step, laid into the drop's folder."""
    folder = world.folder / "sftp" / "arvel" / "depot" / "lot 1"
    for study, patient in enumerate((MARCHEMALLE, ESTRUGAMOU, TRIBOULOT), 1):
        for number in range(1, SLICES + 1):
            path = folder / patient.ipp / f"IM{number:04d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ct_slice(patient, study, number))
    (folder / ".done").touch()


def _stop_in_the_middle(process: "subprocess.Popen[str]", world: World, step: Middle) -> None:
    """Freeze the process once something of the step is done; near it, it is looked at only while it stands still."""
    end = time.monotonic() + _PATIENCE_S
    while not step.near(world):
        assert process.poll() is None, f"it ended before it could be stopped: {process.communicate()[0]}"
        assert time.monotonic() < end, "the step was not reached"
    while True:
        freeze(process.pid)
        looked = time.monotonic()
        count = step.done(world)
        if count >= 10:
            break
        assert time.monotonic() < end, "the step was not reached"
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(_STRETCH * (time.monotonic() - looked))
    assert count < 3 * SLICES, "it was stopped too late"


def _count(folder: Path, pattern: str) -> int:
    return sum(path.suffix != ".part" for path in folder.glob(pattern))


def _keys(world: World) -> Iterator[str]:
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        yield from destination.list_keys("demo/")
