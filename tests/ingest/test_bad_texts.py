"""Hostile texts, odd types and absurd numbers inside of spans: kept, shown as text, and the rest of the batch is not touched."""

import pytest

from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.ingest.payload import Reader, session_reader
from swarm_ui.tasks.models import ExecutionLog, Message
from swarm_ui.tenancy import bind_owner
from tests.ingest.conftest import rows
from tests.ingest.keys import ALL_KEYS
from tests.otlp import (
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


HOSTILE = [
    "<script>document.body.dataset.owned = 1</script>",
    '"><img src=x onerror=alert(1)>',
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
    records = [
        {
            "traceId": trace_id(1),
            "spanId": span_id(2),
            "body": {"stringValue": text},
            "eventName": text,
            "severityNumber": 18,
        }
    ]
    assert (
        post(sender, logs(*records, {"body": {"stringValue": text}}, service=text), signal="logs").get_json()
        == {}
    )
    points = [
        {"asInt": "1", "timeUnixNano": "1", "attributes": [{"key": text, "value": {"stringValue": text}}]}
    ]
    assert post(sender, metric(text, points), signal="metrics").get_json() == {}
    (task,) = open_everything()
    assert task.span_count == 8
    for url in (
        "/",
        "/tasks",
        f"/tasks/{task.id}",
        "/alerts",
        "/agents",
        f"/tasks/{task.id}?span={span_id(2)}",
    ):
        shown = page(url)
        assert not shown.select("img[onerror]")
        assert not shown.select("a[href^=javascript]")
        assert "\x00" not in shown.html


def test_nan_and_infinities_become_unknown(sender, open_everything):
    content = document(
        agent(1, "a", attributes={"x": "HERE"}), llm(2, 1, attributes={"gen_ai.usage.cost": "HERE"})
    )
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
    severe = [
        {"severityNumber": huge, "body": {"stringValue": "loud"}},
        {"severityNumber": -huge, "timeUnixNano": str(huge)},
    ]
    assert post(sender, logs(*severe), signal="logs").status_code == 200
    points = [
        {"asInt": str(huge), "timeUnixNano": "5"}, {"asDouble": 1.0, "timeUnixNano": str(huge), "startTimeUnixNano": str(-huge)},
        {"asDouble": 2.0, "timeUnixNano": str(-huge), "startTimeUnixNano": str(huge), "attributes": [{"key": "a"}]},
    ]  # fmt: skip
    assert post(sender, metric("m", points), signal="metrics").status_code == 200
    points = [
        {"count": str(huge), "sum": 1, "timeUnixNano": "5"},
        {"count": str(-huge), "sum": 1, "timeUnixNano": "5"},
    ]
    assert post(sender, metric("h", points, "histogram"), signal="metrics").status_code == 200
    open_everything()
    assert "loud" in [log.message for log in rows(ExecutionLog)]


def test_values_nested_deeper_than_anybody_reads_are_cut(sender, open_everything):
    value: dict = {"stringValue": "deep"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    content = document(Draft(1, "nested"))
    content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [
        {"key": "output.value", "value": value}
    ]
    assert post(sender, content).get_json() == {}
    open_everything()


def test_attributes_of_any_type_where_text_belongs(sender, open_everything):
    """Keys that libraries fill with text carry numbers, lists and maps: nothing is lost, whatever they come to mean."""
    drafts = []
    for place, odd in enumerate(
        [5, -1.5, True, ["a", 1], {"a": {"b": [1]}}, [], {}, None, [{"parts": 5}], [[[]]]]
    ):
        keys = dict.fromkeys(ALL_KEYS, odd)
        for number, kind in enumerate(
            ("invoke_agent", "chat", "execute_tool", "invoke_workflow", "create_agent", None), 1
        ):
            more = keys | ({"gen_ai.operation.name": kind} if kind else {})
            if number == 6:
                more["openinference.span.kind"] = "LLM"
            drafts.append(
                Draft(
                    number, f"{kind}", 1 if number > 1 else 0, trace=place + 1, attributes=more, **failing()
                )
            )
    send(sender, *drafts)
    assert len(rows(Span)) == len(drafts)
    open_everything()


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
            llm(
                4,
                3,
                trace=number,
                attributes={"gen_ai.input.messages": shape, "llm.input_messages.0.message.content": shape},
            ),
        ]
    send(sender, *drafts)
    assert len(open_everything()) == len(shapes)
    assert len(rows(Message)) == 2 * len(shapes)


def test_a_payload_that_is_gone_reads_as_empty():
    assert Reader(lambda _ids: {}).open(b"\x02" + bytes(10))["attributes"] == {}
    assert Reader(lambda _ids: {}).open(None)["events"] == []
