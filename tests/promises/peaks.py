"""The journey of one delivery, each step in a child process of its own: ``python -m tests.promises.peaks`` prints the
peak memory of each, in kilobytes, as JSON.

All begin as copies of one process, so that two runs may be compared step by step.
"""

import json
import os
import sys

from collecte import steps
from collecte.errors import CollecteError

WAY: dict[str, object] = {
    "find": None,
    "receive": "d0001/receive/1",
    "unpack": ["d0001"],
    "harvest": "d0001/harvest/1",
    "group": ["d0001"],
    "make_safe": "d0001/make_safe/1",
    "describe": "d0001/describe/1",
    "validate": "d0001",
    "accept": "d0001",
    "plan_ship": "d0001",
    "ship": "d0001/ship/1",
    "commit_shipment": "d0001",
    "report": "d0001",
    "feedback": "d0001",
}


def _peak(name: str, argument: object) -> int:
    """Peak memory of one step in a child, in kilobytes."""
    pid = os.fork()
    if pid == 0:
        try:
            getattr(steps, name)(steps.open_site("demo", "arvel"), *([] if argument is None else [argument]))
            os._exit(0)
        except CollecteError as error:
            sys.stderr.write(f"{name}: {error}\n")
            sys.stderr.flush()
        finally:
            os._exit(1)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{name} ended with {status}")
    return used.ru_maxrss


if __name__ == "__main__":
    json.dump({name: _peak(name, argument) for name, argument in WAY.items()}, sys.stdout)
