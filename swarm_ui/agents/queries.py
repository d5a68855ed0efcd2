"""Agents worst first, and everything that one agent's page says. Each function is one statement."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, StringConstraints
from sqlalchemy import String, and_, case, cast, func, not_, or_, select

from swarm_ui import clock
from swarm_ui.agents import search as agent_search
from swarm_ui.agents.health import ASSESSED, Judged
from swarm_ui.agents.models import CONDITIONS, Agent, StatusFlip
from swarm_ui.aggregates import count_of, day_of, latest_of, total
from swarm_ui.extensions import db
from swarm_ui.jsontext import dumps
from swarm_ui.live import while_unchanged
from swarm_ui.metrics.sums import Work, work_by
from swarm_ui.tasks.models import Message, Task, TaskAgent

PAGE = 100
DAYS = 14
MOST_MODELS = 10
RUNS_LOOKED_THROUGH = 200
MOST_CHOICES = 1000
# Stands for agents without a service in a URL.
NO_SERVICE = "-"

# Worst first: by word, then by score.
_GRAVITY = {word: place for place, word in enumerate(CONDITIONS)}
_WITHOUT_SCORE = 999
place: Any = (
    case(_GRAVITY, value=Agent.condition, else_=_GRAVITY["new"]) * 1000
    + func.coalesce(Agent.health_score, _WITHOUT_SCORE)
).label("place")
# What the condition of a row is worked out from: `health.Judged`.
assessed = tuple(getattr(Agent, name) for name in ASSESSED)


# Not deleted, and not one with another entry.
here: Any = and_(Agent.deleted_at.is_(None), Agent.merged_into.is_(None))


class AgentFilter(BaseModel):
    q: str | None = None
    type: Literal["reasoning", "execution", "coordination", "analysis"] | None = None
    status: Literal[CONDITIONS] | None = None  # type: ignore[valid-type]
    service: Annotated[str, StringConstraints(max_length=255)] | None = None
    model: Annotated[str, StringConstraints(max_length=255)] | None = None
    capability: Annotated[str, StringConstraints(max_length=200)] | None = None
    group: Literal["service"] | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.type or self.status or self.service or self.model or self.capability)


def listed(wanted: AgentFilter) -> Any:
    statement = select(
        Agent.id, Agent.name, Agent.service_name, Agent.type, Agent.success_rate, Agent.failed_executions, Agent.llm_model,
        *assessed, place,
    )  # fmt: skip
    return statement.where(*_conditions(wanted))


def _conditions(wanted: AgentFilter) -> list[Any]:
    found: list[Any] = [here, *agent_search.conditions_of(agent_search.read(wanted.q))]
    if wanted.type:
        found.append(Agent.type == wanted.type)
    if wanted.status:
        found.append(agent_search.condition == wanted.status)
    if wanted.service:
        found.append(Agent.service_name == ("" if wanted.service == NO_SERVICE else wanted.service))
    if wanted.model:
        found.append(Agent.llm_model == wanted.model)
    if wanted.capability:
        # An entry of the stored list, as JSON spells it.
        entry = dumps(wanted.capability)
        found.append(cast(Agent.capabilities, String).contains(entry, autoescape=True))
    return found


@dataclass
class Choices:
    """What there is to filter by, how many agents there are, and how many deleted ones."""

    services: list[tuple[str, str]]
    models: list[tuple[str, str]]
    agents: int
    deleted: int


def choices() -> Choices:
    return while_unchanged("choices of agents", _choices)


def _choices() -> Choices:
    gone = case((Agent.deleted_at.is_not(None), 1), else_=0).label("gone")
    columns = (Agent.service_name, Agent.llm_model, gone)
    statement = select(*columns, func.count()).where(Agent.merged_into.is_(None))
    found = list(db.session.execute(statement.group_by(*columns)))
    there = [row for row in found if not row.gone]
    services = sorted({row.service_name for row in there})[:MOST_CHOICES]
    models = sorted({row.llm_model for row in there if row.llm_model})[:MOST_CHOICES]
    return Choices(
        [(service or NO_SERVICE, service or "without a service") for service in services],
        [(model, model) for model in models],
        sum(row[-1] for row in there),
        sum(row[-1] for row in found if row.gone),
    )


@dataclass
class Service:
    """The agents of one service, by condition."""

    name: str
    conditions: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    last_seen: Any = None

    @property
    def agents(self) -> int:
        return sum(self.conditions.values())

    @property
    def worst(self) -> int:
        return min(_GRAVITY[word] for word in self.conditions)


def services(wanted: AgentFilter) -> list[Service]:
    """Those with agents that match, the worst first."""
    word = func.coalesce(Agent.condition, "new").label("word")
    statement = (
        select(
            Agent.service_name,
            word,
            func.count(),
            total(Agent.total_executions),
            func.max(Agent.last_heartbeat),
        )
        .where(*_conditions(wanted))
        .group_by(Agent.service_name, word)
        .limit(MOST_CHOICES)
    )
    found: dict[str, Service] = {}
    for name, condition, agents, executions, last_seen in db.session.execute(statement):
        service = found.setdefault(name, Service(name))
        service.conditions[condition] = agents
        service.executions += executions or 0
        service.last_seen = max(filter(None, (service.last_seen, last_seen)), default=None)
    for service in found.values():
        service.conditions = {
            word: service.conditions[word] for word in CONDITIONS if word in service.conditions
        }
    return sorted(found.values(), key=lambda service: (service.worst, service.name))


def count(wanted: AgentFilter) -> int:
    return db.session.execute(
        select(func.count()).select_from(Agent).where(*_conditions(wanted))
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


def _recent(agent_id: str) -> Any:
    return and_(TaskAgent.agent_id == agent_id, TaskAgent.at >= clock.now() - timedelta(days=DAYS))


def flips(agent_id: str, limit: int = 12) -> list[StatusFlip]:
    """Its latest changes of condition, newest first."""
    statement = select(StatusFlip).where(StatusFlip.agent_id == agent_id)
    return list(
        db.session.scalars(statement.order_by(StatusFlip.at.desc(), StatusFlip.id.desc()).limit(limit))
    )


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
    exchanged = (
        select(
            other_id.label("other_id"),
            func.count().label("messages"),
            count_of(sent).label("sent"),
            count_of(not_(sent)).label("received"),
            count_of(Message.message_type == "error").label("errors"),
        )
        .select_from(runs)
        .join(Message, Message.task_id == runs.c.task_id)
        .where(or_(sent, Message.recipient_id == agent_id))
        .group_by(other_id)
        .subquery()
        .c
    )
    statement = (
        select(
            Agent.id,
            Agent.name,
            Agent.deleted_at,
            exchanged.sent,
            exchanged.received,
            exchanged.errors,
            *assessed,
        )
        .join(Agent, Agent.id == exchanged.other_id)
        .where(Agent.id != agent_id)
        .order_by(exchanged.messages.desc(), Agent.name)
        .limit(12)
    )
    return [Judged(row) for row in db.session.execute(statement)]
