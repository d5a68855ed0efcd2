"""What the first page shows. The number of statements is fixed; counts, buckets and percentiles are made by the database."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, case, exists, func, select
from sqlalchemy.orm import aliased

from swarm_ui import clock
from swarm_ui.agents.health import Judged
from swarm_ui.agents.models import Agent
from swarm_ui.agents.queries import assessed, here, place
from swarm_ui.aggregates import hours_since, latest_of
from swarm_ui.extensions import db
from swarm_ui.metrics.sums import ENDED_BADLY, Runs, runs_by
from swarm_ui.overview.sparks import bars
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow

HOURS = 24
DAY = timedelta(hours=HOURS)
# A clock of an agent may be ahead of ours: a run "of the next minutes" belongs to this hour.
AHEAD = timedelta(hours=1)
CELLS = 24
MANY = 1000


class SpaceFacts(NamedTuple):
    has_data: bool
    has_sample: bool


def space_facts() -> SpaceFacts:
    agents = exists(select(Agent.id).where(here))
    tasks = exists(select(Task.id))
    sample_agents = exists(select(Agent.id).where(Agent.origin == "sample"))
    sample_workflows = exists(select(Workflow.id).where(Workflow.origin == "sample"))
    found = db.session.execute(select(agents, tasks, sample_agents, sample_workflows)).one()
    return SpaceFacts(bool(found[0] or found[1]), bool(found[2] or found[3]))


# The last 24 hours against the 24 hours before.


@dataclass
class Pulse:
    now: Runs = field(default_factory=Runs)
    before: Runs = field(default_factory=Runs)
    hours: list[Runs] = field(default_factory=lambda: [Runs()] * HOURS)  # oldest first
    hours_before: list[Runs] = field(default_factory=lambda: [Runs()] * HOURS)

    @property
    def ended_how(self) -> str:
        """What the runs did that did not succeed."""
        return "failed or timed out" if self.now.timed_out else "failed"


def pulse() -> Pulse:
    start = clock.now() - 2 * DAY
    hour = hours_since(start, Task.started_at)
    is_now = case((Task.started_at >= clock.now() - DAY, 1), else_=0)
    recent = and_(Task.started_at >= start, Task.started_at < clock.now() + AHEAD)
    found = runs_by(recent, hour=hour, period=is_now)
    hours = [found["hour"].get(number, Runs()) for number in range(2 * HOURS)]
    if 2 * HOURS in found["hour"]:
        hours[-1].add(found["hour"][2 * HOURS])
    return Pulse(found["period"].get(1, Runs()), found["period"].get(0, Runs()), hours[HOURS:], hours[:HOURS])


# Agents, worst first.


def worst_agents() -> list[Any]:
    statement = (
        select(Agent.id, Agent.name, Agent.type, *assessed)
        .where(here)
        .order_by(place, Agent.name, Agent.id)
        .limit(CELLS)
    )
    return [Judged(row) for row in db.session.execute(statement)]


def condition_counts() -> dict[str, int]:
    word = func.coalesce(Agent.condition, "new")
    statement = select(word, func.count()).where(here).group_by(word)
    return dict(db.session.execute(statement).all())


# Runs.


def running_now() -> list[Any]:
    """The runs that have not ended, newest first."""
    statement = (
        select(Task.id, Task.name, Task.summary, Task.started_at, Task.agent_count, Task.estimated_cost)
        .add_columns(Task.workflow_id, Workflow.name.label("workflow"), func.count().over().label("total"))
        .outerjoin(Workflow, Workflow.id == Task.workflow_id)
        .where(Task.status == "running")
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(8)
    )
    return list(db.session.execute(statement))


def latest_run() -> Any | None:
    """The newest run that somebody sent; the sample's do not count."""
    statement = select(Task.id, Task.name, Task.status, Task.created_at).where(Task.source != "sample")
    return db.session.execute(statement.order_by(Task.started_at.desc(), Task.id.desc()).limit(1)).first()


def recent_activity() -> list[Any]:
    """The newest runs; a run stands where it ended, or where it began while it runs."""
    statement = (
        select(
            Task.id,
            Task.name,
            Task.status,
            Task.started_at,
            Task.completed_at,
            Task.execution_time,
            Task.failed_step,
        )
        .add_columns(Agent.name.label("agent"))
        .outerjoin(Agent, Agent.id == Task.failed_agent_id)
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(12)
    )
    rows = list(db.session.execute(statement))
    rows.sort(key=lambda row: row.completed_at or row.started_at or clock.EPOCH, reverse=True)
    return rows


# Failures of the last 24 hours by cause.


@dataclass
class Cause:
    """Runs that failed at the same step of the same agent with the same type of error."""

    status: str
    step: str | None
    agent_id: str | None
    error_type: str | None
    runs: int = 0
    last: str = ""  # time and id of the newest run, joined: the order of times is that of their spelling
    hours: list[int] = field(default_factory=lambda: [0] * HOURS)
    workflows: set[str] = field(default_factory=set)
    agent: str | None = None
    task: Any = None  # the newest run

    @property
    def task_id(self) -> str:
        return self.last[26:]

    @property
    def bars(self) -> str:
        return bars(self.hours)


@dataclass
class Causes:
    runs: int
    total: int
    worst: list[Cause]


def failure_causes(limit: int = 6) -> Causes:
    start = clock.now() - DAY
    hour = hours_since(start, Task.started_at).label("hour")
    grouped = (Task.status, Task.failed_step, Task.failed_agent_id, Task.error_type, Task.workflow_id, hour)
    statement = (
        select(*grouped, func.count().label("runs"), latest_of(Task.started_at, Task.id).label("last"))
        .where(Task.status.in_(ENDED_BADLY), Task.started_at >= start, Task.started_at < clock.now() + AHEAD)
        .group_by(*grouped)
        .order_by(func.count().desc())
        .limit(MANY)
    )
    causes: dict[tuple[Any, ...], Cause] = {}
    for row in db.session.execute(statement):
        key = (row.status, row.failed_step, row.failed_agent_id, row.error_type)
        cause = causes.setdefault(key, Cause(*key))
        cause.runs += row.runs
        cause.last = max(cause.last, row.last)
        cause.hours[min(row.hour, HOURS - 1)] += row.runs
        if row.workflow_id:
            cause.workflows.add(row.workflow_id)
    worst = sorted(causes.values(), key=lambda cause: (cause.runs, cause.last), reverse=True)[:limit]
    _add_newest_run(worst)
    return Causes(sum(cause.runs for cause in causes.values()), len(causes), worst)


def _add_newest_run(causes: list[Cause]) -> None:
    if not causes:
        return
    failing = aliased(Agent)
    statement = (
        select(
            Task.id,
            Task.name,
            Task.started_at,
            Task.completed_at,
            func.substr(Task.error_message, 1, 300).label("error"),
        )
        .add_columns(failing.name.label("agent"), Workflow.name.label("workflow"), Task.workflow_id)
        .outerjoin(failing, failing.id == Task.failed_agent_id)
        .outerjoin(Workflow, Workflow.id == Task.workflow_id)
        .where(Task.id.in_([cause.task_id for cause in causes]))
    )
    newest = {row.id: row for row in db.session.execute(statement)}
    for cause in causes:
        cause.task = newest.get(cause.task_id)
        cause.agent = cause.task and cause.task.agent
