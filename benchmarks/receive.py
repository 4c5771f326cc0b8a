"""Receiving (copied, hashed, synced, named) against OpenSSH's ``sftp`` with aes128-gcm, which only copies.

Where the machine has no sshd, rclone and Collecte read from the asyncssh server instead, and the row says so.

    python -m benchmarks.receive
"""

import getpass
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import urandom
from pathlib import Path

from collecte.transport import Endpoint, Want, open_source
from demo.openssh import openssh
from demo.servers import HOST, make_key, program, sftp_server

RUNS = 5

Row = dict[str, str | int | float | None]

#: Name, number of files, bytes of each, goal: the highest ratio that will do.
CASES = (("receive-400x0.5MB", 400, 500_000, 1.0), ("receive-1x300MB", 1, 300_000_000, 2.0))


@dataclass(frozen=True)
class Rival:
    """A server with the drop, a connection of ours to it, and the plain tool's command line into a folder."""

    name: str
    endpoint: Endpoint
    path: str
    command: Callable[[Path], list[str]]


def run() -> list[Row]:
    """A row for each case: the ratio of medians, both medians in seconds, and the rival."""
    rows: list[Row] = []
    for name, files, size, goal in CASES:
        with tempfile.TemporaryDirectory() as folder, _rival(Path(folder)) as rival:
            drop = Path(folder) / "drop"
            for number in range(files):
                (drop / f"IM{number:06d}").write_bytes(urandom(size))
            ours, theirs = _alternate(Path(folder), rival)
        rows.append(
            {
                "name": name,
                "ratio": ours / theirs,
                "goal": goal,
                "ours_s": ours,
                "theirs_s": theirs,
                "against": rival.name,
            }
        )
    return rows


def _alternate(folder: Path, rival: Rival) -> tuple[float, float]:
    """Medians of seconds, ours and theirs, run in turns, into folders that are new each time."""
    ours, theirs = [], []
    for turn in range(RUNS):
        target = folder / f"target-{turn}"
        ours.append(_timed(lambda target=target: _receive(rival, target)))  # type: ignore[misc]
        shutil.rmtree(target)
        target.mkdir()
        theirs.append(
            _timed(lambda target=target: subprocess.run(rival.command(target), check=True, capture_output=True))
        )  # type: ignore[misc]
        shutil.rmtree(target)
    return statistics.median(ours), statistics.median(theirs)


def _receive(rival: Rival, target: Path) -> None:
    with open_source(rival.endpoint, rival.path) as source:
        wants = (
            Want(entry, target / "in" / str(number), target / "part" / str(number))
            for number, entry in enumerate(source.entries())
        )
        assert all(result.outcome == "ok" for result in source.fetch(wants))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _rival(folder: Path) -> Iterator[Rival]:
    drop, key = folder / "drop", folder / "key"
    drop.mkdir()
    key.with_suffix(".pub").write_text(make_key(key), "ascii")
    known = folder / "known_hosts"
    if shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") and shutil.which("sftp"):
        with openssh(folder / "sshd", key) as server:
            known.write_text(f"[{HOST}]:{server.port} {server.host_key}\n", "ascii")
            options = ["-q", "-P", str(server.port), "-i", str(key), "-o", f"UserKnownHostsFile={known}"]
            options += ["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-c", "aes128-gcm@openssh.com", "-F", "none"]
            place = f"{getpass.getuser()}@{HOST}:{drop}"
            yield Rival(
                "OpenSSH sftp",
                server.endpoint(key),
                str(drop),
                lambda target: ["sftp", "-r", *options, place, str(target)],
            )
        return
    with sftp_server(drop, folder / "state", authorized_key=key.with_suffix(".pub")) as server:
        known.write_text(f"[{HOST}]:{server.port} {server.host_key}\n", "ascii")
        extra = {"host_key": server.host_key, "key_file": str(key)}
        remote = f":sftp,host={HOST},port={server.port},user={server.user},key_file={key},known_hosts_file={known}:/"
        yield Rival(
            "rclone, from asyncssh",
            Endpoint("bench", "sftp", HOST, server.port, server.user, extra=extra),
            "/",
            lambda target: [
                program("rclone"),
                "copy",
                "--config",
                "/dev/null",
                "--transfers",
                "4",
                remote,
                str(target),
            ],
        )


if __name__ == "__main__":
    for row in run():
        print(row)
