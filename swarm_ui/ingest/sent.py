"""What systems without OpenTelemetry send to a task over REST, as facts of a trace that the task has for itself.

Spans become rows of `spans` like any other. All else is a row of `log_records` whose severity says what it is: numbers that no OTLP record can
have. What a task says of itself is a list of changes; the fields of the latest change hold, in the order in which they were sent. A repetition
is known by its key: the client's id, or the Idempotency-Key and the place in the request; without either each sending is a thing of its own.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Engine

from swarm_ui import ids
from swarm_ui.ingest import forms, payload
from swarm_ui.ingest.answered import is_cut
from swarm_ui.ingest.append import Sent, append_sent, append_spans
from swarm_ui.ingest.facts import Facts, GivenSpan
from swarm_ui.ingest.records import SpanRecord, optional_id
from swarm_ui.jsontext import dump_bytes, loads
from swarm_ui.rawsql import Raw

# Severities of OTLP end at 24.
BEYOND_OTLP = 100
TASK, MESSAGE, LOG, METRIC = 101, 102, 103, 104
EVENTS = {TASK: "swarm.task", MESSAGE: "swarm.message", LOG: "swarm.log", METRIC: "swarm.metric"}
_FIRST = "task"
_AGENTS = (("sender", "senderId"), ("recipient", "recipientId"), ("agent", "agentId"))


class Clash(Exception):
    """The thing at this place claims the id of another one."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, when, and what makes it known again."""

    engine: Engine
    owner_id: int
    space: int
    arrived_at: int
    # Workers leave what is sent alone until then: whoever sends it projects it.
    due_at: int
    once: str | None = None


def digest(*parts: object, size: int = 16) -> str:
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "replace"), digest_size=size).hexdigest()


def trace_of(space: int, client_id: str) -> str:
    """The trace of the task that its sender calls so."""
    return digest(space, "task", client_id)


def span_id_of(key: str) -> str:
    """16 hex digits as they are; a hash of any other key."""
    return optional_id(key, 16) or digest("span", key, size=8)


def content_of(packed: bytes | None) -> dict[str, Any]:
    """What was sent."""
    return payload.unpack(packed).get("sent") or {}


def row_id_of(space: int, trace_id: str, key: str, arrived_at: int, kind: int) -> str:
    """The id of the derived row."""
    return ids.derived(arrived_at, space, trace_id, key, EVENTS[kind])


# Tasks.


def send_tasks(sender: Sender, tasks: list[forms.NewTask]) -> list[tuple[str, bool]]:
    """(trace, whether it is new) for each. One whose id is known changes what it says otherwise."""
    drafts: list[tuple[str, Sent]] = []
    for place, task in enumerate(tasks):
        fields = task.given()
        client_id = fields.get("id")
        if client_id is not None:
            trace_id = trace_of(sender.space, client_id)
        elif sender.once:
            trace_id = digest(sender.space, "once", sender.once, place)
        else:
            trace_id = secrets.token_hex(16)
        drafts.append((trace_id, _change(trace_id, digest(_FIRST), fields)))
    made: set[str] = set()
    traces = {trace_id for trace_id, _ in drafts}

    def decide(raw: Raw) -> list[Sent]:
        made.clear()
        stored = _keys(raw, sender.owner_id, sorted(traces))
        fresh: list[Sent] = []
        for trace_id, first in drafts:
            known = stored.setdefault(trace_id, {})
            if not known:
                made.add(trace_id)
                known[first.key] = first.document
                fresh.append(first)
            elif first.document not in known.values():
                again = _change(trace_id, digest("again", first.document), loads(first.document))
                known[again.key] = again.document
                fresh.append(again)
        return fresh

    append_sent(sender.engine, sender.owner_id, decide, EVENTS, sender.arrived_at, sender.due_at)
    answers = []
    for trace_id, _ in drafts:
        answers.append((trace_id, trace_id in made))
        made.discard(trace_id)
    return answers


def change_task(sender: Sender, trace_id: str, change: forms.TaskChange) -> bool:
    """Whether it changed anything."""
    fields = change.given()
    key = digest("once", trace_id, sender.once) if sender.once else secrets.token_hex(16)

    def decide(raw: Raw) -> list[Sent]:
        stored = task_facts(raw, sender.owner_id, [trace_id])[trace_id]
        now_said = folded(loads(document) for _key, document in stored)
        news = {
            name: value for name, value in fields.items() if name not in now_said or now_said[name] != value
        }
        if not news or key in {known for known, _ in stored}:
            return []
        return [_change(trace_id, key, fields)]

    return bool(append_sent(sender.engine, sender.owner_id, decide, EVENTS, sender.arrived_at, sender.due_at))


def _change(trace_id: str, key: str, fields: dict[str, Any]) -> Sent:
    return Sent(TASK, trace_id, key, None, None, fields.get("service") or "", dump_bytes(fields))


def folded(changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The fields that hold after these changes, in their order."""
    fields: dict[str, Any] = {}
    for change in changes:
        fields |= change
    return fields


def task_facts(raw: Raw, owner_id: int, trace_ids: list[str]) -> dict[str, list[tuple[str, bytes]]]:
    """(key, document) of what these tasks say of themselves, in the order in which it was sent."""
    statement = "SELECT traceId,hash,payload,arrivedAt,id FROM log_records WHERE userId=? AND severity=? AND traceId IN {}"
    found: dict[str, list[tuple[str, bytes]]] = {trace_id: [] for trace_id in trace_ids}
    rows = raw.rows_in(statement, (owner_id, TASK), trace_ids)
    for trace_id, key, packed, _arrived, _row in sorted(rows, key=lambda row: (row[3], row[4])):
        found[trace_id].append((key, dump_bytes(content_of(packed))))
    return found


def _keys(raw: Raw, owner_id: int, trace_ids: list[str]) -> dict[str, dict[str, bytes]]:
    return {trace_id: dict(facts) for trace_id, facts in task_facts(raw, owner_id, trace_ids).items()}


def find_trace(raw: Raw, owner_id: int, space: int, called: str) -> str | None:
    """The trace of the task with this id, ours or its sender's; "" where that task came as traces, None where there is none."""
    runs = raw.rows("SELECT traceId FROM task_traces WHERE userId=? AND ownTaskId=?", (owner_id, called))
    runs += raw.rows(
        "SELECT traceId FROM task_traces WHERE userId=? AND taskId=? LIMIT 500", (owner_id, called)
    )
    own = trace_of(space, called)
    for candidates in ([row[0] for row in runs], [own]):
        statement = "SELECT traceId FROM log_records WHERE userId=? AND hash=? AND traceId IN {}"
        found = sorted(row[0] for row in raw.rows_in(statement, (owner_id, digest(_FIRST)), candidates))
        if found:
            return found[0]
    return "" if runs else None


def service_of(raw: Raw, owner_id: int, trace_id: str) -> str:
    changes = task_facts(raw, owner_id, [trace_id])[trace_id]
    return folded(loads(document) for _key, document in changes).get("service") or ""


# What belongs to a task.


def send_items(
    sender: Sender, trace_id: str, kind: int, items: list[Any], agents: dict[str, tuple[str, str]]
) -> list[tuple[str, bool]]:
    """(id of the row, whether it is new) for each message, log line or metric. `agents` are (name, service) of those named by id.

    Raises Clash where an id is taken by something else; then nothing was stored.
    """
    drafts = [_item(sender, trace_id, kind, place, item, agents) for place, item in enumerate(items)]
    arrived: dict[str, int] = {}
    made: set[str] = set()

    def decide(raw: Raw) -> list[Sent]:
        arrived.clear()
        made.clear()
        statement = (
            "SELECT hash,arrivedAt,payload FROM log_records WHERE userId=? AND traceId=? AND hash IN {}"
        )
        rows = raw.rows_in(statement, (sender.owner_id, trace_id), sorted({draft.key for draft in drafts}))
        known: dict[str, Any] = {}
        for key, at, packed in rows:
            arrived[key], known[key] = at, content_of(packed)
        fresh = []
        for place, draft in enumerate(drafts):
            document = loads(draft.document)
            if draft.key not in known:
                known[draft.key] = document
                made.add(draft.key)
                fresh.append(draft)
            elif known[draft.key] != document:
                raise Clash(place)
        return fresh

    append_sent(sender.engine, sender.owner_id, decide, EVENTS, sender.arrived_at, sender.due_at)
    answers = []
    for draft in drafts:
        at = arrived.get(draft.key, sender.arrived_at)
        answers.append((row_id_of(sender.space, trace_id, draft.key, at, kind), draft.key in made))
        made.discard(draft.key)
    return answers


def _item(
    sender: Sender, trace_id: str, kind: int, place: int, item: Any, agents: dict[str, tuple[str, str]]
) -> Sent:
    fields = item.given()
    given = fields.get("id")
    key = digest(kind, "id", given) if given is not None else _key(sender, kind, trace_id, place)
    for name, id_name in _AGENTS:
        if fields.get(id_name):
            fields[name], fields[name + "Service"] = agents[fields[id_name]]
    if fields.get("spanId"):
        fields["spanId"] = span_id_of(fields["spanId"])
    return Sent(kind, trace_id, key, fields.get("at"), fields.get("spanId"), "", dump_bytes(fields))


def _key(sender: Sender, kind: int, trace_id: str, place: int) -> str:
    return digest(kind, "once", trace_id, sender.once, place) if sender.once else secrets.token_hex(16)


def agents_by_id(raw: Raw, owner_id: int, agent_ids: set[str]) -> dict[str, tuple[str, str]]:
    """(the name that traces call it, service) of those agents that exist."""
    statement = (
        "SELECT id,COALESCE(tracedName,name),serviceName FROM swarm_agents WHERE userId=? AND id IN {}"
    )
    return {row[0]: (row[1], row[2] or "") for row in raw.rows_in(statement, (owner_id,), sorted(agent_ids))}


# Spans.


def send_spans(
    sender: Sender, trace_id: str, service: str, spans: list[forms.NewSpan]
) -> tuple[list[str], int]:
    """(the ids under which they are kept, how many were new or said something new)."""
    records: list[SpanRecord] = []
    for place, span in enumerate(spans):
        key = span.spanId or _key(sender, 0, trace_id, place)
        records.append(_record(span, trace_id, span_id_of(key), service, sender.arrived_at))
    appended = append_spans(
        sender.engine,
        sender.owner_id,
        records,
        sender.arrived_at,
        sender.due_at,
        sender.space,
    )
    return [record.span_id for record in records], appended.new


def _record(span: forms.NewSpan, trace_id: str, span_id: str, service: str, arrived_at: int) -> GivenSpan:
    record, facts = GivenSpan(), Facts()
    record.facts = facts
    started_at = span.startedAt or span.endedAt or arrived_at
    is_open = span.endedAt is None and span.status in (None, "running")
    status = (
        forms.SPAN_STATUSES[span.status] if span.status else 2 if span.errorType or span.errorMessage else 0
    )
    record.trace_id, record.span_id = trace_id, span_id
    record.parent_id = span_id_of(span.parentSpanId) if span.parentSpanId else None
    record.name, record.status, record.status_message = span.name, status, span.errorMessage or ""
    record.started_at, record.ended_at = started_at, max(started_at, span.endedAt or 0)
    record.attributes = {
        name: value
        for name, value in (
            ("input.value", span.input), ("output.value", span.output), ("swarm.kind", span.kind), ("swarm.agent", span.agent),
            ("llm.finish_reason", span.finishReason), ("metadata", span.metadata),
        )
        if value is not None
    }  # fmt: skip
    record.events, record.links, record.dropped, record.remote_parent = [], [], 0, False
    record.resource = {"service.name": service} if service else {}
    record.scope = ("", "")

    facts.trace_id, facts.span_id, facts.parent_id = trace_id, span_id, record.parent_id
    facts.name, facts.kind, facts.status = span.name, span.kind or "step", ("unset", "ok", "error")[status]
    if is_open:
        facts.status = "running"
    facts.started_at, facts.ended_at = record.started_at, record.ended_at
    facts.provider, facts.model = span.provider or None, span.model or None
    facts.input_tokens, facts.output_tokens, facts.cached_tokens = (
        span.inputTokens,
        span.outputTokens,
        span.cachedTokens,
    )
    facts.cost = round(span.cost, 8) if span.cost is not None else None
    facts.error_type = (span.errorType or None) if status == 2 else None
    facts.error_message = (span.errorMessage or None) if status == 2 else None
    facts.scope, facts.links = None, []
    facts.more = _more(span, service, is_open)
    return record


def _more(span: forms.NewSpan, service: str, is_open: bool) -> dict[str, Any]:
    """The short keys of `ingest/facts.py`."""
    more: dict[str, Any] = {"svc": service} if service else {}
    agent = span.agent or (span.name if span.kind == "agent" else None)
    if agent and span.kind != "workflow":
        more["ag"] = agent
    if span.agent and span.kind not in ("agent", "workflow"):
        more["said"] = 1
    if span.kind == "agent":
        more["inv"] = 1
    elif span.kind == "tool":
        more["tl"] = span.name
    elif span.kind == "workflow":
        more["wf"] = span.name
    if span.tokenUsage is not None and span.inputTokens is None and span.outputTokens is None:
        more["tot"] = span.tokenUsage
    if is_open:
        more["opn"] = 1
    elif span.kind == "llm":
        if is_cut(span.finishReason):
            more["cut"] = span.finishReason
        if span.output == "":
            more["mute"] = 1
    return more
