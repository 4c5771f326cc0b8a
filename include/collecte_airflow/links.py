"""Where a person finds things: addresses of a task's page, of a delivery's report and of its Data Docs.

The buttons on a task's page in Airflow's UI are extra links of its operator: the address is worked out where the task
ran, and kept as an XCom. A button whose page does not exist is not shown.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from collecte.settings import Settings
from collecte.zones import zone_folder
from collecte_airflow import ids

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: Where the API server mounts our pages (:mod:`collecte_airflow.web`).
PREFIX = "/collecte"
#: The tab on a task's page that says what to press, as the UI's addresses name it.
TAB = "what-to-press"


def task_page(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """The whole address of a task's page in the UI, at the tab that says what to press."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"{_base_url()}/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}{mapped}/plugin/{TAB}"


def report_page(challenge: str, centre: str, delivery: str) -> str:
    """The whole address of a delivery's report, for a mail."""
    return f"{_base_url()}{PREFIX}/reports/{challenge}/{centre}/{delivery}/{ReportLink.page}"


def mounted(path: str) -> str:
    """The address of a page of ours on Airflow's server, which may itself stand below a path."""
    return f"{urlsplit(_base_url()).path}{PREFIX}{path}"


class _DeliveryLink(BaseOperatorLink):
    """A button that leads to a page of the delivery that a mapped task is about."""

    title: ClassVar[str]
    page: ClassVar[str]

    @property
    def name(self) -> str:
        return self.title

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The page's address on this server; empty where there is no such page."""
        _, challenge, centre = ids.read_dag_id(ti_key.dag_id)
        path = f"{challenge}/{centre}/{operator.op_kwargs['delivery']}/{self.page}"  # type: ignore[attr-defined]
        if not (zone_folder(Settings.from_environment().reports, "COLLECTE_REPORTS") / path).is_file():
            return ""
        return mounted(f"/reports/{path}")


class ReportLink(_DeliveryLink):
    """The coordinator's report of the delivery."""

    title, page = "Report", "report.html"


class DataDocsLink(_DeliveryLink):
    """Great Expectations' Data Docs of the delivery."""

    title, page = "Data Docs", "data-docs/index.html"


def linked(*buttons: BaseOperatorLink) -> Callable[[Any], Any]:
    """Give a task of ours these buttons: ``@linked(ReportLink())`` above ``@delivery_step``."""

    def give(decorated: Any) -> Any:
        # Airflow reads the buttons off the operator's class.
        plain = decorated.operator_class
        decorated.operator_class = type(plain.__name__, (plain,), {"operator_extra_links": buttons})
        return decorated

    return give


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")
