"""The same facts give the same rows: in whatever order they came, however often, and again from nothing."""

import json
import random

import pytest

from swarm_ui.ingest.models import Span
from tests.captures import project
from tests.projection.conftest import world  # noqa: F401
from tests.projection.world import differences
from tests.sending.conftest import rows

AT = "2026-11-17T03:12:{:02d}.25Z"
PARTS = [
    ("messages", {"id": "m1", "sender": "planner", "recipient": "coder", "messageType": "request", "content": "go", "at": AT.format(2)}),
    ("messages", {"id": "m2", "sender": "coder", "recipient": "Planner", "messageType": "error", "content": {"a": 1}, "at": AT.format(9)}),
    ("messages", {"id": "m3", "sender": "critic", "messageType": "broadcast", "content": "hm", "at": AT.format(4)}),
    ("logs", {"id": "l1", "agent": "coder", "level": "error", "message": "broke", "at": AT.format(5)}),
    ("logs", {"id": "l2", "message": "nobody", "at": AT.format(6)}),
    ("metrics", {"id": "x1", "agent": "coder", "model": "gpt-4o", "inputTokens": 10, "outputTokens": 4, "at": AT.format(7)}),
    ("metrics", {"id": "x2", "agent": "tester", "executionTime": 30, "successFlag": False, "at": AT.format(7)}),
    ("spans", {"spanId": "s1", "kind": "agent", "name": "tester", "startedAt": AT.format(3)}),
    ("spans", {"spanId": "s1", "kind": "agent", "name": "tester", "startedAt": AT.format(3), "endedAt": AT.format(8), "status": "ok"}),
    ("spans", {"spanId": "s2", "parentSpanId": "s1", "kind": "tool", "name": "pytest", "startedAt": AT.format(4), "endedAt": AT.format(5),
               "status": "error", "errorType": "Red"}),
    ("spans", {"spanId": "s3", "kind": "llm", "name": "chat", "agent": "critic", "model": "gpt-4o", "inputTokens": 3, "startedAt": AT.format(4),
               "endedAt": AT.format(4)}),
    ("end", {"status": "failed", "completedAt": AT.format(11), "result": ["no"]}),
]  # fmt: skip


def send(machine, parts):
    machine.post(
        "/tasks", {"id": "run", "name": "Nightly", "workflow": "Report", "startedAt": AT.format(1)}, None
    )
    for part, said in parts:
        if part == "end":
            machine.patch("/tasks/run", said)
        else:
            machine.post(f"/tasks/run/{part}", said, None)
            assert machine.last.status_code in (200, 201)


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_repetition_gives_equal_rows(machine, world, seed):  # noqa: F811
    send(machine, PARTS)
    straight = world.settle()
    assert len(straight["messages"]) == 3
    assert len(straight["metrics"]) == 3
    world.clear()
    chance = random.Random(seed)
    mixed = [*PARTS, *chance.sample(PARTS, 6)]
    chance.shuffle(mixed)
    for start in range(0, len(mixed), 4):
        send(machine, mixed[start : start + 4])
        if chance.random() < 0.5:
            project()
    assert not (found := differences(straight, world.settle(), but=("spans",))), "\n".join(found)
    assert {span.span_id: (span.status, span.ended_at) for span in rows(Span)} == {
        dict(row)["spanId"]: (dict(row)["status"], dict(row)["endedAt"]) for row in straight["spans"]
    }


def test_projecting_again_and_from_nothing_gives_equal_rows(machine, world, app):  # noqa: F811
    send(machine, PARTS)
    machine.post("/tasks", {"name": "alone, without a span", "status": "completed"})
    before = world.settle()
    result = app.test_cli_runner().invoke(args=["project", "--rebuild", "--email", "alice@example.org"])
    assert result.exit_code == 0, result.output
    assert not (found := differences(before, world.settle())), "\n".join(found)


def test_nothing_that_was_sent_is_lost_on_the_way(machine, world):  # noqa: F811
    """What the API gives back is what was sent."""
    send(machine, PARTS)
    world.settle()
    found = machine.items(f"/tasks/{rows_of_task(machine)}/messages")
    assert json.dumps(found[-1]["content"]) == '{"data": {"a": 1}}'


def rows_of_task(machine):
    return machine.items("/tasks")[0]["id"]
