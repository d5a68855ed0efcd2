"""Agents: the registry, and what they are set to."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.orm import Id, Json, LongText, Percent, Timed, Words, table
from swarm_ui.tenancy import Owned

TYPES = ("reasoning", "execution", "coordination", "analysis")
# Columns that traces say something about, unless a person set them.
TRACED = ("type", "capabilities", "llmModel")
STATUSES = ("active", "inactive", "error", "maintenance")


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
    # The word of `health.py`; "condition" itself is reserved in MySQL.
    condition: Mapped[str | None] = mapped_column(
        "healthWord", Words("failing", "degraded", "healthy", "new", "inactive", "maintenance")
    )
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
