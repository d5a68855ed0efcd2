"""Runs (the agreed word is task) and what happened in them. All of it is derived from what was appended."""

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, Fraction, Id, Json, LongText, Money, Timed, Words, table
from swarm_ui.tenancy import OwnedInBulk

STATUSES = ("pending", "running", "completed", "failed", "timeout")
MESSAGE_TYPES = ("request", "response", "status_update", "error", "broadcast")
EVENT_TYPES = ("execution", "decision", "error", "metric", "state_change")
LEVELS = ("debug", "info", "warning", "error", "critical")


class Task(Timed, OwnedInBulk, db.Model):
    """Sums are null where nothing was measured; `failed_*` name the deepest original error of the run."""

    __tablename__ = "tasks"
    __table_args__ = table(
        Index("ix_tasks_userId_startedAt_id", "userId", "startedAt", "id"),
        Index("ix_tasks_userId_status_startedAt_id", "userId", "status", "startedAt", "id"),
        Index("ix_tasks_userId_workflowId_startedAt_id", "userId", "workflowId", "startedAt", "id"),
        Index("ix_tasks_userId_sessionId_startedAt_id", "userId", "sessionId", "startedAt", "id"),
        # The orders in which a list pages, but for the newest first.
        Index("ix_tasks_userId_executionTime_id", "userId", "executionTime", "id"),
        Index("ix_tasks_userId_estimatedCost_id", "userId", "estimatedCost", "id"),
        Index("ix_tasks_userId_tokenUsage_id", "userId", "tokenUsage", "id"),
        Index("ix_tasks_status_lastProgressAt", "status", "lastProgressAt"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    workflow_id: Mapped[str | None] = mapped_column("workflowId", Id)
    input: Mapped[dict | None] = mapped_column(Json)
    assigned_agents: Mapped[list | None] = mapped_column("assignedAgents", Json)
    priority: Mapped[int] = mapped_column(Integer, default=5, server_default="5")
    status: Mapped[str] = mapped_column(Words(*STATUSES), default="pending")
    result: Mapped[dict | None] = mapped_column(Json)
    execution_time: Mapped[int | None] = mapped_column("executionTime", Integer)
    started_at: Mapped[datetime | None] = mapped_column("startedAt")
    completed_at: Mapped[datetime | None] = mapped_column("completedAt")

    name: Mapped[str | None] = mapped_column(String(255))
    # The first words of the input: what tells this run from the others of its workflow.
    summary: Mapped[str | None] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(
        Words("otlp", "api", "run", "sample"), default="api", server_default="api"
    )
    trace_id: Mapped[str | None] = mapped_column("traceId", Ascii(32))
    # What whoever sent it over REST calls it.
    client_id: Mapped[str | None] = mapped_column("clientId", Ascii(200))
    session_id: Mapped[str | None] = mapped_column("sessionId", String(255))
    parent_task_id: Mapped[str | None] = mapped_column("parentTaskId", Id)
    error_type: Mapped[str | None] = mapped_column("errorType", String(255))
    error_message: Mapped[str | None] = mapped_column("errorMessage", LongText)
    failed_span_id: Mapped[str | None] = mapped_column("failedSpanId", Ascii(16))
    failed_agent_id: Mapped[str | None] = mapped_column("failedAgentId", Id)
    failed_step: Mapped[str | None] = mapped_column("failedStep", String(255))
    last_progress_at: Mapped[datetime | None] = mapped_column("lastProgressAt")
    # When it has to end, as its sender said; else, while it runs, when it is timed out unless something arrives.
    deadline_at: Mapped[datetime | None] = mapped_column("deadlineAt")
    # The longest time (ms) in which nothing began or ended.
    longest_gap: Mapped[int | None] = mapped_column("longestGap", Integer)
    input_tokens: Mapped[int | None] = mapped_column("inputTokens", Integer)
    output_tokens: Mapped[int | None] = mapped_column("outputTokens", Integer)
    cached_tokens: Mapped[int | None] = mapped_column("cachedTokens", Integer)
    token_usage: Mapped[int | None] = mapped_column("tokenUsage", Integer)
    estimated_cost: Mapped[float | None] = mapped_column("estimatedCost", Money)
    llm_calls: Mapped[int | None] = mapped_column("llmCalls", Integer)
    tool_calls: Mapped[int | None] = mapped_column("toolCalls", Integer)
    error_count: Mapped[int | None] = mapped_column("errorCount", Integer)
    warning_count: Mapped[int | None] = mapped_column("warningCount", Integer)
    agent_count: Mapped[int | None] = mapped_column("agentCount", Integer)
    span_count: Mapped[int | None] = mapped_column("spanCount", Integer)
    # {"flow": pattern, "edges": [[from agent id, to agent id, times, errors]]}: what its workflow's graph is made of.
    graph: Mapped[dict | None] = mapped_column(Json)


class TaskTrace(OwnedInBulk, db.Model):
    """Which run a trace belongs to. `own_task_id` is the id that it had, or would have, as a run of its own: old links redirect."""

    __tablename__ = "task_traces"
    __table_args__ = table(
        Index("ix_task_traces_userId_taskId", "userId", "taskId"),
        Index("ix_task_traces_userId_ownTaskId", "userId", "ownTaskId"),
        clustered=True,
    )

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    trace_id: Mapped[str] = mapped_column("traceId", Ascii(32), primary_key=True)
    task_id: Mapped[str] = mapped_column("taskId", Id)
    own_task_id: Mapped[str] = mapped_column("ownTaskId", Id)


class TaskAgent(OwnedInBulk, db.Model):
    """What one agent did in one run: the contributions that the agent's counters are sums of.

    `at` is the run's start, so that "tasks of this agent" page like all tasks.
    """

    __tablename__ = "task_agents"
    __table_args__ = table(
        Index("ix_task_agents_userId_agentId_at_taskId", "userId", "agentId", "at", "taskId"),
        Index("ix_task_agents_userId_at", "userId", "at"),
        clustered=True,
    )

    task_id: Mapped[str] = mapped_column("taskId", Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column("agentId", Id, primary_key=True)
    at: Mapped[datetime] = mapped_column()
    last_at: Mapped[datetime] = mapped_column("lastAt")
    executions: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    execution_time: Mapped[int | None] = mapped_column("executionTime", Integer)
    input_tokens: Mapped[int | None] = mapped_column("inputTokens", Integer)
    output_tokens: Mapped[int | None] = mapped_column("outputTokens", Integer)
    estimated_cost: Mapped[float | None] = mapped_column("estimatedCost", Money)
    llm_calls: Mapped[int] = mapped_column("llmCalls", default=0)
    tool_calls: Mapped[int] = mapped_column("toolCalls", default=0)
    retrievals: Mapped[int] = mapped_column(default=0)
    delegations: Mapped[int] = mapped_column(default=0)
    model: Mapped[str | None] = mapped_column(String(255))
    tools: Mapped[list | None] = mapped_column(Json)
    # 1 where the run failed first at this agent.
    broke: Mapped[int] = mapped_column(default=0, server_default="0")
    # While the run runs: whether it works, or waits for another agent.
    doing: Mapped[str | None] = mapped_column(Words("working", "waiting"))
    waits_for: Mapped[str | None] = mapped_column("waitsFor", Id)


class Message(Timed, OwnedInBulk, db.Model):
    """`content` is `{"text": …}` or `{"data": …}` as the agents exchanged it; `at` is event time, `created_at` arrival."""

    __tablename__ = "messages"
    __table_args__ = table(Index("ix_messages_userId_taskId_at", "userId", "taskId", "at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str | None] = mapped_column("taskId", Id)
    sender_id: Mapped[str | None] = mapped_column("senderId", Id)
    recipient_id: Mapped[str | None] = mapped_column("recipientId", Id)
    message_type: Mapped[str] = mapped_column("messageType", Words(*MESSAGE_TYPES))
    content: Mapped[dict | None] = mapped_column(Json)
    details: Mapped[dict | None] = mapped_column("metadata", Json)
    at: Mapped[datetime | None] = mapped_column()
    span_id: Mapped[str | None] = mapped_column("spanId", Ascii(16))


class ExecutionLog(Timed, OwnedInBulk, db.Model):
    __tablename__ = "execution_logs"
    __table_args__ = table(Index("ix_execution_logs_userId_taskId_at", "userId", "taskId", "at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str | None] = mapped_column("taskId", Id)
    agent_id: Mapped[str | None] = mapped_column("agentId", Id)
    event_type: Mapped[str] = mapped_column("eventType", Words(*EVENT_TYPES))
    level: Mapped[str] = mapped_column(Words(*LEVELS), default="info")
    message: Mapped[str | None] = mapped_column(LongText)
    details: Mapped[dict | None] = mapped_column("metadata", Json)
    at: Mapped[datetime | None] = mapped_column()
    span_id: Mapped[str | None] = mapped_column("spanId", Ascii(16))


class ExecutionHistory(Timed, OwnedInBulk, db.Model):
    """Written when a run ends and kept for ever; `storage_url` points at a payload too large for a row."""

    __tablename__ = "execution_history"
    __table_args__ = table(Index("ix_execution_history_userId_taskId", "userId", "taskId"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str | None] = mapped_column("taskId", Id)
    workflow_id: Mapped[str | None] = mapped_column("workflowId", Id)
    input: Mapped[dict | None] = mapped_column(Json)
    output: Mapped[dict | None] = mapped_column(Json)
    conversation_log: Mapped[list | None] = mapped_column("conversationLog", Json)
    metrics: Mapped[dict | None] = mapped_column(Json)
    execution_time: Mapped[int | None] = mapped_column("executionTime", Integer)
    status: Mapped[str] = mapped_column(Words("completed", "failed", "timeout"))
    storage_url: Mapped[str | None] = mapped_column("storageUrl", LongText)


class ConsensusResult(Timed, OwnedInBulk, db.Model):
    __tablename__ = "consensus_results"
    __table_args__ = table(Index("ix_consensus_results_userId_taskId", "userId", "taskId"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str | None] = mapped_column("taskId", Id)
    consensus_type: Mapped[str] = mapped_column(
        "consensusType", Words("voting", "judge_based", "mixture_of_agents")
    )
    agent_results: Mapped[list | None] = mapped_column("agentResults", Json)
    final_result: Mapped[dict | None] = mapped_column("finalResult", Json)
    confidence: Mapped[float | None] = mapped_column(Fraction)
