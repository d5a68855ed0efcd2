"""Reads two runs to compare, in a fixed number of statements: steps, what their first model calls were set to, who sent them."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from sqlalchemy import func, or_, select

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.comparison.alignment import Lane, Step
from swarm_ui.comparison.settings import Settings, attributes_of, settings_of, versions_of
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Resource, Span
from swarm_ui.ingest.payload import session_reader
from swarm_ui.metrics.models import Metric
from swarm_ui.tasks import queries
from swarm_ui.tasks.models import Task, TaskAgent
from swarm_ui.tasks.tree import NO_AGENT, Tree

log = logging.getLogger(__name__)

# A run with more spans is compared by its first ones.
MOST_SPANS = 5_000
# Of so many agents a run the settings are read.
MOST_SETTINGS = 12
# So far back a good run is looked for.
LOOK_BACK = 500


class Row(NamedTuple):
    """Begins with what `tasks.tree` reads of a span."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    agent_id: str | None
    kind: str
    name: str
    status: str
    started_at: int
    ended_at: int
    error_type: str | None
    error_message: str | None
    id: int
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    scope: str | None


_COLUMNS = (
    Span.trace_id, Span.span_id, Span.parent_span_id, Span.agent_id, Span.kind, Span.name, Span.status, Span.started_at, Span.ended_at,
    Span.error_type, func.substr(Span.error_message, 1, 200), Span.id, Span.model, Span.provider, Span.input_tokens, Span.output_tokens,
    Span.cost, Span.scope,
)  # fmt: skip


@dataclass(slots=True)
class Run:
    """One of the two. `lanes` hold its main steps, as the timeline shows them; `models`, `providers` and `settings` are by agent."""

    task: Task
    workflow_name: str | None
    lanes: list[Lane] = field(default_factory=list)
    left_out: bool = False
    models: dict[str, dict[str, int]] = field(default_factory=dict)
    providers: dict[str, dict[str, int]] = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    contributions: dict[str, TaskAgent] = field(default_factory=dict)
    # When an agent first called a model, for the time and the link of what differs there.
    first_calls: dict[str, tuple[str, int]] = field(default_factory=dict)
    # The same of instrumentations, by name.
    first_spans: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def agent_ids(self) -> set[str]:
        return {lane.key for lane in self.lanes if lane.key} | self.contributions.keys()


class Known(NamedTuple):
    """An agent of either run."""

    name: str
    service: str
    is_deleted: bool


def last_good(task: Task) -> str | None:
    """The last completed run of the same workflow before this one; looks back over LOOK_BACK runs."""
    if not task.workflow_id or not task.started_at:
        return None
    earlier = (
        select(Task.id, Task.status, Task.started_at)
        .where(
            Task.workflow_id == task.workflow_id,
            Task.started_at <= task.started_at,
            or_(Task.started_at < task.started_at, Task.id < task.id),
        )
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(LOOK_BACK)
        .subquery()
    )
    good = select(earlier.c.id).where(earlier.c.status == "completed")
    return db.session.execute(
        good.order_by(earlier.c.started_at.desc(), earlier.c.id.desc()).limit(1)
    ).scalar()


def both(left: Any, right: Any) -> tuple[Run, Run, dict[str, Known]]:
    """`left` and `right` as `queries.task_with_workflow` gives them."""
    runs = [Run(found.Task, found.workflow_name) for found in (left, right)]
    rows = [_rows(run) for run in runs]
    ids = [run.task.id for run in runs]
    costs = _costs(ids)
    for contribution in db.session.scalars(select(TaskAgent).where(TaskAgent.task_id.in_(ids))):
        for run in runs:
            if run.task.id == contribution.task_id:
                run.contributions[contribution.agent_id] = contribution
    agents = _agents(
        {row.agent_id for some in rows for row in some} | {key for run in runs for key in run.contributions}
    )
    samples = []
    for run, some in zip(runs, rows, strict=True):
        _fill(run, some, agents, costs)
        samples.append(_samples(some))
    _read_settings(runs, samples)
    return runs[0], runs[1], agents


def _rows(run: Run) -> list[Row]:
    statement = queries.spans_of(run.task.id, *_COLUMNS).order_by(Span.started_at, Span.id)
    rows = [Row._make(row) for row in db.session.execute(statement.limit(MOST_SPANS + 1))]
    run.left_out = len(rows) > MOST_SPANS
    return rows[:MOST_SPANS]


def _costs(task_ids: list[str]) -> dict[tuple[str, str], float]:
    statement = select(Metric.task_id, Metric.span_id, Metric.estimated_cost).where(
        Metric.task_id.in_(task_ids), Metric.span_id.is_not(None), Metric.estimated_cost.is_not(None)
    )
    rows = db.session.execute(statement.limit(2 * MOST_SPANS))
    return {(row.task_id, row.span_id): row.estimated_cost for row in rows}


def _agents(agent_ids: Iterable[str | None]) -> dict[str, Known]:
    wanted = sorted(agent_id for agent_id in agent_ids if agent_id)
    rows = db.session.execute(
        select(Agent.id, Agent.name, Agent.service_name, Agent.deleted_at).where(Agent.id.in_(wanted))
    )
    return {row.id: Known(row.name, row.service_name, row.deleted_at is not None) for row in rows}


def _fill(
    run: Run, rows: list[Row], agents: Mapping[str, Known], costs: Mapping[tuple[str, str], float]
) -> None:
    tree = Tree(cast(Sequence[Any], rows), run.task.failed_span_id)
    shown = tree.visible("brief", None)
    began = clock.to_us(run.task.started_at) if run.task.started_at else min((row.started_at for row in rows), default=0)  # fmt: skip
    lanes: dict[str, list[Step]] = {}
    for index in tree.by_start:
        row = rows[index]
        agent_id = row.agent_id or NO_AGENT
        _count(run, row, agent_id)
        if row.scope:
            run.first_spans.setdefault(row.scope.rpartition("@")[0], (row.span_id, row.started_at))
        if shown[index]:
            cost = row.cost if row.cost is not None else costs.get((run.task.id, row.span_id))
            lanes.setdefault(agent_id, []).append(_step(row, tree.key(index), began, cost))
    run.lanes = [
        Lane(
            key, agents[key].name if key in agents else key or run.workflow_name or "Without an agent", steps
        )
        for key, steps in lanes.items()
    ]
    run.versions = versions_of({row.scope: None for row in rows if row.scope})


def _count(run: Run, row: Row, agent_id: str) -> None:
    """A failed call knows only what it asked for: it says nothing of the model where another one answered."""
    if row.kind != "llm":
        return
    if row.model:
        named = run.models.setdefault(agent_id, {})
        named[row.model] = named.get(row.model, 0) + 1
    if row.provider:
        called = run.providers.setdefault(agent_id, {})
        called[row.provider] = called.get(row.provider, 0) + 1
    run.first_calls.setdefault(agent_id, (row.span_id, row.started_at))


def _step(row: Row, key: str, began: int, cost: float | None) -> Step:
    known = [count for count in (row.input_tokens, row.output_tokens) if count is not None]
    failed = row.status == "error"
    return Step(
        key=key,
        kind=row.kind,
        name=row.name,
        failed=failed,
        at_ms=(row.started_at - began) / 1000,
        ms=max(row.ended_at - row.started_at, 0) / 1000,
        model=row.model,
        tokens=sum(known) if known else None,
        cost=cost,
        error=(row.error_type or " ".join((row.error_message or "failed").split())) if failed else None,
    )


def _samples(rows: list[Row]) -> dict[str, int]:
    """Row numbers of spans by the agent whose first model call each is, one that was answered if there is one; "root" is the run's own."""
    found: dict[str, int] = {}
    calls = [row for row in rows if row.kind == "llm" and row.agent_id]
    for row in sorted(calls, key=lambda row: row.status == "error"):
        if row.agent_id and (row.agent_id in found or len(found) < MOST_SETTINGS):
            found.setdefault(row.agent_id, row.id)
    roots = [row for row in rows if not row.parent_span_id]
    enclosing = [row for row in roots if row.kind in ("workflow", "agent")] or roots
    if enclosing:
        found["root"] = max(enclosing, key=lambda row: row.ended_at - row.started_at).id
    return found


def _read_settings(runs: Sequence[Run], samples: Sequence[dict[str, int]]) -> None:
    wanted = sorted({row_id for sample in samples for row_id in sample.values()})
    blobs = dict(db.session.execute(select(Span.id, Span.payload).where(Span.id.in_(wanted))).all())
    payloads = _opened(blobs)
    hashes = {payload["resource"] for payload in payloads.values() if payload["resource"]}
    statement = select(Resource.hash, Resource.attributes).where(Resource.hash.in_(sorted(hashes)))
    resources: dict[str, dict[str, Any]] = dict(db.session.execute(statement).all())
    for run, sample in zip(runs, samples, strict=True):
        for agent_id, row_id in sample.items():
            payload = payloads.get(row_id)
            if payload is None:
                continue
            if agent_id == "root":
                run.attributes |= attributes_of(payload["attributes"])
            else:
                run.settings[agent_id] = settings_of(payload)
            run.attributes |= attributes_of(resources.get(payload["resource"]) or {})


def _opened(blobs: Mapping[int, bytes | None]) -> dict[int, dict[str, Any]]:
    """A damaged payload must not hide the comparison: what it would say is not known then."""
    reader = session_reader(db.session)
    found: dict[int, dict[str, Any]] = {}
    try:
        reader.expect(blobs.values())
    except Exception:
        log.exception("blocks of payloads cannot be read")
    for row_id, blob in blobs.items():
        try:
            found[row_id] = reader.open(blob)
        except Exception:
            log.exception("payload cannot be read", extra={"span": row_id})
    return found
