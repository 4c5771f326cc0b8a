"""Other processes, as a test disturbs them."""

import os
import signal
from pathlib import Path

import pytest


def freeze(pid: int) -> None:
    """Stop a process and wait until it stands still: on a busy machine, one of its threads may go on a while.

    Raises:
        pytest.fail.Exception: it ended before.
    """
    os.kill(pid, signal.SIGSTOP)
    while (states := _states(pid)) != {"T"}:
        if not states or "Z" in states:
            pytest.fail(f"process {pid} ended before it could be stopped")


def _states(pid: int) -> set[str]:
    """The states of its threads (proc(5), /proc/pid/stat); a thread that ends while they are read is left out."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.add(thread.read_text("ascii", errors="replace").rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return states
