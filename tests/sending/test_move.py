"""A space with tasks that were sent over REST, out and in again: the same rows, the same ids, and more can be sent to them."""

import random

from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message, Task
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.rows import rows_of
from tests.sending.conftest import rows
from tests.space.conftest import key_for, run  # noqa: F401

LARGE = "".join(random.Random("large").choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000))


def test_it_goes_along_when_the_space_moves(machine, alice, run, tmp_path, time, key_for):  # noqa: F811
    machine.post("/tasks", {"id": "run-1", "name": "Nightly", "workflow": "Report"})
    machine.post(
        "/tasks/run-1/messages",
        {"id": "m1", "sender": "planner", "messageType": "broadcast", "content": LARGE},
    )
    machine.post(
        "/tasks/run-1/spans",
        {"spanId": "s1", "kind": "agent", "name": "coder", "endedAt": "2026-11-17T03:00:00Z"},
    )
    project()
    before = rows_of(alice, without=frozenset(), places=True)
    archive = tmp_path / "space.jsonl.gz"
    run("space", "export", "--email", alice.email, str(archive))
    for _ in range(2):
        run("space", "erase", "--email", alice.email, "--yes")
        time.forward(seconds=61)
    bind_owner(db.session, alice.id)
    assert rows(Task) == []
    run("space", "import", str(archive), "--email", alice.email)
    after = rows_of(alice, without=frozenset(), places=True)
    for table in ("tasks", "messages", "log_records", "spans", "swarm_agents", "workflows", "task_traces"):
        assert after[table] == before[table], table
    headers = key_for(alice, "swk_" + "again" * 8)
    machine.ask("PATCH", "/tasks/run-1", {"status": "completed"}, 200, **headers)
    machine.ask(
        "POST",
        "/tasks/run-1/messages",
        {"id": "m1", "sender": "planner", "messageType": "broadcast", "content": LARGE},
        200,
        **headers,
    )
    project()
    bind_owner(db.session, alice.id)
    [task], [message] = rows(Task), rows(Message)
    assert (task.status, task.client_id) == ("completed", "run-1")
    assert message.content == {"text": LARGE}
