"""What every room's tests share: real servers, started and ended by the tests on free ports."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.servers import S3Server, SftpServer, s3_server, sftp_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NEEDS = "needs "


def pytest_runtest_setup(item: pytest.Item) -> None:
    """``needs("sshd")``: run where one of the programs is found; elsewhere listed by name, and a failure in CI."""
    for mark in item.iter_markers("needs"):
        places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
        if not any(shutil.which(name, path=places) for name in mark.args):
            reason = f"{_NEEDS}{' or '.join(mark.args)}, not found on this machine"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test that this machine could not run."""
    missing = []
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(_NEEDS):
            missing.append(f"{report.nodeid}: {reason}")
    if missing:
        terminalreporter.section("not run here")
        for line in missing:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS with an empty folder, one for each test process."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """A new, empty bucket."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3.create_buckets(name)
    return name


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[Callable[..., SftpServer]]:
    """Starts SFTP servers: ``sftp(root, password=…)``, ``sftp(root, authorized_key=…)``; see demo.servers."""
    with ExitStack() as running:
        count = 0

        def start(root: Path, **options: object) -> SftpServer:
            nonlocal count
            count += 1
            return running.enter_context(sftp_server(root, tmp_path / f"sftp-state-{count}", **options))

        yield start


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A Chromium without a window, for tests that bear ``needs("chromium")``; it ends before another file begins."""
    from demo.browser import chromium  # of no use to the other tests

    with chromium() as running:
        yield running
