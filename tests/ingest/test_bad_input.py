"""Broken, absurd and hostile data: each gets its documented answer, the rest of its batch is kept, every page opens, nothing executes."""

import time as wall

import pytest
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.ingest.payload import session_reader
from swarm_ui.tasks.models import Task
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.ingest.conftest import rows
from tests.otlp import (
    JSON,
    PROTOBUF,
    Draft,
    agent,
    document,
    encoded,
    failing,
    llm,
    post,
    send,
    span_id,
    tool,
    workflow,
)


@pytest.fixture(autouse=True)
def _owner(alice):
    bind_owner(db.session, alice.id)


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
        shaped = body.replace(b"resourceSpans", f"resource{signal.title()}".encode()).replace(
            b"Traces", b"Spans"
        )
        shaped = shaped.replace(
            b"scopeSpans", b"scope" + {"traces": b"Spans", "logs": b"Logs", "metrics": b"Metrics"}[signal]
        )
        shaped = shaped.replace(
            b'"spans"', {"traces": b'"spans"', "logs": b'"logRecords"', "metrics": b'"metrics"'}[signal]
        )
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
    content = document(
        *(Draft(number, f"step {number}", parent=1 if number > 1 else 0) for number in range(1, 12))
    )
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
    send(
        sender,
        agent(1, "slow", at=-900_000_000, seconds=900_000_000),
        llm(2, 1, at=-5),
        llm(3, 1, at=-900_000_000),
    )
    (task,) = open_everything()
    assert task.status == "completed"


def test_sums_past_every_column_do_not_stop_a_run(sender, open_everything):
    huge = (1_900_000_000, 1_900_000_000)
    calls = [
        llm(number, 1, tokens=huge, attributes={"gen_ai.usage.cost": 9_000_000.0}) for number in range(2, 30)
    ]
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


def test_a_text_of_five_megabytes_goes_to_object_storage_and_comes_back(
    sender, open_everything, page, environ
):
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


def test_what_cannot_be_compressed_lies_in_object_storage_under_its_hash(
    sender, open_everything, page, environ
):
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
    long = [
        "." * 500_000,
        "run_agent" * 60_000 + "!",
        "[a]" * 150_000,
        "transfer_to_" * 40_000,
        "1.1" * 150_000,
        " " * 500_000 + "x",
    ]
    started = wall.monotonic()
    drafts = []
    for number, text in enumerate(long):
        drafts += [
            agent(10 * number + 1, text, attributes={"graph.node.parent_id": text}),
            tool(10 * number + 2, text, 10 * number + 1, attributes={"gen_ai.tool.call.id": text}),
            llm(
                10 * number + 3,
                10 * number + 1,
                attributes={"gen_ai.request.model": text, "session.id": text},
                scope=(text, text),
            ),
            Draft(
                10 * number + 4,
                text,
                10 * number + 1,
                attributes={"sender_agent_type": text, "recipient_agent_type": text},
            ),
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
            tool(
                number + 2, f"transfer_to_worker_{(number // 5 + 1) % 40}", number, at=at + 0.3, seconds=0.1
            ),
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
    links += [
        {"traceId": "é" * 32},
        {"traceId": "zz" * 16},
        {"traceId": ""},
        {},
        {"traceId": "0" * 32, "spanId": "1"},
    ]
    assert post(sender, content).get_json() == {}
    (task,) = open_everything()
    assert task.span_count == 1
