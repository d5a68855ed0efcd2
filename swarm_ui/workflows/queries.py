"""Workflows with how their runs went. The list looks at the last 24 hours, the page of one at the last 14 days."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import and_, case, func, or_, select

from swarm_ui import clock
from swarm_ui.agents.health import Judged
from swarm_ui.agents.models import Agent
from swarm_ui.agents.queries import assessed
from swarm_ui.aggregates import day_of
from swarm_ui.extensions import db
from swarm_ui.metrics.sums import Runs, runs_by
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow

PAGE = 100
DAYS = 14


class WorkflowFilter(BaseModel):
    q: str | None = None
    pattern: Literal["hierarchical", "sequential", "concurrent", "round_robin", "mesh"] | None = None
    status: Literal["draft", "active", "paused", "archived"] | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.pattern or self.status)


def listed(wanted: WorkflowFilter) -> Any:
    """The latest to change first; the page sorts its rows by how they fare."""
    last_run = (
        select(func.max(Task.started_at))
        .where(Task.workflow_id == Workflow.id)
        .correlate(Workflow)
        .scalar_subquery()
    )
    statement = select(
        Workflow.id, Workflow.name, Workflow.service_name, Workflow.orchestration_pattern, Workflow.status, Workflow.version,
        Workflow.origin, Workflow.updated_at, last_run.label("last_run"), Workflow.nodes,
    )  # fmt: skip
    return statement.where(*_conditions(wanted))


def _conditions(wanted: WorkflowFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.q:
        found.append(
            or_(
                *(
                    column.icontains(wanted.q, autoescape=True)
                    for column in (Workflow.name, Workflow.service_name)
                )
            )
        )
    if wanted.pattern:
        found.append(Workflow.orchestration_pattern == wanted.pattern)
    if wanted.status:
        found.append(Workflow.status == wanted.status)
    return found


def count(wanted: WorkflowFilter) -> int:
    return db.session.execute(
        select(func.count()).select_from(Workflow).where(*_conditions(wanted))
    ).scalar_one()


def last_day(workflow_ids: list[str]) -> dict[str, Runs]:
    recent = and_(Task.workflow_id.in_(workflow_ids), Task.started_at >= clock.now() - timedelta(hours=24))
    return runs_by(recent, workflow=Task.workflow_id)["workflow"] if workflow_ids else {}


# One workflow.


@dataclass
class Course:
    """How its runs went: by day, newest first, and this week against the one before."""

    days: dict[str, Runs]
    week: Runs
    week_before: Runs


def course(workflow_id: str) -> Course:
    this_week = case((Task.started_at >= clock.now() - timedelta(days=7), 1), else_=0)
    recent = and_(Task.workflow_id == workflow_id, Task.started_at >= clock.now() - timedelta(days=DAYS))
    found = runs_by(recent, day=day_of(Task.started_at), week=this_week)
    days = dict(sorted(found["day"].items(), reverse=True))
    return Course(days, found["week"].get(1, Runs()), found["week"].get(0, Runs()))


def latest_runs(workflow_id: str, limit: int = 15) -> list[Any]:
    statement = (
        select(
            Task.id,
            Task.name,
            Task.summary,
            Task.status,
            Task.started_at,
            Task.execution_time,
            Task.token_usage,
            Task.estimated_cost,
            Task.failed_step,
            Task.error_type,
            Agent.name.label("agent"),
        )
        .outerjoin(Agent, Agent.id == Task.failed_agent_id)
        .where(Task.workflow_id == workflow_id)
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(limit)
    )
    return list(db.session.execute(statement))


def agents_of(workflow: Workflow) -> dict[str, Any]:
    """Those of its nodes that are agents of this space still."""
    wanted = [node.get("agentId") for node in workflow.nodes or [] if isinstance(node, dict)]
    statement = select(Agent.id, Agent.name, Agent.type, *assessed).where(
        Agent.id.in_(wanted), Agent.deleted_at.is_(None)
    )
    return {agent.id: Judged(agent) for agent in db.session.execute(statement)}
