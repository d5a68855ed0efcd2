"""Spans of a run, their payloads unpacked."""

import pytest

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import PayloadBlock, Resource
from swarm_ui.ingest.payload import Blocks, pack
from swarm_ui.jsontext import dump_bytes

WHOLE = {
    "attributes": {
        "gen_ai.operation.name": "chat",
        "input.value": "<b>question</b>",
        "output.value": '{"answer": 42}',
        "n": 1.5,
    },
    "events": [{"name": "retry", "at": 1_795_000_000_123_456, "attributes": {"attempt": 2}}],
    "links": [{"traceId": "a" * 32, "spanId": "b" * 16}],
    "resource": "ab" * 8,
    "status_message": "it broke",
}


def spans_of(client, task) -> list[dict]:
    response = client.get(f"/api/v1/tasks/{task.id}/spans")
    assert response.status_code == 200
    return response.json["items"]


@pytest.fixture(params=["alone", "in a block"])
def payload(request, alice) -> bytes:
    """Both forms in which a row holds its document."""
    db.session.add(Resource(user_id=alice.id, hash="ab" * 8, attributes={"service.name": "demo"}))
    document = dump_bytes(WHOLE)
    if request.param == "alone":
        packed = pack(document)
    else:
        blocks = Blocks(clock.now_us())
        blocks.add(dump_bytes({"attributes": {"of": "another"}}))
        packed = blocks.add(document)
        db.session.add_all(PayloadBlock(id=id_, user_id=alice.id, body=body) for id_, body in blocks.rows())
    db.session.commit()
    return packed


def test_the_payload_is_unpacked(client, make, alice, payload):
    task = make.task(alice)
    make.span(alice, task, payload=payload, kind="llm", model="gpt-4.1", input_tokens=7)
    (span,) = spans_of(client, task)
    assert span["attributes"] == WHOLE["attributes"]
    assert span["events"] == [
        {"name": "retry", "at": "2026-11-18T11:06:40.123456Z", "attributes": {"attempt": 2}}
    ]
    assert span["links"] == WHOLE["links"]
    assert span["resource"] == {"service.name": "demo"}
    assert span["statusMessage"] == "it broke"
    assert span["input"] == "<b>question</b>"
    assert span["output"] == {"answer": 42}
    assert (span["kind"], span["model"], span["inputTokens"], span["outputTokens"]) == (
        "llm",
        "gpt-4.1",
        7,
        None,
    )
    assert span["startedAt"] == "2026-11-17T03:07:40.000000Z"
    assert span["endedAt"] == "2026-11-17T03:07:41.000000Z"


def test_a_span_without_a_payload_has_empty_parts(client, make, alice):
    task = make.task(alice)
    make.span(alice, task)
    (span,) = spans_of(client, task)
    assert (span["attributes"], span["events"], span["links"], span["input"]) == ({}, [], [], None)


def test_a_damaged_payload_hides_no_other_span(client, make, alice):
    task = make.task(alice)
    make.span(alice, task, payload=b"\x01damaged", name="damaged")
    make.span(alice, task, payload=pack(dump_bytes(WHOLE)), name="whole")
    assert {span["name"]: bool(span["attributes"]) for span in spans_of(client, task)} == {
        "damaged": False,
        "whole": True,
    }


def test_absurd_times_do_not_break_the_list(client, make, alice):
    task = make.task(alice)
    make.span(alice, task, started_at=0, ended_at=2**62)
    make.span(alice, task, started_at=-1, ended_at=0)
    ends = [span["endedAt"] for span in spans_of(client, task)]
    assert ends == ["1970-01-01T00:00:00.000000Z", None]


def test_all_traces_of_a_run_are_in_it(client, make, alice):
    task, other = make.task(alice), make.task(alice)
    make.span(alice, task, name="first")
    make.span(alice, other, name="elsewhere")
    assert [span["name"] for span in spans_of(client, task)] == ["first"]
