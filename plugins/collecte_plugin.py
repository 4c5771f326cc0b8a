"""What Collecte adds to Airflow itself: the page *Collecte* and others, and on every task's page what to press."""

from typing import Any, ClassVar

from airflow.sdk.plugins_manager import AirflowPlugin

from collecte_airflow.links import PREFIX, TAB, mounted

#: A tray that something comes down into.
_ICON = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='{colour}' "
    "stroke-width='1.8' stroke-linecap='round' stroke-linejoin='round'>"
    "<path d='M12 3v10m-4-4 4 4 4-4M3 14v6h18v-6h-5a4 4 0 0 1-8 0z'/></svg>"
)


class CollectePlugin(AirflowPlugin):
    name = "collecte"
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Collecte",
            "href": mounted("/board"),
            "destination": "nav",
            "url_route": "collecte",
            "icon": _ICON.format(colour="%2371717a"),
            "icon_dark_mode": _ICON.format(colour="%23d4d4d8"),
            "nav_top_level": True,
        },
        {
            "name": "What to press",
            "href": mounted("/task?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}"),
            "destination": "task_instance",
            "url_route": TAB,
        },
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone; every other process reads this file too, and does without its imports."""
        from collecte_airflow.web import app

        return [{"app": app, "url_prefix": PREFIX, "name": "Collecte"}]
