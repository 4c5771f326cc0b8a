"""``check_centre`` against real servers, each with one thing wrong: the line that says so, and what it leaves alone."""

import asyncio
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from collecte import steps
from collecte.errors import NeedsPerson
from collecte.steps import Check
from demo.deliveries import deposit
from demo.openssh import openssh
from demo.servers import free_ports, make_key
from tests.http_servers import QuietHandler, serving
from tests.journey.conftest import World

_ALL = {"connection", "reachable", "server key", "login", "read", "write", "clock", "agreement", "landing"}


def _checked(world: World, centre: str = "arvel", **options: int) -> Mapping[str, Check]:
    return {c.name: c for c in steps.check_centre("demo", centre, world.settings, world.connect, **options)}


def _outcomes(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: check.outcome for name, check in checks.items()}


def _change(world: World, connection: str, **values: object) -> None:
    """Change a connection; ``extra`` is merged."""
    known = json.loads((world.folder / "connections.json").read_text())
    extra = {**known[connection].get("extra", {}), **values.pop("extra", {})}  # type: ignore[dict-item]
    known[connection] = {**known[connection], **values, "extra": extra}
    (world.folder / "connections.json").write_text(json.dumps(known))


def _fails_alone(checks: Mapping[str, Check], name: str, code: str, skipped: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    outcomes = _outcomes(checks)
    assert {check for check, outcome in outcomes.items() if outcome == "not"} == {name}, list(map(str, checks.values()))
    assert {check for check, outcome in outcomes.items() if outcome == "skipped"} == skipped
    finding = checks[name].finding
    assert finding is not None
    assert finding.code == code
    for text in (finding.text("fr"), finding.remedy("fr"), finding.text("en"), finding.remedy("en")):
        assert text in str(checks[name])


@pytest.mark.parametrize("centre", ["arvel", "belcombe"])
def test_a_centre_that_is_ready_passes_each_check_and_nothing_is_left_in_its_drop(world: World, centre: str) -> None:
    deposit(world.challenge, world.connect)
    before = _listing(world, centre)
    checks = _checked(world, centre)
    assert _outcomes(checks) == dict.fromkeys(_ALL, "ok")
    assert _listing(world, centre) == before
    assert re.fullmatch(r"1 deliveries, \d+ files, 0\.0 GB", checks["read"].seen)
    assert not list((world.folder / "landing").rglob("*"))


def _listing(world: World, centre: str) -> list[str]:
    from collecte.transport import open_source

    drop = world.challenge.centre(centre).drop
    with open_source(world.connect(drop.connection), drop.path) as source:
        return [entry.path for entry in source.entries()]


def test_nobody_listens_there(world: World) -> None:
    _change(world, "demo_sftp_arvel", port=free_ports(1)[0])
    skipped = {"server key", "login", "read", "write", "clock"}
    _fails_alone(_checked(world), "reachable", "CHECK-NOT-REACHED", skipped)


def test_nobody_listens_at_the_object_store(world: World) -> None:
    _change(world, "demo_s3_belcombe", extra={"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"})
    skipped = {"server key", "login", "read", "write", "clock"}
    _fails_alone(_checked(world, "belcombe"), "reachable", "CHECK-NOT-REACHED", skipped)


def test_a_server_with_another_key_is_not_logged_into(world: World, tmp_path: Path) -> None:
    _change(world, "demo_sftp_arvel", extra={"host_key": make_key(tmp_path / "other")})
    _fails_alone(_checked(world), "server key", "CHECK-SERVER-KEY", {"login", "read", "write", "clock"})


def test_a_wrong_password_is_a_login_refused_and_is_not_shown(world: World) -> None:
    _change(world, "demo_sftp_arvel", password="Marchemalle")
    checks = _checked(world)
    _fails_alone(checks, "login", "CHECK-LOGIN-REFUSED", {"read", "write", "clock"})
    assert "Marchemalle" not in " ".join(map(str, checks.values()))


def test_a_wrong_secret_of_the_object_store_is_a_login_refused(world: World) -> None:
    _change(world, "demo_s3_belcombe", password="wrong")
    _fails_alone(_checked(world, "belcombe"), "login", "CHECK-LOGIN-REFUSED", {"read", "write", "clock"})


@pytest.mark.parametrize("broken", [{"conn_type": "ftp"}, {"extra": {"host_key": ""}}, {"password": ""}])
def test_an_incomplete_connection_is_said_before_anything_is_sent(world: World, broken: dict[str, object]) -> None:
    _change(world, "demo_sftp_arvel", **broken)
    skipped = {"reachable", "server key", "login", "read", "write", "clock"}
    _fails_alone(_checked(world), "connection", "CHECK-CONNECTION-BROKEN", skipped)


def test_a_folder_that_is_not_there(world: World) -> None:
    (world.folder / "sftp" / "arvel" / "depot").rmdir()
    _fails_alone(_checked(world), "read", "CHECK-DROP-UNREADABLE", {"write", "clock"})


def test_retour_that_is_no_folder_does_not_hide_that_the_drop_can_be_read(world: World) -> None:
    (world.folder / "sftp" / "arvel" / "depot" / "retour").write_text("a file in its place")
    _fails_alone(_checked(world), "write", "CHECK-RETOUR-UNWRITABLE", {"clock"})


@pytest.mark.needs("sshd")
def test_openssh_serves_read_only(world: World, tmp_path: Path) -> None:
    key = tmp_path / "client"
    (tmp_path / "client.pub").write_text(make_key(key) + "\n")
    depot = tmp_path / "depot"
    (depot / "Envoi").mkdir(parents=True)
    (depot / "Envoi" / "IM0001").write_bytes(b"x")
    _rewrite(world, "path: /depot", f"path: {depot}")
    with openssh(tmp_path / "sshd", key, ForceCommand="internal-sftp -R") as server:
        end = server.endpoint(key)
        _change(world, "demo_sftp_arvel", port=end.port, login=end.login, password="", extra={**end.extra})
        _fails_alone(_checked(world), "write", "CHECK-RETOUR-UNWRITABLE", {"clock"})


def _rewrite(world: World, old: str, new: str) -> None:
    """Change the first mention of ``old`` in arvel's block."""
    path = world.settings.challenges / "demo.yaml"
    head, centre, rest = path.read_text("utf-8").partition("  - id: arvel")
    assert old in rest
    path.write_text(head + centre + rest.replace(old, new, 1), "utf-8")


def test_an_agreement_that_ended_does_not_hide_the_drop(world: World) -> None:
    _rewrite(world, "by: 2027-03-31", "by: 2020-02-01")
    _rewrite(world, "ends: 2099-12-31", "ends: 2021-12-31")
    _fails_alone(_checked(world), "agreement", "AGREEMENT-ENDED")


def test_two_failures_that_do_not_depend_on_each_other_are_both_told(world: World) -> None:
    _rewrite(world, "by: 2027-03-31", "by: 2020-02-01")
    _rewrite(world, "ends: 2099-12-31", "ends: 2021-12-31")
    _change(world, "demo_sftp_arvel", password="wrong")
    failed = {c.name for c in _checked(world, needed_bytes=10**18).values() if c.outcome == "not"}
    assert failed == {"login", "agreement", "landing"}


def test_landing_without_room(world: World) -> None:
    _fails_alone(_checked(world, needed_bytes=10**18), "landing", "CHECK-SPACE-SHORT")


def test_a_centre_that_the_challenge_does_not_have(world: World) -> None:
    with pytest.raises(NeedsPerson, match=r"no centre nowhere.*arvel"):
        _checked(world, "nowhere")


# --- clocks


class _YesterdaysServer(asyncssh.SFTPServer):
    """A server whose clock is a day behind: so are the times of the files that it tells."""

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return _yesterday(asyncssh.SFTPAttrs.from_local(super().lstat(path)))

    async def scandir(self, path: bytes):  # type: ignore[no-untyped-def]
        async for name in super().scandir(path):
            _yesterday(name.attrs)
            yield name


def _yesterday(attrs: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
    attrs.mtime = (attrs.mtime or 0) - 86_400
    return attrs


class _AnyPassword(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


@contextmanager
def _sftp_of_yesterday(root: Path, host_key: Path) -> Iterator[int]:
    """It runs in a thread of its own, on a free port."""
    started, ended = threading.Event(), asyncio.Event()
    port: list[int] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_AnyPassword,
            server_host_keys=[str(host_key)],
            sftp_factory=lambda channel: _YesterdaysServer(channel, chroot=os.fsencode(root)),
        )
        port.append(server.get_port())
        loops.append(asyncio.get_running_loop())
        started.set()
        await ended.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20)
        yield port[0]
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join()


def test_an_sftp_server_whose_clock_is_a_day_behind(world: World, tmp_path: Path) -> None:
    line = make_key(tmp_path / "host_key")
    with _sftp_of_yesterday(world.folder / "sftp" / "arvel", tmp_path / "host_key") as port:
        _change(world, "demo_sftp_arvel", port=port, extra={"host_key": line})
        checks = _checked(world)
    _fails_alone(checks, "clock", "CHECK-CLOCK-APART")
    assert re.fullmatch(r"the server's is 86(399|400|401) s behind", checks["clock"].seen)
    assert not list((world.folder / "sftp" / "arvel" / "depot" / "retour").iterdir())


class _StoreOfTomorrow(QuietHandler):
    """As much of an object store as a check asks for, an hour ahead."""

    objects: dict[str, bytes]

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(datetime.now(UTC).timestamp() + 3600)

    def _answer(self, body: bytes = b"", **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        asked = self.path.split("/", 2)[-1].partition("?")[0]
        if asked in self.objects:
            self._answer(self.objects[asked], Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")
            return
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size><LastModified>2026-01-01T00:00:00Z</LastModified>"
            "</Contents>"
            for key, data in self.objects.items()
        )
        self._answer(f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode())

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.objects[self.path.split("/", 2)[2]] = data
        self._answer()

    def do_HEAD(self) -> None:
        self._answer(self.objects[self.path.split("/", 2)[2]], Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")

    def do_DELETE(self) -> None:
        del self.objects[self.path.split("/", 2)[2]]
        self._answer()


def test_an_object_store_tells_its_clock_in_each_reply(world: World) -> None:
    handler = type("Handler", (_StoreOfTomorrow,), {"objects": {}})
    with serving(handler) as port:
        _change(world, "demo_s3_belcombe", extra={"endpoint_url": f"http://127.0.0.1:{port}"})
        checks = _checked(world, "belcombe")
    _fails_alone(checks, "clock", "CHECK-CLOCK-APART")
    assert "ahead" in checks["clock"].seen


# --- the command


def test_the_command_ends_with_0_1_or_2_and_shows_each_line(make_world: Callable[[], World]) -> None:
    world = make_world()
    good = world.command("centre", "check", "demo", "arvel", "--json")
    said, _ = good.communicate(timeout=60)
    assert good.returncode == 0, said
    assert {line["check"] for line in json.loads(said)} == _ALL
    nobody = world.command("centre", "check", "demo", "nowhere")
    said, _ = nobody.communicate(timeout=60)
    assert nobody.returncode == 2
    assert "To do:" in said
    _change(world, "demo_sftp_arvel", password="wrong")
    bad = world.command("centre", "check", "demo", "arvel")
    said, _ = bad.communicate(timeout=60)
    assert bad.returncode == 1
    assert "not     login" in said
    assert "To do:" in said
    assert "À faire :" in said
    assert "skipped write" in said
