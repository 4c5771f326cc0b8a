"""The ``collecte`` command in a process that ends itself by SIGKILL at a counted point of a step.

A point is whatever leaves a trace elsewhere: a file opened for writing, made, renamed, linked or removed, an SQL
statement, a commit, a request sent to an object store::

    COLLECTE_TEST_KILL=ship:17 COLLECTE_TEST_POINTS=points.json python -m tests.promises.killed run demo arvel

kills it before the 17th point of ``ship``; without the first variable it runs to its end and writes how many points
each step had.
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
_step, _, _number = os.environ.get("COLLECTE_TEST_KILL", ":0").partition(":")
_points = Counter[str]()
_last = "start"


def _point(*_: object, **__: object) -> None:
    global _last
    _last = _current() or _last  # a thread of a room has no step above it
    _points[_last] += 1
    if _last == _step and _points[_last] == int(_number):
        os.kill(os.getpid(), signal.SIGKILL)


def _current() -> str | None:
    """The step that runs: the outermost function of ``steps/`` below the journey."""
    found, frame = None, sys._getframe()
    below: FrameType | None = frame
    while below is not None:
        code = below.f_code
        if code.co_filename.startswith(_STEPS) and not code.co_filename.endswith("journey.py"):
            found = code.co_name
        below = below.f_back
    return found


def _audit(name: str, arguments: tuple[object, ...]) -> None:
    if name in _FILES or (name == "open" and _writes(arguments[2])):
        _point()


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    sys.addaudithook(_audit)
    event.listen(Engine, "before_cursor_execute", _point)
    event.listen(Engine, "commit", _point)
    try:
        main()
    finally:
        if path := os.environ.get("COLLECTE_TEST_POINTS"):
            Path(path).write_text(json.dumps(_points), "utf-8")
