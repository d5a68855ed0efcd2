"""Runs and their steps for the API: the selects of the task pages, as dictionaries."""

import logging
from collections import defaultdict
from typing import Any

from sqlalchemy import select

from swarm_ui.api import shapes
from swarm_ui.api.schemas import Paging, TaskQuery
from swarm_ui.extensions import db
from swarm_ui.ingest.contents import input_of, output_of
from swarm_ui.ingest.identity import space_of
from swarm_ui.ingest.models import Resource, Span
from swarm_ui.ingest.payload import Reader, session_reader, unpack
from swarm_ui.ingest.sent import trace_of
from swarm_ui.rawsql import transaction
from swarm_ui.tasks import queries
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.models import Task, TaskTrace
from swarm_ui.tenancy import owner_of
from swarm_ui.web import Slice, keyset

log = logging.getLogger(__name__)


def listed(wanted: TaskQuery) -> tuple[Slice, queries.Reach]:
    """Newest first, and what the search for words left out."""
    filter_ = queries.TaskFilter(
        status=wanted.status,
        workflow=wanted.workflowId,
        agent=wanted.agentId,
        trace=wanted.traceId,
        session=wanted.sessionId,
        since=wanted.since,
        until=wanted.until,
        cursor=wanted.cursor,
    )
    search = task_search.read(wanted.q)
    search.refuse_problems()
    found, reach = queries.page_of(filter_, search, *shapes.TASK.columns, limit=wanted.limit)
    return Slice(_completed([shapes.TASK.read(row) for row in found.items]), found.next), reach


def one(task_id: str) -> dict[str, Any] | None:
    return next(iter(some({task_id})), None)


def some(task_ids: set[str]) -> list[dict[str, Any]]:
    rows = db.session.execute(select(*shapes.TASK.columns).where(Task.id.in_(task_ids)))
    return _completed([shapes.TASK.read(row) for row in rows])


def sent_as(client_id: str) -> str | None:
    """The task that its sender over REST calls so."""
    with transaction(db.engine, writes=False) as raw:
        space = space_of(raw, owner_of(db.session))
    trace_id = trace_of(space, client_id)
    return db.session.scalar(select(TaskTrace.task_id).where(TaskTrace.trace_id == trace_id))


def exists(task_id: str) -> bool:
    return db.session.scalar(select(Task.id).where(Task.id == task_id)) is not None


def _completed(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With their traces, and with the names of their agents: two statements for all of them."""
    traces: dict[str, list[str]] = defaultdict(list)
    if tasks:
        ids = [task["id"] for task in tasks]
        pairs = select(TaskTrace.task_id, TaskTrace.trace_id).where(TaskTrace.task_id.in_(ids))
        for task_id, trace_id in db.session.execute(pairs.order_by(TaskTrace.trace_id)):
            traces[task_id].append(trace_id)
    names = queries.names_of(
        agent_id for task in tasks for agent_id in (*_agent_ids(task), task["failedAgentId"])
    )
    for task in tasks:
        failed = names.get(task["failedAgentId"])
        task["traceIds"] = traces[task["id"]]
        task["agents"] = [names[agent_id][0] for agent_id in _agent_ids(task) if agent_id in names]
        task["failedAgent"] = failed[0] if failed else None
    return tasks


def _agent_ids(task: dict[str, Any]) -> list[str]:
    """Another tool may have written anything into the JSON column."""
    ids = task["assignedAgents"]
    return [value for value in ids if isinstance(value, str)] if isinstance(ids, list) else []


def spans(task_id: str, wanted: Paging) -> Slice:
    """In the order in which they began, payloads unpacked.

    Which spans are on the page is found without their payloads: sorting those would move megabytes.
    """
    light = queries.spans_of(task_id, Span.started_at, Span.span_id, Span.id)
    at, row_id = Span.started_at, Span.span_id
    found = keyset(light, at, row_id, limit=wanted.limit, cursor=wanted.cursor, ascending=True)
    order = {row.id: number for number, row in enumerate(found.items)}
    whole = select(*shapes.SPAN.columns, Span.id).where(Span.id.in_(order))
    rows = db.session.execute(whole).all() if order else []
    reader = session_reader(db.session)
    reader.expect(row.payload for row in rows)
    items = [_span(row, reader) for row in sorted(rows, key=lambda row: order[row.id])]
    resources = _resources({item["resource"] for item in items})
    for item in items:
        item["resource"] = resources.get(item["resource"], {})
    return Slice(items, found.next)


def _resources(hashes: set[str]) -> dict[str, Any]:
    """The attributes of the processes that sent, by the hash under which spans name them."""
    rows = db.session.execute(
        select(Resource.hash, Resource.attributes).where(Resource.hash.in_(hashes - {""}))
    )
    return dict(rows.all())


def _span(row: Any, reader: Reader) -> dict[str, Any]:
    """`resource` is still a hash."""
    item = shapes.SPAN.read(row)
    blob = item.pop("payload")
    try:
        whole = reader.open(blob)
    except Exception:  # a damaged payload must not hide the other spans
        log.exception("payload cannot be read", extra={"trace": item["traceId"], "span": item["spanId"]})
        whole = unpack(None)
    return item | {
        "statusMessage": whole["status_message"],
        "attributes": whole["attributes"],
        "events": [event | {"at": shapes.iso_us(event.get("at"))} for event in whole["events"]],
        "links": whole["links"],
        "resource": whole["resource"],
        "input": input_of(whole),
        "output": output_of(whole),
    }
