"""Log records and metric points: where they end up."""

import pytest
from sqlalchemy import func, select

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import LogRecord
from swarm_ui.metrics.models import Metric, MetricPoint
from swarm_ui.tasks.models import ExecutionLog, Task
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.otlp import JSON, PROTOBUF, Draft, llm, logs, metric, pairs, post, send, span_id, trace_id

ENCODINGS = pytest.mark.parametrize("encoding", [JSON, PROTOBUF], ids=["json", "protobuf"])


@pytest.fixture(autouse=True)
def _owner(alice):
    bind_owner(db.session, alice.id)


def count(model) -> int:
    db.session.commit()
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_log_record_joins_the_run_of_its_trace(sender):
    send(sender, Draft(1, "run"))
    records = [
        {
            "traceId": trace_id(1),
            "spanId": span_id(1),
            "severityNumber": 13,
            "body": {"stringValue": "careful"},
        },
        {
            "traceId": trace_id(1),
            "severityNumber": 17,
            "body": {"kvlistValue": {"values": pairs({"content": "bad"})}},
        },
        {"severityNumber": 9, "body": {"stringValue": "of no run"}},
    ]
    assert post(sender, logs(*records), signal="logs").get_json() == {}
    project()
    db.session.commit()
    found = {
        row.message: (row.level, row.event_type, row.task_id is not None, row.span_id)
        for row in db.session.scalars(select(ExecutionLog).where(ExecutionLog.event_type != "state_change"))
    }
    assert found == {
        "careful": ("warning", "execution", True, span_id(1)),
        "bad": ("error", "error", True, None),
        "of no run": ("info", "execution", False, None),
    }


def test_a_log_record_that_is_sent_again_is_kept_once(sender):
    send(sender, Draft(1))
    content = logs(
        {"traceId": trace_id(1), "body": {"stringValue": "once"}}, {"body": {"stringValue": "loose"}}
    )
    for encoding in (JSON, PROTOBUF, JSON):
        assert post(sender, content, signal="logs", encoding=encoding).status_code == 200
    project()
    assert count(LogRecord) == 2
    messages = db.session.scalars(select(ExecutionLog.message)).all()
    assert (messages.count("once"), messages.count("loose")) == (1, 1)


def test_a_log_record_without_a_time_gets_its_arrival(sender):
    assert (
        post(sender, logs({"timeUnixNano": None, "body": {"stringValue": "x"}}), signal="logs").status_code
        == 200
    )
    assert db.session.scalars(select(ExecutionLog.at)).one() == clock.now()


def test_a_log_record_may_come_before_its_spans(sender):
    post(sender, logs({"traceId": trace_id(1), "body": {"stringValue": "early"}}), signal="logs")
    project()
    send(sender, Draft(1))
    project()
    assert "early" in db.session.scalars(select(ExecutionLog.message)).all()


@pytest.mark.parametrize(
    ("kind", "point", "value", "number"),
    [
        ("gauge", {"asDouble": 1.5}, 1.5, None),
        ("sum", {"asInt": "12"}, 12.0, None),
        ("histogram", {"count": "3", "sum": 9.5, "bucketCounts": ["1", "2"], "explicitBounds": [1]}, 9.5, 3),
        ("exponentialHistogram", {"count": 4, "sum": 2.0, "scale": 1}, 2.0, 4),
        ("summary", {"count": "2", "sum": 4.0}, 4.0, 2),
    ],
)
@ENCODINGS
def test_each_kind_of_metric_keeps_its_newest_point(sender, kind, point, value, number, encoding):
    now = clock.now_us() * 1000
    for seconds in (0, -5):  # the older one comes later and changes nothing
        content = metric("m", [point | {"timeUnixNano": str(now + seconds * 10**9)}], kind)
        if kind in ("gauge", "summary"):
            content["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0][kind].pop("aggregationTemporality")
        assert post(sender, content, signal="metrics", encoding=encoding).status_code == 200
    stored = db.session.scalars(select(MetricPoint)).one()
    assert (stored.value, stored.count, stored.at) == (value, number, clock.now())


def test_metrics_are_never_added_to_what_spans_count(sender):
    send(sender, llm(1, tokens=(10, 5)))
    at = str(clock.now_us() * 1000)
    points = [{"asInt": "10", "timeUnixNano": at, "attributes": pairs({"gen_ai.token.type": "input"})}]
    assert post(sender, metric("gen_ai.client.token.usage", points), signal="metrics").status_code == 200
    project()
    assert db.session.scalars(select(Task.token_usage)).one() == 15
    assert db.session.scalars(select(Metric.token_usage)).one() == 15
