"""What Airflow adds to the work: once over the demonstration's short steps, once over shards of a minute.

Both sides have the same input, the same servers, the same running stack beside them and as many processes at once.

    python -m benchmarks.airflow
"""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random

from benchmarks._measure import Row, against, seconds
from collecte import steps
from collecte.challenge import load
from collecte.settings import Settings
from collecte.transport import load_endpoint, open_source
from collecte_airflow import ids
from demo import deliveries, play
from demo import stack as local
from demo.airflow import Airflow
from demo.stack import Stack

CENTRE = "corvane"
#: Of four tables of so many rows at once, each takes two cores about a minute to make safe.
SHARDS, TABLE_ROWS = 4, 2_000_000
_DAG = ids.dag_id("collect", play.CHALLENGE, CENTRE)


def run() -> list[Row]:
    """The demonstration's journey against ``collecte run``; four shards of making safe against a pool of processes."""
    with tempfile.TemporaryDirectory() as folder, _stack(Path(folder) / "state") as stack:
        plain = _another_installation(stack, Path(folder) / "plain")
        return [_collection(stack, plain), _shards(stack, plain)]


@contextmanager
def _stack(state: Path) -> Iterator[Stack]:
    try:
        yield local.up(state, _say, parallelism=SHARDS)
    finally:
        local.down(state, _say)


def _say(what: str) -> None:
    print(f"airflow: {what}", file=sys.stderr, flush=True)


def _another_installation(stack: Stack, folder: Path) -> Mapping[str, str]:
    """The settings of a second one over the same drops and servers, with catalogue, zones and prefix of its own."""
    challenges = folder / "challenges"
    challenges.mkdir(parents=True)
    text = (stack.challenges / f"{play.CHALLENGE}.yaml").read_text("utf-8")
    again = text.replace("path: hdh-demo #", "path: hdh-demo/plain #").replace(
        "path: hdh-demo\n", "path: hdh-demo/plain\n"
    )
    assert again != text
    (challenges / f"{play.CHALLENGE}.yaml").write_text(again, "utf-8")
    zones = {name: (folder / name.lower()).as_uri() for name in ("LANDING", "CURATED", "REPORTS")}
    settings = {
        **stack.environment,
        **{f"COLLECTE_{name}": url for name, url in zones.items()},
        "COLLECTE_CATALOGUE": f"sqlite:///{folder / 'catalogue.db'}",
        "COLLECTE_CHALLENGES": str(challenges),
    }
    _finish([_command(settings, "catalogue", "upgrade")])
    return settings


def _collection(stack: Stack, plain: Mapping[str, str]) -> Row:
    os.environ.update(stack.settings)  # the challenge's keys are named by a variable
    settings = Settings.from_environment()
    challenge = load(settings.challenges / f"{play.CHALLENGE}.yaml")
    deliveries.deposit(challenge, lambda name: load_endpoint(name, settings))
    with Airflow(stack) as airflow:
        airflow.wait_for_dags([ids.dag_id("ship_hdh", challenge.id)])
        theirs = seconds(lambda: play.run_all(airflow, challenge, _say))
    centres = [centre.id for centre in challenge.centres]
    ours = seconds(lambda: _finish([_command(plain, "run", play.CHALLENGE, centre) for centre in centres], (0, 1)))
    return against("Airflow: the demonstration's journey", theirs, ours, "collecte run, a process a centre")


def _shards(stack: Stack, plain: Mapping[str, str]) -> Row:
    _deposit_tables(stack)
    with Airflow(stack) as airflow:
        (run,) = airflow.wait([airflow.trigger(_DAG)], _say, 1800)
        tasks = airflow.tasks(run)
    ready = max(_time(task, "end_date") for task in tasks if task["task_id"] == "group")
    made = [task for task in tasks if task["task_id"] == "make_safe"]
    assert len(made) == SHARDS
    theirs = max(_time(task, "end_date") for task in made) - ready
    shards = _prepare(plain)
    assert len(shards) == SHARDS
    with ProcessPoolExecutor(SHARDS, get_context("spawn"), _settle, (dict(plain),)) as pool:
        list(pool.map(_nothing, range(SHARDS)))  # the processes are there
        ours = seconds(lambda: list(pool.map(_make_safe, shards)))
    _say(f"each shard took {min(t['duration'] for t in made):.0f} to {max(t['duration'] for t in made):.0f} s")
    return against(f"Airflow: {SHARDS} shards of making safe", theirs, ours, f"{SHARDS} processes", 1.10)


def _time(task: Mapping[str, object], which: str) -> float:
    return datetime.fromisoformat(str(task[which])).timestamp()


def _deposit_tables(stack: Stack) -> None:
    """A delivery for each shard: one long table, with its marker."""
    settings = Settings.from_environment()
    drop = load(settings.challenges / f"{play.CHALLENGE}.yaml").centre(CENTRE).drop
    with open_source(load_endpoint(drop.connection, settings), drop.path) as source:
        for number in range(SHARDS):
            source.write(f"Serie {number}/donnees.csv", io.BytesIO(_table(number)))
            source.write(f"Serie {number}/.done", io.BytesIO(b""))


def _table(number: int) -> bytes:
    chance = Random(number)
    lines = ["ipp;sexe;age;date_examen;diagnostic;taille_mm"]
    lines += [
        f"C{number}{row // 1000:06d};{chance.choice('MF')};{chance.randint(18, 95)};"
        f"{chance.randint(1, 28):02d}/{chance.randint(1, 12):02d}/2024;{chance.randint(0, 3)};{chance.randint(1, 40)}"
        for row in range(TABLE_ROWS)
    ]
    return "\n".join(lines).encode()


def _prepare(plain: Mapping[str, str]) -> list[str]:
    """The steps before making safe, over the same four deliveries."""
    os.environ.update(plain)
    site = steps.open_site(play.CHALLENGE, CENTRE)
    found = steps.find(site)
    labels = sorted({ref.shard.partition("/")[0] for ref in found})
    for ref in found:
        steps.receive(site, ref.shard)
    for ref in steps.unpack(site, labels):
        steps.harvest(site, ref.shard)
    return [ref.shard for ref in steps.group(site, labels)]


def _settle(settings: dict[str, str]) -> None:
    os.environ.update(settings)


def _nothing(_: int) -> None:
    time.sleep(0.5)  # long enough for each process to take one


def _make_safe(shard: str) -> None:
    steps.make_safe(steps.open_site(play.CHALLENGE, CENTRE), shard)


def _command(settings: Mapping[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "collecte.cli", *arguments]
    return subprocess.Popen(command, env=dict(settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(started: "list[subprocess.Popen[bytes]]", fine: tuple[int, ...] = (0,)) -> None:
    for process in started:
        _, said = process.communicate()
        if process.returncode not in fine:
            raise RuntimeError(said.decode(errors="replace")[-2000:])


if __name__ == "__main__":
    for row in run():
        print(row)
