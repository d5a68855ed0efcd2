"""Row builders: the fields given are the fields that matter."""

import itertools
from datetime import timedelta

from swarm_ui import clock, ids
from swarm_ui.accounts import sessions
from swarm_ui.accounts.models import ApiKey, BrowserSession, Membership, User
from swarm_ui.agents import editing
from swarm_ui.agents.models import Agent, AgentHour, AgentRevision
from swarm_ui.alerts.models import Alert
from swarm_ui.audit import AuditEvent
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.integrations.models import Integration
from swarm_ui.live import bump
from swarm_ui.metrics.models import Metric
from swarm_ui.saved.models import SavedView
from swarm_ui.tasks.models import ExecutionHistory, ExecutionLog, Message, Task, TaskAgent, TaskTrace
from swarm_ui.workflows.models import Workflow

_count = itertools.count(1)


def _add(row):
    """Adds outside any owner's session and forgets it, so that a test's request loads it anew."""
    with db.session.no_autoflush:
        bound = db.session().info.pop("owner_id", None)
        db.session.add(row)
        if (owner_id := getattr(row, "user_id", None)) is not None:
            db.session.flush()
            bump(db.session(), owner_id)  # as every change of a space does
        db.session.commit()
        db.session.refresh(row)
        db.session.expunge(row)
        db.session.commit()  # no read transaction stays open: it would not see what comes later
        if bound is not None:
            db.session().info["owner_id"] = bound
    return row


def _id() -> str:
    return ids.new(clock.now_us())


def user(**fields) -> User:
    number = next(_count)
    fields = {"email": f"person{number}@example.org", "name": f"Person {number}"} | fields
    return _add(User(**fields))


def browser_session(person, owner, **fields) -> str:
    """The token for the cookie."""
    token = f"token-{next(_count)}"
    fields = {"provider": "link", "browser": "Testfox 1.0", "seen_at": clock.now()} | fields
    _add(
        BrowserSession(
            hash=sessions.hash_of(token), id=_id(), member_id=person.id, owner_id=owner.id, **fields
        )
    )
    return token


def event(owner, **fields) -> AuditEvent:
    number = next(_count)
    fields = {
        "actor_id": owner.id,
        "actor": owner.name,
        "via": "page",
        "action": "key.create",
        "subject": f"key {number}",
    } | fields
    return _add(AuditEvent(id=_id(), user_id=owner.id, **fields))


def membership(owner, member, role="viewer") -> Membership:
    return _add(Membership(owner_id=owner.id, member_id=member.id, role=role))


def agent(owner, **fields) -> Agent:
    number = next(_count)
    fields = {
        "name": f"agent-{number}",
        "service_name": "demo",
        "origin": "discovered",
        "type": "reasoning",
    } | fields
    return _add(Agent(id=_id(), user_id=owner.id, **fields))


def agent_revision(owner, agent, number=1, **fields) -> AgentRevision:
    """A snapshot of the agent; it counts as its newest one."""
    snapshot = fields.pop("snapshot", editing.snapshot_of(agent))
    fields = {"actor": "Person", "created_at": clock.now()} | fields
    with db.engine.begin() as connection:
        table = db.metadata.tables["swarm_agents"]
        connection.execute(table.update().where(table.c.id == agent.id).values(revision=number))
    return _add(
        AgentRevision(
            id=_id(), user_id=owner.id, agent_id=agent.id, number=number, snapshot=snapshot, **fields
        )
    )


def workflow(owner, **fields) -> Workflow:
    number = next(_count)
    fields = {
        "name": f"workflow-{number}", "service_name": "demo", "origin": "discovered", "status": "active",
        "orchestration_pattern": "hierarchical", "nodes": [], "edges": [], "version": 1,
    } | fields  # fmt: skip
    return _add(Workflow(id=_id(), user_id=owner.id, **fields))


def task(owner, *, agents=(), **fields) -> Task:
    """A run and its contributions; it started five minutes ago and took four."""
    number = next(_count)
    start = fields.get("started_at") or clock.now() - timedelta(minutes=5)
    fields = {
        "name": f"run {number}", "status": "completed", "source": "otlp", "started_at": start, "execution_time": 240_000,
        "completed_at": start + timedelta(minutes=4), "last_progress_at": clock.now(), "trace_id": f"{number:032x}",
        "assigned_agents": [agent.id for agent in agents], "agent_count": len(agents), "error_count": 0, "warning_count": 0,
        "span_count": 0, "input": {"text": "question"}, "result": {"text": "answer"},
    } | fields  # fmt: skip
    row = _add(Task(id=_id(), user_id=owner.id, **fields))
    _add(TaskTrace(user_id=owner.id, trace_id=row.trace_id, task_id=row.id, own_task_id=row.id))
    for member in agents:
        failed = int(row.status == "failed")
        _add(
            TaskAgent(
                user_id=owner.id,
                task_id=row.id,
                agent_id=member.id,
                at=row.started_at,
                executions=1,
                failures=failed,
                last_at=row.completed_at or row.started_at,
                execution_time=1000,
                tools=[],
                broke=int(failed and row.failed_agent_id == member.id),
            )
        )
        agent_hour(owner, member, row)
    return row


def agent_hour(owner, agent, task) -> None:
    """Adds one run to the agent's hour."""
    hour = clock.to_us(task.started_at) // 3_600_000_000
    key = {"user_id": owner.id, "agent_id": agent.id, "hour": hour}
    failed = int(task.status == "failed")
    broken = int(failed and task.failed_agent_id == agent.id)
    table = db.metadata.tables["agent_hours"].c
    added = {
        table.runs: table.runs + 1, table.broken: table.broken + broken, table.executions: table.executions + 1,
        table.failures: table.failures + failed, table.executionTime: table.executionTime + 1000,
    }  # fmt: skip
    same = (table.userId == owner.id, table.agentId == agent.id, table.hour == hour)
    with db.engine.begin() as connection:
        changed = connection.execute(
            db.metadata.tables["agent_hours"].update().where(*same).values(added)
        ).rowcount
    if not changed:
        _add(AgentHour(**key, runs=1, broken=broken, executions=1, failures=failed, execution_time=1000))


def span(owner, task, **fields) -> Span:
    """A span of the run's trace; times default to its first second."""
    number = next(_count)
    start = clock.to_us(task.started_at)
    fields = {
        "trace_id": task.trace_id, "span_id": f"{number:016x}", "task_id": task.id, "kind": "step", "name": f"step-{number}",
        "status": "unset", "started_at": start, "ended_at": start + 1_000_000, "content_hash": number, "facts": "{}",
        "arrived_at": clock.now_us(),
    } | fields  # fmt: skip
    return _add(Span(user_id=owner.id, **fields))


def message(owner, task, sender, recipient, **fields) -> Message:
    fields = {"message_type": "request", "content": {"text": "please"}, "at": task.started_at} | fields
    return _add(
        Message(
            id=_id(),
            user_id=owner.id,
            task_id=task.id,
            sender_id=sender.id,
            recipient_id=recipient and recipient.id,
            **fields,
        )
    )


def log(owner, task, **fields) -> ExecutionLog:
    fields = {"event_type": "execution", "level": "info", "message": "it ran", "at": task.started_at} | fields
    return _add(ExecutionLog(id=_id(), user_id=owner.id, task_id=task.id, **fields))


def metric(owner, task, agent=None, **fields) -> Metric:
    fields = {"execution_time": 900, "token_usage": 30, "success_flag": True, "at": task.started_at} | fields
    return _add(Metric(id=_id(), user_id=owner.id, task_id=task.id, agent_id=agent and agent.id, **fields))


def history(owner, task, **fields) -> ExecutionHistory:
    fields = {"status": "completed", "input": {"text": "question"}, "output": {"text": "answer"}} | fields
    return _add(
        ExecutionHistory(id=_id(), user_id=owner.id, task_id=task.id, workflow_id=task.workflow_id, **fields)
    )


def alert(owner, **fields) -> Alert:
    number = next(_count)
    fields = {
        "alert_type": "agent_failure",
        "severity": "critical",
        "title": f"agent {number} failed",
    } | fields
    return _add(Alert(id=_id(), user_id=owner.id, **fields))


def change(owner, **fields) -> ChangeMarker:
    number = next(_count)
    fields = {
        "id": f"change-{number}",
        "title": f"release {number}",
        "kind": "deploy",
        "at": clock.now(),
    } | fields
    return _add(ChangeMarker(user_id=owner.id, **fields))


def saved_view(owner, **fields) -> SavedView:
    number = next(_count)
    fields = {"list": "tasks", "name": f"view {number}", "query": "q=status%3Afailed"} | fields
    return _add(SavedView(id=_id(), user_id=owner.id, **fields))


def index_words(owner) -> None:
    """The full text of the owner's runs, as the worker makes it."""
    from swarm_ui.rawsql import transaction
    from swarm_ui.search import backlog

    with transaction(db.engine) as raw:
        raw.execute("DELETE FROM search_docs WHERE userId=?", (owner.id,))
        backlog.ask_for(raw, owner.id)
    while backlog.work_on(db.engine):
        pass


def integration(owner, **fields) -> Integration:
    fields = {"framework": "openai-agents", "version": "1.0.0"} | fields
    return _add(Integration(id=_id(), user_id=owner.id, **fields))


def api_key(owner, **fields) -> ApiKey:
    number = next(_count)
    fields = {
        "name": f"key {number}",
        "hash": f"{number:064x}",
        "prefix": "swk_test",
        "scopes": ["ingest"],
    } | fields
    return _add(ApiKey(id=_id(), user_id=owner.id, creator_id=owner.id, **fields))


def found(table, **where):
    """One row of a table as it stands, whoever owns it."""
    from sqlalchemy import select

    columns = db.metadata.tables[table]
    conditions = [columns.c[name] == value for name, value in where.items()]
    with db.engine.connect() as connection:
        return connection.execute(select(columns).where(*conditions)).one()
