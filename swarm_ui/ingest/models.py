"""What was appended: the facts that everything else is derived from. Written by `append.py` alone."""

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, BigKey, Json, LongText, Money, Payload, Words, table
from swarm_ui.tenancy import OwnedInBulk

KINDS = ("workflow", "agent", "llm", "tool", "retrieval", "step")


class Span(OwnedInBulk, db.Model):
    """Times are microseconds since 1970. `facts` is the JSON that the projection reads (see `ingest/facts.py`), `payload` the
    whole or where it lies (`ingest/payload.py`), `content_hash` decides between two contents of one span id. `task_id` and `agent_id` are
    the projection's."""

    __tablename__ = "spans"
    __table_args__ = table(UniqueConstraint("userId", "traceId", "spanId"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    trace_id: Mapped[str] = mapped_column("traceId", Ascii(32))
    span_id: Mapped[str] = mapped_column("spanId", Ascii(16))
    parent_span_id: Mapped[str | None] = mapped_column("parentSpanId", Ascii(16))
    task_id: Mapped[str | None] = mapped_column("taskId", Ascii(36))
    agent_id: Mapped[str | None] = mapped_column("agentId", Ascii(36))
    kind: Mapped[str] = mapped_column(Words(*KINDS))
    name: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(Words("unset", "ok", "error", "running"))
    started_at: Mapped[int] = mapped_column("startedAt", BigInteger)
    ended_at: Mapped[int] = mapped_column("endedAt", BigInteger)
    provider: Mapped[str | None] = mapped_column(String(255))
    model: Mapped[str | None] = mapped_column(String(255))
    input_tokens: Mapped[int | None] = mapped_column("inputTokens", Integer)
    output_tokens: Mapped[int | None] = mapped_column("outputTokens", Integer)
    cached_tokens: Mapped[int | None] = mapped_column("cachedTokens", Integer)
    cost: Mapped[float | None] = mapped_column(Money)
    error_type: Mapped[str | None] = mapped_column("errorType", String(255))
    error_message: Mapped[str | None] = mapped_column("errorMessage", LongText)
    scope: Mapped[str | None] = mapped_column(String(255))
    facts: Mapped[str | None] = mapped_column(LongText)
    payload: Mapped[bytes | None] = mapped_column(Payload)
    content_hash: Mapped[int] = mapped_column("contentHash", BigInteger)
    arrived_at: Mapped[int] = mapped_column("arrivedAt", BigInteger)


class LogRecord(OwnedInBulk, db.Model):
    """An OTLP log record, of which the projection makes an execution log; or what was sent to a task over REST (`ingest/sent.py`), whose
    `severity` lies beyond those of OTLP and says what it is. `hash` tells a repeated delivery."""

    __tablename__ = "log_records"
    __table_args__ = table(UniqueConstraint("userId", "traceId", "hash"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    trace_id: Mapped[str] = mapped_column("traceId", Ascii(32))
    span_id: Mapped[str | None] = mapped_column("spanId", Ascii(16))
    hash: Mapped[str] = mapped_column(Ascii(32))
    at: Mapped[int] = mapped_column(BigInteger)
    severity: Mapped[int] = mapped_column(Integer)
    event_name: Mapped[str | None] = mapped_column("eventName", String(255))
    service_name: Mapped[str] = mapped_column("serviceName", String(255))
    scope: Mapped[str | None] = mapped_column(String(255))
    payload: Mapped[bytes | None] = mapped_column(Payload)
    arrived_at: Mapped[int] = mapped_column("arrivedAt", BigInteger)


class TraceLink(OwnedInBulk, db.Model):
    """Two traces that a span link joins; written in both directions. Joined traces are one run."""

    __tablename__ = "trace_links"

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    trace_id: Mapped[str] = mapped_column("traceId", Ascii(32), primary_key=True)
    linked_trace_id: Mapped[str] = mapped_column("linkedTraceId", Ascii(32), primary_key=True)


class TraceDirty(OwnedInBulk, db.Model):
    """A trace whose derived rows are behind. `generation` grows with every append, so that a span which lands during a projection is
    seen: the mark is cleared only where the generation is still the one read. `error` sets the trace aside. Times are µs."""

    __tablename__ = "trace_dirty"
    __table_args__ = table(Index("ix_trace_dirty_dueAt", "dueAt"))

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    trace_id: Mapped[str] = mapped_column("traceId", Ascii(32), primary_key=True)
    generation: Mapped[int] = mapped_column(Integer)
    dirty_at: Mapped[int] = mapped_column("dirtyAt", BigInteger)
    due_at: Mapped[int] = mapped_column("dueAt", BigInteger)
    lease_owner: Mapped[str | None] = mapped_column("leaseOwner", Ascii(36))
    lease_until: Mapped[int | None] = mapped_column("leaseUntil", BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    error: Mapped[str | None] = mapped_column(LongText)


class Resource(OwnedInBulk, db.Model):
    """The attributes of a process that sends, kept once; spans name it by its hash."""

    __tablename__ = "resources"

    user_id: Mapped[int] = mapped_column("userId", Integer, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(Ascii(16), primary_key=True)
    attributes: Mapped[dict] = mapped_column(Json)


class PayloadBlock(OwnedInBulk, db.Model):
    """Payloads of spans that arrived together; see `ingest/payload.py`."""

    __tablename__ = "payload_blocks"
    __table_args__ = table(Index("ix_payload_blocks_userId_id", "userId", "id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(Payload)
