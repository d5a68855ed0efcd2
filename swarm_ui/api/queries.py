"""What the API reads: selects of columns, a fixed number of them however many rows there are."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from swarm_ui.agents import beats, standing
from swarm_ui.agents.health import Condition, Judged
from swarm_ui.agents.models import Agent, AgentRevision, StatusFlip
from swarm_ui.agents.queries import assessed, here
from swarm_ui.alerts.models import Alert
from swarm_ui.api import shapes
from swarm_ui.api.schemas import (
    AgentQuery,
    AlertQuery,
    AuditQuery,
    ChangeQuery,
    LogQuery,
    MessageQuery,
    Paging,
    WorkflowQuery,
)
from swarm_ui.api.shapes import Shape
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.extensions import db
from swarm_ui.tasks.models import ExecutionHistory, ExecutionLog, Message
from swarm_ui.tasks.queries import logs_of, messages_of
from swarm_ui.trail import queries as trail
from swarm_ui.web import Slice, keyset
from swarm_ui.workflows.models import Workflow


def agents(wanted: AgentQuery) -> Slice:
    columns = {
        "status": Agent.status,
        "healthWord": Agent.condition,
        "type": Agent.type,
        "serviceName": Agent.service_name,
        "llmModel": Agent.llm_model,
    }
    statement = _matching(shapes.AGENT, wanted, **columns).add_columns(*assessed)
    if wanted.deleted:
        statement = statement.where(Agent.deleted_at.is_not(None))
    else:
        statement = statement.where(here)
    statement = _named(statement, Agent.name, wanted.q)
    found = keyset(statement, Agent.created_at, Agent.id, **_place(wanted))
    return Slice([_judged(row) for row in found.items], found.next)


def agent(agent_id: str) -> dict[str, Any] | None:
    statement = select(*shapes.AGENT.columns, *assessed).where(Agent.id == agent_id)
    row = db.session.execute(statement).first()
    return _judged(row) if row else None


def _judged(row: Any) -> dict[str, Any]:
    return shapes.AGENT.read(row) | _condition(Judged(row).now)


def _condition(now: Condition) -> dict[str, Any]:
    """What the clocks say at this moment; the agreed `status` goes with it."""
    return {
        "healthWord": now.word,
        "healthReason": now.reason,
        "doing": now.doing,
        "doingTaskId": now.task_id,
        "nextChangeAt": shapes.iso(now.next_at),
        "status": now.status,
    }


def health_of(agent: Agent, owner_id: int) -> dict[str, Any]:
    raw = standing.session_raw()
    score, before = standing.explained(owner_id, agent, raw)
    found = beats.read(raw, owner_id, agent)
    flips = select(*shapes.FLIP.columns).where(StatusFlip.agent_id == agent.id)
    latest = db.session.execute(flips.order_by(StatusFlip.at.desc(), StatusFlip.id.desc()).limit(50))
    return _condition(Judged(agent).now) | {
        "healthSince": shapes.iso(agent.condition_since),
        "score": score.total,
        "scoreADayBefore": before.total,
        "parts": [
            {
                "name": part.name,
                "weight": part.most,
                "won": None if part.share is None else part.points,
                "now": part.now,
                "expected": part.expected,
            }
            for part in score.parts
        ],
        "heartbeats": found
        and {
            "slotSeconds": int(found.slot.total_seconds()),
            "slots": found.slots,
            "uptime": {words: value and round(value, 3) for words, value in found.uptime},
        },
        "flips": [shapes.FLIP.read(row) for row in latest],
    }


def revisions(agent_id: str, wanted: Paging) -> Slice:
    statement = select(*shapes.REVISION.columns).where(AgentRevision.agent_id == agent_id)
    return _read(shapes.REVISION, keyset(statement, AgentRevision.number, AgentRevision.id, **_place(wanted)))


def workflows(wanted: WorkflowQuery) -> Slice:
    pattern = Workflow.orchestration_pattern
    statement = _matching(shapes.WORKFLOW, wanted, status=Workflow.status, orchestrationPattern=pattern)
    statement = _named(statement, Workflow.name, wanted.q)
    return _read(shapes.WORKFLOW, keyset(statement, Workflow.created_at, Workflow.id, **_place(wanted)))


def alerts(wanted: AlertQuery) -> Slice:
    statement = _matching(
        shapes.ALERT,
        wanted,
        resolved=Alert.resolved,
        severity=Alert.severity,
        alertType=Alert.alert_type,
        relatedAgentId=Alert.related_agent_id,
        relatedTaskId=Alert.related_task_id,
    )
    return _read(shapes.ALERT, keyset(statement, Alert.created_at, Alert.id, **_place(wanted)))


def messages(task_id: str, wanted: MessageQuery) -> Slice:
    statement = messages_of(task_id, *shapes.MESSAGE.columns, type=wanted.messageType)
    return _read(shapes.MESSAGE, keyset(statement, Message.at, Message.id, ascending=True, **_place(wanted)))


def logs(task_id: str, wanted: LogQuery) -> Slice:
    statement = logs_of(task_id, *shapes.LOG.columns, level=wanted.level, agent=wanted.agentId)
    if wanted.eventType:
        statement = statement.where(ExecutionLog.event_type == wanted.eventType)
    return _read(
        shapes.LOG, keyset(statement, ExecutionLog.at, ExecutionLog.id, ascending=True, **_place(wanted))
    )


def history(task_id: str, wanted: Paging) -> Slice:
    statement = select(*shapes.HISTORY.columns).where(ExecutionHistory.task_id == task_id)
    at, row_id = ExecutionHistory.created_at, ExecutionHistory.id
    return _read(shapes.HISTORY, keyset(statement, at, row_id, **_place(wanted)))


def audit(wanted: AuditQuery) -> Slice:
    statement = trail.narrowed(
        select(*shapes.AUDIT.columns),
        wanted.actorId,
        wanted.action,
        wanted.subject,
        wanted.since,
        wanted.until,
    )
    return _read(shapes.AUDIT, trail.page_of(statement, **_place(wanted)))


def changes(wanted: ChangeQuery) -> Slice:
    statement = _matching(shapes.CHANGE, wanted, service=ChangeMarker.service, kind=ChangeMarker.kind)
    if wanted.since:
        statement = statement.where(ChangeMarker.at >= wanted.since)
    if wanted.until:
        statement = statement.where(ChangeMarker.at < wanted.until)
    return _read(shapes.CHANGE, keyset(statement, ChangeMarker.at, ChangeMarker.id, **_place(wanted)))


def one(shape: Shape, row_id: InstrumentedAttribute[str], value: str) -> dict[str, Any] | None:
    row = db.session.execute(select(*shape.columns).where(row_id == value)).first()
    return shape.read(row) if row else None


def _matching(shape: Shape, wanted: Paging, **columns: InstrumentedAttribute[Any]) -> Select[Any]:
    """The shape's columns where each filter that was given holds."""
    given = {name: getattr(wanted, name) for name in columns}
    return select(*shape.columns).where(
        *(columns[name] == value for name, value in given.items() if value is not None)
    )


def _named(statement: Select[Any], name: InstrumentedAttribute[str], words: str | None) -> Select[Any]:
    return statement.where(func.lower(name).contains(words.lower(), autoescape=True)) if words else statement


def _place(wanted: Paging) -> dict[str, Any]:
    return {"limit": wanted.limit, "cursor": wanted.cursor}


def _read(shape: Shape, found: Slice) -> Slice:
    return Slice([shape.read(row) for row in found.items], found.next)
