"""A real OpenSSH server, of the machine's own, on a free port of 127.0.0.1, for the user who runs it."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collecte.transport import Endpoint
from demo.servers import HOST, free_ports, make_key, program, start, stop, wait_until

_SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")


@dataclass(frozen=True)
class Sshd:
    """A running server and the public key that it shows."""

    port: int
    host_key: str
    pid: int

    def endpoint(self, client_key: Path, **extra: object) -> Endpoint:
        """A connection to it; keepalives are quick, so that tests of silence are."""
        extras = {"host_key": self.host_key, "key_file": str(client_key), "keepalive_interval": 1, **extra}
        return Endpoint("chu_openssh", "sftp", HOST, self.port, getpass.getuser(), extra=extras)


@contextmanager
def openssh(state: Path, client_key: Path, **options: str) -> Iterator[Sshd]:
    """Start one that lets ``client_key`` in (its public half beside it, ``.pub``); options as in sshd_config(5)."""
    state.mkdir()
    host_key = make_key(state / "host_key")
    port = free_ports(1)[0]
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it drops its privileges
    settings = {
        "Port": str(port),
        "ListenAddress": HOST,
        "HostKey": str(state / "host_key"),
        "PidFile": "none",
        "AuthorizedKeysFile": str(client_key.with_suffix(".pub")),
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "Subsystem": f"sftp {sftp_program()}",
        **options,
    }
    config, log = state / "sshd_config", state / "log"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), "utf-8")
    process = start([program("sshd"), "-D", "-e", "-f", str(config)], log)
    try:
        wait_until(lambda: b"listening" in log.read_bytes(), process, log)
        yield Sshd(port, host_key, process.pid)
    finally:
        stop(process, grace_s=5)


def sftp_program() -> str:
    """Where OpenSSH keeps the program that speaks SFTP behind it."""
    return next(path for path in _SFTP_SERVERS if Path(path).exists())
