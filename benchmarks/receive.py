"""Receiving (copied, hashed, synced, named) against OpenSSH's ``sftp`` with aes128-gcm and rclone, which only copy.

All three read from one OpenSSH server. Where the machine has none, Collecte and rclone read from the asyncssh server.

    python -m benchmarks.receive
"""

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from os import urandom
from pathlib import Path

from benchmarks._measure import Row, against, medians
from collecte.transport import Endpoint, Want, open_source
from demo.openssh import openssh
from demo.servers import HOST, make_key, program, sftp_server

#: Name, number of files, bytes of each, goal: the highest ratio to ``sftp`` that will do.
CASES = (
    ("2,000 × 0.5 MB", 2_000, 500_000, 1.0),
    ("700 MB", 1, 700_000_000, None),
    ("3,000 × 10 kB", 3_000, 10_000, None),
)
_PIECE = 1 << 20


@dataclass(frozen=True)
class Server:
    """A server with the drop, a connection of ours to it, and the command lines of plain tools into a folder."""

    endpoint: Endpoint
    path: str
    peers: Mapping[str, Callable[[Path], list[str]]]


def run() -> list[Row]:
    """A row for each case and peer: the ratio of medians."""
    return [row for case in CASES for row in _case(*case)]


def _case(what: str, files: int, size: int, goal: float | None) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as server:
        for number in range(files):
            _write(Path(folder) / "drop" / f"IM{number:06d}", size)
        works: dict[str, Callable[[int], object]] = {"ours": lambda _: _receive(server, _new(folder))}
        for name, command in server.peers.items():
            works[name] = partial(lambda _, command: _copy(command(_new(folder))), command=command)
        taken = medians(works)
    for name in server.peers:
        wanted = goal if name.startswith("OpenSSH") else None
        yield against(f"receive {what}, against {name.partition(',')[0]}", taken["ours"], taken[name], name, wanted)


def _write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            file.write(urandom(min(_PIECE, size - start)))


def _new(folder: str) -> Path:
    """An empty folder to receive into; what was received before is gone, and its pages with it."""
    target = Path(folder) / "target"
    if target.exists():
        shutil.rmtree(target)
    target.mkdir()
    return target


def _receive(server: Server, target: Path) -> None:
    with open_source(server.endpoint, server.path) as source:
        wants = (
            Want(entry, target / "in" / str(number), target / "part" / str(number))
            for number, entry in enumerate(source.entries())
        )
        assert all(result.outcome == "ok" for result in source.fetch(wants))


def _copy(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _server(folder: Path) -> Iterator[Server]:
    drop, key, known = folder / "drop", folder / "key", folder / "known_hosts"
    drop.mkdir()
    key.with_suffix(".pub").write_text(make_key(key), "ascii")
    if shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") and shutil.which("sftp"):
        with openssh(folder / "sshd", key) as server:
            known.write_text(f"[{HOST}]:{server.port} {server.host_key}\n", "ascii")
            user = getpass.getuser()
            peers = {
                "OpenSSH sftp, aes128-gcm": partial(_sftp, server.port, user, key, known, drop),
                "rclone, 4 transfers": partial(_rclone, server.port, user, key, known, drop),
            }
            yield Server(server.endpoint(key), str(drop), peers)
        return
    with sftp_server(drop, folder / "state", authorized_key=key.with_suffix(".pub")) as ours:
        known.write_text(f"[{HOST}]:{ours.port} {ours.host_key}\n", "ascii")
        extra = {"host_key": ours.host_key, "key_file": str(key)}
        endpoint = Endpoint("bench", "sftp", HOST, ours.port, ours.user, extra=extra)
        peers = {
            "rclone, 4 transfers, from asyncssh": partial(_rclone, ours.port, ours.user, key, known, Path("/")),
        }
        yield Server(endpoint, "/", peers)


def _sftp(port: int, user: str, key: Path, known: Path, drop: Path, target: Path) -> list[str]:
    options = ["-q", "-P", str(port), "-i", str(key), "-o", f"UserKnownHostsFile={known}", "-F", "none"]
    options += ["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-c", "aes128-gcm@openssh.com"]
    return ["sftp", "-r", *options, f"{user}@{HOST}:{drop}", str(target)]


def _rclone(port: int, user: str, key: Path, known: Path, drop: Path, target: Path) -> list[str]:
    # Without this it has the server run a program for the sum of each file; sftp does not, so both only copy.
    options = "disable_hashcheck=true,shell_type=none"
    remote = f":sftp,host={HOST},port={port},user={user},key_file={key},known_hosts_file={known},{options}:{drop}"
    return [program("rclone"), "copy", "--config", "/dev/null", "--transfers", "4", remote, str(target)]


if __name__ == "__main__":
    for row in run():
        print(row)
