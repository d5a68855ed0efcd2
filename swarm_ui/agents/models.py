"""Agents: the registry, and what they are set to."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.orm import Id, Json, LongText, Percent, Timed, Words, table
from swarm_ui.tenancy import Owned, OwnedInBulk

TYPES = ("reasoning", "execution", "coordination", "analysis")
# Columns that traces say something about, unless a person set them.
TRACED = ("type", "capabilities", "llmModel")
STATUSES = ("active", "inactive", "error", "maintenance")
# The words of `health.py`, worst first.
CONDITIONS = ("failing", "silent", "stalled", "late", "degraded", "maintenance", "healthy", "new", "inactive")


class Agent(Timed, Owned, db.Model):
    """One agent is one (owner, service, name), however many processes and runs carry it.

    The counters are sums of the contributions in `task_agents`; see `projection/write.py`.
    """

    __tablename__ = "swarm_agents"
    __table_args__ = table(
        UniqueConstraint("userId", "serviceName", "name"),
        Index("ix_swarm_agents_userId_healthScore_id", "userId", "healthScore", "id"),
        Index("ix_swarm_agents_userId_status_id", "userId", "status", "id"),
        Index("ix_swarm_agents_userId_type_id", "userId", "type", "id"),
        Index("ix_swarm_agents_userId_name", "userId", "name"),
        Index("ix_swarm_agents_userId_mergedInto", "userId", "mergedInto"),
        Index("ix_swarm_agents_nextChangeAt", "nextChangeAt"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    service_name: Mapped[str] = mapped_column("serviceName", String(255), default="", server_default="")
    type: Mapped[str] = mapped_column(Words(*TYPES), default="reasoning")
    capabilities: Mapped[list | None] = mapped_column(Json)
    status: Mapped[str] = mapped_column(Words(*STATUSES), default="active")
    llm_model: Mapped[str | None] = mapped_column("llmModel", String(255))
    parameters: Mapped[dict | None] = mapped_column(Json)
    health_score: Mapped[int | None] = mapped_column("healthScore")
    success_rate: Mapped[float | None] = mapped_column("successRate", Percent)
    total_executions: Mapped[int] = mapped_column("totalExecutions", default=0, server_default="0")
    failed_executions: Mapped[int] = mapped_column("failedExecutions", default=0, server_default="0")
    last_heartbeat: Mapped[datetime | None] = mapped_column("lastHeartbeat")

    description: Mapped[str | None] = mapped_column(LongText)
    origin: Mapped[str] = mapped_column(
        Words("discovered", "authored", "sample"), default="authored", server_default="authored"
    )
    # The word of `health.py` as it was found last, to sort and filter by; pages work it out anew. "condition" is reserved in MySQL.
    condition: Mapped[str | None] = mapped_column("healthWord", Words(*CONDITIONS))
    condition_since: Mapped[datetime | None] = mapped_column("healthSince")
    # When time alone will change the word: the worker looks again then.
    next_change_at: Mapped[datetime | None] = mapped_column("nextChangeAt")
    failure_streak: Mapped[int] = mapped_column("failureStreak", default=0, server_default="0")
    last_progress_at: Mapped[datetime | None] = mapped_column("lastProgressAt")
    llm_calls: Mapped[int] = mapped_column("llmCalls", Integer, default=0, server_default="0")
    tool_calls: Mapped[int] = mapped_column("toolCalls", Integer, default=0, server_default="0")
    retrievals: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    delegations: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    # Attributes that a person set (["type", "capabilities"]): what traces say of them is left aside.
    edited: Mapped[list | None] = mapped_column(Json)
    # What traces call it, where people call it something else; its id is made of this name. None: the same.
    traced_name: Mapped[str | None] = mapped_column("tracedName", String(255))
    # The number of its newest row in `agent_revisions`; 0 while nobody has edited it.
    revision: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    switched_off: Mapped[bool] = mapped_column("switchedOff", default=False, server_default="0")
    deleted_at: Mapped[datetime | None] = mapped_column("deletedAt")

    # How often it is to report, and how much later it may, in seconds; None: the usual, once it has reported.
    heartbeat_period: Mapped[int | None] = mapped_column("heartbeatPeriod", Integer)
    heartbeat_grace: Mapped[int | None] = mapped_column("heartbeatGrace", Integer)
    # From when on reports were expected.
    watched_at: Mapped[datetime | None] = mapped_column("watchedAt")
    # The newest heartbeat, by arrival, and what it said. `last_heartbeat` is the newest sign of life of any kind.
    beat_at: Mapped[datetime | None] = mapped_column("beatAt")
    beat_status: Mapped[str | None] = mapped_column("beatStatus", String(32))
    beat_message: Mapped[str | None] = mapped_column("beatMessage", String(500))
    beat_task: Mapped[str | None] = mapped_column("beatTask", String(255))
    # The newest maintenance, also when it is over; without an end it lasts until somebody ends it.
    maintenance_since: Mapped[datetime | None] = mapped_column("maintenanceSince")
    maintenance_until: Mapped[datetime | None] = mapped_column("maintenanceUntil")
    maintenance_reason: Mapped[str | None] = mapped_column("maintenanceReason", String(500))
    # Running runs that it has something to do in (`summaries.py`); times in µs.
    running: Mapped[list | None] = mapped_column(Json)
    # This entry and that one are one agent: what traces say of this one is said of that one.
    merged_into: Mapped[str | None] = mapped_column("mergedInto", Id)
    # Something besides traces knows it, so it stays when no trace names it any more.
    kept: Mapped[bool] = mapped_column(default=False, server_default="0")


class AgentHour(OwnedInBulk, db.Model):
    """What an agent did in one hour (of hours since 1970): sums of the contributions in `task_agents` whose run began in it."""

    __tablename__ = "agent_hours"
    __table_args__ = table(clustered=True)

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    agent_id: Mapped[str] = mapped_column("agentId", Id, primary_key=True)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    runs: Mapped[int]
    # Runs that failed first at this agent.
    broken: Mapped[int]
    executions: Mapped[int]
    failures: Mapped[int]
    execution_time: Mapped[int] = mapped_column("executionTime", BigInteger)


class Heartbeats(OwnedInBulk, db.Model):
    """One hour of an agent's reports, however many there were: the minutes (as bits) with a report and with one that was late, and how long it
    was down in this hour, known when it reported again."""

    __tablename__ = "heartbeats"
    __table_args__ = table(clustered=True)

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    agent_id: Mapped[str] = mapped_column("agentId", Id, primary_key=True)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    minutes: Mapped[int] = mapped_column(BigInteger)
    late: Mapped[int] = mapped_column(BigInteger)
    down_ms: Mapped[int] = mapped_column("downMs", BigInteger)


class StatusFlip(Owned, db.Model):
    """An agent's condition became another one. While it flaps, the newest row is kept up to date in place of new ones: `times`, until `last_at`."""

    __tablename__ = "status_flips"
    __table_args__ = table(Index("ix_status_flips_userId_agentId_at_id", "userId", "agentId", "at", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column("agentId", Id)
    from_word: Mapped[str] = mapped_column("fromWord", Words(*CONDITIONS))
    to_word: Mapped[str] = mapped_column("toWord", Words(*CONDITIONS))
    reason: Mapped[str] = mapped_column(String(500))
    at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column("lastAt")
    times: Mapped[int] = mapped_column(default=1)


def set_by_people(origin: str, edited: list[str] | None) -> frozenset[str]:
    """Which of TRACED a person set. Another program that writes an agent into the table itself set all of them."""
    if edited is None:
        return frozenset(TRACED if origin == "authored" else ())
    return frozenset(edited)


class AgentRevision(Owned, db.Model):
    """What an agent was set to by an edit, by whom and when: a snapshot of the columns that people may edit. Never changed."""

    __tablename__ = "agent_revisions"
    __table_args__ = table(UniqueConstraint("userId", "agentId", "number"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column("agentId", Id)
    number: Mapped[int]
    created_at: Mapped[datetime] = mapped_column("createdAt", default=clock.now)
    actor_id: Mapped[int | None] = mapped_column("actorId")
    actor: Mapped[str] = mapped_column(String(255))
    snapshot: Mapped[dict] = mapped_column(Json)


class AgentConfiguration(Timed, Owned, db.Model):
    __tablename__ = "agent_configurations"
    __table_args__ = table(Index("ix_agent_configurations_userId_agentId", "userId", "agentId"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column("agentId", ForeignKey("swarm_agents.id"))
    workflow_id: Mapped[str | None] = mapped_column("workflowId", Id)
    parameters: Mapped[dict | None] = mapped_column(Json)
    llm_model: Mapped[str | None] = mapped_column("llmModel", String(255))
    system_prompt: Mapped[str | None] = mapped_column("systemPrompt", LongText)
