"""Workflows with how their runs went. The list looks at the last 24 hours, the page of one at the last 14 days."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import Select, and_, case, func, or_, select

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.aggregates import day_of, percentile, rank_of
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow

PAGE = 100
DAYS = 14
ENDED = ("completed", "failed", "timeout")


class WorkflowFilter(BaseModel):
    q: str | None = None
    pattern: Literal["hierarchical", "sequential", "concurrent", "round_robin", "mesh"] | None = None
    status: Literal["draft", "active", "paused", "archived"] | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.pattern or self.status)


def listed(wanted: WorkflowFilter) -> Select[Any]:
    """The latest to change first; the page sorts its rows by how they fare."""
    last_run = (
        select(func.max(Task.started_at)).where(Task.workflow_id == Workflow.id).correlate(Workflow).scalar_subquery()
    )
    statement = select(
        Workflow.id, Workflow.name, Workflow.service_name, Workflow.orchestration_pattern, Workflow.status, Workflow.version,
        Workflow.origin, Workflow.updated_at, last_run.label("last_run"), Workflow.nodes,
    )  # fmt: skip
    return statement.where(*_conditions(wanted))


def _conditions(wanted: WorkflowFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.q:
        found.append(or_(*(column.icontains(wanted.q, autoescape=True) for column in (Workflow.name, Workflow.service_name))))
    if wanted.pattern:
        found.append(Workflow.orchestration_pattern == wanted.pattern)
    if wanted.status:
        found.append(Workflow.status == wanted.status)
    return found


def count(wanted: WorkflowFilter) -> int:
    return db.session.execute(select(func.count()).select_from(Workflow).where(*_conditions(wanted))).scalar_one()


@dataclass
class Runs:
    runs: int = 0
    completed: int = 0
    failed: int = 0
    timed_out: int = 0
    cost: float | None = None
    tokens: int | None = None
    median: int | None = None
    p95: int | None = None

    @property
    def success(self) -> float | None:
        ended = self.completed + self.failed + self.timed_out
        return 100 * self.completed / ended if ended else None

    @property
    def ended_badly(self) -> int:
        return self.failed + self.timed_out


def sums_of_runs() -> tuple[Any, ...]:
    return (
        func.count().label("runs"),
        *(func.sum(case((Task.status == status, 1), else_=0)).label(status) for status in ENDED),
        func.sum(Task.estimated_cost).label("cost"),
        func.sum(Task.token_usage).label("tokens"),
    )


def runs_by(group: Any, where: Any) -> dict[Any, Runs]:
    """Sums and percentiles of runs by `group`, a column or expression: two statements."""
    found = {
        key: Runs(runs, int(completed), int(failed), int(timed_out), cost, tokens)
        for key, runs, completed, failed, timed_out, cost, tokens in db.session.execute(
            select(group, *sums_of_runs()).where(where).group_by(group)
        )
    }
    measured = and_(where, Task.status.in_(ENDED), Task.execution_time.is_not(None))
    inner = select(group.label("bucket"), Task.execution_time, *rank_of(Task.execution_time, group)).where(measured).subquery()
    median, p95 = percentile(inner, 50, "execution_time"), percentile(inner, 95, "execution_time")
    for key, half, most in db.session.execute(select(inner.c.bucket, median, p95).group_by(inner.c.bucket)):
        found[key].median, found[key].p95 = half, most
    return found


def last_day(workflow_ids: list[str]) -> dict[str, Runs]:
    recent = and_(Task.workflow_id.in_(workflow_ids), Task.started_at >= clock.now() - timedelta(hours=24))
    return runs_by(Task.workflow_id, recent) if workflow_ids else {}


# One workflow.


def by_day(workflow_id: str) -> dict[str, Runs]:
    days = runs_by(day_of(Task.started_at), _recent(workflow_id))
    return dict(sorted(days.items(), reverse=True))


def by_week(workflow_id: str) -> tuple[Runs, Runs]:
    """The last seven days, and the seven before."""
    this_week = case((Task.started_at >= clock.now() - timedelta(days=7), 1), else_=0)
    since = clock.now() - timedelta(days=14)
    weeks = runs_by(this_week, and_(Task.workflow_id == workflow_id, Task.started_at >= since))
    return weeks.get(1, Runs()), weeks.get(0, Runs())


def _recent(workflow_id: str) -> Any:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return and_(Task.workflow_id == workflow_id, Task.started_at >= midnight - timedelta(days=DAYS - 1))


def latest_runs(workflow_id: str, limit: int = 15) -> list[Any]:
    statement = (
        select(
            Task.id, Task.name, Task.status, Task.started_at, Task.execution_time, Task.token_usage, Task.estimated_cost,
            Task.failed_step, Task.error_type, Agent.name.label("agent"),
        )  # fmt: skip
        .outerjoin(Agent, Agent.id == Task.failed_agent_id)
        .where(Task.workflow_id == workflow_id)
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(limit)
    )
    return list(db.session.execute(statement))


def agents_of(workflow: Workflow) -> dict[str, Any]:
    """Those of its nodes that are agents of this space still."""
    wanted = [node.get("agentId") for node in workflow.nodes or [] if isinstance(node, dict)]
    statement = select(Agent.id, Agent.name, Agent.type, Agent.condition, Agent.health_score).where(Agent.id.in_(wanted))
    return {agent.id: agent for agent in db.session.execute(statement)}
