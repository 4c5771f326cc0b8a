"""One whole stack for the tests of this folder: a real Airflow over real servers, logging at DEBUG.

Every test file here belongs to the xdist group ``stack`` (``pytestmark``), so that one process runs them all and one
stack serves them, and ends after the last of them. A test leaves it running, and undoes what it changed; what only it
needs, it starts for itself.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo import stack
from demo.stack import Stack
from tests.stack import faults, votes, watching
from tests.stack.faults import World

HOME = Path(__file__).resolve().parents[2]

#: A lost worker is noticed, and a task tried again, after seconds instead of minutes; whatever a component can say, it
#: says.
SETTINGS = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}


def run_demo(verb: str, state: Path, *more: str | Path) -> "subprocess.CompletedProcess[str]":
    """``python -m demo VERB --state STATE …``, to its end."""
    command = [sys.executable, "-m", "demo", verb, "--state", state, *more]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False, timeout=300)


def load_stack(state: Path) -> Stack:
    known = stack.load(state)
    assert known is not None
    return known


@pytest.fixture
def demo() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return run_demo


@pytest.fixture
def load() -> Callable[[Path], Stack]:
    return load_stack


@pytest.fixture(scope="package")
def challenges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration; beside it a challenge file that is broken, and those of tests that disturb."""
    folder = tmp_path_factory.mktemp("challenges")
    text = (HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8")
    far = f"0 {(datetime.now(UTC).hour + 12) % 24} * * *"  # a night that begins while the tests run would start runs
    (folder / "demo.yaml").write_text(re.sub(r'(?<=schedule: )"[^"]*"', f'"{far}"', text), "utf-8")
    (folder / "broken.yaml").write_text("id: broken\nsociety: 7\n", "utf-8")
    (folder / "guet.yaml").write_text(watching.challenge_file(), "utf-8")
    (folder / f"{votes.CHALLENGE}.yaml").write_text(votes.challenge_file(), "utf-8")
    for challenge, centre in faults.DROPS:
        (folder / f"{challenge}.yaml").write_text(faults.challenge_file(challenge, centre), "utf-8")
    return folder


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, challenges: Path) -> Iterator[Stack]:
    """The stack; whatever happens, ended."""
    state = tmp_path_factory.mktemp("stack") / "state"
    watching.make_drops(state)
    settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    started = run_demo("up", state, "--challenges", challenges, *settings)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield load_stack(state)
    finally:
        run_demo("down", state)


@pytest.fixture(scope="package")
def worlds(running: Stack) -> Iterator[Mapping[str, World]]:
    """The challenges of tests that disturb, by their ids; each behind relays of its own."""
    with ExitStack() as ended, pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLLECTE_KEYS_DEMO", running.settings["COLLECTE_KEYS_DEMO"])
        yield faults.connect(ended, running)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is decided stays decided, and all that the stack wrote is searched for identifiers: of this folder's tests,
    these two come last."""
    last = ("test_decisions.py", "test_no_leak.py")
    places = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ours = [items[place] for place in places]
    ours.sort(key=lambda item: last.index(item.path.name) if item.path.name in last else -1)
    for place, item in zip(places, ours, strict=True):
        items[place] = item
