"""The sample swarm as flask seed and the button on the first page load it."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span, TraceDirty
from swarm_ui.metrics.models import Metric
from swarm_ui.sample import schedule
from swarm_ui.tasks.models import ExecutionLog, Message, Task
from swarm_ui.tenancy import bind_owner
from swarm_ui.workflows.models import Workflow
from tests.conftest import NOW
from tests.rows import count, rows_of

PATTERNS = {
    "competitor-brief": "hierarchical",
    "deep-research": "concurrent",
    "index-refresh": "sequential",
    "code-review": "round_robin",
    "bug-triage": "mesh",
    "support-desk": "hierarchical",
}
AGENTS = {
    "archivist", "browser", "coder", "judge", "planner", "researcher", "retriever", "reviewer", "router", "sql-analyst", "summarizer",
    "writer",
}  # fmt: skip


@pytest.fixture
def all_of(alice):
    """Alice's rows of a model."""
    bind_owner(db.session, alice.id)
    return lambda model: db.session.scalars(select(model)).all()


def test_it_is_a_swarm(loaded, all_of, alice):
    agents, workflows, tasks = all_of(Agent), all_of(Workflow), all_of(Task)
    assert {agent.name for agent in agents} == AGENTS
    assert {workflow.name: workflow.orchestration_pattern for workflow in workflows} == PATTERNS
    assert {row.origin for row in (*agents, *workflows)} == {"sample"}
    assert {task.source for task in tasks} == {"sample"}
    assert re.match(rf"12 agents, 6 workflows, {len(tasks)} runs, ", loaded)
    spans = count(alice, "spans")
    assert 8_000 < spans < 12_000
    assert f" {spans:,} spans " in loaded
    assert count(alice, "trace_dirty") == 0
    statuses = Counter(task.status for task in tasks)
    assert statuses["running"] == 3
    assert statuses["timeout"] == 2
    assert 10 <= statuses["failed"] <= 40
    assert statuses["completed"] > 300
    assert sum(task.error_count > 0 for task in tasks if task.status == "completed") >= 15
    assert {task.name for task in tasks} == PATTERNS.keys()
    assert all(task.workflow_id and task.input and task.agent_count for task in tasks)
    assert all(task.result for task in tasks if task.status == "completed")
    assert {message.message_type for message in all_of(Message)} == {
        "request",
        "response",
        "error",
        "broadcast",
        "status_update",
    }
    logs = all_of(ExecutionLog)
    assert {log.level for log in logs} == {"info", "warning", "error"}
    assert {log.event_type for log in logs} == {"execution", "decision", "error", "state_change"}
    assert {span.kind for span in all_of(Span)} == {"workflow", "agent", "llm", "tool", "retrieval", "step"}
    assert count(alice, "execution_history") == len(tasks) - 3
    assert count(alice, "metric_points") > 10


def test_its_days_have_a_rhythm(loaded, all_of):
    starts = sorted(task.started_at for task in all_of(Task))
    assert timedelta(days=13.5) < NOW - starts[0] <= timedelta(days=14)
    assert starts[-1] < NOW
    by_day = Counter(start.date() for start in starts)
    full = {day: runs for day, runs in by_day.items() if NOW.date() > day > starts[0].date()}
    assert len(full) == 13
    assert all(20 <= runs <= 45 for day, runs in full.items() if day.weekday() < 5)
    assert max(runs for day, runs in full.items() if day.weekday() >= 5) < 20
    assert sum(8 <= start.hour < 18 for start in starts) > 0.6 * len(starts)


def test_its_costs_come_from_the_price_library_or_the_gateway_or_stay_unknown(loaded, all_of):
    costs = {}
    for metric in all_of(Metric):
        if metric.success_flag:
            costs.setdefault(metric.provider, set()).add(metric.estimated_cost is not None)
    assert costs == {
        "openai": {True},
        "anthropic": {True},
        "gcp.gemini": {True},
        "vllm": {True},
        "ollama": {False},
    }
    assert len({metric.model for metric in all_of(Metric)}) >= 8


def test_it_tells_what_is_going_wrong_now(loaded, all_of):
    agents = {agent.name: agent for agent in all_of(Agent)}
    assert agents["browser"].condition == "failing"
    assert agents["browser"].failure_streak >= 5
    assert agents["researcher"].condition == "degraded"
    assert (agents["archivist"].condition, agents["archivist"].status) == ("silent", "error")
    assert agents["summarizer"].condition == "late"
    assert agents["sql-analyst"].condition == "maintenance"
    assert sum(agent.condition == "healthy" for agent in agents.values()) >= 6
    latest = [
        task
        for task in all_of(Task)
        if task.name == "competitor-brief" and task.started_at > NOW - timedelta(minutes=29)
    ]
    assert Counter(task.status for task in latest) == {"failed": 5, "running": 1}
    failed = [task for task in latest if task.status == "failed"]
    assert {(task.failed_agent_id, task.failed_step, task.error_type) for task in failed} == {
        (agents["browser"].id, "fetch_page", "httpx.HTTPStatusError")
    }
    assert all("403 Forbidden" in task.error_message for task in failed)


def test_alerts_were_raised_when_their_runs_ended_and_the_old_ones_resolved(loaded, all_of):
    tasks = {task.id: task for task in all_of(Task)}
    alerts = all_of(Alert)
    ended_badly = {task.id for task in tasks.values() if task.status in ("failed", "timeout")}
    assert {alert.related_task_id for alert in alerts} == ended_badly
    for alert in alerts:
        task = tasks[alert.related_task_id]
        ended = task.started_at + timedelta(milliseconds=task.execution_time)
        waited = (
            alert.created_at - ended - (timedelta(minutes=30) if task.status == "timeout" else timedelta())
        )
        assert timedelta() < waited < timedelta(minutes=1), alert.title
    still_open = [alert for alert in alerts if not alert.resolved]
    assert 5 <= len(still_open) <= 9
    assert all(alert.created_at > NOW - timedelta(hours=4) for alert in still_open)
    for alert in alerts:
        if alert.resolved:
            assert alert.touched
            assert alert.created_at < alert.resolved_at < NOW


def test_some_customers_wrote_again_in_the_same_conversation(loaded, all_of, page):
    talks: dict[str, list[Task]] = {}
    for task in sorted(all_of(Task), key=lambda task: task.started_at):
        talks.setdefault(task.session_id, []).append(task)
    several = [runs for runs in talks.values() if len(runs) > 1]
    assert sorted(map(len, several)) == [2, 2, 3, 3, 5]
    assert {run.name for runs in several for run in runs} == {"support-desk"}
    import_talk = next(runs for runs in several if len(runs) == 5)
    assert [run.status for run in import_talk] == [
        "completed",
        "completed",
        "failed",
        "completed",
        "completed",
    ]
    assert import_talk[2].summary == import_talk[3].summary  # asked once more
    opened = page(f"/conversations?session={import_talk[0].session_id}")
    assert "Our nightly import stopped on Sunday." in opened.text
    assert "Choose it under Key" in opened.text
    listed = page("/conversations").text
    assert (
        "We are charged for eleven seats" not in listed
        or listed.count("We are charged for eleven seats") == 1
    )
    assert "Where do I find who deleted our archive?" in listed


def test_what_changed_before_runs_failed_is_told(loaded, all_of, page):
    changes = {change.title: change for change in all_of(ChangeMarker)}
    assert {change.kind for change in changes.values()} == {"deploy", "config", "prompt", "model"}
    failed = {}
    for task in sorted(all_of(Task), key=lambda task: task.started_at):
        if task.status == "failed":
            failed.setdefault((task.name, task.started_at > NOW - timedelta(hours=30)), task)
    refused = page(f"/tasks/{failed['competitor-brief', True].id}/changes").text
    assert "Egress of the browser moved to another address range" in refused
    too_long = page(f"/tasks/{failed['deep-research', True].id}/changes").text
    assert "Two independent sources before a figure counts as known" in too_long


def test_what_changed_shows_in_the_calls_too(loaded, all_of, client):
    """The prompt of the researcher, and the model of the judge."""
    changes = {
        change.kind: change.at for change in all_of(ChangeMarker) if change.kind in ("prompt", "model")
    }
    runs = [
        task
        for task in sorted(all_of(Task), key=lambda task: task.started_at)
        if task.name == "deep-research" and task.status == "completed" and not task.error_count
    ]
    for kind, agent in (("prompt", "researcher"), ("model", "judge")):
        before = [run for run in runs if run.started_at < changes[kind]][-1]
        after = next(run for run in runs if run.started_at > changes[kind])
        found = client.get(f"/api/v1/tasks/{after.id}/compare?with={before.id}").get_json()
        told = [one for one in found["changes"] if one["kind"] == kind and one["agentId"]]
        assert [one["subject"] for one in told] == [agent]


def test_the_clock_is_right_again(loaded, app):
    from swarm_ui import clock

    assert clock.now() == NOW


def test_the_pages_show_it(loaded, page, all_of):
    overview = page("/")
    assert "browser is failing" in overview.text
    running = [task for task in all_of(Task) if task.status == "running"]
    failed = max((task for task in all_of(Task) if task.status == "failed"), key=lambda task: task.started_at)
    assert all(page(f"/tasks/{task.id}") for task in running)
    assert "403 Forbidden" in page(f"/tasks/{failed.id}").text
    assert "competitor-brief" in page("/tasks?status=failed").text
    assert all(name in page("/agents").text for name in AGENTS)
    assert all(name in page("/workflows").text for name in PATTERNS)
    assert "fetch_page" in page("/alerts").text
    assert "claude-sonnet-4-5" in page("/metrics").text
    for workflow in all_of(Workflow):
        assert workflow.name in page(f"/workflows/{workflow.id}").text


def test_the_same_moment_gives_the_same_sample_once(loaded, run, alice):
    before = rows_of(alice, places=True)
    assert run("seed", "--email", alice.email).partition(" in ")[0] == loaded.partition(" in ")[0]
    after = rows_of(alice, places=True)
    assert {table: len(rows) for table, rows in after.items()} == {
        table: len(rows) for table, rows in before.items()
    }
    assert after == before


def test_the_buttons_load_and_remove_it(few_runs, client, alice):
    assert client.post("/sample").status_code == 303
    assert count(alice, "tasks") > 20
    assert "browser is failing" in client.get("/").get_data(as_text=True)
    assert client.post("/sample/remove").status_code == 303
    assert count(alice, "tasks") == count(alice, "swarm_agents") == 0


def test_scale_multiplies_the_ordinary_runs(few_runs, run, alice):
    def loads(*options: str) -> tuple[int, int]:
        run("seed", "--email", alice.email, *options)
        statuses = count(alice, "tasks"), count(alice, "tasks", "status='running'")
        assert count(alice, "trace_dirty") == 0
        assert count(alice, "alerts") == count(alice, "tasks", "status IN ('failed','timeout')")
        return statuses

    once, running = loads()
    stories = len(list(schedule._stories(NOW)))
    many, still_running = loads("--scale", "12")
    assert running == still_running == 3
    assert 9 * (once - stories) < many - stories < 15 * (once - stories)


def test_two_at_the_same_time_do_not_mix(few_runs, client, run, alice):
    from swarm_ui.sample.removal import alone

    with alone(alice.id):
        refused = client.post("/sample")
        assert refused.status_code == 409
        assert "being loaded or removed" in refused.get_data(as_text=True)
        assert "being loaded or removed" in run("seed", "--email", alice.email, code=1)
        assert "being loaded or removed" in run("seed", "--email", alice.email, "--remove", code=1)
    assert count(alice, "spans") == 0
    run("seed", "--email", alice.email)


def test_the_page_that_listens_waits_until_all_of_it_is_there(few_runs, client, alice, make):
    from swarm_ui.sample.removal import alone

    def listen(tag: str = "") -> tuple[str | None, str]:
        answer = client.get("/listening?first=1", headers={"HX-Request": "true", "If-None-Match": tag})
        return answer.headers.get("HX-Redirect"), answer.headers["ETag"]

    with alone(alice.id):
        make.task(alice, source="sample")
        make.agent(alice, origin="sample")
        target, tag = listen()
        assert target is None
    assert listen(tag)[0] == "/"
    with alone(alice.id):
        task = make.task(alice)
        assert listen()[0] == f"/tasks/{task.id}"


def test_the_worker_leaves_it_alone_while_it_loads_and_finishes_it_when_the_loader_died(
    few_runs, run, alice, time, monkeypatch
):
    from swarm_ui.projection.project import Projector
    from tests.captures import project

    take, portions = Projector.take, []

    def killed(self, owner_id, trace_ids):
        portions.append(trace_ids)
        if len(portions) == 3:
            raise KeyboardInterrupt
        return take(self, owner_id, trace_ids)

    monkeypatch.setattr(Projector, "take", killed)
    run("seed", "--email", alice.email, code=1)
    monkeypatch.setattr(Projector, "take", take)
    waiting = count(alice, "trace_dirty")
    assert waiting == len(portions[2])
    project()
    assert count(alice, "trace_dirty") == waiting
    time.forward(minutes=11)
    project()
    assert count(alice, "trace_dirty") == 0
    assert count(alice, "tasks") == sum(map(len, portions))
    bind_owner(db.session, alice.id)
    assert not db.session.scalars(select(TraceDirty)).all()
