"""Promise 3: any task can be killed with -9 anywhere and run again: same catalogue, same bytes at the destination."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collecte import catalogue
from collecte.steps.housekeeping.uploads import uploads
from collecte.zones import place
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, curated, drop, dump, image, lay
from tests.promises.builders import zipped

#: Each of these dies once, and three of the others.
STEPS = ("receive", "unpack", "harvest", "make_safe", "accept", "ship", "commit_shipment")
OTHERS = ("find", "group", "describe", "validate", "report", "plan_ship")
#: A red test is the same on the next day; another seed by COLLECTE_TEST_SEED.
SEED = 20_261_125


@pytest.mark.timeout(900)  # a dozen processes, each with all its imports
def test_killed_at_ten_seeded_points_it_ends_as_an_undisturbed_run(make_world: Callable[[], World]) -> None:
    seed = int(os.environ.get("COLLECTE_TEST_SEED") or SEED)
    undisturbed, killed = make_world(), make_world()
    for world in (undisturbed, killed):
        _deliver(world)
    points = _counted(undisturbed)

    blows = _blows(random.Random(seed), points)
    told = f"COLLECTE_TEST_SEED={seed}: killed at {', '.join(blows)}"
    for blow in blows:
        code, said = _run(killed, COLLECTE_TEST_KILL=blow)
        assert code == -signal.SIGKILL, f"{told}; {blow} was not reached:\n{said}"
        with killed.site("arvel").catalogue.read() as connection:
            assert catalogue.verify(connection, "demo") == [], f"{told}; after {blow} the chain is broken"
    code, said = _run(killed)

    assert code == 1, f"{told}; the last run ended with {code}:\n{said}"  # 1: files were refused
    assert dump(killed.site("arvel")) == dump(undisturbed.site("arvel")), told
    uploads(killed.site("arvel"), datetime.now(UTC), abandoned=timedelta(0))  # of a night: what a killed probe left
    assert bucket(killed) == bucket(undisturbed), told
    assert curated(killed) == curated(undisturbed), told
    assert_sound(killed.site("arvel"))


def test_a_file_that_a_killed_attempt_placed_is_placed_again_and_leaves_no_part(tmp_path: Path) -> None:
    safe, target = tmp_path / "safe", tmp_path / "curated" / "a.dcm"
    safe.write_bytes(b"1")
    for _ in range(2):
        place(safe, target, hashlib.sha256(b"1").hexdigest())
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def _deliver(world: World) -> None:
    """Of everything a little: images, an archive in which one is broken, a table, a duplicate, a manifest."""
    images = {f"{p.ipp}/IM{n}": image(p, n) for p in (MARCHEMALLE, ESTRUGAMOU) for n in range(1, 5)}
    archive = zipped({f"IM{n}": image(TRIBOULOT, n) for n in (1, 2)} | {"IM3": image(TRIBOULOT, 3)[:-50]})
    table = f"ipp;fichier;label\n{MARCHEMALLE.ipp};{MARCHEMALLE.ipp}/IM1;1\n".encode()
    again = images[f"{MARCHEMALLE.ipp}/IM1"]
    lay(drop(world) / "lot", images | {"lot.zip": archive, "suivi.csv": table, "encore/IM1": again})


def _blows(choose: random.Random, points: Mapping[str, int]) -> list[str]:
    """Ten steps with the number of a point in each, in the order of the journey: each run is killed further on."""
    order = list(points)
    chosen = sorted((*STEPS, *choose.sample(OTHERS, 3)), key=order.index)
    return [f"{step}:{choose.randint(1, points[step])}" for step in chosen]


def _counted(world: World) -> Mapping[str, int]:
    """An undisturbed run; how many points each step had, in the order of the steps."""
    path = world.folder / "points.json"
    code, said = _run(world, COLLECTE_TEST_POINTS=str(path))
    assert code == 1, said
    points: Mapping[str, int] = json.loads(path.read_text("utf-8"))
    assert not {*STEPS, *OTHERS} - set(points), f"it did not go through all steps: {points}\n{said}"
    return points


def _run(world: World, **environment: str) -> tuple[int, str]:
    """``collecte run`` in a process of its own: exit code and output."""
    command = [sys.executable, "-m", "tests.promises.killed", "run", "demo", "arvel"]
    process = subprocess.run(
        command, env={**os.environ, **world.environment, **environment}, capture_output=True, text=True, timeout=500
    )
    return process.returncode, process.stdout + process.stderr
