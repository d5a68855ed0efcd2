"""The product's own metrics: right in one process, summed over several."""

import subprocess
import sys

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from swarm_ui import telemetry

SEVERAL = """
import os, sys
from pathlib import Path
from swarm_ui import telemetry
assert "prometheus_client" not in sys.modules
telemetry.share(Path(sys.argv[1]))
for number in (1, 2, 4):
    if os.fork() == 0:
        telemetry.count_spans(number)
        telemetry.count_rejected("traces", "zero_id", number)
        telemetry.count_request("traces", 200)
        telemetry.observe_request("tasks.index", 200, 0.003)
        os._exit(0)
for _ in range(3):
    pid, status = os.wait()
    assert status == 0
    telemetry.forget(pid)
sys.stdout.buffer.write(telemetry.render({"swarm_dirty_traces": 7}))
"""


def samples(text: str) -> dict[tuple, float]:
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    telemetry._metrics.cache_clear()
    yield
    telemetry._metrics.cache_clear()


def test_processes_are_summed(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", SEVERAL, str(tmp_path / "metrics")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = samples(run.stdout)
    assert found["swarm_ingest_spans_total",] == 7
    assert found["swarm_ingest_rejected_total", "traces", "zero_id"] == 7
    assert found["swarm_ingest_requests_total", "200", "traces"] == 3
    assert found["swarm_request_seconds_count", "2xx", "GET", "tasks.index"] == 3
    assert found["swarm_dirty_traces",] == 7


def test_what_an_earlier_server_counted_is_gone(tmp_path):
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", SEVERAL, str(tmp_path)], capture_output=True, text=True)
    assert samples(run.stdout)["swarm_ingest_spans_total",] == 7


def test_files_of_processes_that_ended_become_one(tmp_path):
    run = subprocess.Popen([sys.executable, "-c", SEVERAL, str(tmp_path)], stdout=subprocess.DEVNULL)
    assert run.wait() == 0
    left = {path.name for path in tmp_path.glob("*.db")} - {f"counter_{run.pid}.db"}
    assert left == {"counter_ended.db", "histogram_ended.db"}


def test_a_file_that_was_cut_off_does_not_stop_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / "counter_41.db").write_bytes(b"\xff\x7f\x00\x00")
    (tmp_path / "counter_42.db").write_bytes(b"")
    for pid in (41, 42):
        telemetry.forget(pid)
    assert [path.name for path in tmp_path.glob("*.db")] == ["counter_ended.db"]
    telemetry.render({})


def test_a_folder_that_is_gone_ends_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    telemetry.forget(41)


def test_one_process_counts_in_memory():
    telemetry.count_spans(3)
    telemetry.count_spans(0)
    telemetry.count_rejected("logs", "too_large")
    found = samples(telemetry.render({}).decode())
    assert found["swarm_ingest_spans_total",] == 3
    assert found["swarm_ingest_rejected_total", "logs", "too_large"] == 1


def test_labels_stay_few():
    for status in range(200, 230):
        telemetry.observe_request("tasks.index", status, 0.1, "GET")
    telemetry.observe_request("tasks.index", 405, 0.1, "BREW")
    found = samples(telemetry.render({}).decode())
    counts = {key: value for key, value in found.items() if key[0] == "swarm_request_seconds_count"}
    assert counts == {
        ("swarm_request_seconds_count", "2xx", "GET", "tasks.index"): 30,
        ("swarm_request_seconds_count", "4xx", "other", "tasks.index"): 1,
    }


def test_gauges_are_named_and_explained():
    text = telemetry.render({"swarm_projection_lag_seconds": 0.25, "swarm_dirty_traces": None}).decode()
    assert "# TYPE swarm_projection_lag_seconds gauge" in text
    assert samples(text)["swarm_projection_lag_seconds",] == 0.25
    assert "swarm_dirty_traces" not in text


def test_requests_are_timed():
    app = Flask("telemetry")
    telemetry.init_app(app)

    @app.get("/tasks")
    def index() -> str:
        return "tasks"

    client = app.test_client()
    client.get("/tasks")
    client.get("/nothing-here")
    found = samples(telemetry.render({}).decode())
    assert found["swarm_request_seconds_count", "2xx", "GET", "index"] == 1
    assert found["swarm_request_seconds_count", "4xx", "GET", "none"] == 1
