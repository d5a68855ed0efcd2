"""Tokens, cost, latency and success by agent and by day; and what clients report of themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import and_, case, func, select

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.agents.queries import Sums, sums_of_work
from swarm_ui.aggregates import day_of, percentile, rank_of
from swarm_ui.extensions import db
from swarm_ui.metrics.models import MetricPoint
from swarm_ui.tasks.models import Task, TaskAgent
from swarm_ui.workflows.queries import Runs, runs_by

RANGES = {"7d": 7, "14d": 14, "30d": 30}
MOST_AGENTS = 100
MOST_SERIES = 100


class MetricFilter(BaseModel):
    range: Literal["7d", "14d", "30d"] = "7d"

    @property
    def days(self) -> int:
        return RANGES[self.range]

    @property
    def start(self) -> datetime:
        """Midnight UTC, so that every day of the table is a whole one, today excepted."""
        midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=self.days - 1)


def totals(wanted: MetricFilter) -> tuple[Runs, Runs]:
    """All runs of the days shown, and of as long a stretch before them."""
    length = clock.now() - wanted.start
    is_now = case((Task.started_at >= wanted.start, 1), else_=0)
    found = runs_by(is_now, Task.started_at >= wanted.start - length)
    return found.get(1, Runs()), found.get(0, Runs())


def by_day(wanted: MetricFilter) -> dict[str, Runs]:
    """Newest first."""
    return dict(sorted(runs_by(day_of(Task.started_at), Task.started_at >= wanted.start).items(), reverse=True))


@dataclass
class AgentRow:
    id: str
    name: str
    condition: str | None
    sums: Sums


def by_agent(wanted: MetricFilter) -> list[AgentRow]:
    """Most tokens first."""
    recent = TaskAgent.at >= wanted.start
    used = func.coalesce(func.sum(TaskAgent.input_tokens), 0) + func.coalesce(func.sum(TaskAgent.output_tokens), 0)
    statement = (
        select(Agent.id, Agent.name, Agent.condition, *sums_of_work())
        .join(Agent, Agent.id == TaskAgent.agent_id)
        .where(recent)
        .group_by(Agent.id, Agent.name, Agent.condition)
        .order_by(used.desc(), Agent.name, Agent.id)
        .limit(MOST_AGENTS)
    )
    rows = {}
    for row in db.session.execute(statement):
        sums = Sums()
        sums.add(row)
        rows[row.id] = AgentRow(row.id, row.name, row.condition, sums)
    _add_durations(rows, recent)
    return list(rows.values())


def _add_durations(rows: dict[str, AgentRow], recent: Any) -> None:
    measured = and_(recent, TaskAgent.execution_time.is_not(None))
    ranks = rank_of(TaskAgent.execution_time, TaskAgent.agent_id)
    inner = select(TaskAgent.agent_id, TaskAgent.execution_time, *ranks).where(measured).subquery()
    median, p95 = percentile(inner, 50, "execution_time"), percentile(inner, 95, "execution_time")
    for agent_id, half, most in db.session.execute(select(inner.c.agent_id, median, p95).group_by(inner.c.agent_id)):
        if agent_id in rows:
            rows[agent_id].sums.median, rows[agent_id].sums.p95 = half, most


def reported() -> list[Any]:
    """Newest point of each series that clients export, latest first."""
    statement = (
        select(
            MetricPoint.service_name, MetricPoint.name, MetricPoint.unit, MetricPoint.kind, MetricPoint.cumulative,
            MetricPoint.attributes, MetricPoint.count, MetricPoint.value, MetricPoint.at,
        )  # fmt: skip
        .order_by(MetricPoint.service_name, MetricPoint.name, MetricPoint.id)
        .limit(MOST_SERIES)
    )
    return list(db.session.execute(statement))
