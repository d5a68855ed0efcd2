"""A task that says when it has to be over."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.projection.leases import mark_again
from swarm_ui.tasks.models import Task
from tests.captures import project
from tests.conftest import NOW
from tests.sending.conftest import rows


def at(**later: float) -> str:
    return (NOW + timedelta(**later)).isoformat()


@pytest.fixture
def healthy(machine):
    """The condition of the one agent, when worker and time have done their part."""

    def ask() -> tuple[str, str]:
        project()
        summaries.refresh(db.engine, summaries.due(db.engine), set())
        (agent,) = rows(Agent)
        found = machine.get(f"/agents/{agent.id}/health")
        assert (agent.condition, agent.status) == (found["healthWord"], found["status"])
        return found["healthWord"], found["healthReason"]

    return ask


def begin(machine, **fields) -> None:
    machine.post("/tasks", {"id": "nightly", "name": "Nightly report"} | fields)
    machine.post("/tasks/nightly/logs", {"agent": "planner", "message": "began"})


def test_an_agent_that_runs_past_it_is_stalled_however_busy(machine, healthy, time):
    begin(machine, deadlineAt=at(minutes=3))
    assert healthy()[0] == "new"
    (agent,) = rows(Agent)
    assert agent.next_change_at == NOW + timedelta(minutes=3)
    time.forward(minutes=2, seconds=59)
    machine.post("/tasks/nightly/logs", {"agent": "planner", "message": "still at it"})
    assert healthy()[0] == "new"
    time.forward(seconds=1)
    assert healthy() == (
        "stalled",
        "running Nightly report, must end by 17 Nov 2026, 03:15 UTC, still running",
    )
    machine.post("/tasks/nightly/logs", {"agent": "planner", "message": "busy"})
    assert healthy()[0] == "stalled"


def test_it_can_be_moved_and_taken_back_and_ends_with_the_task(machine, healthy, time):
    begin(machine, deadlineAt=at(minutes=1))
    time.forward(minutes=2)
    assert healthy()[0] == "stalled"
    machine.patch("/tasks/nightly", {"deadlineAt": at(minutes=4)})
    assert healthy()[0] == "new"
    time.forward(minutes=2)
    assert healthy()[0] == "stalled"
    answer = machine.patch("/tasks/nightly", {"deadlineAt": None})
    assert answer["deadlineAt"] == "2026-11-17T03:46:40.000000Z"  # half an hour after the last sign of it
    assert healthy()[0] == "new"
    machine.patch("/tasks/nightly", {"deadlineAt": at(minutes=1)})
    assert healthy()[0] == "stalled"
    machine.patch("/tasks/nightly", {"status": "completed"})
    assert healthy()[0] != "stalled"
    (task,) = rows(Task)
    assert task.deadline_at == NOW + timedelta(minutes=1)


def test_it_neither_ends_nor_prolongs_anything(machine, time):
    begin(machine, deadlineAt=at(hours=9))
    time.forward(minutes=31)
    machine.post("/tasks", {"id": "other", "name": "Other", "deadlineAt": at(minutes=1)})
    mark_again(db.engine, rows(Task)[0].user_id, [task.trace_id for task in rows(Task)])
    project()
    assert {task.name: task.status for task in rows(Task)} == {
        "Nightly report": "timeout",
        "Other": "running",
    }


def test_rebuilt_rows_are_the_same(machine):
    begin(machine, deadlineAt=at(minutes=3))
    project()
    (before,) = rows(Task)
    mark_again(db.engine, before.user_id, [before.trace_id])
    project()
    assert rows(Task)[0].deadline_at == clock.now() + timedelta(minutes=3)


def test_what_is_no_deadline(machine):
    assert machine.wrong("/tasks", {"name": "N", "deadlineAt": "soon"}) == {
        "deadlineAt": "Not a time: give ISO 8601, such as 2026-11-17T03:12:40.5Z"
    }
    later = {"name": "N", "startedAt": at(minutes=2), "deadlineAt": at(minutes=1)}
    assert machine.wrong("/tasks", later) == {"body": "deadlineAt lies before startedAt"}


def test_the_page_of_the_run_says_it_until_the_run_is_over(machine, page, time):
    def said() -> str | None:
        project()
        terms = page(f"/tasks/{rows(Task)[0].id}").select(".facts > div")
        found = {term.dt.get_text(): " ".join(term.dd.get_text(" ").split()) for term in terms}
        return found.get("Must end by")

    begin(machine)
    assert said() is None
    machine.patch("/tasks/nightly", {"deadlineAt": at(minutes=3)})
    assert said() == "17 Nov 2026, 03:15 UTC"
    time.forward(minutes=3)
    assert said() == "17 Nov 2026, 03:15 UTC it is late"
    machine.patch("/tasks/nightly", {"status": "completed"})
    assert said() is None
