"""A comparison of two runs as JSON."""

from typing import Any

from swarm_ui.api.shapes import iso
from swarm_ui.comparison.alignment import Pair, PairedLane, Step
from swarm_ui.comparison.differences import Difference
from swarm_ui.comparison.figures import as_json as figures
from swarm_ui.comparison.page import Comparison
from swarm_ui.tasks.models import Task


def as_json(found: Comparison) -> dict[str, Any]:
    parting = found.steps.parting
    return {
        "task": _run(found.right.task),
        "with": _run(found.left.task),
        "parting": None if parting is None else {**_lane(parting[0]), **_pair(parting[1])},
        "changes": [_change(item) for item in found.changed.items],
        "attributes": [
            {"name": item.what, "before": item.before, "after": item.after}
            for item in found.changed.attributes
        ],
        "lanes": [
            {**_lane(lane), "steps": [_pair(pair) for pair in lane.pairs]} for lane in found.steps.lanes
        ],
        "leftOut": [*([found.left_out] if found.left_out else []), *found.changed.cut],
    }


def alone(task: Task) -> dict[str, Any]:
    """Where there is no good run to compare it with."""
    nothing: dict[str, Any] = {"changes": [], "attributes": [], "lanes": [], "leftOut": []}
    return {"task": _run(task), "with": None, "parting": None, **nothing}


def _run(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "workflowId": task.workflow_id,
        "status": task.status,
        "startedAt": iso(task.started_at and task.started_at.replace(tzinfo=None)),
        **figures(task),
    }


def _lane(lane: PairedLane) -> dict[str, Any]:
    return {"agentId": lane.key or None, "agent": lane.name if lane.key else None}


def _pair(pair: Pair) -> dict[str, Any]:
    return {"how": pair.how, "with": _step(pair.left), "task": _step(pair.right), "notes": list(pair.notes)}


def _step(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "spanId": step.key,
        "kind": step.kind,
        "name": step.name,
        "failed": step.failed,
        "at": step.at_ms,
        "executionTime": step.ms,
        "model": step.model,
        "tokenUsage": step.tokens,
        "cost": step.cost,
        "error": step.error,
    }


def _change(item: Difference) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "subject": item.subject,
        "what": item.what,
        "before": item.before,
        "after": item.after,
        "lines": [{"kind": line.kind, "text": line.text} for line in item.lines],
        "at": iso(item.at and item.at.replace(tzinfo=None)),
        "who": item.who,
        "agentId": item.agent_id,
        "spanId": item.span_id,
        "ref": item.ref,
        "url": item.url,
        "onPath": item.on_path,
        "aside": item.aside,
    }
