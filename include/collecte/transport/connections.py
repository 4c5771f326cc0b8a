"""Connections: where a drop or a destination is, and with which key. Airflow's own connections, read without Airflow.

A connection is found as Airflow finds it: in the JSON file of its LocalFilesystemBackend (``COLLECTE_CONNECTIONS``),
else in the environment (``AIRFLOW_CONN_<ID>``), each time as JSON or as a URI. The extras are called as Airflow's:

=============  ==================================================================================================
conn_type      login, password, extras
=============  ==================================================================================================
``sftp``       user; password or ``private_key`` (text) or ``key_file`` (path), with ``private_key_passphrase``;
               ``host_key``: the server's public key, one or several lines, required: an unknown server is never
               trusted; ``conn_timeout``, ``cmd_timeout``, ``keepalive_interval``: seconds
``aws``        access key id, secret; ``endpoint_url``, ``region_name``, ``aws_session_token``, ``config_kwargs``
               (botocore's Config); without a login botocore's own search for credentials
``file``       a folder of this machine; nothing else
=============  ==================================================================================================

``ssh`` is read as ``sftp``, ``s3`` as ``aws`` and ``fs`` as ``file``.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from collecte.errors import NeedsPerson
from collecte.settings import Settings

ConnType = Literal["sftp", "aws", "file"]

_TYPES: Mapping[str, ConnType] = {
    "sftp": "sftp",
    "ssh": "sftp",
    "aws": "aws",
    "s3": "aws",
    "file": "file",
    "fs": "file",
}


@dataclass(frozen=True)
class Endpoint:
    """A connection. Its ``repr`` shows the id and the type alone."""

    id: str
    conn_type: ConnType
    host: str = field(default="", repr=False)
    port: int | None = field(default=None, repr=False)
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """An extra as text; empty where it is absent."""
        value = self.extra.get(name)
        return "" if value is None else str(value)

    def seconds(self, name: str, default: float) -> float:
        """An extra as seconds.

        Raises:
            NeedsPerson: it is no number above zero.
        """
        value = self.text(name)
        try:
            number = float(value) if value else default
        except ValueError:
            number = 0.0
        if number <= 0:
            raise broken(self.id, name, "is no number of seconds", "write a number above 0, or remove it")
        return number


def broken(conn_id: str, key: str, what: str, remedy: str) -> NeedsPerson:
    """The error for one key of one connection: it never shows the key's value."""
    return NeedsPerson(f"Connection {conn_id}: {key} {what}.", f"{remedy} (Airflow: Admin > Connections > {conn_id}).")


def load_endpoint(conn_id: str, settings: Settings, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The connection of that id.

    Raises:
        NeedsPerson: it is nowhere, or cannot be read; the message names the connection and the key.
    """
    value = _from_file(conn_id, settings)
    if value is None:
        value = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if value is None:
        raise NeedsPerson(
            f"Connection {conn_id} is unknown.",
            f"add it to the file that COLLECTE_CONNECTIONS names, or set AIRFLOW_CONN_{conn_id.upper()}.",
        )
    return endpoint_from_json(conn_id, value)


def _from_file(conn_id: str, settings: Settings) -> object:
    if settings.connections is None:
        return None
    remedy = "correct the file that COLLECTE_CONNECTIONS names: an object of connections by id."
    try:
        known = json.loads(settings.connections.read_text("utf-8"))
    except OSError:
        raise NeedsPerson("The file of connections cannot be read.", remedy) from None
    except ValueError:  # the parser's message quotes the text, and the text holds passwords
        raise NeedsPerson("The file of connections is no JSON.", remedy) from None
    if not isinstance(known, dict):
        raise NeedsPerson("The file of connections is no JSON object.", remedy)
    value = known.get(conn_id)
    if isinstance(value, list):
        if len(value) != 1:
            raise NeedsPerson(f"Connection {conn_id} stands {len(value)} times in its file.", "leave one.")
        return value[0]
    return value


def endpoint_from_json(conn_id: str, value: object) -> Endpoint:
    """A connection out of Airflow's JSON form (a mapping or its text) or its URI form.

    Raises:
        NeedsPerson: it cannot be read, or its type is none of sftp, aws and file.
    """
    if isinstance(value, str):
        value = _object(conn_id, "it", value) if value.lstrip().startswith("{") else _from_uri(conn_id, value)
    if not isinstance(value, Mapping):
        raise broken(conn_id, "it", "is neither a JSON object nor a URI", "write one of the two")
    fields = cast("Mapping[str, object]", value)
    named = str(fields.get("conn_type") or "").replace("-", "_")
    if named not in _TYPES:
        raise broken(conn_id, "conn_type", "is none of sftp, aws, file", "choose one of them")
    return Endpoint(
        id=conn_id,
        conn_type=_TYPES[named],
        host=str(fields.get("host") or ""),
        port=_port(conn_id, fields.get("port")),
        login=str(fields.get("login") or ""),
        password=str(fields.get("password") or ""),
        extra=_extra(conn_id, fields),
    )


def _port(conn_id: str, value: object) -> int | None:
    if value in (None, ""):
        return None
    try:
        port = int(str(value))
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise broken(conn_id, "port", "is no number from 1 to 65535", "correct it")
    return port


def _extra(conn_id: str, fields: Mapping[str, object]) -> Mapping[str, object]:
    extra = fields.get("extra") or fields.get("extra_dejson") or {}
    if isinstance(extra, str):
        extra = _object(conn_id, "extra", extra)
    if not isinstance(extra, Mapping):
        raise broken(conn_id, "extra", "is no JSON object", "write {} with the extras inside")
    return cast("Mapping[str, object]", extra)


def _object(conn_id: str, key: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise broken(conn_id, key, "is no JSON", "correct it") from None


def _from_uri(conn_id: str, uri: str) -> Mapping[str, object]:
    """``sftp://user:password@host:port/?host_key=…``, each part percent-encoded, as Airflow writes it."""
    try:
        parts = urlsplit(uri)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return {
            "conn_type": parts.scheme,
            "host": unquote(parts.hostname or ""),
            "port": parts.port,
            "login": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "extra": query.get("__extra__", query),
        }
    except ValueError:
        raise broken(conn_id, "its URI", "cannot be read", "percent-encode login, password and extras") from None
