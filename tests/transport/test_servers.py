"""The servers that stand in for hospitals and for the Health Data Hub are real, private to this machine, and end."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from demo.servers import HOME, S3Server, SftpServer, free_ports, listeners, s3_server


def test_the_s3_server_listens_on_its_own_ports_of_this_machine_only(s3: S3Server) -> None:
    assert listeners(s3.pid) == {("127.0.0.1", port) for port in s3.ports}


def test_the_s3_server_keeps_what_is_put(s3: S3Server, bucket: str) -> None:
    s3.client().put_object(Bucket=bucket, Key="a/b", Body=b"content")

    assert s3.client().get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"content"


def test_the_sftp_server_listens_on_one_port_of_this_machine_only(
    sftp: Callable[..., SftpServer], tmp_path: Path
) -> None:
    server = sftp(tmp_path / "drop", password="secret")

    assert listeners(server.pid) == {("127.0.0.1", server.port)}


def test_an_s3_server_that_ended_leaves_no_port_and_no_socket(tmp_path: Path) -> None:
    with s3_server(tmp_path / "data") as server:
        pass

    assert not [left for port in server.ports for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]  # noqa: S108
    assert not any(accepts(port) for port in server.ports)


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_free_ports_are_all_different() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50


_SUITE = """
import pytest

@pytest.mark.needs("no-such-program-anywhere")
def test_that_cannot_run():
    pass

@pytest.mark.needs("no-such-program-anywhere", "sh")
def test_that_can():
    pass
"""


def _pytest(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(_SUITE, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs(program)\n", "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)],
        cwd=HOME,
        env={**environment, "CI": ci, "PYTHONPATH": f"{HOME}:{HOME / 'include'}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_whose_program_is_missing_is_listed_by_name(tmp_path: Path) -> None:
    run = _pytest(tmp_path, ci="")

    assert run.returncode == 0, run.stdout
    assert "not run here" in run.stdout
    assert "test_that_cannot_run: needs no-such-program-anywhere, not found on this machine" in run.stdout
    assert "1 passed, 1 skipped" in run.stdout


def test_in_ci_a_missing_program_is_a_failure(tmp_path: Path) -> None:
    run = _pytest(tmp_path, ci="true")

    assert run.returncode == 1
    assert "Failed: needs no-such-program-anywhere, not found on this machine" in run.stdout
    assert "1 passed, 1 error" in run.stdout
