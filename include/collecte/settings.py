"""Where this installation keeps its things: read from the environment, by the same names in every deployment.

=========================  ===================================================================================
variable                   holds
=========================  ===================================================================================
``COLLECTE_CATALOGUE``     SQLAlchemy URL of the catalogue (default: SQLite in ``.collecte/``);
                           ``COLLECTE_CATALOGUE_FILE`` names a file that holds it, such as a mounted secret
``COLLECTE_LANDING``       URL of the landing zone (``file://``): identifying (default ``.collecte/landing``)
``COLLECTE_CURATED``       URL of the curated zone (``file://``; default ``.collecte/curated``)
``COLLECTE_REPORTS``       URL of the folder of the coordinators' reports (``file://``; default ``.collecte/reports``)
``COLLECTE_RELEASE``       URL of the folder of releases (``file://``; default ``.collecte/release``)
``COLLECTE_VAULT``         URL of the vault: hidden labels and releases' secrets (``file://``; ``.collecte/vault``)
``COLLECTE_OPEN``          URL of the folder of Open Data packages (``file://``; default ``.collecte/open``)
``COLLECTE_CHALLENGES``    folder of the challenge files (default ``include/challenges``)
``COLLECTE_CONNECTIONS``   JSON file of connections, as Airflow's LocalFilesystemBackend reads it (no default)
``COLLECTE_SMTP``          id of the connection by which mails leave (no default: no mail is sent)
``COLLECTE_ON_CALL``       mail addresses, separated by commas, that are told of a failed task (no default)
=========================  ===================================================================================

Connections may also stand in the environment as Airflow reads them (``AIRFLOW_CONN_<ID>``).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collecte.errors import NeedsPerson

#: The checkout: the folder that holds include/, dags/ and expectations/.
HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    catalogue: str
    landing: str
    curated: str
    reports: str
    release: str
    vault: str
    open: str
    challenges: Path
    connections: Path | None
    smtp: str | None
    on_call: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings of this process.

        Raises:
            NeedsPerson: ``COLLECTE_CATALOGUE_FILE`` names a file that cannot be read.
        """
        state = HOME / ".collecte"
        connections = environment.get("COLLECTE_CONNECTIONS")
        on_call = environment.get("COLLECTE_ON_CALL", "").split(",")
        return cls(
            catalogue=_secret(environment, "COLLECTE_CATALOGUE") or f"sqlite:///{state / 'catalogue.db'}",
            landing=environment.get("COLLECTE_LANDING") or (state / "landing").as_uri(),
            curated=environment.get("COLLECTE_CURATED") or (state / "curated").as_uri(),
            reports=environment.get("COLLECTE_REPORTS") or (state / "reports").as_uri(),
            release=environment.get("COLLECTE_RELEASE") or (state / "release").as_uri(),
            vault=environment.get("COLLECTE_VAULT") or (state / "vault").as_uri(),
            open=environment.get("COLLECTE_OPEN") or (state / "open").as_uri(),
            challenges=Path(environment.get("COLLECTE_CHALLENGES") or HOME / "include" / "challenges"),
            connections=Path(connections) if connections else None,
            smtp=environment.get("COLLECTE_SMTP") or None,
            on_call=tuple(address.strip() for address in on_call if address.strip()),
        )


def _secret(environment: Mapping[str, str], name: str) -> str | None:
    """The value of ``name``, or the content of the file that ``<name>_FILE`` names."""
    if file := environment.get(f"{name}_FILE"):
        try:
            return Path(file).read_text("utf-8").strip()
        except OSError:
            raise NeedsPerson(
                f"{name}_FILE names {file}, which cannot be read.", "mount the secret there, or correct the variable."
            ) from None
    return environment.get(name)
