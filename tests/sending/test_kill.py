"""SIGKILL of real servers and workers at random moments while tasks are sent over REST: what was acknowledged is there, once.

A small version runs always; SWARM_LONG=1 sends 400 tasks over ten kills.
"""

import json
import os
import random
import sys
from collections import Counter

import pytest

from tests.ingest.conftest import key  # noqa: F401
from tests.killing import LONG, Request, Sender, rows, send_and_kill, server  # noqa: F401

TASKS, KILLS, SENDERS = (400, 10, 4) if LONG else (16, 2, 2)
MESSAGES, LINES, METRICS, STEPS = 5, 6, 2, 3

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def said(method: str, path: str, body: object, once: str = "") -> Request:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": once} if once else {})
    return method, f"/api/v1{path}", json.dumps(body).encode(), headers


def requests_of(number: int) -> list[Request]:
    """One task from its beginning to its end. Every other one gives its things no ids, but its requests keys."""
    name, has_ids = f"task-{number}", number % 2 == 0
    path, begins = f"/tasks/{name}", 1_790_000_000 + number * 100

    def things(part: str, items: list[dict[str, object]]) -> Request:
        once = "" if has_ids else f"{name}.{part}"
        named = [{"id": f"{part}-{place}"} | item if has_ids else item for place, item in enumerate(items)]
        return said("POST", f"{path}/{part}", named, once)

    sent: list[Request] = [
        said("POST", "/tasks", {"id": name, "name": name, "workflow": "Report", "startedAt": begins}),
        things(
            "messages",
            [
                {
                    "sender": "planner",
                    "recipient": "writer",
                    "messageType": "request",
                    "content": f"{name} message {place}",
                    "at": begins + place,
                }
                for place in range(MESSAGES)
            ],
        ),
        things(
            "logs",
            [
                {"agent": "writer", "message": f"{name} line {place}", "at": begins + place}
                for place in range(LINES)
            ],
        ),
        things(
            "metrics",
            [
                {
                    "agent": "writer",
                    "model": "m",
                    "inputTokens": 10,
                    "outputTokens": place,
                    "at": begins + place,
                }
                for place in range(METRICS)
            ],
        ),
        said(
            "POST",
            f"{path}/spans",
            [
                {
                    "spanId": f"{number:08x}{place:08x}",
                    "kind": "tool",
                    "name": "search",
                    "agent": "writer",
                    "startedAt": begins + place,
                    "endedAt": begins + place + 1,
                }
                for place in range(1, STEPS + 1)
            ],
        ),
        said(
            "PATCH",
            path,
            {"status": "completed", "completedAt": begins + 60, "result": f"{name} done"},
            f"{name}.end",
        ),
    ]
    return sent


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nothing_acknowledged_over_rest_is_lost_or_doubled_when_processes_are_killed(server, alice, capsys):  # noqa: F811
    from tests.projection.world import World, same

    rng = random.Random(int(os.environ.get("SWARM_SEED", "2")))
    numbers = range(TASKS)
    senders = [
        Sender(
            server.port, [request for number in numbers[first::SENDERS] for request in requests_of(number)]
        )
        for first in range(SENDERS)
    ]
    killed = send_and_kill(server, senders, KILLS, rng)

    tasks = dict(rows("SELECT clientId,id FROM tasks"))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{sum(len(sender.answers) for sender in senders):,} requests of {len(tasks)} tasks acknowledged over {len(killed)} kills "
            f"({', '.join(killed)}), {sum(sender.repeated for sender in senders)} sent again"
        )
    assert [line for sender in senders for line in sender.refused] == []
    assert len(rows("SELECT id FROM tasks")) == TASKS
    assert tasks.keys() == {f"task-{number}" for number in numbers}
    assert Counter(rows("SELECT status,executionTime FROM tasks")) == {("completed", 60_000): TASKS}
    names = {row_id: name for name, row_id in tasks.items()}

    def once(found: list[tuple[str, str]], what: str, each: int) -> None:
        """Of every task exactly these."""
        found = Counter((names[task_id], text) for task_id, text in found)
        assert found == Counter((name, f"{name} {what} {place}") for name in tasks for place in range(each))

    messages = [
        (task_id, json.loads(content)["text"])
        for task_id, content in rows("SELECT taskId,content FROM messages")
    ]
    once(messages, "message", MESSAGES)
    once(rows("SELECT taskId,message FROM execution_logs WHERE message LIKE '%% line %%'"), "line", LINES)
    assert Counter(rows("SELECT taskId,outputTokens FROM metrics")) == Counter(
        (task, place) for task in names for place in range(METRICS)
    )
    assert len(rows("SELECT spanId FROM spans")) == TASKS * STEPS
    # Each row that an answer named is there under that id, however often it was asked for.
    named = {
        item["id"]
        for sender in senders
        for _, answer in sender.answers
        for item in json.loads(answer).get("items", [])
        if "id" in item
    }
    kept = {
        row[0]
        for table in ("messages", "execution_logs", "metrics")
        for row in rows(f"SELECT id FROM {table}")
    }
    assert len(named) == TASKS * (MESSAGES + LINES + METRICS)
    assert named - kept == set()
    # What the killed workers left behind equals what one undisturbed worker makes of the same.
    world = World(alice.id, None)
    world.summarise()
    left = world.rows()
    from swarm_ui.projection.rebuild import rebuild

    rebuild(world.projector(), alice.id, lambda _number: None)
    same(left, world.rows())
