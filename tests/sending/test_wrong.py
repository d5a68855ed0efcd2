"""What cannot be taken is refused by its name and place, and nothing of it is kept; odd text is mended."""

import json

import pytest

from swarm_ui.ingest.models import LogRecord, Span, TraceDirty
from swarm_ui.rawsql import Busy
from tests.captures import project
from tests.sending.conftest import rows

MESSAGE = {"sender": "a", "messageType": "request", "content": "x"}


def deep(levels):
    return json.loads("[" * levels + "]" * levels)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ({"name": " "}, {"name"}),
        ({"name": "x" * 256}, {"name"}),
        ({"name": 5}, {"name"}),
        ({"name": None}, {"name"}),
        ({"name": "x", "unheard": 1}, {"unheard"}),
        ({"name": "x", "id": ""}, {"id"}),
        ({"name": "x", "id": "a/b"}, {"id"}),
        ({"name": "x", "id": "a b"}, {"id"}),
        ({"name": "x", "id": "ä"}, {"id"}),
        ({"name": "x", "id": 7}, {"id"}),
        ({"name": "x", "id": "i" * 201}, {"id"}),
        ({"name": "x", "status": "done"}, {"status"}),
        ({"name": "x", "priority": 11}, {"priority"}),
        ({"name": "x", "priority": True}, {"priority"}),
        ({"name": "x", "priority": "5"}, {"priority"}),
        ({"name": "x", "startedAt": -5}, {"startedAt"}),
        ({"name": "x", "startedAt": "yesterday"}, {"startedAt"}),
        ({"name": "x", "startedAt": "2026-13-01T00:00:00Z"}, {"startedAt"}),
        ({"name": "x", "startedAt": 1e300}, {"startedAt"}),
        ({"name": "x", "startedAt": True}, {"startedAt"}),
        ({"name": "x", "startedAt": "2026-11-17T00:00:09Z", "completedAt": "2026-11-17T00:00:08Z"}, {"body"}),
        ({"name": "x", "workflow": "a", "workflowId": "b"}, {"body"}),
        ({"name": "x", "workflowId": "ä"}, {"workflowId"}),
        ({"name": "x", "input": "x" * 1_000_001}, {"input"}),
        ([{"name": "x"}, {"name": "x", "status": "done", "id": 5}], {"items[1].status", "items[1].id"}),
        ([{"name": "x"}, 7], {"items[1]"}),
        ([], {"items"}),
        ([{"name": "x"}] * 201, {"items"}),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, (dict, list)) else "",
)
def test_a_task_that_cannot_be(machine, body, fields):
    assert set(machine.wrong("/tasks", body)) == fields
    assert machine.last.get_json()["detail"].split(":")[0] in fields
    assert rows(LogRecord) == rows(TraceDirty) == []


@pytest.mark.parametrize(
    ("part", "item", "fields"),
    [
        ("messages", {"sender": "a", "content": "x"}, {"messageType"}),
        ("messages", MESSAGE | {"messageType": "shout"}, {"messageType"}),
        ("messages", {"messageType": "request", "content": "x"}, {"body"}),
        ("messages", MESSAGE | {"senderId": "b"}, {"body"}),
        ("messages", MESSAGE | {"sender": ["a"]}, {"sender"}),
        ("messages", MESSAGE | {"metadata": [1]}, {"metadata"}),
        ("messages", MESSAGE | {"metadata": {"a": deep(60)}}, {"metadata"}),
        ("messages", MESSAGE | {"metadata": {"a": "x" * 64_000}}, {"metadata"}),
        ("messages", MESSAGE | {"at": "2026-11-17T25:00:00Z"}, {"at"}),
        ("messages", MESSAGE | {"taskId": "t"}, {"taskId"}),
        ("logs", {}, {"message"}),
        ("logs", {"message": ""}, {"message"}),
        ("logs", {"message": "x" * 100_001}, {"message"}),
        ("logs", {"message": "x", "level": "loud"}, {"level"}),
        ("logs", {"message": "x", "eventType": "other"}, {"eventType"}),
        ("metrics", {}, {"body"}),
        ("metrics", {"executionTime": -1}, {"executionTime"}),
        ("metrics", {"executionTime": 1.5}, {"executionTime"}),
        ("metrics", {"inputTokens": 1 << 70}, {"inputTokens"}),
        ("metrics", {"estimatedCost": -0.1}, {"estimatedCost"}),
        ("metrics", {"successFlag": "yes"}, {"successFlag"}),
        ("spans", {}, {"name"}),
        ("spans", {"name": "x", "kind": "dream"}, {"kind"}),
        ("spans", {"name": "x", "status": "maybe"}, {"status"}),
        ("spans", {"name": "x", "spanId": "a", "parentSpanId": "a"}, {"body"}),
        ("spans", {"name": "x", "spanId": "ä"}, {"spanId"}),
        ("spans", {"name": "x", "startedAt": 20, "endedAt": 10}, {"body"}),
        ("spans", {"name": "x", "errorMessage": "x" * 8_001}, {"errorMessage"}),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_an_item_that_cannot_be_refuses_all_with_its_place(machine, part, item, fields):
    task = machine.task()
    before = len(rows(LogRecord))
    good = {
        "messages": MESSAGE,
        "logs": {"message": "x"},
        "metrics": {"executionTime": 1},
        "spans": {"name": "x"},
    }[part]
    assert set(machine.wrong(f"/tasks/{task}/{part}", item)) == fields
    placed = {f"items[3].{field}" if field != "body" else "items[3]" for field in fields}
    assert set(machine.wrong(f"/tasks/{task}/{part}", [good, good, good, item])) == placed
    assert (len(rows(LogRecord)), rows(Span)) == (before, [])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff\xfe", 400), (b"[" * 5_000, 400), (b'"text"', 400), (b"7", 400), (b"null", 400),
    ],
)  # fmt: skip
def test_a_body_that_is_no_object(machine, body, status):
    machine.ask("POST", "/tasks", body, status)
    assert machine.last.get_json()["status"] == status
    assert rows(LogRecord) == []


def test_other_content_types_and_sizes(machine, app):
    machine.ask("POST", "/tasks", "name=x", 415, Content_Type="application/x-www-form-urlencoded")
    machine.ask("POST", "/tasks", b"not gzip", 400, Content_Encoding="gzip")
    machine.ask("POST", "/tasks", {"name": "x"}, 422, Idempotency_Key="k" * 201)
    machine.patch(f"/tasks/{machine.task()}", [{"priority": 1}], 400)


def test_it_may_be_compressed(machine):
    import gzip

    machine.ask("POST", "/tasks", gzip.compress(b'{"name": "x"}'), 201, Content_Encoding="gzip")


def test_odd_text_is_mended(machine, told, open_everything):
    task = machine.task(name="N\x00ul", input={"nan": None, "deep": deep(100), "big": 1 << 70, "": ""})
    body = b'{"sender": "a\\u0000b", "messageType": "request", "content": {"x": NaN, "lone": "\\ud800"}, "metadata": {"y": Infinity}}'
    machine.ask("POST", f"/tasks/{task}/messages", body, 201)
    machine.post(
        f"/tasks/{task}/messages",
        [MESSAGE | {"content": value} for value in ("", [], {}, None, 0, False, deep(60), "\u202eevil")],
    )
    machine.post(f"/tasks/{task}/logs", {"message": "\x00\x1b[31m", "agent": "x" * 255})
    machine.post(
        f"/tasks/{task}/spans",
        {"name": "\x00", "input": deep(300), "metadata": {"gen_ai.agent.name": "not me"}},
    )
    machine.post(
        f"/tasks/{task}/metrics", {"agent": "a\x00b", "estimatedCost": 0.0, "executionTime": 2_000_000_000}
    )
    machine.patch(f"/tasks/{task}", {"status": "failed", "errorMessage": "\x00", "errorType": "E" * 255})
    [found] = open_everything()
    assert found.name == "N\ufffdul"
    project()
    assert machine.items(f"/tasks/{task}/messages")[0]["content"] == {"data": {"x": None, "lone": "\ufffd"}}
    assert len(machine.items(f"/tasks/{task}/messages")) == 9


def test_when_the_database_is_busy_it_is_a_503_and_nothing_is_lost(machine, monkeypatch):
    from swarm_ui.ingest import sent

    def fail(*_arguments):
        raise Busy("locked")

    monkeypatch.setattr(sent, "append_sent", fail)
    machine.ask("POST", "/tasks", {"name": "x"}, 503)
    assert machine.last.headers["Retry-After"] == "2"


def test_a_space_that_is_erased_takes_nothing(machine, make, alice):
    from swarm_ui.extensions import db
    from swarm_ui.space.models import SpaceWork

    task = machine.task()
    db.session.add(
        SpaceWork(id="w", owner_id=alice.id, kind="erase", space="hers", actor="Alice", planned={}, done={})
    )
    db.session.commit()
    machine.post(f"/tasks/{task}/logs", {"message": "x"}, 409)


def test_a_database_that_is_away_is_a_503(machine, monkeypatch):
    from swarm_ui.ingest import sent

    task = machine.task()

    def fail(*_arguments):
        raise Busy("gone")

    monkeypatch.setattr(sent, "find_trace", fail)
    machine.post(f"/tasks/{task}/logs", {"message": "x"}, 503)
    monkeypatch.setattr("swarm_ui.api.tasks.space_of", fail)
    machine.get("/tasks/unheard", 503)
    assert machine.last.headers["Retry-After"] == "2"
