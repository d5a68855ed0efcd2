"""Agents worst first, and everything that one agent's page says. Each function is one statement."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import String, and_, case, cast, func, not_, or_, select
from sqlalchemy.orm import aliased

from swarm_ui import clock
from swarm_ui.agents.health import WINDOW
from swarm_ui.agents.models import Agent
from swarm_ui.aggregates import count_of, day_of, latest_of, total
from swarm_ui.extensions import db
from swarm_ui.metrics.sums import Work, work_by
from swarm_ui.tasks.models import Message, Task, TaskAgent

CONDITIONS = ("failing", "degraded", "healthy", "new", "inactive", "maintenance")
PAGE = 100
DAYS = 14
MOST_MODELS = 10
RUNS_LOOKED_THROUGH = 200

# Worst first: by word, then by score. What has not run for a week is no trouble of today, whatever its score was.
_GRAVITY = {"failing": 0, "degraded": 1, "healthy": 2, "maintenance": 2, "new": 3, "inactive": 4}
_WITHOUT_SCORE = 999
place: Any = (
    case(_GRAVITY, value=Agent.condition, else_=_GRAVITY["new"]) * 1000
    + func.coalesce(Agent.health_score, _WITHOUT_SCORE)
).label("place")


# Not deleted.
here: Any = Agent.deleted_at.is_(None)


class AgentFilter(BaseModel):
    q: str | None = None
    type: Literal["reasoning", "execution", "coordination", "analysis"] | None = None
    status: Literal["failing", "degraded", "healthy", "new", "inactive", "maintenance"] | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.type or self.status)


def listed(wanted: AgentFilter) -> Any:
    statement = select(
        Agent.id, Agent.name, Agent.service_name, Agent.type, Agent.condition, Agent.health_score, Agent.success_rate,
        Agent.total_executions, Agent.failed_executions, Agent.llm_model, Agent.llm_calls,
        Agent.last_progress_at, place,
    )  # fmt: skip
    return statement.where(*_conditions(wanted))


def _conditions(wanted: AgentFilter) -> list[Any]:
    found: list[Any] = [here]
    if wanted.q:
        columns = (Agent.name, Agent.service_name, Agent.llm_model, cast(Agent.capabilities, String))
        found.append(or_(*(column.icontains(wanted.q, autoescape=True) for column in columns)))
    if wanted.type:
        found.append(Agent.type == wanted.type)
    if wanted.status:
        found.append(func.coalesce(Agent.condition, "new") == wanted.status)
    return found


def count(wanted: AgentFilter) -> int:
    return db.session.execute(
        select(func.count()).select_from(Agent).where(*_conditions(wanted))
    ).scalar_one()


def count_deleted() -> int:
    return db.session.execute(
        select(func.count()).select_from(Agent).where(Agent.deleted_at.is_not(None))
    ).scalar_one()


def count_runs(agent_id: str) -> int:
    return db.session.execute(select(func.count()).where(TaskAgent.agent_id == agent_id)).scalar_one()


def deleted() -> Any:
    """With when each was deleted and how many runs still name it."""
    runs = select(func.count()).where(TaskAgent.agent_id == Agent.id).scalar_subquery()
    return select(
        Agent.id,
        Agent.name,
        Agent.service_name,
        Agent.type,
        Agent.deleted_at,
        Agent.created_at,
        runs.label("runs"),
    ).where(Agent.deleted_at.is_not(None))


# One agent.


@dataclass
class Course:
    """What it did: by day, newest first, by model, and this week against the one before."""

    days: dict[str, Work]
    models: dict[str, Work]
    week: Work
    week_before: Work

    @property
    def total(self) -> Work:
        total = Work()
        for day in self.days.values():
            total.add(day)
        return total


def course(agent_id: str) -> Course:
    this_week = case((TaskAgent.at >= clock.now() - timedelta(days=7), 1), else_=0)
    groups = {"day": day_of(TaskAgent.at), "week": this_week, "model": TaskAgent.model}
    found = work_by(_recent(agent_id), timed=("day",), **groups)
    days = dict(sorted(found["day"].items(), reverse=True))
    by_use = sorted(found["model"].items(), key=lambda item: -item[1].runs)
    models = {model: work for model, work in by_use[:MOST_MODELS] if model}
    return Course(days, models, found["week"].get(1, Work()), found["week"].get(0, Work()))


def scored(agent_id: str) -> Any:
    """What the score is made of: the steps of the latest runs, and how many of them failed."""
    latest = (
        select(TaskAgent.executions, TaskAgent.failures)
        .where(TaskAgent.agent_id == agent_id)
        .order_by(TaskAgent.at.desc(), TaskAgent.task_id.desc())
        .limit(WINDOW)
        .subquery()
        .c
    )
    return db.session.execute(
        select(
            func.count().label("runs"),
            total(latest.executions).label("steps"),
            total(latest.failures).label("failed"),
        )
    ).one()


def _recent(agent_id: str) -> Any:
    return and_(TaskAgent.agent_id == agent_id, TaskAgent.at >= clock.now() - timedelta(days=DAYS))


def recent_tasks(agent_id: str, limit: int = 12) -> list[Any]:
    own = Task.failed_agent_id == agent_id
    statement = (
        select(
            Task.id,
            Task.name,
            Task.summary,
            Task.status,
            TaskAgent.at,
            TaskAgent.execution_time,
            TaskAgent.input_tokens,
            TaskAgent.output_tokens,
            TaskAgent.failures,
            TaskAgent.estimated_cost,
            case((own, Task.failed_step)).label("step"),
            case((own, Task.error_type)).label("error_type"),
        )
        .join(Task, Task.id == TaskAgent.task_id)
        .where(TaskAgent.agent_id == agent_id)
        .order_by(TaskAgent.at.desc(), TaskAgent.task_id.desc())
        .limit(limit)
    )
    return list(db.session.execute(statement))


def causes(agent_id: str) -> list[Any]:
    """Runs whose first error was this agent's, by step and type of error."""
    latest = latest_of(TaskAgent.at, Task.id).label("latest")
    grouped = (Task.failed_step, Task.error_type)
    statement = (
        select(*grouped, func.count().label("runs"), func.max(TaskAgent.at).label("last"), latest)
        .join(Task, Task.id == TaskAgent.task_id)
        .where(_recent(agent_id), Task.failed_agent_id == agent_id)
        .group_by(*grouped)
        .order_by(func.count().desc(), latest.desc())
        .limit(8)
    )
    return list(db.session.execute(statement))


def talks_with(agent_id: str) -> list[Any]:
    """Other agents by messages exchanged in the latest runs: sent to them, received from them, errors among both."""
    runs = (
        select(TaskAgent.task_id)
        .where(TaskAgent.agent_id == agent_id)
        .order_by(TaskAgent.at.desc(), TaskAgent.task_id.desc())
        .limit(RUNS_LOOKED_THROUGH)
        .subquery()
    )
    sent = Message.sender_id == agent_id
    other_id = case((sent, Message.recipient_id), else_=Message.sender_id)
    other = aliased(Agent)
    statement = (
        select(
            other.id,
            other.name,
            other.condition,
            other.deleted_at,
            count_of(sent).label("sent"),
            count_of(not_(sent)).label("received"),
            count_of(Message.message_type == "error").label("errors"),
        )
        .select_from(runs)
        .join(Message, Message.task_id == runs.c.task_id)
        .join(other, other.id == other_id)
        .where(or_(sent, Message.recipient_id == agent_id), other.id != agent_id)
        .group_by(other.id, other.name, other.condition, other.deleted_at)
        .order_by(func.count().desc(), other.name)
        .limit(12)
    )
    return list(db.session.execute(statement))
