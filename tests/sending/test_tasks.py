"""A task that is sent over REST: its row, what changes it, how it ends."""

import threading

import pytest

from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.ingest.models import LogRecord, TraceDirty
from swarm_ui.tasks.models import ExecutionHistory, Task, TaskTrace
from swarm_ui.worker.loop import Worker
from swarm_ui.workflows.models import Workflow
from tests.captures import HEADERS, project
from tests.otlp import Draft, send
from tests.sending.conftest import rows

START, END = "2026-11-17T03:00:00Z", "2026-11-17T03:00:09.5Z"


def test_it_answers_201_with_the_row_before_any_worker_ran(machine):
    row = machine.post(
        "/tasks",
        {
            "id": "run-1",
            "name": "Nightly report",
            "workflow": "Report",
            "sessionId": "s-9",
            "input": {"day": 3},
            "priority": 8,
            "startedAt": START,
        },
    )
    assert (row["name"], row["status"], row["source"], row["priority"]) == (
        "Nightly report",
        "running",
        "api",
        8,
    )
    assert (row["clientId"], row["sessionId"], row["input"]) == ("run-1", "s-9", {"data": {"day": 3}})
    assert (row["startedAt"], row["completedAt"], row["executionTime"]) == (
        "2026-11-17T03:00:00.000000Z",
        None,
        None,
    )
    assert (row["tokenUsage"], row["estimatedCost"]) == (None, None)
    assert machine.last.headers["Location"] == f"/api/v1/tasks/{row['id']}"
    assert machine.get(f"/tasks/{row['id']}") == row
    assert [workflow.name for workflow in rows(Workflow)] == ["Report"]


def test_the_same_again_is_200_and_changes_nothing(machine):
    said = {"id": "run-1", "name": "Nightly report", "status": "running"}
    row = machine.post("/tasks", said)
    machine.patch("/tasks/run-1", {"status": "completed"})
    again = machine.post("/tasks", said, 200)
    assert (again["id"], again["status"]) == (row["id"], "completed")
    assert machine.post("/tasks", said | {"result": "done"}, 200)["result"] == {"text": "done"}
    assert len(rows(Task)) == 1


def test_an_idempotency_key_stands_for_an_id(machine):
    first = machine.post("/tasks", [{"name": "a"}, {"name": "b"}], Idempotency_Key="k1")
    again = machine.post("/tasks", [{"name": "a"}, {"name": "b"}], 200, Idempotency_Key="k1")
    assert (first["new"], again["new"]) == (2, 0)
    assert [row["id"] for row in first["items"]] == [row["id"] for row in again["items"]]
    assert machine.post("/tasks", {"name": "a"})["id"] not in {row["id"] for row in first["items"]}
    assert len(rows(Task)) == 3


def test_a_list_of_tasks_answers_in_its_order(machine):
    answer = machine.post("/tasks", [{"id": str(n), "name": f"task {n}"} for n in range(20)])
    assert [row["name"] for row in answer["items"]] == [f"task {n}" for n in range(20)]
    assert answer["new"] == 20
    mixed = machine.post(
        "/tasks",
        [{"id": "3", "name": "task 3"}, {"id": "new", "name": "one more"}, {"id": "new", "name": "one more"}],
    )
    assert mixed["new"] == 1
    assert len(rows(Task)) == 21


def test_both_ids_lead_to_it(machine):
    row = machine.post("/tasks", {"id": "job:7", "name": "x"})
    machine.get("/tasks/job:7", 302)
    assert machine.last.headers["Location"].endswith(f"/tasks/{row['id']}")
    machine.patch("/tasks/job:7", {"priority": 2})
    assert machine.patch(f"/tasks/{row['id']}", {"sessionId": "s"})["priority"] == 2
    machine.get("/tasks/job:8", 404)
    machine.patch("/tasks/job:8", {"priority": 2}, 404)


def test_a_change_sets_what_it_names_and_null_takes_it_back(machine):
    task = machine.task(result="first", priority=9)
    row = machine.patch(f"/tasks/{task}", {"sessionId": "s"})
    assert (row["result"], row["priority"], row["sessionId"]) == ({"text": "first"}, 9, "s")
    row = machine.patch(f"/tasks/{task}", {"result": None, "priority": None})
    assert (row["result"], row["priority"]) == (None, 5)
    before = len(rows(LogRecord))
    machine.patch(f"/tasks/{task}", {"result": None, "sessionId": "s"})
    assert len(rows(LogRecord)) == before


def test_a_repeated_change_with_its_key_does_not_undo_a_later_one(machine):
    task = machine.task()
    machine.patch(f"/tasks/{task}", {"status": "failed"}, Idempotency_Key="1")
    machine.patch(f"/tasks/{task}", {"status": "completed"}, Idempotency_Key="2")
    assert machine.patch(f"/tasks/{task}", {"status": "failed"}, Idempotency_Key="1")["status"] == "completed"


@pytest.mark.parametrize(
    ("said", "status", "error", "alerts"),
    [
        ("completed", "completed", None, []),
        ("failed", "failed", None, ["agent_failure"]),
        ("cancelled", "failed", "Cancelled", []),
        ("timeout", "timeout", None, ["task_timeout"]),
    ],
)
def test_what_it_says_of_its_end_is_evidence(machine, told, said, status, error, alerts):
    task = machine.task(startedAt=START)
    machine.patch(f"/tasks/{task}", {"status": said, "completedAt": END})
    found = told()
    assert (found.task.status, found.task.error_type) == (status, error)
    assert [alert.alert_type for alert in found.alerts] == alerts
    if status != "timeout":
        assert found.task.execution_time == 9_500
    [history] = rows(ExecutionHistory)
    assert history.status == status


def test_a_completed_task_stays_completed_whatever_went_wrong_in_it(machine, told):
    task = machine.task()
    machine.post(
        f"/tasks/{task}/spans",
        {"kind": "agent", "name": "coder", "status": "error", "errorType": "Boom", "endedAt": END},
    )
    machine.patch(f"/tasks/{task}", {"status": "completed"})
    found = told().task
    assert (found.status, found.error_count) == ("completed", 1)


def test_only_an_end_is_judged_by_its_parts(machine, told):
    task = machine.task(startedAt=START)
    machine.post(
        f"/tasks/{task}/spans",
        {
            "kind": "agent",
            "name": "coder",
            "status": "error",
            "errorType": "Boom",
            "startedAt": START,
            "endedAt": END,
        },
    )
    machine.patch(f"/tasks/{task}", {"status": "completed"})
    machine.patch(f"/tasks/{task}", {"completedAt": END, "status": None})
    assert told().task.status == "failed"


def test_it_may_begin_again(machine, told):
    task = machine.task(status="failed")
    machine.patch(f"/tasks/{task}", {"status": "running"})
    found = told()
    assert (found.task.status, found.task.completed_at, found.alerts) == ("running", None, [])


def test_one_that_falls_silent_times_out_and_a_late_end_heals_it(app, machine, told, time):
    running, waiting = machine.task(), machine.task(status="pending")
    assert machine.get(f"/tasks/{waiting}")["status"] == "pending"
    time.forward(seconds=1_900)
    worker = Worker(db.engine, None, timeout_us=1_800_000_000)
    worker.sweep()
    project()
    assert [machine.get(f"/tasks/{task}")["status"] for task in (running, waiting)] == ["timeout", "timeout"]
    machine.patch(f"/tasks/{running}", {"status": "completed"})
    found = told()
    assert {task.id: task.status for task in found.tasks} == {running: "completed", waiting: "timeout"}
    assert {alert.related_task_id: alert.resolved for alert in found.alerts} == {
        running: True,
        waiting: False,
    }


def test_log_lines_keep_it_alive(app, machine, time):
    task = machine.task()
    for _ in range(3):
        time.forward(seconds=1_000)
        machine.post(f"/tasks/{task}/logs", {"message": "still here"})
        project()
        Worker(db.engine, None, timeout_us=1_800_000_000).sweep()
        project()
    assert machine.get(f"/tasks/{task}")["status"] == "running"


def test_a_run_of_long_ago_is_imported_without_an_alert(machine, told):
    machine.task(
        status="failed",
        startedAt="2024-01-01T10:00:00",
        completedAt="2024-01-01T10:01:00+00:00",
        errorType="Boom",
    )
    found = told()
    assert (found.task.execution_time, found.task.error_type, found.alerts) == (60_000, "Boom", [])


def test_a_workflow_may_be_named_by_its_id(machine, make, alice):
    workflow = make.workflow(alice, name="by hand")
    assert machine.post("/tasks", {"name": "x", "workflowId": workflow.id})["workflowId"] == workflow.id
    assert machine.wrong("/tasks", {"name": "x", "workflowId": "nobody"}) == {
        "workflowId": "there is no workflow with this id"
    }


def test_a_foreign_workflow_is_none(machine, make, bob):
    workflow = make.workflow(bob, name="bobs")
    assert "workflowId" in machine.wrong("/tasks", {"name": "x", "workflowId": workflow.id})


def test_another_space_does_not_know_it(machine, app, make, bob):
    from hashlib import sha256

    machine.post("/tasks", {"id": "run-1", "name": "mine"})
    task = rows(Task)[0].id
    make.api_key(bob, hash=sha256(b"swk_bobs").hexdigest(), scopes=["ingest"])
    client, key = app.test_client(), {"x-api-key": "swk_bobs"}
    for called in (task, "run-1"):
        assert (
            client.patch(f"/api/v1/tasks/{called}", json={"status": "failed"}, headers=key).status_code == 404
        )
        for part in ("messages", "logs", "metrics", "spans"):
            assert client.post(f"/api/v1/tasks/{called}/{part}", json={}, headers=key).status_code == 404
    his = client.post("/api/v1/tasks", json={"id": "run-1", "name": "his"}, headers=key)
    assert (his.status_code, his.json["name"]) == (201, "his")
    assert his.json["id"] != task
    assert machine.get(f"/tasks/{task}")["name"] == "mine"


@pytest.mark.parametrize(
    ("scopes", "status"), [(["ingest"], 201), (["write"], 201), (["read"], 403), (["ping"], 403)]
)
def test_a_key_needs_ingest_or_write(app, make, alice, scopes, status):
    from hashlib import sha256

    make.api_key(alice, hash=sha256(b"swk_other").hexdigest(), scopes=scopes)
    answer = app.test_client().post("/api/v1/tasks", json={"name": "x"}, headers={"x-api-key": "swk_other"})
    assert answer.status_code == status


def test_a_browser_cannot_send(client):
    assert client.post("/api/v1/tasks", json={"name": "x"}).status_code == 401


def test_a_run_that_came_as_traces_takes_nothing_this_way(machine, sender):
    send(
        sender,
        Draft(
            1,
            name="invoke_agent planner",
            attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"},
        ),
    )
    project()
    [task] = rows(Task)
    machine.patch(f"/tasks/{task.id}", {"status": "failed"}, 409)
    machine.post(f"/tasks/{task.id}/logs", {"message": "x"}, 409)


def test_spans_of_another_process_may_join_by_its_trace(machine, sender, told):
    row = machine.post("/tasks", {"name": "both ways", "service": "demo"})
    send(sender, Draft(5, trace=int(row["traceId"], 16), parent=4, name="invoke_agent planner",
                       attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}))  # fmt: skip
    machine.patch(f"/tasks/{row['id']}", {"status": "completed"})
    found = told()
    assert (found.task.id, found.task.status, found.agents) == (row["id"], "completed", ["planner"])


def test_it_opens_on_every_page(machine, open_everything):
    task = machine.task(workflow="Report", input="what?", result={"text": "that"}, status="completed")
    machine.post(
        f"/tasks/{task}/spans",
        {"spanId": "a", "kind": "agent", "name": "coder", "input": "x", "output": {"y": 1}},
    )
    machine.post(
        f"/tasks/{task}/messages",
        {"sender": "coder", "messageType": "broadcast", "content": {"a": [1]}, "metadata": {"to": ["all"]}},
    )
    machine.post(f"/tasks/{task}/logs", {"agent": "coder", "message": "<script>alert(1)</script>"})
    assert [found.id for found in open_everything()] == [task]


def test_its_rows_are_counted_in_a_fixed_number_of_statements(machine, statements, monkeypatch):
    monkeypatch.setattr("swarm_ui.api.sending.refuse_overload", lambda: None)  # asks once a second
    machine.post("/tasks", [{"name": "warm"}])
    with statements() as few:
        machine.post("/tasks", [{"name": "x"} for _ in range(3)])
    with statements() as many:
        machine.post("/tasks", [{"name": "x"} for _ in range(30)])
    assert len(few) == len(many)


def test_an_agent_that_only_tells_of_itself_is_registered_under_its_service(machine, told):
    for service in ("one", "two"):
        machine.post(f"/tasks/{machine.task(service=service)}/logs", {"agent": "planner", "message": "x"})
    told()
    assert sorted((agent.name, agent.service_name) for agent in rows(Agent)) == [
        ("planner", "one"),
        ("planner", "two"),
    ]


def test_rebuilding_leaves_it_as_it_is(app, machine, alice):
    task = machine.task(status="completed")
    project()
    result = app.test_cli_runner().invoke(args=["project", "--rebuild", "--email", "alice@example.org"])
    assert result.exit_code == 0, result.output
    assert [trace.task_id for trace in rows(TaskTrace)] == [task]
    assert machine.get(f"/tasks/{task}")["status"] == "completed"


def test_the_headers_are_those_of_any_key(app):
    assert app.test_client().post("/api/v1/tasks", json={"name": "x"}, headers=HEADERS).status_code == 401


def test_parallel_senders_of_one_task_make_one(app, machine):
    statuses = []

    def work(number):
        with app.app_context():
            client = app.test_client()
            answers = [
                client.post(
                    "/api/v1/tasks", json={"id": "shared", "name": "x", "priority": 3}, headers=HEADERS
                )
            ]
            for step in range(4):
                change = {"sessionId": f"{number}-{step}"}
                answers.append(client.patch("/api/v1/tasks/shared", json=change, headers=HEADERS))
            statuses.extend(answer.status_code for answer in answers)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 19 + [201]
    project()
    [task] = rows(Task)
    assert task.session_id.endswith("-3")
    assert rows(TraceDirty) == []


def test_it_is_found_by_the_id_of_its_sender(machine, page):
    machine.post("/tasks", [{"id": "job-4711", "name": "this one"}, {"name": "another"}])
    assert [row["name"] for row in machine.get("/tasks?q=job-4711")["items"]] == ["this one"]
    assert "another" not in page("/tasks?q=job-4711").text
