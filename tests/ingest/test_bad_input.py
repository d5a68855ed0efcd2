"""Broken, absurd and hostile data: each gets its documented answer, the rest of its batch is kept, every page opens, nothing executes."""

import json
import time as wall

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.ingest import conventions, otlp
from swarm_ui.ingest.append import append_logs, append_points
from swarm_ui.ingest.facts import content_hash, document_of, facts_of, more_json
from swarm_ui.ingest.models import Span, TraceDirty
from swarm_ui.ingest.payload import Reader, session_reader
from swarm_ui.tasks.models import ExecutionLog, Message, Task
from swarm_ui.tenancy import bind_owner
from tests.captures import HEADERS, project
from tests.otlp import (
    JSON,
    PROTOBUF,
    Draft,
    agent,
    document,
    encoded,
    failing,
    llm,
    logs,
    metric,
    post,
    send,
    span_id,
    tool,
    trace_id,
    workflow,
)


@pytest.fixture(autouse=True)
def _owner(alice):
    bind_owner(db.session, alice.id)


def rows(model) -> list:
    db.session.commit()
    return list(db.session.scalars(select(model)))


@pytest.fixture
def open_everything(page, client, sender):
    """Projects, then opens every list, every run with all that hangs on it, and the same over the API."""

    def walk() -> list[Task]:
        project()
        assert [mark.error for mark in rows(TraceDirty)] == []
        tasks = rows(Task)
        for url in ("/", "/agents", "/tasks", "/workflows", "/alerts", "/metrics"):
            page(url)
            if url != "/":
                assert sender.get(f"/api/v1{url}" if url != "/metrics" else "/api/v1/tasks", headers=HEADERS).status_code == 200
        for task in tasks:
            if task.span_count > 1_000:  # megabytes of HTML: reading them takes a test longer than writing them
                assert client.get(f"/tasks/{task.id}").status_code == 200
                continue
            page(f"/tasks/{task.id}")
            for part in ("spans", "messages", "logs", "history"):
                answer = sender.get(f"/api/v1/tasks/{task.id}/{part}", headers=HEADERS)
                assert answer.status_code == 200, (part, answer.get_data(as_text=True)[:300])
                json.loads(answer.get_data(), parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
            for span in db.session.scalars(select(Span).where(Span.task_id == task.id).limit(6)):
                page(f"/tasks/{task.id}/spans/{span.span_id}", headers={"HX-Request": "true"})
                page(f"/tasks/{task.id}?span={span.span_id}")
            page(f"/tasks/{task.id}/messages")
            page(f"/tasks/{task.id}/logs")
        return tasks

    return walk


# ── bodies ──


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_a_truncated_body_is_refused_whole_and_stores_nothing(sender, encoding):
    body = encoded(document(*(Draft(number) for number in range(1, 20))), encoding)
    for cut in (1, len(body) // 3, len(body) - 1):
        assert post(sender, body[:cut], encoding=encoding).status_code == 400
    assert rows(Span) == []


def test_a_body_of_the_other_encoding_is_a_400(sender):
    content = document(Draft(1))
    assert post(sender, encoded(content, PROTOBUF), encoding=JSON).status_code == 400
    assert post(sender, encoded(content, JSON), encoding=PROTOBUF).status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"[]", b"7", b'"x"', b"null", b'{"resourceSpans": 7}', b'{"resourceSpans": [7]}', b'{"resourceSpans": [{"scopeSpans": {}}]}',
     b'{"resourceSpans": [{"scopeSpans": [{"spans": 7}]}]}', b"[" * 100_000, b'{"a":' * 5_000, b"{} {}", b"\xef\xbb\xbf{"],
)  # fmt: skip
def test_json_of_another_shape_is_a_400(sender, body):
    for signal in ("traces", "logs", "metrics"):
        shaped = body.replace(b"resourceSpans", f"resource{signal.title()}".encode()).replace(b"Traces", b"Spans")
        shaped = shaped.replace(b"scopeSpans", b"scope" + {"traces": b"Spans", "logs": b"Logs", "metrics": b"Metrics"}[signal])
        shaped = shaped.replace(b'"spans"', {"traces": b'"spans"', "logs": b'"logRecords"', "metrics": b'"metrics"'}[signal])
        assert post(sender, shaped, signal=signal).status_code == 400, shaped[:60]


def test_a_protobuf_value_nested_without_end_is_a_400(sender):
    inner = b"\x0a\x00"
    for _ in range(2_000):  # ArrayValue in AnyValue in ArrayValue …
        inner = b"\x2a" + _length(b"\x0a" + _length(inner))
    pair = b"\x0a\x01k\x12" + _length(inner)
    span = b"\x0a\x10" + b"\1" * 16 + b"\x12\x08" + b"\1" * 8 + b"\x4a" + _length(pair)
    body = b"\x0a" + _length(b"\x12" + _length(b"\x12" + _length(span)))
    assert post(sender, body, encoding=PROTOBUF).status_code == 400


def _length(content: bytes) -> bytes:
    number, out = len(content), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number]) + content


def test_text_that_is_no_unicode_makes_a_protobuf_body_a_400(sender):
    body = encoded(document(Draft(1, "name_here")), PROTOBUF).replace(b"name_here", b"\xff\xfe\xfd_here")
    assert post(sender, body, encoding=PROTOBUF).status_code == 400


def test_unknown_fields_are_ignored(sender, open_everything):
    content = document(Draft(1, "known"))
    group = content["resourceSpans"][0]
    group["somethingNew"] = [1]
    group["scopeSpans"][0]["spans"][0] |= {"mood": "good", "traceState": "a=b", "droppedEventsCount": 3}
    group["scopeSpans"][0]["spans"][0]["attributes"].append({"key": "x", "value": {"futureValue": {"a": 1}}})
    assert post(sender, content).get_json() == {}
    body = encoded(document(Draft(2, "known too", trace=2)), PROTOBUF) + b"\xfa\x07\x03abc"
    assert post(sender, body, encoding=PROTOBUF).status_code == 200
    assert {task.name for task in open_everything()} == {"known", "known too"}


# ── ids and times ──


def test_one_bad_span_costs_no_other(sender, open_everything):
    content = document(*(Draft(number, f"step {number}", parent=1 if number > 1 else 0) for number in range(1, 12)))
    spans = content["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for place, change in enumerate(
        [
            {"spanId": "0" * 16}, {"traceId": "0" * 32}, {"traceId": None}, {"spanId": "xyz"}, {"startTimeUnixNano": "never"},
            {"startTimeUnixNano": "0"}, {"startTimeUnixNano": str(-(10**18))}, {"endTimeUnixNano": str(10**19 * 2)},
            {"attributes": [{"key": "k", "value": {"intValue": "1e5"}}]},
        ]
    ):  # fmt: skip
        spans[place + 1] |= change
    spans.append("no span")
    response = post(sender, content)
    assert response.status_code == 200
    assert response.get_json()["partialSuccess"]["rejectedSpans"] == "10"
    assert {span.name for span in rows(Span)} == {"step 1", "step 11"}
    open_everything()


def test_an_end_before_the_start_is_moved_to_it(sender, open_everything):
    send(sender, Draft(1, seconds=-300))
    (span,) = rows(Span)
    assert span.ended_at == span.started_at
    open_everything()


@pytest.mark.parametrize("at", [-1_700_000_000, 5_400_000_000], ids=["1973", "2197"])
def test_a_time_far_off_is_kept_and_shown(sender, open_everything, at):
    send(sender, agent(1, "traveller", at=at), llm(2, 1, at=at))
    (task,) = open_everything()
    assert task.started_at.year == (1973 if at < 0 else 2197)


def test_a_run_that_seems_to_last_for_decades_is_kept(sender, open_everything):
    send(sender, agent(1, "slow", at=-900_000_000, seconds=900_000_000), llm(2, 1, at=-5), llm(3, 1, at=-900_000_000))
    (task,) = open_everything()
    assert task.status == "completed"


def test_sums_past_every_column_do_not_stop_a_run(sender, open_everything):
    huge = (1_900_000_000, 1_900_000_000)
    calls = [llm(number, 1, tokens=huge, attributes={"gen_ai.usage.cost": 9_000_000.0}) for number in range(2, 30)]
    send(sender, agent(1, "eater"), *calls)
    (task,) = open_everything()
    assert task.llm_calls == 28


def test_counts_that_are_none_are_unknown(sender, open_everything):
    given = [-5, 10**12, 2**63 - 1, "many", "", True, [1], None, 1.5, "12", 12.0]
    for number, tokens in enumerate(given, 1):
        more = {"gen_ai.usage.input_tokens": tokens}
        send(sender, agent(1, "a", trace=number), llm(2, 1, trace=number, tokens=None, attributes=more))
    open_everything()
    found = db.session.execute(select(Task.trace_id, Task.input_tokens).order_by(Task.trace_id)).all()
    assert [tokens for _, tokens in found] == [None] * 8 + [1, 12, 12]


# ── sizes ──


def test_a_text_of_five_megabytes_goes_to_object_storage_and_comes_back(sender, open_everything, page, environ):
    secret = "needle in the hay"
    text = "hay " * 1_250_000 + secret
    assert len(text) > 5_000_000
    send(sender, agent(1, "reader", attributes={"input.value": text, "output.value": "done"}), llm(2, 1))
    span = next(span for span in rows(Span) if span.span_id == span_id(1))
    # Compressed it would fit a row: repeat nothing, so that it does not.
    (task,) = open_everything()
    found = session_reader(db.session).open(span.payload)
    assert found["attributes"]["input.value"] == text
    shown = page(f"/tasks/{task.id}?span={span_id(1)}")
    assert len(shown.html) < 2_000_000


def test_what_cannot_be_compressed_lies_in_object_storage_under_its_hash(sender, open_everything, page, environ):
    import random
    from pathlib import Path

    rng = random.Random(7)
    text = "".join(chr(rng.randrange(0x4E00, 0x9FA0)) for _ in range(1_700_000))
    assert len(text.encode()) > 5_000_000
    send(sender, agent(1, "reader", attributes={"output.value": text, "input.value": "short"}), llm(2, 1))
    span = next(span for span in rows(Span) if span.span_id == span_id(1))
    assert span.payload[:1] == b"@"
    assert len(span.payload) < 300
    stored = [path for path in (Path(environ["DATA_DIR"])).rglob("payloads/*/*/*") if path.is_file()]
    assert len(stored) == 1
    (task,) = open_everything()
    assert session_reader(db.session).open(span.payload)["attributes"]["output.value"] == text
    shown = page(f"/tasks/{task.id}?span={span_id(1)}")
    assert text[:200] in shown.text
    # Gone from the storage: the page shows the rest.
    stored[0].unlink()
    page(f"/tasks/{task.id}?span={span_id(1)}")
    page(f"/tasks/{task.id}")


def test_names_of_megabytes_are_cut_in_no_time(sender, open_everything):
    long = ["." * 500_000, "run_agent" * 60_000 + "!", "[a]" * 150_000, "transfer_to_" * 40_000, "1.1" * 150_000, " " * 500_000 + "x"]
    started = wall.monotonic()
    drafts = []
    for number, text in enumerate(long):
        drafts += [
            agent(10 * number + 1, text, attributes={"graph.node.parent_id": text}),
            tool(10 * number + 2, text, 10 * number + 1, attributes={"gen_ai.tool.call.id": text}),
            llm(10 * number + 3, 10 * number + 1, attributes={"gen_ai.request.model": text, "session.id": text}, scope=(text, text)),
            Draft(10 * number + 4, text, 10 * number + 1, attributes={"sender_agent_type": text, "recipient_agent_type": text}),
            workflow(10 * number + 5, text, service=text[:2_000], **failing(text, text)),
        ]
    send(sender, *drafts)
    assert wall.monotonic() - started < 20
    open_everything()


def test_a_run_of_ten_thousand_spans(sender, open_everything):
    """A swarm of many invocations side by side: what is quadratic anywhere shows here."""
    drafts = [workflow(1, "wide", seconds=500)]
    for number in range(2, 10_001, 5):
        at = number / 25
        drafts += [
            agent(number, f"worker {number // 5 % 40}", 1, at=at, seconds=0.9),
            llm(number + 1, number, at=at, seconds=0.2),
            tool(number + 2, f"transfer_to_worker_{(number // 5 + 1) % 40}", number, at=at + 0.3, seconds=0.1),
            tool(number + 3, "search", number, at=at + 0.5, seconds=0.1),
            Draft(number + 4, "step", 1, at=at),
        ]
    for start in range(0, len(drafts), 2_500):
        send(sender, *drafts[start : start + 2_500], encoding=PROTOBUF)
    started = wall.process_time()
    project()
    assert wall.process_time() - started < 12
    (task,) = open_everything()
    assert task.span_count == len(drafts)
    assert task.tool_calls == 2_000
    assert task.agent_count == 40


@pytest.mark.parametrize("kind", ["step", "agent", "llm", "tool"])
def test_a_chain_of_parents_five_thousand_deep(sender, open_everything, kind):
    make = {
        "step": lambda n: Draft(n, "step", n - 1, seconds=5000 - n / 2, **failing()),
        "agent": lambda n: agent(n, f"agent {n}", n - 1, seconds=5000 - n / 2),
        "llm": lambda n: llm(n, n - 1, seconds=5000 - n / 2),
        "tool": lambda n: tool(n, f"transfer_to_{n}", n - 1, seconds=5000 - n / 2),
    }[kind]
    send(sender, *(make(number) for number in range(1, 5_001)), encoding=PROTOBUF)
    (task,) = open_everything()
    assert task.span_count == 5_000


# ── trees that are none ──


def test_parents_in_a_circle_are_one_run_of_all_spans(sender, open_everything):
    send(sender, agent(1, "a", 3), llm(2, 1), tool(3, "t", 2), Draft(4, "self", 4), Draft(5, "below", 4))
    (task,) = open_everything()
    assert task.span_count == 5
    assert task.status == "running"


def test_a_parent_that_never_comes_leaves_the_run_open_and_everything_visible(sender, open_everything):
    send(sender, agent(2, "orphan", 1), llm(3, 2))
    (task,) = open_everything()
    assert (task.status, task.span_count, task.llm_calls) == ("running", 2, 1)


@pytest.mark.parametrize("parent", ["0" * 16, "", None, "short", "\ud800" * 16])
def test_a_parent_id_that_is_none_makes_a_root(sender, open_everything, parent):
    content = document(agent(1, "a"), llm(2, 1))
    content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["parentSpanId"] = parent
    assert post(sender, content).get_json() == {}
    (task,) = open_everything()
    assert task.status == "completed"


def test_two_contents_of_one_span_id_the_later_end_wins_whatever_came_first(sender, open_everything):
    short, long = Draft(1, "first word", seconds=1), Draft(1, "last word", seconds=2)
    for number, order in enumerate([(short, long), (long, short)], 1):
        for draft in order:
            send(sender, draft.but(trace=number))
    send(sender, short.but(trace=3), long.but(trace=3), short.but(trace=3))
    assert {task.name for task in open_everything()} == {"last word"}
    assert len(rows(Span)) == 3


def test_links_to_nowhere_to_oneself_and_of_no_form(sender, open_everything):
    content = document(Draft(1, links=((1, 1), (77, 5))))
    links = content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["links"]
    links += [{"traceId": "é" * 32}, {"traceId": "zz" * 16}, {"traceId": ""}, {}, {"traceId": "0" * 32, "spanId": "1"}]
    assert post(sender, content).get_json() == {}
    (task,) = open_everything()
    assert task.span_count == 1


# ── texts ──

HOSTILE = [
    "<script>document.body.dataset.owned = 1</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; DROP TABLE tasks; --",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "javascript:alert(1)",
    "NUL \x00 inside",
    "lone \ud83d surrogate \udc00",
    "\u202e right to left \u0000 \ufeff",
    "漢字 \U0001f600 e\u0301",
    "line\nbreak\ttab\r\n\x0b\x1b[31m",
    "%s %(x)s ? :name",
    " ",
    "../../etc/passwd",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_place_is_shown_as_text(sender, open_everything, page, text):
    content = document(
        *(
            draft.but(service=text, scope=(text, text))
            for draft in (
                workflow(1, text, at=0, seconds=9),
                agent(2, text, 1, at=0, seconds=8, attributes={"input.value": text, "output.value": text, "session.id": text}),
                llm(3, 2, at=1, attributes={"gen_ai.request.model": text, "gen_ai.provider.name": text}),
                tool(4, text, 2, at=2, attributes={"gen_ai.tool.call.arguments": text, "gen_ai.tool.call.result": text}),
                tool(5, "transfer_to_" + text, 2, at=3),
                agent(6, text + " second", 2, at=4, attributes={"graph.node.parent_id": text, text: text}, **failing(text, text)),
                Draft(7, text, 2, at=5, attributes={"sender_agent_type": text, "recipient_agent_type": text, "message": text}),
                llm(8, 6, at=6, **failing(text, text)),
            )
        )
    )  # fmt: skip
    assert post(sender, content).get_json() == {}
    records = [{"traceId": trace_id(1), "spanId": span_id(2), "body": {"stringValue": text}, "eventName": text, "severityNumber": 18}]
    assert post(sender, logs(*records, {"body": {"stringValue": text}}, service=text), signal="logs").get_json() == {}
    points = [{"asInt": "1", "timeUnixNano": "1", "attributes": [{"key": text, "value": {"stringValue": text}}]}]
    assert post(sender, metric(text, points), signal="metrics").get_json() == {}
    (task,) = open_everything()
    assert task.span_count == 8
    for url in ("/", "/tasks", f"/tasks/{task.id}", "/alerts", "/agents", f"/tasks/{task.id}?span={span_id(2)}"):
        shown = page(url)
        assert not shown.select("img[onerror]")
        assert not shown.select("a[href^=javascript]")
        assert "\x00" not in shown.html


def test_nan_and_infinities_become_unknown(sender, open_everything):
    content = document(agent(1, "a", attributes={"x": "HERE"}), llm(2, 1, attributes={"gen_ai.usage.cost": "HERE"}))
    for word in (b"NaN", b"Infinity", b"-Infinity", b'"NaN"'):
        body = encoded(content).replace(b'"stringValue": "HERE"', b'"doubleValue": ' + word)
        assert body != encoded(content)
        assert post(sender, body).get_json() == {}
    open_everything()
    span = next(span for span in rows(Span) if span.span_id == span_id(1))
    assert session_reader(db.session).open(span.payload)["attributes"]["x"] is None
    assert next(span for span in rows(Span) if span.span_id == span_id(2)).cost is None


def test_numbers_past_64_bits_do_not_stop_the_batch(sender, open_everything):
    huge = 10**400
    content = document(agent(1, "a", attributes={"x": huge}), llm(2, 1), Draft(3, parent=1))
    spans = content["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["events"] = [{"name": "late", "timeUnixNano": str(huge), "attributes": []}]
    spans[2]["attributes"] = [{"key": "x", "value": {"doubleValue": huge}}]
    response = post(sender, content)
    assert response.status_code == 200
    assert {span.span_id for span in rows(Span)} >= {span_id(1), span_id(2)}
    severe = [{"severityNumber": huge, "body": {"stringValue": "loud"}}, {"severityNumber": -huge, "timeUnixNano": str(huge)}]
    assert post(sender, logs(*severe), signal="logs").status_code == 200
    points = [
        {"asInt": str(huge), "timeUnixNano": "5"}, {"asDouble": 1.0, "timeUnixNano": str(huge), "startTimeUnixNano": str(-huge)},
        {"asDouble": 2.0, "timeUnixNano": str(-huge), "startTimeUnixNano": str(huge), "attributes": [{"key": "a"}]},
    ]  # fmt: skip
    assert post(sender, metric("m", points), signal="metrics").status_code == 200
    points = [{"count": str(huge), "sum": 1, "timeUnixNano": "5"}, {"count": str(-huge), "sum": 1, "timeUnixNano": "5"}]
    assert post(sender, metric("h", points, "histogram"), signal="metrics").status_code == 200
    open_everything()
    assert "loud" in [log.message for log in rows(ExecutionLog)]


def test_values_nested_deeper_than_anybody_reads_are_cut(sender, open_everything):
    value: dict = {"stringValue": "deep"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    content = document(Draft(1, "nested"))
    content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [{"key": "output.value", "value": value}]
    assert post(sender, content).get_json() == {}
    open_everything()


def test_attributes_of_any_type_where_text_belongs(sender, open_everything):
    """Keys that libraries fill with text carry numbers, lists and maps: nothing is lost, whatever they come to mean."""
    drafts = []
    for place, odd in enumerate([5, -1.5, True, ["a", 1], {"a": {"b": [1]}}, [], {}, None, [{"parts": 5}], [[[]]]]):
        keys = {key: odd for key in ALL_KEYS}
        for number, kind in enumerate(("invoke_agent", "chat", "execute_tool", "invoke_workflow", "create_agent", None), 1):
            more = keys | ({"gen_ai.operation.name": kind} if kind else {})
            if number == 6:
                more["openinference.span.kind"] = "LLM"
            drafts.append(Draft(number, f"{kind}", 1 if number > 1 else 0, trace=place + 1, attributes=more, **failing()))
    send(sender, *drafts)
    assert len(rows(Span)) == len(drafts)
    open_everything()


ALL_KEYS = sorted(
    {
        key
        for name, found in vars(conventions).items()
        if name.isupper() and isinstance(found, (tuple, frozenset))
        for key in found
        if isinstance(key, str) and "." in key
    }
    | {
        "openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name", "ai.operationId", "llm.request.type", "metadata",
        "llm.invocation_parameters", "message_context", "gen_ai.output.messages", "ai.response.toolCalls", "logfire.msg",
        "llm.output_messages.0.message.role", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
        "gen_ai.completion.0.tool_calls.0.name", "gen_ai.prompt.0.content", "workflow.name", "sender_agent_type",
        "recipient_agent_type", "message", "agent_name", "tool_name", "input", "output", "thread_id",
    }
)  # fmt: skip

texts = st.text(st.characters(), max_size=12)
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["LLM", "agent", "chat", "[", "{}", '[{"parts":1}]']),
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
    for text in (facts.name, facts.model, facts.provider, facts.scope, facts.error_type, *map(str, facts.more.values())):
        assert text is None or (text.encode() is not None and "\x00" not in text)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(odd_json, st.sampled_from(["traces", "logs", "metrics"]))
def test_whatever_json_comes_it_is_read_or_unreadable(content, signal):
    read = {"traces": otlp.read_traces, "logs": otlp.read_logs, "metrics": otlp.read_metrics}[signal]
    wrapped = [content, {"resourceSpans": [{"scopeSpans": [{"spans": [content]}]}]}, {"resourceLogs": [{"scopeLogs": [{"logRecords": [content]}]}]}]
    wrapped.append({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": [content]}}, content]}]}]})
    for body in wrapped:
        try:
            batch = read(json.dumps(body).encode(), otlp.JSON)
        except otlp.Unreadable:
            continue
        assert all(isinstance(reason, str) for reason in batch.refused)


@settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(odd_values, st.integers(), texts, st.booleans()), min_size=1, max_size=4))
def test_log_records_and_points_of_any_content_can_be_stored(app, alice, found):
    from swarm_ui.ingest.records import LogEntry, Point, moment, severity

    entries, points = [], []
    for body, number, text, joined in found:
        entry = LogEntry()
        entry.trace_id, entry.span_id = (trace_id(5), span_id(5)) if joined else ("", None)
        entry.at, entry.severity, entry.severity_text, entry.event_name = moment(number), severity(number), text, text
        entry.body, entry.attributes, entry.resource, entry.scope = body, {text: body}, {"service.name": body}, (text, text)
        entries.append(entry)
        point = Point()
        point.name = point.unit = text
        point.kind, point.cumulative, point.attributes, point.resource = "sum", None, {text: body}, {"service.name": text}
        point.at = point.started_at = moment(number)
        point.value, point.count, point.scope = None, abs(number), (text, text)
        points.append(point)
    append_logs(db.engine, alice.id, entries)
    append_points(db.engine, alice.id, points)
    project()
    assert rows(TraceDirty) == []


def test_contents_of_any_shape_are_shown(sender, open_everything):
    """Inputs and outputs that look like conversations and are none."""
    shapes = [
        '{"messages": 5}', '[{"role": 1, "content": [null, 7, {"text": 5}]}]', "[[[]]]", "[{}]", '{"content": {"content": {"content": 1}}}',
        '{"parts": [[{"text": "x"}]]}', '"quoted"', "{broken", "[1, 2", '{"text": ""}', '{"choices": [{"message": null}]}',
    ]  # fmt: skip
    drafts = []
    for number, shape in enumerate(shapes, 1):
        more = {"input.value": shape, "output.value": shape}
        drafts += [
            agent(1, "caller", trace=number, attributes=more, seconds=5),
            tool(2, "ask", 1, trace=number, attributes=more, seconds=4),
            agent(3, "callee", 2, trace=number, attributes=more, seconds=3),
            llm(4, 3, trace=number, attributes={"gen_ai.input.messages": shape, "llm.input_messages.0.message.content": shape}),
        ]
    send(sender, *drafts)
    assert len(open_everything()) == len(shapes)
    assert len(rows(Message)) == 2 * len(shapes)


def test_a_payload_that_is_gone_reads_as_empty():
    assert Reader(lambda _ids: {}).open(b"\x02" + bytes(10))["attributes"] == {}
    assert Reader(lambda _ids: {}).open(None)["events"] == []
