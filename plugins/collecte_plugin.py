"""What Collecte adds to Airflow itself: our pages, and a tab on every task's page that says what to press."""

from typing import Any, ClassVar

from airflow.sdk.plugins_manager import AirflowPlugin

from collecte_airflow.links import PREFIX, TAB, mounted


class CollectePlugin(AirflowPlugin):
    name = "collecte"
    external_views: ClassVar[list[dict[str, str]]] = [
        {
            "name": "What to press",
            "href": mounted("/task?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}"),
            "destination": "task_instance",
            "url_route": TAB,
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone; every other process reads this file too, and does without its imports."""
        from collecte_airflow.web import app

        return [{"app": app, "url_prefix": PREFIX, "name": "Collecte"}]
