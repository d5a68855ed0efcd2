"""One step opened: what its span and payload say, ready to be shown."""

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.contents import input_of, output_of
from swarm_ui.ingest.models import Resource, Span
from swarm_ui.ingest.payload import session_reader, unpack
from swarm_ui.metrics.models import Metric
from swarm_ui.tasks import others, queries
from swarm_ui.tasks.models import ExecutionLog, Task, TaskTrace
from swarm_ui.tasks.pretty import Shown, json_text, plain, show
from swarm_ui.tasks.tree import RUNNING, open_until

log = logging.getLogger(__name__)

_VALUE_LIMIT = 400
_MOST = 128
LOG_LINES = 20
# What is downloaded whole; the words are those of the address.
PARTS = ("all", "input", "output", "stack")


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    at_ms: float
    attributes: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Link:
    """A span of this run or of another; the task is None where nothing of that trace is here."""

    trace_id: str
    span_id: str
    task_id: str | None


@dataclass(slots=True)
class Below:
    """What a step holds, all levels together. Tokens and cost are None where no model call said any."""

    steps: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    failures: int = 0
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    span: Span
    key: str
    at_ms: float
    ms: float
    failed: bool
    agent: Any
    parent: tuple[str, str] | None
    error_type: str | None
    error: Shown | None
    stack: Shown | None
    input: Shown | None
    output: Shown | None
    attributes: list[tuple[str, str]]
    hidden_attributes: int
    resource: list[tuple[str, str]]
    events: list[Event]
    links: list[Link]
    metric: Metric | None
    logs: list[Any]
    more_logs: bool
    below: Below | None
    usual_ms: float | None

    @property
    def has_ended(self) -> bool:
        return self.span.status != RUNNING

    @property
    def cost(self) -> float | None:
        return self.span.cost if self.span.cost is not None else self.metric and self.metric.estimated_cost


def step_of(task: Task, span: Span, key: str, began_us: int) -> Step:
    """Reads what belongs to the span in a fixed number of statements."""
    payload = payload_of(span)
    attributes = [(str(name), _short(value)) for name, value in payload["attributes"].items()]
    lines = (
        queries.logs_of(task.id, span=span.span_id)
        .order_by(ExecutionLog.at, ExecutionLog.id)
        .limit(LOG_LINES + 1)
    )
    logs = db.session.scalars(lines).all()
    stack = _stack(payload)
    return Step(
        span=span,
        key=key,
        at_ms=(span.started_at - began_us) / 1000,
        ms=max(_ended_at(task, span) - span.started_at, 0) / 1000,
        failed=span.status == "error",
        agent=queries.agent_of(span.agent_id),
        parent=_parent(task.id, span),
        error_type=span.error_type,
        error=show(span.error_message or payload["status_message"] or None, 2000)
        if span.status == "error"
        else None,
        stack=show(stack, 6000),
        input=show(input_of(payload)),
        output=show(output_of(payload)),
        attributes=attributes[:_MOST],
        hidden_attributes=max(len(attributes) - _MOST, 0),
        resource=[(str(name), _short(value)) for name, value in _resource(payload).items()],
        events=_events(payload, began_us),
        links=_links(payload),
        metric=queries.measured(task.id, span.span_id),
        logs=list(logs[:LOG_LINES]),
        more_logs=len(logs) > LOG_LINES,
        below=_below(task.id, span) if span.kind in ("agent", "workflow", "step") else None,
        usual_ms=others.usual_ms_of(task, span),
    )


def _ended_at(task: Task, span: Span) -> int:
    if span.status != RUNNING:
        return span.ended_at
    last = task.completed_at or task.last_progress_at
    return open_until(task.status, clock.to_us(last) if last else span.ended_at)


def _below(task_id: str, span: Span) -> Below | None:
    """None for a step that holds no other."""
    columns = (Span.trace_id, Span.span_id, Span.parent_span_id, Span.kind, Span.status)
    children: dict[str, list[Any]] = {}
    for row in db.session.execute(queries.spans_of(task_id, *columns).limit(queries.MOST_SPANS)):
        if row.trace_id == span.trace_id and row.parent_span_id:
            children.setdefault(row.parent_span_id, []).append(row)
    if span.span_id not in children:
        return None
    used = others.used_by_steps(task_id)
    below, seen, stack = Below(), {span.span_id}, [span.span_id]
    while stack:
        for row in children.get(stack.pop(), ()):
            if row.span_id in seen:
                continue
            seen.add(row.span_id)
            stack.append(row.span_id)
            below.steps += 1
            below.llm_calls += row.span_id in used
            below.tool_calls += row.kind == "tool"
            below.failures += row.status == "error"
            tokens, cost = used.get(row.span_id, (None, None))
            below.tokens = below.tokens if tokens is None else (below.tokens or 0) + tokens
            below.cost = below.cost if cost is None else (below.cost or 0) + float(cost)
    return below


def payload_of(span: Span) -> dict[str, Any]:
    """The span's payload; an empty one, and a line in our log, where it cannot be read."""
    try:
        return session_reader(db.session).open(span.payload)
    except Exception:
        log.exception("payload cannot be read", extra={"trace": span.trace_id, "span": span.span_id})
        return unpack(None)


def whole_text(span: Span, part: str) -> str | None:
    """One part of the payload as it came, without limit."""
    payload = payload_of(span)
    if part == "all":
        payload["resource"] = _resource(payload)
        return json_text({key: value for key, value in payload.items() if value})
    if part == "stack":
        return _stack(payload)
    return plain(input_of(payload) if part == "input" else output_of(payload))[0]


def _resource(payload: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the process that sent the span; its payload only names them."""
    if not payload["resource"]:
        return {}
    return (
        db.session.execute(select(Resource.attributes).where(Resource.hash == payload["resource"])).scalar()
        or {}
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json_text(value)
    text = text.replace("\x00", "\ufffd")
    return text if len(text) <= _VALUE_LIMIT else f"{text[:_VALUE_LIMIT]}… ({len(text):,} characters)"


def _stack(payload: dict[str, Any]) -> str | None:
    for event in payload["events"]:
        if event["name"] == "exception" and (
            stack := (event.get("attributes") or {}).get("exception.stacktrace")
        ):
            return str(stack)
    return None


def _events(payload: dict[str, Any], began_us: int) -> list[Event]:
    return [
        Event(
            str(event["name"]),
            (event["at"] - began_us) / 1000,
            [
                (str(name), _short(value))
                for name, value in list((event.get("attributes") or {}).items())[:_MOST]
                if name != "exception.stacktrace"
            ],
        )
        for event in payload["events"][:50]
    ]


def _links(payload: dict[str, Any]) -> list[Link]:
    named = [(link["traceId"], link["spanId"]) for link in payload["links"][:50]]
    if not named:
        return []
    traces = {trace_id for trace_id, _ in named if trace_id.isascii()}
    known = select(TaskTrace.trace_id, TaskTrace.task_id).where(TaskTrace.trace_id.in_(traces))
    tasks = dict(db.session.execute(known).all())
    return [Link(trace_id, span_id, tasks.get(trace_id)) for trace_id, span_id in named]


def _parent(task_id: str, span: Span) -> tuple[str, str] | None:
    """Key and name of the step around this one."""
    if not span.parent_span_id:
        return None
    # Other traces of the run may hold a span of that id too: then the key names the trace.
    twins = queries.spans_of(task_id, Span.trace_id, Span.span_id, Span.name).where(
        Span.span_id == span.parent_span_id
    )
    found = db.session.execute(twins.limit(100)).all()
    own = next((row for row in found if row.trace_id == span.trace_id), None)
    if own is None:
        return None
    return (own.span_id if len(found) == 1 else f"{own.trace_id}.{own.span_id}"), own.name
