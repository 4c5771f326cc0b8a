"""A command as it runs in a terminal: standard output and standard error are one."""

import os
import pty
import subprocess
from contextlib import suppress


def in_terminal(*command: str) -> str:
    """All that the command shows, with the codes for colours and cursor."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "160", "LINES": "50", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        shown = bytearray()
        with suppress(OSError):  # EIO: the last writer has closed the terminal
            while more := os.read(ours, 65536):
                shown += more
        os.close(ours)
    return shown.decode("utf-8", "replace")
