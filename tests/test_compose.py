"""docker-compose.yaml starts what the code reads: by the names of the local stack, with each secret in a file."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from collecte.challenge import load
from collecte.keys import Keys
from collecte.settings import Settings
from collecte.transport import load_endpoint
from demo import stack

HOME = Path(__file__).resolve().parents[1]
#: What only a deployment over several machines has.
CELERY = {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"}
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
SECRET = re.compile("SECRET_KEY|JWT_SECRET|FERNET|SQL_ALCHEMY_CONN|BROKER|RESULT_BACKEND|PASSWORD$|CATALOGUE")


@pytest.fixture(scope="module")
def compose() -> Mapping[str, Any]:
    return dict(yaml.safe_load((HOME / "docker-compose.yaml").read_text("utf-8")))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets") / "made"
    runpy.run_path(str(HOME / "deploy" / "make_secrets.py"))["make"](folder)
    return folder


def _names(environment: Mapping[str, str]) -> set[str]:
    """A setting's name, wherever its value stands: in a variable, in a file, in what a command prints."""
    return {
        re.sub(r"(?<=[A-Z])_(CMD|FILE)$", "", name) if not name.endswith("S_FILE") else name for name in environment
    }


def test_the_compose_file_keeps_the_schema() -> None:
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    ran = subprocess.run([*command, HOME / "docker-compose.yaml"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("service", AIRFLOW)
def test_its_settings_have_the_names_of_the_local_stack(
    compose: Mapping[str, Any], service: str, tmp_path: Path
) -> None:
    """Also those that it does without, there and here."""
    local = set(stack.settings_of(stack.Stack(tmp_path, tmp_path, {"airflow": 1})))

    assert stack.WITHOUT.get(service, set()) <= local
    assert _names(compose["services"][service]["environment"]) - CELERY == local - stack.WITHOUT.get(service, set())


def test_no_secret_stands_in_it(compose: Mapping[str, Any]) -> None:
    """A secret setting is read from a file by name; nothing else in the file looks like one."""
    for name, service in compose["services"].items():
        for key, value in (service.get("environment") or {}).items():
            if re.search(
                "SECRET_KEY|JWT_SECRET|FERNET|SQL_ALCHEMY_CONN|BROKER|RESULT_BACKEND|PASSWORD$|CATALOGUE", key
            ):
                assert key.endswith(("_CMD", "_FILE")), f"{name}: {key}"
                assert "/run/secrets/" in value, f"{name}: {key}"
            assert not re.search(r"://[^/]*:[^/]*@", value), f"{name}: {key}"


def test_each_secret_that_is_read_is_mounted_and_made(compose: Mapping[str, Any], secrets: Path) -> None:
    for name, service in compose["services"].items():
        text = json.dumps([service.get(part) for part in ("environment", "command", "healthcheck")])
        read = set(re.findall(r"/run/secrets/([a-z0-9_.]+[a-z0-9])", text))
        mounted = set(service.get("secrets", ()))
        assert read <= mounted, f"{name} reads {read - mounted}, which is not mounted"
        if name in AIRFLOW:
            assert mounted <= read, f"{name} does not read {mounted - read}"
    made = {path.name for path in secrets.iterdir()}
    for name, where in compose["secrets"].items():
        assert Path(where["file"]) == Path(".collecte/secrets") / name
        assert name in made, f"deploy/make_secrets.py does not make {name}"


def test_secrets_are_made_once(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}

    assert runpy.run_path(str(HOME / "deploy" / "make_secrets.py"))["make"](secrets) == []
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o077 == 0


def test_the_made_secrets_are_those_that_the_code_reads(secrets: Path) -> None:
    environment = {
        "COLLECTE_CATALOGUE_FILE": str(secrets / "catalogue"),
        "COLLECTE_CONNECTIONS": str(secrets / "connections.json"),
    }
    settings = Settings.from_environment(environment)
    demo = load(HOME / "include" / "challenges" / "demo.yaml")

    assert settings.catalogue.startswith("postgresql://collecte:")
    Keys.load(secrets / "keys_demo.json")
    assert demo.release
    assert demo.open_data
    hosts = [host.place for host in demo.release.destinations]
    for place in (demo.hdh, *hosts, demo.open_data.place, *(centre.drop for centre in demo.centres)):
        load_endpoint(place.connection, settings, {})


def test_the_users_have_passwords_and_the_roles_of_the_local_stack(compose: Mapping[str, Any], secrets: Path) -> None:
    users = compose["services"]["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]

    assert dict(user.split(":") for user in users.split(",")) == stack.USERS
    assert set(json.loads((secrets / "airflow_passwords.json").read_text("utf-8"))) == set(stack.USERS)


def test_each_service_tells_whether_it_is_healthy(compose: Mapping[str, Any]) -> None:
    assert set(AIRFLOW) | {"postgres", "valkey", "objectstore", "sftp", "mail", "init"} == set(compose["services"])
    unhealthy = [name for name, service in compose["services"].items() if "healthcheck" not in service]
    assert unhealthy == ["init"]


def test_nothing_listens_on_the_outside_of_the_machine(compose: Mapping[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_the_zones_are_seen_by_the_worker_alone(compose: Mapping[str, Any]) -> None:
    for name, service in compose["services"].items():
        mounted = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        zones = mounted & {"landing", "curated", "release", "vault", "open"}
        assert len(zones) == (5 if name == "worker" else 0), name


def test_the_image_takes_only_hashed_packages_and_no_root() -> None:
    text = (HOME / "Dockerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.txt" in text
    assert text.rstrip().endswith("USER collecte")
    ignored = (HOME / ".dockerignore").read_text("utf-8").splitlines()
    assert next(line for line in ignored if not line.startswith("#")) == "*"
