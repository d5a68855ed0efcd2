"""Measurements: one row per model call, and what clients report of themselves."""

from datetime import datetime

from sqlalchemy import Float, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, BigKey, Hex, Id, Json, Money, Timed, table
from swarm_ui.tenancy import OwnedInBulk


class Metric(Timed, OwnedInBulk, db.Model):
    """One model call, failed ones too (then tokens and cost are null)."""

    __tablename__ = "metrics"
    __table_args__ = table(Index("ix_metrics_userId_taskId", "userId", "taskId"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str | None] = mapped_column("agentId", Id)
    task_id: Mapped[str | None] = mapped_column("taskId", Id)
    execution_time: Mapped[int | None] = mapped_column("executionTime", Integer)
    token_usage: Mapped[int | None] = mapped_column("tokenUsage", Integer)
    estimated_cost: Mapped[float | None] = mapped_column("estimatedCost", Money)
    success_flag: Mapped[bool | None] = mapped_column("successFlag")

    at: Mapped[datetime | None] = mapped_column()
    span_id: Mapped[str | None] = mapped_column("spanId", Ascii(16))
    provider: Mapped[str | None] = mapped_column(String(255))
    model: Mapped[str | None] = mapped_column(String(255))
    input_tokens: Mapped[int | None] = mapped_column("inputTokens", Integer)
    output_tokens: Mapped[int | None] = mapped_column("outputTokens", Integer)
    cached_tokens: Mapped[int | None] = mapped_column("cachedTokens", Integer)
    workflow_id: Mapped[str | None] = mapped_column("workflowId", Id)
    error_type: Mapped[str | None] = mapped_column("errorType", String(255))


class MetricPoint(OwnedInBulk, db.Model):
    """The newest point of one OTLP metric series, as its client counts. Never added to what the spans count."""

    __tablename__ = "metric_points"
    __table_args__ = table(UniqueConstraint("userId", "series"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    series: Mapped[str] = mapped_column(Hex)
    service_name: Mapped[str] = mapped_column("serviceName", String(255))
    name: Mapped[str] = mapped_column(String(255))
    unit: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    cumulative: Mapped[bool | None] = mapped_column()
    attributes: Mapped[dict | None] = mapped_column(Json)
    started_at: Mapped[datetime | None] = mapped_column("startedAt")
    at: Mapped[datetime] = mapped_column()
    count: Mapped[int | None] = mapped_column(Integer)
    value: Mapped[float | None] = mapped_column(Float)
    received_at: Mapped[datetime] = mapped_column("receivedAt")
