"""The site of a task: settings from the environment, connections from Airflow."""

import json
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from collecte.errors import NeedsPerson

if TYPE_CHECKING:
    from collecte.steps.site import Site
    from collecte.transport import Endpoint


def site(challenge_id: str, centre_id: str) -> "Site":
    """One centre of one challenge, as a task sees it; called where a task runs, for it reads keys and the catalogue.

    Raises:
        NeedsPerson: the challenge file is broken, or the keys, the catalogue or a connection cannot be had.
    """
    from collecte.steps import open_site

    return open_site(challenge_id, centre_id, connect=endpoint)


def endpoint(connection_id: str) -> "Endpoint":
    """An Airflow connection as the library's endpoint. Secrets go no further than into it.

    Raises:
        NeedsPerson: Airflow knows no connection of that id, or its extra field is no JSON object.
    """
    from collecte.transport import Endpoint

    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise NeedsPerson(
            f"There is no connection {connection_id}.",
            f"create it in the UI under Admin, Connections, with the id {connection_id}, or in the secrets backend.",
        ) from None
    try:
        extra = json.loads(found.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise NeedsPerson(
            f"The extra field of connection {connection_id} is no JSON object.",
            'correct it under Admin, Connections; it looks like {"host_key": "ssh-ed25519 …"}.',
        )
    return Endpoint(found, extra)  # type: ignore[call-arg, arg-type]
