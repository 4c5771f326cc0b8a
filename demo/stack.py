"""The local stack: an S3 server, SFTP servers and Airflow, as plain processes on 127.0.0.1.

Everything lives under one *state folder* (``.demo``), so several stacks can run at once::

    stack.json          ports and recorded sessions: what runs, and what `down` ends
    env.sh              the settings as a shell reads them: `. .demo/env.sh` then `airflow …` or `collecte …`
    secrets.json        generated once: Airflow's keys, passwords of the demo's users and accounts
    connections.json    the connections, as Airflow's LocalFilesystemBackend and `collecte` read them
    keys/               the challenge's keys
    airflow/ s3/ sftp/ catalogue.db logs/
    landing/ curated/ release/ vault/ open/ reports/
    mails/              what the mail server was given, a file each

The settings have the same names as in docker-compose.yaml; a test holds the two against each other.
"""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from demo import mail, processes, servers
from demo.processes import Session

HOME = Path(__file__).resolve().parents[1]
HOST = servers.HOST
#: The demo's users and their roles in Airflow: an engineer, a coordinator, a data-protection officer. The challenge
#: file names the last two under ``people``.
USERS: Mapping[str, str] = {"admin": "admin", "claire": "user", "diane": "user"}
#: The demo's SFTP servers, of two centres and of a competition host: how each lets us in, and its folder for us.
SFTP_SERVERS: Mapping[str, tuple[str, str]] = {
    "arvel": ("key", "depot"),
    "corvane": ("password", "depot"),
    "host": ("key", "challenge"),
}
BUCKETS = ("belcombe", "hdh-demo", "host-demo", "open-demo")
#: Airflow's components: a serving of logs would listen on 0.0.0.0, and one machine reads its logs from the disk.
AIRFLOW: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_ZONES = ("LANDING", "CURATED", "RELEASE", "VAULT", "OPEN")
_DATA = frozenset(f"COLLECTE_{name}" for name in ("CATALOGUE", "CONNECTIONS", "KEYS_DEMO", *_ZONES))
#: Settings that a component does without. The API server shows reports, the DAG processor reads DAG files and mails
#: what became of their runs: neither sees keys, catalogue or a centre's data.
WITHOUT: Mapping[str, frozenset[str]] = {
    "api-server": _DATA
    | {"AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"}
    | {"COLLECTE_CHALLENGES", "COLLECTE_ON_CALL", "COLLECTE_SMTP"},
    "dag-processor": _DATA | {"COLLECTE_REPORTS"},
}
_PATIENCE_S = 180.0


class StackError(RuntimeError):
    """The stack did not come up; the message names the log to read."""


@dataclass(frozen=True)
class Stack:
    """A stack that runs, or ran: its state folder, its ports by component, its sessions."""

    state: Path
    challenges: Path
    ports: Mapping[str, int]
    sessions: tuple[Session, ...] = ()
    parallelism: int = 4
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """Where the UI and the REST API answer."""
        return f"http://{HOST}:{self.ports['airflow']}"

    @property
    def user(self) -> str:
        """The engineer's login."""
        return next(iter(USERS))

    @property
    def password(self) -> str:
        return self.passwords[self.user]

    @property
    def passwords(self) -> dict[str, str]:
        """The password of each of :data:`USERS`."""
        known = _secrets(self.state)
        return {user: known[user] for user in USERS}

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Airflow, tasks and the `collecte` command see this stack."""
        return {**_inherited(), **self.settings}

    def running(self) -> dict[str, bool]:
        """Each component, and whether it is alive."""
        return {session.name: processes.runs(session) for session in self.sessions}


def state_folder() -> Path:
    """``COLLECTE_DEMO_STATE``, or ``.demo`` in the checkout."""
    return Path(os.environ.get("COLLECTE_DEMO_STATE") or HOME / ".demo").resolve()


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Keep others from starting or ending this stack meanwhile. Whoever is killed lets go.

    Raises:
        StackError: somebody else is at work on it.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_name(f"{state.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"Another command is starting, playing or ending the stack in {state}: let it end."
            ) from None
        yield


def load(state: Path) -> Stack | None:
    """The stack recorded in a state folder, running or not; None where none was started."""
    try:
        raw = json.loads((state / "stack.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    sessions = tuple(Session(**session) for session in raw.pop("sessions"))
    return Stack(state, Path(raw.pop("challenges")), sessions=sessions, **raw)


def up(
    state: Path,
    say: Callable[[str], None],
    challenges: Path | None = None,
    parallelism: int = 4,
    other: Mapping[str, str] | None = None,
) -> Stack:
    """Start everything and wait until all of it answers; what already runs there is ended first. Data are kept.

    ``other``: settings that take the place of ours (:func:`settings_of`).

    Raises:
        StackError: a component ended, or did not answer in three minutes. What was started is ended again.
    """
    down(state, say)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / "logs").mkdir(exist_ok=True)
    s3 = servers.plan_s3(state / "s3")
    airflow, smtp, *sftp = servers.free_ports(2 + len(SFTP_SERVERS))
    ports = {"airflow": airflow, "mail": smtp, "s3": s3.s3_port, **dict(zip(_sftp_names(), sftp, strict=True))}
    ports |= {f"s3-{index}": port for index, port in enumerate(s3.ports) if port != s3.s3_port}
    stack = Stack(state, challenges or HOME / "include" / "challenges", ports, parallelism=parallelism)
    stack = replace(stack, settings={**settings_of(stack), **(other or {})})
    _prepare(stack, s3)
    try:
        return _start_all(stack, s3, say)
    except BaseException:
        down(state, say)
        raise


def restart(stack: Stack, name: str) -> Stack:
    """Start one of Airflow's components again, after it ended; the stack with its new session."""
    others = tuple(session for session in stack.sessions if session.name != name)
    return _start(replace(stack, sessions=others), name, _airflow(*AIRFLOW[name]))


def down(state: Path, say: Callable[[str], None]) -> int:
    """End every process of the stack and give how many there were; data and logs are kept."""
    stack = load(state)
    if stack is None:
        return 0
    ended = processes.end(stack.sessions)
    if ended:
        say(f"ended {ended} processes of {len(stack.sessions)} components")
    _record(replace(stack, sessions=()))
    return ended


def forget(state: Path, say: Callable[[str], None]) -> None:
    """End the stack and remove all of its data: the demo begins with empty drops and an empty catalogue."""
    down(state, say)
    if (state / "stack.json").exists():
        shutil.rmtree(state)


def _start_all(stack: Stack, s3: servers.S3Server, say: Callable[[str], None]) -> Stack:
    for name, command in _servers(stack, s3):
        stack = _start(stack, name, command)
    say(f"started the S3 server, {len(SFTP_SERVERS)} SFTP servers and a mail server; preparing both databases")
    with ThreadPoolExecutor() as threads:
        airflow = threads.submit(_once, stack, "airflow-migrate", _airflow("db", "migrate"))
        catalogue = threads.submit(_once, stack, "catalogue-upgrade", _catalogue())
        _wait(stack, "s3", lambda: _buckets(s3))
        say(f"S3 answers on {s3.endpoint_url}, buckets {', '.join(BUCKETS)}")
        for name in _sftp_names():
            _wait(stack, name, lambda name=name: servers.shows_banner(stack.ports[name]))  # type: ignore[misc]
            say(f"SFTP of {name.removeprefix('sftp-')} answers on {HOST}:{stack.ports[name]}")
        _wait(stack, "mail", lambda: mail.answers(HOST, stack.ports["mail"]))
        catalogue.result()
        airflow.result()
    say("both databases are at their newest version; starting Airflow")
    for name, arguments in AIRFLOW.items():
        stack = _start(stack, name, _airflow(*arguments))
    for part, component in _HEALTH.items():
        _wait(stack, component, lambda part=part: _healthy(stack, part))  # type: ignore[misc]
        say(f"{component} is healthy")
    return stack


#: What Airflow's health answer calls each component; the API server answers for the database.
_HEALTH = {
    "metadatabase": "api-server",
    "scheduler": "scheduler",
    "dag_processor": "dag-processor",
    "triggerer": "triggerer",
}


def settings_of(stack: Stack) -> dict[str, str]:
    """Every setting, by the names of docker-compose.yaml."""
    state, known = stack.state, _secrets(stack.state)
    home, connections = state / "airflow", state / "connections.json"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": stack.url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(stack.ports["airflow"]),
        "AIRFLOW__API__SECRET_KEY": known["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": known["jwt"],
        "AIRFLOW__CORE__AUTH_MANAGER": "collecte_airflow.auth_manager.CollecteAuthManager",
        "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "30",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{stack.url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": known["fernet"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": str(stack.parallelism),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOME / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(connections)}),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "COLLECTE_CATALOGUE": f"sqlite:///{state / 'catalogue.db'}",
        "COLLECTE_CHALLENGES": str(stack.challenges),
        "COLLECTE_CONNECTIONS": str(connections),
        "COLLECTE_ON_CALL": "on-call@demo.example",
        "COLLECTE_REPORTS": (state / "reports").as_uri(),
        "COLLECTE_SMTP": "demo_smtp",
        "COLLECTE_KEYS_DEMO": str(state / "keys" / "demo.json"),
        **{f"COLLECTE_{zone}": (state / zone.lower()).as_uri() for zone in _ZONES},
        "PYTHONPATH": str(HOME / "include"),
    }


def _inherited() -> dict[str, str]:
    """What a component takes from our own environment: nothing of another Airflow, nothing of a proxy."""
    kept = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "PATH": path, "NO_PROXY": "*"}


def _secrets(state: Path) -> dict[str, str]:
    """The stack's secrets; what is missing is made, what is there is kept."""
    path = state / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    made = {name: secrets.token_urlsafe(32) for name in ("jwt", "session", "corvane")}
    made |= {user: secrets.token_hex(8) for user in USERS}
    made["fernet"] = Fernet.generate_key().decode()
    if made.keys() - known.keys():
        known = made | known
        _write_secret(path, json.dumps(known))
    return known


def _prepare(stack: Stack, s3: servers.S3Server) -> None:
    """Folders, keys, passwords and connections: all that must be there before the first process."""
    from collecte.keys import Keys

    state = stack.state
    zones = [zone.lower() for zone in _ZONES]
    for folder in ("airflow", *zones, "reports", "mails", "keys"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    for server, (_, folder) in SFTP_SERVERS.items():
        (state / "sftp" / server / folder).mkdir(parents=True, exist_ok=True)
        for key in (_host_key(state, server), _client_key(state, server)):
            if not key.exists():
                key.with_suffix(".pub").write_text(servers.make_key(key) + "\n", "ascii")
    if not (state / "keys" / "demo.json").exists():
        Keys.new().save(state / "keys" / "demo.json")
    _write_secret(state / "airflow" / "passwords.json", json.dumps(stack.passwords))
    _write_secret(state / "connections.json", json.dumps(_connections(stack, s3), indent=2))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in stack.settings.items()]
    _write_secret(state / "env.sh", "\n".join(lines) + "\n")


def _connections(stack: Stack, s3: servers.S3Server) -> dict[str, dict[str, Any]]:
    """The demo's connections, under the ids that include/challenges/demo.yaml names."""
    aws = {
        "conn_type": "aws",
        "login": s3.access_key,
        "password": s3.secret_key,
        "extra": json.dumps({"endpoint_url": s3.endpoint_url, "region_name": "us-east-1"}),
    }
    sftp: dict[str, dict[str, Any]] = {}
    for server, (way, _) in SFTP_SERVERS.items():
        extra = {"host_key": servers.public_line(_host_key(stack.state, server))}
        if way == "key":
            extra["private_key"] = _client_key(stack.state, server).read_text("ascii")
        sftp["demo_host_sftp" if server == "host" else f"demo_sftp_{server}"] = {
            "conn_type": "sftp",
            "host": HOST,
            "port": stack.ports[f"sftp-{server}"],
            "login": server,
            "password": _secrets(stack.state)[server] if way == "password" else None,
            "extra": json.dumps(extra),
        }
    stores = ("demo_s3_belcombe", "demo_hdh", "demo_host_s3", "demo_open_s3")
    return {**sftp, **dict.fromkeys(stores, aws), "demo_smtp": _smtp(stack)}


def _smtp(stack: Stack) -> dict[str, Any]:
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "collecte@demo.example"}
    return {"conn_type": "smtp", "host": HOST, "port": stack.ports["mail"], "extra": json.dumps(extra)}


def _servers(stack: Stack, s3: servers.S3Server) -> list[tuple[str, list[str]]]:
    commands = [
        ("s3", servers.s3_command(s3)),
        ("mail", [sys.executable, "-m", "demo.mail", str(stack.ports["mail"]), str(stack.state / "mails")]),
    ]
    for server, (way, _) in SFTP_SERVERS.items():
        command = servers.sftp_command(
            stack.state / "sftp" / server,
            stack.ports[f"sftp-{server}"],
            _host_key(stack.state, server),
            user=server,
            authorized_key=_client_key(stack.state, server).with_suffix(".pub") if way == "key" else None,
            password_env="DEMO_SFTP_PASSWORD" if way == "password" else None,
            max_connections=4,
        )
        commands.append((f"sftp-{server}", command))
    return commands


def _start(stack: Stack, name: str, command: list[str]) -> Stack:
    """Start one component and record its session at once, so that whatever happens next it can be ended."""
    without = WITHOUT.get(name, frozenset())
    environment = {setting: value for setting, value in stack.environment.items() if setting not in without}
    if name == "scheduler":
        # It ends where it meets SQLite locked. The others answer an error then, and are asked again: for them the
        # usual 5 seconds serve, which also end a wait of the API server for itself.
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] += "?timeout=60"
    server = name.removeprefix("sftp-")
    if SFTP_SERVERS.get(server, ("", ""))[0] == "password":
        environment["DEMO_SFTP_PASSWORD"] = _secrets(stack.state)[server]
    session = processes.start(name, command, _log(stack, name), environment, HOME)
    stack = replace(stack, sessions=(*stack.sessions, session))
    _record(stack)
    return stack


def _once(stack: Stack, name: str, command: list[str]) -> None:
    """Run a command to its end."""
    with _log(stack, name).open("ab") as log:
        ran = subprocess.run(command, env=stack.environment, cwd=HOME, stdout=log, stderr=log, check=False)
    if ran.returncode:
        raise StackError(f"{name} ended with {ran.returncode}; its log: {_log(stack, name)}")


def _wait(stack: Stack, name: str, ready: Callable[[], bool]) -> None:
    """Wait until a component is ready, or any component ended."""
    until = time.monotonic() + _PATIENCE_S
    while not ready():
        for component, alive in stack.running().items():
            if not alive:
                raise StackError(f"{component} ended; its log: {_log(stack, component)}")
        if time.monotonic() > until:
            raise StackError(f"{name} did not answer in {_PATIENCE_S:.0f} s; its log: {_log(stack, name)}")
        time.sleep(0.25)


def _buckets(s3: servers.S3Server) -> bool:
    if not servers.lists_buckets(s3):
        return False
    s3.create_buckets(*BUCKETS)
    return True


def _healthy(stack: Stack, part: str) -> bool:
    try:
        answer = httpx.get(f"{stack.url}/api/v2/monitor/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and (answer.json().get(part) or {}).get("status") == "healthy"


def _record(stack: Stack) -> None:
    """Write stack.json whole or not at all."""
    raw = {
        "challenges": str(stack.challenges),
        "ports": dict(stack.ports),
        "sessions": [asdict(session) for session in stack.sessions],
        "parallelism": stack.parallelism,
        "settings": dict(stack.settings),
    }
    part = stack.state / "stack.json.part"
    _write_secret(part, json.dumps(raw, indent=2))
    part.replace(stack.state / "stack.json")


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _catalogue() -> list[str]:
    return [sys.executable, str(HOME / "deploy" / "migrate.py")]


def _sftp_names() -> list[str]:
    return [f"sftp-{server}" for server in SFTP_SERVERS]


def _host_key(state: Path, server: str) -> Path:
    return state / "sftp" / f"{server}.host_key"


def _client_key(state: Path, server: str) -> Path:
    return state / "sftp" / f"{server}.client_key"


def _log(stack: Stack, name: str) -> Path:
    return stack.state / "logs" / f"{name}.log"
