"""Values that nobody expects, by the hundred: reading them never throws, storing them never fails."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.ingest import otlp
from swarm_ui.ingest.append import append_logs, append_points
from swarm_ui.ingest.facts import content_hash, document_of, facts_of, more_json
from swarm_ui.ingest.models import TraceDirty
from swarm_ui.ingest.records import LogEntry, Point, moment, severity
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.ingest.keys import ALL_KEYS
from tests.otlp import Draft, document, encoded, span_id, trace_id

texts = st.text(st.characters(), max_size=12)
odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["LLM", "agent", "chat", "[", "{}", '[{"parts":1}]']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value", "stringValue", "intValue",
             "arrayValue", "values", "events", "links", "traceId", "status", "resourceLogs", "scopeLogs", "logRecords", "body",
             "resourceMetrics", "scopeMetrics", "metrics", "sum", "dataPoints", "name", "flags", "code"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(st.sampled_from(ALL_KEYS), odd_values, max_size=12), texts)
def test_whatever_the_attributes_are_a_span_has_facts(attributes, name):
    record = otlp.read_traces(encoded(document(Draft(1, "x"))), otlp.JSON).records[0]
    record.attributes, record.name = attributes, name
    facts = facts_of(record)
    found = document_of(record, "r")
    assert content_hash(facts, found) >= 0
    json.loads(more_json(facts))
    for text in (
        facts.name,
        facts.model,
        facts.provider,
        facts.scope,
        facts.error_type,
        *map(str, facts.more.values()),
    ):
        assert text is None or (text.encode() is not None and "\x00" not in text)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(odd_json, st.sampled_from(["traces", "logs", "metrics"]))
def test_whatever_json_comes_it_is_read_or_unreadable(content, signal):
    read = {"traces": otlp.read_traces, "logs": otlp.read_logs, "metrics": otlp.read_metrics}[signal]
    wrapped = [
        content,
        {"resourceSpans": [{"scopeSpans": [{"spans": [content]}]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [content]}]}]},
    ]
    wrapped.append(
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": [content]}}, content]}]}]}
    )
    for body in wrapped:
        try:
            batch = read(json.dumps(body).encode(), otlp.JSON)
        except otlp.Unreadable:
            continue
        assert all(isinstance(reason, str) for reason in batch.refused)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(odd_values, st.integers(), texts, st.booleans()), min_size=1, max_size=4))
def test_log_records_and_points_of_any_content_can_be_stored(app, alice, found):
    entries, points = [], []
    for body, number, text, joined in found:
        entry = LogEntry()
        entry.trace_id, entry.span_id = (trace_id(5), span_id(5)) if joined else ("", None)
        entry.at, entry.severity, entry.severity_text, entry.event_name = (
            moment(number),
            severity(number),
            text,
            text,
        )
        entry.body, entry.attributes, entry.resource, entry.scope = (
            body,
            {text: body},
            {"service.name": body},
            (text, text),
        )
        entries.append(entry)
        point = Point()
        point.name = point.unit = text
        point.kind, point.cumulative, point.attributes, point.resource = (
            "sum",
            None,
            {text: body},
            {"service.name": text},
        )
        point.at = point.started_at = moment(number)
        point.value, point.count, point.scope = None, abs(number), (text, text)
        points.append(point)
    append_logs(db.engine, alice.id, entries)
    append_points(db.engine, alice.id, points)
    project()
    bind_owner(db.session, alice.id)
    db.session.commit()
    assert list(db.session.scalars(select(TraceDirty))) == []
