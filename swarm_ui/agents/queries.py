"""Agents worst first, and everything that one agent's page says. Each function is one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import Select, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import aliased

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.aggregates import day_of, percentile, rank_of
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message, Task, TaskAgent

CONDITIONS = ("failing", "degraded", "healthy", "new", "inactive", "maintenance")
PAGE = 100
DAYS = 14
WEEK = timedelta(days=7)
AFTER_EVERY_SCORE = 101
RUNS_LOOKED_THROUGH = 200

# Nulls last: an agent without a score is neither good nor bad.
place = func.coalesce(Agent.health_score, AFTER_EVERY_SCORE).label("place")


class AgentFilter(BaseModel):
    q: str | None = None
    type: Literal["reasoning", "execution", "coordination", "analysis"] | None = None
    status: Literal["failing", "degraded", "healthy", "new", "inactive", "maintenance"] | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.type or self.status)


def listed(wanted: AgentFilter) -> Select[Any]:
    statement = select(
        Agent.id, Agent.name, Agent.service_name, Agent.type, Agent.condition, Agent.health_score, Agent.success_rate,
        Agent.total_executions, Agent.failed_executions, Agent.llm_model, Agent.last_progress_at, place,
    )  # fmt: skip
    return statement.where(*_conditions(wanted))


def _conditions(wanted: AgentFilter) -> list[Any]:
    found = []
    if wanted.q:
        columns = (Agent.name, Agent.service_name, Agent.llm_model, cast(Agent.capabilities, String))
        found.append(or_(*(column.icontains(wanted.q, autoescape=True) for column in columns)))
    if wanted.type:
        found.append(Agent.type == wanted.type)
    if wanted.status:
        found.append(func.coalesce(Agent.condition, "new") == wanted.status)
    return found


def count(wanted: AgentFilter) -> int:
    return db.session.execute(select(func.count()).select_from(Agent).where(*_conditions(wanted))).scalar_one()


# One agent.


@dataclass
class Sums:
    """What an agent did in some stretch of time. Null where nothing was measured."""

    runs: int = 0
    executions: int = 0
    failures: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    llm_calls: int = 0
    tool_calls: int = 0
    median: int | None = None
    p95: int | None = None

    @property
    def success(self) -> float | None:
        return 100 * (self.executions - self.failures) / self.executions if self.executions else None

    @property
    def tokens(self) -> int | None:
        known = [value for value in (self.input_tokens, self.output_tokens) if value is not None]
        return sum(known) if known else None

    def add(self, row: Any) -> None:
        for name in ("runs", "executions", "failures", "llm_calls", "tool_calls"):
            setattr(self, name, getattr(self, name) + int(getattr(row, name)))
        for name in ("input_tokens", "output_tokens", "cost"):
            value = getattr(row, name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)


@dataclass
class Work:
    days: dict[str, Sums]  # newest first
    week: Sums
    week_before: Sums

    @property
    def total(self) -> Sums:
        total = Sums()
        for day in self.days.values():
            total.add(day)
        return total


def sums_of_work() -> tuple[Any, ...]:
    return (
        func.count().label("runs"),
        func.sum(TaskAgent.executions).label("executions"),
        func.sum(TaskAgent.failures).label("failures"),
        func.sum(TaskAgent.input_tokens).label("input_tokens"),
        func.sum(TaskAgent.output_tokens).label("output_tokens"),
        func.sum(TaskAgent.estimated_cost).label("cost"),
        func.sum(TaskAgent.llm_calls).label("llm_calls"),
        func.sum(TaskAgent.tool_calls).label("tool_calls"),
    )


def work(agent_id: str) -> Work:
    """By day, and this week against the one before."""
    day, this_week = day_of(TaskAgent.at).label("day"), (TaskAgent.at >= clock.now() - WEEK).label("this_week")
    statement = select(day, this_week, *sums_of_work()).where(_recent(agent_id)).group_by(day, this_week)
    found = Work({}, Sums(), Sums())
    for row in db.session.execute(statement.order_by(day.desc())):
        found.days.setdefault(row.day, Sums()).add(row)
        (found.week if row.this_week else found.week_before).add(row)
    return found


def add_durations(found: Work, agent_id: str) -> None:
    day = day_of(TaskAgent.at)
    measured = and_(_recent(agent_id), TaskAgent.execution_time.is_not(None))
    inner = select(day.label("day"), TaskAgent.execution_time, *rank_of(TaskAgent.execution_time, day)).where(measured).subquery()
    median, p95 = percentile(inner, 50, "execution_time"), percentile(inner, 95, "execution_time")
    for name, half, most in db.session.execute(select(inner.c.day, median, p95).group_by(inner.c.day)):
        if name in found.days:
            found.days[name].median, found.days[name].p95 = half, most


def _recent(agent_id: str) -> Any:
    return and_(TaskAgent.agent_id == agent_id, TaskAgent.at >= start_of_days())


def start_of_days() -> datetime:
    """Midnight UTC, so that the first day of the table is a whole one."""
    return (clock.now() - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)


def models(agent_id: str) -> list[Any]:
    statement = (
        select(TaskAgent.model, *sums_of_work())
        .where(_recent(agent_id), TaskAgent.model.is_not(None))
        .group_by(TaskAgent.model)
        .order_by(func.count().desc(), TaskAgent.model)
        .limit(10)
    )
    return list(db.session.execute(statement))


def recent_tasks(agent_id: str, limit: int = 12) -> list[Any]:
    own = Task.failed_agent_id == agent_id
    statement = (
        select(
            Task.id, Task.name, Task.status, TaskAgent.at, TaskAgent.execution_time, TaskAgent.input_tokens, TaskAgent.output_tokens,
            TaskAgent.failures, TaskAgent.estimated_cost, case((own, Task.failed_step)).label("step"),
            case((own, Task.error_type)).label("error_type"),
        )  # fmt: skip
        .join(Task, Task.id == TaskAgent.task_id)
        .where(TaskAgent.agent_id == agent_id)
        .order_by(TaskAgent.at.desc(), TaskAgent.task_id.desc())
        .limit(limit)
    )
    return list(db.session.execute(statement))


def causes(agent_id: str) -> list[Any]:
    """Runs whose first error was this agent's, by step and type of error."""
    latest = func.max(cast(TaskAgent.at, String(26)) + Task.id).label("latest")
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
            func.sum(case((sent, 1), else_=0)).label("sent"),
            func.sum(case((sent, 0), else_=1)).label("received"),
            func.sum(case((Message.message_type == "error", 1), else_=0)).label("errors"),
        )
        .select_from(runs)
        .join(Message, Message.task_id == runs.c.task_id)
        .join(other, other.id == other_id)
        .where(or_(sent, Message.recipient_id == agent_id), other.id != agent_id)
        .group_by(other.id, other.name, other.condition)
        .order_by(func.count().desc(), other.name)
        .limit(12)
    )
    return list(db.session.execute(statement))

