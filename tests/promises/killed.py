"""The ``collecte`` command in a process that ends itself by SIGKILL at a counted point of a step.

A point is whatever leaves a trace elsewhere: a file opened for writing, made, renamed, linked or removed, an SQL
statement, a commit, a request sent to an object store::

    COLLECTE_TEST_KILL=ship:17 COLLECTE_TEST_POINTS=points.json python -m tests.promises.killed run demo arvel

kills it before the 17th point of ``ship``; without the first variable it runs to its end and writes how many points
each step had. ``tests/promises/line.py`` arms its children in the same way.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from sqlalchemy import event
from sqlalchemy.engine import Engine

import collecte
from collecte.cli import main

_FILES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "http.client.send"}
_STEPS = str(Path(collecte.__file__).with_name("steps"))
#: These only call others: the step is the function below them.
_COMPOSING = ("/journey.py", "/recall.py")


def arm(blow: str) -> Counter[str]:
    """From now on count the points of each step in this process; end it at ``ship:17``. Empty: at none."""
    step, _, number = blow.partition(":")
    points = Counter[str]()
    last = "start"

    def point(*_: object, **__: object) -> None:
        nonlocal last
        last = _current() or last  # a thread of a room has no step above it
        points[last] += 1
        if last == step and points[last] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, arguments: tuple[object, ...]) -> None:
        if name in _FILES or (name == "open" and _writes(arguments[2])):
            point()

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", point)
    event.listen(Engine, "commit", point)
    return points


def _current() -> str | None:
    """The step that runs: the outermost function of ``steps/`` that does more than call others."""
    found, frame = None, sys._getframe()
    below: FrameType | None = frame
    while below is not None:
        code = below.f_code
        if code.co_filename.startswith(_STEPS) and not code.co_filename.endswith(_COMPOSING):
            found = code.co_name
        below = below.f_back
    return found


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    counted = arm(os.environ.get("COLLECTE_TEST_KILL", ""))
    try:
        main()
    finally:
        if path := os.environ.get("COLLECTE_TEST_POINTS"):
            Path(path).write_text(json.dumps(counted), "utf-8")
