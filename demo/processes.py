"""Sessions of the operating system: start one, know its members, end them all, and nothing else.

A component of the demo is started as the leader of a session of its own. Airflow's tasks leave its process group but
keep the session, so the session's id finds everything that the component ever started. A recorded session holds the
machine's boot and the leader's start time as well: after a reboot, or once the kernel gave the number to somebody else,
it is stale and nobody is ended. Processes are never looked for by name.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
#: Seconds. Idle, SeaweedFS takes 20 to stop and a triggerer 10; both lose nothing by SIGKILL.
_TERM_S, _KILL_S = 5.0, 10.0

#: What this very process started and has not seen ending. Usually another process ends it: `make up` does not stay.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Session:
    """A started component: ``pid`` leads the session and is its id; ``started`` is in clock ticks since the boot."""

    name: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True)
class Process:
    pid: int
    session: int
    started: int
    ended: bool


class DidNotEnd(RuntimeError):
    """Processes outlived SIGKILL."""


def start(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path) -> Session:
    """Start a component in a session of its own; its output is added to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    leader = _read(process.pid)
    return Session(name, process.pid, leader.started if leader else 0, _boot())


def runs(session: Session) -> bool:
    """Whether the component itself, its session's leader, is alive."""
    leader = _read(session.pid)
    return session.boot == _boot() and leader is not None and leader.started == session.started and not leader.ended


def members(sessions: Iterable[Session]) -> list[int]:
    """The ids of all living processes of these sessions."""
    known = {session.pid: session for session in sessions if session.boot == _boot()}
    if not known:
        return []
    found = []
    for process in _all():
        session = known.get(process.session)
        if session is None or process.ended or process.started < session.started:
            continue
        leader = _read(session.pid)
        if leader is None or leader.started == session.started:
            found.append(process.pid)
    return sorted(found)


def end(sessions: Sequence[Session]) -> int:
    """End every process of these sessions: SIGTERM, then SIGKILL. Gives how many there were.

    Raises:
        DidNotEnd: some are still there after both.
    """
    there = members(sessions)
    for number, patience_s in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, _KILL_S)):
        left = members(sessions)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + patience_s
        while left and time.monotonic() < until:
            time.sleep(0.1)
            left = members(sessions)
    if left := members(sessions):
        raise DidNotEnd(f"{len(left)} processes do not end: {', '.join(map(str, left))}")
    return len(there)


def _all() -> Iterable[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (process := _read(int(entry.name))):
            yield process


def _read(pid: int) -> Process | None:
    """A process as /proc tells (proc(5): fields 3 state, 6 session, 22 start time), or None where there is none.

    A zombie counts as ended; one of our own children is reaped on the way.
    """
    if pid in _children and _children[pid].poll() is not None:
        del _children[pid]
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    return Process(pid, session=int(fields[3]), started=int(fields[19]), ended=fields[0] in "ZX")


def _boot() -> str:
    return _BOOT.read_text("ascii").strip()


def listeners(pids: Iterable[int]) -> set[tuple[str, int]]:
    """The TCP addresses and ports on which these processes listen, both families, from /proc."""
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text("ascii").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                address, port = local.split(":")
                found.add((_address(address), int(port, 16)))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _address(hexadecimal: str) -> str:
    """The kernel writes an address as little-endian 32-bit words; an IPv6 one is given as hex in reading order."""
    words = [bytes.fromhex(hexadecimal[i : i + 8])[::-1] for i in range(0, len(hexadecimal), 8)]
    raw = b"".join(words)
    if raw[:12] == bytes(10) + b"\xff\xff":
        raw = raw[12:]
    return ".".join(map(str, raw)) if len(raw) == 4 else raw.hex()
