"""flask ingest: OTLP files of every form; bad ones are named and the rest is loaded."""

import gzip
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from swarm_ui.extensions import db
from swarm_ui.jsontext import dump_bytes
from tests.rows import count

AT = 1_790_000_000_000_000_000
RECORDED = Path(__file__).with_name("recorded")


def traces(*numbers: int) -> dict:
    spans = [
        {
            "traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "invoke_agent triage", "startTimeUnixNano": str(AT),
            "endTimeUnixNano": str(AT + 10**9), "status": {},
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}},
                {"key": "gen_ai.agent.name", "value": {"stringValue": "triage"}},
            ],
        }
        for number in numbers
    ]  # fmt: skip
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "demo"}, "spans": spans}]}]}


def logs(number: int) -> dict:
    record = {
        "timeUnixNano": str(AT),
        "severityNumber": 9,
        "body": {"stringValue": "hello"},
        "traceId": f"{number:032x}",
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def metrics() -> dict:
    point = {"timeUnixNano": str(AT), "asInt": "4"}
    return {
        "resourceMetrics": [
            {"scopeMetrics": [{"metrics": [{"name": "queue.length", "gauge": {"dataPoints": [point]}}]}]}
        ]
    }


def trace_message(*numbers: int) -> bytes:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number in numbers:
        span = spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="chat")
        span.start_time_unix_nano, span.end_time_unix_nano = AT, AT + 10**9
        pair = span.attributes.add(key="gen_ai.operation.name")
        pair.value.string_value = "chat"
    return message.SerializeToString()


def log_message(number: int) -> bytes:
    message = ExportLogsServiceRequest()
    record = (
        message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=AT, severity_number=17)
    )
    record.trace_id = number.to_bytes(16, "big")
    record.body.string_value = "something went wrong"
    return message.SerializeToString()


def metric_message() -> bytes:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="queue.length")
    metric.gauge.data_points.add(time_unix_nano=AT, as_int=4)
    return message.SerializeToString()


@pytest.fixture
def ingest(app, tmp_path, alice):
    """Writes the files and loads them: `ingest({"a.json": bytes}, code=0)` gives the command's result."""

    def load(files: dict[str, bytes | None], code: int = 0):
        paths = []
        for name, content in files.items():
            path = tmp_path / name
            if content is not None:
                path.write_bytes(content)
            paths.append(str(path))
        result = app.test_cli_runner().invoke(args=["ingest", *paths, "--email", alice.email])
        db.session.remove()
        assert result.exit_code == code, result.output
        return result

    return load


def pretty(document: dict) -> bytes:
    import json

    return json.dumps(document, indent=2).encode()


FORMS = {
    "one line": ("run.json", dump_bytes(traces(1, 2))),
    "pretty": ("run.json", b"\xef\xbb\xbf\n" + pretty(traces(1, 2))),
    "lines": ("run.jsonl", dump_bytes(traces(1)) + b"\n\n" + dump_bytes(traces(2)) + b"\n"),
    "an array": ("run.json", dump_bytes([traces(1), traces(2)])),
    "protobuf by its name": ("today-traces.pb", trace_message(1, 2)),
    "protobuf by its content": ("upload.bin", trace_message(1, 2)),
    "lines of every signal": (
        "all.json",
        b"\n".join(map(dump_bytes, (traces(1), logs(1), metrics(), traces(2)))),
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_and_projected(form, packed, ingest, alice):
    name, content = FORMS[form]
    said = ingest({name + ".gz" if packed else name: gzip.compress(content) if packed else content}).stdout
    assert count(alice, "tasks") == 2
    assert count(alice, "trace_dirty") == 0
    if form == "lines of every signal":
        assert said == "2 spans, 1 log record, 1 metric point read, 4 of them new; 2 traces changed.\n"
        assert count(alice, "log_records") == count(alice, "metric_points") == 1
        assert count(alice, "execution_logs", "message='hello' AND taskId IS NOT NULL") == 1
    else:
        assert said == "2 spans, 0 log records, 0 metric points read, 2 of them new; 2 traces changed.\n"


@pytest.mark.parametrize(
    "names", [("logs.bin", "metrics.bin"), ("a.bin", "b.bin"), ("catalogue.bin", "symmetric.bin")]
)
def test_protobuf_of_logs_and_metrics(names, ingest, alice):
    ingest({names[0]: log_message(7), names[1]: metric_message()})
    assert count(alice, "log_records", "severity=17") == 1
    assert count(alice, "metric_points", "name='queue.length' AND value=4") == 1
    assert count(alice, "spans") == 0


def test_what_is_there_already_changes_nothing(ingest, alice):
    ingest({"run.json": dump_bytes(traces(1, 2))})
    said = ingest({"run.json": dump_bytes(traces(1, 2))}).stdout
    assert said == "2 spans, 0 log records, 0 metric points read, 0 of them new; 0 traces changed.\n"


BAD = {
    "missing.json": (None, "No such file or directory"),
    "empty.json": (b"", "the file is empty"),
    "torn.json": (dump_bytes(traces(3))[:-20], "not JSON"),
    "other.json": (
        b'{"spans": []}',
        "no OTLP: none of resourceSpans, resourceMetrics, resourceLogs is in it",
    ),
    "number.json": (b"[3]", "no OTLP"),
    "noise.bin": (bytes(range(255, 0, -1)), "neither JSON nor protobuf of OTLP traces, logs or metrics"),
    "torn-traces.pb": (trace_message(3)[:-5], "the body is not the protobuf message of this path"),
    "torn.json.gz": (gzip.compress(dump_bytes(traces(3)))[:-12], "broken gzip"),
    "false.gz": (b"\x1f\x8bnothing of the kind", "broken gzip"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_go_on(name, ingest, tmp_path, alice):
    content, reason = BAD[name]
    result = ingest(
        {"first.json": dump_bytes(traces(1)), name: content, "last.json": dump_bytes(traces(2))}, code=1
    )
    assert f"{tmp_path / name}: " in result.stderr
    assert reason in result.stderr
    assert "first.json" not in result.stderr
    assert count(alice, "tasks") == 2


def test_a_folder_is_no_file(ingest, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "folder: Is a directory" in ingest({"folder": None}, code=1).stderr


def test_bad_lines_are_numbered_and_the_others_read(ingest, alice):
    lines = [dump_bytes(traces(1)), b"{", dump_bytes(traces(2)), b'{"a": 1}', b"null", dump_bytes(traces(3))]
    stderr = ingest({"run.jsonl": b"\n".join(lines)}, code=1).stderr
    assert "line 2: not JSON" in stderr
    assert "line 4: no OTLP" in stderr
    assert "line 5: no OTLP" in stderr
    assert count(alice, "tasks") == 3


def test_a_refused_span_is_told_and_the_rest_of_the_file_stays(ingest, alice):
    document = traces(1, 2, 3)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"] = "0" * 16
    assert (
        "1 of its traces refused: an id of zeros is invalid"
        in ingest({"run.json": dump_bytes(document)}, code=1).stderr
    )
    assert count(alice, "tasks") == 2


def test_files_belong_to_whom_it_says(ingest, alice, bob):
    ingest({"run.json": dump_bytes(traces(1))})
    assert count(alice, "spans") == 1
    assert count(bob, "spans") == 0


def test_recorded_clients(app, alice):
    files = [str(path) for path in sorted(RECORDED.glob("*/*.bin"))]
    assert len(files) > 50
    result = app.test_cli_runner().invoke(args=["ingest", *files, "--email", alice.email])
    assert result.exit_code == 0, result.output
    assert f"{len(files)} files" in result.stderr
    assert count(alice, "tasks") > 8
    assert count(alice, "trace_dirty") == 0
