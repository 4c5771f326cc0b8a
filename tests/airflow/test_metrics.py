"""A task's counts, as they leave a real process of Airflow: lines of its log, StatsD, OpenTelemetry."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collecte_airflow import metrics
from tests.http_servers import serving

HOME = Path(__file__).resolve().parents[2]

_DAGS = """
from airflow.sdk import DAG
from collecte_airflow.tasks import shard_step, step, tell, tell_incident

with DAG("collect__demo__arvel"):
    @shard_step
    def receive(ref):
        tell_incident("d0007", "Incident: direct identifiers.")
        return tell("Received", {"files": 1214, "quarantined": 0})
    receive(ref={"shard": "d0007/receive/3", "label": "shard 3/12"})

with DAG("ship_hdh__demo"):
    @step
    def commit_shipment():
        return tell("Shipment complete", {"objects": 12})
    commit_shipment()
"""

#: Runs one task as an executor's worker does: a supervisor, and under it a process that runs the task.
_RUN = """
import sys, uuid, warnings
warnings.simplefilter("ignore")  # Airflow's own, while it is imported
from airflow.executors.workloads import TaskInstance
from airflow.executors.workloads.base import BundleInfo
from airflow.sdk.execution_time.supervisor import supervise_task
server, dag_id, task_id = sys.argv[1:]
ti = TaskInstance(id=uuid.uuid4(), dag_version_id=uuid.uuid4(), dag_id=dag_id, task_id=task_id, run_id="r",
                  try_number=1, map_index=-1, pool_slots=1, queue="default", priority_weight=1)
sys.exit(supervise_task(ti=ti, bundle_info=BundleInfo(name="dags-folder", version=None), dag_rel_path="tasks.py",
                        token="", server=server, log_path="task.log"))
"""

_DAG_RUN = {
    "dag_id": "any",
    "run_id": "r",
    "logical_date": None,
    "data_interval_start": None,
    "data_interval_end": None,
    "start_date": "2027-01-01T00:00:00Z",
    "end_date": None,
    "run_after": "2027-01-01T00:00:00Z",
    "run_type": "manual",
    "state": "running",
    "consumed_asset_events": [],
    "partition_key": "corvane/d0002",
}


@dataclass
class Receiver:
    """Answers a task as Airflow's API server would, and receives what it sends by OTLP and by StatsD."""

    url: str
    statsd_port: int
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    packets: list[str] = field(default_factory=list)

    def otlp(self) -> dict[str, tuple[int, dict[str, str]]]:
        """The last point of each metric of ours: value and attributes."""
        found = {}
        for request in self.metrics:
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                points = metric.sum.data_points or metric.gauge.data_points
                if metric.name.startswith("airflow.collecte."):
                    tags = {each.key: each.value.string_value for each in points[0].attributes}
                    found[metric.name] = (points[0].as_int, tags)
        return found

    def statsd(self) -> set[str]:
        """Our packets, once all that were sent are read."""
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"last", ("127.0.0.1", self.statsd_port))
        until = time.monotonic() + 30
        while "last" not in self.packets:
            assert time.monotonic() < until, "StatsD packets are not read"
            time.sleep(0.01)
        return {packet for packet in self.packets if packet.startswith("airflow.collecte.")}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/v1/metrics":
                received.metrics.append(ExportMetricsServiceRequest.FromString(body))
            starting = self.path.endswith("/run")
            answer = {"dag_run": _DAG_RUN, "max_tries": 0, "should_retry": False} if starting else {"text": ""}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            pass

    def listen() -> None:
        while packet := udp.recv(65536):
            received.packets.append(packet.decode())

    with serving(Handler) as port, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        received = Receiver(f"http://127.0.0.1:{port}", udp.getsockname()[1])
        thread = threading.Thread(target=listen)
        thread.start()
        yield received
        udp.sendto(b"", udp.getsockname())
        thread.join()


RunTask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run_task(receiver: Receiver, tmp_path: Path) -> RunTask:
    """Run one task in processes of Airflow's own; the lines of its log."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "tasks.py").write_text(_DAGS, "utf-8")

    def run(dag_id: str, task_id: str, settings: Mapping[str, str]) -> list[dict[str, Any]]:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "logs"),
            "PYTHONPATH": str(HOME / "include"),
            **settings,
        }
        command = [sys.executable, "-c", _RUN, receiver.url, dag_id, task_id]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        log = (tmp_path / "logs" / "task.log").read_text("utf-8")
        assert ran.returncode == 0, ran.stderr[-3000:] + log[-3000:]
        return [json.loads(line) for line in log.splitlines()]

    return run


def test_counts_stand_in_the_log_as_a_sentence_and_as_fields_and_go_to_statsd(
    receiver: Receiver, run_task: RunTask
) -> None:
    settings = {"AIRFLOW__METRICS__STATSD_ON": "True", "AIRFLOW__METRICS__STATSD_PORT": str(receiver.statsd_port)}
    log = run_task("collect__demo__arvel", "receive", settings)

    (line,) = [line for line in log if line["event"] == "Received: 1,214 files, 0 quarantined."]
    place = {"step": "receive", "challenge": "demo", "centre": "arvel", "delivery": "d0007"}
    assert line.items() >= {**place, "level": "info", "logger": "collecte.task"}.items()
    assert line["counts"] == {"files": 1214, "quarantined": 0}
    (incident,) = [line for line in log if line["event"].endswith("Incident: direct identifiers.")]
    assert incident.items() >= {**place, "level": "warning"}.items()
    assert receiver.statsd() == {
        "airflow.collecte.receive.files:1214|c",
        "airflow.collecte.receive.quarantined:0|c",
        "airflow.collecte.receive.incidents:1|c",
    }


def test_counts_reach_an_opentelemetry_collector_before_the_task_s_process_ends(
    receiver: Receiver, run_task: RunTask
) -> None:
    settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    log = run_task("ship_hdh__demo", "commit_shipment", settings)

    assert receiver.otlp() == {
        "airflow.collecte.commit_shipment.objects": (12, {"challenge": "demo", "centre": "corvane"}),
    }
    (line,) = [line for line in log if line["event"] == "Shipment complete: 12 objects."]
    assert (line["centre"], line["delivery"]) == ("corvane", "d0002")


def test_a_metric_bears_challenge_and_centre_and_nothing_finer() -> None:
    assert metrics.Place("receive", "demo", "arvel", "d0007").tags == {"challenge": "demo", "centre": "arvel"}
    assert metrics.Place("find", "demo").tags == {"challenge": "demo"}


def test_outside_of_a_task_there_is_no_place_and_nothing_is_sent() -> None:
    assert metrics.place() == metrics.Place()
    metrics.count(metrics.place(), {"files": 1})
    metrics.level(metrics.place(), "waiting", 1)
