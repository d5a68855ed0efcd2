"""Twenty-four hours of an agent as small bars: height is how much it ran, colour how much of that failed."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select

from swarm_ui import clock
from swarm_ui.aggregates import hours_since
from swarm_ui.extensions import db
from swarm_ui.tasks.models import TaskAgent

HOURS = 24
_STEP = 100 / HOURS
_WIDTH = 3.4
_HEIGHT = 20


class Strip(NamedTuple):
    """Sums of the day, and one path a class of bars."""

    executions: int
    failures: int
    tokens: int | None
    cost: float | None
    base: str
    some: str
    most: str


def last_day(agent_ids: Sequence[str]) -> dict[str, Strip]:
    """The strips of those agents that did anything in the last 24 hours."""
    if not agent_ids:
        return {}
    start = clock.now() - timedelta(hours=HOURS)
    hour = hours_since(start, TaskAgent.at).label("hour")
    statement = (
        select(
            TaskAgent.agent_id,
            hour,
            func.sum(TaskAgent.executions).label("executions"),
            func.sum(TaskAgent.failures).label("failures"),
            func.sum(TaskAgent.input_tokens).label("input_tokens"),
            func.sum(TaskAgent.output_tokens).label("output_tokens"),
            func.sum(TaskAgent.estimated_cost).label("cost"),
        )
        .where(TaskAgent.agent_id.in_(agent_ids), TaskAgent.at >= start)
        .group_by(TaskAgent.agent_id, hour)
    )
    by_agent: dict[str, list[Any]] = {}
    for row in db.session.execute(statement):
        by_agent.setdefault(row.agent_id, []).append(row)
    return {agent_id: drawn(rows) for agent_id, rows in by_agent.items()}


def drawn(rows: Sequence[Any]) -> Strip:
    highest = max(row.executions for row in rows) or 1
    base, some, most = [], [], []
    for row in rows:
        height = max(2.0, _HEIGHT * (row.executions / highest) ** 0.5)
        x = min(row.hour, HOURS - 1) * _STEP + 0.4
        bar = f"M{x:.1f},{_HEIGHT - height:.1f}h{_WIDTH}v{height:.1f}h-{_WIDTH}z"
        kind = base if not row.failures else most if row.failures * 2 >= row.executions else some
        kind.append(bar)
    tokens = _sum(row.input_tokens for row in rows), _sum(row.output_tokens for row in rows)
    return Strip(
        int(sum(row.executions for row in rows)),
        int(sum(row.failures for row in rows)),
        _sum(tokens),
        _sum(row.cost for row in rows),
        "".join(base),
        "".join(some),
        "".join(most),
    )


def _sum(values: Iterable[Any]) -> Any:
    """Null where nothing was measured."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
