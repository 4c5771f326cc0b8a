"""What generated DAGs cost: 20 challenges × 30 centres, as the DAG processor and a worker meet them.

Seconds of CPU. Building is apart from loading the challenge files and from serialising, both shown beside it. The goal
of 6 ms a DAG is absolute, so its ratio is to that goal; linear growth is the cost of a DAG among 600 to that among 150.

    python -m benchmarks.dags
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._measure import Row

HOME = Path(__file__).resolve().parents[1]
CHALLENGES, CENTRES = 20, 30
GOAL_MS = 6.0

#: Runs in a process of its own, for Airflow takes its settings from the environment when it is imported.
_MEASURE = """
import gc, json, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from importlib.util import module_from_spec, spec_from_file_location
from airflow.serialization.serialized_objects import DagSerialization
from collecte.challenge import load_all
home, folder, empty = map(Path, sys.argv[1:])

def clocked(work):
    gc.collect()  # what an earlier measure left is not this one's
    start = time.process_time()
    result = work()
    return result, time.process_time() - start

spec = spec_from_file_location("collect", home / "dags" / "collect.py")
module = module_from_spec(spec)
spec.loader.exec_module(module)  # over an empty folder: it builds nothing yet
(challenges, broken), loading = clocked(lambda: load_all(folder))
assert not broken, broken[0]
pairs = [(challenge, centre) for challenge in challenges.values() for centre in challenge.centres]
build = lambda some: [module.collect(*pair) for pair in some]
build(pairs[:20])  # warm
_, few = clocked(lambda: build(pairs[:150]))
dags, all_ = clocked(lambda: build(pairs))
_, serialising = clocked(lambda: [DagSerialization.to_dict(dag) for dag in dags])
print(json.dumps({"dags": len(dags), "loading": loading, "few": few, "all": all_, "serialising": serialising}))
"""

_WORKER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
start = time.process_time()
with _airflow_parsing_context_manager(dag_id=sys.argv[2] or None):
    bag = DagBag(sys.argv[1])
print(json.dumps({"dags": len(bag.dags), "seconds": time.process_time() - start}))
"""


def run() -> list[Row]:
    """A row for each figure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, empty = Path(scratch) / "challenges", Path(scratch) / "empty"
        folder.mkdir()
        empty.mkdir()
        write_challenges(folder, CHALLENGES, CENTRES)
        asked = [_ask(_MEASURE, scratch, empty, HOME, folder, empty) for _ in range(3)]
        built = {name: median(one[name] for one in asked) for name in asked[0]}
        whole = _ask(_WORKER, scratch, folder, HOME / "dags" / "collect.py", "")
        own = _ask(_WORKER, scratch, folder, HOME / "dags" / "collect.py", "collect__bench-07__centre-11")
    assert (built["dags"], whole["dags"], own["dags"]) == (CHALLENGES * CENTRES, CHALLENGES * CENTRES, 1)
    each_ms = built["all"] / built["dags"] * 1000
    few_ms = built["few"] / 150 * 1000
    ms, s = "{:.2f} ms of CPU", "{:.2f} s of CPU"
    building = s.format(built["all"])
    return [
        Row("build a DAG of 600", each_ms / GOAL_MS, 1.0, ms.format(each_ms), f"{GOAL_MS:g} ms, the goal"),
        # Four times as many: growing with the square it would be 4. The collector of garbage takes its share.
        Row("a DAG among 600", each_ms / few_ms, 1.5, ms.format(each_ms), f"{ms.format(few_ms)}, among 150"),
        Row(
            "a worker's parse of one DAG",
            own["seconds"] / whole["seconds"],
            0.2,
            s.format(own["seconds"]),
            f"{s.format(whole['seconds'])}, the whole pass",
        ),
        *(
            Row(what, seconds / built["all"], None, s.format(seconds), f"{building}, building 600 DAGs")
            for what, seconds in (
                ("load 20 challenge files", built["loading"]),
                ("serialise 600 DAGs", built["serialising"]),
                ("the DAG pass for 20 × 30", whole["seconds"]),
            )
        ),
    ]


def write_challenges(folder: Path, challenges: int, centres: int) -> None:
    """Copies of the demonstration under ids of their own, each with so many centres."""
    text = (HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8")
    head, first, *_ = text.split("\n  - id: ")
    for c in range(challenges):
        blocks = (
            first.replace("arvel\n", f"centre-{n:02d}\n", 1).replace("path: /depot", f"path: /depot-{n:02d}")
            for n in range(centres)
        )
        challenge = "\n  - id: ".join((head.replace("id: demo ", f"id: bench-{c:02d} ", 1), *blocks))
        (folder / f"bench-{c:02d}.yaml").write_text(challenge, "utf-8")


def _ask(script: str, scratch: str, challenges: Path, *arguments: Path | str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": scratch,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COLLECTE_CHALLENGES": str(challenges),
        "PYTHONPATH": str(HOME / "include"),
    }
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ran = subprocess.run(command, env=environment, cwd=scratch, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr[-3000:])
    return dict(json.loads(ran.stdout.splitlines()[-1]))


if __name__ == "__main__":
    for row in run():
        print(row)
