"""Who may do what in Airflow: engineers run it, coordinators and data-protection officers look, start and answer.

Users and passwords are those of Airflow's simple auth manager, by its settings. Here its role ``user`` is that of those
who decide: they see what a viewer sees, start runs, and answer what they are asked under *Required Actions*. They
neither mark nor clear a task, write no XCom, pause no DAG: none of it would count as a decision. Who is asked for which
challenge is named in its file (``people``), by login.
"""

from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

#: Airflow's role of those who decide.
DECIDES = "user"

#: All that they may change: a new run, and the answer to what they are asked.
_ALLOWED = frozenset({("POST", DagAccessEntity.RUN), ("PUT", DagAccessEntity.HITL_DETAIL)})


class CollecteAuthManager(SimpleAuthManager):
    """Airflow's simple auth manager, in which those who decide can change nothing else."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Whether a user may do this to a DAG or to what belongs to it."""
        decides = (user.role or "").lower() == DECIDES
        if decides and method != "GET" and (method, access_entity) not in _ALLOWED:
            return False
        return bool(super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details))
