"""Connections are Airflow's: found where it finds them, read as it reads them, never shown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson
from collecte.settings import Settings
from collecte.transport import Endpoint, endpoint_from_json, load_endpoint


def _settings(connections: Path | None) -> Settings:
    return replace(Settings.from_environment({}), connections=connections)


def test_a_connection_in_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"chu": {"conn_type": "sftp", "host": "from-file", "port": "2222", "login": "u"}}))

    endpoint = load_endpoint("chu", _settings(file), {"AIRFLOW_CONN_CHU": "sftp://u@from-environment"})

    assert (endpoint.host, endpoint.port, endpoint.login) == ("from-file", 2222, "u")


def test_a_connection_of_the_environment_is_found_by_its_upper_case_id() -> None:
    endpoint = load_endpoint("chu_arvel", _settings(None), {"AIRFLOW_CONN_CHU_ARVEL": "sftp://u:p%40ss@host:22/"})

    assert (endpoint.conn_type, endpoint.host, endpoint.password) == ("sftp", "host", "p@ss")


def test_a_uri_carries_its_extras_in_the_query() -> None:
    endpoint = endpoint_from_json("hdh", "aws://AK:S%2FK@/?endpoint_url=http%3A%2F%2F127.0.0.1%3A8333")

    assert endpoint.extra == {"endpoint_url": "http://127.0.0.1:8333"}
    assert (endpoint.login, endpoint.password) == ("AK", "S/K")


def test_a_uri_may_carry_all_extras_as_one_json() -> None:
    endpoint = endpoint_from_json("chu", "sftp://u@h/?__extra__=%7B%22host_key%22%3A+%22ssh-ed25519+AAAA%22%7D")

    assert endpoint.extra == {"host_key": "ssh-ed25519 AAAA"}


def test_extras_may_be_json_text_inside_the_json() -> None:
    endpoint = endpoint_from_json("chu", json.dumps({"conn_type": "ssh", "extra": json.dumps({"host_key": "k"})}))

    assert (endpoint.conn_type, endpoint.text("host_key")) == ("sftp", "k")


def test_airflow_reads_the_same_out_of_the_same_uri() -> None:
    from airflow.models.connection import Connection

    uri = "sftp://us%20er:p%40s%2Fs@sftp.example.org:2222/?host_key=ssh-ed25519+AAAA&key_file=%2Fk"
    airflow, ours = Connection(conn_id="x", uri=uri), endpoint_from_json("x", uri)

    assert (ours.login, ours.password, ours.host, ours.port) == (
        airflow.login,
        airflow.password,
        airflow.host,
        airflow.port,
    )
    assert ours.extra == airflow.extra_dejson


def test_a_connection_never_shows_its_secrets() -> None:
    endpoint = Endpoint("chu", "sftp", "host", 22, "login", "PASSWORD", {"private_key": "PRIVATE"})

    assert repr(endpoint) == "Endpoint(id='chu', conn_type='sftp')"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{not json PASSWORD", "it is no JSON"),
        ({"conn_type": "ftp"}, "conn_type is none of sftp, aws, file"),
        ({"conn_type": "sftp", "extra": "{PASSWORD"}, "extra is no JSON"),
        ({"conn_type": "sftp", "extra": [1]}, "extra is no JSON object"),
        ({"conn_type": "sftp", "port": "PASSWORD"}, "port is no number"),
        ("sftp://u:PASSWORD@h:port", "its URI cannot be read"),
        (["PASSWORD"], "neither a JSON object nor a URI"),
    ],
)
def test_a_broken_connection_names_itself_and_the_key_not_the_value(value: object, says: str) -> None:
    with pytest.raises(NeedsPerson, match=f"Connection chu: .*{says}.* To do: ") as raised:
        endpoint_from_json("chu", value)

    assert "PASSWORD" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_an_unknown_connection_says_where_to_put_it() -> None:
    with pytest.raises(NeedsPerson, match=r"Connection chu is unknown.*COLLECTE_CONNECTIONS.*AIRFLOW_CONN_CHU"):
        load_endpoint("chu", _settings(None), {})


@pytest.mark.parametrize("content", ['{"chu": ', "[1]"])
def test_a_broken_file_of_connections_is_reported_without_its_content(tmp_path: Path, content: str) -> None:
    file = tmp_path / "connections.json"
    file.write_text(content)

    with pytest.raises(NeedsPerson, match="file of connections is no JSON"):
        load_endpoint("chu", _settings(file), {})


def test_a_connection_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"chu": ["sftp://a", "sftp://b"]}))

    with pytest.raises(NeedsPerson, match="stands 2 times"):
        load_endpoint("chu", _settings(file), {})


def test_seconds_that_are_none_are_refused() -> None:
    with pytest.raises(NeedsPerson, match="cmd_timeout is no number of seconds"):
        Endpoint("chu", "sftp", extra={"cmd_timeout": "-1"}).seconds("cmd_timeout", 3)
