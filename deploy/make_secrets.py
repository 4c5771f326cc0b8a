"""Makes the secrets that docker-compose.yaml mounts, each in a file of its own; what is there already is kept.

``make_secrets.py [FOLDER]``, by default ``.collecte/secrets`` in the checkout. The folder is closed to other users; the
files in it are readable, because a container's user is not the one who made them.
"""

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import asyncssh
from cryptography.fernet import Fernet

from collecte.keys import Keys

HOME = Path(__file__).resolve().parents[1]
#: Those of docker-compose.yaml: an engineer, a coordinator, a data-protection officer.
USERS = ("admin", "claire", "diane")


def make(folder: Path) -> list[str]:
    """Write what is missing, and give the names of what was written."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    for name, content in _contents(folder).items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o444)
            path.chmod(0o644)
            path.write_text(content(), "utf-8")
            path.chmod(0o444)
            made.append(name)
    return made


def _contents(folder: Path) -> Mapping[str, Callable[[], str]]:
    """Each file and how it is made; later ones read earlier ones."""

    def known(name: str) -> str:
        return (folder / name).read_text("utf-8")

    @cache
    def client_key() -> asyncssh.SSHKey:
        return asyncssh.generate_private_key("ssh-ed25519")

    @cache
    def host_key() -> asyncssh.SSHKey:
        return asyncssh.generate_private_key("ssh-ed25519")

    def database(driver: str, name: str) -> str:
        return f"{driver}://collecte:{known('postgres_password')}@postgres:5432/{name}"

    return {
        "postgres_password": _random,
        "valkey_password": _random,
        "airflow_session": _random,
        "airflow_jwt": _random,
        "airflow_fernet": lambda: Fernet.generate_key().decode(),
        "airflow_passwords.json": lambda: json.dumps({user: secrets.token_urlsafe(12) for user in USERS}),
        "airflow_database": lambda: database("postgresql+psycopg2", "airflow"),
        "celery_results": lambda: database("db+postgresql", "airflow"),
        "celery_broker": lambda: f"redis://:{known('valkey_password')}@valkey:6379/0",
        "catalogue": lambda: database("postgresql", "catalogue"),
        "keys_demo.json": lambda: Keys.new().dump(),
        "s3.json": _object_store,
        "sftp_host_key": lambda: _text(host_key().export_private_key()),
        "sftp_client_key": lambda: _text(client_key().export_private_key()),
        "sftp_client_key.pub": lambda: _text(asyncssh.read_private_key(folder / "sftp_client_key").export_public_key()),
        "connections.json": lambda: json.dumps(_connections(folder), indent=2),
    }


def _connections(folder: Path) -> dict[str, dict[str, object]]:
    identity = json.loads((folder / "s3.json").read_text("utf-8"))["identities"][0]["credentials"][0]
    store = {"endpoint_url": "http://objectstore:8333", "region_name": "us-east-1"}
    aws = {
        "conn_type": "aws",
        "login": identity["accessKey"],
        "password": identity["secretKey"],
        "extra": json.dumps(store),
    }
    host_key = _text(asyncssh.read_private_key(folder / "sftp_host_key").export_public_key()).strip()
    sftp = {"private_key": (folder / "sftp_client_key").read_text("ascii"), "host_key": host_key}
    server = {"conn_type": "sftp", "host": "sftp", "port": 22, "extra": json.dumps(sftp)}
    return {
        "demo_sftp_arvel": {**server, "login": "arvel"},
        "demo_sftp_corvane": {**server, "login": "corvane"},
        "demo_s3_belcombe": aws,
        "demo_hdh": aws,
        "demo_host_sftp": {**server, "login": "host"},
        "demo_host_s3": aws,
        "demo_open_s3": aws,
        "demo_smtp": _smtp(),
    }


def _smtp() -> dict[str, object]:
    """Replace it by the site's own relay: this one reaches nobody."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "collecte@demo.example"}
    return {"conn_type": "smtp", "host": "mail", "port": 1025, "extra": json.dumps(extra)}


def _object_store() -> str:
    credentials = {"accessKey": secrets.token_hex(10), "secretKey": _random()}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return json.dumps({"identities": [{"name": "collecte", "credentials": [credentials], "actions": actions}]})


def _random() -> str:
    return secrets.token_urlsafe(32)


def _text(exported: bytes) -> str:
    return exported.decode("ascii")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / ".collecte" / "secrets"
    written = make(target)
    sys.stdout.write(f"{len(written)} secrets made in {target}; the others were there\n")
