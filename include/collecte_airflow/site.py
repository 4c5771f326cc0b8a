"""The site of a task: settings from the environment, connections from Airflow."""

from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from collecte.errors import NeedsPerson

if TYPE_CHECKING:
    from collecte.steps import ChallengeSite
    from collecte.steps.site import Site
    from collecte.transport import Endpoint


def site(challenge_id: str, centre_id: str) -> "Site":
    """One centre of one challenge, as a task sees it; called where a task runs, for it reads keys and the catalogue.

    Raises:
        NeedsPerson: the challenge file is broken, or the keys, the catalogue or a connection cannot be had.
    """
    from collecte.steps import open_site

    return open_site(challenge_id, centre_id, connect=endpoint)


def whole(challenge_id: str) -> "ChallengeSite":
    """A challenge with all its centres, as a task sees it. Raises as :func:`site` does."""
    from collecte.steps import open_challenge

    return open_challenge(challenge_id, connect=endpoint)


def endpoint(connection_id: str) -> "Endpoint":
    """An Airflow connection as the library's endpoint. Secrets go no further than into it.

    Raises:
        NeedsPerson: Airflow knows no connection of that id, or it is none that Collecte can use.
    """
    from collecte.transport import endpoint_from_json

    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise NeedsPerson(
            f"There is no connection {connection_id}.",
            f"create it in the UI under Admin, Connections, with the id {connection_id}, or in the secrets backend.",
        ) from None
    parts = ("conn_type", "host", "port", "login", "password", "extra")
    return endpoint_from_json(connection_id, {part: getattr(found, part) for part in parts})
