"""What the workflow's other runs took, and what the model calls of a run used: selects, each bounded."""

from typing import Any

from sqlalchemy import Select, literal, select, union_all

from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.metrics.models import Metric
from swarm_ui.tasks.models import Task, TaskTrace
from swarm_ui.tasks.queries import MOST_SPANS, TOKENS
from swarm_ui.tasks.usual import Usual, usual

USUAL_RUNS, MOST_TRACES = 20, 500


def usual_of(task: Task) -> tuple[float | None, float | None]:
    """Median duration (ms) and cost of the workflow's other runs."""
    if not task.workflow_id:
        return None, None
    rows = db.session.execute(_last_completed(task.workflow_id, but=task.id)).all()
    return _median([row.took for row in rows]), _median([row.cost for row in rows])


def usual_durations(workflow_ids: set[str]) -> dict[str, float | None]:
    """Median duration (ms) of the runs of each of these workflows, a handful, in one statement."""
    if not workflow_ids:
        return {}
    runs = [_last_completed(workflow_id).subquery() for workflow_id in sorted(workflow_ids)]
    took: dict[str, list[float | None]] = {}
    for workflow_id, duration in db.session.execute(
        union_all(*(select(run.c.workflow, run.c.took) for run in runs))
    ):
        took.setdefault(workflow_id, []).append(duration)
    return {workflow_id: _median(durations) for workflow_id, durations in took.items()}


def _last_completed(workflow_id: str, but: str | None = None) -> Select[Any]:
    """The last 50 completed runs of the workflow, of at most 500 runs."""
    latest = (
        select(Task.id, Task.status, Task.execution_time, Task.estimated_cost, Task.started_at)
        .where(Task.workflow_id == workflow_id)
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(500)
        .subquery()
    )
    completed = (
        select(
            literal(workflow_id).label("workflow"),
            latest.c.execution_time.label("took"),
            latest.c.estimated_cost.label("cost"),
        )
        .where(latest.c.status == "completed")
        .order_by(latest.c.started_at.desc(), latest.c.id.desc())
        .limit(50)
    )
    return completed if but is None else completed.where(latest.c.id != but)


def _median(values: list[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    # Of one or two runs nothing is usual.
    return known[len(known) // 2] if len(known) >= 3 else None


def usual_steps(task: Task) -> Usual:
    """Of the workflow's last completed runs; looks at no more than MOST_SPANS steps."""
    runs, traces = _other_runs(task)
    steps = select(Span.kind, Span.name, Span.ended_at - Span.started_at, TOKENS)
    return usual(db.session.execute(steps.where(Span.trace_id.in_(traces)).limit(MOST_SPANS)), runs)


def usual_ms_of(task: Task, span: Span) -> float | None:
    """The median of steps of this kind and name in the workflow's last completed runs."""
    _, traces = _other_runs(task)
    of_this_kind = select(Span.kind, Span.name, Span.ended_at - Span.started_at, TOKENS).where(
        Span.trace_id.in_(traces), Span.kind == span.kind, Span.name == span.name
    )
    found = usual(db.session.execute(of_this_kind.limit(1_000)), 0).took
    us = found.get((span.kind, span.name))
    return None if us is None else us / 1000


def _other_runs(task: Task) -> tuple[int, list[str]]:
    """How many of the workflow's last completed runs, and their traces."""
    if not task.workflow_id:
        return 0, []
    runs = (
        select(Task.id)
        .where(Task.workflow_id == task.workflow_id, Task.status == "completed", Task.id != task.id)
        .order_by(Task.started_at.desc(), Task.id.desc())
        .limit(USUAL_RUNS)
    )
    run_ids = list(db.session.scalars(runs))
    traces = select(TaskTrace.trace_id).where(TaskTrace.task_id.in_(run_ids)).limit(MOST_TRACES)
    return len(run_ids), list(db.session.scalars(traces))


def used_by_steps(task_id: str) -> dict[str, tuple[int | None, float | None]]:
    """Span id of each model call → its tokens and cost."""
    rows = db.session.execute(
        select(Metric.span_id, Metric.token_usage, Metric.estimated_cost)
        .where(Metric.task_id == task_id, Metric.span_id.is_not(None))
        .limit(MOST_SPANS)
    )
    return {span_id: (tokens, cost) for span_id, tokens, cost in rows if span_id}
