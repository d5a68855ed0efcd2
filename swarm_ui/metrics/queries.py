"""Tokens, cost, latency and success by agent and by day; and what clients report of themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import case, select

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.aggregates import day_of
from swarm_ui.extensions import db
from swarm_ui.metrics.models import MetricPoint
from swarm_ui.metrics.sums import Runs, Work, runs_by, work_by
from swarm_ui.tasks.models import Task, TaskAgent

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


@dataclass
class Course:
    """All runs: by day, newest first, together, and those of as long a stretch before."""

    days: dict[str, Runs]
    now: Runs
    before: Runs


def course(wanted: MetricFilter) -> Course:
    length = clock.now() - wanted.start
    is_now = case((Task.started_at >= wanted.start, 1), else_=0)
    found = runs_by(Task.started_at >= wanted.start - length, day=day_of(Task.started_at), period=is_now)
    first = wanted.start.strftime("%Y-%m-%d")
    days = {day: runs for day, runs in sorted(found["day"].items(), reverse=True) if day >= first}
    return Course(days, found["period"].get(1, Runs()), found["period"].get(0, Runs()))


def by_agent(wanted: MetricFilter) -> list[tuple[Any, Work]]:
    """Agents and what they did, most tokens first."""
    found = work_by(TaskAgent.at >= wanted.start, agent=TaskAgent.agent_id)["agent"]
    most = sorted(found, key=lambda agent_id: (-(found[agent_id].tokens or 0), -found[agent_id].runs))[
        :MOST_AGENTS
    ]
    agents = db.session.execute(select(Agent.id, Agent.name, Agent.deleted_at).where(Agent.id.in_(most)))
    by_id = {agent.id: agent for agent in agents}
    return [(by_id[agent_id], found[agent_id]) for agent_id in most if agent_id in by_id]


def reported() -> list[Any]:
    """Newest point of each series that clients export, by name, model and type of tokens."""
    statement = (
        select(
            MetricPoint.service_name,
            MetricPoint.name,
            MetricPoint.unit,
            MetricPoint.kind,
            MetricPoint.cumulative,
            MetricPoint.attributes,
            MetricPoint.count,
            MetricPoint.value,
            MetricPoint.at,
        )
        .order_by(MetricPoint.service_name, MetricPoint.name, MetricPoint.id)
        .limit(MOST_SERIES)
    )
    return sorted(db.session.execute(statement), key=_place)


def _place(point: Any) -> tuple[str, ...]:
    said = point.attributes or {}
    more = (f"{name}={value}" for name, value in sorted(said.items()))
    return (
        point.name,
        str(said.get("gen_ai.request.model", "")),
        str(said.get("gen_ai.token.type", "")),
        point.service_name,
        *more,
    )
